"""Trips, vehicles and blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import numpy as np

from sapar.api.onebusaway.asked import Asked
from sapar.api.onebusaway.boards import references_of
from sapar.api.onebusaway.cities import Cities, City, References
from sapar.api.onebusaway.status import (
    Driving,
    find_driving,
    situations_of,
    told_driving,
    trip_status,
)
from sapar.core.errors import BadInput, NotFound

_LIST_MAX = 4000
_BREATH = 32  # buses that are looked at before others get their turn: some milliseconds


class Trips:
    """The methods about trips and vehicles; each gives the data of the answer."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities

    async def trip(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `trip`."""
        city, local = await self._cities.of(full_id)
        row = city.trip_row(local)
        references = references_of(asked)
        references.route(city, int(city.now.plan.timetable.trips.route_idx[row]))
        return {"entry": city.elements.trip(row), "references": references.data()}

    async def details(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `trip-details`."""
        city, local = await self._cities.of(full_id)
        row = city.trip_row(local)
        day_s = asked.time_s("serviceDate", city.now.plan.timetable.timezone)
        driving = _driving_of(city, row, day_s)
        references = references_of(asked)
        entry = trip_details(city, row, day_s, driving, references, asked)
        return {"entry": entry, "references": references.data()}

    async def for_vehicle(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `trip-for-vehicle`."""
        city, local = await self._cities.of(full_id)
        driving = find_driving(city, local)
        if driving is None:
            raise NotFound(f"Vehicle {local!r} is on no trip.", code="no_trip_of_vehicle")
        references = references_of(asked)
        row, day, _ = driving.run.key
        day_s = city.now.places.index.day_start(day)
        entry = trip_details(
            city, row, day_s, driving, references, asked, schedule=False, trip=False
        )
        return {"entry": entry, "references": references.data()}

    async def for_route(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `trips-for-route`: those that buses are on now."""
        city, local = await self._cities.of(full_id)
        route = city.route_row(local)
        references = references_of(asked)
        found = [
            self._listed(city, driving, references, asked)
            async for driving in all_driving(city)
            if driving.run.route == route
        ]
        return _list(found, references)

    async def for_location(self, asked: Asked) -> dict[str, Any]:
        """Give `trips-for-location`: those whose buses are in a box."""
        box = asked.box(500.0)
        (south, west), (north, east) = box.low, box.high
        references = references_of(asked)
        found = []
        for city in await self._cities.all():
            async for driving in all_driving(city):
                fix = driving.fix
                if south <= fix.lat <= north and west <= fix.lon <= east:
                    found.append(self._listed(city, driving, references, asked))
        return {**_list(found, references), "outOfRange": False}

    def _listed(
        self, city: City, driving: Driving, references: References, asked: Asked
    ) -> dict[str, Any]:
        row, day, _ = driving.run.key
        day_s = city.now.places.index.day_start(day)
        return trip_details(city, row, day_s, driving, references, asked, schedule=False)

    async def vehicles(self, agency_id: str, asked: Asked) -> dict[str, Any]:
        """Give `vehicles-for-agency`: the buses in service."""
        city = await self._cities.get(agency_id)
        references = references_of(asked)
        found = [vehicle_status(city, d, references) async for d in all_driving(city)]
        return {**_list(found, references), "outOfRange": False}

    async def vehicle(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `vehicle`: one bus in service."""
        city, local = await self._cities.of(full_id)
        driving = find_driving(city, local)
        if driving is None:
            raise NotFound(f"Vehicle {local!r} is not in service.", code="no_such_vehicle")
        references = references_of(asked)
        entry = vehicle_status(city, driving, references)
        return {"entry": entry, "references": references.data()}

    async def block(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `block`: its trips on each set of services that run together."""
        city, local = await self._cities.of(full_id)
        timetable = city.now.plan.timetable
        block = timetable.blocks.index.get(local)
        if block is None:
            raise NotFound(f"There is no block {local!r}.", code="no_such_block")
        references = references_of(asked)
        trips = timetable.block_trips(block)
        services = np.unique(timetable.trips.service_idx[trips])
        names = [city.elements.name(timetable.services.ids[s]) for s in services.tolist()]
        configurations = []
        for service, name in zip(services.tolist(), names, strict=True):
            rows = trips[timetable.trips.service_idx[trips] == service].tolist()
            configurations.append(
                {
                    "activeServiceIds": [name],
                    "inactiveServiceIds": [other for other in names if other != name],
                    "trips": _block_trips(city, rows, references),
                }
            )
        entry = {"configurations": configurations, "id": full_id}
        return {"entry": entry, "references": references.data()}


def _list(found: list[dict[str, Any]], references: References) -> dict[str, Any]:
    return {
        "limitExceeded": len(found) > _LIST_MAX,
        "list": found[:_LIST_MAX],
        "references": references.data(),
    }


async def all_driving(city: City) -> AsyncIterator[Driving]:
    """Give the buses that are on runs of the timetable; others get their turn in between."""
    live = city.now.live
    for number, vehicle_id in enumerate({} if live is None else live.current):
        if number % _BREATH == _BREATH - 1:
            await asyncio.sleep(0)
        driving = told_driving(city, vehicle_id)
        if driving is not None:
            yield driving


def _driving_of(city: City, trip: int, day_s: float | None) -> Driving | None:
    """Find the bus on a trip, on a service date if one is named."""
    live = city.now.live
    if live is None:
        return None
    for number, run in enumerate(live.runs):
        if run.key[0] != trip or run.added:
            continue
        on_day = day_s is None or city.now.places.index.day_start(run.key[1]) == day_s
        if on_day and live.current.get(run.vehicle_id) == number:
            return find_driving(city, run.vehicle_id)
    return None


def trip_details(
    city: City,
    row: int,
    day_s: float | None,
    driving: Driving | None,
    references: References,
    asked: Asked,
    *,
    schedule: bool = True,
    trip: bool = True,
) -> dict[str, Any]:
    """Give the element tripDetails; `schedule` and `trip` are what is shown when not asked."""
    timetable, index = city.now.plan.timetable, city.now.places.index
    trips = timetable.trips
    if asked.flag("includeTrip", default=trip):
        references.trip(city, row)
    if driving is not None:
        day_s = index.day_start(driving.run.key[1])
    day = _day(city, row, day_s)
    entry: dict[str, Any] = {
        "frequency": None,
        "serviceDate": 1000 * int(index.day_start(day.toordinal())),
        "situationIds": situations_of(city, trips.ids[row], int(trips.route_idx[row]), references),
        "tripId": city.elements.name(trips.ids[row]),
    }
    if asked.flag("includeSchedule", default=schedule):
        entry["schedule"] = _schedule(city, row, day.toordinal(), references)
    if asked.flag("includeStatus", default=True):
        entry["status"] = None if driving is None else trip_status(city, driving, references)
    return entry


def _day(city: City, row: int, day_s: float | None) -> date:
    """Give the service date asked for, or the one on which the trip runs next or ran last."""
    timetable = city.now.plan.timetable
    if day_s is not None:
        for day in timetable.service_dates_at(day_s + 12 * 3600):
            if city.now.places.index.day_start(day.toordinal()) == day_s:
                return day
        raise BadInput("serviceDate is no start of a service date", code="bad_service_date")
    today = timetable.service_dates_at(city.now.time_s)[-1]
    service = int(timetable.trips.service_idx[row])
    for distance in range(8):
        for day in (today - timedelta(distance), today + timedelta(distance)):
            if timetable.services.active(day)[service]:
                return day
    return today


def _schedule(city: City, row: int, day: int, references: References) -> dict[str, Any]:
    """Give the element schedule; its times are seconds of the service day."""
    timetable, elements = city.now.plan.timetable, city.elements
    rows = timetable.trip_rows(row)
    times, stop_m = timetable.stop_times, timetable.trip_pattern(row).stop_m
    _, before, after = elements.in_block(row, day)
    for other in {before, after} - {-1}:
        references.trip(city, other)
    stop_times = []
    for at, stop in enumerate(times.stop_idx[rows].tolist()):
        references.stop(city, stop)
        stop_times.append(
            {
                "arrivalTime": int(times.arrival_s[rows.start + at]),
                "departureTime": int(times.departure_s[rows.start + at]),
                "distanceAlongTrip": round(float(stop_m[at]), 1),
                "historicalOccupancy": "",
                "stopHeadsign": "",
                "stopId": elements.name(timetable.stops.ids[stop]),
            }
        )
    return {
        "frequency": None,
        "nextTripId": elements.name(timetable.trips.ids[after]) if after >= 0 else "",
        "previousTripId": elements.name(timetable.trips.ids[before]) if before >= 0 else "",
        "stopTimes": stop_times,
        "timeZone": timetable.timezone.key,
    }


def vehicle_status(city: City, driving: Driving, references: References) -> dict[str, Any]:
    """Give the element vehicleStatus."""
    status = trip_status(city, driving, references)
    return {
        "lastLocationUpdateTime": status["lastLocationUpdateTime"],
        "lastUpdateTime": status["lastUpdateTime"],
        "location": status["position"],
        "occupancyCapacity": 0,
        "occupancyCount": 0,
        "occupancyStatus": status["occupancyStatus"],
        "phase": status["phase"],
        "status": status["status"],
        "tripId": status["activeTripId"],
        "tripStatus": status,
        "vehicleId": status["vehicleId"],
    }


def _block_trips(city: City, rows: list[int], references: References) -> list[dict[str, Any]]:
    """Give the trips of a block, one after the other; distances and slack add up along it."""
    timetable = city.now.plan.timetable
    times = timetable.stop_times
    made, along_m, slack_s, sequence = [], 0.0, 0, 0
    for row in rows:
        references.trip(city, row)
        stop_m = timetable.trip_pattern(row).stop_m
        start_m, start_slack_s, calls = along_m, slack_s, []
        span = timetable.trip_rows(row)
        for at in range(span.start, span.stop):
            stop = int(times.stop_idx[at])
            references.stop(city, stop)
            arrive_s, leave_s = int(times.arrival_s[at]), int(times.departure_s[at])
            calls.append(
                {
                    "accumulatedSlackTime": slack_s,
                    "blockSequence": sequence,
                    "distanceAlongBlock": round(start_m + float(stop_m[at - span.start]), 1),
                    "stopTime": {
                        "arrivalTime": arrive_s,
                        "departureTime": leave_s,
                        "dropOffType": int(times.drop_off[at]),
                        "pickupType": int(times.pickup[at]),
                        "stopId": city.elements.name(timetable.stops.ids[stop]),
                    },
                }
            )
            slack_s += leave_s - arrive_s
            sequence += 1
        made.append(
            {
                "accumulatedSlackTime": start_slack_s,
                "blockStopTimes": calls,
                "distanceAlongBlock": round(start_m, 1),
                "tripId": city.elements.name(timetable.trips.ids[row]),
            }
        )
        along_m = start_m + timetable.trip_pattern(row).length_m
    return made
