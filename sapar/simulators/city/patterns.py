"""From the streets a route takes to what GTFS wants: a shape, its stops, and running times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import cumulative_m, to_degrees
from sapar.simulators.city.lines import LineKind, Way
from sapar.simulators.city.network import AVENUE, SPEED_MPS, StreetMap
from sapar.simulators.city.stops import Stop, StopsByArc

Floats = NDArray[np.float64]

MIN_SPACING_M = 270.0
"""A stop nearer than this to the one before is passed by."""

ACCELERATION_LOSS_S = 11.0
"""Time lost to braking and pulling away at one stop."""

CROSSING_DELAY_S = {AVENUE: 9.0}
"""Mean wait before leaving onto a street of each kind at a crossing (else 5 s)."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One course of a route: where it runs, where it stops, how long it takes.

    Attributes:
        latitude, longitude, shape_m: the shape, in degrees, and metres from its start; (m,).
        stop_m: distance of each stop along the shape; (k,), strictly increasing.
        drive_s: time from each stop to the next on an empty street; (k - 1,).
        exposure: how much of the city's congestion each leg feels, 0 to 1; (k - 1,).
    """

    shape_id: str
    direction: int
    branch: int
    stops: tuple[Stop, ...]
    latitude: Floats
    longitude: Floats
    shape_m: Floats
    stop_m: Floats
    drive_s: Floats
    exposure: Floats


@dataclass(frozen=True, slots=True)
class _Halt:
    """A stop on a way: the index of its arc there, and the metres from the start of the way."""

    stop: Stop
    arc_index: int
    way_m: float


def trace_pattern(
    streets: StreetMap,
    stops: StopsByArc,
    way: Way,
    kind: LineKind,
    shape_id: str,
    centre: tuple[float, float],
) -> Pattern:
    """Trace the pattern of one way of a route.

    The shape begins at the first stop and ends at the last, and has a vertex beside every stop, so
    that `stop_m` is exact. A circular route ends at the stop where it began. `centre` is the
    (latitude, longitude) of the plane's origin, in degrees.
    """
    arcs = way.arcs
    starts_m = np.concatenate(([0.0], np.cumsum([streets.edge_of(a).length_m for a in arcs])))
    halts = [
        _Halt(stop, index, float(starts_m[index]) + stop.along_m)
        for index, arc in enumerate(arcs)
        for stop in stops[arc]
    ]
    if kind is LineKind.CIRCULAR:
        first = stops[arcs[0]][0]
        arcs = (*arcs, arcs[0])
        halts.append(_Halt(first, len(arcs) - 1, float(starts_m[-1]) + first.along_m))
        starts_m = np.append(starts_m, starts_m[-1] + streets.edge_of(arcs[0]).length_m)
    halts = _serve(halts)
    points, stop_vertex = _vertices(streets, arcs, starts_m, halts)
    lat, lon = to_degrees(points[:, 0], points[:, 1], centre)
    lat, lon = np.round(lat, 6), np.round(lon, 6)
    shape_m = cumulative_m(lat, lon)
    drive_s = _drive_s(streets, arcs, starts_m, halts)
    share = np.array([streets.edge_share[streets.tail(arcs[halt.arc_index])] for halt in halts])
    exposure = 0.35 + 0.65 * np.exp(-(((share[1:] + share[:-1]) / 2 / 0.55) ** 2))
    return Pattern(
        shape_id=shape_id,
        direction=way.direction,
        branch=way.branch,
        stops=tuple(halt.stop for halt in halts),
        latitude=lat,
        longitude=lon,
        shape_m=shape_m,
        stop_m=shape_m[stop_vertex],
        drive_s=drive_s,
        exposure=exposure,
    )


def _serve(halts: Sequence[_Halt]) -> list[_Halt]:
    """Choose which of the stops on a way a bus serves: the ends, and others not too close."""
    served = [halts[0]]
    for halt in halts[1:-1]:
        near = halt.way_m - served[-1].way_m
        same_place = halt.stop.name == served[-1].stop.name and near < 700
        at_end = halts[-1].way_m - halt.way_m < MIN_SPACING_M or (
            halt.stop.name == halts[-1].stop.name and halts[-1].way_m - halt.way_m < 700
        )
        if near >= MIN_SPACING_M and not same_place and not at_end:
            served.append(halt)
    return [*served, halts[-1]]


def _vertices(
    streets: StreetMap, arcs: Sequence[int], starts_m: Floats, halts: Sequence[_Halt]
) -> tuple[Floats, list[int]]:
    """Give the shape's points (n, 2) from first stop to last, and each stop's index among them."""
    first_m, last_m = halts[0].way_m, halts[-1].way_m
    stop_ms = np.array([halt.way_m for halt in halts])
    rows: list[tuple[float, float, float, int]] = [
        (halt.way_m, *halt.stop.road_m, index) for index, halt in enumerate(halts)
    ]
    for start_m, arc in zip(starts_m[:-1], arcs, strict=True):
        edge = streets.edge_of(arc)
        points = edge.points_m[::-1] if arc % 2 else edge.points_m
        along = edge.length_m - edge.along_m[::-1] if arc % 2 else edge.along_m
        for at_m, (x, y) in zip(start_m + along[:-1], points[:-1], strict=True):
            if first_m < at_m < last_m and np.abs(stop_ms - at_m).min() > 2.0:
                rows.append((float(at_m), float(x), float(y), -1))
    rows.sort()
    index_of = {row[3]: at for at, row in enumerate(rows) if row[3] >= 0}
    return np.array([row[1:3] for row in rows]), [index_of[i] for i in range(len(halts))]


def _drive_s(
    streets: StreetMap, arcs: Sequence[int], starts_m: Floats, halts: Sequence[_Halt]
) -> Floats:
    """Give the empty-street driving time between consecutive stops, crossings included."""
    speed = np.array([SPEED_MPS[streets.kind_of(arc)] for arc in arcs])
    delay = np.array([CROSSING_DELAY_S.get(streets.kind_of(arc), 5.0) for arc in arcs])
    lengths = np.diff(starts_m)
    entered_s = np.concatenate(([0.0], np.cumsum(lengths / speed + delay)[:-1]))
    at_s = [
        entered_s[h.arc_index] + (h.way_m - starts_m[h.arc_index]) / speed[h.arc_index]
        for h in halts
    ]
    legs: Floats = np.diff(np.array(at_s)) + ACCELERATION_LOSS_S
    return legs
