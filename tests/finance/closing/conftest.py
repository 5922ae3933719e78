"""A town and its accountants on a fresh database."""

from collections.abc import AsyncIterator

import pytest

from sapar.core.db import connect_async
from tests.finance.closing.support import Books, make_people
from tests.ticketing.taps.support import make_tools, make_town


@pytest.fixture
async def books(database: str) -> AsyncIterator[Books]:
    devices = make_town(database)
    connection = await connect_async(database)
    tools = make_tools(database)
    yield Books(database, devices, tools, connection, make_people(database))
    await connection.close()
