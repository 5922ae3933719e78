"""The canonical export, and the check that everything adds up.

The export says what the ledger is, whatever way it came about: per tap its judgement and its net
postings, per card the net of all other journals; no number that we gave, no time of receipt. Two
ledgers made of the same facts, in any order and any batches, give the same bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated

_QUERIES = load_queries("sapar.ticketing.ledger")

_CHECKS = {
    "check_assets": "the entries of an asset do not sum to zero",
    "check_journals": "a journal does not balance",
    "check_accounts": "an account's balance is not the sum of its entries",
    "check_cards": "a card's balance is not the sum of its entries",
    "check_purses": "a card has a purse and a debt, or less than nothing",
    "check_tap_postings": "a tap's postings are not its fare",
    "check_boardings": "the boardings are not the riders of accepted taps",
}


class Imbalance(NamedTuple):
    """A rule that does not hold: how often, and one case of it."""

    rule: str
    cases: int
    example: str


async def check_ledger(connection: AsyncConnection) -> list[Imbalance]:
    """Check every balance against the entries, and the entries against the taps.

    Reads the whole ledger as it was at one moment; empty when all is well.
    """
    found = []
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["see_one_moment"])
            for name, rule in _CHECKS.items():
                answer = await connection.execute(_QUERIES[name])
                row = await answer.fetchone()
                assert row is not None
                if row[0]:
                    found.append(Imbalance(rule, row[0], str(row[1])))
    return found


async def export_ledger(connection: AsyncConnection) -> AsyncIterator[bytes]:
    """Give the canonical export as pieces of UTF-8 text, one line a tap, then one a sum of cards.

    Lines are sorted; a field ends with a tab, and PostgreSQL's text COPY escapes what is in it.
    """
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["see_one_moment"])
            for name in ("export_taps", "export_others"):
                async with (
                    connection.cursor() as cursor,
                    cursor.copy(_QUERIES[name]) as copy,
                ):
                    async for piece in copy:
                        yield bytes(piece)
