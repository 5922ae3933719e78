"""Checks trips, stop times, shapes and frequencies, and gives them as columns with row numbers."""

from __future__ import annotations

import numpy as np

from sapar.gtfs.static import spec
from sapar.gtfs.static.feed import (
    FeedFrequencies,
    FeedShape,
    FeedStopTimes,
    FeedTrips,
    Longs,
)
from sapar.gtfs.static.report import Report
from sapar.gtfs.static.table import Column, Table
from sapar.gtfs.static.values import decimals, whole_numbers


def _rows_of(column: Column, index: dict[str, int]) -> Longs:
    """Look each value of a column up in an index of rows; -1 where it is not there."""
    rows = np.array([index.get(value, -1) for value in column.values], np.int64)
    return rows[column.codes]


def _references(code: str, table: Table, name: str, index: dict[str, int], report: Report) -> Longs:
    """Turn a column of ids into row numbers, and note ids that do not exist."""
    column = table.columns[name]
    rows = _rows_of(column, index)
    # an empty id is already noted as a missing value
    empty = np.array([value == "" for value in column.values], bool)[column.codes]
    dangling = np.flatnonzero((rows < 0) & ~empty)
    report.add_rows(
        code,
        table.file,
        name,
        table.lines[dangling],
        lambda position: f"{column.values[column.codes[dangling[position]]]!r} does not exist",
    )
    return rows


def index_of(ids: list[str]) -> dict[str, int]:
    """Map each id to its row."""
    return {value: row for row, value in enumerate(ids)}


def read_trips(
    table: Table, route_ids: list[str], service_ids: list[str], report: Report
) -> FeedTrips:
    """Give the trips; their routes and services must exist."""
    return FeedTrips(
        ids=table.text("trip_id"),
        headsigns=table.text("trip_headsign"),
        block_ids=table.text("block_id"),
        shape_ids=table.text("shape_id"),
        route=_references("unknown_route", table, "route_id", index_of(route_ids), report),
        service=_references("unknown_service", table, "service_id", index_of(service_ids), report),
        direction=whole_numbers(spec.TRIPS, table, "direction_id", report),
    )


def read_stop_times(
    table: Table, trip_ids: list[str], stop_ids: list[str], report: Report
) -> FeedStopTimes:
    """Give the stop times ordered by trip and sequence; their trips and stops must exist."""
    trip = _references("unknown_trip", table, "trip_id", index_of(trip_ids), report)
    stop = _references("unknown_stop", table, "stop_id", index_of(stop_ids), report)
    sequence = whole_numbers(spec.STOP_TIMES, table, "stop_sequence", report)
    order = np.lexsort((sequence, trip))
    lines = table.lines[order]
    columns = {
        name: whole_numbers(spec.STOP_TIMES, table, name, report)[order]
        for name in ("arrival_time", "departure_time", "pickup_type", "drop_off_type")
    }
    distance = decimals(spec.STOP_TIMES, table, "shape_dist_traveled", report)[order]
    trip, stop, sequence = trip[order], stop[order], sequence[order]
    same = (trip[1:] == trip[:-1]) & (sequence[1:] == sequence[:-1])
    repeated = np.flatnonzero(same & (trip[1:] >= 0) & (sequence[1:] >= 0)) + 1
    report.add_rows(
        "duplicate_key",
        table.file,
        "trip_id,stop_sequence",
        lines[repeated],
        lambda i: f"{trip_ids[trip[repeated[i]]]!r}, {sequence[repeated[i]]} stands twice",
    )
    return FeedStopTimes(
        trip=trip,
        stop=stop,
        sequence=sequence,
        arrival_s=columns["arrival_time"],
        departure_s=columns["departure_time"],
        pickup=np.maximum(columns["pickup_type"], 0),
        drop_off=np.maximum(columns["drop_off_type"], 0),
        distance=distance,
        lines=lines,
    )


def read_shapes(table: Table, report: Report) -> tuple[dict[str, FeedShape], set[str]]:
    """Give the shapes that can be drawn, by id, and the ids of all shapes."""
    latitude = decimals(spec.SHAPES, table, "shape_pt_lat", report)
    longitude = decimals(spec.SHAPES, table, "shape_pt_lon", report)
    distance = decimals(spec.SHAPES, table, "shape_dist_traveled", report)
    sequence = whole_numbers(spec.SHAPES, table, "shape_pt_sequence", report)
    wild = np.flatnonzero((np.abs(latitude) > 90) | (np.abs(longitude) > 180))
    report.add_rows(
        "bad_shape_position", table.file, "", table.lines[wild], lambda _: "not on Earth"
    )
    column = table.columns["shape_id"]
    order = np.lexsort((sequence, column.codes))
    codes = column.codes[order]
    begins = np.searchsorted(codes, np.arange(len(column.values) + 1))
    shapes: dict[str, FeedShape] = {}
    declared: set[str] = set()
    for code, shape_id in enumerate(column.values):
        rows = order[begins[code] : begins[code + 1]]
        if len(rows) == 0:
            continue
        declared.add(shape_id)
        if len(rows) < 2:
            line = int(table.lines[rows[0]])
            report.add("short_shape", table.file, line, "", f"{shape_id!r} has one point")
            continue
        shapes[shape_id] = FeedShape(latitude[rows], longitude[rows], distance[rows])
    return shapes, declared


def read_frequencies(table: Table, trip_ids: list[str], report: Report) -> FeedFrequencies:
    """Give the frequencies ordered by trip and start; rows that end before they start are left out.

    Overlapping rows stay: which of them counts is for those who run the trips to say.
    """
    trip = _references("unknown_trip", table, "trip_id", index_of(trip_ids), report)
    start, end, headway, exact = (
        whole_numbers(spec.FREQUENCIES, table, name, report)
        for name in ("start_time", "end_time", "headway_secs", "exact_times")
    )
    order = np.lexsort((start, trip))
    trip, start, end = trip[order], start[order], end[order]
    lines = table.lines[order]
    void = np.flatnonzero(end <= start)
    report.add_rows(
        "empty_frequency", table.file, "end_time", lines[void], lambda _: "ends before it starts"
    )
    overlap = np.flatnonzero((trip[1:] == trip[:-1]) & (start[1:] < end[:-1])) + 1
    report.add_rows(
        "overlapping_frequencies",
        table.file,
        "start_time",
        lines[overlap],
        lambda _: "starts before the frequency before it ends",
    )
    keep = end > start
    return FeedFrequencies(
        trip=trip[keep],
        start_s=start[keep],
        end_s=end[keep],
        headway_s=headway[order][keep],
        exact=exact[order][keep] == 1,
    )
