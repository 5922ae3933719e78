"""Laws of predictions: times rise, nothing lies behind, and what is published leans early a little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.departures import SHORT_BREAK_S
from sapar.gtfs.realtime.forecast import AHEAD_S, Lean, rising
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.network import build_network
from tests.gtfs.realtime.lines import EQUAL_STOPS, ONE_STOP, lattice_with
from tests.gtfs.realtime.scene import Scene, runs_of
from tests.gtfs.realtime.town import DAY, day_start, town

TOWN = town()
LATTICE = build_lattice(build_network(TOWN))
BASE_S = day_start(TOWN)
TRIPS = [n for n, name in enumerate(TOWN.trips.ids) if not name.endswith("-trip")]


def scene(trip_id: str, call: int, share: float = 0.0, delay_s: float = 0.0) -> Scene:
    made = Scene(LATTICE)
    made.put(trip_id, call, share, delay_s)
    return made


anywhere = st.tuples(
    st.sampled_from(TRIPS), st.integers(0, 8), st.floats(0.0, 1.0), st.floats(-600.0, 3600.0)
)


def scene_of(where: tuple[int, int, float, float]) -> Scene:
    trip, call, share, delay_s = where
    calls = LATTICE.last_row[trip] - LATTICE.first_row[trip]
    return scene(TOWN.trips.ids[trip], min(call, int(calls)), share, delay_s)


# -- whole seconds that rise ----------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1e5), st.floats(0, 1e5)), min_size=1))
def test_rising_makes_times_rise_and_moves_none_earlier(
    stops: list[tuple[int, float, float]],
) -> None:
    stops.sort(key=lambda stop: stop[0])
    run = np.array([stop[0] for stop in stops])
    given_arrival = np.array([stop[1] for stop in stops]) + 1.7e9
    given_departure = np.array([stop[2] for stop in stops]) + 1.7e9
    arrival, departure = rising(given_arrival, given_departure, run)
    assert (departure >= arrival).all()
    same = run[1:] == run[:-1]
    assert (arrival[1:][same] > departure[:-1][same]).all()
    assert (arrival >= given_arrival - 0.5).all()
    assert (departure >= given_departure - 0.5).all()
    first = np.append(True, ~same)
    assert np.allclose(arrival[first], given_arrival[first], atol=0.501)


def test_no_times_rise_to_no_times() -> None:
    arrival, departure = rising(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    assert len(arrival) == len(departure) == 0


# -- the lean -------------------------------------------------------------------------------------


@given(st.lists(st.floats(-300.0, 7200.0), min_size=1), st.floats(0.0, 60.0), st.floats(0.0, 0.3))
def test_a_published_time_is_early_by_so_much_and_not_before_now(
    ahead: list[float], seconds: float, share: float
) -> None:
    now_s = 1_773_100_000.0
    median = now_s + np.sort(ahead)
    published = Lean(seconds, share).of(median, now_s)
    assert (published <= median).all()
    coming = median > now_s
    assert (published[coming] > now_s).all() or (median[coming] < now_s + 1.0).any()
    early = median - published
    assert (early <= seconds + share * np.maximum(median - now_s, 0.0) + 1e-6).all()
    assert (early[~coming] == 0.0).all()
    assert (np.diff(published) >= -1e-6).all()


def test_the_lean_is_ten_seconds_and_eight_percent() -> None:
    published = Lean().of(np.array([1000.0, 500.0]), 0.0)
    assert published.tolist() == pytest.approx([1000.0 - 90.0, 500.0 - 50.0])


# -- forecasts ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(anywhere)
def test_a_forecast_goes_on_from_the_next_call_through_the_block(where) -> None:
    made = scene_of(where)
    found = made.forecast()
    runs = runs_of(found)
    current = runs[-1]
    assert found.depth.tolist() == list(range(len(runs)))[::-1]
    assert found.row[current][0] == made.fleet["next_row"][0]
    for number, run in enumerate(runs):
        rows = found.row[run]
        trip = found.trip[number]
        assert (np.diff(rows) == 1).all()
        assert rows[-1] == LATTICE.last_row[trip]
        if number < len(runs) - 1:
            assert rows[0] == LATTICE.first_row[trip]
            before = found.trip[number + 1]
            following = made.days.links.following(found.day[[number]], np.array([before]))
            assert following[0] == trip
            assert found.start_s[number] == TOWN.stop_times.arrival_s[rows[0]]
            assert found.departure_s[run][0] <= made.now_s + AHEAD_S
            assert found.departure_s[run][0] >= found.arrival_s[runs[number + 1]][-1]
        assert found.base_s[number] == BASE_S
        assert (np.diff(found.arrival_s[run]) >= 0).all()
        assert (found.departure_s[run] >= found.arrival_s[run]).all()
        at_first = (number < len(runs) - 1) or not made.fleet["departed"][0]
        ahead = slice(run.start + at_first, run.stop)
        assert (found.arrival_s[ahead] >= made.now_s).all()


@settings(deadline=None)
@given(anywhere)
def test_published_times_rise_and_lie_ahead_between_their_bounds(where) -> None:
    made = scene_of(where)
    found = made.updates()
    assert found.keys[-1] == made.fleet.run_key(0)
    assert len(set(found.keys)) == len(found.keys)
    assert (found.low_s <= found.median_s).all()
    assert (found.median_s <= found.high_s).all()
    assert (found.departure_s >= found.arrival_s).all()
    for run in runs_of(found):
        assert (found.arrival_s[run][1:] > found.departure_s[run][:-1]).all()
        assert (np.diff(found.row[run]) > 0).all()
        waiting = found.row[run] == LATTICE.first_row[LATTICE.trip_of_row[found.row[run].min()]]
        ahead = ~found.passed[run] & ~waiting
        assert (found.arrival_s[run][ahead] >= made.now_s - 0.5).all()
        assert (found.departure_s[run][waiting & ~found.passed[run]] >= made.now_s - 0.5).all()
        early = found.median_s[run][ahead] - found.arrival_s[run][ahead]
        allowed = 10.0 + 0.08 * (found.median_s[run][ahead] - made.now_s)
        assert (early <= allowed + 0.51).all()
    assert (found.scheduled_s == BASE_S + TOWN.stop_times.arrival_s[found.row]).all()


@settings(deadline=None)
@given(st.integers(1, 8), st.floats(0.0, 1.0), st.floats(-120.0, 1800.0))
def test_where_stops_lie_apart_nothing_is_published_later_than_its_median(
    call: int, share: float, delay_s: float
) -> None:
    made = scene("N-12", call, share, delay_s)
    found = made.updates()
    run = runs_of(found)[-1]
    far = found.median_s[run] > made.now_s + 10.0
    assert (found.arrival_s[run][far] <= found.median_s[run][far] + 0.5).all()


@settings(deadline=None)
@given(anywhere)
def test_nobody_is_told_that_a_bus_leaves_its_first_stop_before_it_is_due(where) -> None:
    made = scene_of(where)
    found = made.updates()
    for run in runs_of(found):
        row = found.row[run][0]
        if row == LATTICE.first_row[LATTICE.trip_of_row[row]] and not found.passed[run][0]:
            assert found.departure_s[run][0] >= BASE_S + TOWN.stop_times.departure_s[row]


@settings(deadline=None)
@given(st.integers(1, 7), st.floats(0.0, 0.9), st.floats(0.01, 0.1))
def test_a_bus_that_is_further_arrives_sooner(call: int, share: float, more: float) -> None:
    made = scene("N-12", call, share)
    before = made.forecast().arrival_s - made.now_s
    further = scene("N-12", call, share + more)
    after = further.forecast().arrival_s - further.now_s
    assert (after <= before + 1e-6).all()


def test_a_late_bus_is_late_at_all_stops_ahead() -> None:
    made = scene("N-12", 4, 0.5, delay_s=240.0)
    found = made.updates()
    run = runs_of(found)[-1]
    late = found.median_s[run] - found.scheduled_s[run]
    assert ((late > 220) & (late < 260)).all()


def test_a_bus_that_stands_dwells_and_then_takes_the_way() -> None:
    made = scene("N-12", 4)
    fleet = made.fleet
    fleet["reached_row"][0] = fleet["next_row"][0] - 1
    arrivals = []
    for stood_s in (0.0, 10.0, 20.0, 300.0):
        fleet["reached_s"][0] = made.now_s - stood_s
        arrivals.append(float(made.forecast().arrival_s[0]) - made.now_s)
    assert arrivals[0] == pytest.approx(90.0)
    assert arrivals[1] == pytest.approx(80.0)
    assert arrivals[2] == pytest.approx(70.0)
    assert arrivals[3] == arrivals[2]


def test_what_buses_took_today_is_predicted() -> None:
    made = scene("N-12", 2)
    rows = made.forecast().row
    for _ in range(20):
        made.ground.times.observe(rows, np.full(len(rows), 120.0), np.full(len(rows), made.now_s))
    took = np.diff(made.forecast().arrival_s)
    assert took == pytest.approx(np.full(len(took), 120.0), abs=3.0)


# -- layovers -------------------------------------------------------------------------------------


def test_a_waiting_bus_leaves_soon_after_it_is_due_or_now() -> None:
    early = scene("A-out-21", 0, delay_s=-300.0)
    due_s = BASE_S + TOWN.trips.first_s[TOWN.trips.index["A-out-21"]]
    found = early.updates()
    assert due_s <= found.departure_s[runs_of(found)[-1]][0] <= due_s + 60
    late = scene("A-out-21", 0, delay_s=300.0)
    found = late.updates()
    leaves = found.departure_s[runs_of(found)[-1]][0]
    assert due_s + 300 <= leaves <= due_s + 400


def test_a_layover_absorbs_delay_as_far_as_it_goes() -> None:
    due_s = BASE_S + TOWN.trips.first_s[TOWN.trips.index["A-back-21"]]
    for delay_s, low, high in ((0.0, 0.0, 60.0), (240.0, 0.0, 60.0), (900.0, 500.0, 800.0)):
        made = scene("A-out-21", 5, delay_s=delay_s)
        found = made.forecast()
        back = [TOWN.trips.ids[t] for t in found.trip].index("A-back-21")
        leaves = found.departure_s[runs_of(found)[back]][0] - due_s
        assert low <= leaves <= high, delay_s


def test_the_next_run_is_published_once_it_begins_within_half_an_hour() -> None:
    for trip_id, call, shown in (("A-out-21", 7, True), ("A-out-21", 1, True)):
        made = scene(trip_id, call)
        assert ("A-back-21" in made.trips(made.updates())) == shown
    made = scene("A-out-21", 0, delay_s=-900.0)
    assert made.trips(made.updates()) == ["A-out-21"]


def test_a_bus_that_left_a_long_layover_much_too_early_is_expected_to_wait() -> None:
    breaks = made_breaks()
    trip_id = next(name for name, pause in breaks.items() if pause > SHORT_BREAK_S)
    made = scene(trip_id, 1, share=0.5, delay_s=-400.0)
    found = made.forecast()
    run = runs_of(found)[-1]
    row = found.row[run]
    late = found.arrival_s[run] - BASE_S - TOWN.stop_times.arrival_s[row]
    assert (late > -60.0).all()
    calm = scene(trip_id, 1, share=0.5, delay_s=-60.0)
    found = calm.forecast()
    row = found.row[runs_of(found)[-1]]
    late = found.arrival_s[runs_of(found)[-1]] - BASE_S - TOWN.stop_times.arrival_s[row]
    assert late[0] < 0.0


def made_breaks() -> dict[str, float]:
    """The planned pause before each trip of a block."""
    links = Scene(LATTICE).days.links
    day = links.date_row(np.array([DAY.toordinal()], np.int32))[0]
    return {
        TOWN.trips.ids[trip]: float(TOWN.trips.first_s[trip] - TOWN.trips.last_s[before])
        for trip, before in enumerate(links.previous_trip[day].tolist())
        if before >= 0
    }


# -- what is published ----------------------------------------------------------------------------


def test_an_early_bus_keeps_the_stops_it_passed_before_their_time() -> None:
    made = scene("A-out-0", 5, 0.5, delay_s=-300.0)
    found = made.updates()
    run = runs_of(found)[-1]
    passed, row = found.passed[run], found.row[run]
    assert passed.any()
    assert (row[passed] < made.fleet["next_row"][0]).all()
    assert (row[~passed] >= made.fleet["next_row"][0]).all()
    assert (found.scheduled_s[run] >= made.now_s).all()
    assert (found.departure_s[run][passed] <= made.now_s).all()
    punctual = scene("A-out-0", 5, 0.5).updates()
    assert not punctual.passed.any()


def test_an_unserved_stop_is_left_out_and_the_start_of_a_run_is_not() -> None:
    made = scene("A-out-21", 0, delay_s=-60.0)
    stops = TOWN.stop_times.stop_idx[TOWN.trip_rows(TOWN.trips.index["A-out-21"])]
    for _ in range(3):
        made.ground.stops.observe(stops[[0, 3]], np.array([500.0, 500.0]))
    found = made.updates()
    shown = TOWN.stop_times.stop_idx[found.row[runs_of(found)[-1]]]
    assert shown.tolist() == stops[[0, 1, 2, 4, 5, 6, 7]].tolist()


def test_a_run_is_published_for_its_holder_alone() -> None:
    made = scene("A-out-21", 5)
    made.put("A-back-21", 0, delay_s=0.0, name="other")
    made.put("A-out-21", 5, name="b")
    found = made.updates()
    assert len(set(found.keys)) == len(found.keys)
    owner = dict(zip(made.trips(found), found.vehicle.tolist(), strict=True))
    assert owner["A-out-21"] == 0
    assert owner["A-back-21"] == 1


def test_two_stops_in_one_minute_get_two_times() -> None:
    made = scene("A-out-0", 0, delay_s=-60.0)
    found = made.updates()
    run = runs_of(found)[-1]
    assert found.scheduled_s[run][5] == found.scheduled_s[run][6]
    assert found.arrival_s[run][6] > found.departure_s[run][5]


def test_no_bus_has_no_forecast() -> None:
    made = Scene(LATTICE)
    assert not len(made.forecast().row)
    assert not made.updates().keys


@pytest.mark.parametrize("times", [ONE_STOP, EQUAL_STOPS])
def test_awkward_trips_are_predicted(times: str) -> None:
    lattice = lattice_with(times)
    calls = int(np.diff(lattice.network.timetable.trips.st_begin)[-1])
    for call in range(calls):
        made = Scene(lattice)
        made.put("T3", call, delay_s=-120.0)
        found = made.updates()
        assert made.trips(found) == ["T3"]
        ahead = found.row[~found.passed]
        assert ahead.tolist() == list(range(int(made.fleet["next_row"][0]), calls + 6))
        assert (found.arrival_s[1:] > found.departure_s[:-1]).all()


def test_many_buses_are_predicted_as_each_alone() -> None:
    made = Scene(LATTICE)
    places = [("A-out-21", 3), ("A-back-20", 2), ("O-24", 1), ("N-12", 5), ("F-trip", 2)]
    for number, (trip_id, call) in enumerate(places):
        made.put(trip_id, call, 0.3, name=f"b{number}")
    made.now_s = BASE_S + 12 * 3600
    made.fleet["time_s"][:5] = made.now_s
    together = made.forecast()
    for number in range(len(places)):
        alone = made.forecaster.forecast(made.fleet, np.array([number]), made.now_s)
        mine = [run for n, run in enumerate(runs_of(together)) if together.vehicle[n] == number]
        rows = np.concatenate([together.row[run] for run in mine])
        arrival = np.concatenate([together.arrival_s[run] for run in mine])
        assert rows.tolist() == alone.row.tolist()
        assert arrival == pytest.approx(alone.arrival_s, abs=1e-3)
