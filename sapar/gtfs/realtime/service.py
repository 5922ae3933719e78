"""The engine in service: fixes from the broker, history from the database, ticks to the broker.

One process serves one agency; start two for a leader and a standby. Both take all fixes and look
for runs; the leader alone publishes. Fixes and ticks take turns in one event loop, so the engine
needs no lock; a broker that is ahead of us waits, as the client stops reading.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass

from sapar.contract.checks import FIX_RULES, CheckContext, find_refusal
from sapar.contract.codec import RecordDecoder, Undecodable
from sapar.contract.messages import Fix
from sapar.contract.topics import find_up_topic, tick_topic, up_filter
from sapar.core.clock import Clock
from sapar.core.db import Pool, connect_async, open_pool, translated
from sapar.core.errors import ConnectionLost, SaparError
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher
from sapar.gtfs.history.keeper import HistoryKeeper
from sapar.gtfs.importer import CHANNEL, find_active_version
from sapar.gtfs.realtime.alarm_keeper import AlarmKeeper
from sapar.gtfs.realtime.console.model import read_alarms
from sapar.gtfs.realtime.console.rules import default_rules
from sapar.gtfs.realtime.dispatch_watch import follow_dispatch
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.forecast import Lean
from sapar.gtfs.realtime.hearing import Hearing
from sapar.gtfs.realtime.intake import VERDICTS, columns_of
from sapar.gtfs.realtime.leader import Leadership
from sapar.gtfs.realtime.phases import PHASES
from sapar.gtfs.realtime.shape_store import learnt_lines_stamp, with_learnt_lines
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.store import recent_fixes
from sapar.gtfs.realtime.tick import CONSOLE, VEHICLE_POSITIONS, Tick, decode_tick, encode_tick
from sapar.gtfs.timetable import Timetable, load_timetable

_RETRY_S = 1.0
_RETAINED_S = 0.5  # the broker sends a retained message with the subscription, or never
_log = get_logger()


async def run_engine(settings: Settings, clock: Clock, metrics: Metrics, agency_id: str) -> None:
    """Serve one agency until cancelled."""
    conninfo = settings.database_url.get_secret_value()
    async with (
        open_pool(conninfo, name=f"sapar-engine-{agency_id}") as pool,
        RegistryWatcher(pool, settings, clock).running() as registry,
    ):
        version = await _first_version(pool, agency_id)
        service = EngineService(settings, clock, metrics, agency_id, pool, registry, version)
        await service.run()


@dataclass(frozen=True, slots=True)
class Version:
    """A timetable in force and a digest of what it was built from: zip and learnt lines."""

    digest: str
    timetable: Timetable


async def _first_version(pool: Pool, agency_id: str) -> Version:
    """Wait until the agency has a timetable; an engine may start before the first import."""
    while True:
        try:
            version = await find_version(pool, agency_id, "")
        except SaparError as exc:
            _log.warning("timetable_not_loaded", agency=agency_id, reason=exc.message)
            version = None
        if version is not None:
            return version
        _log.info("engine_waits_for_timetable", agency=agency_id)
        await asyncio.sleep(_RETRY_S)


async def find_version(pool: Pool, agency_id: str, known_digest: str) -> Version | None:
    """Build the active timetable, in a thread; None when there is none or it is the known one.

    Patterns without a shape run along the lines that were learnt.
    """
    active = await find_active_version(pool, agency_id)
    if active is None:
        return None
    digest = f"{active.digest} {await learnt_lines_stamp(pool, agency_id)}"
    if digest == known_digest:
        return None
    timetable = await asyncio.to_thread(load_timetable, active.zip, agency_id)
    return Version(digest, await with_learnt_lines(pool, timetable))


def own_client(settings: Settings, client_id: str) -> MqttClient:
    """Make a client on the broker's internal listener, with a session that ends with it."""
    return MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=client_id,
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
        wait=False,
    )


