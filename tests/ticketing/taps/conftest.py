"""A town on a fresh database."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from sapar.core.db import AsyncConnection, connect_async
from sapar.fleet.registry import DeviceEntry
from sapar.ticketing.post import Tools, judge_again, post_taps
from sapar.ticketing.types import Posted, TapIn
from tests.ticketing.taps.support import make_tools, make_town, state_of, taps_of


@dataclass
class Town:
    """A database with a town, and the one connection that posts to it."""

    conninfo: str
    devices: list[DeviceEntry]
    tools: Tools
    connection: AsyncConnection

    async def post(self, *taps: TapIn) -> Posted:
        return await post_taps(self.connection, self.tools, taps)

    async def again(self, *days) -> int:
        return await judge_again(self.connection, self.tools, days)

    def state(self) -> dict[str, list]:
        return state_of(self.conninfo)

    def taps(self) -> dict:
        return taps_of(self.conninfo)

    async def rows(self, query: str, values: Sequence = ()) -> list[tuple]:
        return await (await self.connection.execute(query, values)).fetchall()


@pytest.fixture
async def town(database: str) -> AsyncIterator[Town]:
    devices = make_town(database)
    connection = await connect_async(database)
    yield Town(database, devices, make_tools(database), connection)
    await connection.close()
