"""Legs of lines: they join, keep to the street, and know what lies on them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.lattice import Lattice, build_lattice
from sapar.gtfs.realtime.network import build_network
from tests.gtfs.realtime.lines import (
    EQUAL_STOPS,
    ONE_STOP,
    THERE_AND_BACK,
    lattice_along,
    lattice_with,
    row_of,
    rows_of,
)
from tests.gtfs.realtime.town import town

TOWN = town()
LATTICE = build_lattice(build_network(TOWN))
INNER_ROWS = [
    int(row)
    for row in range(len(LATTICE.trip_of_row))
    if row != LATTICE.first_row[LATTICE.trip_of_row[row]]
]
THIN_M = 4.0


def place_on(lattice: Lattice, row: int, share: float) -> tuple[float, float, float]:
    """A place on the pattern's own line, on the way to the stop of a row: metres, east, north."""
    network = lattice.network
    pattern = network.timetable.trips.pattern_idx[lattice.trip_of_row[row]]
    line = slice(network.line_begin[pattern], network.line_begin[pattern + 1])
    leg = lattice.leg_of_row[row]
    start = lattice.m[lattice.leg_begin[leg]]
    along = float(start + share * lattice.leg_m[leg])
    return (
        along,
        float(np.interp(along, network.line_m[line], network.line_x[line])),
        float(np.interp(along, network.line_m[line], network.line_y[line])),
    )


def check_rows(lattice: Lattice) -> None:
    trips = lattice.network.timetable.trips
    for trip in range(len(trips.ids)):
        rows = np.arange(trips.st_begin[trip], trips.st_begin[trip + 1])
        assert (lattice.first_row[trip], lattice.last_row[trip]) == (rows[0], rows[-1])
        assert (lattice.trip_of_row[rows] == trip).all()
        legs = lattice.leg_of_row[rows]
        assert (np.diff(legs) == 1).all()
        assert lattice.leg_m[legs[0]] == 0.0
        low, high = lattice.leg_begin[legs], lattice.leg_begin[legs + 1]
        assert (high - low >= 2).all()
        for end, start in zip(high[:-1] - 1, low[1:], strict=True):
            for column in (lattice.x, lattice.y, lattice.m):
                assert column[end] == column[start]
        stops = trips.pattern_idx[trip]
        stop_m = lattice.network.stop_m[
            lattice.network.stop_begin[stops] : lattice.network.stop_begin[stops + 1]
        ]
        assert np.allclose(np.cumsum(lattice.leg_m[legs]), stop_m - stop_m[0])
    assert (lattice.tolerance_m > 0).all()
    assert np.isfinite(lattice.x).all()


def test_the_legs_of_every_trip_join_end_to_end() -> None:
    check_rows(LATTICE)


@pytest.mark.parametrize("times", [ONE_STOP, EQUAL_STOPS, THERE_AND_BACK])
def test_awkward_trips_have_legs_as_well(times: str) -> None:
    lattice = lattice_with(times)
    check_rows(lattice)
    rows = rows_of(lattice, "T3")
    legs = lattice.leg_of_row[rows]
    found = lattice.project(legs, lattice.stop_x[rows], lattice.stop_y[rows])
    assert np.isfinite(np.stack(found)).all()
    assert (found[1] < 1.0).all()
    assert (np.hypot(found[2], found[3]) < 1.0 + 1e-9).all()


def test_a_leg_of_no_length_is_one_place() -> None:
    lattice = lattice_with(EQUAL_STOPS)
    row = row_of(lattice, "T3", 1)
    leg = lattice.leg_of_row[[row]]
    assert lattice.leg_m[leg] == 0.0
    along, off, east, north = lattice.project(
        leg, lattice.stop_x[[row]] + 300.0, lattice.stop_y[[row]] + 400.0
    )
    assert (along[0], east[0], north[0]) == (0.0, 0.0, 0.0)
    assert off[0] == pytest.approx(500.0)


@given(st.sampled_from(INNER_ROWS), st.floats(0.0, 1.0))
def test_a_place_of_a_leg_is_found_on_it(row: int, share: float) -> None:
    along_m, x, y = place_on(LATTICE, row, share)
    leg = LATTICE.leg_of_row[[row]]
    along, off, east, north = LATTICE.project(leg, np.array([x]), np.array([y]))
    assert off[0] <= THIN_M + 1e-6
    assert along[0] == pytest.approx(along_m, abs=15.0)
    assert east[0] ** 2 + north[0] ** 2 == pytest.approx(1.0)
    begin = LATTICE.m[LATTICE.leg_begin[leg]]
    assert begin <= along[0] <= begin + LATTICE.leg_m[leg]


