"""Files and columns of a tariff: GTFS-Fares v2 names where it has them, our own files for the rest.

docs/tariff.md describes every column. Files of GTFS that say nothing about fares may lie in the
zip; they are not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """How the text of a column is read."""

    TEXT = "text"
    ID = "id of this file's rows"
    AMOUNT = "tenge with at most two decimals"
    INT = "whole number"
    FLAG = "0 or 1"
    TIME = "time HH:MM:SS"
    DATE = "date YYYYMMDD"
    EMPTY = "must be empty: it says something that is not supported"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column: `needed` in every row; `one_of` lists the words it may hold."""

    name: str
    kind: Kind = Kind.TEXT
    needed: bool = False
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file; `key` is what may stand only once."""

    name: str
    needed: bool
    key: tuple[str, ...]
    columns: tuple[ColumnSpec, ...]
    is_single: bool = False


def _texts(names: str, *, needed: bool = False) -> tuple[ColumnSpec, ...]:
    return tuple(ColumnSpec(name, Kind.TEXT, needed) for name in names.split())


def _of(kind: Kind, names: str, *, needed: bool = False) -> tuple[ColumnSpec, ...]:
    return tuple(ColumnSpec(name, kind, needed) for name in names.split())


_DAYS = "monday tuesday wednesday thursday friday saturday sunday"

TARIFF = FileSpec(
    "tariff.txt",
    needed=True,
    key=(),
    is_single=True,
    columns=(
        *_texts("name currency", needed=True),
        *_texts("timezone default_network group_category"),
        ColumnSpec("day_start", Kind.TIME),
        ColumnSpec("double_debit_window_s", Kind.INT),
        ColumnSpec("unknown_route", one_of=("default", "hold")),
        ColumnSpec("same_route_transfer", Kind.FLAG),
    ),
)
RIDER_CATEGORIES = FileSpec(
    "rider_categories.txt",
    needed=True,
    key=("rider_category_id",),
    columns=(
        ColumnSpec("rider_category_id", Kind.ID, needed=True),
        ColumnSpec("rider_category_name", needed=True),
        ColumnSpec("is_default_fare_category", Kind.FLAG),
    ),
)
FARE_MEDIA = FileSpec(
    "fare_media.txt",
    needed=True,
    key=("fare_media_id",),
    columns=(
        ColumnSpec("fare_media_id", Kind.ID, needed=True),
        ColumnSpec("fare_media_name"),
        ColumnSpec("fare_media_type", Kind.INT, needed=True),
    ),
)
CHANNELS = FileSpec(
    "channels.txt",
    needed=True,
    key=("medium",),
    columns=(
        ColumnSpec("medium", needed=True, one_of=("card", "qr", "bank_card", "nfc", "sms", "cash")),
        ColumnSpec("fare_media_id", needed=True),
    ),
)
FARE_PRODUCTS = FileSpec(
    "fare_products.txt",
    needed=True,
    key=("fare_product_id", "rider_category_id", "fare_media_id"),
    columns=(
        ColumnSpec("fare_product_id", Kind.ID, needed=True),
        *_texts("fare_product_name rider_category_id fare_media_id"),
        ColumnSpec("amount", Kind.AMOUNT, needed=True),
        ColumnSpec("currency", needed=True),
    ),
)
NETWORKS = FileSpec(
    "networks.txt",
    needed=False,
    key=("network_id",),
    columns=(ColumnSpec("network_id", Kind.ID, needed=True), ColumnSpec("network_name")),
)
ROUTE_NETWORKS = FileSpec(
    "route_networks.txt",
    needed=False,
    key=("route_id",),
    columns=_texts("network_id route_id", needed=True),
)
CALENDAR = FileSpec(
    "calendar.txt",
    needed=False,
    key=("service_id",),
    columns=(
        ColumnSpec("service_id", Kind.ID, needed=True),
        *_of(Kind.FLAG, _DAYS, needed=True),
        *_of(Kind.DATE, "start_date end_date", needed=True),
    ),
)
CALENDAR_DATES = FileSpec(
    "calendar_dates.txt",
    needed=False,
    key=("service_id", "date"),
    columns=(
        ColumnSpec("service_id", Kind.ID, needed=True),
        ColumnSpec("date", Kind.DATE, needed=True),
        ColumnSpec("exception_type", Kind.INT, needed=True),
    ),
)
TIMEFRAMES = FileSpec(
    "timeframes.txt",
    needed=False,
    key=("timeframe_group_id", "start_time", "end_time", "service_id"),
    columns=(
        ColumnSpec("timeframe_group_id", Kind.ID, needed=True),
        *_of(Kind.TIME, "start_time end_time"),
        ColumnSpec("service_id", needed=True),
    ),
)
FARE_LEG_RULES = FileSpec(
    "fare_leg_rules.txt",
    needed=True,
    key=(
        "network_id", "from_area_id", "to_area_id", "from_timeframe_group_id",
        "to_timeframe_group_id", "fare_product_id",
    ),
    columns=(
        *_texts("leg_group_id network_id"),
        *_of(Kind.EMPTY, "from_area_id to_area_id"),
        ColumnSpec("from_timeframe_group_id"),
        ColumnSpec("to_timeframe_group_id", Kind.EMPTY),
        ColumnSpec("fare_product_id", needed=True),
        ColumnSpec("rule_priority", Kind.INT),
    ),
)  # fmt: skip
FARE_TRANSFER_RULES = FileSpec(
    "fare_transfer_rules.txt",
    needed=False,
    key=(
        "from_leg_group_id", "to_leg_group_id", "fare_product_id", "transfer_count",
        "duration_limit",
    ),
    columns=(
        *_texts("from_leg_group_id to_leg_group_id"),
        *_of(Kind.INT, "transfer_count duration_limit duration_limit_type"),
        ColumnSpec("fare_transfer_type", Kind.INT, needed=True),
        ColumnSpec("fare_product_id"),
        ColumnSpec("funder"),
        ColumnSpec("duration_from", one_of=("previous", "first")),
    ),
)  # fmt: skip
CAPS = FileSpec(
    "caps.txt",
    needed=False,
    key=("cap_id", "rider_category_id"),
    columns=(
        ColumnSpec("cap_id", Kind.ID, needed=True),
        ColumnSpec("period", needed=True, one_of=("day", "month")),
        ColumnSpec("rider_category_id"),
        ColumnSpec("amount", Kind.AMOUNT, needed=True),
        ColumnSpec("funder"),
    ),
)
CONCESSIONS = FileSpec(
    "concessions.txt",
    needed=False,
    key=("rider_category_id",),
    columns=(
        ColumnSpec("rider_category_id", needed=True),
        ColumnSpec("funder"),
        ColumnSpec("compensation", needed=True, one_of=("difference", "none")),
        ColumnSpec("base_category_id"),
        ColumnSpec("free_rides_per_day", Kind.INT),
    ),
)
FREE_DAYS = FileSpec(
    "free_days.txt",
    needed=False,
    key=("date", "network_id"),
    columns=(
        ColumnSpec("date", Kind.DATE, needed=True),
        ColumnSpec("network_id"),
        ColumnSpec("funder", needed=True),
        ColumnSpec("reason"),
    ),
)
PASSES = FileSpec(
    "passes.txt",
    needed=False,
    key=("fare_product_id", "network_id"),
    columns=(
        ColumnSpec("fare_product_id", needed=True),
        ColumnSpec("period", needed=True, one_of=("month", "days")),
        ColumnSpec("days", Kind.INT),
        ColumnSpec("network_id"),
        ColumnSpec("priority", Kind.INT),
    ),
)

FILES = (
    TARIFF, RIDER_CATEGORIES, FARE_MEDIA, CHANNELS, FARE_PRODUCTS, NETWORKS, ROUTE_NETWORKS,
    CALENDAR, CALENDAR_DATES, TIMEFRAMES, FARE_LEG_RULES, FARE_TRANSFER_RULES, CAPS, CONCESSIONS,
    FREE_DAYS, PASSES,
)  # fmt: skip

UNSUPPORTED = ("fare_leg_join_rules.txt", "fare_attributes.txt", "fare_rules.txt")
"""Files that would change prices and are not supported: a tariff that has one is refused."""
