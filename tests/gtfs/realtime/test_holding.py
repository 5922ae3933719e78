"""Waits of early buses: learnt where they happen, predicted there, and no part of travel times."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.forecast import Forecast
from sapar.gtfs.realtime.holding import EARLY_S, LIKELY, Holding, early_at, is_timed
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.network import build_network
from tests.gtfs.realtime.lines import row_of, rows_of
from tests.gtfs.realtime.scene import Scene, runs_of
from tests.gtfs.realtime.test_progress import leg
from tests.gtfs.realtime.town import Bus, day_start, town

TOWN = town()
LATTICE = build_lattice(build_network(TOWN))
BASE_S = day_start(TOWN)
STOPS = 3
GIVEN_BACK, DRIVEN_ON = 1.0, 0.0


def see(
    known: Holding, stop: int, share: float, early_s: float = 400.0, first: bool = False
) -> bool:
    """A bus comes early to a stop and gives back a share of that; tell whether it counts."""
    found = known.observe(
        np.array([stop]), np.array([first]), np.array([early_s]), np.array([share * early_s])
    )
    return bool(found[0])


def share(known: Holding, stop: int, first: bool = False) -> float:
    return float(known.share(np.array([stop]), np.array([first]))[0])


# -- what is learnt -------------------------------------------------------------------------------


def test_nobody_waits_on_the_way_before_one_was_seen_to() -> None:
    assert share(Holding(1), 0) == 0.0
    assert share(Holding(1), 0, first=True) > LIKELY


@given(
    st.lists(
        st.tuples(
            st.integers(0, STOPS - 1),
            st.booleans(),
            st.one_of(st.just(np.nan), st.floats(-1000.0, 1000.0)),
            st.floats(-2.0, 2.0),
        ),
        max_size=60,
    )
)
def test_shares_are_shares_and_buses_not_early_teach_nothing(
    buses: list[tuple[int, bool, float, float]],
) -> None:
    known, early = Holding(STOPS), Holding(STOPS)
    for stop, first, early_s, back in buses:
        counts = see(known, stop, back, early_s, first)
        if early_s > EARLY_S:
            assert see(early, stop, back, early_s, first) == counts
        else:
            assert not counts
    for first in (False, True):
        for stop in range(STOPS):
            assert 0.0 <= share(known, stop, first) <= 1.0
            assert share(known, stop, first) == share(early, stop, first)


def test_a_stop_where_early_buses_wait_is_known_after_a_few() -> None:
    known = Holding(STOPS)
    counted = [see(known, 1, GIVEN_BACK) for _ in range(4)]
    assert counted == sorted(counted)
    assert counted[-1]
    assert share(known, 1) > LIKELY
    assert 0.0 < share(known, 0) < LIKELY


def test_a_stop_that_buses_drive_on_from_stands_against_the_habit_of_the_agency() -> None:
    known = Holding(STOPS)
    for _ in range(40):
        see(known, 1, GIVEN_BACK)
    assert share(known, 0) > LIKELY
    for _ in range(5):
        assert not see(known, 0, DRIVEN_ON)
    assert share(known, 0) < LIKELY < share(known, 1)


def test_a_habit_that_ends_is_forgotten() -> None:
    known = Holding(1)
    for _ in range(100):
        see(known, 0, GIVEN_BACK)
    for _ in range(20):
        see(known, 0, DRIVEN_ON)
    assert share(known, 0) < LIKELY / 2


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_start_of_trips_is_a_kind_of_its_own(waited: int, drove: int) -> None:
    known = Holding(STOPS)
    for _ in range(waited):
        see(known, 0, GIVEN_BACK, first=True)
    for _ in range(drove):
        see(known, 0, DRIVEN_ON, first=True)
    assert share(known, 0) == share(known, 1) == 0.0


# -- what is early --------------------------------------------------------------------------------


def test_runs_that_keep_a_headway_only_are_never_early() -> None:
    for trip_id, timed in (("A-out-21", True), ("X-trip", True), ("F-trip", False)):
        rows = rows_of(LATTICE, trip_id)
        assert is_timed(LATTICE, rows).tolist() == [timed] * len(rows)
        early_s = early_at(LATTICE, rows, np.full(len(rows), BASE_S), np.full(len(rows), BASE_S))
        due_s = TOWN.stop_times.departure_s[rows]
        assert early_s == pytest.approx(due_s if timed else np.full(len(rows), np.nan), nan_ok=True)


# -- what is predicted ----------------------------------------------------------------------------


def made(trip_id: str, call: int, delay_s: float, waits_at: tuple[int, ...] = ()) -> Scene:
    """A bus on the way to a call, in a town where early buses wait at calls of its trip alone."""
    scene = Scene(LATTICE)
    scene.put(trip_id, call, 0.5, delay_s)
    holding = scene.ground.departures.holding
    for at in range(len(rows_of(LATTICE, trip_id))):
        stop = int(TOWN.stop_times.stop_idx[row_of(LATTICE, trip_id, at)])
        for _ in range(10):
            see(holding, stop, GIVEN_BACK if at in waits_at else DRIVEN_ON, first=at == 0)
    return scene


def late_at(found: Forecast) -> dict[int, float]:
    """How late the bus is at each call of its run."""
    run = runs_of(found)[-1]
    row = found.row[run]
    call = row - LATTICE.first_row[LATTICE.trip_of_row[row]]
    late = found.arrival_s[run] - found.base_s[-1] - TOWN.stop_times.arrival_s[row]
    return dict(zip(call.tolist(), late.tolist(), strict=True))


def test_an_early_bus_waits_where_early_buses_do() -> None:
    late = late_at(made("N-12", 2, -400.0, waits_at=(5,)).forecast())
    for call in (2, 3, 4, 5):
        assert late[call] == pytest.approx(-400.0, abs=30.0)
    for call in (6, 7, 8):
        assert 0.0 < late[call] < 60.0


def test_one_that_is_less_early_does_not() -> None:
    late = late_at(made("N-12", 2, -EARLY_S / 2, waits_at=(5,)).forecast())
    assert max(late.values()) < 0.0


def test_one_with_a_headway_to_keep_does_not() -> None:
    late = late_at(made("F-trip", 2, -400.0, waits_at=(3, 4)).forecast())
    assert max(late.values()) < -300.0


def test_chances_to_wait_add_up_along_the_way() -> None:
    scene = Scene(LATTICE)
    scene.put("N-12", 2, 0.5, -400.0)
    holding = scene.ground.departures.holding
    for call in range(1, 8):
        stop = int(TOWN.stop_times.stop_idx[row_of(LATTICE, "N-12", call)])
        for back in (DRIVEN_ON, GIVEN_BACK, DRIVEN_ON, DRIVEN_ON) * 3:
            see(holding, stop, back)
        assert 0.1 < share(holding, stop) < LIKELY
    late = late_at(scene.forecast())
    assert late[3] < -300.0
    assert late[8] > 0.0


@settings(deadline=None)
@given(st.integers(1, 8), st.floats(-900.0, 300.0), st.sets(st.integers(1, 7)))
def test_a_wait_makes_nobody_earlier_and_nobody_later_than_due(
    call: int, delay_s: float, waits_at: set[int]
) -> None:
    never = late_at(made("N-12", call, delay_s).forecast())
    late = late_at(made("N-12", call, delay_s, tuple(waits_at)).forecast())
    assert late.keys() == never.keys()
    for at in late:
        assert late[at] >= never[at] - 1e-3
        assert late[at] <= max(never[at] + 1e-3, 60.0)


def test_a_bus_that_waits_goes_on_waiting_until_it_is_due() -> None:
    scene = made("N-12", 4, -40.0, waits_at=(3,))
    fleet, row = scene.fleet, row_of(LATTICE, "N-12", 4)
    due_s = BASE_S + TOWN.stop_times.departure_s[row - 1]
    fleet["along_m"][0] = LATTICE.m[LATTICE.leg_begin[LATTICE.leg_of_row[row]]]
    fleet["time_s"][0] = scene.now_s = due_s - 40.0
    fleet["reached_row"][0] = row - 1
    arrivals = {}
    for came_early_s in (60.0, 400.0):
        fleet["reached_s"][0] = due_s - came_early_s
        arrivals[came_early_s] = float(scene.forecast().arrival_s[0])
    assert arrivals[60.0] < due_s + 70.0
    assert arrivals[400.0] > due_s + 70.0


# -- from fixes -----------------------------------------------------------------------------------


def drive(engine: Engine, trip_id: str, until_call: int, waits: bool) -> Forecast:
    """A bus drives five minutes early, and at call 4 waits until due or does not.

    Give what is predicted at the moment that it has come to a call.
    """
    own = leg(trip_id, 0.0, sign_trip=trip_id)
    bus = Bus(TOWN, trip_id, [own], noise_m=2.0)
    arrivals, _ = TOWN.trip_times(TOWN.trips.index[trip_id])
    due = (arrivals - arrivals[0]).astype(float)
    until = due[until_call] - (0.0 if waits and until_call > 4 else 300.0)
    for since in np.arange(-295.0, until, 5.0):
        place = max(due[4], since) if waits and since > due[4] - 300.0 else since + 300.0
        now_s = own.start_s + since
        fix = replace(bus.fix(own.start_s + place), time_s=np.array([now_s]))
        engine.ingest(fix, now_s)
        engine.look(now_s)
    slot = engine.fleet.slots_of([trip_id])
    return engine._forecaster.forecast(engine.fleet, slot, now_s)


def test_waits_seen_are_predicted_and_are_no_travel_time() -> None:
    engine = Engine(TOWN)
    trips = ["N-12", "N-13", "N-14", "N-15", "N-16"]
    assert max(late_at(drive(engine, trips[0], 3, waits=False)).values()) < -200.0
    for trip_id in trips[1:4]:
        drive(engine, trip_id, 8, waits=True)
    late = late_at(drive(engine, trips[4], 3, waits=True))
    assert late[4] < -200.0
    assert late[5] > -20.0
    row = np.array([row_of(LATTICE, trips[4], 5)])
    took, _ = engine._times.estimate(row, engine.fleet["time_s"].max())
    assert took[0] < 150.0  # the way takes 90 s; the first wait of 300 s was not yet known as one