@given(st.sampled_from(INNER_ROWS), st.floats(-900.0, 900.0), st.floats(-900.0, 900.0))
def test_a_projection_is_the_nearest_place(row: int, east_m: float, north_m: float) -> None:
    _, x, y = place_on(LATTICE, row, 0.5)
    leg = LATTICE.leg_of_row[row]
    _, off, _, _ = LATTICE.project(np.array([leg]), np.array([x + east_m]), np.array([y + north_m]))
    points = slice(LATTICE.leg_begin[leg], LATTICE.leg_begin[leg + 1])
    every = np.linspace(0, points.stop - points.start - 1, 400)
    number = np.arange(points.stop - points.start)
    line_x = np.interp(every, number, LATTICE.x[points])
    line_y = np.interp(every, number, LATTICE.y[points])
    nearest = np.hypot(line_x - x - east_m, line_y - y - north_m).min()
    assert off[0] <= nearest + 1e-6


def test_many_places_are_projected_as_each_alone() -> None:
    rows = np.array(INNER_ROWS[::97])
    random = np.random.default_rng(3)
    x = LATTICE.stop_x[rows] + random.normal(0, 100, len(rows))
    y = LATTICE.stop_y[rows] + random.normal(0, 100, len(rows))
    together = np.stack(LATTICE.project(LATTICE.leg_of_row[rows], x, y))
    for n, row in enumerate(rows):
        alone = LATTICE.project(LATTICE.leg_of_row[[row]], x[[n]], y[[n]])
        assert np.array_equal(together[:, n], np.concatenate(alone))


def test_the_line_is_followed_in_its_direction() -> None:
    there, back = (row_of(LATTICE, name, 1) for name in ("A-out-21", "A-back-21"))
    for row, sign in ((there, 1.0), (back, -1.0)):
        _, x, y = place_on(LATTICE, row, 0.5)
        _, _, east, _ = LATTICE.project(LATTICE.leg_of_row[[row]], np.array([x]), np.array([y]))
        assert east[0] == pytest.approx(sign, abs=0.01)


steps = st.lists(
    st.tuples(st.floats(20.0, 200.0), st.floats(-150.0, 150.0)), min_size=2, max_size=30
)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_a_thinned_line_stays_within_four_metres(turns: list[tuple[float, float]]) -> None:
    points = [(0.0, 0.0), *np.cumsum(np.array(turns), axis=0).tolist()]
    lattice = lattice_along([(x, y) for x, y in points])
    network = lattice.network
    leg = lattice.leg_of_row[[row_of(lattice, "T", 1)]]
    line_x, line_y = network.line_x, network.line_y
    first, last = lattice.leg_begin[leg][0], lattice.leg_begin[leg + 1][0] - 1
    inside = (network.line_m >= lattice.m[first]) & (network.line_m <= lattice.m[last])
    assume(inside.any())
    _, off, _, _ = lattice.project(np.repeat(leg, inside.sum()), line_x[inside], line_y[inside])
    assert off.max() <= THIN_M + 1e-6
    assert last - first + 1 <= len(line_x)


def test_a_straight_line_needs_two_points() -> None:
    lattice = lattice_along([(40.0 * n, 0.1 * (n % 2)) for n in range(50)])
    leg = lattice.leg_of_row[row_of(lattice, "T", 1)]
    assert lattice.leg_begin[leg + 1] - lattice.leg_begin[leg] == 2


def test_a_line_of_stops_may_be_missed_by_more_than_a_shape() -> None:
    shaped = LATTICE.leg_of_row[rows_of(LATTICE, "A-out-21")]
    chords = LATTICE.leg_of_row[rows_of(LATTICE, "N-12")]
    assert set(LATTICE.tolerance_m[shaped]) == {30.0}
    assert (LATTICE.tolerance_m[chords] == 35.0 + 0.15 * LATTICE.leg_m[chords]).all()


def test_a_break_and_the_way_to_the_next_trip_are_those_of_the_timetable() -> None:
    last, first = row_of(LATTICE, "A-out-21", 7), row_of(LATTICE, "A-back-21", 0)
    break_s, way_m = LATTICE.between(np.array([last, first]), np.array([first, last]))
    times = TOWN.stop_times
    assert break_s.tolist() == [float(times.departure_s[first] - times.arrival_s[last]), 0.0]
    assert break_s[0] > 0.0
    there, back = way_m.tolist()
    dx = LATTICE.stop_x[first] - LATTICE.stop_x[last]
    dy = LATTICE.stop_y[first] - LATTICE.stop_y[last]
    assert there == back == pytest.approx(float(np.hypot(dx, dy)))
