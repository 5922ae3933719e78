"""A service point whose agents and processors finance looks after."""

from collections.abc import AsyncIterator

import pytest

from sapar.core.db import Pool, connect_async, open_pool
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


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections of the restricted role, as a deployment has them."""
    async with open_pool(restricted(database), name="test", max_size=8) as opened:
        yield opened
