"""The rows of a timetable as PostgreSQL tables take them. Pure.

Every row begins with agency_id and version_no; arrays are written as PostgreSQL array literals,
which costs a tenth of adapting lists of Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import numpy as np

from sapar.gtfs.static import Feed
from sapar.gtfs.timetable import Timetable

Row = tuple[object, ...]


def table_rows(feed: Feed, timetable: Timetable) -> Iterator[tuple[str, Iterable[Row]]]:
    """Give, for each table, the name of its COPY query (`copy_` left out) and its rows."""
    yield "agency", [(a.agency_id, a.name, a.timezone, a.language) for a in feed.agencies]
    yield "stop", _stops(timetable)
    yield "route", _routes(timetable)
    yield "trip", _trips(timetable)
    yield "stop_time", _stop_times(timetable)
    yield "calendar", _calendars(timetable)
    yield "calendar_date", _calendar_dates(timetable)
    yield "shape", _shapes(timetable)
    yield "frequency", _frequencies(timetable)


def _stops(timetable: Timetable) -> Iterator[Row]:
    stops = timetable.stops
    for row, stop_id in enumerate(stops.ids):
        placed = not np.isnan(stops.latitude[row])
        yield (
            stop_id,
            stops.names[row],
            float(stops.latitude[row]) if placed else None,
            float(stops.longitude[row]) if placed else None,
            int(stops.location_type[row]),
        )


def _routes(timetable: Timetable) -> Iterator[Row]:
    routes = timetable.routes
    return zip(
        routes.ids,
        routes.short_names,
        routes.long_names,
        routes.types.tolist(),
        routes.colors,
        routes.text_colors,
        strict=True,
    )


def _trips(timetable: Timetable) -> Iterator[Row]:
    trips = timetable.trips
    blocks = [*timetable.blocks.ids, None]  # index -1 is the last
    for row, trip_id in enumerate(trips.ids):
        direction = int(trips.direction[row])
        yield (
            trip_id,
            timetable.routes.ids[trips.route_idx[row]],
            timetable.services.ids[trips.service_idx[row]],
            direction if direction >= 0 else None,
            blocks[trips.block_idx[row]],
            trips.shape_ids[row] or None,
            trips.headsigns[row],
            int(trips.first_s[row]),
            int(trips.last_s[row]),
        )


def _stop_times(timetable: Timetable) -> Iterator[Row]:
    times = timetable.stop_times
    quoted = [_quoted(stop_id) for stop_id in timetable.stops.ids]
    stop_texts = [quoted[stop] for stop in times.stop_idx.tolist()]
    columns = [
        list(map(str, times.stop_sequence.tolist())),
        stop_texts,
        list(map(str, times.arrival_s.tolist())),
        list(map(str, times.departure_s.tolist())),
        ["t" if timed else "f" for timed in times.timed.tolist()],
    ]
    for row, trip_id in enumerate(timetable.trips.ids):
        rows = timetable.trip_rows(row)
        yield (trip_id, *(_array(column[rows]) for column in columns))


def _quoted(text: str) -> str:
    """Write a text as an element of an array literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _array(texts: Iterable[str]) -> str:
    return "{" + ",".join(texts) + "}"


def _calendars(timetable: Timetable) -> Iterator[Row]:
    services = timetable.services
    for row, service_id in enumerate(services.ids):
        # a service that only calendar_dates.txt names has no row of calendar.txt
        if services.start_day[row] <= services.end_day[row]:
            yield (
                service_id,
                _array("t" if runs else "f" for runs in services.weekdays[row].tolist()),
                date.fromordinal(int(services.start_day[row])),
                date.fromordinal(int(services.end_day[row])),
            )


def _calendar_dates(timetable: Timetable) -> Iterator[Row]:
    services = timetable.services
    for row in range(len(services.exception_day)):
        yield (
            services.ids[services.exception_service[row]],
            date.fromordinal(int(services.exception_day[row])),
            bool(services.exception_added[row]),
        )


def _shapes(timetable: Timetable) -> Iterator[Row]:
    names = dict(zip(timetable.trips.pattern_idx.tolist(), timetable.trips.shape_ids, strict=True))
    written: set[str] = set()
    for pattern in timetable.patterns:
        shape_id = names[pattern.pattern_id]
        if not pattern.has_shape or shape_id in written:
            continue
        written.add(shape_id)
        arrays = (pattern.polyline_lat, pattern.polyline_lon, pattern.polyline_m)
        yield (shape_id, *(_array(map(repr, array.tolist())) for array in arrays))


def _frequencies(timetable: Timetable) -> Iterator[Row]:
    frequencies = timetable.frequencies
    for row, trip in enumerate(frequencies.trip_idx.tolist()):
        yield (
            timetable.trips.ids[trip],
            int(frequencies.start_s[row]),
            int(frequencies.end_s[row]),
            int(frequencies.headway_s[row]),
            bool(frequencies.exact[row]),
        )
