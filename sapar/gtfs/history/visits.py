"""Stop visits by names that outlive a timetable, as rows to keep. Pure.

The key of a visit is its service date, trip, start, stop_sequence and vehicle: nothing in it, or in
the row, tells when or in what order it was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable, service_day_start

Longs = NDArray[np.int64]

VisitRow = tuple[date, str, int, int, str, int, str, str, int | None, int | None, int, int, bool]
"""service_date, trip_id, start_s, stop_sequence, vehicle_id, stop_number, stop_id, route_id, then
arrival, departure and both scheduled times in Unix milliseconds, seen."""


def no_visits() -> Visits:
    """Give visits without a row."""
    none = np.zeros(0, np.int32)
    return Visits(
        [], none, none, none, np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.bool_)
    )


def join_visits(parts: Sequence[Visits]) -> Visits:
    """Put visits one after the other."""
    if not parts:
        return no_visits()
    return Visits(
        [vehicle for part in parts for vehicle in part.vehicle_ids],
        np.concatenate([p.trip for p in parts]),
        np.concatenate([p.day for p in parts]),
        np.concatenate([p.start_s for p in parts]),
        np.concatenate([p.row for p in parts]),
        np.concatenate([p.arrival_s for p in parts]),
        np.concatenate([p.departure_s for p in parts]),
        np.concatenate([p.seen for p in parts]),
    )


def take_visits(visits: Visits, rows: Longs) -> Visits:
    """Give the visits of some rows, in their order."""
    return Visits(
        [visits.vehicle_ids[n] for n in rows.tolist()],
        visits.trip[rows],
        visits.day[rows],
        visits.start_s[rows],
        visits.row[rows],
        visits.arrival_s[rows],
        visits.departure_s[rows],
        visits.seen[rows],
    )


def merge_visits(visits: Visits) -> Visits:
    """Make one row of all that speak of the same stop of the same run and vehicle.

    A later row counts; where it has no arrival or no departure, the one before it does. Rows come
    out in order of vehicle, date, trip, start and stop.
    """
    if not len(visits):
        return visits
    _, vehicle = np.unique(np.array(visits.vehicle_ids, np.str_), return_inverse=True)
    keys = (visits.row, visits.start_s, visits.trip, visits.day, vehicle.astype(np.int64))
    order = np.lexsort(keys)  # stable: rows of one key stay in their order
    new = np.ones(len(order), np.bool_)
    new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    group = np.cumsum(new) - 1
    last = order[np.append(new[1:], True)]
    merged = take_visits(visits, last)
    return Visits(
        merged.vehicle_ids,
        merged.trip,
        merged.day,
        merged.start_s,
        merged.row,
        _last_finite(visits.arrival_s[order], group),
        _last_finite(visits.departure_s[order], group),
        merged.seen,
    )


def _last_finite(values: Floats, group: Longs) -> Floats:
    result = np.full(int(group[-1]) + 1, np.nan)
    finite = np.isfinite(values)
    result[group[finite]] = values[finite]  # of an index given twice, numpy keeps the last value
    return result


def with_plain_starts(timetable: Timetable, visits: Visits) -> Visits:
    """Name each run by the start of its trip, headway runs aside: they have starts of their own."""
    table = timetable.trips
    plain = np.ones(len(table.ids), np.bool_)
    plain[timetable.frequencies.trip_idx] = False
    first_s = timetable.stop_times.arrival_s[table.st_begin[visits.trip]]
    starts = np.where(plain[visits.trip], first_s, visits.start_s).astype(np.int32)
    return replace(visits, start_s=starts)


def run_base_s(timetable: Timetable, trip: int, day: int, start_s: int) -> float:
    """Give the Unix time that a run's stop times count from.

    A run of frequencies.txt is its trip moved to its own start.
    """
    first = int(timetable.trips.st_begin[trip])
    shift_s = start_s - int(timetable.stop_times.arrival_s[first])
    return service_day_start(date.fromordinal(day), timetable.timezone) + shift_s


def rows_of(timetable: Timetable, visits: Visits) -> Iterator[VisitRow]:
    """Write visits as rows to keep; those without any time are left out."""
    table, times = timetable.trips, timetable.stop_times
    visits = with_plain_starts(timetable, visits)
    bases: dict[tuple[int, int, int], float] = {}
    for n, vehicle_id in enumerate(visits.vehicle_ids):
        arrival, departure = float(visits.arrival_s[n]), float(visits.departure_s[n])
        if np.isnan(arrival) and np.isnan(departure):
            continue
        trip, row = int(visits.trip[n]), int(visits.row[n])
        run = (trip, int(visits.day[n]), int(visits.start_s[n]))
        base_s = bases.get(run)
        if base_s is None:
            base_s = bases[run] = run_base_s(timetable, *run)
        yield (
            date.fromordinal(run[1]),
            table.ids[trip],
            run[2],
            int(times.stop_sequence[row]),
            vehicle_id,
            row - int(table.st_begin[trip]),
            timetable.stops.ids[int(times.stop_idx[row])],
            timetable.routes.ids[int(table.route_idx[trip])],
            _milliseconds(arrival),
            _milliseconds(departure),
            round((base_s + int(times.arrival_s[row])) * 1000),
            round((base_s + int(times.departure_s[row])) * 1000),
            bool(visits.seen[n]),
        )


def _milliseconds(unix_s: float) -> int | None:
    return None if np.isnan(unix_s) else round(unix_s * 1000)
