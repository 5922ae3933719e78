"""What ingest tests share: an agency with devices, publishing, and reading rows back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import msgspec

from sapar.contract.messages import Ack, Fix
from sapar.contract.topics import device_topic
from sapar.core.clock import SystemClock
from sapar.core.db import Pool
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.ingest.worker import forget_session, run_ingest
from sapar.uplink import session

AGENCY = "city"
_names = count(1)


async def add_devices(pool: Pool, agency: str, devices: Sequence[str]) -> None:
    """Register devices; their passwords do not matter on the internal listener."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone, min_latitude, min_longitude,"
            " max_latitude, max_longitude) VALUES (%s, %s, 'Asia/Aqtobe', 50, 57, 51, 58)"
            " ON CONFLICT DO NOTHING",
            (agency, agency),
        )
        for device in devices:
            await connection.execute(
                "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')",
                (agency, device),
            )


def fix(seq: int, *, time_ms: int | None = None, **changes: object) -> Fix:
    """Make a good fix near now."""
    now_ms = int(SystemClock().time() * 1000)
    values: dict[str, object] = {
        "epoch": 1,
        "seq": seq,
        "time_ms": now_ms if time_ms is None else time_ms,
        "latitude": 50.28,
        "longitude": 57.17,
    }
    return msgspec.convert(values | changes, Fix)


@asynccontextmanager
async def worker(settings: Settings, number: int = 0) -> AsyncIterator[Metrics]:
    """Run an ingest worker in this loop; give its metrics.

    Its session is forgotten at the end: it would keep its share from the next test's worker.
    """
    metrics = Metrics()
    own = settings.model_copy(update={"ingest_worker": number, "ack_interval_ms": 20})
    try:
        async with at_work(own, metrics):
            yield metrics
    finally:
        await forget_session(own)


@asynccontextmanager
async def at_work(own: Settings, metrics: Metrics) -> AsyncIterator[None]:
    """Run a worker from the moment at which the broker keeps messages for it; leave its session.

    What is published before anybody has subscribed is lost, as MQTT has it. A worker begins to read
    when it has named all its filters, and it is connected when the broker has taken them.
    """
    reading: set[MqttClient] = set()

    class Telling(MqttClient):
        async def read(self) -> list[Message]:
            reading.add(self)
            return await super().read()

    task = asyncio.create_task(run_ingest(own, own.clock(), metrics))
    try:
        with patch.object(session, "MqttClient", Telling):
            async with asyncio.timeout(60):
                while not task.done() and not any(client.connected for client in reading):
                    await asyncio.sleep(0.01)
        assert not task.done()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


class Bus(MqttClient):
    """A device's client that gives what it hears one by one: two answers may come in one piece."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heard: deque[Message] = deque()

    async def next(self, timeout_s: float = 30.0) -> Message:
        """Wait for the next message."""
        async with asyncio.timeout(timeout_s):
            while not self._heard:
                self._heard += await self.read()
        return self._heard.popleft()


@asynccontextmanager
async def device(settings: Settings, device_id: str, agency: str = AGENCY) -> AsyncIterator[Bus]:
    """Connect as a device would, subscribed to its acknowledgements."""
    client = Bus(
        settings.broker_host,
        settings.broker_port,
        client_id=f"test-{agency}-{device_id}-{next(_names)}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    async with client:
        await client.subscribe(device_topic(agency, device_id, "ack"), 1)
        yield client


async def next_ack(bus: Bus) -> Ack:
    """Wait for the device's next acknowledgement."""
    return msgspec.json.decode((await bus.next()).payload, type=Ack)


async def rows(pool: Pool, sql: str, *args: object) -> list[tuple]:
    """Run a query and give all rows."""
    async with pool.connection() as connection:
        cursor = await connection.execute(sql, args)
        return await cursor.fetchall()
