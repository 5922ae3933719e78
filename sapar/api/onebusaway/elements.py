"""The elements that answers are made of and refer to, encoded once per version of a timetable."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import msgspec
import numpy as np

from sapar.api.arrivals.places import Places, make_places
from sapar.api.onebusaway.asked import join_id
from sapar.api.timetables import Plan
from sapar.core.geometry import bearing_deg
from sapar.gtfs.realtime.detours import polyline_text
from sapar.gtfs.timetable.model import Pattern

_ENCODE = msgspec.json.Encoder().encode
_WHEELCHAIR = {"possible": "ACCESSIBLE", "not_possible": "NOT_ACCESSIBLE", "unknown": "UNKNOWN"}
_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
_NEARBY_M = 100.0
_NEARBY_MAX = 6
_KEPT_MAX = 100_000


class PlannedCall(NamedTuple):
    """What a call of a trip has by the timetable alone.

    Attributes:
        place: its place in the trip, from 0.
        total: calls of the trip.
        along_m: metres along the trip's line.
        text: the members of arrivalAndDeparture that follow from it, as JSON, a comma behind.
    """

    place: int
    total: int
    along_m: float
    text: bytes


class Elements:
    """Stops, routes, trips and the agency of one plan, as bytes of JSON."""

    def __init__(self, plan: Plan, places: Places) -> None:
        self.plan, self.places = plan, places
        self.timetable = plan.timetable
        self.agency_id = plan.timetable.agency_id
        self._stops: dict[int, msgspec.Raw] = {}
        self._routes: dict[int, msgspec.Raw] = {}
        self._trips: dict[int, msgspec.Raw] = {}
        self._calls: dict[int, PlannedCall] = {}
        self._nearby: dict[int, list[int]] = {}
        self._sequences: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._directions: dict[int, str] = {}
        self._routes_of: dict[int, tuple[int, ...]] = {}
        self.route_of: list[int] = self.timetable.trips.route_idx.tolist()
        """Row of the route of each trip."""

    def name(self, local: str) -> str:
        """Give the id of a thing of this agency."""
        return join_id(self.agency_id, local)

    def agency(self, name: str) -> dict[str, Any]:
        """Give the agency; `name` is the deployment's, the rest stands in agency.txt."""
        first = self.plan.details.agencies[0] if self.plan.details.agencies else None
        languages = self.timetable.languages
        return {
            "disclaimer": "",
            "email": first.email if first else "",
            "fareUrl": first.fare_url if first else "",
            "id": self.agency_id,
            "lang": (first.language if first else "") or (languages[0] if languages else ""),
            "name": name,
            "phone": first.phone if first else "",
            "privateService": False,
            "timezone": self.timetable.timezone.key,
            "url": first.url if first else "",
        }

    def stop(self, row: int) -> msgspec.Raw:
        """Give a stop."""
        found = self._stops.get(row)
        if found is None:
            found = self._stops[row] = msgspec.Raw(_ENCODE(self.stop_members(row)))
        return found

    def stop_members(self, row: int) -> dict[str, Any]:
        """Give a stop as members."""
        shown = self.places.stops[row]
        routes = [self.name(route_id) for route_id in shown.route_ids]
        return {
            "code": shown.code or shown.stop_id,
            "direction": self.direction(row),
            "id": self.name(shown.stop_id),
            "lat": shown.lat,
            "locationType": int(self.timetable.stops.location_type[row]),
            "lon": shown.lon,
            "name": shown.name,
            "parent": self.name(self.plan.details.stop(shown.stop_id).parent),
            "routeIds": routes,
            "staticRouteIds": routes,
            "wheelchairBoarding": _WHEELCHAIR[shown.wheelchair],
        }

    def routes_of(self, row: int) -> tuple[int, ...]:
        """List the routes that call at a stop, by row."""
        found = self._routes_of.get(row)
        if found is None:
            index = self.timetable.routes.index
            found = tuple(index[route_id] for route_id in self.places.stops[row].route_ids)
            self._routes_of[row] = found
        return found

    def direction(self, row: int) -> str:
        """Give the point of the compass that buses drive to from a stop, '' unknown."""
        found = self._directions.get(row)
        if found is None:
            found = self._directions[row] = self._find_direction(row)
        return found

    def _find_direction(self, row: int) -> str:
        rows = self.places.index.rows_at(row)
        if not len(rows):
            return ""
        at = int(rows[0])
        trip = int(self.places.index.trip_of_row[at])
        pattern = self.timetable.trip_pattern(trip)
        place_m = float(pattern.stop_m[at - int(self.timetable.trips.st_begin[trip])])
        ends = np.clip([place_m - 30.0, place_m + 30.0], 0.0, pattern.length_m)
        if ends[1] - ends[0] < 1.0:
            return ""
        lat = np.interp(ends, pattern.polyline_m, pattern.polyline_lat)
        lon = np.interp(ends, pattern.polyline_m, pattern.polyline_lon)
        degrees = float(np.asarray(bearing_deg(lat[0], lon[0], lat[1], lon[1])))
        return _COMPASS[round(degrees / 45) % 8]

    def route(self, row: int) -> msgspec.Raw:
        """Give a route."""
        found = self._routes.get(row)
        if found is None:
            found = self._routes[row] = msgspec.Raw(_ENCODE(self._route(row)))
        return found

    def _route(self, row: int) -> dict[str, Any]:
        shown = self.places.routes[row]
        more = self.plan.details.route(shown.route_id)
        return {
            "agencyId": self.agency_id,
            "color": shown.color,
            "description": more.description,
            "id": self.name(shown.route_id),
            "longName": shown.long_name,
            "nullSafeShortName": shown.short_name or shown.long_name,
            "shortName": shown.short_name,
            "textColor": shown.text_color,
            "type": shown.type,
            "url": more.url,
        }

    def trip(self, row: int) -> msgspec.Raw:
        """Give a trip."""
        found = self._trips.get(row)
        if found is None:
            if len(self._trips) > _KEPT_MAX:
                self._trips.clear()
            found = self._trips[row] = msgspec.Raw(_ENCODE(self.trip_members(row)))
        return found

    def trip_members(self, row: int) -> dict[str, Any]:
        """Give a trip as members."""
        trips = self.timetable.trips
        block = int(trips.block_idx[row])
        direction = int(trips.direction[row])
        return {
            "blockId": self.name(self.timetable.blocks.ids[block] if block >= 0 else ""),
            "directionId": str(direction) if direction >= 0 else "",
            "id": self.name(trips.ids[row]),
            "peakOffpeak": 0,
            "routeId": self.name(self.timetable.routes.ids[int(trips.route_idx[row])]),
            "routeShortName": self.places.routes[int(trips.route_idx[row])].short_name,
            "serviceId": self.name(self.timetable.services.ids[int(trips.service_idx[row])]),
            "shapeId": self.shape_id(row),
            "timeZone": "",
            "tripHeadsign": trips.headsigns[row],
            "tripShortName": self.plan.details.trip(trips.ids[row]).short_name,
        }

    def call(self, row: int) -> PlannedCall:
        """Give what a row of the stop times says of arrivals."""
        found = self._calls.get(row)
        if found is None:
            if len(self._calls) > _KEPT_MAX:
                self._calls.clear()
            found = self._calls[row] = self._make_call(row)
        return found

    def _make_call(self, row: int) -> PlannedCall:
        times, trips = self.timetable.stop_times, self.timetable.trips
        trip = int(self.places.index.trip_of_row[row])
        begin, end = (int(trips.st_begin[trip + n]) for n in (0, 1))
        boarding = row < end - 1 and int(times.pickup[row]) != 1
        alighting = row > begin and int(times.drop_off[row]) != 1
        allowed = {"arrivalEnabled": alighting, "departureEnabled": boarding}
        names = self.call_names(
            int(times.stop_idx[row]),
            int(trips.route_idx[trip]),
            trips.ids[trip],
            trips.headsigns[trip],
            row - begin,
            end - begin,
        )
        along_m = float(self.timetable.trip_pattern(trip).stop_m[row - begin])
        return PlannedCall(row - begin, end - begin, along_m, _members(allowed) + names)

    def call_names(
        self, stop: int, route: int, trip_id: str, headsign: str, place: int, total: int
    ) -> bytes:
        """Give the members of arrivalAndDeparture that name things, and those we never fill."""
        shown = self.places.routes[route] if route >= 0 else None
        return _members(
            {
                "actualTrack": "",
                "historicalOccupancy": "",
                "predictedDepartureInterval": None,
                "predictedOccupancy": "",
                "routeId": self.name(shown.route_id) if shown else "",
                "routeLongName": shown.long_name if shown else "",
                "routeShortName": shown.short_name if shown else "",
                "scheduledArrivalInterval": None,
                "scheduledDepartureInterval": None,
                "scheduledTrack": "",
                "stopId": self.name(self.places.stops[stop].stop_id),
                "stopSequence": place,
                "totalStopsInTrip": total,
                "tripHeadsign": headsign,
                "tripId": self.name(trip_id),
            }
        )

    def quoted_trip(self, row: int) -> str:
        """Give the id of a trip as JSON."""
        return _ENCODE(self.name(self.timetable.trips.ids[row])).decode()

    def shape_id(self, trip: int) -> str:
        """Give the id of a trip's shape: that of the feed, or one of its sequence of stops."""
        shape_id = self.timetable.trips.shape_ids[trip]
        if shape_id:
            return self.name(shape_id)
        return self.name(f"pattern-{int(self.timetable.trips.pattern_idx[trip])}")

    def extra_trip(self, trip_id: str, route: int, direction: int, headsign: str) -> msgspec.Raw:
        """Give a trip that the timetable lacks."""
        routes = self.places.routes
        return msgspec.Raw(
            _ENCODE(
                {
                    "blockId": "",
                    "directionId": str(direction) if direction >= 0 else "",
                    "id": self.name(trip_id),
                    "peakOffpeak": 0,
                    "routeId": self.name(routes[route].route_id) if route >= 0 else "",
                    "routeShortName": routes[route].short_name if route >= 0 else "",
                    "serviceId": "",
                    "shapeId": "",
                    "timeZone": "",
                    "tripHeadsign": headsign,
                    "tripShortName": "",
                }
            )
        )

    def nearby(self, row: int) -> list[int]:
        """List the stops across the street and around the corner."""
        found = self._nearby.get(row)
        if found is None:
            shown = self.places.stops[row]
            near = self.places.near(shown.lat, shown.lon, _NEARBY_M)
            found = [other for other, _ in near if other != row][:_NEARBY_MAX]
            self._nearby[row] = found
        return found

    def in_block(self, trip: int, day: int) -> tuple[int, int, int]:
        """Give (place in the block, trip before, trip after) on a date; -1 where there is none."""
        block = int(self.timetable.trips.block_idx[trip])
        if block < 0:
            return 0, -1, -1
        found = self._sequences.get((trip, day))
        if found is None:
            if len(self._sequences) > _KEPT_MAX:
                self._sequences.clear()
            trips = self.timetable.block_trips(block)
            runs = self.timetable.services.active(date.fromordinal(day))
            active = trips[runs[self.timetable.trips.service_idx[trips]]].tolist()
            for place, number in enumerate(active):
                before = active[place - 1] if place else -1
                after = active[place + 1] if place + 1 < len(active) else -1
                self._sequences[number, day] = (place, before, after)
            found = self._sequences.setdefault((trip, day), (0, -1, -1))
        return found


def _members(values: dict[str, Any]) -> bytes:
    """Give members of a JSON object without its braces, a comma behind."""
    return _ENCODE(values)[1:-1] + b","


def make_elements(plan: Plan) -> Elements:
    """Make the elements of a plan whose places are made already, or make those too."""
    places = plan.derived("places")
    return Elements(plan, places if isinstance(places, Places) else make_places(plan))


def polyline(pattern: Pattern) -> dict[str, Any]:
    """Give the line of a pattern in the encoding of Google's polylines."""
    return {
        "length": len(pattern.polyline_lat),
        "levels": "",
        "points": polyline_text(pattern.polyline_lat, pattern.polyline_lon),
    }
