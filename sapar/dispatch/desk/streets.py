"""Which other routes drive on the street that a detour closes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sapar.core.geometry import Floats, cumulative_m, project_on_segments, to_plane
from sapar.dispatch.desk.lines import LedLine, led_lines
from sapar.gtfs.realtime.acts import Act, Detour
from sapar.gtfs.timetable.model import Pattern, Timetable

_STEP_M = 25.0
_NEAR_M = 25.0
"""Lines so near each other are taken for the same street."""
_SHARED_MIN_M = 150.0  # crossing a street is not driving on it


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another route on the same street.

    Attributes:
        route_id: the route.
        shared_m: how much of the closed stretch it drives.
        fits: the same path leaves and joins its line too, so that it can be led along it.
        missed: the stops that it would miss then.
    """

    route_id: str
    shared_m: int
    fits: bool
    missed: list[str]


def neighbours(timetable: Timetable, act: Act, lines: Sequence[LedLine]) -> list[Neighbour]:
    """List the other routes that drive on the stretches that a detour replaces, most first."""
    what = act.what
    assert isinstance(what, Detour)
    own = timetable.routes.index[what.route_id]
    closed = [_samples(line.replaced) for line in lines if len(line.replaced) > 1]
    shared: dict[int, float] = {}
    for pattern in timetable.patterns:
        if pattern.route_idx == own or not pattern.length_m:
            continue
        driven_m = max((_shared_m(pattern, lat, lon) for lat, lon in closed), default=0.0)
        if driven_m >= _SHARED_MIN_M:
            shared[pattern.route_idx] = max(driven_m, shared.get(pattern.route_idx, 0.0))
    found = []
    for route, driven_m in sorted(shared.items(), key=lambda item: -item[1]):
        route_id = timetable.routes.ids[route]
        other = replace(act, what=Detour(route_id=route_id, path=what.path))
        led = led_lines(timetable, other)
        missed = list(dict.fromkeys(stop for line in led for stop in line.missed))
        found.append(Neighbour(route_id, round(driven_m), bool(led), missed))
    return found


def _samples(line: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    lat, lon = np.array([p[0] for p in line]), np.array([p[1] for p in line])
    line_m = cumulative_m(lat, lon)
    at = np.arange(0.0, line_m[-1] + _STEP_M / 2, _STEP_M)
    return np.interp(at, line_m, lat), np.interp(at, line_m, lon)


def _shared_m(pattern: Pattern, lat: Floats, lon: Floats) -> float:
    """How much of a sampled stretch lies on a pattern's line."""
    margin = 0.001  # degrees: some 100 m, only to pass by what is far away
    if (
        pattern.polyline_lat.max() < lat.min() - margin
        or pattern.polyline_lat.min() > lat.max() + margin
        or pattern.polyline_lon.max() < lon.min() - 2 * margin
        or pattern.polyline_lon.min() > lon.max() + 2 * margin
    ):
        return 0.0
    reference = (float(lat[0]), float(lon[0]))
    x, y = to_plane(pattern.polyline_lat, pattern.polyline_lon, reference)
    px, py = to_plane(lat, lon, reference)
    _, off = project_on_segments(px[:, None], py[:, None], x[:-1], y[:-1], x[1:], y[1:])
    return float((off.min(axis=1) <= _NEAR_M).sum()) * _STEP_M
