"""A feed as checked columns: what `read_feed` gives and a timetable is built from.

Rows are in the order of the files unless said otherwise. Ids are unique, references hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static.report import Notice

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FeedAgency:
    """One row of agency.txt, with the names of its fields there."""

    agency_id: str
    name: str
    timezone: str
    language: str


@dataclass(frozen=True, slots=True)
class FeedStops:
    """stops.txt; positions in degrees, NaN where empty or impossible."""

    ids: list[str]
    names: list[str]
    latitude: Floats
    longitude: Floats
    location_type: Longs


@dataclass(frozen=True, slots=True)
class FeedRoutes:
    """routes.txt; colours in upper case, '' unknown."""

    ids: list[str]
    short_names: list[str]
    long_names: list[str]
    colors: list[str]
    text_colors: list[str]
    types: Longs


@dataclass(frozen=True, slots=True)
class FeedTrips:
    """trips.txt, with rows of routes and services; direction -1 unknown; '' no block or shape."""

    ids: list[str]
    headsigns: list[str]
    block_ids: list[str]
    shape_ids: list[str]
    route: Longs
    service: Longs
    direction: Longs


@dataclass(frozen=True, slots=True)
class FeedStopTimes:
    """stop_times.txt ordered by trip and stop_sequence, with rows of trips and stops.

    Times are seconds after the start of the service day, -1 where empty; `distance` is
    shape_dist_traveled in the unit of the feed, NaN where empty. `lines` are rows of the file.
    """

    trip: Longs
    stop: Longs
    sequence: Longs
    arrival_s: Longs
    departure_s: Longs
    pickup: Longs
    drop_off: Longs
    distance: Floats
    lines: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FeedServices:
    """calendar.txt and calendar_dates.txt; days are proleptic ordinals."""

    ids: list[str]
    weekdays: Bools
    start_day: Longs
    end_day: Longs
    exception_service: Longs
    exception_day: Longs
    exception_added: Bools


@dataclass(frozen=True, slots=True)
class FeedShape:
    """One shape in the order of its points; `distance` is NaN where the feed gives none."""

    latitude: Floats
    longitude: Floats
    distance: Floats


@dataclass(frozen=True, slots=True)
class FeedFrequencies:
    """frequencies.txt, with rows of trips; seconds."""

    trip: Longs
    start_s: Longs
    end_s: Longs
    headway_s: Longs
    exact: Bools


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that can be run.

    `digest` is the SHA-256 of the zip in hex; `version` is feed_version, or the first twelve digits
    of the digest where the feed does not name one. `warnings` is what was found and does not
    matter enough to refuse.
    """

    digest: str
    version: str
    languages: tuple[str, ...]
    agencies: list[FeedAgency]
    stops: FeedStops
    routes: FeedRoutes
    trips: FeedTrips
    stop_times: FeedStopTimes
    services: FeedServices
    shapes: dict[str, FeedShape]
    frequencies: FeedFrequencies
    warnings: list[Notice]

    @property
    def timezone(self) -> str:
        """The time zone that all agencies of the feed share."""
        return self.agencies[0].timezone
