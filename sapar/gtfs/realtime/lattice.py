"""What a trip is made of for tracking: calls, and the legs of line that lead to them.

State *row* of a bus means: the next call to reach is that row of the stop times. Inside a trip the
bus is then on the *leg* from the call before to this one; at the first row of a trip it is before
its first stop: it waits there, comes from the trip before, or drives there empty.

Legs are cut at the stops and thinned, so that a place belongs to one leg even where a long straight
piece of a shape passes three stops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, project_on_segments
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import argmin_of_groups, expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_THIN_M = 4.0  # a line thinned by so much is still the same street
_SHAPE_TOLERANCE_M = 30.0  # noise of receivers and of drawn shapes
_CHORD_TOLERANCE_M = 35.0  # a line of stops: streets bend away from it ...
_CHORD_TOLERANCE_SHARE = 0.15  # ... the more, the longer the leg


@dataclass(frozen=True)
class Lattice:
    """Calls and legs of one timetable, flat.

    Attributes:
        trip_of_row: the trip of each stop-time row.
        leg_of_row: the leg that leads to the row's stop; a trip's first row has an empty leg.
        first_row, last_row: of each trip.
        leg_begin: points of leg i are rows leg_begin[i] to leg_begin[i + 1] of x, y and m.
        x, y, m: points of the legs: metres east, north, along the pattern's line.
        leg_m: length of each leg; tolerance_m: how far off it a fix may well be.
        stop_x, stop_y: place of each stop-time row's stop.
    """

    network: Network
    trip_of_row: Ints
    leg_of_row: Longs
    first_row: Longs
    last_row: Longs
    leg_begin: Longs
    x: Floats
    y: Floats
    m: Floats
    leg_m: Floats
    tolerance_m: Floats
    stop_x: Floats
    stop_y: Floats

    def project(self, leg: Longs, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Find the nearest place on legs, element by element; every leg must have two points.

        Returns:
            (along_m, off_m, east, north): the place along the line, how far off it the point is,
            and the direction of the line there as a unit vector.
        """
        return project_on_legs(self.leg_begin, self.x, self.y, self.m, leg, x, y)

    def between(self, last: Longs, first: Longs) -> tuple[Floats, Floats]:
        """Give the planned break and the way from last calls of trips to first ones of the next.

        Returns:
            (seconds, metres as the crow flies); trips planned to overlap have no break.
        """
        table = self.network.timetable.stop_times
        break_s = np.maximum(table.departure_s[first] - table.arrival_s[last], 0)
        way_m = np.hypot(
            self.stop_x[first] - self.stop_x[last], self.stop_y[first] - self.stop_y[last]
        )
        return break_s.astype(np.float64), way_m


def project_on_legs(
    leg_begin: Longs, leg_x: Floats, leg_y: Floats, leg_m: Floats, leg: Longs, x: Floats, y: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Find the nearest place on legs, as `Lattice.project` does; they are laid out as there."""
    seg, owner, begin = expand(leg_begin[leg], leg_begin[leg + 1] - 1)
    ax, ay, bx, by = leg_x[seg], leg_y[seg], leg_x[seg + 1], leg_y[seg + 1]
    share, off = project_on_segments(x[owner], y[owner], ax, ay, bx, by)
    best = argmin_of_groups(off, begin)
    at = seg[best]
    length = np.maximum(np.hypot(bx[best] - ax[best], by[best] - ay[best]), 1e-6)
    along = leg_m[at] + share[best] * (leg_m[at + 1] - leg_m[at])
    return (
        along,
        off[best],
        (bx[best] - ax[best]) / length,
        (by[best] - ay[best]) / length,
    )


def build_lattice(network: Network) -> Lattice:
    """Cut the lines of a network at the stops."""
    timetable = network.timetable
    trips = timetable.trips
    counts = np.diff(trips.st_begin)
    trip_of_row = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    local = np.arange(len(trip_of_row)) - trips.st_begin[trip_of_row]
    stop_x, stop_y = network.plane(
        timetable.stops.latitude[timetable.stop_times.stop_idx],
        timetable.stops.longitude[timetable.stop_times.stop_idx],
    )
    xs, ys, ms, sizes = [], [], [], []
    for number in range(len(timetable.patterns)):
        for x, y, m in _legs(network, number):
            xs.append(x)
            ys.append(y)
            ms.append(m)
            sizes.append(len(x))
    leg_begin = np.concatenate(([0], np.cumsum(np.asarray(sizes, np.int64))))
    m = np.concatenate([np.zeros(0), *ms])
    leg_m = m[leg_begin[1:] - 1] - m[leg_begin[:-1]]
    shaped = np.repeat(network.has_shape, np.diff(network.stop_begin))
    chord = _CHORD_TOLERANCE_M + _CHORD_TOLERANCE_SHARE * leg_m
    return Lattice(
        network,
        trip_of_row,
        network.stop_begin[trips.pattern_idx[trip_of_row]] + local,
        trips.st_begin[:-1].astype(np.int64),
        trips.st_begin[1:].astype(np.int64) - 1,
        leg_begin,
        np.concatenate([np.zeros(0), *xs]),
        np.concatenate([np.zeros(0), *ys]),
        m,
        leg_m,
        np.where(shaped, _SHAPE_TOLERANCE_M, chord),
        stop_x,
        stop_y,
    )


def _legs(network: Network, pattern: int) -> list[tuple[Floats, Floats, Floats]]:
    """Give the points of each leg of a pattern; the leg to the first stop stands on one place."""
    line = slice(int(network.line_begin[pattern]), int(network.line_begin[pattern + 1]))
    stops = network.stop_m[int(network.stop_begin[pattern]) : int(network.stop_begin[pattern + 1])]
    line_x, line_y, line_m = network.line_x[line], network.line_y[line], network.line_m[line]
    at_x, at_y = np.interp(stops, line_m, line_x), np.interp(stops, line_m, line_y)
    legs = [(at_x[[0, 0]], at_y[[0, 0]], stops[[0, 0]])]
    inner_from = np.searchsorted(line_m, stops[:-1], side="right")
    inner_to = np.searchsorted(line_m, stops[1:], side="left")
    for k in range(len(stops) - 1):
        inner = slice(int(inner_from[k]), int(max(inner_from[k], inner_to[k])))
        x = np.concatenate((at_x[k : k + 1], line_x[inner], at_x[k + 1 : k + 2]))
        y = np.concatenate((at_y[k : k + 1], line_y[inner], at_y[k + 1 : k + 2]))
        m = np.concatenate((stops[k : k + 1], line_m[inner], stops[k + 1 : k + 2]))
        keep = _thinned(x, y)
        legs.append((x[keep], y[keep], m[keep]))
    return legs


def _thinned(x: Floats, y: Floats) -> Longs:
    """List the points that a line needs to stay within `_THIN_M` (Ramer, Douglas and Peucker)."""
    if len(x) == 2:
        return np.array([0, 1])
    keep = np.zeros(len(x), np.bool_)
    keep[[0, -1]] = True
    spans = [(0, len(x) - 1)]
    while spans:
        low, high = spans.pop()
        if high - low < 2:
            continue
        inner = slice(low + 1, high)
        _, off = project_on_segments(x[inner], y[inner], x[low], y[low], x[high], y[high])
        far = int(np.argmax(off))
        if off[far] > _THIN_M:
            keep[low + 1 + far] = True
            spans += [(low, low + 1 + far), (low + 1 + far, high)]
    return np.flatnonzero(keep)
