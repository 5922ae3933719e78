"""Every method by its address, with its parameters, for the routes and for their description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sapar.api.onebusaway.asked import Asked
from sapar.api.onebusaway.boards import Boards
from sapar.api.onebusaway.cities import Cities
from sapar.api.onebusaway.network import Networks
from sapar.api.onebusaway.problems import Problems
from sapar.api.onebusaway.schedules import Schedules
from sapar.api.onebusaway.trips import Trips
from sapar.api.parts import Parts

Data = dict[str, Any]
Call = Callable[[str, Asked, str], Awaitable[Data]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query: its type of JSON schema, an example, whether it is needed."""

    name: str
    kind: str
    example: object
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A method.

    Attributes:
        path: below `/api/where/`, without `.json`; `{id}` stands for an id.
        call: takes the id, the query and the client's address; gives the data.
        summary: what it gives.
        id_of: what the id names, '' without one.
        parameters: of the query, but for those that all have.
        lasts: changes with the timetable alone, so it may be kept for a while.
    """

    path: str
    call: Call
    summary: str
    id_of: str = ""
    parameters: tuple[Parameter, ...] = ()
    lasts: bool = False


_LAT = Parameter("lat", "number", 50.28, needed=True)
_LON = Parameter("lon", "number", 57.17, needed=True)
_PLACE = (
    _LAT,
    _LON,
    Parameter("radius", "number", 500),
    Parameter("latSpan", "number", 0.01),
    Parameter("lonSpan", "number", 0.01),
)
_MOST = Parameter("maxCount", "integer", 20)
_QUERY = Parameter("query", "string", "12")
_INPUT = Parameter("input", "string", "Базар", needed=True)
_TIME = Parameter("time", "string", "2026-11-18_16-00-00")
_DATE = Parameter("date", "string", "2026-11-18")
_SPAN = (
    Parameter("minutesBefore", "integer", 5),
    Parameter("minutesAfter", "integer", 35),
    _TIME,
)
_SHOW = (
    Parameter("includeTrip", "boolean", True),
    Parameter("includeSchedule", "boolean", True),
    Parameter("includeStatus", "boolean", True),
)
_REPORT = (
    Parameter("code", "string", "other"),
    Parameter("userComment", "string", "The stop has moved."),
    Parameter("userLat", "number", 50.28),
    Parameter("userLon", "number", 57.17),
    Parameter("userLocationAccuracy", "number", 20),
)


def list_methods(parts: Parts) -> list[Method]:
    """List all methods."""
    cities = Cities(parts)
    return [
        *_of_network(Networks(parts, cities)),
        *_of_boards(Boards(cities, parts.clock)),
        *_of_trips(Trips(cities)),
        *_of_schedules(Schedules(cities)),
        *_of_problems(Problems(parts, cities)),
    ]


def _by_id(method: Callable[[str, Asked], Awaitable[Data]]) -> Call:
    return lambda full_id, asked, _: method(full_id, asked)


def _plain(method: Callable[[Asked], Awaitable[Data]]) -> Call:
    return lambda _, asked, __: method(asked)


def _of_network(network: Networks) -> list[Method]:
    stops, routes = "stops-for-location", "routes-for-location"
    return [
        Method(
            "agencies-with-coverage", _plain(network.coverage), "Agencies and their areas",
            lasts=True,
        ),
        Method("agency/{id}", _by_id(network.agency), "An agency", "agency", lasts=True),
        Method("current-time", _plain(network.current_time), "The city's time"),
        Method("config", _plain(network.config), "The timetable that answers", lasts=True),
        Method(
            stops, _plain(network.stops_for_location), "Stops in a place", "",
            (*_PLACE, _QUERY, _MOST), lasts=True,
        ),
        Method(
            routes, _plain(network.routes_for_location), "Routes in a place", "",
            (*_PLACE, _QUERY, _MOST), lasts=True,
        ),
        Method(
            "stops-for-route/{id}", _by_id(network.stops_for_route), "Stops of a route", "route",
            (Parameter("includePolylines", "boolean", True),), lasts=True,
        ),
        Method("stop/{id}", _by_id(network.stop), "A stop", "stop", lasts=True),
        Method("route/{id}", _by_id(network.route), "A route", "route", lasts=True),
        Method("shape/{id}", _by_id(network.shape), "A line on the map", "shape", lasts=True),
        Method(
            "route-ids-for-agency/{id}", _by_id(network.route_ids), "Ids of all routes", "agency",
            lasts=True,
        ),
        Method(
            "stop-ids-for-agency/{id}", _by_id(network.stop_ids), "Ids of all stops", "agency",
            lasts=True,
        ),
        Method(
            "routes-for-agency/{id}", _by_id(network.routes), "All routes", "agency", lasts=True
        ),
        Method("stops-for-agency/{id}", _by_id(network.stops), "All stops", "agency", lasts=True),
        Method(
            "search/stop", _plain(network.search_stops), "Stops by name", "", (_INPUT, _MOST),
            lasts=True,
        ),
        Method(
            "search/route", _plain(network.search_routes), "Routes by name", "", (_INPUT, _MOST),
            lasts=True,
        ),
    ]  # fmt: skip


def _of_boards(boards: Boards) -> list[Method]:
    return [
        Method(
            "arrivals-and-departures-for-stop/{id}", _by_id(boards.for_stop),
            "Arrivals at a stop", "stop", _SPAN,
        ),
        Method(
            "arrivals-and-departures-for-location", _plain(boards.for_location),
            "Arrivals around a place", "",
            (*_PLACE, *_SPAN, _MOST, Parameter("emptyReturnsNotFound", "boolean", False)),
        ),
        Method(
            "arrival-and-departure-for-stop/{id}", _by_id(boards.one),
            "One run's call at a stop", "stop",
            (
                Parameter("tripId", "string", "aqtobe_R12-0-0915", needed=True),
                Parameter("serviceDate", "integer", 1794942000000, needed=True),
                Parameter("vehicleId", "string", "aqtobe_204"),
                Parameter("stopSequence", "integer", 8),
            ),
        ),
    ]  # fmt: skip


def _of_trips(trips: Trips) -> list[Method]:
    dated = Parameter("serviceDate", "integer", 1794942000000)
    return [
        Method("trip/{id}", _by_id(trips.trip), "A trip", "trip", lasts=True),
        Method(
            "trip-details/{id}", _by_id(trips.details), "A trip, its calls and its bus", "trip",
            (dated, *_SHOW),
        ),
        Method(
            "trip-for-vehicle/{id}", _by_id(trips.for_vehicle), "The trip of a bus", "vehicle",
            _SHOW,
        ),
        Method(
            "trips-for-route/{id}", _by_id(trips.for_route), "Trips under way", "route", _SHOW
        ),
        Method(
            "trips-for-location", _plain(trips.for_location), "Trips under way in a place", "",
            (*_PLACE, *_SHOW),
        ),
        Method("vehicles-for-agency/{id}", _by_id(trips.vehicles), "Buses in service", "agency"),
        Method("vehicle/{id}", _by_id(trips.vehicle), "A bus in service", "vehicle"),
        Method("block/{id}", _by_id(trips.block), "The trips of a block", "block", lasts=True),
    ]  # fmt: skip


def _of_schedules(schedules: Schedules) -> list[Method]:
    return [
        Method(
            "schedule-for-stop/{id}", _by_id(schedules.for_stop), "A day's calls at a stop",
            "stop", (_DATE,), lasts=True,
        ),
        Method(
            "schedule-for-route/{id}", _by_id(schedules.for_route), "A day's trips of a route",
            "route", (_DATE,), lasts=True,
        ),
    ]  # fmt: skip


def _of_problems(problems: Problems) -> list[Method]:
    """Give the methods for reports; the id may stand in the address or in the query."""
    stop, trip = "report-problem-with-stop", "report-problem-with-trip"
    about_trip = (
        Parameter("serviceDate", "integer", 1794942000000),
        Parameter("vehicleId", "string", "aqtobe_204"),
        Parameter("stopId", "string", "aqtobe_S0105"),
        Parameter("userOnVehicle", "boolean", True),
        Parameter("userVehicleNumber", "string", "204"),
        *_REPORT,
    )
    stop_id = Parameter("stopId", "string", "aqtobe_S0105", needed=True)
    trip_id = Parameter("tripId", "string", "aqtobe_R12-0-0915", needed=True)
    return [
        Method(stop + "/{id}", problems.stop, "Report a stop", "stop", _REPORT),
        Method(stop, problems.stop, "Report a stop", "", (stop_id, *_REPORT)),
        Method(trip + "/{id}", problems.trip, "Report a trip", "trip", about_trip),
        Method(trip, problems.trip, "Report a trip", "", (trip_id, *about_trip)),
    ]
