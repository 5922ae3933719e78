"""Opening journals: a chunk of staged cards or passes in one transaction of the caller's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from sapar.core.db import AsyncConnection, load_queries
from sapar.ticketing.cards.operations import Desk
from sapar.ticketing.cards.work import CATEGORY_SINCE_MS, Touched, time_of
from sapar.ticketing.ledger.accounts import DEBT, DEPOSIT, PURSE, card_account
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.ticketing.cards")
OPENING: Final = 2990


@dataclass(frozen=True, slots=True)
class Opening:
    """What all opening journals of an import share."""

    connection: AsyncConnection
    desk: Desk
    agency_id: str
    name: str
    actor: str
    at_ms: int
    service_date: date
    zone: ZoneInfo

    def journal(
        self, key: str, entries: dict[int, int], card_no: int, content: str, **values: Any
    ) -> Journal:
        """Make an opening journal; `content` is what its key stands for."""
        return Journal(
            agency_id=self.agency_id,
            kind="opening",
            service_date=self.service_date,
            event_at_ms=self.at_ms,
            received_ms=self.at_ms,
            entries={number: amount for number, amount in entries.items() if amount},
            rule=self.name,
            actor=self.actor,
            source_key=key,
            content_hash=hashlib.sha256(content.encode()).digest(),
            card_no=card_no,
            **values,
        )

    async def accounts(self, *keys: tuple[int, str]) -> list[int]:
        """Give numbers of accounts (code, owner)."""
        full = [(self.agency_id, *key) for key in keys]
        numbers = await self.desk.accounts.numbers(full)
        return [numbers[key] for key in full]


async def post_cards(opening: Opening, rows: Sequence[tuple[Any, ...]]) -> None:
    """Make cards, or register unknown ones, and post what they hold.

    Args:
        opening: the import.
        rows: (line, card_ref, category, purse, debt, deposit).
    """
    values = {
        "agency_id": opening.agency_id,
        "card_ref": [row[1] for row in rows],
        "category": [row[2] for row in rows],
        "category_from": time_of(CATEGORY_SINCE_MS),
    }
    await opening.connection.execute(_QUERIES["open_cards"], values)
    found = await opening.connection.execute(_QUERIES["register_cards"], values)
    registered = [row[0] for row in await found.fetchall()]
    found = await opening.connection.execute(_QUERIES["numbers_by_ref"], values)
    numbers: dict[str, int] = dict(await found.fetchall())
    cards = await lock_cards(opening.connection, numbers.values())
    [equity] = await opening.accounts((OPENING, opening.name))
    journals = []
    for _, card_ref, _, purse, debt, deposit in rows:
        card_no = numbers[card_ref]
        entries = {
            card_account(card_no, PURSE): -purse,
            card_account(card_no, DEBT): debt,
            card_account(card_no, DEPOSIT): -deposit,
            equity: purse + deposit - debt,
        }
        if purse or debt or deposit:
            key, content = f"{opening.name} card {card_ref}", f"{purse} {debt} {deposit}"
            journals.append(opening.journal(key, entries, card_no, content))
    await post(opening.connection, journals, cards)
    since = [time_of(CATEGORY_SINCE_MS)] * len(registered)
    await _rejudge(opening, "touched_since", {"card_no": registered, "at": since})


async def _rejudge(opening: Opening, query: str, values: dict[str, Any]) -> None:
    """Have the rides that an opening changes judged anew, in its transaction."""
    found = await opening.connection.execute(_QUERIES[query], values)
    touched: Touched = {(row[0], row[1]) for row in await found.fetchall()}
    if touched:
        await opening.desk.rejudge(opening.connection, touched)


async def post_passes(opening: Opening, rows: Sequence[tuple[Any, ...]]) -> None:
    """Give passes to their cards and post what of their price is not earned yet.

    Args:
        opening: the import.
        rows: (line, card_no, product_id, valid_from, valid_to, unearned, card_ref).
    """
    cards = await lock_cards(opening.connection, {row[1] for row in rows})
    pools = {(2140, f"{row[2]} {row[3].astimezone(opening.zone):%Y-%m}") for row in rows if row[5]}
    keys = [(OPENING, opening.name), *sorted(pools)]
    numbers = dict(zip(keys, await opening.accounts(*keys), strict=True))
    journals: dict[int, Journal] = {}
    for line, card_no, product_id, valid_from, _, unearned, card_ref in rows:
        pool = (2140, f"{product_id} {valid_from.astimezone(opening.zone):%Y-%m}")
        if unearned:
            entries = {numbers[OPENING, opening.name]: unearned, numbers[pool]: -unearned}
            key = f"{opening.name} pass {card_ref} {product_id} {valid_from.timestamp():.0f}"
            journals[line] = opening.journal(
                key, entries, card_no, str(unearned), product_id=product_id
            )
    await post(opening.connection, list(journals.values()), cards)
    sales = [journals[row[0]].journal_no if row[0] in journals else None for row in rows]
    await opening.connection.execute(
        _QUERIES["open_passes"],
        {
            "card_no": [row[1] for row in rows],
            "journal_no": sales,
            "product_id": [row[2] for row in rows],
            "valid_from": [row[3] for row in rows],
            "valid_to": [row[4] for row in rows],
        },
    )
    since = {"card_no": [row[1] for row in rows], "at": [row[3] for row in rows]}
    await _rejudge(opening, "touched_since", since)


async def post_blocks(opening: Opening) -> None:
    """Block the cards whose blocks are staged."""
    names = {
        "agency_id": opening.agency_id,
        "actor": opening.actor,
        "now": time_of(opening.at_ms),
    }
    async with opening.connection.transaction():
        await opening.connection.execute(_QUERIES["move_blocks"], names)
        await _rejudge(opening, "touched_by_blocks", names)
