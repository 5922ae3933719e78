"""The timetable as the engine, the simulators and the API hold it in memory.

Columns are read-only numpy arrays; ids are Python strings in lists, with a dict from id to row.
Everything about one trip, stop or pattern is reached through its row number, called `..._idx`.
Times of day are seconds after the start of the service day, which is noon minus twelve hours of
local time (GTFS reference, "Time"), so 25:10:00 is 90,600 on any day of the year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static.calendars import service_ranges

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Shorts = NDArray[np.int16]
Bytes = NDArray[np.int8]
Bools = NDArray[np.bool_]

#: The longest a trip may run past the midnight that ends its service day, for date candidates.
LATEST_S = 31 * 3600


@dataclass(frozen=True, slots=True)
class Stops:
    """Every row of stops.txt, used by a trip or not.

    `latitude` and `longitude` are degrees, NaN where the feed leaves them empty (allowed for
    location types 3 and 4 only). `location_type` is 0 stop, 1 station, 2 entrance, 3 node,
    4 boarding area.
    """

    ids: list[str]
    names: list[str]
    latitude: Floats
    longitude: Floats
    location_type: Bytes
    index: dict[str, int]


@dataclass(frozen=True, slots=True)
class Routes:
    """Every row of routes.txt; colours are six hex digits in upper case, '' when not given.

    `types` is route_type as the feed writes it (0-12 or an extended type up to 1702).
    """

    ids: list[str]
    short_names: list[str]
    long_names: list[str]
    colors: list[str]
    text_colors: list[str]
    types: Shorts
    index: dict[str, int]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One distinct (sequence of stops, shape, direction), with its line on the ground.

    The polyline is the shape, or the line of stops when `has_shape` is false; it has at least
    two points unless the pattern has fewer than two stops. `polyline_m` is the distance along it
    in metres; `stop_m` is where each stop lies on it, non-decreasing also where the line loops or
    serves a stop twice. `stop_offset_m` is how far each stop lies from its place on the line.
    `shape_reversed` tells that the feed draws the shape against the way of the trip; the polyline
    here runs with the trip.
    """

    pattern_id: int
    route_idx: int
    direction: int
    stop_idx: Ints
    polyline_lat: Floats
    polyline_lon: Floats
    polyline_m: Floats
    stop_m: Floats
    stop_offset_m: Floats
    has_shape: bool
    shape_reversed: bool = False

    @property
    def length_m(self) -> float:
        """Length of the polyline in metres."""
        return float(self.polyline_m[-1]) if len(self.polyline_m) else 0.0


@dataclass(frozen=True, slots=True)
class Trips:
    """Every row of trips.txt that has stop times.

    `direction` is 0 or 1, -1 unknown; `block_idx` is a row of `Timetable.blocks`, -1 none.
    `first_s` and `last_s` are the first departure and the last arrival, seconds after the start
    of the service day. `st_begin` has one entry more than there are trips: the stop times of trip
    i are rows st_begin[i] to st_begin[i + 1] of `Timetable.stop_times`.
    """

    ids: list[str]
    headsigns: list[str]
    shape_ids: list[str]
    route_idx: Ints
    service_idx: Ints
    direction: Bytes
    block_idx: Ints
    pattern_idx: Ints
    first_s: Ints
    last_s: Ints
    st_begin: Longs
    index: dict[str, int]


