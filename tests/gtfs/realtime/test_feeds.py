"""Feeds of simulated runs, tick after tick, held against the real validator."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as pb
from gtfs_rt_validator.api import PreparedFeed

from sapar.gtfs.realtime.alerts import Alert, Selector
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.tick import TRIP_UPDATES, VEHICLE_POSITIONS, Tick
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime import judge
from tests.gtfs.realtime.town import Bus, Leg, day_start, join, town, town_zip

ALERT = Alert(
    "works-1",
    {"kk": "Жол жөнделуде", "ru": "Ремонт дороги", "en": "Road works"},
    {"kk": "Аялдама жабық", "ru": "Остановка закрыта", "en": "The stop is closed"},
    "CONSTRUCTION",
    "NO_SERVICE",
    [(1_700_000_000, None)],
    [Selector(route_id="A"), Selector(stop_id="a3"), Selector(trip_id="gone")],
)


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedFeed:
    path = tmp_path_factory.mktemp("town") / "gtfs.zip"
    path.write_bytes(town_zip())
    return judge.prepare(path)


def fleet(timetable: Timetable) -> list[Bus]:
    """Buses of every kind, from 23:10 to about 01:30 by local time."""
    base = day_start(timetable)
    late = 23 * 3600

    def block(vehicle: str, block_id: str, delay_s: float, sign: dict[str, bool], seed: int) -> Bus:
        rows = timetable.block_trips(timetable.blocks.index[block_id])
        legs, free_s = [], 0.0
        for row in rows:
            if timetable.trips.last_s[row] < late:
                continue
            start = max(base + float(timetable.trips.first_s[row]) + delay_s, free_s)
            trip_id = timetable.trips.ids[row]
            legs.append(
                Leg(
                    trip_id,
                    start,
                    trip_id if sign.get("trip") else None,
                    "A" if sign.get("route") else None,
                    block_id if sign.get("block") else None,
                )
            )
            free_s = start + float(timetable.trips.last_s[row] - timetable.trips.first_s[row]) + 30
        return Bus(timetable, vehicle, legs, seed=seed)

    headway = [
        Bus(
            timetable,
            f"{route}-{n}",
            [
                Leg(
                    f"{route}-trip",
                    base + late + 60 * shift + k * 1500 + n * 600,
                    f"{route}-trip" if by == "trip" else None,
                    route if by == "route" else None,
                )
                for k in range(6)
            ],
            seed=n + 7,
        )
        for route, by, shift in (("F", "trip", 3), ("F", "route", 5), ("X", "route", 12))
        for n in (range(2) if by == "route" else range(2, 4))
    ]
    night = timetable.trips.first_s[timetable.trips.index["N-35"]]
    lone = Bus(timetable, "N-1", [Leg("N-35", base + float(night) + 90)], seed=3)
    return [
        block("A-1", "A0", 200.0, {"block": True}, 1),
        block("A-2", "A1", -40.0, {"trip": True}, 2),
        block("O-1", "O1", 20.0, {"trip": True}, 4),
        lone,
        *headway,
    ]


def drive(
    engine: Engine, buses: list[Bus], from_s: float, until_s: float, tick_s: float = 5.0
) -> list[Tick]:
    """Let the buses report every 10 s, and tick."""
    ticks = []
    for number, now_s in enumerate(np.arange(from_s, until_s, tick_s)):
        due = [bus.fix(now_s - 0.5) for n, bus in enumerate(buses) if (number + n) % 2 == 0]
        if due:
            engine.ingest(join(due), float(now_s))
        ticks.append(engine.tick(float(now_s), float(now_s), 1, number + 1))
    return ticks


@pytest.fixture(scope="module")
def evening(timetable: Timetable) -> list[Tick]:
    engine = Engine(timetable)
    engine.alerts = [ALERT]
    start = day_start(timetable) + 23 * 3600 + 900
    return drive(engine, fleet(timetable), start, start + 6000)


def message(tick: Tick, name: str) -> pb.FeedMessage:
    return pb.FeedMessage.FromString(tick.bodies[name].plain())


def test_no_rule_of_severity_error_fires_past_midnight(
    prepared: PreparedFeed, evening: list[Tick]
) -> None:
    sampled = [tick for n, tick in enumerate(evening) if n % 75 < 3]
    assert judge.errors(prepared, sampled) == {}


def test_most_buses_have_trip_and_update(evening: list[Tick]) -> None:
    shares = []
    for tick in evening[60:480]:  # until the first lines stop for the night
        positions, updates = message(tick, VEHICLE_POSITIONS), message(tick, TRIP_UPDATES)
        shown = {e.vehicle.vehicle.id for e in positions.entity}
        predicted = {e.trip_update.vehicle.id for e in updates.entity}
        shares.append(len(shown & predicted) / len(shown))
    assert np.mean(shares) > 0.85


def test_service_after_midnight_keeps_yesterdays_date(evening: list[Tick]) -> None:
    late = {
        (e.trip_update.trip.trip_id, e.trip_update.trip.start_date, e.trip_update.trip.start_time)
        for tick in evening[-60:]
        for e in message(tick, TRIP_UPDATES).entity
    }
    starts = {start for trip, day, start in late if trip.startswith("A-") and day == "20260310"}
    assert starts
    assert any(start >= "24:00:00" for start in starts)


def test_headway_service_without_exact_times_is_unscheduled_and_keeps_its_start(
    evening: list[Tick],
) -> None:
    starts: dict[str, list[str]] = {}
    for tick in evening:
        for entity in message(tick, TRIP_UPDATES).entity:
            trip = entity.trip_update.trip
            if trip.trip_id == "F-trip":
                assert trip.schedule_relationship == pb.TripDescriptor.UNSCHEDULED
                assert all(
                    stop.schedule_relationship == pb.TripUpdate.StopTimeUpdate.UNSCHEDULED
                    for stop in entity.trip_update.stop_time_update
                )
                seen = starts.setdefault(entity.trip_update.vehicle.id, [])
                if not seen or seen[-1] != trip.start_time:
                    seen.append(trip.start_time)
    assert len(starts) >= 3
    for vehicle, seen in starts.items():
        assert len(seen) == len(set(seen)), (vehicle, seen)
        assert len(seen) <= 6, (vehicle, seen)


def test_exact_headway_service_starts_on_the_grid(evening: list[Tick]) -> None:
    starts = {
        entity.trip_update.trip.start_time
        for tick in evening
        for entity in message(tick, TRIP_UPDATES).entity
        if entity.trip_update.trip.trip_id == "X-trip"
    }
    assert starts
    for start in starts:
        hours, minutes, seconds = map(int, start.split(":"))
        assert (hours * 3600 + minutes * 60 + seconds - 6 * 3600) % 720 == 0


def test_predictions_rise_and_never_lie_before_the_tick(evening: list[Tick]) -> None:
    for tick in evening[::7]:
        for entity in message(tick, TRIP_UPDATES).entity:
            stops = entity.trip_update.stop_time_update
            times = [t for s in stops for t in (s.arrival.time, s.departure.time)]
            assert times == sorted(times)
            assert all(a.departure.time < b.arrival.time for a, b in itertools.pairwise(stops))
            assert times[-1] >= int(tick.time_s)


def test_positions_and_updates_agree_and_ids_are_stable(evening: list[Tick]) -> None:
    for tick in evening[::7]:
        positions, updates = message(tick, VEHICLE_POSITIONS), message(tick, TRIP_UPDATES)
        assert positions.header.feed_version == updates.header.feed_version == "v1"
        assert positions.header.timestamp == int(tick.time_s)
        for entity in positions.entity:
            assert entity.id == entity.vehicle.vehicle.id
            assert entity.vehicle.timestamp <= positions.header.timestamp
        ids = [entity.id for entity in updates.entity]
        assert len(ids) == len(set(ids))


def test_the_recorded_buses_of_washington_make_valid_feeds(sapar_data: Path) -> None:
    from tests.gtfs.realtime.recordings import play

    feed = judge.prepare(sapar_data / "wmata" / "gtfs.zip")
    ticks, shares = play(sapar_data / "wmata", hours=0.5, tick_s=5.0)
    sampled = [tick for n, tick in enumerate(ticks) if n % 180 < 2]
    assert judge.errors(feed, sampled) == {}
    assert np.mean(shares) >= 0.9  # of the others it is too unsure where they are
