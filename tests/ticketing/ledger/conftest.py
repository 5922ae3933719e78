"""A town's ledger on a fresh database."""

import pytest

from sapar.core.db import connect_async
from tests.ticketing.ledger.support import make_town, numbers


@pytest.fixture
async def connection(database: str):
    """A connection to a database with a town and ten cards."""
    make_town(database)
    opened = await connect_async(database)
    yield opened
    await opened.close()


@pytest.fixture
async def accounts(database: str, connection) -> dict:
    """The town's usual accounts by key."""
    return await numbers(database)
