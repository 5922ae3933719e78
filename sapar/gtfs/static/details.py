"""What passengers ask about stops, routes and trips and no prediction needs.

These columns are outside the checked feed: all are optional, a value that is no good counts as not
given, and a feed that was imported is never refused for them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from sapar.gtfs.static.archive import Archive, open_archive
from sapar.gtfs.static.report import Report


@dataclass(frozen=True, slots=True)
class AgencyDetails:
    """One row of agency.txt; '' where the feed says nothing."""

    agency_id: str
    name: str
    url: str
    timezone: str
    language: str
    phone: str
    email: str
    fare_url: str


@dataclass(frozen=True, slots=True)
class StopDetails:
    """What stops.txt says besides name and place.

    `wheelchair` is wheelchair_boarding: 0 unknown, 1 possible, 2 not possible.
    """

    code: str = ""
    description: str = ""
    url: str = ""
    parent: str = ""
    platform: str = ""
    wheelchair: int = 0


@dataclass(frozen=True, slots=True)
class RouteDetails:
    """What routes.txt says besides names and colours; `agency_id` is that of agency.txt."""

    agency_id: str = ""
    description: str = ""
    url: str = ""
    sort_order: int = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TripDetails:
    """What trips.txt says besides the run itself; `wheelchair` as for stops."""

    short_name: str = ""
    wheelchair: int = 0


@dataclass(frozen=True, slots=True)
class Details:
    """The details of one feed by id; an id that is missing has nothing but defaults."""

    agencies: tuple[AgencyDetails, ...]
    stops: dict[str, StopDetails]
    routes: dict[str, RouteDetails]
    trips: dict[str, TripDetails]

    def stop(self, stop_id: str) -> StopDetails:
        """Give the details of a stop."""
        return self.stops.get(stop_id, _NO_STOP)

    def route(self, route_id: str) -> RouteDetails:
        """Give the details of a route."""
        return self.routes.get(route_id, _NO_ROUTE)

    def trip(self, trip_id: str) -> TripDetails:
        """Give the details of a trip."""
        return self.trips.get(trip_id, _NO_TRIP)


_NO_STOP, _NO_ROUTE, _NO_TRIP = StopDetails(), RouteDetails(), TripDetails()


def read_details(zip_bytes: bytes) -> Details:
    """Read the details of a feed that was imported.

    Raises:
        FeedRefused: the bytes are no zip.
    """
    archive = open_archive(zip_bytes, Report())
    agencies = tuple(
        AgencyDetails(
            row.get("agency_id", ""),
            row.get("agency_name", ""),
            row.get("agency_url", ""),
            row.get("agency_timezone", ""),
            row.get("agency_lang", ""),
            row.get("agency_phone", ""),
            row.get("agency_email", ""),
            row.get("agency_fare_url", ""),
        )
        for row in _rows(archive, "agency.txt")
    )
    stops = {
        row["stop_id"]: StopDetails(
            row.get("stop_code", ""),
            row.get("stop_desc", ""),
            row.get("stop_url", ""),
            row.get("parent_station", ""),
            row.get("platform_code", ""),
            _number(row.get("wheelchair_boarding", ""), 0, 2),
        )
        for row in _rows(archive, "stops.txt")
    }
    routes = {
        row["route_id"]: RouteDetails(
            row.get("agency_id", ""),
            row.get("route_desc", ""),
            row.get("route_url", ""),
            _number(row.get("route_sort_order", ""), 2**31 - 1, 2**31 - 1),
        )
        for row in _rows(archive, "routes.txt")
    }
    return Details(agencies, stops, routes, _trips(archive))


def _trips(archive: Archive) -> dict[str, TripDetails]:
    """Read the trips; the few different details are shared by all who have them."""
    made: dict[tuple[str, int], TripDetails] = {}
    trips: dict[str, TripDetails] = {}
    for row in _rows(archive, "trips.txt"):
        key = (row.get("trip_short_name", ""), _number(row.get("wheelchair_accessible", ""), 0, 2))
        if key != ("", 0):
            trips[row["trip_id"]] = made.setdefault(key, TripDetails(*key))
    return trips


def _rows(archive: Archive, name: str) -> Iterator[dict[str, str]]:
    if name not in archive.members:
        return
    text = archive.read(name, Report()).decode("utf-8-sig", "replace")
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [column.strip() for column in next(reader, [])]
    for row in reader:
        if any(row):
            yield dict(zip(header, (value.strip() for value in row), strict=False))


def _number(text: str, default: int, most: int) -> int:
    return int(text) if text.isdecimal() and int(text) <= most else default
