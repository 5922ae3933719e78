"""Runs that the timetable does not have: copies of its trips, and new ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from sapar.gtfs.realtime.acts import Act, Extra
from sapar.gtfs.timetable.model import Timetable

_AHEAD_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ExtraRun:
    """An extra run with its times.

    Attributes:
        trip_id: its own id.
        template: row of the trip that the feed calls it a copy of, None for a new run.
        day, start_s: ordinal of its service date, and its start in seconds of that day.
        route: row of its route; direction: 0, 1 or -1.
        headsign: where it goes.
        stops: rows of its stops; sequence: their stop_sequence.
        arrival_s, departure_s: planned times, Unix seconds, rising.
        vehicle_id: who drives it, None if not known.
    """

    trip_id: str
    template: int | None
    day: int
    start_s: int
    route: int
    direction: int
    headsign: str
    stops: tuple[int, ...]
    sequence: tuple[int, ...]
    arrival_s: tuple[int, ...]
    departure_s: tuple[int, ...]
    vehicle_id: str | None


def extra_runs(
    timetable: Timetable, acts: Sequence[tuple[Act, Extra]], now_s: float
) -> tuple[ExtraRun, ...]:
    """Give the extra runs that are not over and start within a week.

    A feed can call only one run at a time a copy of a trip (rule S003 tells updates apart by trip
    and date), so a second copy is called one of a trip with the same stops and running times, and
    a new run where there is none left.
    """
    found: list[ExtraRun] = []
    used: set[int] = set()
    for _, what in acts:
        if what.trip_id in timetable.trips.index:
            continue  # the timetable has caught up
        run = _copy(timetable, what, used) if what.copy_of is not None else _new(timetable, what)
        if run is None or not run.arrival_s[0] <= now_s + _AHEAD_S or run.arrival_s[-1] <= now_s:
            continue
        found.append(run)
    return tuple(found)


def _copy(timetable: Timetable, what: Extra, used: set[int]) -> ExtraRun | None:
    trips, times = timetable.trips, timetable.stop_times
    trip = trips.index.get(what.copy_of or "")
    if trip is None or what.start_s is None:
        return None
    template = _twin(timetable, trip, used)
    rows = timetable.trip_rows(trip)
    shift_s = what.start_s - int(times.arrival_s[rows.start])
    stops = times.stop_idx[rows].tolist()
    sequence = times.stop_sequence[rows].tolist()
    if template is not None:
        used.add(template)
        sequence = times.stop_sequence[timetable.trip_rows(template)].tolist()
    arrival, departure = _unix(
        timetable,
        what.service_date,
        (times.arrival_s[rows] + shift_s).tolist(),
        (times.departure_s[rows] + shift_s).tolist(),
    )
    return ExtraRun(
        what.trip_id,
        template,
        what.service_date.toordinal(),
        what.start_s,
        int(trips.route_idx[trip]),
        int(trips.direction[trip]),
        trips.headsigns[trip],
        tuple(stops),
        tuple(sequence),
        arrival,
        departure,
        what.vehicle_id,
    )


def _twin(timetable: Timetable, trip: int, used: set[int]) -> int | None:
    """Give the trip itself, or one that runs like it and is not copied yet."""
    if trip not in used:
        return trip
    trips = timetable.trips
    arrival, departure = timetable.trip_times(trip)
    headway = set(timetable.frequencies.trip_idx.tolist())
    for row in np.flatnonzero(trips.pattern_idx == trips.pattern_idx[trip]).tolist():
        if row in used or row in headway:
            continue
        other_arrival, other_departure = timetable.trip_times(row)
        shift = other_arrival[0] - arrival[0]
        if (other_arrival - shift == arrival).all() and (
            other_departure - shift == departure
        ).all():
            return int(row)
    return None


def _new(timetable: Timetable, what: Extra) -> ExtraRun | None:
    route = timetable.routes.index.get(what.route_id or "")
    stops = [timetable.stops.index.get(call.stop_id) for call in what.calls]
    if route is None or not stops or None in stops:
        return None
    arrival, departure = _unix(
        timetable,
        what.service_date,
        [call.arrival_s for call in what.calls],
        [call.departure_s for call in what.calls],
    )
    return ExtraRun(
        what.trip_id,
        None,
        what.service_date.toordinal(),
        what.calls[0].arrival_s,
        route,
        -1,
        what.headsign or "",
        tuple(stop for stop in stops if stop is not None),
        tuple(range(1, len(stops) + 1)),
        arrival,
        departure,
        what.vehicle_id,
    )


def _unix(
    timetable: Timetable, service_date: date, arrival_s: list[int], departure_s: list[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Turn times of a service date into Unix times that strictly rise from stop to stop."""
    base_s = int(timetable.service_day_start(service_date))
    arrivals, departures, last = [], [], -1
    for arrival, departure in zip(arrival_s, departure_s, strict=True):
        arrivals.append(max(base_s + arrival, last + 1))
        last = max(base_s + departure, arrivals[-1])
        departures.append(last)
    return tuple(arrivals), tuple(departures)
