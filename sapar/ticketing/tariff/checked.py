"""The rows of a tariff with their references checked: what later steps may rely on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sapar.core.errors import BadInput
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.tariff.findings import Findings
from sapar.ticketing.tariff.model import CARRIER, SCHEME, Service, Timeframe
from sapar.ticketing.tariff.rows import Row, TariffFiles

CURRENCY = "KZT"
_FUNDER = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_CALENDAR_DAYS_MAX = 20 * 366
_DAY_S = 86400
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Names:
    """The ids that rows may refer to."""

    categories: dict[str, str]
    fare_media: frozenset[str]
    products: frozenset[str]
    networks: frozenset[str]
    leg_groups: frozenset[str]
    services: frozenset[str]
    timeframes: frozenset[str]


_REFERENCES: tuple[tuple[str, str, str], ...] = (
    ("tariff.txt", "default_network", "networks"),
    ("tariff.txt", "group_category", "categories"),
    ("channels.txt", "fare_media_id", "fare_media"),
    ("fare_products.txt", "rider_category_id", "categories"),
    ("fare_products.txt", "fare_media_id", "fare_media"),
    ("route_networks.txt", "network_id", "networks"),
    ("timeframes.txt", "service_id", "services"),
    ("fare_leg_rules.txt", "network_id", "networks"),
    ("fare_leg_rules.txt", "from_timeframe_group_id", "timeframes"),
    ("fare_leg_rules.txt", "fare_product_id", "products"),
    ("fare_transfer_rules.txt", "from_leg_group_id", "leg_groups"),
    ("fare_transfer_rules.txt", "to_leg_group_id", "leg_groups"),
    ("fare_transfer_rules.txt", "fare_product_id", "products"),
    ("caps.txt", "rider_category_id", "categories"),
    ("concessions.txt", "rider_category_id", "categories"),
    ("concessions.txt", "base_category_id", "categories"),
    ("free_days.txt", "network_id", "networks"),
    ("passes.txt", "fare_product_id", "products"),
    ("passes.txt", "network_id", "networks"),
)


def read_names(files: TariffFiles, findings: Findings) -> Names:
    """Collect the ids of a tariff and note every reference to one that does not exist."""

    def ids(file: str, column: str) -> list[str]:
        return [row[column] for row in files.rows[file] if row[column]]

    names = Names(
        categories={
            row["rider_category_id"]: row["rider_category_name"]
            for row in files.rows["rider_categories.txt"]
        },
        fare_media=frozenset(ids("fare_media.txt", "fare_media_id")),
        products=frozenset(ids("fare_products.txt", "fare_product_id")),
        networks=frozenset(ids("networks.txt", "network_id")),
        leg_groups=frozenset(ids("fare_leg_rules.txt", "leg_group_id")),
        services=frozenset(
            ids("calendar.txt", "service_id") + ids("calendar_dates.txt", "service_id")
        ),
        timeframes=frozenset(ids("timeframes.txt", "timeframe_group_id")),
    )
    for file, column, kind in _REFERENCES:
        known = getattr(names, kind)
        for row in files.rows[file]:
            if row[column] and row[column] not in known:
                message = f"{column} {row[column]!r} does not exist"
                findings.add("unknown_reference", file, row.line, message)
    for file in ("fare_products.txt", "tariff.txt"):
        for row in files.rows[file]:
            if row["currency"] != CURRENCY:
                message = f"currency {row['currency']!r}: only {CURRENCY} is supported"
                findings.add("unsupported", file, row.line, message)
    return names


def default_category(files: TariffFiles, findings: Findings) -> str:
    """Give the category of a card that has none; '' when the files do not say."""
    rows = files.rows["rider_categories.txt"]
    marked = [row for row in rows if row["is_default_fare_category"]]
    if not marked and len(rows) == 1:
        marked = rows
    if len(marked) == 1:
        return str(marked[0]["rider_category_id"])
    line = marked[1].line if marked else 0
    message = "exactly one row has is_default_fare_category 1"
    findings.add("no_default_category", "rider_categories.txt", line, message)
    return ""


def read_calendar(row: Row, zone: ZoneInfo | None, findings: Findings) -> FareCalendar:
    """Make the calendar of fare days; `zone` is the agency's, for a tariff that names none."""
    name = row["timezone"]
    if name:
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            findings.add("bad_value", "tariff.txt", row.line, f"{name!r} is not a time zone")
    elif zone is None:
        message = "timezone is empty, and the agency is not known here"
        findings.add("missing_value", "tariff.txt", row.line, message)
    start_s = 4 * 3600 if row["day_start"] is None else row["day_start"]
    try:
        return FareCalendar(zone or ZoneInfo("UTC"), start_s)
    except BadInput as exc:
        findings.add("bad_value", "tariff.txt", row.line, f"day_start: {exc.message}")
        return FareCalendar(zone or ZoneInfo("UTC"))


