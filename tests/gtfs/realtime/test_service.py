"""The engine on a real broker and a real database: feeds, leader changes, restarts, new timetables."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.contract.codec import encode
from sapar.contract.messages import Fix
from sapar.contract.topics import device_topic, tick_topic
from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.db import Pool, connect
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.leader import Leadership
from sapar.gtfs.realtime.service import own_client, run_engine
from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES, VEHICLE_POSITIONS, Tick, decode_tick
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import Bus, Leg, day_start, town, town_zip

_numbers = count(1)


@pytest.fixture
def agency() -> str:
    """An agency of the test's own: retained ticks outlive it."""
    return f"town{next(_numbers)}"


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture
def clock(timetable: Timetable) -> ScaledClock:
    """Transit time stands at 12:03 of the town's day when the test starts."""
    return ScaledClock(SystemClock().wall(), day_start(timetable) + 12 * 3600 + 180)


@pytest.fixture
def own(settings: Settings) -> Settings:
    return settings.model_copy(update={"tick_interval_s": 1.0, "leader_check_interval_s": 0.2})


def prepare(settings: Settings, agency: str, clock: ScaledClock, content: bytes) -> None:
    """Import the timetable and register two devices, one mounted in a vehicle."""
    conninfo = settings.database_url.get_secret_value()
    with connect(conninfo, autocommit=True) as connection:
        checked = check_feed(content, agency)
        import_feed(connection, checked, activate=True, now=clock.now(), progress=lambda _: None)
        for device, vehicle in (("dev-1", "bus 1"), ("dev-2", None)):
            row = connection.execute(
                "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')"
                " ON CONFLICT (agency_id, device_id) DO UPDATE SET password_hash = 'x'"
                " RETURNING device_no",
                (agency, device),
            ).fetchone()
            if vehicle is not None and row is not None:
                connection.execute(
                    "INSERT INTO mounting VALUES (%s, %s, tstzrange('2020-01-01', NULL))",
                    (row[0], vehicle),
                )


@asynccontextmanager
async def engine(settings: Settings, clock: ScaledClock, agency: str) -> AsyncIterator[Metrics]:
    metrics = Metrics()
    task = asyncio.create_task(run_engine(settings, clock, metrics, agency))
    try:
        yield metrics
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def reader(settings: Settings, agency: str) -> AsyncIterator[MqttClient]:
    async with own_client(settings, f"test-reader-{agency}") as client:
        await client.subscribe(tick_topic(agency), 1)
        await client.wait_connected(5.0)
        yield client


async def ticks_until(client: MqttClient, wanted: int, timeout_s: float = 60.0) -> list[Tick]:
    found: list[Tick] = []
    async with asyncio.timeout(timeout_s):
        while len(found) < wanted:
            found += [decode_tick(message.payload) for message in await client.read()]
    return found


def bus(timetable: Timetable) -> Bus:
    """A bus under way on the 12:00 trip of line O, and its delay of 20 s."""
    trip = timetable.trips.index["O-24"]
    start = day_start(timetable) + float(timetable.trips.first_s[trip]) + 20
    return Bus(timetable, "bus 1", [Leg("O-24", start, "O-24")], noise_m=3.0)


def fix_of(driving: Bus, clock: ScaledClock, seq: int) -> Fix:
    now_s = clock.time()
    columns = driving.fix(now_s)
    return Fix(
        epoch=1,
        seq=seq,
        time_ms=int(now_s * 1000),
        latitude=float(columns.latitude[0]),
        longitude=float(columns.longitude[0]),
        trip_id="O-24",
        occupancy_count=40,
    )


async def send_fixes(settings: Settings, clock: ScaledClock, agency: str, driving: Bus) -> None:
    """Send a fix from both devices twice a second until cancelled; dev-2 stands far away."""
    async with own_client(settings, f"test-sender-{agency}") as client:
        await client.wait_connected(5.0)
        for seq in count(1):
            fix = fix_of(driving, clock, seq)
            await client.publish(device_topic(agency, "dev-1", "gps"), encode(fix))
            lost = Fix(epoch=1, seq=seq, time_ms=fix.time_ms, latitude=50.28, longitude=57.19)
            await client.publish(device_topic(agency, "dev-2", "gps"), encode(lost, "msgpack"))
            await client.publish(device_topic(agency, "nobody", "gps"), encode(fix))
            await client.publish(device_topic(agency, "dev-1", "gps"), b"{broken")
            await asyncio.sleep(0.5)


