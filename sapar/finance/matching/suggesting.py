"""What a line may pay, best first, for a person to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound
from sapar.finance.matching import store
from sapar.finance.matching.board import agree, disagree
from sapar.finance.matching.model import Candidate, Expected, Line
from sapar.finance.matching.plan import plan_matches
from sapar.finance.matching.words import Finder, fold, words_of

_QUERIES = load_queries("sapar.finance.matching")
_READ_MAX = 3000
_WORD_MIN = 3

Reason = Literal[
    "adds_up", "named", "amount_equal", "amount_near", "counterparty", "other_counterparty",
    "same_day", "days_apart", "words", "undone_before",
]  # fmt: skip
"""Why a suggestion stands where it does. `adds_up`: a rule would match it if there were nothing
else; `amount_near`: within five percent; `undone_before`: a person took this apart."""


class Suggestion(msgspec.Struct, frozen=True):
    """Items that a line may pay.

    Attributes:
        items: numbers.
        score: of 1000; only the order counts.
        difference_tiyn: what the line shows beyond what is expected.
        days: from the nearest item's day to the line's; negative: the line came before.
        reasons: in the order of their weight.
    """

    items: list[int]
    score: int
    difference_tiyn: int
    days: int
    reasons: list[Reason]


class _Scored(NamedTuple):
    score: int
    reasons: list[Reason]


async def suggest(
    connection: AsyncConnection, agency_id: str, line_no: int, *, most: int = 20
) -> list[Suggestion]:
    """Rank what an open line may pay: sets that add up first, then single items.

    By the reference in it, the amount, the counterparty, how near the days are, and words in common
    with the account's owner.

    Raises:
        NotFound: the line does not exist, or is matched.
    """
    lines = await store.read_lines(connection, agency_id, [line_no])
    if not lines:
        raise NotFound(f"no open line {line_no}")
    line = lines[0]
    town = await store.read_town(connection, agency_id)
    names = {
        "agency_id": agency_id, "account": line.account, "amount": line.amount, "bin": line.bin,
        "iban": line.iban, "day": date.fromordinal(line.day), "most": _READ_MAX,
        "text": f"{line.reference} {line.bank_reference} {line.purpose}".upper(),
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["find_candidates"], names)
        numbers = [row[0] for row in await found.fetchall()]
        items = await store.read_items(connection, agency_id, numbers)
        found = await connection.execute(_QUERIES["find_counterparty_name"], {"line_no": line_no})
        row = await found.fetchone()
    undone = (await store.read_undone(connection, agency_id)).get(line_no, frozenset())
    name = "" if row is None else row[0]
    return rank(line, items, town, counterparty=name, undone=undone)[:most]


def rank(
    line: Line,
    items: Sequence[Expected],
    town: store.Town,
    *,
    counterparty: str = "",
    undone: frozenset[int] = frozenset(),
) -> list[Suggestion]:
    """Rank items for a line. Pure; the order of `items` does not matter."""
    words = set(_long(words_of(f"{counterparty} {line.purpose} {line.reference}")))
    keys = {fold(text) for item in items for text in (item.reference, item.batch_ref)} - {""}
    named = {fold(line.reference)}
    for text in (line.reference, line.bank_reference, line.purpose):
        named |= Finder(keys).find(text)
    suggestions = [
        _suggestion(line, (item,), _score(line, item, named, words, item.item_no in undone))
        for item in items
    ]
    plan = plan_matches([line], items, town.settings, line.day + 366)
    for found in plan.matches:
        if len(found.items) > 1 or found.residual == 0:
            best = max(_score(line, item, named, words, False) for item in found.items)
            numbers = {item.item_no for item in found.items}
            if len(numbers) == 1:
                suggestions = [one for one in suggestions if set(one.items) != numbers]
            reasons: list[Reason] = ["adds_up", *best.reasons]
            if numbers & undone:
                reasons.append("undone_before")
            suggestions.append(_suggestion(line, found.items, _Scored(1000, reasons)))
    return sorted(
        suggestions,
        key=lambda one: (-one.score, abs(one.difference_tiyn), abs(one.days), one.items),
    )


def _suggestion(line: Line, items: Sequence[Expected], scored: _Scored) -> Suggestion:
    nearest = min((line.day - item.day for item in items), key=abs)
    return Suggestion(
        sorted(item.item_no for item in items),
        scored.score,
        Candidate((line,), tuple(items)).difference,
        nearest,
        scored.reasons,
    )


def _score(
    line: Line, item: Expected, named: set[str], words: set[str], was_undone: bool
) -> _Scored:
    """Weigh an item: its reference 400, amount up to 300, counterparty 150, days 50, words 50."""
    score, reasons = 0, list[Reason]()

    def add(points: int, reason: Reason) -> None:
        nonlocal score
        score += points
        reasons.append(reason)

    if {fold(item.reference), fold(item.batch_ref)} & named - {""}:
        add(400, "named")
    off = abs(line.amount - item.net)
    if off == 0:
        add(300, "amount_equal")
    elif off * 20 <= abs(item.net):
        add(200 - off * 2000 // abs(item.net), "amount_near")
    if agree(line, item):
        add(150, "counterparty")
    elif disagree(line, item):
        add(-100, "other_counterparty")
    apart = abs(line.day - item.day)
    add(max(0, 50 - 2 * apart), "same_day" if apart == 0 else "days_apart")
    if words & set(_long(words_of(item.owner))):
        add(50, "words")
    if was_undone:
        add(-200, "undone_before")
    return _Scored(score, reasons)


def _long(words: Iterable[str]) -> Iterable[str]:
    return (word for word in words if len(word) >= _WORD_MIN)
