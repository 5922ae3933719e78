"""Groups trips into patterns: one for each sequence of stops, shape and direction. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import cumulative_m
from sapar.gtfs.static.feed import Feed, FeedShape
from sapar.gtfs.timetable.matching import match_stops, offsets_m, place_by_distance
from sapar.gtfs.timetable.model import Pattern

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

#: shape_dist_traveled is believed while it puts no stop this much further off than the match.
_TRUST_M = 30.0
#: A stop further than this from its place on a shape is astray; a shape with two stops and a fifth
#: of all stops astray is not the trip's.
_ASTRAY_M = 300.0
_ASTRAY_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Line:
    latitude: Floats
    longitude: Floats
    along_m: Floats
    distance: Floats


def build_patterns(
    feed: Feed, trip_rows: Longs, begins: Longs
) -> tuple[list[Pattern], NDArray[np.int32]]:
    """Find the patterns of the feed's trips.

    Args:
        feed: the feed.
        trip_rows: rows of `feed.trips` to look at.
        begins: where the stop times of each of those trips begin in `feed.stop_times`, and the end.

    Returns:
        The patterns, and for each trip the row of its pattern.
    """
    lines = {shape_id: _shape_line(shape) for shape_id, shape in feed.shapes.items()}
    stops = feed.stop_times.stop.astype(np.int32)
    found: dict[tuple[bytes, str, int], int] = {}
    patterns: list[Pattern] = []
    pattern_idx = np.zeros(len(trip_rows), np.int32)
    for position, trip in enumerate(trip_rows.tolist()):
        rows = slice(int(begins[position]), int(begins[position + 1]))
        shape_id = feed.trips.shape_ids[trip]
        direction = int(feed.trips.direction[trip])
        key = (stops[rows].tobytes(), shape_id if shape_id in lines else "", direction)
        number = found.setdefault(key, len(patterns))
        if number == len(patterns):
            line = lines.get(shape_id)
            patterns.append(_pattern(feed, number, trip, stops[rows].copy(), rows, line))
        pattern_idx[position] = number
    return patterns, pattern_idx


def _pattern(
    feed: Feed,
    number: int,
    trip: int,
    stop_idx: NDArray[np.int32],
    rows: slice,
    shape: _Line | None,
) -> Pattern:
    latitude, longitude = feed.stops.latitude[stop_idx], feed.stops.longitude[stop_idx]
    placed = None
    if shape is not None:
        placed = _place(latitude, longitude, shape, feed.stop_times.distance[rows])
    if placed is None:
        along = cumulative_m(latitude, longitude)
        line = _Line(latitude, longitude, along, along)
        stop_m, offset = along, np.zeros(len(along))
    else:
        line, stop_m, offset = placed
    arrays = (stop_idx, line.latitude, line.longitude, line.along_m, stop_m, offset)
    for array in arrays:
        array.setflags(write=False)
    return Pattern(
        pattern_id=number,
        route_idx=int(feed.trips.route[trip]),
        direction=int(feed.trips.direction[trip]),
        stop_idx=stop_idx,
        polyline_lat=line.latitude,
        polyline_lon=line.longitude,
        polyline_m=line.along_m,
        stop_m=stop_m,
        stop_offset_m=offset,
        has_shape=placed is not None,
        shape_reversed=placed is not None and placed[0] is not shape,
    )


def _place(
    latitude: Floats, longitude: Floats, shape: _Line, distance: Floats
) -> tuple[_Line, Floats, Floats] | None:
    """Place stops on a shape, turned round where it was drawn against the way of the trip.

    By shape_dist_traveled where that holds, else by matching. None where the shape is of another
    trip or of a part of this one, so that the line of stops says more.
    """
    stop_m, offset = match_stops(
        latitude, longitude, shape.latitude, shape.longitude, shape.along_m
    )
    if _fits(offset):
        given = place_by_distance(distance, shape.distance, shape.along_m)
        if given is not None:
            line = (shape.latitude, shape.longitude)
            given_offset = offsets_m(given, (latitude, longitude), line, shape.along_m)
            if (given_offset <= offset + _TRUST_M).all():
                return shape, given, given_offset
        return shape, stop_m, offset
    turned = _turned(shape)
    stop_m, offset = match_stops(
        latitude, longitude, turned.latitude, turned.longitude, turned.along_m
    )
    return (turned, stop_m, offset) if _fits(offset) else None


def _fits(offset: Floats) -> bool:
    """Tell whether a shape can be the trip's: few of its stops are astray.

    One stop with a wrong position does not make a shape wrong.
    """
    astray = int(np.count_nonzero(offset > _ASTRAY_M))
    return astray < max(2, _ASTRAY_SHARE * len(offset))


def _turned(shape: _Line) -> _Line:
    along = shape.along_m[-1] - shape.along_m[::-1]
    return _Line(shape.latitude[::-1], shape.longitude[::-1], along, shape.distance[::-1])


def _shape_line(shape: FeedShape) -> _Line:
    along = cumulative_m(shape.latitude, shape.longitude)
    return _Line(shape.latitude, shape.longitude, along, shape.distance)
