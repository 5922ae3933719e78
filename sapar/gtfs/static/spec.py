"""Which files and columns of GTFS the timetable is made of (GTFS reference, "Field Definitions").

`Presence` is how much a column is needed, not what the specification calls it: only what a
timetable cannot be run without refuses a feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How the text of a column is read."""

    TEXT = "text"
    INT = "whole number"
    FLOAT = "number"
    TIME = "time H:MM:SS"
    DATE = "date YYYYMMDD"
    COLOR = "six hex digits"
    FLAG = "0 or 1"


class Presence(Enum):
    """What a missing column or an unreadable value means."""

    #: the column must be there, and every row must have a readable value
    VALUE = "value"
    #: the column must be there; rows may be empty, but not unreadable
    COLUMN = "column"
    #: the column and its values should be there; missing ones are warnings
    RECOMMENDED = "recommended"
    #: may be missing or empty, but an unreadable value refuses
    STRICT = "strict"
    #: may be missing or empty; an unreadable value is a warning and counts as empty
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One column; `choices` bounds whole numbers (from, to), both included."""

    name: str
    kind: Kind
    presence: Presence
    choices: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file; `key` is what may stand only once, () where the checks say more."""

    name: str
    required: bool
    key: tuple[str, ...]
    fields: tuple[FieldSpec, ...]


def _columns(kind: Kind, presence: Presence, names: str) -> tuple[FieldSpec, ...]:
    return tuple(FieldSpec(name, kind, presence) for name in names.split())


_V, _C, _R, _S, _O = (
    Presence.VALUE,
    Presence.COLUMN,
    Presence.RECOMMENDED,
    Presence.STRICT,
    Presence.OPTIONAL,
)
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday"

AGENCY = FileSpec(
    "agency.txt",
    True,
    ("agency_id",),
    (
        *_columns(Kind.TEXT, _V, "agency_timezone"),
        *_columns(Kind.TEXT, _C, "agency_name agency_url"),
        *_columns(Kind.TEXT, _R, "agency_lang"),
        *_columns(Kind.TEXT, _O, "agency_id"),
    ),
)

STOPS = FileSpec(
    "stops.txt",
    True,
    ("stop_id",),
    (
        *_columns(Kind.TEXT, _V, "stop_id"),
        *_columns(Kind.TEXT, _R, "stop_name"),
        # that a stop which a trip serves has a place is checked with the stop times
        *_columns(Kind.TEXT, _C, "stop_lat stop_lon"),
        FieldSpec("location_type", Kind.INT, _O, (0, 4)),
        *_columns(Kind.TEXT, _O, "parent_station"),
    ),
)

ROUTES = FileSpec(
    "routes.txt",
    True,
    ("route_id",),
    (
        *_columns(Kind.TEXT, _V, "route_id"),
        FieldSpec("route_type", Kind.INT, _V, (0, 1702)),
        *_columns(Kind.TEXT, _O, "agency_id route_short_name route_long_name"),
        *_columns(Kind.COLOR, _O, "route_color route_text_color"),
    ),
)

TRIPS = FileSpec(
    "trips.txt",
    True,
    ("trip_id",),
    (
        *_columns(Kind.TEXT, _V, "trip_id route_id service_id"),
        *_columns(Kind.TEXT, _O, "trip_headsign shape_id block_id"),
        FieldSpec("direction_id", Kind.INT, _O, (0, 1)),
    ),
)

STOP_TIMES = FileSpec(
    "stop_times.txt",
    True,
    (),  # (trip_id, stop_sequence), checked once the rows are sorted
    (
        *_columns(Kind.TEXT, _V, "trip_id stop_id"),
        FieldSpec("stop_sequence", Kind.INT, _V, (0, 2**31 - 1)),
        *_columns(Kind.TIME, _C, "arrival_time departure_time"),
        FieldSpec("pickup_type", Kind.INT, _O, (0, 3)),
        FieldSpec("drop_off_type", Kind.INT, _O, (0, 3)),
        *_columns(Kind.FLOAT, _O, "shape_dist_traveled"),
    ),
)

CALENDAR = FileSpec(
    "calendar.txt",
    False,
    ("service_id",),
    (
        *_columns(Kind.TEXT, _V, "service_id"),
        *_columns(Kind.FLAG, _V, _WEEKDAYS),
        *_columns(Kind.DATE, _V, "start_date end_date"),
    ),
)

CALENDAR_DATES = FileSpec(
    "calendar_dates.txt",
    False,
    ("service_id", "date"),
    (
        *_columns(Kind.TEXT, _V, "service_id"),
        *_columns(Kind.DATE, _V, "date"),
        FieldSpec("exception_type", Kind.INT, _V, (1, 2)),
    ),
)

SHAPES = FileSpec(
    "shapes.txt",
    False,
    ("shape_id", "shape_pt_sequence"),
    (
        *_columns(Kind.TEXT, _V, "shape_id"),
        FieldSpec("shape_pt_sequence", Kind.INT, _V, (0, 2**31 - 1)),
        *_columns(Kind.FLOAT, _V, "shape_pt_lat shape_pt_lon"),
        *_columns(Kind.FLOAT, _O, "shape_dist_traveled"),
    ),
)

FREQUENCIES = FileSpec(
    "frequencies.txt",
    False,
    ("trip_id", "start_time"),
    (
        *_columns(Kind.TEXT, _V, "trip_id"),
        *_columns(Kind.TIME, _V, "start_time end_time"),
        FieldSpec("headway_secs", Kind.INT, _V, (1, 7 * 86_400)),
        FieldSpec("exact_times", Kind.INT, _O, (0, 1)),
    ),
)

FEED_INFO = FileSpec(
    "feed_info.txt",
    False,
    (),
    (
        *_columns(Kind.TEXT, _R, "feed_publisher_name feed_publisher_url feed_lang feed_version"),
        *_columns(Kind.DATE, _O, "feed_start_date feed_end_date"),
    ),
)

TRANSLATIONS = FileSpec(
    "translations.txt",
    False,
    (),
    _columns(
        Kind.TEXT,
        _O,
        "table_name field_name language translation record_id record_sub_id field_value",
    ),
)

FILES = (
    AGENCY,
    STOPS,
    ROUTES,
    TRIPS,
    STOP_TIMES,
    CALENDAR,
    CALENDAR_DATES,
    SHAPES,
    FREQUENCIES,
    FEED_INFO,
    TRANSLATIONS,
)

#: Files that belong to GTFS and that the timetable does not read; they stay in the zip.
OTHER_FILES = frozenset(
    {
        "areas.txt",
        "attributions.txt",
        "booking_rules.txt",
        "fare_attributes.txt",
        "fare_leg_join_rules.txt",
        "fare_leg_rules.txt",
        "fare_media.txt",
        "fare_products.txt",
        "fare_rules.txt",
        "fare_transfer_rules.txt",
        "levels.txt",
        "location_group_stops.txt",
        "location_groups.txt",
        "networks.txt",
        "pathways.txt",
        "rider_categories.txt",
        "route_networks.txt",
        "stop_areas.txt",
        "timeframes.txt",
        "transfers.txt",
        "locations.geojson",
    }
)
