"""What ingest tests share: an agency with devices, publishing, and reading rows back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count

import msgspec

from sapar.contract.messages import Ack, Fix
from sapar.contract.topics import device_topic
from sapar.core.clock import SystemClock
from sapar.core.db import Pool
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.ingest.worker import forget_session, run_ingest

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
    task = asyncio.create_task(run_ingest(own, own.clock(), metrics))
    await asyncio.sleep(0.3)
    try:
        yield metrics
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await forget_session(own)
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def device(
    settings: Settings, device_id: str, agency: str = AGENCY
) -> AsyncIterator[MqttClient]:
    """Connect as a device would, subscribed to its acknowledgements."""
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=f"test-{agency}-{device_id}-{next(_names)}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    async with client:
        await client.subscribe(device_topic(agency, device_id, "ack"), 1)
        yield client


async def next_ack(client: MqttClient, timeout_s: float = 10.0) -> Ack:
    """Wait for the device's next acknowledgement."""
    async with asyncio.timeout(timeout_s):
        message = (await client.read())[0]
    return msgspec.json.decode(message.payload, type=Ack)


async def rows(pool: Pool, sql: str, *args: object) -> list[tuple]:
    """Run a query and give all rows."""
    async with pool.connection() as connection:
        cursor = await connection.execute(sql, args)
        return await cursor.fetchall()
