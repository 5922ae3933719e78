"""Lines learnt from traces: a bent street, noise, a bus that went elsewhere; and real buses."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.db import Pool
from sapar.core.geometry import Floats, project_on_segments, to_degrees, to_plane
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.shape_learning import (
    Line,
    collect_passes,
    learn_line,
    learn_lines,
    with_learnt_shapes,
)
from sapar.gtfs.realtime.shape_store import list_learnt_lines, save_learnt_lines
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable import load_timetable
from tests.gtfs.realtime.recordings import read_recording
from tests.gtfs.realtime.town import degrees, line, town

START, END = degrees(0.0, 0.0), degrees(600.0, 600.0)
STREET = np.array(line([(0.0, 0.0), (600.0, 0.0), (600.0, 600.0)], 10.0))


def off_m(points: Floats, way: Line) -> Floats:
    """How far points (metres from START) lie from a line."""
    x, y = to_plane(way[0], way[1], START)
    _, off = project_on_segments(points[:, :1], points[:, 1:], x[:-1], y[:-1], x[1:], y[1:])
    return off.min(axis=1)


def trace(random: np.random.Generator, noise_m: float = 6.0, step: int = 7) -> Line:
    """A bus that drives along the street, with fixes at places of its own."""
    places = STREET[int(random.integers(1, step)) :: step]
    noisy = places + random.normal(0.0, noise_m, places.shape)
    return to_degrees(noisy[:, 0], noisy[:, 1], START)


def test_a_bent_street_is_learnt_and_a_bus_that_went_elsewhere_is_outvoted() -> None:
    random = np.random.default_rng(1)
    other = np.array(line([(0.0, 0.0), (0.0, 600.0), (600.0, 600.0)], 70.0))[1:-1]
    passes = [trace(random) for _ in range(9)]
    passes.append(to_degrees(other[:, 0], other[:, 1], START))
    learnt = learn_line(passes, START, END)
    assert learnt is not None
    assert learnt.passes == 9
    way = (learnt.latitude, learnt.longitude)
    assert off_m(STREET, way).max() < 25.0  # fixes 70 m apart cut the corner
    assert len(learnt.latitude) < 12
    assert (way[0][0], way[1][0]) == pytest.approx(START)
    assert (way[0][-1], way[1][-1]) == pytest.approx(END)


@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.floats(0.0, 10.0))
def test_whatever_the_noise_the_line_is_nearer_the_street_than_the_straight_way(
    seed: int, buses: int, noise_m: float
) -> None:
    random = np.random.default_rng(seed)
    learnt = learn_line([trace(random, noise_m) for _ in range(buses)], START, END)
    assert learnt is not None
    off = off_m(STREET, (learnt.latitude, learnt.longitude))
    assert np.median(off) < 12.0
    straight = off_m(STREET, (np.array([START[0], END[0]]), np.array([START[1], END[1]])))
    assert off.mean() < straight.mean()


def test_two_buses_or_buses_that_do_not_agree_teach_nothing() -> None:
    random = np.random.default_rng(2)
    assert learn_line([trace(random), trace(random)], START, END) is None
    ways = [[(0.0, 0.0), (k, 600.0 - k), (600.0, 600.0)] for k in (0.0, 150.0, 450.0, 600.0)]
    points = [np.array(line(way, 60.0))[1:-1] for way in ways]
    lines = [to_degrees(p[:, 0], p[:, 1], START) for p in points]
    assert learn_line(lines, START, END) is None
    assert learn_line([], START, END) is None
    empty = np.zeros(0)
    assert learn_line([(empty, empty)] * 5, START, END) is None


def test_a_learnt_line_takes_the_place_of_the_straight_one() -> None:
    timetable = town()
    number = int(timetable.trips.pattern_idx[timetable.trips.index["N-3"]])
    before = timetable.patterns[number]
    assert not before.has_shape
    stops = timetable.stops
    learnt = {}
    for first, second in zip(before.stop_idx[:-1], before.stop_idx[1:], strict=True):
        start = (float(stops.latitude[first]), float(stops.longitude[first]))
        end = (float(stops.latitude[second]), float(stops.longitude[second]))
        x, y = to_plane(np.array([end[0]]), np.array([end[1]]), start)
        bent = np.array([(x[0] / 2, y[0] / 2 + 80.0)])
        passes = [to_degrees(bent[:, 0], bent[:, 1], start)] * 3
        found = learn_line(passes, start, end)
        assert found is not None
        learnt[stops.ids[first], stops.ids[second]] = found
    some = dict(list(learnt.items())[:3])
    partly = with_learnt_shapes(timetable, some).patterns[number]
    wholly = with_learnt_shapes(timetable, learnt).patterns[number]
    assert not partly.has_shape
    assert wholly.has_shape
    assert before.length_m < partly.length_m < wholly.length_m
    for pattern in (partly, wholly):
        assert len(pattern.stop_m) == len(before.stop_m)
        assert (np.diff(pattern.stop_m) > 0).all()
        assert pattern.stop_m[-1] == pattern.length_m
        at = np.interp(pattern.stop_m, pattern.polyline_m, pattern.polyline_lat)
        assert at == pytest.approx(stops.latitude[before.stop_idx])
    unchanged = with_learnt_shapes(timetable, {}).patterns
    assert all(a is b for a, b in zip(unchanged, timetable.patterns, strict=True))


async def test_learnt_lines_come_back_from_the_database(pool: Pool) -> None:
    random = np.random.default_rng(3)
    found = learn_line([trace(random) for _ in range(5)], START, END)
    assert found is not None
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('town', 'Town', 'Asia/Aqtobe')"
        )
    now = datetime(2026, 3, 10, tzinfo=UTC)
    for _ in range(2):
        await save_learnt_lines(pool, "town", {("a", "b"): found}, now)
    (back,) = (await list_learnt_lines(pool, "town")).items()
    assert back[0] == ("a", "b")
    assert back[1].passes == found.passes
    assert np.array_equal(back[1].latitude, found.latitude)
    assert np.array_equal(back[1].longitude, found.longitude)
    assert await list_learnt_lines(pool, "other") == {}


def test_in_warsaw_fixes_lie_nearer_to_learnt_lines_than_to_straight_ones(
    sapar_data: Path,
) -> None:
    """An hour of a feed without shapes; the last two passes of a segment are kept aside."""
    folder = sapar_data / "warsaw"
    timetable = load_timetable(folder / "gtfs.zip", "warsaw")
    fixes = read_recording(folder / "positions.csv.gz")
    engine, low, parts = Engine(timetable), 0, []
    for now_s in np.arange(fixes.time_s[0], fixes.time_s[0] + 3600, 20.0):
        high = int(np.searchsorted(fixes.time_s, now_s, side="right"))
        engine.ingest(fixes.take(np.arange(low, high)), float(now_s))
        engine.look(float(now_s))
        low = high
        parts.append(engine.drain_visits())
    visits = Visits(
        [vehicle for part in parts for vehicle in part.vehicle_ids],
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("trip", "day", "start_s", "row", "arrival_s", "departure_s", "seen")
        ),
    )
    passes = collect_passes(timetable, visits, fixes.take(np.arange(low)))
    busy = {segment: lines for segment, lines in passes.items() if len(lines) >= 6}
    assert len(busy) > 100
    learnt = learn_lines(timetable, {segment: lines[:-2] for segment, lines in busy.items()})
    assert len(learnt) > 0.9 * len(busy)
    stops = timetable.stops
    near: list[float] = []
    far: list[float] = []
    for (first, second), lines in busy.items():
        found = learnt.get((stops.ids[first], stops.ids[second]))
        if found is None:
            continue
        reference = (float(stops.latitude[first]), float(stops.longitude[first]))
        ends = [first, second]
        for way, into in (
            ((found.latitude, found.longitude), near),
            ((stops.latitude[ends], stops.longitude[ends]), far),
        ):
            x, y = to_plane(way[0], way[1], reference)
            for latitude, longitude in lines[-2:]:
                if len(latitude):
                    px, py = to_plane(latitude, longitude, reference)
                    _, off = project_on_segments(
                        px[:, None], py[:, None], x[:-1], y[:-1], x[1:], y[1:]
                    )
                    into += off.min(axis=1).tolist()
    assert np.median(near) < 6.0 < np.median(far)
    assert np.percentile(near, 95) < 30.0 < np.percentile(far, 90)
