"""Checks agencies, stops, routes and calendars, and gives them as columns."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from sapar.gtfs.static import spec
from sapar.gtfs.static.calendars import service_ranges
from sapar.gtfs.static.feed import (
    FeedAgency,
    FeedRoutes,
    FeedServices,
    FeedStops,
    Floats,
    Longs,
)
from sapar.gtfs.static.report import Report
from sapar.gtfs.static.table import Table
from sapar.gtfs.static.values import EMPTY, colors, decimals, whole_numbers


def read_agencies(table: Table, report: Report) -> list[FeedAgency]:
    """Give the agencies; all must share one time zone that exists (reference, agency.txt)."""
    rows = zip(
        table.text("agency_id"),
        table.text("agency_name"),
        table.text("agency_timezone"),
        table.text("agency_lang"),
        strict=True,
    )
    agencies = [FeedAgency(*row) for row in rows]
    for line, agency in zip(table.lines.tolist(), agencies, strict=True):
        if not agency.timezone:
            continue  # already noted as missing
        try:
            ZoneInfo(agency.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            reason = f"{agency.timezone!r} is not in the IANA time zone database"
            report.add("bad_timezone", table.file, line, "agency_timezone", reason)
        if agency.timezone != agencies[0].timezone:
            reason = f"{agency.timezone!r} differs from {agencies[0].timezone!r}"
            report.add("several_timezones", table.file, line, "agency_timezone", reason)
    return agencies


def read_stops(table: Table, report: Report) -> FeedStops:
    """Give the stops; a position that is empty or impossible becomes NaN (judged when used)."""
    ids = table.text("stop_id")
    latitude, longitude = _positions(table)
    known = set(ids)
    parents = table.text("parent_station")
    orphans = [i for i, parent in enumerate(parents) if parent and parent not in known]
    report.add_rows(
        "unknown_parent_station",
        table.file,
        "parent_station",
        table.lines[orphans],
        lambda position: f"station {parents[orphans[position]]!r} does not exist",
    )
    kinds = whole_numbers(spec.STOPS, table, "location_type", report)
    return FeedStops(
        ids=ids,
        names=table.text("stop_name"),
        latitude=latitude,
        longitude=longitude,
        location_type=np.where(kinds == EMPTY, 0, kinds),
    )


def _positions(table: Table) -> tuple[Floats, Floats]:
    # a report of its own: whether a bad position matters depends on who stops there
    ignored = Report()
    lat_spec = spec.FieldSpec("stop_lat", spec.Kind.FLOAT, spec.Presence.OPTIONAL)
    lon_spec = spec.FieldSpec("stop_lon", spec.Kind.FLOAT, spec.Presence.OPTIONAL)
    places = spec.FileSpec(table.file, True, (), (lat_spec, lon_spec))
    latitude = decimals(places, table, "stop_lat", ignored)
    longitude = decimals(places, table, "stop_lon", ignored)
    bad = ~(np.abs(latitude) <= 90) | ~(np.abs(longitude) <= 180)
    # nobody runs buses in the Gulf of Guinea: zero is what an empty position became on its way
    bad |= (np.abs(latitude) < 0.001) & (np.abs(longitude) < 0.001)
    latitude[bad] = np.nan
    longitude[bad] = np.nan
    return latitude, longitude


def read_routes(table: Table, agencies: list[FeedAgency], report: Report) -> FeedRoutes:
    """Give the routes; one without a name or of an unknown agency is a warning."""
    known = {agency.agency_id for agency in agencies}
    short_names, long_names = table.text("route_short_name"), table.text("route_long_name")
    lines = table.lines.tolist()
    for row, agency_id in enumerate(table.text("agency_id")):
        if agency_id not in known and (agency_id or len(agencies) > 1):
            reason = f"agency {agency_id!r} does not exist"
            report.add("unknown_agency", table.file, lines[row], "agency_id", reason)
        if not short_names[row] and not long_names[row]:
            report.add("unnamed_route", table.file, lines[row], "", "has no name")
    return FeedRoutes(
        ids=table.text("route_id"),
        short_names=short_names,
        long_names=long_names,
        colors=colors(spec.ROUTES, table, "route_color", report),
        text_colors=colors(spec.ROUTES, table, "route_text_color", report),
        types=whole_numbers(spec.ROUTES, table, "route_type", report),
    )


def read_services(calendar: Table, dates: Table, report: Report) -> FeedServices:
    """Join calendar.txt and calendar_dates.txt; either may be empty."""
    ids = calendar.text("service_id")
    date_ids = dates.text("service_id")
    index = {service_id: row for row, service_id in enumerate(ids)}
    for service_id in date_ids:
        index.setdefault(service_id, len(index))
    weekdays = np.zeros((len(index), 7), bool)
    # a service that only calendar_dates.txt has starts after it ends
    start = np.ones(len(index), np.int64)
    end = np.zeros(len(index), np.int64)
    names = [f.name for f in spec.CALENDAR.fields if f.kind is spec.Kind.FLAG]
    for day, name in enumerate(names):
        weekdays[: len(ids), day] = whole_numbers(spec.CALENDAR, calendar, name, report) == 1
    start[: len(ids)] = whole_numbers(spec.CALENDAR, calendar, "start_date", report)
    end[: len(ids)] = whole_numbers(spec.CALENDAR, calendar, "end_date", report)
    days = whole_numbers(spec.CALENDAR_DATES, dates, "date", report)
    kinds = whole_numbers(spec.CALENDAR_DATES, dates, "exception_type", report)
    order = np.argsort(days, kind="stable")
    services = np.array([index[service_id] for service_id in date_ids], np.int64)
    return FeedServices(
        ids=list(index),
        weekdays=weekdays,
        start_day=start,
        end_day=end,
        exception_service=services[order],
        exception_day=days[order],
        exception_added=kinds[order] == 1,
    )


def check_calendar(services: FeedServices, used: Longs, today: date | None, report: Report) -> None:
    """Note services that never run, and a calendar that lies in the past or in the future."""
    ranges = service_ranges(services)
    for row in np.unique(used[used >= 0]).tolist():
        if ranges[row] is None:
            reason = f"service {services.ids[row]!r} runs on no day"
            report.add("service_never_runs", "calendar.txt", None, "", reason)
    spans = [span for row in np.unique(used[used >= 0]).tolist() if (span := ranges[row])]
    if today is None or not spans:
        return
    first = date.fromordinal(min(span[0] for span in spans))
    last = date.fromordinal(max(span[1] for span in spans))
    if last < today:
        report.add("calendar_expired", "calendar.txt", None, "", f"the last service is on {last}")
    if first > today:
        report.add("calendar_not_started", "calendar.txt", None, "", f"it starts on {first}")
