"""Lines learnt from the fleet's own traces, for feeds without shapes. Pure.

Between two stops that follow each other on a trip, many buses leave their fixes. The way that most
of them agree on becomes the line of that segment; until there are enough, it stays straight.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from sapar.core.geometry import Floats, cumulative_m, project_on_segments, to_degrees, to_plane
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Pattern, Timetable

Longs = NDArray[np.int64]

PASSES_MIN = 3
"""So many buses must agree on a way."""
_PASSES_MAX = 24  # more say no more, and every pair is compared
_AGREE_M = 25.0  # mean distance between two ways that are the same
_AGREE_SHARE = 0.5
_SIMPLE_M = 5.0
_STEP_M = 20.0  # ways are compared at points so far apart
_POINTS_MAX = 60
_GAP_MAX_M = 400.0  # a trace with a longer hole says nothing of the way in it
_DETOUR_MAX = (
    3.0  # ... and one so much longer than the straight way is of a bus that went elsewhere
)
_DETOUR_SLACK_M = 300.0

Segment = tuple[int, int]
"""Rows of two stops that follow each other on a trip."""
Line = tuple[Floats, Floats]
"""Latitudes and longitudes."""


@dataclass(frozen=True, slots=True)
class LearntLine:
    """The way from one stop to the next.

    Attributes:
        latitude, longitude: the line, from stop to stop.
        passes: how many buses agreed on it.
    """

    latitude: Floats
    longitude: Floats
    passes: int


def collect_passes(
    timetable: Timetable, visits: Visits, fixes: FixColumns
) -> dict[Segment, list[Line]]:
    """Cut the fixes of each bus between the visits to two neighbouring stops.

    Only stops that the bus was seen at count; segments of patterns with a shape are left out.
    """
    found: dict[Segment, list[Line]] = defaultdict(list)
    by_vehicle = _by_vehicle(fixes)
    names = np.array(visits.vehicle_ids)
    order = np.lexsort((visits.row, visits.start_s, visits.day, visits.trip, names))
    stop_idx = timetable.stop_times.stop_idx
    shaped = np.array([pattern.has_shape for pattern in timetable.patterns], np.bool_)
    pattern = timetable.trips.pattern_idx
    for here, after in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        same = visits.row[after] == visits.row[here] + 1 and all(
            column[here] == column[after]
            for column in (names, visits.trip, visits.day, visits.start_s)
        )
        if not same or shaped[pattern[visits.trip[here]]]:
            continue
        if not (visits.seen[here] and visits.seen[after]):
            continue
        track = by_vehicle.get(visits.vehicle_ids[here])
        left_s, reached_s = visits.departure_s[here], visits.arrival_s[after]
        if np.isnan(left_s):
            left_s = visits.arrival_s[here]
        if track is None or not left_s < reached_s:
            continue
        low, high = np.searchsorted(track[0], [left_s, reached_s])
        segment = (int(stop_idx[visits.row[here]]), int(stop_idx[visits.row[after]]))
        found[segment].append((track[1][low:high], track[2][low:high]))
    return dict(found)


def learn_line(
    passes: list[Line], start: tuple[float, float], end: tuple[float, float]
) -> LearntLine | None:
    """Find the way that buses agree on from one stop to the next.

    The pass nearest to all others is the medoid; those that run with it are averaged along it. A
    bus on a detour, or one that was lost, is outvoted.

    Args:
        passes: positions between the two stops, in the order of time.
        start: latitude and longitude of the first stop.
        end: of the second one.

    Returns:
        The line from stop to stop, simplified to 5 m; None while too few buses agree.
    """
    ways = [way for line in passes if (way := _way(line, start, end)) is not None]
    ways = ways[-_PASSES_MAX:]
    if len(ways) < PASSES_MIN:
        return None
    apart = np.array([[_mean_distance(a, b) for b in ways] for a in ways])
    apart = (apart + apart.T) / 2
    medoid = int(np.median(apart, axis=1).argmin())
    alike = np.flatnonzero(apart[medoid] <= _AGREE_M)
    if len(alike) < max(PASSES_MIN, _AGREE_SHARE * len(ways)):
        return None
    middle = _average(ways[medoid], [ways[n] for n in alike.tolist()])
    simple = shapely.get_coordinates(shapely.simplify(shapely.LineString(middle), _SIMPLE_M))
    latitude, longitude = to_degrees(simple[:, 0], simple[:, 1], start)
    return LearntLine(latitude, longitude, len(alike))


def learn_lines(
    timetable: Timetable, passes: dict[Segment, list[Line]]
) -> dict[tuple[str, str], LearntLine]:
    """Learn the lines of all segments; keys are the GTFS ids of the two stops."""
    stops, found = timetable.stops, {}
    for (first, second), lines in sorted(passes.items()):
        line = learn_line(
            lines,
            (float(stops.latitude[first]), float(stops.longitude[first])),
            (float(stops.latitude[second]), float(stops.longitude[second])),
        )
        if line is not None:
            found[stops.ids[first], stops.ids[second]] = line
    return found


def with_learnt_shapes(
    timetable: Timetable, learnt: Mapping[tuple[str, str], LearntLine]
) -> Timetable:
    """Give a timetable whose patterns without a shape run along the learnt lines.

    A pattern all of whose segments are learnt counts as one with a shape.
    """
    patterns = [
        pattern if pattern.has_shape else _with_lines(timetable, pattern, learnt)
        for pattern in timetable.patterns
    ]
    return replace(timetable, patterns=patterns)


def _with_lines(
    timetable: Timetable, pattern: Pattern, learnt: Mapping[tuple[str, str], LearntLine]
) -> Pattern:
    stops = timetable.stops
    ids = [stops.ids[stop] for stop in pattern.stop_idx.tolist()]
    lines = [learnt.get(pair) for pair in itertools.pairwise(ids)]
    if not any(lines):
        return pattern
    lat, lon = stops.latitude[pattern.stop_idx], stops.longitude[pattern.stop_idx]
    parts_lat, parts_lon, joints = [lat[:1]], [lon[:1]], [0]
    for number, line in enumerate(lines):
        inner = slice(1, -1)
        if line is not None:
            parts_lat.append(line.latitude[inner])
            parts_lon.append(line.longitude[inner])
        parts_lat.append(lat[number + 1 : number + 2])
        parts_lon.append(lon[number + 1 : number + 2])
        joints.append(joints[-1] + 1 + (0 if line is None else len(line.latitude[inner])))
    line_lat, line_lon = np.concatenate(parts_lat), np.concatenate(parts_lon)
    line_m = cumulative_m(line_lat, line_lon)
    arrays = (line_lat, line_lon, line_m, line_m[joints], np.zeros(len(joints)))
    for array in arrays:
        array.setflags(write=False)
    return replace(
        pattern,
        polyline_lat=arrays[0],
        polyline_lon=arrays[1],
        polyline_m=arrays[2],
        stop_m=arrays[3],
        stop_offset_m=arrays[4],
        has_shape=all(line is not None for line in lines),
    )


def _by_vehicle(fixes: FixColumns) -> dict[str, tuple[Floats, Floats, Floats]]:
    if not len(fixes):
        return {}
    names, of = np.unique(np.array(fixes.vehicle_ids), return_inverse=True)
    order = np.lexsort((fixes.time_s, of))
    cuts = np.searchsorted(of[order], np.arange(1, len(names)))
    return {
        str(name): (fixes.time_s[rows], fixes.latitude[rows], fixes.longitude[rows])
        for name, rows in zip(names, np.split(order, cuts), strict=True)
    }


def _way(line: Line, start: tuple[float, float], end: tuple[float, float]) -> Floats | None:
    """Give a pass as points in metres from the first stop, evenly spaced; None if it is no use."""
    x, y = to_plane(line[0], line[1], start)
    end_x, end_y = to_plane(end[0], end[1], start)
    points = np.stack(
        (np.concatenate(([0.0], x, [end_x])), np.concatenate(([0.0], y, [end_y]))), axis=1
    )
    steps = np.hypot(*np.diff(points, axis=0).T)
    straight_m = float(np.hypot(end_x, end_y))
    length_m = float(steps.sum())
    too_long = length_m > _DETOUR_MAX * straight_m + _DETOUR_SLACK_M
    if len(x) < 1 or length_m == 0.0 or too_long or steps.max() > _GAP_MAX_M:
        return None
    count = int(np.clip(length_m / _STEP_M, 2, _POINTS_MAX)) + 1
    along = np.concatenate(([0.0], np.cumsum(steps)))
    at = np.linspace(0.0, length_m, count)
    return np.stack(
        (np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])), axis=1
    )


def _mean_distance(points: Floats, line: Floats) -> float:
    """Give the mean distance of points from a line."""
    return float(_nearest(points, line)[1].mean())


def _nearest(points: Floats, line: Floats) -> tuple[Floats, Floats]:
    """Give for each point the nearest one on a line, and how far it is."""
    ax, ay, bx, by = line[:-1, 0], line[:-1, 1], line[1:, 0], line[1:, 1]
    share, off = project_on_segments(points[:, :1], points[:, 1:], ax, ay, bx, by)
    best = off.argmin(axis=1)
    rows = np.arange(len(points))
    part = share[rows, best]
    near = np.stack((ax[best] + part * (bx - ax)[best], ay[best] + part * (by - ay)[best]), axis=1)
    return near, off[rows, best]


def _average(medoid: Floats, ways: list[Floats]) -> Floats:
    """Move each point of the medoid to the median of the nearest points of all ways."""
    near = np.stack([_nearest(medoid, way)[0] for way in ways])
    middle: Floats = np.median(near, axis=0)
    middle[0], middle[-1] = medoid[0], medoid[-1]
    return middle
