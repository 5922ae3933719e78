"""A run for the map of the rider's page: its line, its stops, and what is promised at each."""

from __future__ import annotations

from typing import Any

import numpy as np

from sapar.api.arrivals.decode import SCHEDULED, Live
from sapar.api.arrivals.live import Now
from sapar.core.errors import NotFound

_POINTS_MAX = 400
"""Points of a line that a telephone draws; more are not seen on its screen."""


def show_line(now: Now, trip_id: str) -> dict[str, Any]:
    """Give the line of a trip, which the timetable alone decides.

    Raises:
        NotFound: the timetable has no such trip (`unknown_trip`).
    """
    timetable = now.plan.timetable
    trip = timetable.trips.index.get(trip_id)
    if trip is None:
        raise NotFound(f"There is no trip {trip_id!r}.", code="unknown_trip")
    pattern = timetable.trip_pattern(trip)
    route = now.places.routes[int(timetable.trips.route_idx[trip])]
    step = max(1, -(-len(pattern.polyline_lat) // _POINTS_MAX))
    at = np.unique(np.append(np.arange(0, len(pattern.polyline_lat), step),
                             len(pattern.polyline_lat) - 1))  # fmt: skip
    line = np.column_stack([pattern.polyline_lat[at], pattern.polyline_lon[at]])
    return {
        "trip_id": trip_id,
        "headsign": timetable.trips.headsigns[trip],
        "route": route,
        "line": np.round(line, 5).tolist(),
        "stops": [
            {
                "id": now.places.stops[row].stop_id,
                "name": now.places.stops[row].name,
                "lat": now.places.stops[row].lat,
                "lon": now.places.stops[row].lon,
            }
            for row in pattern.stop_idx.tolist()
        ],
        "agency_id": now.agency.agency_id,
    }


def show_ride(now: Now, trip_id: str, vehicle_id: str) -> dict[str, Any]:
    """Give where a bus is and what is promised of its run, as of the tick."""
    live = now.live
    fix = None if live is None else live.vehicles.get(vehicle_id)
    body: dict[str, Any] = {"time_s": int(now.time_s), "live": live is not None, "bus": None}
    body["calls"] = [] if live is None else _calls(now, live, trip_id, vehicle_id)
    if live is None or fix is None:
        return body
    crowd = live.crowds.get(vehicle_id)
    body["bus"] = {
        "id": fix.id,
        "lat": fix.lat,
        "lon": fix.lon,
        "bearing": fix.bearing,
        "time_s": fix.time_s,
        "stale": fix.stale,
        "on_this_trip": fix.trip_id == trip_id,
        "delay_s": fix.delay_s if fix.trip_id == trip_id else None,
        "occupancy": None if crowd is None else crowd.band,
    }
    return body


def _calls(now: Now, live: Live, trip_id: str, vehicle_id: str) -> list[dict[str, Any]]:
    """List the calls that the run has yet to make: stop, and the range of the arrival."""
    runs = [
        number
        for number, run in enumerate(live.runs)
        if run.trip_id == trip_id and (not vehicle_id or run.vehicle_id == vehicle_id)
    ]
    if not runs:
        return []
    run, calls, timetable = runs[-1], live.calls, now.plan.timetable
    at = np.flatnonzero((calls.run == run) & (calls.relation == SCHEDULED))
    at = at[(calls.row[at] >= live.first_row[run]) & (calls.row[at] >= 0)]
    found = []
    for place in at[np.argsort(calls.row[at])].tolist():
        stop = int(timetable.stop_times.stop_idx[calls.row[place]])
        time_s = int(calls.arrival_s[place]) or int(calls.departure_s[place])
        unsure_s = int(calls.unsure_s[place])
        found.append(
            {
                "stop_id": timetable.stops.ids[stop],
                "arrival_s": time_s,
                "earliest_s": max(time_s - unsure_s, live.header_s) if unsure_s >= 0 else None,
                "latest_s": time_s + unsure_s if unsure_s >= 0 else None,
            }
        )
    return found
