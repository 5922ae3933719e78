"""Count times difference is the amount: the identity that finds a wrong digit. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """A printed row: rides of a category, what one costs, and what they come to."""

    category: str
    rides: int
    price: int
    amount: int


class Wrong(NamedTuple):
    """A printed figure that does not agree with the others.

    Attributes:
        category: of its row; '' for the totals.
        field: `rides`, `amount`, `total_rides` or `total_amount`.
        printed: what it says.
        should_be: what the others say; None when they do not agree on anything.
        swapped: two digits next to each other changed places.
    """

    category: str
    field: str
    printed: int
    should_be: int | None
    swapped: bool


def check_table(
    rows: Sequence[Row], total_rides: int | None = None, total_amount: int | None = None
) -> list[Wrong]:
    """Find what is wrong in a table of counts, prices and amounts.

    A row whose count times price is not its amount has a wrong count or a wrong amount: the one
    that makes the total right if it is put right; without totals the count, when the amount is a
    whole number of rides.

    Args:
        rows: as printed; all amounts in one unit.
        total_rides: the printed number of all rides; None: not printed.
        total_amount: the printed sum of all amounts; None: not printed.
    """
    bad = [row for row in rows if row.rides * row.price != row.amount]
    amounts_agree = total_amount is None or sum(row.amount for row in rows) == total_amount
    found: list[Wrong] = []
    counts = {row.category: row.rides for row in rows}
    amounts = {row.category: row.amount for row in rows}
    for row in bad:
        whole, rest = divmod(row.amount, row.price) if row.price else (0, row.amount)
        if amounts_agree and row.price and not rest:
            counts[row.category] = whole
            found.append(_wrong(row.category, "rides", row.rides, whole))
        else:
            amounts[row.category] = row.rides * row.price
            found.append(_wrong(row.category, "amount", row.amount, row.rides * row.price))
    if total_rides is not None and sum(counts.values()) != total_rides:
        found.append(_wrong("", "total_rides", total_rides, sum(counts.values())))
    if total_amount is not None and sum(amounts.values()) != total_amount:
        found.append(_wrong("", "total_amount", total_amount, sum(amounts.values())))
    return found


def _wrong(category: str, field: str, printed: int, should_be: int) -> Wrong:
    return Wrong(category, field, printed, should_be, _are_swapped(printed, should_be))


def _are_swapped(one: int, other: int) -> bool:
    first, second = str(one), str(other)
    if len(first) != len(second):
        return False
    differ = [at for at, pair in enumerate(zip(first, second, strict=True)) if len(set(pair)) > 1]
    return (
        len(differ) == 2
        and differ[1] == differ[0] + 1
        and first[differ[0]] == second[differ[1]]
        and first[differ[1]] == second[differ[0]]
    )
