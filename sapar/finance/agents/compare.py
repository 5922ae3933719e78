"""A register against the ledger, sale by sale. Pure, and the same for any order of rows.

A row meets the operation whose key is its reference. A row without one that we know meets an
operation on the same card, of the same amount, at about the same time, the nearest first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from sapar.finance.agents.files import Row
from sapar.finance.bank.model import tenge

WINDOW_S: Final = 900
"""By how many seconds the clocks of two who saw one sale may differ."""

Code = Literal["missing_in_register", "missing_in_ledger", "amount_mismatch", "status_mismatch"]


class Sale(NamedTuple):
    """An operation that an agent or processor took money for, as the ledger has it.

    Attributes:
        key: of the operation.
        within: it happened on the register's day; one of a day beside it needs no row here.
        status: `cancelled` when its journal was reversed before the register's day ended.
        later: it was reversed after that day: a register of the day may say either.
    """

    key: str
    kind: str
    at: datetime
    amount_tiyn: int
    card_ref: str
    status: Literal["done", "cancelled"]
    within: bool
    journal_no: int
    later: bool = False


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What does not agree.

    Attributes:
        code: how.
        name: of the row or operation, unlike all others of the register.
        value_tiyn: the sum that does not agree, more than nothing.
        register_tiyn: what the row says; 0: there is none, or it is cancelled.
        ledger_tiyn: what the operation says; likewise.
        detail: in words.
        line: of the file; None: it has no row.
        reference: the row's.
        key: the operation's; '' when there is none.
        journal_no: the operation's; None when there is none.
        at: when, by the register, or by the ledger where it has no row.
    """

    code: Code
    name: str
    value_tiyn: int
    register_tiyn: int
    ledger_tiyn: int
    detail: str
    line: int | None
    reference: str
    key: str
    journal_no: int | None
    at: datetime
    card_ref: str


class Comparison(NamedTuple):
    """What a comparison came to.

    Attributes:
        agreed, agreed_tiyn: rows that agree, and their sum.
        by_reference: how many rows met their operation by its key.
    """

    agreed: int
    agreed_tiyn: int
    by_reference: int
    differences: list[Difference]


def compare(
    rows: Sequence[Row],
    sales: Sequence[Sale],
    *,
    beside: Collection[str] = frozenset(),
    refused: Collection[str] = frozenset(),
    window_s: int = WINDOW_S,
) -> Comparison:
    """Hold a register against the ledger.

    Args:
        rows: of the register.
        sales: operations of the register's day, and those of the days beside it.
        beside: references that stand in the registers of the days beside it.
        refused: keys of operations that we refused.
        window_s: see `WINDOW_S`.
    """
    rows = sorted(rows, key=lambda row: row.line)
    sales = sorted(
        (sale for sale in sales if sale.within or sale.key not in beside),
        key=lambda sale: (sale.at, sale.key),
    )
    pairs = _by_reference(rows, sales)
    by_reference = len(pairs)
    met = {sale.key for _, sale in pairs}
    taken = {row.line for row, _ in pairs}
    pairs += _by_likeness(
        [row for row in rows if row.line not in taken],
        [sale for sale in sales if sale.key not in met],
        window_s,
    )
    met = {sale.key for _, sale in pairs}
    taken = {row.line for row, _ in pairs}
    doubled = Counter(row.reference for row in rows if row.reference)
    differences = [found for pair in pairs if (found := _disagreement(*pair)) is not None]
    differences += [
        _no_sale(row, doubled[row.reference] > 1, refused)
        for row in rows
        if row.line not in taken and row.status == "done"
    ]
    differences += [
        _no_row(sale)
        for sale in sales
        if sale.within and sale.key not in met and sale.status == "done" and sale.key not in beside
    ]
    wrong = {one.line for one in differences}
    agreed = [row for row, _ in pairs if row.line not in wrong]
    return Comparison(
        agreed=len(agreed),
        agreed_tiyn=sum(row.amount_tiyn for row in agreed if row.status == "done"),
        by_reference=by_reference,
        differences=_named_apart(differences),
    )


def _named_apart(differences: Iterable[Difference]) -> list[Difference]:
    """Put differences in order, and number those that a register would have of one name."""
    in_order = sorted(differences, key=lambda one: (one.at, one.name, one.code, one.line or 0))
    names: set[str] = set()
    found: list[Difference] = []
    for one in in_order:
        name, number = one.name, 1
        while name in names:
            number += 1
            name = f"{one.name} #{number}"
        names.add(name)
        found.append(one if name == one.name else msgspec.structs.replace(one, name=name))
    return found


