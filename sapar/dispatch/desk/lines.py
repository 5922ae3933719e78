"""A drawn detour against the timetable: what it does to each line of its route. Pure.

The engine fits a path by the same function, so what a dispatcher sees while drawing is what the
feeds will say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats, distance_m
from sapar.gtfs.realtime.acts import Act, Detour
from sapar.gtfs.realtime.detours import LineDetour
from sapar.gtfs.realtime.modifications import fitted_detours
from sapar.gtfs.timetable.model import Pattern, Timetable

_POINTS_MAX = 200  # of a stretch of line; a page draws no more


@dataclass(frozen=True, slots=True)
class LedLine:
    """One line of the route as it is led round.

    Attributes:
        direction: 0, 1 or None where the timetable has none.
        headsign: of most of its trips.
        leave_stop_id, join_stop_id: last stop before and first one after the detour, if any.
        missed: stops that are not served, in order.
        replaced_m: length of the stretch of the line that is not driven.
        path_m: length of the way round.
        replaced: (latitude, longitude) of that stretch.
    """

    direction: int | None
    headsign: str
    leave_stop_id: str | None
    join_stop_id: str | None
    missed: list[str]
    replaced_m: int
    path_m: int
    replaced: list[tuple[float, float]]


def led_lines(timetable: Timetable, act: Act) -> list[LedLine]:
    """Tell how a detour leads each line of its route; lines that are led alike are one.

    An empty list: the path leaves and joins no line of the route.
    """
    what = act.what
    assert isinstance(what, Detour)
    counts = np.bincount(timetable.trips.pattern_idx, minlength=len(timetable.patterns))
    found: dict[tuple[object, ...], tuple[int, LedLine]] = {}
    for number in np.argsort(-counts, kind="stable").tolist():
        pattern = timetable.patterns[number]
        if not counts[number]:
            continue
        for _, detour in fitted_detours(timetable, pattern, [(act, what)]):
            line = _led(timetable, number, pattern, detour)
            key = (line.direction, line.leave_stop_id, line.join_stop_id, tuple(line.missed))
            found.setdefault(key, (number, line))
    return [line for _, line in found.values()]


def missed_of(lines: list[LedLine]) -> list[str]:
    """List the stops that any of the lines misses, each once."""
    return list(dict.fromkeys(stop for line in lines for stop in line.missed))


def _led(timetable: Timetable, number: int, pattern: Pattern, detour: LineDetour) -> LedLine:
    ids = timetable.stops.ids
    before = int(np.searchsorted(pattern.stop_m, detour.from_m, side="right")) - 1
    after = int(np.searchsorted(pattern.stop_m, detour.to_m))
    trip = int(np.flatnonzero(timetable.trips.pattern_idx == number)[0])
    return LedLine(
        pattern.direction if pattern.direction >= 0 else None,
        timetable.trips.headsigns[trip],
        ids[int(pattern.stop_idx[before])] if before >= 0 else None,
        ids[int(pattern.stop_idx[after])] if after < len(pattern.stop_idx) else None,
        [ids[int(pattern.stop_idx[n])] for n in detour.missed],
        round(detour.to_m - detour.from_m),
        round(detour.length_m),
        stretch(pattern, detour.from_m, detour.to_m),
    )


def stretch(pattern: Pattern, from_m: float, to_m: float) -> list[tuple[float, float]]:
    """Cut a stretch out of a pattern's line, its ends included, thinned where it is long."""
    line_m = pattern.polyline_m
    inside = line_m[(line_m > from_m) & (line_m < to_m)]
    if len(inside) > _POINTS_MAX:
        inside = inside[:: len(inside) // _POINTS_MAX + 1]
    at: Floats = np.concatenate(([from_m], inside, [to_m]))
    lat = np.interp(at, line_m, pattern.polyline_lat)
    lon = np.interp(at, line_m, pattern.polyline_lon)
    return [(round(a, 6), round(b, 6)) for a, b in zip(lat.tolist(), lon.tolist(), strict=True)]


def off_line_m(timetable: Timetable, route_id: str, point: tuple[float, float]) -> float:
    """Tell how far a point lies from the nearest line of a route; infinite without any."""
    route = timetable.routes.index.get(route_id, -1)
    nearest = float("inf")
    for pattern in timetable.patterns:
        if pattern.route_idx != route or not pattern.length_m:
            continue
        at_m = np.arange(0.0, pattern.length_m, 20.0)
        lat = np.interp(at_m, pattern.polyline_m, pattern.polyline_lat)
        lon = np.interp(at_m, pattern.polyline_m, pattern.polyline_lon)
        off = distance_m(lat, lon, np.full_like(lat, point[0]), np.full_like(lon, point[1]))
        nearest = min(nearest, float(off.min()))
    return nearest
