"""A service point on a fresh database."""

from collections.abc import AsyncIterator

import pytest

from sapar.core.db import connect_async
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.role import restricted
from tests.ticketing.cards.counter import ServicePoint, prepare


@pytest.fixture
async def point(database: str) -> AsyncIterator[ServicePoint]:
    """No card is out yet; operations work as the role that cannot change the ledger."""
    prepare(database)
    connection = await connect_async(restricted(database))
    try:
        yield ServicePoint(connection, Accounts(database))
    finally:
        await connection.close()