def _by_reference(rows: Iterable[Row], sales: Iterable[Sale]) -> list[tuple[Row, Sale]]:
    known = {sale.key: sale for sale in sales}
    pairs: list[tuple[Row, Sale]] = []
    # of rows with one reference the one that agrees best meets the operation, whatever its line
    for row in sorted(rows, key=lambda row: _unlike(row, known.get(row.reference))):
        sale = known.pop(row.reference, None)
        if sale is not None:
            pairs.append((row, sale))
    return pairs


def _unlike(row: Row, sale: Sale | None) -> tuple[bool, bool, float, int]:
    if sale is None:
        return True, True, 0.0, row.line
    return (
        row.status != sale.status,
        row.amount_tiyn != sale.amount_tiyn,
        abs((row.at - sale.at).total_seconds()),
        row.line,
    )


def _by_likeness(
    rows: Iterable[Row], sales: Iterable[Sale], window_s: int
) -> list[tuple[Row, Sale]]:
    by_amount: dict[int, list[Sale]] = {}
    for sale in sales:  # in the order of their times
        by_amount.setdefault(sale.amount_tiyn, []).append(sale)
    window = timedelta(seconds=window_s)
    likely = [
        (row.status != sale.status, abs(row.at - sale.at), not sale.within, row.line, sale.key,
         row, sale)
        for row in rows
        for sale in _between(by_amount.get(row.amount_tiyn, []), row.at - window, row.at + window)
        if row.card_ref in {"", sale.card_ref}
    ]  # fmt: skip
    pairs: list[tuple[Row, Sale]] = []
    lines: set[int] = set()
    keys: set[str] = set()
    for *_, line, key, row, sale in sorted(likely, key=lambda one: one[:5]):
        if line not in lines and key not in keys:
            lines.add(line)
            keys.add(key)
            pairs.append((row, sale))
    return pairs


def _between(sales: Sequence[Sale], first: datetime, last: datetime) -> Sequence[Sale]:
    begin = bisect_left(sales, first, key=lambda sale: sale.at)
    return sales[begin : bisect_right(sales, last, lo=begin, key=lambda sale: sale.at)]


def _disagreement(row: Row, sale: Sale) -> Difference | None:
    there = row.amount_tiyn if row.status == "done" else 0
    here = sale.amount_tiyn if sale.status == "done" else 0
    if row.status != sale.status:
        if sale.later:
            return None
        words = (
            "the register has it as cancelled, the ledger has not"
            if row.status == "cancelled"
            else "the ledger took it back, the register has it as sold"
        )
        return _difference("status_mismatch", row, sale, max(there, here), there, here, words)
    if there == here:
        return None
    words = f"the register says {tenge(there)}, the ledger {tenge(here)}"
    return _difference("amount_mismatch", row, sale, abs(there - here), there, here, words)


def _no_sale(row: Row, is_doubled: bool, refused: Collection[str]) -> Difference:
    words = f"the ledger has no such sale of {tenge(row.amount_tiyn)}"
    if row.reference in refused:
        words = f"a sale of {tenge(row.amount_tiyn)} that was refused"
    elif is_doubled:
        words = f"a sale of {tenge(row.amount_tiyn)} that stands in the register more than once"
    amount = row.amount_tiyn
    return _difference(
        "missing_in_ledger", row, None, amount, amount, 0, words, is_doubled=is_doubled
    )


def _no_row(sale: Sale) -> Difference:
    words = f"the register has no such sale of {tenge(sale.amount_tiyn)}"
    amount = sale.amount_tiyn
    return _difference("missing_in_register", None, sale, amount, 0, amount, words)


def _difference(
    code: Code,
    row: Row | None,
    sale: Sale | None,
    value: int,
    there: int,
    here: int,
    words: str,
    *,
    is_doubled: bool = False,
) -> Difference:
    reference = row.reference if row is not None else ""
    key = sale.key if sale is not None else ""
    name = key or reference
    if row is not None and (is_doubled or not name):
        name = f"{name} line {row.line}".strip()
    one = row or sale
    assert one is not None
    return Difference(
        code=code,
        name=name,
        value_tiyn=value,
        register_tiyn=there,
        ledger_tiyn=here,
        detail=words,
        line=None if row is None else row.line,
        reference=reference,
        key=key,
        journal_no=None if sale is None else sale.journal_no,
        at=one.at,
        card_ref=one.card_ref,
    )
