"""All that is told about a card at the desk: its statement, holes in its counter, its receipts.

References of cards never leave: a card is named by its number in the database and by a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound
from sapar.finance.cards.looking import label_of, target_of
from sapar.ticketing.cards.statement import Statement, read_statement
from sapar.ticketing.ledger.accounts import CARD_CODES

_QUERIES = load_queries("sapar.finance.cards")

REFUND_CHANNEL = "bank"
"""Where a city that has not refunded anything yet begins: a transfer to the holder's account."""


class CounterHole(NamedTuple):
    """Numbers of a card's own counter that no tap brought.

    Attributes:
        from_counter, to_counter: the missing numbers, both inclusive.
        after_ms, before_ms: times of the taps on both sides.
    """

    from_counter: int
    to_counter: int
    after_ms: int
    before_ms: int


class TapFacts(NamedTuple):
    """What a validator said of a tap beside what it cost."""

    counter: int | None
    medium: str
    allowed: bool


class Named(msgspec.Struct, frozen=True):
    """Another card: its number and its label."""

    card_no: int
    label: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that went through, with its receipt."""

    key: str
    kind: str
    actor: str
    at_ms: int
    done_at_ms: int
    reason: str
    amount_tiyn: int | None
    receipt: dict[str, Any]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A card as the desk sees it.

    Attributes:
        statement: without references; see `sapar.ticketing.cards.statement`.
        taps: of each tap number its counter and what was presented.
        holes: numbers of the card's counter that are missing.
        operations: the newest first.
    """

    card_no: int
    label: str
    statement: dict[str, Any]
    replaced_by: Named | None
    replaces: Named | None
    taps: dict[int, TapFacts]
    holes: list[CounterHole]
    operations: list[Done]


def find_holes(taps: Sequence[tuple[int | None, int]]) -> list[CounterHole]:
    """Find the numbers that are missing between the smallest and the greatest counter.

    Args:
        taps: (counter, time in Unix ms) in any order; several taps may have one counter.
    """
    times: dict[int, list[int]] = {}
    for counter, at_ms in taps:
        if counter is not None:
            times.setdefault(counter, []).append(at_ms)
    known = sorted(times)
    return [
        CounterHole(before + 1, after - 1, max(times[before]), min(times[after]))
        for before, after in pairwise(known)
        if after > before + 1
    ]


async def tell_card(connection: AsyncConnection, agency_id: str, card_ref: str) -> Told:
    """Give all that is known of a card.

    Args:
        connection: in no transaction.
        agency_id: whose card.
        card_ref: the card.

    Raises:
        NotFound: there is no such card (`unknown_card`).
    """
    statement = await read_statement(connection, agency_id, card_ref)
    refs = [ref for ref in (card_ref, statement.replaced_by, statement.replaces) if ref]
    with translated():
        values: dict[str, object] = {"agency_id": agency_id, "card_refs": refs}
        numbers = dict(await _fetch(connection, "cards_by_reference", values))
        of_card = {"card_no": numbers[card_ref], "target": target_of(numbers[card_ref])}
        taps = await _fetch(connection, "taps_of_card", of_card)
        done = await _fetch(connection, "operations_of_card", of_card)
    by, of = statement.replaced_by, statement.replaces
    return Told(
        card_no=numbers[card_ref],
        label=label_of(card_ref),
        statement=without_references(statement, refs),
        replaced_by=Named(numbers[by], label_of(by)) if by else None,
        replaces=Named(numbers[of], label_of(of)) if of else None,
        taps={row[0]: TapFacts(row[1], row[3], row[4]) for row in taps},
        holes=find_holes([(row[1], row[2]) for row in taps]),
        operations=[_done(row) for row in done],
    )


def without_references(statement: Statement, refs: Sequence[str]) -> dict[str, Any]:
    """Give a statement as plain data in which references of cards stand as labels."""
    plain: dict[str, Any] = msgspec.to_builtins(statement)
    for name in ("agency_id", "card_ref", "replaced_by", "replaces"):
        del plain[name]
    for block in plain["blocks"]:
        block["note"] = _masked(block["note"], refs)
    for movement in plain["movements"]:
        movement["rule"] = _masked(movement["rule"], refs)
    return plain


def _masked(text: str, refs: Sequence[str]) -> str:
    for ref in sorted(refs, key=len, reverse=True):
        text = text.replace(ref, label_of(ref))
    return text


def _done(row: tuple[Any, ...]) -> Done:
    key, kind, actor, at_ms, done_ms, request, receipt, reason = row
    kept = {name: value for name, value in receipt.items() if name != "card_ref"}
    said = reason or request.get("reason", "") or request.get("note", "")
    return Done(
        key=key,
        kind=kind,
        actor=actor,
        at_ms=at_ms,
        done_at_ms=done_ms,
        reason=str(said),
        amount_tiyn=request.get("amount_tiyn", request.get("price_tiyn")),
        receipt=kept,
    )


async def list_channels(connection: AsyncConnection, agency_id: str) -> list[str]:
    """Give the channels by which refunds are owed, those that had any first (2510)."""
    rows = await _fetch(connection, "refund_channels", {"agency_id": agency_id})
    known = [str(row[0]) for row in rows]
    return known if REFUND_CHANNEL in known else [REFUND_CHANNEL, *known]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a journal; a debit is positive. `card` is set for accounts of a card."""

    code: int
    owner: str
    amount: int
    asset: str
    card: Named | None


class JournalTold(msgspec.Struct, frozen=True, kw_only=True):
    """A journal with its entries: what a total comes down to."""

    journal_no: int
    kind: str
    key: str | None
    tap_no: int | None
    card: Named | None
    service_date: str
    business_date: str
    at_ms: int
    posted_ms: int
    rule: str
    reverses: int | None
    actor: str
    entries: list[Entry]


async def tell_journal(connection: AsyncConnection, agency_id: str, journal_no: int) -> JournalTold:
    """Give a journal with its entries.

    Raises:
        NotFound: there is none of this number (`unknown_journal`).
    """
    values: dict[str, object] = {"agency_id": agency_id, "journal_no": journal_no}
    with translated():
        head = await _fetch(connection, "journal_head", values)
        rows = await _fetch(connection, "journal_entries", values) if head else []
    if not head:
        raise NotFound(f"There is no journal {journal_no}.", code="unknown_journal")
    (number, kind, key, tap_no, card_no, service, business, at_ms, posted_ms, rule, reverses,
     actor, card_ref) = head[0]  # fmt: skip
    refs = {row[5] for row in rows if row[5]} | ({card_ref} if card_ref else set())
    return JournalTold(
        journal_no=number,
        kind=kind,
        key=key,
        tap_no=tap_no,
        card=Named(card_no, label_of(card_ref)) if card_ref else None,
        service_date=service.isoformat(),
        business_date=business.isoformat(),
        at_ms=at_ms,
        posted_ms=posted_ms,
        rule=_masked(rule, sorted(refs)),
        reverses=reverses,
        actor=actor,
        entries=[_entry(row) for row in rows],
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    number, amount, code, owner, card_no, card_ref = row
    return Entry(
        code=code if code is not None else CARD_CODES[number & 7],
        owner=owner or "",
        amount=amount,
        asset="BRD" if number < -1_000_000_000 else "KZT",
        card=Named(card_no, label_of(card_ref)) if card_ref else None,
    )


async def _fetch(
    connection: AsyncConnection, query: str, values: dict[str, object]
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_QUERIES[query], values)).fetchall()