@asynccontextmanager
async def driving(
    settings: Settings, clock: ScaledClock, agency: str, timetable: Timetable
) -> AsyncIterator[None]:
    task = asyncio.create_task(send_fixes(settings, clock, agency, bus(timetable)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def store_minutes(pool: Pool, clock: ScaledClock, agency: str, driver: Bus) -> None:
    """Store what dev-1 sent in the last minutes."""
    now_s = clock.time()
    async with pool.connection() as connection:
        for seq, ago_s in enumerate(range(150, 0, -10)):
            columns = driver.fix(now_s - ago_s)
            await connection.execute(
                "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude,"
                " trip_id, received_at) SELECT device_no, %s, 1, %s, 1, %s, %s, 'O-24', now()"
                " FROM device WHERE agency_id = %s AND device_id = 'dev-1'",
                (
                    datetime.fromtimestamp(now_s - ago_s, UTC),
                    seq,
                    float(columns.latitude[0]),
                    float(columns.longitude[0]),
                    agency,
                ),
            )


def vehicles(tick: Tick) -> dict[str, pb.VehiclePosition]:
    message = pb.FeedMessage.FromString(tick.bodies[VEHICLE_POSITIONS].plain())
    return {entity.id: entity.vehicle for entity in message.entity}


async def test_fixes_become_feeds_under_the_vehicles_own_names(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable
) -> None:
    prepare(own, agency, clock, town_zip())
    async with (
        reader(own, agency) as client,
        driving(own, clock, agency, timetable),
        engine(own, clock, agency) as metrics,
    ):
        ticks = await ticks_until(client, 6)
    last = vehicles(ticks[-1])
    assert set(last) == {"bus 1", "dev-2"}
    assert last["bus 1"].trip.trip_id == "O-24"
    assert not last["dev-2"].HasField("trip")
    updates = pb.FeedMessage.FromString(ticks[-1].bodies[TRIP_UPDATES].plain())
    # next trips of the block first, the current one last
    assert [e.trip_update.trip.trip_id for e in updates.entity][-2:] == ["O-25", "O-24"]
    assert {e.trip_update.vehicle.id for e in updates.entity} == {"bus 1"}
    refused = metrics.registry.get_sample_value(
        "sapar_engine_fixes_total", {"agency": agency, "verdict": "refused"}
    )
    assert refused is not None
    assert refused >= 6


async def test_passenger_counts_reach_the_feed(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable, pool: Pool
) -> None:
    prepare(own, agency, clock, town_zip())
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO vehicle_capacity VALUES (%s, 'bus 1', 100)", (agency,)
        )
    async with (
        reader(own, agency) as client,
        driving(own, clock, agency, timetable),
        engine(own, clock, agency),
        asyncio.timeout(20),
    ):
        while True:
            last = vehicles((await ticks_until(client, 1))[-1])
            if "bus 1" in last and last["bus 1"].occupancy_percentage == 40:
                break
    assert last["bus 1"].occupancy_status == pb.VehiclePosition.FEW_SEATS_AVAILABLE
    assert not last["dev-2"].HasField("occupancy_status")


async def test_published_predictions_are_sampled(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable, pool: Pool
) -> None:
    prepare(own, agency, clock, town_zip())
    await store_minutes(pool, clock, agency, bus(timetable))
    sampled = own.model_copy(update={"eta_sample_share": 1.0})
    async with reader(own, agency) as client, engine(sampled, clock, agency):
        await ticks_until(client, 2)
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT vehicle_id, trip_id FROM eta_sample WHERE agency_id = %s", (agency,)
        )
        found = await cursor.fetchall()
    assert ("bus 1", "O-24") in found


