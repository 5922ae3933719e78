"""Where a bus is on its trip, as the element tripStatus. Only what was seen, no place made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np

from sapar.api.arrivals.around import Fix
from sapar.api.arrivals.decode import NO_ROW, Run, RunKey
from sapar.api.onebusaway.cities import City, References
from sapar.core.geometry import distance_m

_PHASES = {
    "in_progress": "in_progress",
    "detour": "in_progress",
    "off_route": "in_progress",
    "layover": "layover_during",
    "deadhead": "deadhead_during",
}


@dataclass(frozen=True, slots=True)
class Driving:
    """A bus on its run.

    Attributes:
        run: what it drives; number: of the run in the tick.
        fix: where it is.
        next_row: the stop-time row that it comes to next, -1 behind the last one.
        along_m: how far along its line it is, metres.
    """

    run: Run
    number: int
    fix: Fix
    next_row: int
    along_m: float


def find_driving(city: City, vehicle_id: str) -> Driving | None:
    """Find the run that a bus is on now; None when it is on none of the timetable's."""
    live = city.now.live
    if live is None:
        return None
    number = live.current.get(vehicle_id, -1)
    fix = live.vehicles.get(vehicle_id)
    if number < 0 or fix is None or live.runs[number].added:
        return None
    run = live.runs[number]
    timetable = city.now.plan.timetable
    begin = int(timetable.trips.st_begin[run.key[0]])
    stop_m = timetable.trip_pattern(run.key[0]).stop_m
    row = int(live.first_row[number])
    if row >= NO_ROW:
        return Driving(run, number, fix, -1, float(stop_m[-1]))
    place = row - begin
    left_m = _metres_to(city, fix, row)
    low = float(stop_m[place - 1]) if place else 0.0
    return Driving(run, number, fix, row, max(low, float(stop_m[place]) - left_m))


def told_driving(city: City, vehicle_id: str) -> Driving | None:
    """Give what `find_driving` finds: looked for once a tick."""
    key = ("driving", vehicle_id)
    if key not in city.now.notes:
        city.now.notes[key] = find_driving(city, vehicle_id)
    found = city.now.notes[key]
    return found if isinstance(found, Driving) else None


def _metres_to(city: City, fix: Fix, row: int) -> float:
    stops = city.now.plan.timetable.stops
    stop = int(city.now.plan.timetable.stop_times.stop_idx[row])
    return float(
        np.asarray(distance_m(fix.lat, fix.lon, stops.latitude[stop], stops.longitude[stop]))
    )


class Bus(NamedTuple):
    """What arrivals say of a bus that is on a run of the timetable.

    Attributes:
        key: of its run; next_row: the stop-time row that it comes to, or the one behind the last.
        ends: the row behind the last one; along_m: how far along its line it is; left_m: the rest.
        band: how full it is, in OneBusAway's word, "" unknown.
        name: its id, as JSON; status: the element tripStatus.
        stops, trips: rows that the element refers to; references: situations, None for none.
    """

    key: RunKey
    next_row: int
    ends: int
    along_m: float
    left_m: float
    band: str
    name: bytes
    status: bytes
    stops: set[int]
    trips: set[int]
    references: References | None


Buses = dict[str, Bus | None]


def told_buses(city: City) -> Buses:
    """Give the buses that arrivals of this tick have told of already, to be added to."""
    return cast("Buses", city.now.notes.setdefault("buses", {}))


def tell_bus(city: City, vehicle_id: str) -> Bus | None:
    """Make what arrivals say of a bus: once a tick, whatever the number of stops ahead of it."""
    driving = told_driving(city, vehicle_id)
    if driving is None:
        return None
    now, references = city.now, References(included=True)
    element = trip_status(city, driving, references)
    stops, trips = references.rows(city)
    trip = driving.run.key[0]
    ends = int(now.plan.timetable.trips.st_begin[trip + 1])
    crowd = None if now.live is None else now.live.crowds.get(vehicle_id)
    return Bus(
        driving.run.key,
        driving.next_row if driving.next_row >= 0 else ends,
        ends,
        driving.along_m,
        float(now.plan.timetable.trip_pattern(trip).stop_m[-1]) - driving.along_m,
        "" if crowd is None else crowd.band.upper(),
        msgspec.json.encode(city.elements.name(vehicle_id)),
        msgspec.json.encode(element),
        stops,
        trips,
        references if element["situationIds"] else None,
    )


