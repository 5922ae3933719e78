"""Money moved by hand, for tests: what other parts of finance post."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS, ServicePoint, next_number


async def move(
    point: ServicePoint,
    legs: Mapping[tuple[int, str], int],
    *,
    kind: str = "hand",
    day: date = DAY,
    reverses: int | None = None,
) -> int:
    """Post a journal on accounts by (code, owner) and give its number."""
    keys = [(AGENCY, code, owner) for code, owner in legs]
    numbers = await point.accounts.numbers(keys)
    key = f"hand:{next_number()}"
    journal = Journal(
        agency_id=AGENCY,
        kind=kind,
        service_date=day,
        event_at_ms=NOON_MS,
        received_ms=NOON_MS,
        entries={numbers[AGENCY, *account]: amount for account, amount in legs.items()},
        rule="test",
        actor="test",
        source_key=key,
        content_hash=Operation(AGENCY, kind, key, {}).content_hash,
        reverses=reverses,
    )
    async with point.connection.transaction():
        await post(point.connection, [journal], {})
    assert journal.journal_no is not None
    return journal.journal_no
