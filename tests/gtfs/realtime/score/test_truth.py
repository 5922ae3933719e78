"""Tracks and passages on a street that can be checked by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.crossings import pair_key
from sapar.gtfs.realtime.score.passages import Passages, find_passages, stop_directions
from sapar.gtfs.realtime.score.tracks import NONE, UNKNOWN, Tracks, build_tracks
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import METRES_LAT, METRES_LON, town

T0 = 1_773_100_000.0


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


def track(
    points: list[tuple[float, float, float]], vehicle: str = "bus", trip: str | None = None
) -> FixColumns:
    """Fixes of (seconds, metres east, metres north) around stop n3 of the town, on a street of one way."""
    timetable = town()
    stop = timetable.stops.index["n3"]
    count = len(points)
    nan = np.full(count, np.nan)
    none: list[str | None] = [None] * count
    return FixColumns(
        [vehicle] * count,
        T0 + np.array([point[0] for point in points], float),
        timetable.stops.latitude[stop] + np.array([p[2] for p in points], float) / METRES_LAT,
        timetable.stops.longitude[stop] + np.array([p[1] for p in points], float) / METRES_LON,
        nan,
        nan,
        [trip] * count,
        none,
        none,
    )


def way(timetable: Timetable) -> np.ndarray:
    """Unit vector along the street at n3, as its trips drive."""
    x = timetable.stops.longitude * METRES_LON
    y = timetable.stops.latitude * METRES_LAT
    east, north = stop_directions(timetable, x, y)
    stop = timetable.stops.index["n3"]
    return np.array([east[stop], north[stop]])


def passages_at(timetable: Timetable, fixes: FixColumns) -> tuple[Tracks, Passages]:
    tracks = build_tracks(fixes, timetable)
    stop = np.array([timetable.stops.index["n3"]])
    wanted = pair_key(np.zeros(1, np.int32), stop, len(timetable.stops.ids))
    return tracks, find_passages(tracks, timetable, wanted)


def drive(timetable: Timetable, metres: Sequence[tuple[float, float]], off_m: float = 0.0):
    """Fixes of (seconds, metres along the street past n3), `off_m` beside it."""
    along = way(timetable)
    beside = np.array([-along[1], along[0]]) * off_m
    return track([(s, *(along * m + beside)) for s, m in metres])


def test_arrival_is_the_first_moment_within_thirty_metres(timetable: Timetable):
    _, found = passages_at(timetable, drive(timetable, [(0, -300), (30, 0), (60, 300)]))
    assert len(found) == 1
    assert found.arrival_s[0] - T0 == pytest.approx(27.0, abs=0.1)
    assert not found.unseen[0]
    assert found.fix[0] == 0


def test_a_bus_that_never_comes_so_near_arrives_where_it_is_closest(timetable: Timetable):
    _, found = passages_at(timetable, drive(timetable, [(0, -300), (60, 300)], off_m=50.0))
    assert found.arrival_s[0] - T0 == pytest.approx(30.0, abs=0.1)
    _, far = passages_at(timetable, drive(timetable, [(0, -300), (60, 300)], off_m=80.0))
    assert len(far) == 0


def test_a_bus_across_the_road_does_not_serve_the_stop(timetable: Timetable):
    assert np.hypot(*way(timetable)) == pytest.approx(1.0)
    _, found = passages_at(timetable, drive(timetable, [(0, 300), (60, -300)]))
    assert len(found) == 0


def test_visits_close_together_are_one_passage_and_later_ones_are_not(timetable: Timetable):
    back = [(0, -200), (20, 0), (40, 200), (80, 0), (100, -200), (120, -10), (140, 200)]
    _, found = passages_at(timetable, drive(timetable, back))
    assert len(found) == 1
    twice = [(0, -200), (20, 200), (100, 700), (200, 700), (300, -200), (320, 200)]
    _, found = passages_at(timetable, drive(timetable, twice))
    assert np.allclose(found.arrival_s - T0, [8.5, 308.5], atol=0.2)


def test_an_arrival_before_the_record_begins_was_not_seen(timetable: Timetable):
    _, found = passages_at(timetable, drive(timetable, [(0, 0), (30, 5), (60, 300)]))
    assert found.unseen.tolist() == [True]


def test_a_long_step_far_off_may_hide_an_arrival(timetable: Timetable):
    near = drive(timetable, [(0, -600), (90, 600)], off_m=200.0)
    _, found = passages_at(timetable, near)
    assert found.unseen.tolist() == [True]
    _, none = passages_at(timetable, drive(timetable, [(0, -600), (50, 600)], off_m=200.0))
    assert len(none) == 0


def test_gaps_break_the_record_and_single_jumps_are_left_out(timetable: Timetable):
    fixes = drive(timetable, [(0, 0), (30, 100), (60, 30_000), (90, 200), (400, 300), (430, 400)])
    tracks, _ = passages_at(timetable, fixes)
    assert (tracks.time_s - T0).tolist() == [0, 30, 90, 400, 430]
    first, last = tracks.run_spans()
    assert (last - first).tolist() == [90, 90, 90, 30, 30]


def test_a_jump_that_stays_breaks_the_record(timetable: Timetable):
    metres = [(0.0, 0.0), (30.0, 100.0), (60.0, 30_000.0), (90.0, 30_100.0)]
    tracks, _ = passages_at(timetable, drive(timetable, metres))
    first, last = tracks.run_spans()
    assert (last - first).tolist() == [30, 30, 30, 30]


def test_ids_of_the_record_become_rows(timetable: Timetable):
    trip = timetable.trips.ids[3]
    for given_id, row in ((trip, 3), ("no such trip", UNKNOWN), (None, NONE)):
        tracks = build_tracks(track([(0, 0, 0)], trip=given_id), timetable)
        assert tracks.trip.tolist() == [row]
        assert tracks.block.tolist() == [NONE]


@given(st.permutations(list(range(12))))
def test_the_order_of_the_rows_changes_nothing(order: list[int]):
    timetable = town()
    metres = [(20.0 * n, 150.0 * (n - 5)) for n in range(12)]
    fixes = drive(timetable, metres)
    _, straight = passages_at(timetable, fixes)
    _, shuffled = passages_at(timetable, fixes.take(order))
    assert straight.arrival_s.tolist() == shuffled.arrival_s.tolist()


def test_the_newest_fix_by_a_time(timetable: Timetable):
    tracks = build_tracks(drive(timetable, [(0, 0), (30, 100), (60, 200)]), timetable)
    at = tracks.latest(np.array([0, 0, 0, -1], np.int32), T0 + np.array([-1.0, 30.0, 90.0, 90.0]))
    assert at.tolist() == [-1, 1, 2, -1]
