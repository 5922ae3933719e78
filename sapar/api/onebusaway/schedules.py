"""Timetables of a day: at a stop, and of a route."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import date
from typing import Any

import numpy as np

from sapar.api.onebusaway.asked import Asked
from sapar.api.onebusaway.boards import references_of
from sapar.api.onebusaway.cities import Cities, City, References


class Schedules:
    """The methods about timetables; each gives the data of the answer."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities

    async def for_stop(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `schedule-for-stop`."""
        city, local = await self._cities.of(full_id)
        row = city.stop_row(local)
        timetable = city.now.plan.timetable
        day = asked.day("date", timetable.timezone, city.now.time_s)
        references = references_of(asked)
        references.stop(city, row)
        entry = {
            "date": 1000 * int(city.now.places.index.day_start(day.toordinal())),
            "stopId": full_id,
            "stopRouteSchedules": _stop_schedules(city, row, day, references),
        }
        return {"entry": entry, "references": references.data()}

    async def for_route(self, full_id: str, asked: Asked) -> dict[str, Any]:
        """Give `schedule-for-route`."""
        city, local = await self._cities.of(full_id)
        route = city.route_row(local)
        timetable = city.now.plan.timetable
        day = asked.day("date", timetable.timezone, city.now.time_s)
        references = references_of(asked)
        references.route(city, route)
        active = timetable.trips_active(day)
        trips = active[timetable.trips.route_idx[active] == route]
        trips = trips[np.argsort(timetable.trips.first_s[trips], kind="stable")]
        elements = city.elements
        stops = sorted(
            {s for t in trips.tolist() for s in timetable.trip_pattern(t).stop_idx.tolist()}
        )
        for stop in stops:
            references.routes_of(city, stop)
        services = np.unique(timetable.trips.service_idx[trips]).tolist()
        entry = {
            "routeId": full_id,
            "scheduleDate": 1000 * int(city.now.places.index.day_start(day.toordinal())),
            "serviceIds": [elements.name(timetable.services.ids[s]) for s in services],
            "stopTripGroupings": await asyncio.to_thread(_groupings, city, trips.tolist(), day),
            "stops": [elements.stop(stop) for stop in stops],
            "trips": [elements.trip(trip) for trip in trips.tolist()],
        }
        return {"entry": entry, "references": references.data()}


def _stop_schedules(
    city: City, row: int, day: date, references: References
) -> list[dict[str, Any]]:
    """List the calls of a day by route and headsign; headway service as its headways."""
    timetable, index = city.now.plan.timetable, city.now.places.index
    trips = timetable.trips
    times: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    headways: dict[tuple[int, str], dict[tuple[str, int], dict[str, Any]]] = defaultdict(dict)
    planned = index.on_day(row, day)
    for at, trip in enumerate(planned.trip.tolist()):
        references.trip(city, trip)
        group = (int(trips.route_idx[trip]), trips.headsigns[trip])
        if planned.headway_s[at]:
            made = _headway(city, trip, day.toordinal(), int(planned.start_s[at]))
            headways[group][made["tripId"], made["startTime"]] = made
        else:
            call = int(planned.row[at])
            at_s = (int(planned.arrival_s[at]), int(planned.departure_s[at]))
            times[group].append(_call(city, trip, call, at_s))
    routes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for route, headsign in sorted(times.keys() | headways.keys()):
        references.route(city, route)
        group = (route, headsign)
        routes[route].append(
            {
                "scheduleFrequencies": list(headways[group].values()),
                "scheduleStopTimes": times[group],
                "tripHeadsign": headsign,
            }
        )
    return [
        {
            "routeId": city.elements.name(timetable.routes.ids[route]),
            "stopRouteDirectionSchedules": directions,
        }
        for route, directions in routes.items()
    ]


def _call(city: City, trip: int, row: int, at_s: tuple[int, int]) -> dict[str, Any]:
    timetable, elements = city.now.plan.timetable, city.elements
    begin, end = (int(timetable.trips.st_begin[trip + n]) for n in (0, 1))
    times = timetable.stop_times
    return {
        "arrivalEnabled": row > begin and int(times.drop_off[row]) != 1,
        "arrivalTime": 1000 * at_s[0],
        "departureEnabled": row < end - 1 and int(times.pickup[row]) != 1,
        "departureTime": 1000 * at_s[1],
        "serviceId": elements.name(timetable.services.ids[int(timetable.trips.service_idx[trip])]),
        "stopHeadsign": "",
        "tripId": elements.name(timetable.trips.ids[trip]),
    }


def _headway(city: City, trip: int, day: int, start_s: int) -> dict[str, Any]:
    timetable, index = city.now.plan.timetable, city.now.places.index
    day_s = int(index.day_start(day))
    begin_s, end_s = index.headway_span(trip, start_s)
    service = timetable.services.ids[int(timetable.trips.service_idx[trip])]
    return {
        "endTime": 1000 * (day_s + end_s),
        "headway": index.headway_of(trip, start_s),
        "serviceDate": 1000 * day_s,
        "serviceId": city.elements.name(service),
        "startTime": 1000 * (day_s + begin_s),
        "tripId": city.elements.name(timetable.trips.ids[trip]),
    }


def _groupings(city: City, trips: list[int], day: date) -> list[dict[str, Any]]:
    """Group the trips of a route by direction, each with all its calls."""
    timetable = city.now.plan.timetable
    day_s = int(city.now.places.index.day_start(day.toordinal()))
    table = timetable.trips
    by_direction: dict[int, list[int]] = defaultdict(list)
    for trip in trips:
        by_direction[int(table.direction[trip])].append(trip)
    groups = []
    for direction, listed in sorted(by_direction.items()):
        longest = max(listed, key=lambda trip: len(timetable.trip_pattern(trip).stop_idx))
        stops = list(dict.fromkeys(timetable.trip_pattern(longest).stop_idx.tolist()))
        more = {s for t in listed for s in timetable.trip_pattern(t).stop_idx.tolist()}
        stops += sorted(more - set(stops))
        with_times = [
            {
                "stopTimes": _trip_calls(city, trip, day_s),
                "tripId": city.elements.name(table.ids[trip]),
            }
            for trip in listed
        ]
        groups.append(
            {
                "directionId": str(direction) if direction >= 0 else "",
                "stopIds": [city.elements.name(timetable.stops.ids[s]) for s in stops],
                "tripHeadsigns": sorted({table.headsigns[t] for t in listed}),
                "tripIds": [city.elements.name(table.ids[t]) for t in listed],
                "tripsWithStopTimes": with_times,
            }
        )
    return groups


def _trip_calls(city: City, trip: int, day_s: int) -> list[dict[str, Any]]:
    timetable = city.now.plan.timetable
    times, rows = timetable.stop_times, timetable.trip_rows(trip)
    return [
        {
            **_call(
                city,
                trip,
                row,
                (day_s + int(times.arrival_s[row]), day_s + int(times.departure_s[row])),
            ),
            "stopId": city.elements.name(timetable.stops.ids[int(times.stop_idx[row])]),
        }
        for row in range(rows.start, rows.stop)
    ]
