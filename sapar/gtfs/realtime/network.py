"""The timetable as the engine's inner loops read it: flat arrays, in metres of a plane.

Lines of all patterns stand one after the other in one array, and so do the stops along them. A
*key* (pattern number times `SPAN_M`, plus the distance along) rises over the whole array, so that
one `searchsorted` finds places on many lines at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, project_on_segments, to_plane
from sapar.gtfs.realtime.ragged import argmin_of_groups, expand
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

SPAN_M = 1e7
"""Longer than any line: what separates patterns (or trips) in a key."""

_SHAPE_TOLERANCE_M = 60.0  # TransitClock's default largest distance from a path segment
_CHORD_TOLERANCE_M = 120.0  # a line of stops: streets bend away from it ...
_CHORD_TOLERANCE_SHARE = 0.15  # ... the more, the longer the segment


@dataclass(frozen=True)
class Network:
    """One timetable, flattened.

    Attributes:
        reference: latitude and longitude of the plane's origin.
        line_begin: points of pattern p are rows line_begin[p] to line_begin[p + 1].
        line_x, line_y, line_m, line_key: the points: metres east, north, along, and the key.
        stop_begin, stop_m: stops of pattern p and their distances along its line.
        first_x, first_y, last_x, last_y: place of each pattern's first and last stop.
        row_m, row_key: distance along of each stop-time row, and its key by trip.
        usable: whether a pattern has a line at all (two points that differ).
        tolerance_m: how far off a bus may be and still count as on the line; per segment, at
            the row of the segment's first point.
    """

    timetable: Timetable
    reference: tuple[float, float]
    line_begin: Longs
    line_x: Floats
    line_y: Floats
    line_m: Floats
    line_key: Floats
    tolerance_m: Floats
    stop_begin: Longs
    stop_m: Floats
    first_m: Floats
    last_m: Floats
    first_x: Floats
    first_y: Floats
    last_x: Floats
    last_y: Floats
    row_m: Floats
    row_key: Floats
    usable: Bools
    has_shape: Bools

    def plane(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Give metres east and north of the reference."""
        return to_plane(latitude, longitude, self.reference)

    def place_at(self, pattern: Ints, along_m: Floats) -> tuple[Floats, Floats]:
        """Give x and y at distances along lines, element by element; ends are kept."""
        seg = self.segment_at(pattern, along_m)
        length = self.line_m[seg + 1] - self.line_m[seg]
        share = np.clip((along_m - self.line_m[seg]) / np.maximum(length, 1e-9), 0.0, 1.0)
        x = self.line_x[seg] + share * (self.line_x[seg + 1] - self.line_x[seg])
        y = self.line_y[seg] + share * (self.line_y[seg + 1] - self.line_y[seg])
        return x, y

    def segment_at(self, pattern: Ints, along_m: Floats) -> Longs:
        """Give the row of the first point of the segment at each distance."""
        key = pattern * SPAN_M + np.maximum(along_m, 0.0)
        seg = np.searchsorted(self.line_key, key, side="right") - 1
        seg = np.clip(seg, self.line_begin[pattern], self.line_begin[pattern + 1] - 2)
        return np.asarray(seg, np.int64)

    def row_at(self, trip: Ints, along_m: Floats) -> Longs:
        """Give the last stop-time row at or before each distance (the first one before all)."""
        begin = self.timetable.trips.st_begin
        row = np.searchsorted(self.row_key, trip * SPAN_M + along_m, side="right") - 1
        return np.asarray(np.clip(row, begin[trip], begin[trip + 1] - 1), np.int64)

    def next_row(self, trip: Ints, along_m: Floats) -> Longs:
        """Give the first stop-time row at or after each distance; the row past the end if none."""
        begin = self.timetable.trips.st_begin
        row = np.searchsorted(self.row_key, trip * SPAN_M + along_m, side="left")
        return np.asarray(np.clip(row, begin[trip], begin[trip + 1]), np.int64)

    def scheduled_s(self, trip: Ints, along_m: Floats) -> Floats:
        """Give the time at which the timetable has the trip at a distance.

        Straight from departure to arrival; seconds after the start of the service day.
        """
        times = self.timetable.stop_times
        end = self.timetable.trips.st_begin[trip + 1] - 1
        row = self.row_at(trip, along_m)
        after = np.minimum(row + 1, end)
        gap = self.row_m[after] - self.row_m[row]
        share = np.clip((along_m - self.row_m[row]) / np.maximum(gap, 1e-9), 0.0, 1.0)
        start = times.departure_s[row].astype(np.float64)
        result: Floats = start + share * (times.arrival_s[after] - start) * (after > row)
        return result

    def project(
        self,
        pattern: Ints,
        x: Floats,
        y: Floats,
        window_m: tuple[Floats, Floats],
        expected_m: Floats,
        drift_weight: float = 0.1,
    ) -> tuple[Floats, Floats, Bools]:
        """Find the place of each point on its line, inside a window of distances.

        Of all segments in the window the one is taken with the least distance off, plus
        `drift_weight` times the distance from `expected_m` along: a line that passes near itself
        (a loop, there and back on one street) is then entered where the bus can be.

        Returns:
            (along_m, off_m, on_route): on_route is off_m within the segment's tolerance.
        """
        low = self.segment_at(pattern, window_m[0])
        high = self.segment_at(pattern, window_m[1])
        seg, owner, begin = expand(low, high + 1)
        share, off = project_on_segments(
            x[owner],
            y[owner],
            self.line_x[seg],
            self.line_y[seg],
            self.line_x[seg + 1],
            self.line_y[seg + 1],
        )
        along = self.line_m[seg] + share * (self.line_m[seg + 1] - self.line_m[seg])
        best = argmin_of_groups(off + drift_weight * np.abs(along - expected_m[owner]), begin)
        on_route = off[best] <= self.tolerance_m[seg[best]]
        return along[best], off[best], on_route

    @cached_property
    def publish_box(self) -> tuple[float, float, float, float]:
        """Box (min_lat, min_lon, max_lat, max_lon) that published positions stay in.

        Rule E028 of the GTFS-realtime validator allows 1,609 m around all shapes, or around all
        stops where there are no shapes; 1,500 m leaves room for its rounding.
        """
        shaped = [p for p in self.timetable.patterns if p.has_shape]
        if shaped:
            lats = np.concatenate([p.polyline_lat for p in shaped])
            lons = np.concatenate([p.polyline_lon for p in shaped])
        else:
            lats, lons = self.timetable.stops.latitude, self.timetable.stops.longitude
        low, high = float(np.nanmin(lats)), float(np.nanmax(lats))
        dlat = 1500.0 / 111_195.0
        dlon = dlat / float(np.cos(np.radians(max(abs(low), abs(high)))))
        return low - dlat, float(np.nanmin(lons)) - dlon, high + dlat, float(np.nanmax(lons)) + dlon

    @cached_property
    def grid(self) -> PatternGrid:
        """Which patterns pass near a place; built when first asked for."""
        return PatternGrid.build(self)


