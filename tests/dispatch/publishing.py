"""What tests of messages to drivers share: publishers at work, and waiting for what becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from sapar.core.clock import SystemClock
from sapar.core.db import Pool
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.dispatch.messages.publisher import Publisher
from sapar.dispatch.messages.store import list_recipients
from tests.ingest.support import rows

_numbers = count(1)


@asynccontextmanager
async def client_of(settings: Settings, name: str) -> AsyncIterator[MqttClient]:
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=f"{name}-{next(_numbers)}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    async with client:
        await client.wait_connected(30.0)
        yield client


def publisher(settings: Settings, pool: Pool, client: MqttClient, clock=None) -> Publisher:
    conninfo = settings.database_url.get_secret_value()
    return Publisher(pool, conninfo, clock or SystemClock(), client)


@asynccontextmanager
async def at_work(*publishers: Publisher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in publishers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def states(pool: Pool, agency: str, number: int) -> dict[str, str]:
    return {r.vehicle_id: r.state for r in await list_recipients(pool, agency, str(number))}


async def until_states(pool: Pool, agency: str, number: int, wanted: dict[str, str]) -> None:
    found = {}
    try:
        async with asyncio.timeout(60):
            while (found := await states(pool, agency, number)) != wanted:
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert found == wanted


async def until_online(pool: Pool, agency: str) -> None:
    """Wait for a device's status, which it sends when it has subscribed to its commands."""
    async with asyncio.timeout(60):
        while not await rows(
            pool,
            "SELECT FROM device_status JOIN device USING (device_no) WHERE online AND agency_id = %s",
            agency,
        ):
            await asyncio.sleep(0.05)
