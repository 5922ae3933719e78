"""Detours on the ground: where a drawn path leaves and joins a line, and what it misses. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, cumulative_m, project_on_segments, to_plane
from sapar.gtfs.timetable.model import Pattern, Timetable

Longs = NDArray[np.int64]

_JOIN_M = 80.0
"""How far off the line a path's ends may be drawn."""
_SERVED_M = 30.0
"""A stop so near the path is still served."""
_SHORTEST_M = 20.0  # of the line between leaving and joining it


@dataclass(frozen=True, slots=True)
class LineDetour:
    """A path fitted to one pattern.

    Attributes:
        act_id: the act that it comes from.
        from_m, to_m: where the pattern's line is left and joined.
        latitude, longitude: the path.
        missed: numbers of the pattern's stops that the path passes by, rising.
        replacement: rows of the stops that are served along the path.
        replacement_m: metres along the path at which they lie.
    """

    act_id: str
    from_m: float
    to_m: float
    latitude: Floats
    longitude: Floats
    missed: tuple[int, ...]
    replacement: tuple[int, ...]
    replacement_m: tuple[float, ...]

    @property
    def length_m(self) -> float:
        """Length of the path."""
        return float(cumulative_m(self.latitude, self.longitude)[-1])


def fit_detour(
    timetable: Timetable,
    pattern: Pattern,
    path: list[tuple[float, float]],
    act_id: str,
    replacement: tuple[int, ...] = (),
) -> LineDetour | None:
    """Fit a path to a pattern: None where the pattern does not pass both its ends, in this order.

    On a line that passes an end more than once, the nearest pair of places counts.
    """
    if pattern.length_m == 0.0:
        return None
    lat, lon = np.array([p[0] for p in path]), np.array([p[1] for p in path])
    leaves, joins = (_places(pattern, lat[n], lon[n]) for n in (0, -1))
    pairs = [(b - a, a, b) for a in leaves for b in joins if b - a >= _SHORTEST_M]
    if not pairs:
        return None
    _, from_m, to_m = min(pairs)
    between = np.flatnonzero((pattern.stop_m > from_m) & (pattern.stop_m < to_m))
    off_m, _ = along_path(timetable, pattern.stop_idx[between], lat, lon)
    _, along_m = along_path(timetable, np.array(replacement, np.int32), lat, lon)
    return LineDetour(
        act_id,
        float(from_m),
        float(to_m),
        lat,
        lon,
        tuple(between[off_m > _SERVED_M].tolist()),
        replacement,
        tuple(np.maximum.accumulate(along_m).tolist()) if replacement else (),
    )


def detoured_line(pattern: Pattern, detours: list[LineDetour]) -> tuple[Floats, Floats]:
    """Give the pattern's line (latitudes, longitudes) with stretches replaced by paths.

    Detours that overlap one that begins before them are left out.
    """
    parts_lat, parts_lon, at_m = [], [], 0.0
    for detour in sorted(detours, key=lambda d: d.from_m):
        if detour.from_m < at_m:
            continue
        lat, lon = _stretch(pattern, at_m, detour.from_m)
        parts_lat += [lat, detour.latitude]
        parts_lon += [lon, detour.longitude]
        at_m = detour.to_m
    lat, lon = _stretch(pattern, at_m, pattern.length_m)
    return np.concatenate([*parts_lat, lat]), np.concatenate([*parts_lon, lon])


def detoured_pattern(pattern: Pattern, detours: list[LineDetour]) -> Pattern:
    """Give the pattern on its way round: the same stops, the new line.

    The stops that are missed lie where the line was left; the engine sees a bus pass there.
    """
    lat, lon = detoured_line(pattern, detours)
    line_m = cumulative_m(lat, lon)
    shift, stop_m, at_m = 0.0, pattern.stop_m.copy(), 0.0
    for detour in sorted(detours, key=lambda d: d.from_m):
        if detour.from_m < at_m:
            continue
        inside = (pattern.stop_m > detour.from_m) & (pattern.stop_m < detour.to_m)
        share = (pattern.stop_m[inside] - detour.from_m) / (detour.to_m - detour.from_m)
        stop_m[inside] = detour.from_m + shift + share * detour.length_m
        stop_m[list(detour.missed)] = detour.from_m + shift
        shift += detour.length_m - (detour.to_m - detour.from_m)
        stop_m[pattern.stop_m >= detour.to_m] = (
            pattern.stop_m[pattern.stop_m >= detour.to_m] + shift
        )
        at_m = detour.to_m
    placed = np.clip(np.maximum.accumulate(stop_m), 0.0, line_m[-1])
    return replace(pattern, polyline_lat=lat, polyline_lon=lon, polyline_m=line_m, stop_m=placed)


def polyline_text(latitude: Floats, longitude: Floats) -> str:
    """Encode a line by the Encoded Polyline Algorithm, five digits: `Shape.encoded_polyline`."""
    whole = np.rint(np.stack((latitude, longitude), axis=1) * 1e5).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    numbers = np.where(steps < 0, ~(steps << 1), steps << 1).ravel().tolist()
    out = []
    for number in numbers:
        left = number
        while left >= 0x20:
            out.append(chr((0x20 | (left & 0x1F)) + 63))
            left >>= 5
        out.append(chr(left + 63))
    return "".join(out)


def _places(pattern: Pattern, latitude: float, longitude: float) -> list[float]:
    """List the places on the line nearest to a point: one for each time that it passes by."""
    reference = (float(latitude), float(longitude))
    x, y = to_plane(pattern.polyline_lat, pattern.polyline_lon, reference)
    share, off = project_on_segments(0.0, 0.0, x[:-1], y[:-1], x[1:], y[1:])
    along = pattern.polyline_m[:-1] + share * np.diff(pattern.polyline_m)
    near = off <= _JOIN_M
    lowest = near & (off <= np.append(np.inf, off[:-1])) & (off < np.append(off[1:], np.inf))
    found: list[float] = along[lowest].tolist()
    return found


def along_path(
    timetable: Timetable, stops: NDArray[np.int32], lat: Floats, lon: Floats
) -> tuple[Floats, Floats]:
    """Measure stops against a path: how far off it they lie, and how far along."""
    reference = (float(lat[0]), float(lon[0]))
    x, y = to_plane(lat, lon, reference)
    sx, sy = to_plane(timetable.stops.latitude[stops], timetable.stops.longitude[stops], reference)
    share, off = project_on_segments(sx[:, None], sy[:, None], x[:-1], y[:-1], x[1:], y[1:])
    segment = off.argmin(axis=1)
    rows = np.arange(len(stops))
    path_m = cumulative_m(lat, lon)
    along = path_m[segment] + share[rows, segment] * np.diff(path_m)[segment]
    return off[rows, segment], along


def _stretch(pattern: Pattern, from_m: float, to_m: float) -> tuple[Floats, Floats]:
    """Cut a stretch out of the pattern's line, its ends included."""
    line_m = pattern.polyline_m
    inside = (line_m > from_m) & (line_m < to_m)
    at = np.concatenate(([from_m], line_m[inside], [max(from_m, to_m)]))
    return (
        np.interp(at, line_m, pattern.polyline_lat),
        np.interp(at, line_m, pattern.polyline_lon),
    )
