"""What the newest tick expects of the runs of a route and direction: the dotted lines. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from sapar.api.arrivals.decode import SCHEDULED, Live
from sapar.api.replay.lines import Axis
from sapar.gtfs.timetable.model import Timetable


def expected_lines(
    live: Live,
    timetable: Timetable,
    axis: Axis,
    trips: set[int],
    service_date: date,
    day_start_s: float,
) -> list[dict[str, Any]]:
    """Give the times at the stops ahead for each run of some trips on a service date."""
    day = service_date.toordinal()
    wanted = {
        number: run
        for number, run in enumerate(live.runs)
        if run.key[0] in trips and run.key[1] == day and not run.cancelled
    }
    if not wanted:
        return []
    calls = live.calls
    at = np.flatnonzero(
        np.isin(calls.run, list(wanted)) & (calls.row >= 0) & (calls.relation == SCHEDULED)
    )
    at = at[np.lexsort((calls.row[at], calls.run[at]))]
    lines: dict[int, dict[str, Any]] = {}
    for call in at.tolist():
        number, row = int(calls.run[call]), int(calls.row[call])
        run = wanted[number]
        trip = run.key[0]
        place = int(
            axis.places[int(timetable.trips.pattern_idx[trip])][_call_of(timetable, trip, row)]
        )
        arrival_s = int(calls.arrival_s[call]) or int(calls.departure_s[call])
        if place < 0 or arrival_s == 0 or arrival_s < live.header_s:
            continue
        line = lines.get(number)
        if line is None:
            line = lines[number] = {
                "trip_id": run.trip_id,
                "start_s": run.key[2],
                "vehicle_id": run.vehicle_id or None,
                "stops": [],
                "arrival_s": [],
                "departure_s": [],
            }
        departure_s = int(calls.departure_s[call]) or arrival_s
        line["stops"].append(place)
        line["arrival_s"].append(arrival_s - day_start_s)
        line["departure_s"].append(departure_s - day_start_s)
    return list(lines.values())


def _call_of(timetable: Timetable, trip: int, row: int) -> int:
    return row - int(timetable.trips.st_begin[trip])