def read_services(files: TariffFiles, findings: Findings) -> dict[str, Service]:
    """Give the days of every service."""
    exceptions: dict[str, dict[int, set[date]]] = {}
    for row in files.rows["calendar_dates.txt"]:
        kind, day = row["exception_type"], row["date"]
        if kind not in {1, 2}:
            message = "exception_type is 1 (added) or 2 (removed)"
            findings.add("bad_value", "calendar_dates.txt", row.line, message)
        elif day is not None:
            exceptions.setdefault(row["service_id"], {1: set(), 2: set()})[kind].add(day)
    regular: dict[str, Row] = {}
    for row in files.rows["calendar.txt"]:
        first, last = row["start_date"], row["end_date"]
        if first and last and not 0 <= (last - first).days < _CALENDAR_DAYS_MAX:
            message = "end_date lies before start_date, or more than 20 years after it"
            findings.add("bad_value", "calendar.txt", row.line, message)
        elif first and last:
            regular[row["service_id"]] = row
    return {
        service_id: _service(regular.get(service_id), exceptions.get(service_id, {}))
        for service_id in regular.keys() | exceptions.keys()
    }


def _service(row: Row | None, exceptions: dict[int, set[date]]) -> Service:
    added = frozenset(day.toordinal() for day in exceptions.get(1, ()))
    removed = frozenset(day.toordinal() for day in exceptions.get(2, ()))
    if row is None:
        return Service(added=added, removed=removed)
    weekdays = tuple(bool(row[name]) for name in _WEEKDAYS)
    first, last = row["start_date"].toordinal(), row["end_date"].toordinal()
    return Service(weekdays, first, last, added, removed)


def read_timeframes(files: TariffFiles, findings: Findings) -> dict[str, tuple[Timeframe, ...]]:
    """Give the frames of every timeframe group."""
    services = read_services(files, findings)
    frames: dict[str, list[Timeframe]] = {}
    for row in files.rows["timeframes.txt"]:
        start_s = row["start_time"] or 0
        end_s = _DAY_S if row["end_time"] is None else row["end_time"]
        if not 0 <= start_s < end_s <= _DAY_S:
            message = "start_time must lie before end_time, and neither after 24:00:00"
            findings.add("bad_value", "timeframes.txt", row.line, message)
        service = services.get(row["service_id"], Service())
        frames.setdefault(row["timeframe_group_id"], []).append(Timeframe(start_s, end_s, service))
    return {group: tuple(rows) for group, rows in frames.items()}


def read_funder(file: str, row: Row, findings: Findings, *, default: str = SCHEME) -> str:
    """Give who bears something: `none` is the carrier, who is not compensated."""
    name: Any = row["funder"] or default
    if name == "none":
        return CARRIER
    if name and _FUNDER.fullmatch(name) is None:
        message = f"funder {name!r}: small letters, digits, - and _, at most 32"
        findings.add("bad_value", file, row.line, message)
    return str(name)


def shown_list(names: Iterable[str], most: int = 6) -> str:
    """Write names for a message, the first few of many."""
    listed = sorted(names)
    rest = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(name or "(none)" for name in listed[:most]) + rest
