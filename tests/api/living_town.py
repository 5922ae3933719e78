"""A town that lives: buses drive, an engine makes its feeds of them, and an instance serves it.

It is 12:03 of the town's day when it starts. All is real: broker, database, engine, HTTP.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.api.pages import BUILT
from sapar.contract.codec import encode
from sapar.contract.messages import Fix
from sapar.contract.topics import device_topic, tick_topic
from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.db import connect
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.service import own_client, run_engine
from sapar.gtfs.realtime.tick import TRIP_UPDATES, Tick, decode_tick
from sapar.gtfs.timetable import Timetable
from tests.api.conftest import Instance, running
from tests.gtfs.realtime.dispatch_days import buses
from tests.gtfs.realtime.town import DAY, Bus, day_start, town, town_zip

_numbers = count(1)
NOON_S = 12 * 3600
_WARM_S = 900.0


@dataclass
class LivingTown:
    """The town's parts; `ticks` are all that the engine has made so far."""

    agency: str
    instance: Instance
    clock: ScaledClock
    timetable: Timetable
    settings: Settings
    ticks: list[Tick] = field(default_factory=list)
    tasks: list[asyncio.Task] = field(default_factory=list)

    @property
    def http(self) -> httpx.AsyncClient:
        return self.instance.http

    @property
    def start_s(self) -> float:
        return day_start(self.timetable)

    async def next_tick(self, after_s: float, more: int = 1) -> Tick:
        """The tick that comes `more` ticks after the first one made after a moment."""
        async with asyncio.timeout(20):
            while True:
                for task in self.tasks:
                    if task.done():
                        task.result()
                later = [tick for tick in self.ticks if tick.time_s >= after_s]
                if len(later) >= more:
                    return later[more - 1]
                await asyncio.sleep(0.02)

    async def until_placed(self, buses: int) -> None:
        """Wait until the feeds have runs of all buses on routes with a timetable."""
        wanted = 0
        while wanted < buses - 2:
            tick = await self.next_tick(self.clock.time())
            feed = pb.FeedMessage.FromString(tick.bodies[TRIP_UPDATES].plain())
            driven = {e.trip_update.vehicle.id for e in feed.entity if e.trip_update.vehicle.id}
            wanted = len(driven)
            await asyncio.sleep(0.05)

    async def feed(self, name: str) -> pb.FeedMessage:
        """A feed as the public gets it."""
        response = await self.http.get(f"/gtfs-rt/{name}.pb")
        return pb.FeedMessage.FromString(response.content)


@asynccontextmanager
async def living_town(settings: Settings, web_folder: Path = BUILT) -> AsyncIterator[LivingTown]:
    """Run the town until the end of the `async with`."""
    agency = f"alive{next(_numbers)}"
    timetable = town()
    clock = ScaledClock(SystemClock().wall(), day_start(timetable) + NOON_S + 180)
    settings = settings.model_copy(
        update={"tick_interval_s": 0.5, "leader_check_interval_s": 0.2, "agency": agency}
    )
    found = buses(timetable, DAY, NOON_S, {})
    _prepare(settings, agency, clock, found)
    async with (
        own_client(settings, f"buses-{agency}") as client,
        running(settings, web_folder, clock) as instance,
    ):
        await client.wait_connected(5.0)
        alive = LivingTown(agency, instance, clock, timetable, settings)
        await client.subscribe(tick_topic(agency), 1)
        tasks = alive.tasks
        tasks += [
            asyncio.create_task(run_engine(settings, clock, Metrics(), agency)),
            asyncio.create_task(_drive(client, agency, found, clock)),
            asyncio.create_task(_listen(client, alive)),
        ]
        try:
            await alive.until_placed(len(found))
            async with asyncio.timeout(10):
                while agency not in instance.hub.held:
                    await asyncio.sleep(0.02)
            yield alive
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.publish(tick_topic(agency), b"", qos=1, retain=True)
        for task in tasks:
            if not task.cancelled():
                task.result()


def _prepare(settings: Settings, agency: str, clock: ScaledClock, found: list[Bus]) -> None:
    """Import the timetable, register the buses, and store where they have been driving."""
    now_s = clock.time()
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        checked = check_feed(town_zip(), agency)
        import_feed(connection, checked, activate=True, now=clock.now(), progress=lambda _: None)
        for bus in found:
            connection.execute(
                "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')",
                (agency, bus.vehicle_id),
            )
            fixes = [(at_s, bus.fix(at_s)) for at_s in np.arange(now_s - _WARM_S, now_s, 10.0)]
            connection.cursor().executemany(
                "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude,"
                " trip_id, route_id, received_at) SELECT device_no, to_timestamp(%s), 0, %s, 0,"
                " %s, %s, %s, %s, now() FROM device WHERE agency_id = %s AND device_id = %s",
                [
                    (
                        at_s,
                        seq,
                        float(fix.latitude[0]),
                        float(fix.longitude[0]),
                        fix.trip_ids[0],
                        fix.route_ids[0],
                        agency,
                        bus.vehicle_id,
                    )
                    for seq, (at_s, fix) in enumerate(fixes)
                ],
            )


async def _drive(client: MqttClient, agency: str, found: list[Bus], clock: ScaledClock) -> None:
    seq = 0
    while True:
        seq += 1
        now_s = clock.time()
        messages = []
        for bus in found:
            columns = bus.fix(now_s)
            fix = Fix(
                epoch=1,
                seq=seq,
                time_ms=int(now_s * 1000),
                latitude=float(columns.latitude[0]),
                longitude=float(columns.longitude[0]),
                trip_id=columns.trip_ids[0],
                route_id=columns.route_ids[0],
            )
            messages.append((device_topic(agency, bus.vehicle_id, "gps"), encode(fix)))
        await client.publish_many(messages, qos=0)
        await asyncio.sleep(1.0)


async def _listen(client: MqttClient, alive: LivingTown) -> None:
    while True:
        alive.ticks += [decode_tick(m.payload) for m in await client.read() if m.payload]
