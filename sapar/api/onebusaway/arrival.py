"""The element arrivalAndDeparture, written as text: half of it never changes with a timetable.

A board has some fifty of them and is made anew each tick. What follows from the timetable alone
stands ready in `Elements.call`, what follows from the bus in `tell_bus`; here only the numbers in
between are put in.
"""

from __future__ import annotations

import msgspec

from sapar.api.arrivals import board as b
from sapar.api.arrivals.board import Arrival
from sapar.api.onebusaway.cities import City, References
from sapar.api.onebusaway.elements import PlannedCall
from sapar.api.onebusaway.status import Bus, situations_of, tell_bus, told_buses

_TOLD = frozenset({b.LIVE, b.PASSED})
_EXTRA = b'"departureEnabled":true,"arrivalEnabled":false,'


class Arrivals:
    """Writes the elements of some stops of a city.

    Args:
        city: whose stops they are.
        references: what the elements name is referred to there.
    """

    def __init__(self, city: City, references: References) -> None:
        self._city = city
        self._references = references
        self._elements = city.elements
        self._index = city.now.places.index
        self._buses = told_buses(city)
        self._stops, self._trips = references.rows(city)
        live = city.now.live
        self._alerted = live is not None and bool(live.notices)
        self._days_ms: dict[int, int] = {}

    def element(self, row: int, call: Arrival) -> msgspec.Raw:
        """Give the element of a call at a stop, and refer to what it names."""
        told = call.state in _TOLD
        bus = self._bus(call.vehicle_id) if told and call.vehicle_id else None
        arrive_s = call.arrival_s or call.passed_s
        leave_s = call.departure_s or call.passed_s
        planned: PlannedCall | None = None
        if call.trip < 0 or call.row < 0:
            fixed, sequence = self._extra(row, call), 0
        else:
            planned = self._elements.call(call.row)
            fixed = planned.text
            sequence = self._elements.in_block(call.trip, call.day)[0]
            self._trips.add(call.trip)
        metres, away, band = 0.0, 0, ""
        if bus is not None:
            band = bus.band
            if planned is not None:
                metres, away = _away(call, planned, bus)
        situations = "[]"
        if self._alerted:
            names = situations_of(self._city, call.trip_id, call.route, self._references)
            situations = msgspec.json.encode(names).decode()
        frequency = "null"
        if call.headway_s and call.trip >= 0:
            frequency = self._frequency(call)
        between = (
            f'"blockTripSequence":{sequence},"distanceFromStop":{metres},'
            f'"frequency":{frequency},"lastUpdateTime":{int(1000 * call.heard_s) if told else 0},'
            f'"numberOfStopsAway":{away},"occupancyStatus":"{band}",'
            f'"predicted":{"true" if told and arrive_s else "false"},'
            f'"predictedArrivalInterval":{_interval(call)},'
            f'"predictedArrivalTime":{1000 * arrive_s if told else 0},'
            f'"predictedDepartureTime":{1000 * leave_s if told else 0},'
            f'"scheduledArrivalTime":{1000 * (call.planned_arrival_s or arrive_s)},'
            f'"scheduledDepartureTime":{1000 * (call.planned_departure_s or leave_s)},'
            f'"serviceDate":{self._day_ms(call.day)},'
            f'"situationIds":{situations},'
            f'"status":"{"CANCELED" if call.state == b.CANCELLED else "default"}",'
        ).encode()
        if bus is None:
            return msgspec.Raw(b'{%s%s"tripStatus":null,"vehicleId":""}' % (fixed, between))
        return msgspec.Raw(
            b'{%s%s"tripStatus":%s,"vehicleId":%s}' % (fixed, between, bus.status, bus.name)
        )

    def _bus(self, vehicle_id: str) -> Bus | None:
        """Give a bus, and refer to what is said of it."""
        try:
            bus = self._buses[vehicle_id]
        except KeyError:
            bus = self._buses[vehicle_id] = tell_bus(self._city, vehicle_id)
        if bus is not None:
            self._stops |= bus.stops
            self._trips |= bus.trips
            if bus.references is not None:
                self._references.join(bus.references)
        return bus

    def _day_ms(self, day: int) -> int:
        found = self._days_ms.get(day)
        if found is None:
            found = self._days_ms[day] = 1000 * int(self._index.day_start(day))
        return found

    def _extra(self, row: int, call: Arrival) -> bytes:
        """Give the fixed members of a run that the timetable lacks, and refer to it."""
        elements = self._elements
        element = elements.extra_trip(call.trip_id, call.route, call.direction, call.headsign)
        self._references.extra_trip(elements.name(call.trip_id), element)
        self._references.route(self._city, call.route)
        return _EXTRA + elements.call_names(row, call.route, call.trip_id, call.headsign, 0, 0)

    def _frequency(self, call: Arrival) -> str:
        """Give the element frequency of headway service."""
        day_ms = self._day_ms(call.day)
        begin_s, end_s = self._index.headway_span(call.trip, call.start_s)
        trip_id = self._elements.quoted_trip(call.trip)
        return (
            f'{{"endTime":{day_ms + 1000 * end_s},"exactTimes":0,"headway":{call.headway_s},'
            f'"serviceDate":{day_ms},"serviceId":"","startTime":{day_ms + 1000 * begin_s},'
            f'"tripId":{trip_id}}}'
        )


def _interval(call: Arrival) -> str:
    if call.state != b.LIVE or call.unsure_s < 0:
        return "null"
    low_s, high_s = call.arrival_s - call.unsure_s, call.arrival_s + call.unsure_s
    return f'{{"from":{1000 * low_s},"to":{1000 * high_s}}}'


def _away(call: Arrival, planned: PlannedCall, bus: Bus) -> tuple[float, int]:
    """Give metres and stops between the bus and the stop, negative once it has passed.

    A bus on an earlier trip of its block has the rest of that before it.
    """
    if bus.key == (call.trip, call.day, call.start_s):
        return round(planned.along_m - bus.along_m, 1), call.row - bus.next_row
    return round(bus.left_m + planned.along_m, 1), bus.ends - bus.next_row + planned.place
