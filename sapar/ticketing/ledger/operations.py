"""Authorised operations: once under their client's key, refused for good, reversed once.

An offline tap is a fact and is posted whatever it does to a purse. A top-up, a payout or a
correction is asked for, under an idempotency key that the client chose beforehand; it may be
refused, and then the key never posts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, is_idle, load_queries, translated
from sapar.core.errors import Fault, NotFound, Refused
from sapar.ticketing.ledger.posting import sum_up
from sapar.ticketing.types import CardRow, Journal

_QUERIES = load_queries("sapar.ticketing.ledger")

AMOUNT_MAX_TIYN: Final = 10**15
"""No single amount and no card may hold more; sums of so many still fit into 64 bits."""

_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True)
class Operation:
    """What a client asks for, and under which key.

    Attributes:
        agency_id: keys are unique within it.
        kind: `top_up`, `payout`, …
        source_key: the client's idempotency key; not empty.
        content: everything that the client sent with it, as plain data; the same key with other
            content is a conflict.
    """

    agency_id: str
    kind: str
    source_key: str
    content: Mapping[str, object] = field(hash=False)

    @cached_property
    def content_hash(self) -> bytes:
        """SHA-256 of kind and content."""
        return hashlib.sha256(_canonical((self.kind, self.content))).digest()


class Outcome(NamedTuple):
    """What an operation came to: its journal, and whether an earlier call had posted it."""

    journal_no: int
    repeated: bool


async def operate(
    connection: AsyncConnection, operation: Operation, work: Callable[[], Awaitable[Journal]]
) -> Outcome:
    """Do an operation once, in a transaction of its own.

    Args:
        connection: not in a transaction.
        operation: what is asked for.
        work: called at most once, inside the transaction; checks, locks, posts, and gives the
            posted journal that carries the operation's key and hash. What it raises as `Refused`
            is final: its changes are undone, the refusal is kept, and the key never posts.

    Raises:
        Refused: by `work`, now or the first time; or with the code `idempotency_conflict`: the key
            came before with other content.
        Fault: `work` posted no journal under the key, or the connection is in a transaction.
    """
    if not is_idle(connection):
        raise Fault("an operation needs a transaction of its own")
    names = {"agency_id": operation.agency_id, "source_key": operation.source_key}
    refusal: Refused
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_key"], names)
            found = await connection.execute(_QUERIES["find_operation"], names)
            row = await found.fetchone()
            if row is None:
                try:
                    async with connection.transaction():
                        return Outcome(_journal_no(operation, await work()), repeated=False)
                except Refused as exc:
                    refusal = exc
                    await _keep_refusal(connection, operation, exc)
            else:
                journal_no, content_hash, code, message = row
                if content_hash != operation.content_hash:
                    refusal = await _keep_conflict(connection, operation)
                elif journal_no is not None:
                    return Outcome(journal_no, repeated=True)
                else:
                    refusal = Refused(message, code=code)
    raise refusal


def _journal_no(operation: Operation, journal: Journal) -> int:
    if (
        journal.journal_no is None
        or journal.source_key != operation.source_key
        or journal.content_hash != operation.content_hash
    ):
        raise Fault(f"operation {operation.source_key} posted no journal under its key")
    return journal.journal_no


async def _keep_refusal(
    connection: AsyncConnection, operation: Operation, refusal: Refused
) -> None:
    await connection.execute(
        _QUERIES["insert_refused_operation"],
        {
            "agency_id": operation.agency_id,
            "source_key": operation.source_key,
            "kind": operation.kind,
            "content_hash": operation.content_hash,
            "code": refusal.code,
            "message": refusal.message,
        },
    )


async def _keep_conflict(connection: AsyncConnection, operation: Operation) -> Refused:
    await connection.execute(
        _QUERIES["insert_key_conflict"],
        {
            "agency_id": operation.agency_id,
            "source_key": operation.source_key,
            "content_hash": operation.content_hash,
        },
    )
    return Refused(
        f"the key {operation.source_key} came before with other content",
        code="idempotency_conflict",
        hint="Use a new key for a new operation.",
    )


def check_amount(amount_tiyn: int) -> int:
    """Give the amount back if it may be posted.

    Raises:
        Refused: it is not positive (`amount_not_positive`) or too large (`amount_too_large`).
    """
    if amount_tiyn <= 0:
        raise Refused("an amount must be more than nothing", code="amount_not_positive")
    if amount_tiyn > AMOUNT_MAX_TIYN:
        raise Refused("the amount is beyond what an account holds", code="amount_too_large")
    return amount_tiyn


def check_funds(
    journals: Iterable[Journal], cards: Mapping[int, CardRow], *, may_owe: bool = False
) -> None:
    """Refuse journals of an operation that a card cannot bear.

    Args:
        journals: all that the operation will post.
        cards: their cards, locked.
        may_owe: what the purse lacks may become debt, as when a bank takes a top-up back.

    Raises:
        Refused: `insufficient_funds`, `insufficient_deposit`, `insufficient_pending`,
            `exceeds_debt` or `amount_too_large`.
    """
    on_cards, _ = sum_up(journals)
    for card_no, (purse, debt, deposit, pending) in on_cards.items():
        card = cards[card_no]
        after = (
            ("insufficient_funds", purse, card.purse_tiyn, may_owe),
            ("exceeds_debt", debt, card.debt_tiyn, False),
            ("insufficient_deposit", deposit, card.deposit_tiyn, False),
            ("insufficient_pending", pending, card.pending_tiyn, False),
        )
        for code, change, balance, allowed in after:
            if change < 0 and balance + change < 0 and not allowed:
                raise Refused(f"card {card.card_ref}: {balance} tiyn, asked {-change}", code=code)
            if balance + change > AMOUNT_MAX_TIYN:
                raise Refused(f"card {card.card_ref} cannot hold so much", code="amount_too_large")


async def reversal_of(
    connection: AsyncConnection,
    journal_no: int,
    operation: Operation,
    *,
    service_date: date,
    at_ms: int,
    actor: str,
    rule: str,
) -> Journal:
    """Make, inside `operate`'s work, the journal that takes another one back.

    Nobody else reverses it until the commit; locks no card.

    Raises:
        NotFound: the agency has no such journal.
        Refused: it was reversed (`already_reversed`), or is itself a reversal or a move between
            purse and debt (`not_reversible`).
    """
    with translated():
        await connection.execute(_QUERIES["lock_reversal"], {"journal_no": journal_no})
        found = await connection.execute(
            _QUERIES["find_journal"],
            {"agency_id": operation.agency_id, "journal_no": journal_no},
        )
        row = await found.fetchone()
    if row is None:
        raise NotFound(f"no journal {journal_no}")
    kind, card_no, product_id, accounts, amounts, reverses, reversed_by = row
    if reversed_by is not None:
        raise Refused(
            f"journal {journal_no} was reversed by {reversed_by}", code="already_reversed"
        )
    if reverses is not None or kind == "debt":
        raise Refused(f"journal {journal_no} cannot be reversed", code="not_reversible")
    return Journal(
        agency_id=operation.agency_id,
        kind="reversal",
        service_date=service_date,
        event_at_ms=at_ms,
        received_ms=at_ms,
        entries={number: -amount for number, amount in zip(accounts, amounts, strict=True)},
        rule=rule,
        actor=actor,
        source_key=operation.source_key,
        content_hash=operation.content_hash,
        card_no=card_no,
        product_id=product_id,
        reverses=journal_no,
    )
