"""Pending top-ups: in the purse as soon as, and as long as, a ride that counts activates them.

Astana asks for a tap within 30 days of paying. What activates is the earliest ride that counts with
paid_at <= event time <= expires_at, whenever and in whatever order it is uploaded; when another
record shows that there was no such ride, the money waits again. What is not activated stays on
account 2130 and is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.ticketing.ledger.accounts import PENDING, PURSE, card_account
from sapar.ticketing.types import CardRow, Journal

_QUERIES = load_queries("sapar.ticketing.cards")


async def activate_pending(
    connection: AsyncConnection, cards: Sequence[CardRow], _taps: Sequence[Any] = ()
) -> list[Journal]:
    """Give the journals that pending top-ups of some cards need now, and note them as activated.

    Args:
        connection: in the transaction that holds the cards' locks, after the taps and their
            judgements were written.
        cards: those with `has_pending`; others cost a look and give nothing.

    Returns:
        Journals of kind `activation`, which the caller posts in the same transaction.
    """
    columns = {"card_no": [card.card_no for card in cards]}
    with translated():
        found = await connection.execute(_QUERIES["pending_of_cards"], columns)
        rows = await found.fetchall()
        moved = [row for row in rows if (row[4] is None) != (row[5] is None)]
        changed = [row for row in rows if row[4] != row[5]]
        if changed:
            await connection.execute(
                _QUERIES["set_activated"],
                {
                    "journal_no": [row[0] for row in changed],
                    "at_ms": [row[5] for row in changed],
                },
            )
        return [await _journal(connection, *row) for row in moved]


async def _journal(
    connection: AsyncConnection,
    top_up_no: int,
    card_no: int,
    agency_id: str,
    amount_tiyn: int,
    before_ms: int | None,
    after_ms: int | None,
    service_date: date | None,
) -> Journal:
    """Move a top-up to the purse, or back when no ride activates it any more."""
    if after_ms is None or service_date is None:
        found = await connection.execute(
            _QUERIES["last_activation"], {"card_no": card_no, "rule": _rule(top_up_no)}
        )
        row = await found.fetchone()
        assert row is not None
        at_ms, day, amount = row[0], row[1], -amount_tiyn
        assert before_ms is not None
    else:
        at_ms, day, amount = after_ms, service_date, amount_tiyn
    return Journal(
        agency_id=agency_id,
        kind="activation",
        service_date=day,
        event_at_ms=at_ms,
        received_ms=at_ms,
        entries={card_account(card_no, PENDING): amount, card_account(card_no, PURSE): -amount},
        rule=_rule(top_up_no),
        actor="sapar",
        card_no=card_no,
    )


def _rule(top_up_no: int) -> str:
    return f"top-up {top_up_no}"
