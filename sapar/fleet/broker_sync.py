"""The part that keeps the broker's users and topics as the registry says, and counts its refusals.

It runs beside the broker, under an account that may write `broker_dir` and signal the broker.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from sapar.core.db import Pool, load_queries, open_pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.fleet.broker import BrokerFiles, Credential, reload_broker, write_devices
from sapar.fleet.broker_log import LogReader, Refusals, count_refusals
from sapar.fleet.registry import notices

_QUERIES = load_queries("sapar.fleet")

# Changes come in flocks; each reload costs the broker a moment (0.2 s for 3,000 devices).
_DEBOUNCE_S = 0.2
_RETRY_S = 1.0
_STARTING_POLL_S = 0.1
_LOG_INTERVAL_S = 1.0

_log = get_logger()


async def run_broker_sync(settings: Settings, metrics: Metrics) -> None:
    """Keep the broker current until cancelled: a change is in force within about a second."""
    conninfo = settings.database_url.get_secret_value()
    async with (
        open_pool(conninfo, max_size=2, name="broker-sync") as pool,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_keep(lambda: follow_devices(pool, settings)), name="devices")
        group.create_task(_keep(lambda: follow_log(pool, settings, metrics)), name="log")


async def _keep(make: Callable[[], Awaitable[None]]) -> None:
    """Start a follower again whenever the database or the broker's files fail it."""
    while True:
        try:
            await make()
        except (SaparError, OSError) as exc:
            _log.warning("broker_sync_failed", reason=str(exc))
            await asyncio.sleep(_RETRY_S)


async def follow_devices(pool: Pool, settings: Settings) -> None:
    """Write users and topics at every change of the registry and have the broker read them.

    Raises:
        Unavailable: the database does not answer.
    """
    first = True
    async for _ in notices(settings):
        await asyncio.sleep(_DEBOUNCE_S)
        credentials = await load_credentials(pool)
        changed = await asyncio.to_thread(write_devices, settings, credentials)
        # the first time always: an earlier sync may have ended between writing and reloading
        if changed or first:
            await _reload(settings)
            _log.info("broker_devices_written", devices=len(credentials))
        first = False


async def _reload(settings: Settings) -> None:
    while True:
        if reload_broker(settings) != "starting":
            return
        await asyncio.sleep(_STARTING_POLL_S)


async def load_credentials(pool: Pool) -> list[Credential]:
    """Read every device that may connect.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["list_credentials"])
            return [Credential(*row) for row in await cursor.fetchall()]


async def follow_log(pool: Pool, settings: Settings, metrics: Metrics) -> None:
    """Count the broker's refusals into the database and the metrics.

    Raises:
        Unavailable: the database does not answer; what was read since the last write is read
            again later.
    """
    reader = LogReader(BrokerFiles.of(settings).log)
    while True:
        refusals: Refusals = Counter()
        while chunk := await asyncio.to_thread(reader.read):
            refusals += count_refusals(chunk)
        if refusals:
            await store_refusals(pool, refusals)
            for (reason, _), times in refusals.items():
                metrics.broker_refusals.labels(reason).inc(times)
        reader.keep_position()
        await asyncio.sleep(_LOG_INTERVAL_S)


async def store_refusals(pool: Pool, refusals: Refusals) -> None:
    """Add to the table of refusals.

    Raises:
        Unavailable: the database does not answer.
    """
    rows = [
        {"reason": reason, "username": username, "times": times}
        for (reason, username), times in sorted(refusals.items())
    ]
    with translated():
        async with pool.connection() as connection, connection.cursor() as cursor:
            await cursor.executemany(_QUERIES["count_refusals"], rows)