@dataclass(frozen=True, slots=True)
class StopTimes:
    """Stop times of all trips, trip after trip, each in order of stop_sequence.

    Times the feed leaves empty are interpolated along the pattern; `timed` marks the given ones.
    `pickup` and `drop_off` are pickup_type and drop_off_type (0 regular, 1 none, 2 phone,
    3 arrange with the driver).
    """

    arrival_s: Ints
    departure_s: Ints
    timed: Bools
    stop_idx: Ints
    stop_sequence: Ints
    pickup: Bytes
    drop_off: Bytes


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Rows of frequencies.txt: headway service of a trip between two times of day, in seconds."""

    trip_idx: Ints
    start_s: Ints
    end_s: Ints
    headway_s: Ints
    exact: Bools


@dataclass(frozen=True, slots=True)
class Services:
    """calendar.txt and calendar_dates.txt as one; dates are proleptic ordinals (`date.toordinal`).

    `weekdays` is bool[n_services, 7], Monday first. A service that only calendar_dates.txt names
    has no weekday set. Exceptions are rows sorted by date: service, date, whether added.
    """

    ids: list[str]
    index: dict[str, int]
    weekdays: Bools
    start_day: Ints
    end_day: Ints
    exception_service: Ints
    exception_day: Ints
    exception_added: Bools

    def active(self, service_date: date) -> Bools:
        """Tell for each service whether it runs on the service date; bool[n_services]."""
        day = service_date.toordinal()
        runs: Bools = self.weekdays[:, service_date.weekday()].copy()
        runs &= (self.start_day <= day) & (self.end_day >= day)
        begin, end = np.searchsorted(self.exception_day, [day, day + 1])
        runs[self.exception_service[begin:end]] = self.exception_added[begin:end]
        return runs


@dataclass(frozen=True, slots=True)
class Blocks:
    """The block ids of the feed."""

    ids: list[str]
    index: dict[str, int]


@dataclass(frozen=True)
class Timetable:
    """One agency's timetable, complete and immutable."""

    agency_id: str
    feed_version: str
    timezone: ZoneInfo
    languages: tuple[str, ...]
    stops: Stops
    routes: Routes
    trips: Trips
    stop_times: StopTimes
    patterns: list[Pattern]
    frequencies: Frequencies
    services: Services
    blocks: Blocks

    @cached_property
    def _trips_by_block(self) -> tuple[Ints, Longs]:
        order = np.lexsort((self.trips.first_s, self.trips.block_idx)).astype(np.int32)
        begin = np.searchsorted(
            self.trips.block_idx[order], np.arange(len(self.blocks.ids) + 1, dtype=np.int32)
        )
        return _frozen(order), begin

    def block_trips(self, block_idx: int) -> Ints:
        """List the trips of a block, of all services, ordered by first departure."""
        order, begin = self._trips_by_block
        return order[begin[block_idx] : begin[block_idx + 1]]

    def trips_active(self, service_date: date) -> Ints:
        """List the trips that run on the service date, in the order of the trips."""
        runs = self.services.active(service_date)
        return np.flatnonzero(runs[self.trips.service_idx]).astype(np.int32)

    def trip_times(self, trip_idx: int) -> tuple[Ints, Ints]:
        """Give arrivals and departures of a trip, seconds after the start of the service day."""
        rows = self.trip_rows(trip_idx)
        return self.stop_times.arrival_s[rows], self.stop_times.departure_s[rows]

    def trip_rows(self, trip_idx: int) -> slice:
        """Give the rows of `stop_times` that belong to a trip."""
        begin = self.trips.st_begin
        return slice(int(begin[trip_idx]), int(begin[trip_idx + 1]))

    def trip_pattern(self, trip_idx: int) -> Pattern:
        """Give the pattern that a trip follows."""
        return self.patterns[int(self.trips.pattern_idx[trip_idx])]

    def service_day_start(self, service_date: date) -> float:
        """Give the unix time, in seconds, that stop times of the service date count from."""
        return service_day_start(service_date, self.timezone)

    def service_dates_at(self, unix_s: float) -> list[date]:
        """List the service dates whose trips may be under way at a moment, earliest first.

        A service date counts from its start until its last trip ends (at least 31 h); so in
        the morning yesterday is usually still a candidate. The local calendar date is always one.
        """
        today = datetime.fromtimestamp(unix_s, self.timezone).date()
        reach_s = self._reach_s
        days = [today + timedelta(days=n) for n in range(-(reach_s // 86_400) - 1, 2)]
        return [
            day
            for day in days
            if day == today or 0 <= unix_s - self.service_day_start(day) <= reach_s
        ]

    @cached_property
    def _reach_s(self) -> int:
        last = int(self.trips.last_s.max()) if len(self.trips.last_s) else 0
        if len(self.frequencies.end_s):
            runs = self.trips.last_s - self.trips.first_s
            last = max(last, int((self.frequencies.end_s + runs[self.frequencies.trip_idx]).max()))
        return max(last, LATEST_S)

    @cached_property
    def service_span(self) -> tuple[date, date] | None:
        """First and last date on which a service with trips runs; None when none ever does."""
        ranges = service_ranges(self.services)
        spans = [span for row in np.unique(self.trips.service_idx) if (span := ranges[row])]
        if not spans:
            return None
        first, last = min(span[0] for span in spans), max(span[1] for span in spans)
        return date.fromordinal(first), date.fromordinal(last)

    @cached_property
    def bounding_box(self) -> tuple[float, float, float, float]:
        """Smallest box around all patterns: min_lat, min_lon, max_lat, max_lon in degrees.

        Stops that no trip serves are left out: they are where wrong positions hide.
        """
        served = np.unique(self.stop_times.stop_idx)
        lats = np.concatenate(
            [self.stops.latitude[served], *(p.polyline_lat for p in self.patterns)]
        )
        lons = np.concatenate(
            [self.stops.longitude[served], *(p.polyline_lon for p in self.patterns)]
        )
        return float(lats.min()), float(lons.min()), float(lats.max()), float(lons.max())


def service_day_start(service_date: date, timezone: ZoneInfo) -> float:
    """Give the unix time of noon minus twelve hours on a local date (GTFS reference, "Time").

    It is midnight except on days when the clocks change, where stop times stay twelve hours
    before and after noon and midnight may be another hour.
    """
    noon = datetime.combine(service_date, time(12), timezone)
    return (noon.astimezone(UTC) - timedelta(hours=12)).timestamp()


def _frozen(values: Ints) -> Ints:
    values.setflags(write=False)
    return values
