"""A timetable set down several times side by side: a larger city with the same density of buses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Blocks, Frequencies, Longs, Pattern, Routes, Stops, Trips

_APART_DEG = 0.05


def tiled(timetable: Timetable, copies: int) -> Timetable:
    """Give the timetable `copies` times, from west to east; ids get the number of the copy."""
    if copies == 1:
        return timetable
    _, west, _, east = timetable.bounding_box
    step_deg = east - west + _APART_DEG
    return replace(
        timetable,
        stops=_stops(timetable, copies, step_deg),
        routes=_routes(timetable.routes, copies),
        trips=_trips(timetable, copies),
        stop_times=replace(
            timetable.stop_times,
            arrival_s=np.tile(timetable.stop_times.arrival_s, copies),
            departure_s=np.tile(timetable.stop_times.departure_s, copies),
            timed=np.tile(timetable.stop_times.timed, copies),
            stop_idx=_shifted(timetable.stop_times.stop_idx, len(timetable.stops.ids), copies),
            stop_sequence=np.tile(timetable.stop_times.stop_sequence, copies),
            pickup=np.tile(timetable.stop_times.pickup, copies),
            drop_off=np.tile(timetable.stop_times.drop_off, copies),
        ),
        patterns=[
            _pattern(timetable, pattern, copy, step_deg)
            for copy in range(copies)
            for pattern in timetable.patterns
        ],
        frequencies=_frequencies(timetable, copies),
        blocks=Blocks(*_named(timetable.blocks.ids, copies)),
    )


def _named(ids: list[str], copies: int) -> tuple[list[str], dict[str, int]]:
    names = [f"{copy}-{name}" for copy in range(copies) for name in ids]
    return names, {name: row for row, name in enumerate(names)}


def _shifted(rows: np.ndarray, count: int, copies: int) -> np.ndarray:
    """Repeat numbers of rows, each copy by `count` higher; -1 stays "none"."""
    shift = np.repeat(np.arange(copies) * count, len(rows))
    tiled_rows = np.tile(rows, copies)
    return np.where(tiled_rows < 0, tiled_rows, tiled_rows + shift).astype(rows.dtype)


def _stops(timetable: Timetable, copies: int, step_deg: float) -> Stops:
    stops = timetable.stops
    ids, index = _named(stops.ids, copies)
    shift = np.repeat(np.arange(copies) * step_deg, len(stops.ids))
    return Stops(
        ids,
        stops.names * copies,
        np.tile(stops.latitude, copies),
        np.tile(stops.longitude, copies) + shift,
        np.tile(stops.location_type, copies),
        index,
    )


def _routes(routes: Routes, copies: int) -> Routes:
    ids, index = _named(routes.ids, copies)
    return replace(
        routes,
        ids=ids,
        short_names=routes.short_names * copies,
        long_names=routes.long_names * copies,
        colors=routes.colors * copies,
        text_colors=routes.text_colors * copies,
        types=np.tile(routes.types, copies),
        index=index,
    )


def _trips(timetable: Timetable, copies: int) -> Trips:
    trips = timetable.trips
    ids, index = _named(trips.ids, copies)
    rows = len(timetable.stop_times.arrival_s)
    begin: Longs = _shifted(trips.st_begin[:-1], rows, copies)
    return replace(
        trips,
        ids=ids,
        headsigns=trips.headsigns * copies,
        shape_ids=trips.shape_ids * copies,
        route_idx=_shifted(trips.route_idx, len(timetable.routes.ids), copies),
        service_idx=np.tile(trips.service_idx, copies),
        direction=np.tile(trips.direction, copies),
        block_idx=_shifted(trips.block_idx, len(timetable.blocks.ids), copies),
        pattern_idx=_shifted(trips.pattern_idx, len(timetable.patterns), copies),
        first_s=np.tile(trips.first_s, copies),
        last_s=np.tile(trips.last_s, copies),
        st_begin=np.append(begin, rows * copies),
        index=index,
    )


def _pattern(timetable: Timetable, pattern: Pattern, copy: int, step_deg: float) -> Pattern:
    return replace(
        pattern,
        pattern_id=pattern.pattern_id + copy * len(timetable.patterns),
        route_idx=pattern.route_idx + copy * len(timetable.routes.ids),
        stop_idx=pattern.stop_idx + np.int32(copy * len(timetable.stops.ids)),
        polyline_lon=pattern.polyline_lon + copy * step_deg,
    )


def _frequencies(timetable: Timetable, copies: int) -> Frequencies:
    freq = timetable.frequencies
    return Frequencies(
        _shifted(freq.trip_idx, len(timetable.trips.ids), copies),
        np.tile(freq.start_s, copies),
        np.tile(freq.end_s, copies),
        np.tile(freq.headway_s, copies),
        np.tile(freq.exact, copies),
    )
