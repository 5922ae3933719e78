"""The element arrivalAndDeparture, written as text: half of it never changes with a timetable.

A board has some fifty of them and is made anew each tick. What follows from the timetable alone
stands ready in `Elements.call`, what follows from the bus in `told_status`; here only the numbers
in between are put in.
"""

from __future__ import annotations

import msgspec

from sapar.api.arrivals import board as b
from sapar.api.arrivals.board import Arrival
from sapar.api.onebusaway.cities import City, References
from sapar.api.onebusaway.elements import PlannedCall
from sapar.api.onebusaway.status import Driving, situations_of, told_driving, told_status

_TOLD = frozenset({b.LIVE, b.PASSED})
_EXTRA = PlannedCall(0, 0, 0.0, '"departureEnabled":true,"arrivalEnabled":false,')


def arrival(city: City, row: int, call: Arrival, references: References) -> msgspec.Raw:
    """Give the element of a call at a stop, and refer to what it names."""
    now, elements = city.now, city.elements
    told = call.state in _TOLD
    driving = told_driving(city, call.vehicle_id) if told and call.vehicle_id else None
    arrive_s = call.arrival_s or call.passed_s
    leave_s = call.departure_s or call.passed_s
    planned_arrive_s = call.planned_arrival_s or arrive_s
    planned_leave_s = call.planned_departure_s or leave_s
    if call.trip < 0 or call.row < 0:
        planned, fixed, sequence = _EXTRA, _extra(city, row, call, references), 0
    else:
        planned = elements.call(call.row)
        fixed = planned.text
        sequence = elements.in_block(call.trip, call.day)[0]
        references.trip(city, call.trip)
    metres, away = _away(city, call, planned, driving) if driving is not None else (0.0, 0)
    band = ""
    if driving is not None and now.live is not None:
        crowd = now.live.crowds.get(call.vehicle_id)
        band = "" if crowd is None else crowd.band.upper()
    situations = situations_of(city, call.trip_id, call.route, references)
    status = "null" if driving is None else told_status(city, driving, references)
    vehicle = _quoted(elements.name(call.vehicle_id)) if driving is not None else '""'
    frequency = _frequency(city, call) if call.headway_s and call.trip >= 0 else "null"
    return msgspec.Raw(
        (
            f'{{{fixed}"blockTripSequence":{sequence},"distanceFromStop":{metres},'
            f'"frequency":{frequency},"lastUpdateTime":{int(1000 * call.heard_s) if told else 0},'
            f'"numberOfStopsAway":{away},"occupancyStatus":"{band}",'
            f'"predicted":{"true" if told and arrive_s else "false"},'
            f'"predictedArrivalInterval":{_interval(call)},'
            f'"predictedArrivalTime":{1000 * arrive_s if told else 0},'
            f'"predictedDepartureTime":{1000 * leave_s if told else 0},'
            f'"scheduledArrivalTime":{1000 * planned_arrive_s},'
            f'"scheduledDepartureTime":{1000 * planned_leave_s},'
            f'"serviceDate":{1000 * int(now.places.index.day_start(call.day))},'
            f'"situationIds":{_listed(situations)},'
            f'"status":"{"CANCELED" if call.state == b.CANCELLED else "default"}",'
            f'"tripStatus":{status},"vehicleId":{vehicle}}}'
        ).encode()
    )


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _listed(names: list[str]) -> str:
    return msgspec.json.encode(names).decode() if names else "[]"


def _extra(city: City, row: int, call: Arrival, references: References) -> str:
    """Give the fixed members of a run that the timetable lacks, and refer to it."""
    elements = city.elements
    element = elements.extra_trip(call.trip_id, call.route, call.direction, call.headsign)
    references.extra_trip(elements.name(call.trip_id), element)
    references.route(city, call.route)
    return _EXTRA.text + elements.call_names(row, call.route, call.trip_id, call.headsign, 0, 0)


def _interval(call: Arrival) -> str:
    if call.state != b.LIVE or call.unsure_s < 0:
        return "null"
    low_s, high_s = call.arrival_s - call.unsure_s, call.arrival_s + call.unsure_s
    return f'{{"from":{1000 * low_s},"to":{1000 * high_s}}}'


def _away(city: City, call: Arrival, planned: PlannedCall, driving: Driving) -> tuple[float, int]:
    """Give metres and stops between the bus and the stop, negative once it has passed.

    A bus on an earlier trip of its block has the rest of that before it.
    """
    if call.trip < 0:
        return 0.0, 0
    timetable = city.now.plan.timetable
    trip = driving.run.key[0]
    end = int(timetable.trips.st_begin[trip + 1])
    at = driving.next_row if driving.next_row >= 0 else end
    if driving.run.key == (call.trip, call.day, call.start_s):
        return round(planned.along_m - driving.along_m, 1), call.row - at
    left_m = float(timetable.trip_pattern(trip).stop_m[-1]) - driving.along_m
    return round(left_m + planned.along_m, 1), end - at + planned.place


def _frequency(city: City, call: Arrival) -> str:
    """Give the element frequency of headway service."""
    index = city.now.places.index
    day_s = int(index.day_start(call.day))
    begin_s, end_s = index.headway_span(call.trip, call.start_s)
    return msgspec.json.encode(
        {
            "endTime": 1000 * (day_s + end_s),
            "exactTimes": 0,
            "headway": call.headway_s,
            "serviceDate": 1000 * day_s,
            "serviceId": "",
            "startTime": 1000 * (day_s + begin_s),
            "tripId": city.elements.name(call.trip_id),
        }
    ).decode()