def trip_status(city: City, driving: Driving, references: References) -> dict[str, Any]:
    """Give the element, and refer to what it names."""
    elements, fix, run = city.elements, driving.fix, driving.run
    trip, day, start_s = run.key
    timetable, now = city.now.plan.timetable, city.now
    base_s = now.places.index.base_s(trip, day, start_s)
    rows = timetable.trip_rows(trip)
    stop_m = timetable.trip_pattern(trip).stop_m
    planned_m = np.interp(now.time_s - base_s, timetable.stop_times.arrival_s[rows], stop_m)
    closest, closest_s, following, following_s = _stops_around(city, driving, base_s)
    for row in {closest, following} - {-1}:
        references.stop(city, int(timetable.stop_times.stop_idx[row]))
    references.trip(city, trip)
    heard_ms = int(1000 * fix.time_s)
    crowd = None if now.live is None else now.live.crowds.get(fix.id)
    place = {"lat": fix.lat, "lon": fix.lon}
    orientation = 0.0 if fix.bearing is None else (90.0 - fix.bearing) % 360.0
    return {
        "activeTripId": elements.name(run.trip_id),
        "blockTripSequence": elements.in_block(trip, day)[0],
        "closestStop": _stop_name(city, closest),
        "closestStopTimeOffset": closest_s,
        "distanceAlongTrip": round(driving.along_m, 1),
        "frequency": None,
        "lastKnownDistanceAlongTrip": round(driving.along_m, 1),
        "lastKnownLocation": place,
        "lastKnownOrientation": orientation,
        "lastLocationUpdateTime": heard_ms,
        "lastUpdateTime": heard_ms,
        "nextStop": _stop_name(city, following),
        "nextStopTimeOffset": following_s,
        "occupancyCapacity": 0,
        "occupancyCount": 0,
        "occupancyStatus": "" if crowd is None else crowd.band.upper(),
        "orientation": orientation,
        "phase": _PHASES.get(fix.phase, ""),
        "position": place,
        "predicted": True,
        "scheduleDeviation": round(fix.delay_s or 0.0),
        "scheduledDistanceAlongTrip": round(float(planned_m), 1),
        "serviceDate": 1000 * int(now.places.index.day_start(day)),
        "situationIds": situations_of(city, run.trip_id, run.route, references),
        "status": "CANCELED" if run.cancelled else "SCHEDULED",
        "totalDistanceAlongTrip": round(float(stop_m[-1]), 1),
        "vehicleId": elements.name(fix.id),
    }


def _stop_name(city: City, row: int) -> str:
    timetable = city.now.plan.timetable
    if row < 0:
        return ""
    return city.elements.name(timetable.stops.ids[int(timetable.stop_times.stop_idx[row])])


def _stops_around(city: City, driving: Driving, base_s: float) -> tuple[int, int, int, int]:
    """Give (closest stop, seconds to it, next stop, seconds to it), stops as rows, -1 for none."""
    timetable, now = city.now.plan.timetable, city.now
    trip = driving.run.key[0]
    begin, end = (int(timetable.trips.st_begin[trip + n]) for n in (0, 1))
    arrival_s = timetable.stop_times.arrival_s
    if driving.next_row < 0:
        return end - 1, 0, -1, 0
    expected_s = _expected_s(city, driving)
    planned_s = base_s + float(arrival_s[driving.next_row])
    to_next_s = round((expected_s or planned_s) - now.time_s)
    before = driving.next_row - 1
    if before >= begin:
        pattern_m = timetable.trip_pattern(trip).stop_m
        behind_m = driving.along_m - float(pattern_m[before - begin])
        ahead_m = float(pattern_m[driving.next_row - begin]) - driving.along_m
        if behind_m < ahead_m:
            between_s = int(arrival_s[driving.next_row]) - int(arrival_s[before])
            return before, min(0, to_next_s - between_s), driving.next_row, to_next_s
    return driving.next_row, to_next_s, driving.next_row, to_next_s


def _expected_s(city: City, driving: Driving) -> int:
    live = city.now.live
    assert live is not None
    stop = int(city.now.plan.timetable.stop_times.stop_idx[driving.next_row])
    calls = live.calls
    for at in range(int(calls.begin[stop]), int(calls.begin[stop + 1])):
        if calls.run[at] == driving.number and calls.row[at] == driving.next_row:
            return int(calls.arrival_s[at])
    return 0


def situations_of(city: City, trip_id: str, route: int, references: References) -> list[str]:
    """List the alerts about a trip or its route, and refer to them."""
    live = city.now.live
    if live is None or not live.notices:
        return []
    route_id = city.now.plan.timetable.routes.ids[route] if route >= 0 else ""
    return [
        references.situation(city, notice)
        for notice in live.notices
        if trip_id in notice.trips or route_id in notice.routes
    ]
