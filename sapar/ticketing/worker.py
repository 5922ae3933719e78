"""One ticketing worker: receive → intake → seals → post → acknowledge, nothing acknowledged early.

Tasks share the work: one fills the open batch from the broker, one proves the seals of closed
batches, the lanes post what is proved. So the arithmetic of a batch runs while others wait for the
database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from sapar.contract.topics import UpKind
from sapar.core.clock import Clock
from sapar.core.db import Pool, connect_async, open_pool
from sapar.core.errors import Unavailable
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher
from sapar.ticketing.intake import TapBatch, TapIntake
from sapar.ticketing.keys import KeyWatcher
from sapar.ticketing.lanes import Lanes, until_available
from sapar.ticketing.ledger.chain import keep_chain
from sapar.ticketing.ledger.role import restricted
from sapar.ticketing.line import ConnectionPoster, Line, Post, Poster
from sapar.ticketing.types import Posted
from sapar.uplink.acks import Acks
from sapar.uplink.filling import drain_session, fill_batches, repeat
from sapar.uplink.letters import DeadLetter
from sapar.uplink.session import shared_filters, worker_client

KINDS: tuple[UpKind, ...] = ("tap",)
_RETRY_S = 0.5
_log = get_logger()

OpenPost = Callable[[Settings, Clock, Pool, RegistryWatcher], AbstractAsyncContextManager[Post]]
"""Makes, once a process, what posts taps."""


def ticketing_client(settings: Settings, *, clean: bool = False) -> MqttClient:
    """Make the worker's broker client: its session outlives it, its number names the session."""
    return worker_client(
        settings,
        "ticketing",
        settings.ticketing_worker,
        session_expiry_s=settings.ticketing_session_expiry_s,
        receive_max=settings.ticketing_receive_max,
        clean=clean,
    )


