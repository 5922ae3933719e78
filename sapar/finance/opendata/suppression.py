"""Small counts are not published, and cannot be computed from what is. Pure.

A table of counts by row and column is published with its totals. A count from 1 to k - 1 is
suppressed, and with it the other three corners of a rectangle: the two counts may then be larger or
smaller by the same number without any published figure being another. The corners are chosen so
that at least k + 1 values are possible for each of them. Totals are corners like the others: where
there is no other way, a total is suppressed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product
from typing import Final

TOTAL: Final = None
"""Row or column of the totals."""

Place = tuple[str | None, str | None]
"""(Row, column); `TOTAL` for a total."""


def with_totals(cells: Mapping[tuple[str, str], int]) -> dict[Place, int]:
    """Give the whole table: each row and column that is named, and the totals."""
    rows = sorted({row for row, _ in cells})
    columns = sorted({column for _, column in cells})
    table: dict[Place, int] = {
        (row, column): cells.get((row, column), 0) for row, column in product(rows, columns)
    }
    table |= {(row, TOTAL): sum(table[row, column] for column in columns) for row in rows}
    table |= {(TOTAL, column): sum(table[row, column] for row in rows) for column in columns}
    table[TOTAL, TOTAL] = sum(table[row, TOTAL] for row in rows)
    return table


def suppress(cells: Mapping[tuple[str, str], int], k: int) -> set[Place]:
    """Give the places of the table, totals among them, that are not published.

    The same for the same counts, in whatever order they come.

    Args:
        cells: counts by row and column, not negative; what is missing is 0.
        k: the smallest count that is published; 0 is published too.
    """
    table = with_totals(cells)
    small = sorted((place for place, count in table.items() if 0 < count < k), key=_order)
    hidden: set[Place] = set()
    for place in small:
        hidden |= _rectangle(table, place, hidden, k)
    return hidden


def _rectangle(
    table: Mapping[Place, int], place: Place, hidden: Collection[Place], k: int
) -> set[Place]:
    """Give the cheapest rectangle with this corner in which k more are possible."""
    row, column = place
    rows = [other for other in {at[0] for at in table} if other != row]
    columns = [other for other in {at[1] for at in table} if other != column]
    best: tuple[object, ...] | None = None
    chosen: set[Place] = set()
    for other_row, other_column in product(rows, columns):
        corners = {
            (row, other_column): _sign(column, other_column),
            (other_row, column): _sign(row, other_row),
            (other_row, other_column): _sign(row, other_row) * _sign(column, other_column),
        }
        if any(sign < 0 and table[corner] <= k for corner, sign in corners.items()):
            continue
        new = [corner for corner in corners if corner not in hidden]
        cost = (
            sum(TOTAL in corner for corner in new),
            len(new),
            sum(table[corner] for corner in new),
            _order((other_row, other_column)),
        )
        if best is None or cost < best:
            best, chosen = cost, {place, *corners}
    return chosen


def _sign(one: str | None, other: str | None) -> int:
    """Say which way a count moves when its neighbour grows: totals grow with it."""
    return 1 if TOTAL in {one, other} else -1


def _order(place: Place) -> tuple[str, str, bool, bool]:
    return place[0] or "", place[1] or "", place[0] is TOTAL, place[1] is TOTAL
