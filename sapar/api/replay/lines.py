"""Runs of a route and direction as lines of time and place: planned, driven and expected. Pure.

The axis is the main pattern of the day: the one with most departures. Runs of other patterns are
drawn where their stops are on it. Times are seconds after the start of the service day, which is
noon minus twelve hours, so that they read on past midnight and over a change of the clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
RunName = tuple[str, int]
"""Trip and start in seconds of the service day, as stop visits name runs."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The stops of a direction, and where each pattern's calls lie on them.

    Attributes:
        stops: rows of the timetable's stops; along: 0 to 1, by metres.
        places: by pattern, for each of its calls the number of the stop, -1 off the axis.
    """

    stops: Ints
    along: NDArray[np.float64]
    places: Mapping[int, Ints]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of the day: its trip's row, its start, and what to add to the trip's times."""

    trip: int
    start_s: int
    shift_s: int


def trips_of(timetable: Timetable, route_id: str, direction: int) -> Ints:
    """Give the trips of a route and direction, of all services; -1 stands for none given."""
    route = timetable.routes.index.get(route_id)
    if route is None:
        return np.zeros(0, np.int32)
    trips = timetable.trips
    found = np.flatnonzero((trips.route_idx == route) & (trips.direction == direction))
    return found.astype(np.int32)


def runs_on(timetable: Timetable, trips: Ints, service_date: date) -> list[PlannedRun]:
    """List the runs of some trips on a service date, headway service spelt out, in order."""
    active = timetable.services.active(service_date)
    trips = trips[active[timetable.trips.service_idx[trips]]]
    frequent = timetable.frequencies
    template_s = timetable.stop_times.arrival_s[timetable.trips.st_begin[trips]]
    by_headway = np.isin(trips, frequent.trip_idx)
    found = [
        PlannedRun(trip, start_s, 0)
        for trip, start_s in zip(
            trips[~by_headway].tolist(), template_s[~by_headway].tolist(), strict=True
        )
    ]
    starts = dict(zip(trips[by_headway].tolist(), template_s[by_headway].tolist(), strict=True))
    for trip, begin, end, headway in zip(
        frequent.trip_idx.tolist(),
        frequent.start_s.tolist(),
        frequent.end_s.tolist(),
        frequent.headway_s.tolist(),
        strict=True,
    ):
        if trip in starts:
            found += [PlannedRun(trip, at, at - starts[trip]) for at in range(begin, end, headway)]
    return sorted(found, key=lambda run: (run.start_s, timetable.trips.ids[run.trip]))


def axis_of(timetable: Timetable, trips: Ints, runs: Sequence[PlannedRun]) -> Axis:
    """Choose the main pattern and place all others on it.

    Args:
        timetable: the day's.
        trips: all of the route and direction: on a day without runs they tell the stops.
        runs: those of the day.
    """
    of_runs = np.array([run.trip for run in runs], np.int32)
    counted = timetable.trips.pattern_idx[of_runs if len(of_runs) else trips]
    numbers, counts = np.unique(counted, return_counts=True)
    if not len(numbers):
        return Axis(np.zeros(0, np.int32), np.zeros(0), {})
    sizes = [len(timetable.patterns[number].stop_idx) for number in numbers.tolist()]
    main = timetable.patterns[int(numbers[np.lexsort((np.array(sizes), counts))[-1]])]
    length_m = float(main.stop_m[-1] - main.stop_m[0])
    along = (main.stop_m - main.stop_m[0]) / length_m if length_m > 0 else main.stop_m * 0.0
    used = np.unique(timetable.trips.pattern_idx[trips]).tolist()
    places = {n: place_on(main.stop_idx, timetable.patterns[n].stop_idx) for n in used}
    return Axis(main.stop_idx, along, places)


def place_on(axis: Ints, stops: Ints) -> Ints:
    """Give for each stop its number on the axis, in rising order; -1 where it is not on it."""
    numbers: dict[int, list[int]] = {}
    for number, stop in enumerate(axis.tolist()):
        numbers.setdefault(stop, []).append(number)
    last, placed = -1, []
    for stop in stops.tolist():
        at = next((number for number in numbers.get(stop, ()) if number > last), -1)
        placed.append(at)
        last = max(last, at)
    return np.array(placed, np.int32)


def plan_lines(
    timetable: Timetable, axis: Axis, runs: Sequence[PlannedRun]
) -> list[dict[str, Any]]:
    """Give the planned runs, with room for what was driven."""
    trips, times = timetable.trips, timetable.stop_times
    lines = []
    for run in runs:
        begin, end = int(trips.st_begin[run.trip]), int(trips.st_begin[run.trip + 1])
        places = axis.places[int(trips.pattern_idx[run.trip])]
        on = places >= 0
        block = int(trips.block_idx[run.trip])
        lines.append(
            {
                "trip_id": trips.ids[run.trip],
                "start_s": run.start_s,
                "headsign": trips.headsigns[run.trip],
                "block_id": timetable.blocks.ids[block] if block >= 0 else None,
                "planned": True,
                "stops": places[on].tolist(),
                "arrival_s": (times.arrival_s[begin:end][on] + run.shift_s).tolist(),
                "departure_s": (times.departure_s[begin:end][on] + run.shift_s).tolist(),
                "drives": [],
            }
        )
    return lines


def add_drives(
    lines: list[dict[str, Any]],
    timetable: Timetable,
    axis: Axis,
    rows: Sequence[Sequence[Any]],
    day_start_s: float,
) -> None:
    """Add what buses drove to the runs, and runs that nobody planned at the end.

    Args:
        lines: as `plan_lines` gives them.
        timetable: the day's.
        axis: of the route and direction.
        rows: of the query `list_visits_of_trips`.
        day_start_s: Unix time that the times count from.
    """
    by_name = {(line["trip_id"], line["start_s"]): line for line in lines}
    drives: dict[tuple[RunName, str], dict[str, Any]] = {}
    for trip_id, start_s, vehicle_id, number, _stop, arrival_ms, departure_ms, seen in rows:
        trip = timetable.trips.index.get(trip_id)
        if trip is None:
            continue
        places = axis.places.get(int(timetable.trips.pattern_idx[trip]))
        if places is None or number >= len(places) or places[number] < 0:
            continue
        name = (trip_id, start_s)
        drive = drives.get((name, vehicle_id))
        if drive is None:
            drive = {"vehicle_id": vehicle_id, "stops": [], "arrival_s": [], "departure_s": []}
            drives[name, vehicle_id] = drive | {"seen": []}
            drive = drives[name, vehicle_id]
            if name not in by_name:
                by_name[name] = _unplanned(timetable, trip, start_s)
                lines.append(by_name[name])
            by_name[name]["drives"].append(drive)
        drive["stops"].append(int(places[number]))
        drive["arrival_s"].append(_after(arrival_ms, day_start_s))
        drive["departure_s"].append(_after(departure_ms, day_start_s))
        drive["seen"].append(seen)


def _unplanned(timetable: Timetable, trip: int, start_s: int) -> dict[str, Any]:
    return {
        "trip_id": timetable.trips.ids[trip],
        "start_s": start_s,
        "headsign": timetable.trips.headsigns[trip],
        "block_id": None,
        "planned": False,
        "stops": [],
        "arrival_s": [],
        "departure_s": [],
        "drives": [],
    }


def _after(unix_ms: int | None, day_start_s: float) -> float | None:
    return None if unix_ms is None else round(unix_ms / 1000 - day_start_s, 1)
