"""Builds the timetable of a feed. Pure but for `load_timetable`, which reads the zip."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static import Feed, read_feed
from sapar.gtfs.timetable.model import (
    Blocks,
    Frequencies,
    Pattern,
    Routes,
    Services,
    Stops,
    StopTimes,
    Timetable,
    Trips,
)
from sapar.gtfs.timetable.patterns import build_patterns
from sapar.gtfs.timetable.times import fill_times

Longs = NDArray[np.int64]
Array = TypeVar("Array", bound=NDArray[np.generic])


def load_timetable(source: Path | str | bytes, agency_id: str) -> Timetable:
    """Read a GTFS zip, by path or as bytes, and build its timetable.

    Raises:
        FeedRefused: the feed cannot be run.
    """
    return build_timetable(read_feed(source), agency_id)


def build_timetable(feed: Feed, agency_id: str) -> Timetable:
    """Build the timetable of a feed for one agency of the deployment."""
    times = feed.stop_times
    # trips without stop times are left out; rows of stop times are ordered by trip already
    trip_rows, first_rows = np.unique(times.trip, return_index=True)
    begins = np.append(first_rows, len(times.trip)).astype(np.int64)
    patterns, pattern_idx = build_patterns(feed, trip_rows, begins)
    stop_times = _stop_times(feed, patterns, pattern_idx, begins)
    blocks = _blocks(feed, trip_rows)
    return Timetable(
        agency_id=agency_id,
        feed_version=feed.version,
        timezone=ZoneInfo(feed.timezone),
        languages=feed.languages,
        stops=_stops(feed),
        routes=_routes(feed),
        trips=_trips(feed, trip_rows, begins, pattern_idx, stop_times, blocks),
        stop_times=stop_times,
        patterns=patterns,
        frequencies=_frequencies(feed, trip_rows),
        services=_services(feed),
        blocks=blocks,
    )


def _frozen(values: Array) -> Array:
    values.setflags(write=False)
    return values


def _index(ids: list[str]) -> dict[str, int]:
    return {value: row for row, value in enumerate(ids)}


def _stops(feed: Feed) -> Stops:
    return Stops(
        ids=feed.stops.ids,
        names=feed.stops.names,
        latitude=_frozen(feed.stops.latitude),
        longitude=_frozen(feed.stops.longitude),
        location_type=_frozen(feed.stops.location_type.astype(np.int8)),
        index=_index(feed.stops.ids),
    )


def _routes(feed: Feed) -> Routes:
    return Routes(
        ids=feed.routes.ids,
        short_names=feed.routes.short_names,
        long_names=feed.routes.long_names,
        colors=feed.routes.colors,
        text_colors=feed.routes.text_colors,
        types=_frozen(feed.routes.types.astype(np.int16)),
        index=_index(feed.routes.ids),
    )


def _stop_times(
    feed: Feed, patterns: list[Pattern], pattern_idx: NDArray[np.int32], begins: Longs
) -> StopTimes:
    times = feed.stop_times
    sizes = np.array([len(pattern.stop_m) for pattern in patterns], np.int64)
    pattern_begins = np.concatenate(([0], np.cumsum(sizes)))
    all_m = np.concatenate([np.zeros(0), *(pattern.stop_m for pattern in patterns)])
    # row of all_m: where the trip's pattern begins, plus the place within the trip
    lengths = np.diff(begins)
    within = np.arange(len(times.trip)) - np.repeat(begins[:-1], lengths)
    along_m = all_m[np.repeat(pattern_begins[pattern_idx], lengths) + within]
    arrival, departure, timed = fill_times(times.trip, times.arrival_s, times.departure_s, along_m)
    return StopTimes(
        arrival_s=_frozen(arrival),
        departure_s=_frozen(departure),
        timed=_frozen(timed),
        stop_idx=_frozen(times.stop.astype(np.int32)),
        stop_sequence=_frozen(times.sequence.astype(np.int32)),
        pickup=_frozen(times.pickup.astype(np.int8)),
        drop_off=_frozen(times.drop_off.astype(np.int8)),
    )


def _blocks(feed: Feed, trip_rows: Longs) -> Blocks:
    named = (feed.trips.block_ids[row] for row in trip_rows.tolist())
    ids = list(dict.fromkeys(block_id for block_id in named if block_id))
    return Blocks(ids, _index(ids))


def _trips(
    feed: Feed,
    trip_rows: Longs,
    begins: Longs,
    pattern_idx: NDArray[np.int32],
    stop_times: StopTimes,
    blocks: Blocks,
) -> Trips:
    rows = trip_rows.tolist()
    ids = [feed.trips.ids[row] for row in rows]
    first_s = stop_times.departure_s[begins[:-1]]
    block_idx = [blocks.index.get(feed.trips.block_ids[row], -1) for row in rows]
    return Trips(
        ids=ids,
        headsigns=[feed.trips.headsigns[row] for row in rows],
        shape_ids=[
            shape_id if (shape_id := feed.trips.shape_ids[row]) in feed.shapes else ""
            for row in rows
        ],
        route_idx=_frozen(feed.trips.route[trip_rows].astype(np.int32)),
        service_idx=_frozen(feed.trips.service[trip_rows].astype(np.int32)),
        direction=_frozen(feed.trips.direction[trip_rows].astype(np.int8)),
        block_idx=_frozen(np.array(block_idx, np.int32)),
        pattern_idx=_frozen(pattern_idx),
        first_s=_frozen(first_s),
        last_s=_frozen(np.maximum(first_s, stop_times.arrival_s[begins[1:] - 1])),
        st_begin=_frozen(begins),
        index=_index(ids),
    )


def _frequencies(feed: Feed, trip_rows: Longs) -> Frequencies:
    source = feed.frequencies
    # a frequency of a trip without stop times has nothing to repeat
    at = np.searchsorted(trip_rows, source.trip)
    keep = np.isin(source.trip, trip_rows)
    return Frequencies(
        trip_idx=_frozen(at[keep].astype(np.int32)),
        start_s=_frozen(source.start_s[keep].astype(np.int32)),
        end_s=_frozen(source.end_s[keep].astype(np.int32)),
        headway_s=_frozen(source.headway_s[keep].astype(np.int32)),
        exact=_frozen(source.exact[keep]),
    )


def _services(feed: Feed) -> Services:
    source = feed.services
    return Services(
        ids=source.ids,
        index=_index(source.ids),
        weekdays=_frozen(source.weekdays),
        start_day=_frozen(source.start_day.astype(np.int32)),
        end_day=_frozen(source.end_day.astype(np.int32)),
        exception_service=_frozen(source.exception_service.astype(np.int32)),
        exception_day=_frozen(source.exception_day.astype(np.int32)),
        exception_added=_frozen(source.exception_added),
    )