@dataclass(frozen=True)
class PatternGrid:
    """Patterns by square cell of `CELL_M`; cells are numbered, pairs sorted by cell."""

    CELL_M = 300.0
    STRIDE = 1 << 20

    cells: Longs
    patterns: Ints

    @classmethod
    def build(cls, network: Network) -> PatternGrid:
        """Walk all lines in steps of half a cell and note the cells."""
        pattern = np.repeat(
            np.arange(len(network.usable), dtype=np.int32), np.diff(network.line_begin)
        )
        seg = np.flatnonzero((pattern[:-1] == pattern[1:]) & network.usable[pattern[:-1]])
        length = network.line_m[seg + 1] - network.line_m[seg]
        steps = (length // (cls.CELL_M / 2)).astype(np.int64) + 1
        number, owner, _ = expand(np.zeros(len(seg), np.int64), steps + 1)
        share = number / steps[owner]
        x0, y0 = network.line_x[seg][owner], network.line_y[seg][owner]
        x = x0 + share * (network.line_x[seg + 1][owner] - x0)
        y = y0 + share * (network.line_y[seg + 1][owner] - y0)
        pairs = np.unique(np.stack((cls.cell(x, y), pattern[seg][owner])), axis=1)
        return cls(pairs[0], pairs[1].astype(np.int32))

    @classmethod
    def cell(cls, x: Floats, y: Floats) -> Longs:
        """Number the cell of each place."""
        column = np.floor(x / cls.CELL_M).astype(np.int64)
        return np.asarray(column * cls.STRIDE + np.floor(y / cls.CELL_M).astype(np.int64))

    def near(self, x: Floats, y: Floats) -> tuple[Longs, Ints]:
        """List (number of the place, pattern) for patterns in the 3 x 3 cells around each place."""
        here = self.cell(x, y)
        shifts = np.array([dx * self.STRIDE + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
        around = (here[:, None] + shifts[None, :]).ravel()
        low = np.searchsorted(self.cells, around, side="left")
        high = np.searchsorted(self.cells, around, side="right")
        rows, owner, _ = expand(low, high)
        if not len(rows):
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        pairs = np.unique(np.stack((owner // len(shifts), self.patterns[rows])), axis=1)
        return pairs[0], pairs[1].astype(np.int32)


def build_network(timetable: Timetable) -> Network:
    """Flatten a timetable."""
    patterns, trips = timetable.patterns, timetable.trips
    box = timetable.bounding_box
    reference = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    line_begin = _offsets([len(p.polyline_m) for p in patterns])
    stop_begin = _offsets([len(p.stop_m) for p in patterns])
    line_m = _joined([p.polyline_m for p in patterns])
    x, y = to_plane(
        _joined([p.polyline_lat for p in patterns]),
        _joined([p.polyline_lon for p in patterns]),
        reference,
    )
    stop_m = _joined([p.stop_m for p in patterns])
    stops = np.concatenate([np.zeros(0, np.int32), *(p.stop_idx for p in patterns)])
    stop_x, stop_y = to_plane(
        timetable.stops.latitude[stops], timetable.stops.longitude[stops], reference
    )
    pattern_of_line = np.repeat(np.arange(len(patterns)), np.diff(line_begin))
    has_shape = np.array([p.has_shape for p in patterns], np.bool_)
    usable = np.array([len(p.polyline_m) > 1 and p.length_m > 0 for p in patterns], np.bool_)
    step = np.append(np.diff(line_m), 0.0)
    rows = np.diff(trips.st_begin)
    trip_of_row = np.repeat(np.arange(len(rows)), rows)
    local = np.arange(len(trip_of_row)) - trips.st_begin[trip_of_row]
    row_m = stop_m[stop_begin[trips.pattern_idx[trip_of_row]] + local]
    first, last = stop_begin[:-1], stop_begin[1:] - 1
    return Network(
        timetable,
        reference,
        line_begin,
        x,
        y,
        line_m,
        pattern_of_line * SPAN_M + line_m,
        np.where(
            has_shape[pattern_of_line],
            _SHAPE_TOLERANCE_M,
            _CHORD_TOLERANCE_M + _CHORD_TOLERANCE_SHARE * step,
        ),
        stop_begin,
        stop_m,
        stop_m[first],
        stop_m[last],
        stop_x[first],
        stop_y[first],
        stop_x[last],
        stop_y[last],
        row_m,
        trip_of_row * SPAN_M + row_m,
        usable,
        has_shape,
    )


def _offsets(sizes: list[int]) -> Longs:
    return np.concatenate(([0], np.cumsum(np.asarray(sizes, np.int64))))


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)
