"""Stop visits: every call once, in order, at the moment the bus was there; and what is learnt."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.visits import Visits
from tests.gtfs.realtime.test_assignment import trip_of
from tests.gtfs.realtime.test_progress import leg, shifted
from tests.gtfs.realtime.town import Bus, Leg, day_start, join, town

TOWN = town()
BASE_S = day_start(TOWN)
AT_STOP_M = 30.0
SPEED_MPS = 500.0 / 90.0  # of line N


def live(
    bus: Bus, seconds: list[float] | range, engine: Engine | None = None
) -> tuple[Engine, Visits]:
    """Let a bus report at times since its start; give its visits, handed out as they are found."""
    engine = engine or Engine(TOWN)
    parts = []
    for since in seconds:
        now_s = bus.legs[0].start_s + since
        engine.ingest(bus.fix(now_s), now_s)
        engine.look(now_s)
        parts.append(engine.drain_visits())
    return engine, together(parts)


def together(parts: list[Visits]) -> Visits:
    return Visits(
        [vehicle for part in parts for vehicle in part.vehicle_ids],
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("trip", "day", "start_s", "row", "arrival_s", "departure_s", "seen")
        ),
    )


def of_trip(visits: Visits, trip_id: str) -> dict[str, np.ndarray]:
    mine = visits.trip == TOWN.trips.index[trip_id]
    return {
        name: getattr(visits, name)[mine]
        for name in ("row", "arrival_s", "departure_s", "seen", "start_s", "day")
    }


def reached_s(own: Leg) -> np.ndarray:
    """When a bus without noise comes within `AT_STOP_M` of each stop of line N."""
    arrivals, _ = TOWN.trip_times(TOWN.trips.index[own.trip_id])
    since = (arrivals - arrivals[0]).astype(float)
    since[1:] -= AT_STOP_M / SPEED_MPS
    return own.start_s + since


def test_each_call_is_visited_once_in_order_and_on_time() -> None:
    own = leg("N-12", 20.0)
    _, visits = live(Bus(TOWN, "b", [own], noise_m=3.0), range(-60, 760, 10))
    rows = TOWN.trip_rows(TOWN.trips.index["N-12"])
    found = of_trip(visits, "N-12")
    call = found["row"] - rows.start
    assert call.tolist() == list(range(9))
    assert found["seen"].all()
    assert np.abs(found["arrival_s"] - reached_s(own)[call])[1:].max() < 12.0
    assert found["arrival_s"][0] < own.start_s
    assert abs(found["departure_s"][0] - own.start_s) < 25.0
    assert (found["departure_s"] >= found["arrival_s"]).all()
    assert (found["arrival_s"][1:] >= found["departure_s"][:-1]).all()
    assert set(found["start_s"]) == {TOWN.trips.first_s[TOWN.trips.index["N-12"]]}
    assert set(visits.vehicle_ids) == {"b"}


def test_visits_are_handed_out_once() -> None:
    engine, visits = live(Bus(TOWN, "b", [leg("N-12")]), range(0, 300, 10))
    assert len(visits)
    assert not len(engine.drain_visits())


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(["A-out-21", "O-24", "N-12"]),
    st.sampled_from(["trip", "route"]),
    st.integers(0, 20),
    st.lists(st.integers(5, 120), min_size=8, max_size=30),
    st.integers(0, 1000),
)
def test_whatever_is_reported_each_call_is_visited_once_and_times_do_not_fall(
    trip_id: str, by: str, noise_m: int, steps: list[int], seed: int
) -> None:
    route = TOWN.routes.ids[TOWN.trips.route_idx[TOWN.trips.index[trip_id]]]
    own = leg(trip_id, 15.0, **({"sign_trip": trip_id} if by == "trip" else {"sign_route": route}))
    bus = Bus(TOWN, "b", [own], noise_m=float(noise_m), seed=seed)
    seconds = [float(s) for s in np.cumsum(steps) if s < bus.length_s(own) + 60]
    _, visits = live(bus, seconds)
    runs = set(zip(visits.trip.tolist(), visits.day.tolist(), visits.start_s.tolist(), strict=True))
    for trip, day, start_s in runs:
        mine = (visits.trip == trip) & (visits.day == day) & (visits.start_s == start_s)
        rows, arrival = visits.row[mine], visits.arrival_s[mine]
        assert len(set(rows.tolist())) == len(rows)
        assert (np.diff(rows) > 0).all()
        assert ((rows >= TOWN.trips.st_begin[trip]) & (rows < TOWN.trips.st_begin[trip + 1])).all()
        known = arrival[np.isfinite(arrival)]
        assert (np.diff(known) >= 0).all()
        assert (visits.departure_s[mine] >= arrival)[np.isfinite(arrival)].all()
    assert np.isfinite(visits.arrival_s[visits.seen]).all()


def test_calls_within_a_gap_are_guesses() -> None:
    own = leg("N-12", 0.0)
    seconds = [*range(0, 200, 10), *range(500, 760, 10)]
    _, visits = live(Bus(TOWN, "b", [own], noise_m=3.0), seconds)
    found = of_trip(visits, "N-12")
    seen = dict(zip((found["row"] - found["row"][0]).tolist(), found["seen"], strict=True))
    assert list(seen) == list(range(9))
    assert [number for number, yes in seen.items() if not yes] == [3, 4, 5]


def test_a_stop_passed_far_off_is_visited_and_not_seen() -> None:
    own = leg("N-12", 0.0)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine = Engine(TOWN)
    parts = []
    for since in range(0, 760, 10):
        off = 300.0 if 225 <= since < 315 else 0.0  # around call 3
        now_s = own.start_s + since
        engine.ingest(shifted(bus.fix(now_s), 0.0, off), now_s)
        engine.look(now_s)
        parts.append(engine.drain_visits())
    found = of_trip(together(parts), "N-12")
    seen = dict(zip((found["row"] - found["row"].min()).tolist(), found["seen"], strict=True))
    assert not seen[3]
    assert all(yes for number, yes in seen.items() if number != 3)


def test_dwell_is_the_time_near_the_stop() -> None:
    own = leg("N-12", 0.0)
    bus = Bus(TOWN, "b", [own], noise_m=2.0)
    engine = Engine(TOWN)
    parts = []
    for since in range(0, 900, 10):  # stands 100 s at call 3
        drives = since if since < 270 else max(270, since - 100)
        fix = bus.fix(own.start_s + drives)
        fix.time_s[:] = own.start_s + since
        engine.ingest(fix, own.start_s + since)
        engine.look(own.start_s + since)
        parts.append(engine.drain_visits())
    found = of_trip(together(parts), "N-12")
    dwell = found["departure_s"] - found["arrival_s"]
    assert 95 <= dwell[3] <= 130
    assert (np.delete(dwell, [0, 3])[:-1] < 25).all()


def test_late_fixes_add_no_visit_and_change_none() -> None:
    own = leg("N-12", 0.0)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    fixes = [bus.fix(own.start_s + since) for since in range(0, 400, 10)]
    plain, late = Engine(TOWN), Engine(TOWN)
    results = []
    for engine in (plain, late):
        parts = []
        for number, fix in enumerate(fixes):
            now_s = float(fix.time_s[0])
            engine.ingest(fix, now_s)
            if engine is late and number > 10:
                engine.ingest(join(fixes[number - 8 : number - 1][::-1]), now_s)
            engine.look(now_s)
            parts.append(engine.drain_visits())
        results.append(together(parts))
    for name in ("row", "arrival_s", "departure_s", "seen"):
        assert np.array_equal(
            getattr(results[0], name), getattr(results[1], name), equal_nan=name.endswith("_s")
        )


def test_the_last_call_of_a_run_is_visited_and_the_run_done() -> None:
    own = leg("N-12", 0.0)
    engine, visits = live(Bus(TOWN, "b", [own], noise_m=3.0), range(60, 800, 10))
    last = TOWN.trip_rows(TOWN.trips.index["N-12"]).stop - 1
    assert visits.row[-1] == last
    assert abs(visits.arrival_s[-1] - reached_s(own)[-1]) < 12.0
    assert trip_of(engine, "b") is None
    assert engine.fleet["done_trip"][0] == TOWN.trips.index["N-12"]


def test_both_runs_of_a_block_are_visited_from_end_to_end() -> None:
    legs = [leg(name, sign_block="A1") for name in ("A-out-21", "A-back-21")]
    _, visits = live(Bus(TOWN, "b", legs, noise_m=3.0), range(0, 2400, 10))
    for name in ("A-out-21", "A-back-21"):
        rows = TOWN.trip_rows(TOWN.trips.index[name])
        found = of_trip(visits, name)
        expected = list(range(rows.start, rows.stop))
        assert found["row"].tolist() in (expected, expected[:-1])
        assert set(found["start_s"]) == {TOWN.trips.first_s[TOWN.trips.index[name]]}
    for before, after in itertools.pairwise(visits.arrival_s.tolist()):
        assert not after < before


def test_headway_runs_are_visited_under_their_own_start() -> None:
    own = Leg("F-trip", BASE_S + 12 * 3600 + 137, sign_route="F")
    engine, visits = live(Bus(TOWN, "b", [own], noise_m=3.0), range(60, 500, 10))
    assert len(visits) >= 3
    assert set(visits.start_s.tolist()) == {engine.fleet.run_key(0)[2]}


# -- what is learnt of visits ---------------------------------------------------------------------


@pytest.mark.parametrize("pace", [0.7, 1.4])
def test_travel_times_are_learnt_from_the_buses_that_drive(pace: float) -> None:
    engine = Engine(TOWN)
    for number in range(3):
        own = leg("N-12", 40.0 * number)
        bus = Bus(TOWN, f"b{number}", [own], noise_m=3.0, seed=number)
        for since in range(-20, int(720 * pace) + 20, 10):
            fix = bus.fix(own.start_s + since / pace)
            now_s = own.start_s + since
            fix.time_s[:] = now_s
            engine.ingest(fix, now_s)
            engine.look(now_s)
    rows = np.arange(*TOWN.trips.st_begin[TOWN.trips.index["N-12"] + np.arange(2)])
    took, weight = engine._times.estimate(rows[2:-1], own.start_s + 800)
    assert (weight > 1).all()
    assert took == pytest.approx(np.full(len(took), 90.0 * pace), abs=14.0)
    learnt = engine.learnt()
    other = Engine(TOWN)
    other.load_learnt(learnt, own.start_s + 800)
    known = other._times.usual(rows[2:-1], own.start_s)
    assert known == pytest.approx(np.full(len(took), 90.0 * (1 + 3 * pace) / 4), abs=14.0)


def test_the_moment_of_leaving_a_first_stop_is_learnt() -> None:
    engine = Engine(TOWN)
    before = engine._tracker.ground.departures.offset_s
    for number in range(6):
        own = leg(f"N-{number + 4}", 100.0)
        live(Bus(TOWN, "b", [own], noise_m=3.0, seed=number), range(-300, 200, 20), engine)
    assert engine._tracker.ground.departures.offset_s >= before + 12.0
