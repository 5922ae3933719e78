"""Writing a city down as a GTFS feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sapar.core.geometry import to_degrees
from sapar.simulators.city.city import City
from sapar.simulators.city.fares import fare_tables
from sapar.simulators.city.holidays import holidays_between
from sapar.simulators.city.labels import headsign, route_name, translations
from sapar.simulators.city.table import Table, clock_text
from sapar.simulators.city.timing import Day
from sapar.simulators.city.trips import TripRow, list_trips, stop_times_text
from sapar.simulators.city.words import COLOURS, Name

GTFS_AGENCY_ID = "transport"
"""The agency id inside the feed; which deployment agency the city is for is another matter."""

REVISION = 1
"""Raised when the same seed begins to give another city."""


def feed_files(
    city: City, agency_id: str, service_dates: tuple[date, date], timezone: str
) -> Iterator[tuple[str, str]]:
    """Give the (name, text) of every file of the feed, in a fixed order."""
    trips = [trip for service in city.services for trip in list_trips(service)]
    lines = [service.line for service in city.services]
    tables = [
        _agency(city, agency_id, timezone),
        _feed_info(city, agency_id, service_dates),
        _calendar(service_dates),
        _calendar_dates(service_dates),
        _routes(city),
        _stops(city),
        _trips(trips),
        _frequencies(trips),
        _translations(city, trips),
        *fare_tables(city.profile.fares, lines),
    ]
    for table in tables:
        yield table.file, table.text()
    yield "shapes.txt", _shapes_text(city)
    yield "stop_times.txt", stop_times_text(trips)


def _agency_name(city: City) -> Name:
    name = city.profile.name
    return Name(
        f"{name.kk} қалалық автобусы", f"Городской автобус — {name.ru}", f"{name.en} City Bus"
    )


def _agency(city: City, agency_id: str, timezone: str) -> Table:
    columns = ("agency_id", "agency_name", "agency_url", "agency_timezone", "agency_lang")
    url = f"https://{agency_id}.example.org/"
    row = (GTFS_AGENCY_ID, _agency_name(city).kk, url, timezone, "kk")
    return Table("agency.txt", columns, [row])


def _feed_info(city: City, agency_id: str, service_dates: tuple[date, date]) -> Table:
    first, last = (f"{day:%Y%m%d}" for day in service_dates)
    fields = {
        "feed_publisher_name": "Sapar: synthetic city",
        "feed_publisher_url": f"https://{agency_id}.example.org/",
        "feed_lang": "kk",
        "feed_start_date": first,
        "feed_end_date": last,
        "feed_version": f"{city.size}-{city.seed}-r{REVISION}-{first}-{last}",
        "feed_contact_email": f"transport@{agency_id}.example.org",
    }
    return Table("feed_info.txt", tuple(fields), [tuple(fields.values())])


def _calendar(service_dates: tuple[date, date]) -> Table:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    runs = {Day.WEEKDAY: "1111100", Day.SATURDAY: "0000010", Day.SUNDAY: "0000001"}
    dates = tuple(f"{day:%Y%m%d}" for day in service_dates)
    rows = [(day.value, *runs[day], *dates) for day in Day]
    return Table("calendar.txt", ("service_id", *days, "start_date", "end_date"), rows)


def _calendar_dates(service_dates: tuple[date, date]) -> Table:
    """Run holidays as Sundays."""
    rows = []
    for day in holidays_between(*service_dates):
        if day.weekday() < 6:
            usual = Day.SATURDAY if day.weekday() == 5 else Day.WEEKDAY
            rows.append((usual.value, f"{day:%Y%m%d}", "2"))
            rows.append((Day.SUNDAY.value, f"{day:%Y%m%d}", "1"))
    return Table("calendar_dates.txt", ("service_id", "date", "exception_type"), rows)


def _routes(city: City) -> Table:
    columns = (
        "route_id",
        "agency_id",
        "route_short_name",
        "route_long_name",
        "route_type",
        "route_color",
        "route_text_color",
        "route_sort_order",
    )
    rows = []
    for order, service in enumerate(city.services):
        number = service.line.number
        colour = COLOURS[order % len(COLOURS)]
        long_name = route_name(service).kk
        rows.append(
            (number, GTFS_AGENCY_ID, number, long_name, "3", colour, "FFFFFF", str(order + 1))
        )
    return Table("routes.txt", columns, rows)


def _stops(city: City) -> Table:
    columns = ("stop_id", "stop_code", "stop_name", "stop_lat", "stop_lon", "wheelchair_boarding")
    stops = city.stops
    lat, lon = to_degrees(
        [stop.x_m for stop in stops], [stop.y_m for stop in stops], city.profile.centre
    )
    rows = [
        (s.stop_id, s.stop_id, s.name.kk, f"{y:.6f}", f"{x:.6f}", "1" if s.accessible else "2")
        for s, y, x in zip(stops, lat.tolist(), lon.tolist(), strict=True)
    ]
    return Table("stops.txt", columns, rows)


def _trips(trips: Sequence[TripRow]) -> Table:
    columns = (
        "route_id",
        "service_id",
        "trip_id",
        "trip_headsign",
        "direction_id",
        "block_id",
        "shape_id",
        "wheelchair_accessible",
        "bikes_allowed",
    )
    rows = [
        (
            trip.route_id,
            trip.day.value,
            trip.trip_id,
            headsign(trip.circular, trip.course).kk,
            str(trip.course.pattern.direction),
            trip.block_id,
            trip.course.pattern.shape_id,
            "1" if trip.accessible else "2",
            "2",
        )
        for trip in trips
    ]
    return Table("trips.txt", columns, rows)


def _frequencies(trips: Sequence[TripRow]) -> Table:
    columns = ("trip_id", "start_time", "end_time", "headway_secs", "exact_times")
    rows = []
    for trip in trips:
        window = trip.window
        if window is not None:
            times = (clock_text(window.start_s), clock_text(window.end_s))
            exact = "1" if trip.exact else "0"
            rows.append((trip.trip_id, *times, str(window.headway_s), exact))
    return Table("frequencies.txt", columns, rows)


def _translations(city: City, trips: Sequence[TripRow]) -> Table:
    columns = ("table_name", "field_name", "language", "translation", "record_id", "field_value")
    rows = translations("agency", "agency_name", [(_agency_name(city), GTFS_AGENCY_ID)])
    named = [(route_name(service), service.line.number) for service in city.services]
    rows += translations("routes", "route_long_name", named)
    rows += translations("stops", "stop_name", [(stop.name, None) for stop in city.stops])
    signs = [(headsign(trip.circular, trip.course), None) for trip in trips]
    rows += translations("trips", "trip_headsign", signs)
    return Table("translations.txt", columns, rows)


def _shapes_text(city: City) -> str:
    out = ["shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"]
    for pattern in city.patterns:
        points = zip(
            pattern.latitude.tolist(), pattern.longitude.tolist(), pattern.shape_m.tolist(),
            strict=True,
        )  # fmt: skip
        out += [
            f"{pattern.shape_id},{lat:.6f},{lon:.6f},{number},{along:.1f}\n"
            for number, (lat, lon, along) in enumerate(points, start=1)
        ]
    return "".join(out)
