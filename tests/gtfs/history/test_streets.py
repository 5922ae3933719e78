"""Ways between stops learnt at night, on a real database: the town's line N has no shape."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from sapar.core.db import Pool, connect
from sapar.core.geometry import to_degrees, to_plane
from sapar.fleet.registry import load_registry
from sapar.gtfs.history.rebuild import timetable_of
from sapar.gtfs.history.store import write_visits
from sapar.gtfs.history.streets import PASSES, RunKey, choose_runs, learn_streets, shapeless
from sapar.gtfs.history.visits import join_visits, rows_of
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.service import find_version
from sapar.gtfs.realtime.shape_learning import LearntLine, with_learnt_shapes
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Pattern
from tests.gtfs.history.support import AGENCY, prepare, store
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, join, town

BULGE_M = 60.0


def streets(timetable: Timetable, bulge_m: float = BULGE_M) -> Timetable:
    """The town as it is: between two stops of line N the street bends away by so much."""
    stops, lines = timetable.stops, {}
    for first, second in shapeless(timetable):
        start = (float(stops.latitude[first]), float(stops.longitude[first]))
        x, y = to_plane(stops.latitude[[second]], stops.longitude[[second]], start)
        east = np.array([0.0, 0.25 * x[0], 0.75 * x[0], x[0]])
        north = np.array([0.0, 0.25 * y[0] + bulge_m, 0.75 * y[0] + bulge_m, y[0]])
        lines[stops.ids[first], stops.ids[second]] = LearntLine(*to_degrees(east, north, start), 3)
    return with_learnt_shapes(timetable, lines)


def drive(ground: Timetable, trips: list[int], day: date = DAY) -> tuple[FixColumns, Visits]:
    """Fixes of a bus on some trips of line N, each in time, and the visits to its stops."""
    start, fixes, visits = day_start(ground, day), [], []
    for number in trips:
        trip = ground.trips.index[f"N-{number}"]
        first_s = start + float(ground.trips.first_s[trip])
        bus = Bus(ground, "bus 0", [Leg(f"N-{number}", first_s, f"N-{number}")], 4.0, number)
        fixes += [bus.fix(float(t)) for t in np.arange(first_s - 60, first_s + 780, 10.0)]
        rows = np.arange(ground.trips.st_begin[trip], ground.trips.st_begin[trip + 1])
        at_s = np.asarray(start + ground.stop_times.arrival_s[rows], np.float64)
        same = np.ones(len(rows), np.int32)
        visits.append(
            Visits(
                ["bus 0"] * len(rows),
                same * trip,
                same * day.toordinal(),
                same * int(ground.trips.first_s[trip]),
                rows.astype(np.int64),
                at_s,
                at_s,
                same > 0,
            )
        )
    return join(fixes), join_visits(visits)


@dataclass
class Nights:
    """What a night does of a day on which a bus drove line N."""

    pool: Pool
    database: str

    async def drive(self, ground: Timetable, trips: list[int], day: date = DAY) -> None:
        fixes, visits = drive(ground, trips, day)
        store(self.database, fixes)
        async with self.pool.connection() as connection:
            await write_visits(connection, AGENCY, rows_of(ground, visits))

    async def learn(self, day: date = DAY) -> dict[str, int]:
        return await learn_streets(
            self.pool,
            await load_registry(self.pool),
            await timetable_of(self.pool, AGENCY, day, learnt=False),
            day,
            datetime.fromtimestamp(day_start(town(), day) + 30 * 3600, UTC),
        )


@pytest.fixture
def nights(database: str, pool: Pool) -> Nights:
    prepare(database, ["bus 0"])
    return Nights(pool, database)


def line_n(timetable: Timetable) -> Pattern:
    return timetable.trip_pattern(timetable.trips.index["N-0"])


def bend(pattern: Pattern) -> float:
    """Latitude in the midst of a line."""
    return float(np.interp(pattern.length_m / 2, pattern.polyline_m, pattern.polyline_lat))


async def test_the_night_after_the_line_bends_as_the_street_does(nights: Nights):
    true = line_n(streets(town()))
    await nights.drive(streets(town()), [0, 1, 2, 3, 4])
    before = await find_version(nights.pool, AGENCY, "")
    assert before is not None
    assert not line_n(before.timetable).has_shape
    with connect(nights.database, autocommit=True) as listening:
        listening.execute("LISTEN sapar_timetable")
        assert await nights.learn() == {"pairs": 8, "ways": 8, "ways_changed": 8}
        told = [n.payload for n in listening.notifies(timeout=60.0, stop_after=1)]
    assert told == [AGENCY]
    after = await find_version(nights.pool, AGENCY, before.digest)
    assert after is not None
    for found in (after.timetable, await timetable_of(nights.pool, AGENCY, DAY)):
        pattern = line_n(found)
        assert pattern.has_shape
        assert pattern.length_m == pytest.approx(true.length_m, rel=0.03)
        assert bend(pattern) == pytest.approx(bend(true), abs=20 / 111_195)
    raw = await timetable_of(nights.pool, AGENCY, DAY, learnt=False)
    assert not line_n(raw).has_shape
    # the same again: nothing is written, and no engine has to switch
    assert await nights.learn() == {"pairs": 8, "ways": 8, "ways_changed": 0}
    assert await find_version(nights.pool, AGENCY, after.digest) is None


async def test_a_line_with_one_bus_a_day_is_learnt_in_some_days_and_again_when_the_way_changes(
    nights: Nights,
):
    old, new = streets(town()), streets(town(), -BULGE_M)
    ways = []
    for number in range(4):
        day = DAY + timedelta(days=number)
        await nights.drive(old, [number], day)
        ways.append((await nights.learn(day))["ways_changed"])
    assert ways == [0, 0, 8, 0]
    day = DAY + timedelta(days=4)
    await nights.drive(new, [0, 1, 2, 3], day)
    assert (await nights.learn(day))["ways_changed"] == 8
    found = line_n(await timetable_of(nights.pool, AGENCY, DAY))
    assert bend(found) == pytest.approx(bend(line_n(new)), abs=20 / 111_195)


def test_few_runs_are_chosen_however_many_there_are():
    timetable = town()
    wanted = shapeless(timetable)
    assert len(wanted) == 8
    run = RunKey(DAY, "N-1", 6 * 3600, "bus", 0.0, 700.0)
    runs = [replace(run, vehicle_id=f"bus {n}") for n in range(100)]
    others = [replace(run, trip_id="A-out-1"), replace(run, trip_id="gone")]
    assert choose_runs(timetable, [*others, *runs], wanted) == runs[:PASSES]
    assert choose_runs(timetable, runs, frozenset()) == []
