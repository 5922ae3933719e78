"""Progress: forward only, whatever the fixes look like and in whatever order they come."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from tests.gtfs.realtime.town import METRES_LAT, METRES_LON, Bus, Leg, day_start, join, town

TOWN = town()
NOON = day_start(TOWN) + 12 * 3600


def leg(trip_id: str, delay_s: float = 0.0, **sign: str) -> Leg:
    trip = TOWN.trips.index[trip_id]
    start = day_start(TOWN) + float(TOWN.trips.first_s[trip]) + delay_s
    return Leg(trip_id, start, **(sign or {"sign_trip": trip_id}))


def shifted(fix: FixColumns, east_m: float, north_m: float) -> FixColumns:
    return FixColumns(
        fix.vehicle_ids,
        fix.time_s,
        fix.latitude + north_m / METRES_LAT,
        fix.longitude + east_m / METRES_LON,
        fix.speed_mps,
        fix.bearing_deg,
        fix.trip_ids,
        fix.route_ids,
        fix.block_ids,
    )


def state(engine: Engine) -> dict[str, object]:
    n = len(engine.fleet)
    return {name: column[:n].copy() for name, column in engine.fleet.columns.items()}


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["A-out-21", "A-back-21", "O-24", "N-12"]),
    st.lists(st.tuples(st.floats(-45, 45), st.floats(-45, 45)), min_size=20, max_size=20),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_on_one_run_the_distance_never_goes_back(trip_id, noise, swaps, random) -> None:
    own = leg(trip_id)
    bus = Bus(TOWN, "b", [own], noise_m=0.0)
    engine = Engine(TOWN)
    times = [own.start_s + 30.0 * n for n in range(20)]
    for _ in range(swaps):  # fixes that come late
        at = random.randrange(len(times) - 1)
        times[at], times[at + 1] = times[at + 1], times[at]
    seen: list[tuple[tuple[tuple[int, int, int], float], float]] = []
    for time_s, (east, north) in zip(times, noise, strict=True):
        now_s = max(time_s, engine.last_header_s + 1.0)
        engine.ingest(shifted(bus.fix(time_s), east, north), now_s)
        engine.tick(now_s, now_s, 1, 1)
        key = (engine.fleet.run_key(0), float(engine.fleet["claimed_s"][0]))
        seen.append((key, float(engine.fleet["along_m"][0])))
    for (key, before), (other, after) in itertools.pairwise(seen):
        assert key != other or after >= before


def test_late_and_repeated_fixes_change_nothing() -> None:
    own = leg("A-out-21")
    bus = Bus(TOWN, "b", [own])
    engine = Engine(TOWN)
    fixes = [bus.fix(own.start_s + 20.0 * n) for n in range(20)]
    for fix in fixes:
        engine.ingest(fix, float(fix.time_s[0]))
        engine.look(float(fix.time_s[0]))
    now_s = float(fixes[-1].time_s[0])
    before = state(engine)
    engine.ingest(join(fixes[3:15][::-1]), now_s)
    engine.ingest(fixes[-1], now_s)
    for name, column in state(engine).items():
        np.testing.assert_array_equal(column, before[name], err_msg=name)
    assert engine.verdicts == {"moved": 20, "late": 12, "repeated": 1, "jump": 0, "stale": 0}


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)), st.lists(st.integers(1, 11), max_size=3, unique=True))
def test_one_batch_in_any_order_gives_one_state(order, cuts) -> None:
    own = leg("O-24")
    bus = Bus(TOWN, "b", [own])
    fixes = [bus.fix(own.start_s + 15.0 * n) for n in range(12)]
    now_s = own.start_s + 200
    straight, mixed = Engine(TOWN), Engine(TOWN)
    for fix in fixes[:1]:
        straight.ingest(fix, now_s)
        mixed.ingest(fix, now_s)
    straight.ingest(join(fixes), now_s)
    mixed.ingest(join([fixes[n] for n in order]), now_s)
    for name, column in state(straight).items():
        np.testing.assert_array_equal(column, state(mixed)[name], err_msg=name)


def test_a_loop_is_followed_once_around_with_its_stop_at_both_ends() -> None:
    own = leg("O-24")
    bus = Bus(TOWN, "b", [own])
    engine = Engine(TOWN)
    along = []
    for n in range(0, 590, 10):
        engine.ingest(bus.fix(own.start_s + n), own.start_s + n)
        engine.look(own.start_s + n)
        if engine.fleet["trip"][0] == TOWN.trips.index["O-24"]:
            along.append(float(engine.fleet["along_m"][0]))
    assert along[0] < 200
    assert along == sorted(along)
    assert along[-1] > 2500
    assert max(np.diff(along)) < 200


def test_a_standing_bus_stands_and_grows_late() -> None:
    own = leg("A-out-21")
    bus = Bus(TOWN, "b", [own])
    engine = Engine(TOWN)
    for n in range(0, 400, 10):
        engine.ingest(bus.fix(own.start_s + n), own.start_s + n)
        engine.look(own.start_s + n)
    stood_at = float(engine.fleet["along_m"][0])
    delay = float(engine.fleet["delay_s"][0])
    for n in range(400, 700, 10):
        fix = bus.fix(own.start_s + 390)
        fix.time_s[:] = own.start_s + n
        engine.ingest(fix, own.start_s + n)
        engine.look(own.start_s + n)
    assert engine.fleet["along_m"][0] - stood_at < 40
    assert engine.fleet["delay_s"][0] == pytest.approx(delay + 300, abs=25)


def test_a_jump_is_not_believed_until_a_second_fix_agrees() -> None:
    engine = Engine(TOWN)
    own = leg("A-out-21")
    bus = Bus(TOWN, "b", [own], noise_m=0.0)
    engine.ingest(bus.fix(NOON), NOON)
    home = float(engine.fleet["x"][0])
    engine.ingest(shifted(bus.fix(NOON + 10), 9000, 0), NOON + 10)
    assert engine.fleet["x"][0] == home
    engine.ingest(shifted(bus.fix(NOON + 20), 60, 0), NOON + 20)
    assert engine.fleet["x"][0] == pytest.approx(home + 60, abs=150)
    for n in (30, 40):
        engine.ingest(shifted(bus.fix(NOON + n), 9000, 0), NOON + n)
    assert engine.fleet["x"][0] > home + 8000
    assert engine.verdicts["jump"] == 2


def test_a_clock_that_runs_ahead_is_held_at_now() -> None:
    engine = Engine(TOWN)
    bus = Bus(TOWN, "b", [leg("A-out-21")])
    engine.ingest(bus.fix(NOON + 250), NOON)
    tick = engine.tick(NOON, NOON, 1, 1)
    assert engine.fleet["time_s"][0] == NOON
    assert int(tick.time_s) == NOON
    engine.ingest(bus.fix(NOON + 260), NOON + 5)
    assert engine.fleet["time_s"][0] == NOON + 5
