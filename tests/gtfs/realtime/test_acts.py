"""Acts of dispatch: what is refused, what they mean, the table, and the engine that follows it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.db import DatabaseRefused, Pool, translated
from sapar.core.errors import BadInput, NotFound
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.realtime.acts import (
    Act,
    Call,
    Cancel,
    Detour,
    Extra,
    Skip,
    Swap,
    What,
    act_body,
    check_act,
    read_act_body,
)
from sapar.gtfs.realtime.acts_store import decide, list_acts, list_capacities, undo
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.detours import detoured_pattern, fit_detour, polyline_text
from sapar.gtfs.realtime.orders import orders_of
from sapar.gtfs.realtime.tick import TRIP_UPDATES
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.test_service import engine, prepare, reader, ticks_until
from tests.gtfs.realtime.town import DAY, day_start, degrees, town, town_zip

CALLS = [Call("a0", 100, 110), Call("a1", 200, 210)]
CORNERS = ((1500.0, 0.0), (1500.0, 1500.0), (2300.0, 1500.0))
PATH = [(float(lat), float(lon)) for lat, lon in (degrees(x, y) for x, y in CORNERS)]
GOOD: list[What] = [
    Cancel(trip_id="A-out-3", service_date=DAY),
    Cancel(trip_id="X-trip", service_date=DAY, start_s=6 * 3600),
    Skip(stop_ids=["a1", "a2"]),
    Skip(stop_ids=["a1"], route_id="A"),
    Skip(stop_ids=["a1"], trip_id="A-out-3", service_date=DAY),
    Extra(trip_id="new", service_date=DAY, copy_of="O-3", start_s=100),
    Extra(trip_id="new", service_date=DAY, route_id="A", headsign="X", calls=CALLS),
    Swap(vehicle_id="bus 1", service_date=DAY, block_id="A0"),
    Swap(vehicle_id="bus 1", service_date=DAY, trip_id="O-3"),
    Detour(route_id="A", path=PATH, replacement_stop_ids=["n1"]),
]
BAD: list[tuple[What, str]] = [
    (Cancel(trip_id="gone", service_date=DAY), "unknown_trip"),
    (Cancel(trip_id="A-out-3", service_date=date(2030, 1, 1)), "no_such_run"),
    (Cancel(trip_id="F-trip", service_date=DAY, start_s=6 * 3600), "no_such_run"),
    (Cancel(trip_id="X-trip", service_date=DAY), "no_such_run"),
    (Skip(stop_ids=[]), "bad_act"),
    (Skip(stop_ids=["gone"]), "unknown_stop"),
    (Skip(stop_ids=["a1"], route_id="gone"), "unknown_route"),
    (Skip(stop_ids=["a1"], trip_id="A-out-3"), "bad_act"),
    (Extra(trip_id="O-3", service_date=DAY, copy_of="O-3", start_s=1), "trip_exists"),
    (Extra(trip_id="new", service_date=DAY, copy_of="O-3"), "bad_act"),
    (Extra(trip_id="new", service_date=DAY, copy_of="F-trip", start_s=1), "bad_act"),
    (Extra(trip_id="new", service_date=DAY, route_id="A", headsign="X"), "bad_act"),
    (
        Extra(trip_id="new", service_date=DAY, route_id="A", headsign="X", calls=CALLS[::-1]),
        "bad_act",
    ),
    (Swap(vehicle_id="bus 1", service_date=DAY), "bad_act"),
    (Swap(vehicle_id="bus 1", service_date=DAY, block_id="gone"), "unknown_block"),
    (Detour(route_id="gone", path=PATH), "unknown_route"),
    (Detour(route_id="A", path=PATH[:1]), "bad_act"),
]


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def days(timetable: Timetable) -> Days:
    return Days(timetable)


@pytest.mark.parametrize("what", GOOD, ids=repr)
def test_what_can_be_said_passes_and_is_read_back_as_written(
    timetable: Timetable, days: Days, what: What
) -> None:
    check_act(timetable, days, what)
    assert read_act_body(act_body(what)) == what


@pytest.mark.parametrize(("what", "code"), BAD, ids=repr)
def test_what_means_nothing_is_refused(
    timetable: Timetable, days: Days, what: What, code: str
) -> None:
    with pytest.raises(BadInput) as caught:
        check_act(timetable, days, what)
    assert caught.value.code == code


@pytest.mark.parametrize("body", [None, {}, {"kind": "cancel"}, {"kind": "dance"}, []])
def test_what_is_no_act_is_bad_input(body: object) -> None:
    with pytest.raises(BadInput):
        read_act_body(body)


def test_acts_on_what_the_timetable_has_no_longer_are_left_out(
    timetable: Timetable, days: Days
) -> None:
    now_s = day_start(timetable) + 12 * 3600
    acts = tuple(Act(f"act-{n}", what, now_s) for n, (what, _) in enumerate(BAD))
    orders = orders_of(timetable, days, acts, now_s)
    assert orders.extras == ()
    assert orders.pins == ()
    assert orders.modifications == ()
    assert all(rule.stops.size for rule in orders.skips)


def test_a_swap_pins_a_vehicle_to_the_trips_of_the_block(timetable: Timetable, days: Days) -> None:
    now_s = day_start(timetable)
    swap = Act("act-1", Swap(vehicle_id="bus 1", service_date=DAY, block_id="A0"), now_s)
    (pin,) = orders_of(timetable, days, (swap,), now_s).pins
    assert pin.vehicle_id == "bus 1"
    assert pin.day == DAY.toordinal()
    assert pin.trips == tuple(timetable.block_trips(timetable.blocks.index["A0"]).tolist())


def test_a_detour_misses_the_stops_between_and_keeps_those_it_passes(timetable: Timetable) -> None:
    pattern = timetable.trip_pattern(timetable.trips.index["A-out-3"])
    found = fit_detour(timetable, pattern, PATH, "act-1")
    assert found is not None
    assert (found.from_m, found.to_m) == pytest.approx((1500.0, 3800.0), abs=5.0)
    assert found.missed == (3, 4)
    assert fit_detour(timetable, pattern, PATH[::-1], "act-1") is None
    far = [degrees(1500.0, 200.0), degrees(2300.0, 1500.0)]
    assert fit_detour(timetable, pattern, far, "act-1") is None
    led = detoured_pattern(pattern, [found])
    assert led.length_m == pytest.approx(pattern.length_m, abs=5.0)
    assert (np.diff(led.stop_m) >= 0).all()
    assert led.stop_m[[0, 1, 2, 5, 6, 7]] == pytest.approx(
        pattern.stop_m[[0, 1, 2, 5, 6, 7]], abs=5.0
    )


@given(st.lists(st.tuples(st.floats(-89, 89), st.floats(-179, 179)), min_size=1, max_size=20))
def test_a_polyline_is_read_back(points: list[tuple[float, float]]) -> None:
    text = polyline_text(np.array([p[0] for p in points]), np.array([p[1] for p in points]))
    numbers, shift, value = [], 0, 0
    for letter in text:
        value |= (ord(letter) - 63 & 0x1F) << shift
        shift += 5
        if ord(letter) - 63 < 0x20:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            shift, value = 0, 0
    found = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0) / 1e5
    assert found == pytest.approx(np.array(points), abs=1.1e-5)


def test_the_polyline_of_the_algorithms_own_description() -> None:
    lat, lon = np.array([38.5, 40.7, 43.252]), np.array([-120.2, -120.95, -126.453])
    assert polyline_text(lat, lon) == "_p~iF~ps|U_ulLnnqC_mqNvxq`@"


# -- the table ------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 10, 7, tzinfo=UTC)


async def add_agency(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('town', 'Town', 'Asia/Aqtobe')"
        )
        await connection.execute("INSERT INTO vehicle_capacity VALUES ('town', 'bus 1', 105)")


async def test_acts_are_decided_listed_in_order_and_undone(pool: Pool) -> None:
    await add_agency(pool)
    ids = [
        await decide(pool, "town", what, author="Aigul", reason="flood", now=NOW) for what in GOOD
    ]
    acts = await list_acts(pool, "town", NOW)
    assert [act.act_id for act in acts] == ids
    assert [act.what for act in acts] == GOOD
    assert {(act.author, act.reason, act.created_s) for act in acts} == {
        ("Aigul", "flood", NOW.timestamp())
    }
    await undo(pool, "town", ids[0], author="Dana", now=NOW)
    assert [act.act_id for act in await list_acts(pool, "town", NOW)] == ids[1:]
    for act_id in (ids[0], "act-999", "nonsense"):
        with pytest.raises(NotFound):
            await undo(pool, "town", act_id, author="Dana", now=NOW)
    assert await list_acts(pool, "other", NOW) == ()
    assert await list_capacities(pool, "town") == {"bus 1": 105}


async def test_an_act_has_an_author_a_reason_and_a_period_that_goes_forward(pool: Pool) -> None:
    await add_agency(pool)
    for author, reason, until in (("", "r", None), ("a", "", None), ("a", "r", NOW)):
        with pytest.raises(BadInput):
            await decide(
                pool, "town", GOOD[0], author=author, reason=reason, now=NOW, until_at=until
            )
    over = await decide(
        pool, "town", GOOD[0], author="a", reason="r", now=NOW,
        from_at=NOW, until_at=NOW.replace(hour=8),
    )  # fmt: skip
    assert [act.act_id for act in await list_acts(pool, "town", NOW)] == [over]
    assert await list_acts(pool, "town", NOW.replace(hour=9)) == ()


async def test_what_was_decided_stays_on_record(pool: Pool) -> None:
    await add_agency(pool)
    act_id = await decide(pool, "town", GOOD[0], author="a", reason="r", now=NOW)
    for change in (
        "UPDATE dispatch_act SET reason = 'another'",
        "UPDATE dispatch_act SET period = tstzrange('2020-01-01', NULL)",
        "UPDATE dispatch_act SET ended_at = created_at",
    ):
        with pytest.raises(DatabaseRefused), translated():
            async with pool.connection() as connection:
                await connection.execute(change)
    await undo(pool, "town", act_id, author="b", now=NOW)
    with pytest.raises(DatabaseRefused), translated():
        async with pool.connection() as connection:
            await connection.execute("UPDATE dispatch_act SET ended_at = NULL, ended_by = NULL")


async def first_tick(
    client: MqttClient, wanted: Callable[[list[Any]], bool]
) -> tuple[float, list[Any]]:
    """Wait for a tick whose trip updates are as wanted; give its time and them."""
    async with asyncio.timeout(60):
        while True:
            for tick in await ticks_until(client, 1):
                found = list(pb.FeedMessage.FromString(tick.bodies[TRIP_UPDATES].plain()).entity)
                if wanted(found):
                    return tick.time_s, found


async def test_an_engine_publishes_acts_within_a_tick_and_forgets_them_when_undone(
    settings: Settings, pool: Pool, timetable: Timetable
) -> None:
    agency = "acts-town"
    own = settings.model_copy(update={"tick_interval_s": 1.0, "leader_check_interval_s": 0.2})
    clock = ScaledClock(SystemClock().wall(), day_start(timetable) + 12 * 3600)
    prepare(own, agency, clock, town_zip())
    async with reader(own, agency) as client, engine(own, clock, agency):
        await ticks_until(client, 2)
        decided_s = clock.time()
        what = Cancel(trip_id="O-30", service_date=DAY)
        act_id = await decide(pool, agency, what, author="a", reason="r", now=clock.now())
        told_s, (entity,) = await first_tick(client, bool)
        await undo(pool, agency, act_id, author="a", now=clock.now())
        undone_s = clock.time()
        forgotten_s, _ = await first_tick(client, lambda found: not found)
    # a tick may be on its way, and a busy machine makes them late
    assert told_s - decided_s < 10
    assert forgotten_s - undone_s < 10
    assert entity.trip_update.trip.trip_id == "O-30"
    assert entity.trip_update.trip.schedule_relationship == pb.TripDescriptor.CANCELED