class EngineService:
    """An engine with its inputs and outputs.

    Args:
        settings: see `sapar.core.settings`.
        clock, metrics, pool: shared tools of the process.
        agency_id: whose fleet this is.
        registry: which device is in which vehicle.
        version: the timetable in force at the start.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        agency_id: str,
        pool: Pool,
        registry: RegistryWatcher,
        version: Version,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._agency_id = agency_id
        self._pool = pool
        self._registry = registry
        self._digest = version.digest
        lean = Lean(settings.eta_lean_s, settings.eta_lean_share)
        self.engine = Engine(version.timetable, settings.position_stale_s, lean)
        self.engine.console.use_rules(default_rules(settings))
        self._leadership = Leadership(settings.database_url.get_secret_value(), agency_id)
        self._decoder: RecordDecoder[Fix] = RecordDecoder(Fix)
        self._hearing = Hearing(clock)
        self._client = own_client(settings, f"sapar-engine-{agency_id}-{self._leadership.name}")
        self._history = HistoryKeeper(
            settings, clock, metrics, pool, agency_id, self.engine, self._is_leader
        )
        self._alarms = AlarmKeeper(
            clock, pool, agency_id, self.engine, lambda: self._leadership.term
        )
        self._number = 0
        self._counted = dict.fromkeys(VERDICTS, 0)

    async def run(self) -> None:
        """Warm up, then serve until cancelled."""
        async with self._client:
            # at QoS 0: what is missed while the connection is down is old when it is back
            await self._client.subscribe(up_filter("gps", self._agency_id), 0)
            await self._client.subscribe(up_filter("event", self._agency_id), 0)
            await self._client.subscribe(up_filter("tap", self._agency_id), 0)
            await self._history.load()
            await self._warm()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(), name="fixes")
                    tasks.create_task(self._tick_for_ever(), name="ticks")
                    tasks.create_task(self._follow_timetable(), name="timetable")
                    tasks.create_task(self._follow_alerts(), name="alerts")
                    tasks.create_task(self._history.run(), name="history")
                    tasks.create_task(self._alarms.run(), name="alarms_kept")
            finally:
                self._metrics.leader.labels(self._agency_id).set(0)
                await self._history.close()
                await self._leadership.release()

    def _is_leader(self) -> bool:
        return self._leadership.term > 0

    async def _warm(self) -> None:
        """Read back what was stored before this process started."""
        started_s = self._clock.monotonic()
        count, now = 0, self._clock.now()
        try:
            async with aclosing(
                recent_fixes(self._pool, self._agency_id, self._registry.current, now)
            ) as slices:
                async for fixes in slices:
                    await asyncio.to_thread(self.engine.warm, fixes, self._clock.time())
                    count += len(fixes)
        except SaparError as exc:
            _log.warning("engine_not_warm", agency=self._agency_id, reason=exc.message)
        self._history.collect()  # fills what no engine saw, see `VisitRecorder.add`
        _log.info(
            "engine_warm",
            agency=self._agency_id,
            fixes=count,
            took_s=round(self._clock.monotonic() - started_s, 2),
        )

    # -- fixes ----------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            self.take(await self._client.read())

    def take(self, messages: list[Message]) -> None:
        """Take fixes as they came from the broker; what the checks refuse is counted and left."""
        now_s = self._clock.time()
        registry = self._registry.current
        context = CheckContext(
            now_ms=int(now_s * 1000),
            area=registry.area_of(self._agency_id),
            future_max_ms=self._settings.future_clock_max_s * 1000,
            past_max_ms=self._settings.past_clock_max_days * 86_400_000,
        )
        vehicles: list[str] = []
        fixes: list[Fix] = []
        refused = 0
        for message in messages:
            topic = find_up_topic(message.topic)
            device = (
                None if topic is None else registry.find_device(topic.agency_id, topic.device_id)
            )
            if topic is not None and topic.kind != "gps":
                self._hearing.take(topic.kind, message.payload, device, self.engine.console)
                continue
            for fix in self._decoder.decode(message.payload):
                if (
                    device is None
                    or device.revoked
                    or isinstance(fix, Undecodable)
                    or find_refusal(fix, FIX_RULES, context) is not None
                ):
                    refused += 1
                    continue
                vehicle_id = device.vehicle_at(fix.time_ms / 1000) or device.device_id
                vehicles.append(vehicle_id)
                fixes.append(fix)
                if fix.occupancy_count is not None:
                    self.engine.loads.take(vehicle_id, fix.time_ms / 1000, fix.occupancy_count)
                if fix.driver_id is not None:
                    self.engine.drivers.take(vehicle_id, fix.time_ms / 1000, fix.driver_id)
        if fixes:
            self.engine.ingest(columns_of(vehicles, fixes), now_s)
        self._count(refused)

    # -- ticks ----------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        """Publish while leading; otherwise keep an eye on the fleet and try for the lock."""
        while True:
            started_s = self._clock.monotonic()
            leads = await self._leadership.holds() or await self._try_to_lead()
            self._metrics.leader.labels(self._agency_id).set(int(leads))
            interval_s = self._settings.tick_interval_s
            if not leads:
                self._show(self.engine.look(self._clock.time()))
                interval_s = self._settings.leader_check_interval_s
            elif self.engine.is_due(self._clock.time()):
                await self._publish()
            self._history.collect()
            spent_s = self._clock.monotonic() - started_s
            await asyncio.sleep(max(0.05, interval_s - spent_s))

    async def _publish(self) -> None:
        started_s = self._clock.monotonic()
        self._number += 1
        tick = self.engine.tick(
            self._clock.time(), self._clock.wall(), self._leadership.term, self._number
        )
        self._metrics.tick_duration.labels(self._agency_id).observe(
            self._clock.monotonic() - started_s
        )
        if self.engine.snapshot is not None:
            self._show(self.engine.snapshot)
        try:
            async with asyncio.timeout(self._settings.tick_interval_s * 2):
                await self._client.publish(
                    tick_topic(self._agency_id), encode_tick(tick), qos=1, retain=True
                )
        except (ConnectionLost, TimeoutError) as exc:
            _log.warning("tick_not_published", agency=self._agency_id, reason=str(exc))
            return
        self._metrics.ticks.labels(self._agency_id).inc()
        self._history.note_published()

    async def _try_to_lead(self) -> bool:
        """Take the lock if it is free, and go on from where the last leader stopped."""
        if not await self._leadership.try_lock():
            return False
        last = await self._last_tick()
        seen_term = 0 if last is None else last.term
        if not await self._leadership.begin_term(seen_term, self._clock.now()):
            return False
        self._number = 0
        if last is not None:
            self.engine.last_header_s = max(self.engine.last_header_s, int(last.time_s))
            body = last.bodies.get(VEHICLE_POSITIONS)
            if body is not None:
                self.engine.look(self._clock.time())
                self.engine.adopt(body.plain())
        console = None if last is None else last.bodies.get(CONSOLE)
        await self._alarms.take_over([] if console is None else read_alarms(console.plain()))
        _log.info("engine_leads", agency=self._agency_id, term=self._leadership.term)
        return True

    async def _last_tick(self) -> Tick | None:
        """Read the tick that the broker has kept, None when there is none."""
        client_id = f"sapar-engine-{self._agency_id}-{self._leadership.name}-last"
        with suppress(TimeoutError, SaparError):
            async with (
                asyncio.timeout(_RETAINED_S + 2.0),
                own_client(self._settings, client_id) as client,
            ):
                await client.subscribe(tick_topic(self._agency_id), 0)
                await client.wait_connected(2.0)
                async with asyncio.timeout(_RETAINED_S):
                    return decode_tick((await client.read())[-1].payload)
        return None

    # -- what changes rarely --------------------------------------------------------------------

    async def _follow_timetable(self) -> None:
        """Switch when an import has switched; look once after every loss of the connection."""
        while True:
            try:
                connection = await connect_async(self._settings.database_url.get_secret_value())
                async with connection:
                    with translated():
                        await connection.execute(f"LISTEN {CHANNEL}")
                    await self._switch()
                    while True:
                        with translated():
                            notices = [
                                n async for n in connection.notifies(timeout=60.0, stop_after=1)
                            ]
                        if any(notice.payload == self._agency_id for notice in notices):
                            await self._switch()
            except SaparError as exc:
                _log.warning("timetable_not_followed", reason=exc.message)
                await asyncio.sleep(_RETRY_S)

    async def _switch(self) -> None:
        version = await find_version(self._pool, self._agency_id, self._digest)
        if version is None:
            return
        self._digest = version.digest
        await self._history.switch(version.timetable)
        _log.info(
            "timetable_switched", agency=self._agency_id, version=version.timetable.feed_version
        )

    async def _follow_alerts(self) -> None:
        conninfo = self._settings.database_url.get_secret_value()
        await follow_dispatch(
            conninfo,
            self._pool,
            self._agency_id,
            self._clock,
            self.engine,
            default_rules(self._settings),
        )

    # -- metrics --------------------------------------------------------------------------------

    def _count(self, refused: int) -> None:
        counter = self._metrics.fixes
        if refused:
            counter.labels(self._agency_id, "refused").inc(refused)
        for verdict, total in self.engine.verdicts.items():
            counter.labels(self._agency_id, verdict).inc(total - self._counted[verdict])
        self._counted = dict(self.engine.verdicts)

    def _show(self, seen: Picture) -> None:
        for number, phase in enumerate(PHASES):
            count = int((seen.phase == number).sum())
            self._metrics.vehicles.labels(self._agency_id, phase).set(count)