async def test_a_standby_takes_over_and_time_never_goes_back(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable
) -> None:
    prepare(own, agency, clock, town_zip())
    async with (
        reader(own, agency) as client,
        driving(own, clock, agency, timetable),
        engine(own, clock, agency) as second,
    ):
        async with engine(own, clock, agency):
            before = await ticks_until(client, 4)
        after = await ticks_until(client, 4)
        if after[-1].term == before[-1].term:  # the first to start was the one that stayed
            assert second.registry.get_sample_value("sapar_engine_leader", {"agency": agency}) == 1
    ticks = before + after
    assert [tick.order for tick in ticks] == sorted({tick.order for tick in ticks})
    stamps = [
        pb.FeedMessage.FromString(tick.bodies[VEHICLE_POSITIONS].plain()).header.timestamp
        for tick in ticks
    ]
    assert stamps == sorted(set(stamps))


async def test_terms_rise_and_only_one_holds_the_lock(
    own: Settings, agency: str, clock: ScaledClock
) -> None:
    prepare(own, agency, clock, town_zip())
    conninfo = own.database_url.get_secret_value()
    one, two = Leadership(conninfo, agency), Leadership(conninfo, agency)
    assert await one.try_lock()
    assert not await two.try_lock()
    assert await one.begin_term(0, clock.now())
    assert await one.holds()
    first = one.term
    with connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    assert not await one.holds()
    assert one.term == 0
    assert await two.try_lock()
    assert await two.begin_term(first + 5, clock.now())
    assert two.term == first + 6
    await two.release()
    await one.release()


async def test_an_engine_that_starts_anew_knows_the_fleet_at_once(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable, pool: Pool
) -> None:
    prepare(own, agency, clock, town_zip())
    await store_minutes(pool, clock, agency, bus(timetable))
    async with reader(own, agency) as client, engine(own, clock, agency):
        ticks = await ticks_until(client, 1)
    assert vehicles(ticks[0])["bus 1"].trip.trip_id == "O-24"


async def test_a_new_timetable_is_taken_while_running(
    own: Settings, clock: ScaledClock, agency: str, timetable: Timetable
) -> None:
    prepare(own, agency, clock, town_zip())
    async with (
        reader(own, agency) as client,
        driving(own, clock, agency, timetable),
        engine(own, clock, agency),
    ):
        assert (await ticks_until(client, 3))[-1].feed_version == "v1"
        await asyncio.to_thread(_import_again, own, agency, clock)
        async with asyncio.timeout(20):
            while (ticks := await ticks_until(client, 1))[-1].feed_version != "v2":
                pass
    assert vehicles(ticks[-1])["bus 1"].trip.trip_id == "O-24"


def _import_again(settings: Settings, agency: str, clock: ScaledClock) -> None:
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        import_feed(
            connection,
            check_feed(town_zip("v2"), agency),
            activate=True,
            now=clock.now(),
            progress=lambda _: None,
        )


async def test_alerts_come_from_their_table(
    own: Settings, clock: ScaledClock, agency: str, pool: Pool
) -> None:
    prepare(own, agency, clock, town_zip())
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO alert (agency_id, alert_id, header, description, cause, effect, periods,"
            """ informed) VALUES (%(agency)s, 'now', '{"ru": "Ремонт", "kk": "Жөндеу"}',"""
            """ '{"en": "Works"}', 'CONSTRUCTION', 'DETOUR',"""
            " ARRAY[tstzrange('2020-01-01', NULL)],"
            """ '[{"route_id": "O"}, {"stop_id": "gone"}]'),"""
            """ (%(agency)s, 'over', '{"en": "x"}', '{"en": "y"}', 'STRIKE', 'NO_SERVICE',"""
            " ARRAY[tstzrange('2020-01-01', '2020-01-02')], '[]')",
            {"agency": agency},
        )
    async with reader(own, agency) as client, engine(own, clock, agency):
        ticks = await ticks_until(client, 2)
    message = pb.FeedMessage.FromString(ticks[-1].bodies[ALERTS].plain())
    (entity,) = message.entity
    assert entity.id == "now"
    assert entity.alert.effect == pb.Alert.DETOUR
    assert {t.language: t.text for t in entity.alert.header_text.translation} == {
        "ru": "Ремонт",
        "kk": "Жөндеу",
    }
    assert [selector.route_id for selector in entity.alert.informed_entity] == ["O"]
    assert entity.alert.active_period[0].start == 1_577_836_800
    assert not entity.alert.active_period[0].HasField("end")
