"""What is odd about a timetable as a whole: speeds, shapes, blocks. Warnings only. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import distance_m
from sapar.gtfs.static.feed import Feed
from sapar.gtfs.static.report import Notice, Report, sorted_notices
from sapar.gtfs.static.values import format_time
from sapar.gtfs.timetable.model import Timetable

#: Faster than any bus, tram or metro goes between stops (162 km/h), and than any train (504 km/h).
FAST_MPS = 45.0
FAST_RAIL_MPS = 140.0
#: Further from its place on the shape than the widest junction.
FAR_M = 100.0


def list_warnings(feed: Feed, timetable: Timetable) -> list[Notice]:
    """Give all warnings about a feed: those of its files and those of the timetable built of it."""
    report = Report()
    _check_speeds(timetable, report)
    _check_shapes(feed, timetable, report)
    _check_blocks(timetable, report)
    return sorted_notices([*feed.warnings, *report.warnings])


def _check_speeds(timetable: Timetable, report: Report) -> None:
    times, trips = timetable.stop_times, timetable.trips
    if len(times.stop_idx) < 2:
        return
    given = np.flatnonzero(times.timed)
    trip = np.repeat(np.arange(len(trips.ids)), np.diff(trips.st_begin))[given]
    lat = timetable.stops.latitude[times.stop_idx[given]]
    lon = timetable.stops.longitude[times.stop_idx[given]]
    length_m = distance_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
    leave, arrive = times.departure_s[given[:-1]], times.arrival_s[given[1:]]
    # times are rounded: to the minute where both are whole minutes, else to the second
    rounding = np.where((leave % 60 == 0) & (arrive % 60 == 0), 60, 1)
    speed_mps = length_m / (arrive - leave + rounding).clip(1)
    types = timetable.routes.types[trips.route_idx[trip[1:]]]
    limit = np.where(_is_rail(types), FAST_RAIL_MPS, FAST_MPS)
    fast = np.flatnonzero((trip[1:] == trip[:-1]) & (speed_mps > limit))

    for hop in fast.tolist():
        reason = (
            f"trip {trips.ids[trip[hop]]!r} after {format_time(int(leave[hop]))}:"
            f" {length_m[hop]:,.0f} m in {int(arrive[hop] - leave[hop])} s"
        )
        report.add("fast_travel", "stop_times.txt", None, "", reason)


def _is_rail(types: NDArray[np.int16]) -> NDArray[np.bool_]:
    rail: NDArray[np.bool_] = (types == 2) | ((types >= 100) & (types < 200))
    return rail


def _check_shapes(feed: Feed, timetable: Timetable, report: Report) -> None:
    names = dict(zip(timetable.trips.pattern_idx.tolist(), timetable.trips.shape_ids, strict=True))
    turned: set[str] = set()
    foreign: set[str] = set()
    far: dict[tuple[str, int], float] = {}
    for pattern in timetable.patterns:
        shape_id = names[pattern.pattern_id]
        if pattern.shape_reversed:
            turned.add(shape_id)
        if not pattern.has_shape and shape_id in feed.shapes:
            foreign.add(shape_id)
        for position in np.flatnonzero(pattern.stop_offset_m > FAR_M).tolist():
            key = (shape_id, int(pattern.stop_idx[position]))
            far.setdefault(key, float(pattern.stop_offset_m[position]))
    for shape_id in sorted(turned):
        report.add("reversed_shape", "shapes.txt", None, "", f"{shape_id!r} runs against its trips")
    for shape_id in sorted(foreign):
        reason = f"{shape_id!r} does not fit a sequence of stops that uses it"
        report.add("shape_does_not_fit", "shapes.txt", None, "", reason)
    for (shape_id, stop), offset_m in far.items():
        reason = f"{timetable.stops.ids[stop]!r} is {offset_m:,.0f} m from shape {shape_id!r}"
        report.add("stop_far_from_shape", "stops.txt", None, "", reason)


def _check_blocks(timetable: Timetable, report: Report) -> None:
    trips = timetable.trips
    order = np.lexsort((trips.first_s, trips.service_idx, trips.block_idx))
    before, after = order[:-1], order[1:]
    same = (trips.block_idx[before] == trips.block_idx[after]) & (trips.block_idx[after] >= 0)
    same &= trips.service_idx[before] == trips.service_idx[after]
    # a trip that is repeated by frequency says nothing of when its vehicle is busy
    same &= ~np.isin(before, timetable.frequencies.trip_idx)
    same &= ~np.isin(after, timetable.frequencies.trip_idx)
    clash = np.flatnonzero(same & (trips.first_s[after] < trips.last_s[before]))
    for row in clash.tolist():
        block = timetable.blocks.ids[trips.block_idx[after[row]]]
        first, second = trips.ids[before[row]], trips.ids[after[row]]
        reason = f"block {block!r}: trip {second!r} starts before {first!r} ends"
        report.add("overlapping_block", "trips.txt", None, "block_id", reason)
