"""Checks across tables: what cannot be run once everything is read, and what is only odd."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static import spec
from sapar.gtfs.static.feed import FeedStops, FeedStopTimes, FeedTrips
from sapar.gtfs.static.report import Report
from sapar.gtfs.static.table import Table
from sapar.gtfs.static.values import EMPTY, wraps_midnight


def check_stop_times(
    times: FeedStopTimes, trips: FeedTrips, stops: FeedStops, report: Report
) -> None:
    """Note what cannot be run (places, untimed ends) and what is odd about stop times."""
    file = spec.STOP_TIMES.name
    served = times.stop >= 0
    placeless = np.flatnonzero(served & np.isnan(stops.latitude[times.stop]))
    placeless = placeless[np.unique(times.stop[placeless], return_index=True)[1]]
    report.add_rows(
        "bad_stop_position",
        file,
        "stop_id",
        times.lines[placeless],
        lambda i: f"stop {stops.ids[times.stop[placeless[i]]]!r} has no usable position",
    )
    odd = np.flatnonzero(served & (stops.location_type[times.stop] != 0))
    report.add_rows(
        "not_a_platform",
        file,
        "stop_id",
        times.lines[odd],
        lambda i: f"{stops.ids[times.stop[odd[i]]]!r} is a station, entrance or node",
    )
    untimed = (times.arrival_s == EMPTY) & (times.departure_s == EMPTY)
    report.add_rows("interpolated_times", file, "", times.lines[untimed], lambda _: "has no time")
    known = times.trip >= 0
    starts = np.flatnonzero(known & np.r_[True, times.trip[1:] != times.trip[:-1]])
    ends = np.flatnonzero(known & np.r_[times.trip[1:] != times.trip[:-1], True])
    if len(starts) == 0:
        report.add("no_stop_times", file, None, "", "no trip has a stop time")
    bare = np.unique(np.r_[starts[untimed[starts]], ends[untimed[ends]]])
    report.add_rows(
        "untimed_trip_end",
        file,
        "arrival_time",
        times.lines[bare],
        lambda i: f"trip {trips.ids[times.trip[bare[i]]]!r} begins or ends without a time",
    )
    single = starts[starts == ends]
    report.add_rows(
        "single_stop_trip",
        file,
        "trip_id",
        times.lines[single],
        lambda i: f"trip {trips.ids[times.trip[single[i]]]!r} has one stop",
    )
    _check_order(times, trips, report)


def _check_order(times: FeedStopTimes, trips: FeedTrips, report: Report) -> None:
    """Note times that go back, within a stop and from one timed stop to the next."""
    file = spec.STOP_TIMES.name
    both = (times.arrival_s != EMPTY) & (times.departure_s != EMPTY)
    early = np.flatnonzero(both & (times.departure_s < times.arrival_s))
    report.add_rows(
        "departure_before_arrival",
        file,
        "departure_time",
        times.lines[early],
        lambda i: f"trip {trips.ids[times.trip[early[i]]]!r} departs before it arrives",
    )
    timed = np.flatnonzero((times.arrival_s != EMPTY) | (times.departure_s != EMPTY))
    arrival = np.where(times.arrival_s == EMPTY, times.departure_s, times.arrival_s)[timed]
    departure = np.maximum(times.departure_s[timed], arrival)
    same_trip = times.trip[timed][1:] == times.trip[timed][:-1]
    gap_s = arrival[1:] - departure[:-1]
    backwards = np.flatnonzero(same_trip & (gap_s < 0))
    wrapped = np.array(
        [wraps_midnight(int(departure[row]), int(arrival[row + 1])) for row in backwards], bool
    )
    night = timed[backwards[wrapped] + 1]
    report.add_rows(
        "wrapped_midnight",
        file,
        "arrival_time",
        times.lines[night],
        lambda i: f"trip {trips.ids[times.trip[night[i]]]!r} starts anew from 00:00 after midnight",
    )
    back = timed[backwards[~wrapped] + 1]
    report.add_rows(
        "decreasing_time",
        file,
        "arrival_time",
        times.lines[back],
        lambda i: f"trip {trips.ids[times.trip[back[i]]]!r} arrives before it left the last stop",
    )


def check_usage(
    trips: FeedTrips,
    times: FeedStopTimes,
    stops: FeedStops,
    tables: dict[str, Table],
    report: Report,
) -> None:
    """Note stops, routes and trips that nothing uses, and what trips lack."""
    used = np.zeros(len(stops.ids), bool)
    used[times.stop[times.stop >= 0]] = True
    idle = np.flatnonzero(~used & (stops.location_type == 0))
    lines = tables["stops.txt"].lines
    report.add_rows(
        "unused_stop", "stops.txt", "", lines[idle], lambda i: f"{stops.ids[idle[i]]!r} is unused"
    )
    lost = np.flatnonzero(~used & np.isnan(stops.latitude) & (stops.location_type <= 2))
    report.add_rows(
        "bad_unused_stop_position",
        "stops.txt",
        "stop_lat",
        lines[lost],
        lambda i: f"{stops.ids[lost[i]]!r} has no usable position",
    )
    routes = tables["routes.txt"]
    route_used = np.zeros(len(routes), bool)
    route_used[trips.route[trips.route >= 0]] = True
    rest = np.flatnonzero(~route_used)
    report.add_rows("unused_route", "routes.txt", "", routes.lines[rest], lambda _: "has no trips")
    has_times = np.zeros(len(trips.ids), bool)
    has_times[times.trip[times.trip >= 0]] = True
    empty = np.flatnonzero(~has_times)
    report.add_rows(
        "trip_without_stop_times",
        "trips.txt",
        "trip_id",
        tables["trips.txt"].lines[empty],
        lambda i: f"trip {trips.ids[empty[i]]!r} has no stop times",
    )
    if not any(trips.block_ids):
        report.add("no_blocks", "trips.txt", None, "block_id", "no trip has a block")
    if (trips.direction == EMPTY).all():
        report.add("no_directions", "trips.txt", None, "direction_id", "no trip has a direction")


def check_shape_usage(
    declared: set[str], trips: FeedTrips, trip_lines: NDArray[np.int32], report: Report
) -> None:
    """Note shapes that no trip uses and trips without one; `declared` is every shape's id."""
    used = set(trips.shape_ids)
    for shape_id in sorted(declared - used):
        report.add("unused_shape", "shapes.txt", None, "", f"no trip uses {shape_id!r}")
    if not declared:
        report.add("no_shapes", "shapes.txt", None, "", "the feed has no shapes")
    lines = trip_lines.tolist()
    for row, shape_id in enumerate(trips.shape_ids):
        if shape_id and shape_id not in declared:
            reason = f"shape {shape_id!r} does not exist"
            report.add("unknown_shape", "trips.txt", lines[row], "shape_id", reason)
        elif not shape_id and declared:
            reason = f"trip {trips.ids[row]!r} has no shape"
            report.add("trip_without_shape", "trips.txt", lines[row], "shape_id", reason)