class Worker:
    """A ticketing worker.

    Args:
        settings: `ticketing_worker` is its stable number.
        clock, metrics: shared tools of the process.
        registry: who may speak.
        client: made by `ticketing_client`.
        line: judges and posts.
        posters: what it posts with, one a lane.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        registry: RegistryWatcher,
        client: MqttClient,
        line: Line,
        posters: Sequence[Poster],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._registry = registry
        self._client = client
        self._line = line
        self._intake = TapIntake(settings, clock, metrics)
        self._acks = Acks(settings, clock, metrics.ticketing_acks)
        self._closed: asyncio.Queue[TapBatch] = asyncio.Queue(maxsize=1)
        self._lanes = Lanes(line, posters, self._settle, self._acknowledge)

    async def run(self) -> None:
        """Work until cancelled."""
        for pattern in shared_filters(self._settings, "ticketing", KINDS):
            await self._client.subscribe(pattern, 1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fill(), name="fill")
            tasks.create_task(self._judge(), name="judge")
            tasks.create_task(self._lanes.run(), name="post")
            tasks.create_task(repeat(self._settings.ack_interval_ms / 2000, self._send_acks))
            tasks.create_task(repeat(self._settings.registry_refresh_s, self._take_events))

    async def _fill(self) -> None:
        settings = self._settings
        await fill_batches(
            self._client,
            self._clock,
            self._closed,
            new=TapBatch,
            take=lambda messages, batch: self._intake.take(messages, self._registry.current, batch),
            batch_max=settings.ticketing_batch_max,
            age_s=settings.ticketing_batch_age_ms / 1000,
            in_flight=self._metrics.ticketing_in_flight,
        )

    async def _judge(self) -> None:
        while True:
            batch = await self._closed.get()
            judged = await until_available(partial(self._line.judge, batch.candidates), batch)
            await self._lanes.put(batch, *judged)

    async def _settle(self, posted: Posted, dead: Sequence[DeadLetter]) -> None:
        """Note and tell what a transaction committed."""
        _count(self._metrics, posted)
        self._tell(posted, dead)
        await self._send_acks()

    def _acknowledge(self, batch: TapBatch) -> None:
        """Let the broker forget a batch that is committed."""
        self._client.ack(batch.messages)
        metrics = self._metrics
        metrics.ticketing_in_flight.dec(len(batch.messages))
        metrics.ticketing_latency.observe(self._clock.monotonic() - batch.opened_s)

    def _tell(self, posted: Posted, dead: Sequence[DeadLetter]) -> None:
        """Note what the devices are to be told; a held tap is stored, and named with its code."""
        devices = self._registry.current.devices_by_no
        for (device_no, epoch), seqs in posted.stored.items():
            if device_no in devices:
                self._acks.add_stored(devices[device_no], "tap", epoch, seqs)
        for (device_no, epoch), held in posted.held.items():
            if device_no in devices:
                self._acks.add_refused(devices[device_no], "tap", epoch, held)
        for letter in dead:
            self._acks.add_dead(letter)

    async def _take_events(self) -> None:
        await self._line.take_device_voids(self._registry.current)
        await self._line.take_device_shifts(self._registry.current)

    async def _send_acks(self) -> None:
        await self._acks.send_due(self._client, self._intake.encodings)


def _count(metrics: Metrics, posted: Posted) -> None:
    metrics.taps.labels("new").inc(posted.new)
    metrics.taps.labels("repeat").inc(posted.repeats)
    metrics.taps.labels("conflict").inc(posted.conflicts)
    metrics.taps.labels("held").inc(sum(map(len, posted.held.values())))
    metrics.journals.inc(posted.journals)


async def run_ticketing(
    settings: Settings, clock: Clock, metrics: Metrics, open_post: OpenPost
) -> None:
    """Run the worker that `settings.ticketing_worker` names, until cancelled.

    It may be started before the database and the broker are: it waits for both.

    Raises:
        Fault, Refused: the master key cannot be used (`tap_master_key`).
    """
    conninfo = settings.database_url.get_secret_value()
    await _wait_for_database(conninfo)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(conninfo, name="sapar-ticketing"))
        line, posters, registry = await _open_line(stack, settings, clock, metrics, pool, open_post)
        client = await stack.enter_async_context(ticketing_client(settings))
        _log.info("ticketing_started", worker=settings.ticketing_worker)
        async with asyncio.TaskGroup() as tasks:
            # every worker looks after the chain; a lock lets one at a time
            tasks.create_task(keep_chain(conninfo, clock, settings.ticketing_chain_interval_s))
            worker = Worker(settings, clock, metrics, registry, client, line, posters)
            tasks.create_task(worker.run())


async def _wait_for_database(conninfo: str) -> None:
    while True:
        try:
            connection = await connect_async(conninfo)
        except Unavailable as exc:
            _log.warning("database_unavailable", reason=exc.message, messages=0)
            await asyncio.sleep(_RETRY_S)
        else:
            await connection.close()
            return


async def _open_line(
    stack: AsyncExitStack,
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    pool: Pool,
    open_post: OpenPost,
) -> tuple[Line, list[ConnectionPoster], RegistryWatcher]:
    """Start what a worker stands on; `stack` ends it."""
    registry = RegistryWatcher(pool, settings, clock)
    await stack.enter_async_context(registry.running())
    keys = await stack.enter_async_context(KeyWatcher(pool, settings).running())
    post = await stack.enter_async_context(open_post(settings, clock, pool, registry))
    conninfo = await asyncio.to_thread(restricted, settings.database_url.get_secret_value())
    posters = [ConnectionPoster(conninfo, post) for _ in range(settings.ticketing_lanes)]
    for poster in posters:
        stack.push_async_callback(poster.close)
    line = Line(settings, clock, metrics, pool, keys)
    stack.callback(line.close)
    return line, posters, registry


async def retire(
    settings: Settings,
    clock: Clock,
    metrics: Metrics,
    open_post: OpenPost,
    quiet_s: float = 3.0,
) -> int:
    """Take worker `settings.ticketing_worker` out of service for good, losing nothing.

    Unsubscribes, so that its share goes to the others, posts what its session still holds, and
    then forgets the session. The devices are not told: they send again, and another worker tells.

    Returns:
        How many messages the session held.
    """
    conninfo = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(conninfo, name="sapar-retire"))
        line, posters, registry = await _open_line(stack, settings, clock, metrics, pool, open_post)
        intake = TapIntake(settings, clock, metrics)

        async def store(messages: Sequence[Message]) -> None:
            while messages:
                batch = TapBatch()
                taken = intake.take(messages, registry.current, batch)
                await line.write_letters(batch.dead)
                taps, _known = await line.judge(batch.candidates)
                await line.post(posters[0], taps)
                messages = messages[taken:]

        client = await stack.enter_async_context(ticketing_client(settings))
        await client.wait_connected(10.0)
        patterns = shared_filters(settings, "ticketing", KINDS)
        count = await drain_session(client, patterns, store, quiet_s)
    await forget_session(settings)
    return count


async def forget_session(settings: Settings) -> None:
    """Let the broker forget the session of worker `settings.ticketing_worker`."""
    changed = settings.model_copy(update={"ticketing_session_expiry_s": 0})
    async with ticketing_client(changed, clean=True):
        pass
