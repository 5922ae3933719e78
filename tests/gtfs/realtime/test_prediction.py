"""Laws of predictions: times rise, nothing lies behind, layovers absorb delay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.prediction import AT_STOP_M, Progress, next_starts, predict, rising
from tests.gtfs.realtime.town import day_start, town

TOWN = town()
NETWORK = build_network(TOWN)
SCHEDULED_TRIPS = [n for n, name in enumerate(TOWN.trips.ids) if not name.endswith("-trip")]


def progress(
    trip: int, share: float, *, departed: bool = True, delay_s: float = 0.0, loose: bool = False
) -> Progress:
    length = NETWORK.last_m[TOWN.trips.pattern_idx[trip]]
    return Progress(
        np.array([trip], np.int32),
        np.array([day_start(TOWN)]),
        np.array([share * length]),
        np.array([departed]),
        np.array([delay_s]),
        np.array([loose]),
    )


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


@given(
    st.sampled_from(SCHEDULED_TRIPS),
    st.floats(0, 0.98),
    st.floats(-900, 3600),
    st.floats(-600, 600),
    st.booleans(),
)
def test_no_stop_ahead_is_predicted_before_now(
    trip: int, share: float, delay_s: float, shift_s: float, departed: bool
) -> None:
    runs = progress(trip, share, departed=departed, delay_s=delay_s if departed else 0.0)
    along = runs.along_m
    now_s = day_start(TOWN) + float(NETWORK.scheduled_s(runs.trip, along)[0]) + delay_s + shift_s
    found = predict(NETWORK, runs, now_s)
    rows = TOWN.trip_rows(trip)
    ahead = NETWORK.row_m[found.row] > (along[0] + AT_STOP_M if departed else -1.0)
    if not departed:
        ahead[0] = False  # the bus stands there
    assert (found.arrival_s[ahead] >= np.floor(now_s)).all()
    assert found.row[-1] == rows.stop - 1
    assert (np.diff(found.row) == 1).all()


def test_a_late_bus_is_late_at_all_stops_ahead() -> None:
    trip = TOWN.trips.index["A-out-0"]
    runs = progress(trip, 0.5, delay_s=240.0)
    now_s = day_start(TOWN) + float(NETWORK.scheduled_s(runs.trip, runs.along_m)[0]) + 240
    found = predict(NETWORK, runs, now_s)
    late = found.arrival_s - day_start(TOWN) - TOWN.stop_times.arrival_s[found.row]
    assert ((late >= 240) & (late <= 242)).all()  # a second or two where a minute is shared


def test_an_early_bus_keeps_the_stops_it_passed_before_their_time() -> None:
    trip = TOWN.trips.index["A-out-0"]
    runs = progress(trip, 0.5, delay_s=-300.0)
    now_s = day_start(TOWN) + float(NETWORK.scheduled_s(runs.trip, runs.along_m)[0]) - 300
    found = predict(NETWORK, runs, now_s)
    due = day_start(TOWN) + TOWN.stop_times.departure_s[found.row]
    passed = NETWORK.row_m[found.row] < runs.along_m[0] - 25
    assert passed.any()
    assert (due > now_s).all()
    assert (found.departure_s[passed] <= now_s).all()


@given(st.floats(-24, 24), st.floats(-600, 1800), st.floats(0, 60))
def test_a_bus_that_stands_at_a_stop_has_arrived_and_not_left(
    off_m: float, delay_s: float, age_s: float
) -> None:
    trip = TOWN.trips.index["A-out-0"]
    row = TOWN.trip_rows(trip).start + 3
    runs = progress(trip, 0.0, delay_s=delay_s)
    runs.along_m[:] = NETWORK.row_m[row] + off_m
    seen_s = day_start(TOWN) + float(NETWORK.scheduled_s(runs.trip, runs.along_m)[0]) + delay_s
    found = predict(NETWORK, runs, seen_s + age_s)
    at = int(np.flatnonzero(found.row == row)[0])
    assert found.arrival_s[at] < seen_s + age_s
    assert found.departure_s[at] >= np.floor(seen_s + age_s)
    assert (found.arrival_s[at + 1 :] > found.departure_s[at]).all()


def test_a_waiting_bus_leaves_when_due_or_now() -> None:
    trip = TOWN.trips.index["A-out-0"]
    due_s = day_start(TOWN) + float(TOWN.trips.first_s[trip])
    early = predict(NETWORK, progress(trip, 0.0, departed=False), due_s - 300)
    assert early.departure_s[0] == due_s
    late = predict(NETWORK, progress(trip, 0.0, departed=False), due_s + 300)
    assert due_s + 300 < late.departure_s[0] <= due_s + 330
    assert late.arrival_s[0] == due_s


def test_a_layover_absorbs_delay_as_far_as_it_goes() -> None:
    ends, due = np.array([1000, 1000, 1000]), np.array([1600.0, 1060.0, 900.0])
    assert next_starts(ends, due).tolist() == [0.0, 0.0, 160.0]


def test_two_stops_in_one_minute_get_two_seconds() -> None:
    trip = TOWN.trips.index["A-out-0"]
    rows = TOWN.trip_rows(trip)
    assert TOWN.stop_times.arrival_s[rows][5] == TOWN.stop_times.arrival_s[rows][6]
    due_s = day_start(TOWN) + float(TOWN.trips.first_s[trip])
    found = predict(NETWORK, progress(trip, 0.0, departed=False), due_s - 60)
    assert found.arrival_s[6] == found.departure_s[5] + 1
