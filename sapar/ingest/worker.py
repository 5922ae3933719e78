"""One ingest worker: receive → intake → write → acknowledge, and nothing is acknowledged early.

Two tasks share the work: one fills the open batch from the broker, the other writes closed batches.
What is under way is bounded by the receive maximum: the broker sends no more until we acknowledge,
and we acknowledge after the commit, so a slow database slows the delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sapar.contract.topics import UpKind
from sapar.core.clock import Clock
from sapar.core.db import Pool, open_pool
from sapar.core.errors import Unavailable
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher
from sapar.ingest.intake import Batch, Intake
from sapar.ingest.latest import rebuild_latest, write_latest
from sapar.ingest.retention import apply_retention, compress_where_possible
from sapar.ingest.writer import Writer
from sapar.uplink.acks import Acks
from sapar.uplink.filling import drain_session, fill_batches, repeat
from sapar.uplink.session import shared_filters, worker_client

KINDS: tuple[UpKind, ...] = ("gps", "event", "shift", "status")
_RETRY_S = 0.5
_RETENTION_INTERVAL_S = 3600.0
_LATEST_REBUILT = timedelta(hours=2)
_log = get_logger()


def ingest_client(settings: Settings, *, clean: bool = False) -> MqttClient:
    """Make the worker's broker client: its session outlives it, its number names the session.

    With `clean` an earlier session is forgotten, and the client waits for its connection.
    """
    return worker_client(
        settings,
        "ingest",
        settings.ingest_worker,
        session_expiry_s=settings.ingest_session_expiry_s,
        receive_max=settings.ingest_receive_max,
        clean=clean,
    )


class Worker:
    """An ingest worker.

    Args:
        settings: see `sapar.core.settings`; `ingest_worker` is its stable number.
        clock, metrics, pool: shared tools of the process.
        registry: who may speak.
        client: made by `ingest_client`.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        pool: Pool,
        registry: RegistryWatcher,
        client: MqttClient,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._pool = pool
        self._registry = registry
        self._client = client
        self._intake = Intake(settings, clock, metrics)
        self._acks = Acks(settings, clock, metrics.acks)
        self._writer = Writer(settings.database_url.get_secret_value(), clock, metrics)
        self._closed: asyncio.Queue[Batch] = asyncio.Queue(maxsize=1)

    async def run(self) -> None:
        """Work until cancelled."""
        for pattern in shared_filters(self._settings, "ingest", KINDS):
            await self._client.subscribe(pattern, 1)
        settings = self._settings
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._fill(), name="fill")
                tasks.create_task(self._drain(), name="drain")
                tasks.create_task(repeat(settings.latest_interval_s, self._write_latest))
                tasks.create_task(repeat(settings.ack_interval_ms / 2000, self._send_acks))
                tasks.create_task(repeat(_RETENTION_INTERVAL_S, self._retain))
        finally:
            await self._writer.close()

    async def _fill(self) -> None:
        settings = self._settings
        await fill_batches(
            self._client,
            self._clock,
            self._closed,
            new=Batch,
            take=lambda messages, batch: self._intake.take(messages, self._registry.current, batch),
            batch_max=settings.ingest_batch_max,
            age_s=settings.ingest_batch_age_ms / 1000,
            in_flight=self._metrics.in_flight,
        )

    async def _drain(self) -> None:
        """Write closed batches, one after another, each until it is committed."""
        while True:
            await self._commit(await self._closed.get())

    async def _commit(self, batch: Batch) -> None:
        while True:
            try:
                written = await self._writer.write(batch)
                break
            except Unavailable as exc:
                _log.warning(
                    "database_unavailable", reason=exc.message, messages=len(batch.messages)
                )
                await self._writer.close()
                await asyncio.sleep(_RETRY_S)
        self._client.ack(batch.messages)
        self._metrics.in_flight.dec(len(batch.messages))
        self._metrics.messages.labels("all").inc(len(batch.messages))
        self._metrics.commit_latency.observe(self._clock.monotonic() - batch.opened_s)
        devices = self._registry.current.devices_by_no
        for kind, device_no, epoch, seqs in written.stored:
            device = devices.get(device_no)
            if device is not None:
                self._acks.add_stored(device, kind, epoch, seqs)
        for letter in written.dead:
            self._acks.add_dead(letter)
        await self._send_acks()

    async def _send_acks(self) -> None:
        await self._acks.send_due(self._client, self._intake.encodings)

    async def _write_latest(self) -> None:
        if self._intake.latest:
            latest, self._intake.latest = self._intake.latest, {}
            try:
                await write_latest(self._pool, self._clock, latest)
            except Unavailable:
                self._intake.latest = latest | self._intake.latest
                raise

    async def _retain(self) -> None:
        dropped = await apply_retention(self._pool, self._settings, self._clock)
        if dropped:
            _log.info("chunks_dropped", chunks=dropped)


async def run_ingest(settings: Settings, clock: Clock, metrics: Metrics) -> None:
    """Run the worker that `settings.ingest_worker` names, until cancelled.

    It may be started before the database and the broker are: it waits for both.
    """
    async with open_pool(settings.database_url.get_secret_value(), name="sapar-ingest") as pool:
        await _prepare(pool, clock)
        watcher = RegistryWatcher(pool, settings, clock)
        async with watcher.running(), ingest_client(settings) as client:
            _log.info("ingest_started", worker=settings.ingest_worker)
            await Worker(settings, clock, metrics, pool, watcher, client).run()


async def _prepare(pool: Pool, clock: Clock) -> None:
    """Do what the database needs before the first message, as soon as it answers."""
    while True:
        try:
            await rebuild_latest(pool, clock, _LATEST_REBUILT)
            await compress_where_possible(pool)
            return
        except Unavailable as exc:
            _log.warning("database_unavailable", reason=exc.message, messages=0)
            await asyncio.sleep(_RETRY_S)


async def retire(settings: Settings, clock: Clock, metrics: Metrics, quiet_s: float = 3.0) -> int:
    """Take worker `settings.ingest_worker` out of service for good, losing nothing.

    Unsubscribes, so that its share goes to the others, stores what its session still holds, and
    then forgets the session. A session that nobody drains strands its share of the messages.

    Returns:
        How many messages the session held.
    """
    async with open_pool(settings.database_url.get_secret_value(), name="sapar-retire") as pool:
        watcher = RegistryWatcher(pool, settings, clock)
        writer = Writer(settings.database_url.get_secret_value(), clock, metrics)
        intake = Intake(settings, clock, metrics)

        async def store(messages: Sequence[Message]) -> None:
            while messages:
                batch = Batch()
                taken = intake.take(messages, watcher.current, batch)
                await writer.write(batch)
                messages = messages[taken:]

        async with watcher.running(), ingest_client(settings) as client:
            await client.wait_connected(10.0)
            patterns = shared_filters(settings, "ingest", KINDS)
            count = await drain_session(client, patterns, store, quiet_s)
        await writer.close()
    await forget_session(settings)
    return count


async def forget_session(settings: Settings) -> None:
    """Let the broker forget the session of worker `settings.ingest_worker`, and what it queued.

    A session that nobody drains keeps its share of the messages from the other workers.
    """
    async with ingest_client(
        settings.model_copy(update={"ingest_session_expiry_s": 0}), clean=True
    ):
        pass
