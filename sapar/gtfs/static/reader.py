"""Reads a feed in order: the zip, its tables, keys and values, references, and what is odd."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from sapar.gtfs.static import journeys, network, oddities, spec
from sapar.gtfs.static.archive import Archive, open_archive
from sapar.gtfs.static.feed import Feed, FeedAgency
from sapar.gtfs.static.report import Report
from sapar.gtfs.static.spec import FILES, OTHER_FILES, FileSpec
from sapar.gtfs.static.table import Table, empty_table, read_table
from sapar.gtfs.static.values import check_texts


def read_feed(source: Path | str | bytes, *, now: datetime | None = None) -> Feed:
    """Read a GTFS zip from a path or from its bytes.

    Args:
        source: the zip.
        now: the moment that tells whether the calendar has expired; not judged when None.

    Raises:
        FeedRefused: the feed cannot be run; it names file, row and reason of what was found.
    """
    report = Report()
    archive = open_archive(Path(source) if isinstance(source, str) else source, report)
    tables = _read_tables(archive, report)
    report.finish()
    for file in FILES:
        _check_key(file, tables[file.name], report)
        check_texts(file, tables[file.name], report)
    report.finish()
    feed = _assemble(archive, tables, now, report)
    report.finish()
    feed.warnings.extend(report.warnings)
    return feed


def _assemble(
    archive: Archive, tables: dict[str, Table], now: datetime | None, report: Report
) -> Feed:
    agencies = network.read_agencies(tables["agency.txt"], report)
    stops = network.read_stops(tables["stops.txt"], report)
    routes = network.read_routes(tables["routes.txt"], agencies, report)
    services = network.read_services(tables["calendar.txt"], tables["calendar_dates.txt"], report)
    trip_table = tables["trips.txt"]
    trips = journeys.read_trips(trip_table, routes.ids, services.ids, report)
    shapes, declared = journeys.read_shapes(tables["shapes.txt"], report)
    times = journeys.read_stop_times(tables["stop_times.txt"], trips.ids, stops.ids, report)
    oddities.check_stop_times(times, trips, stops, report)
    oddities.check_usage(trips, times, stops, tables, report)
    oddities.check_shape_usage(declared, trips, trip_table.lines, report)
    frequencies = journeys.read_frequencies(tables["frequencies.txt"], trips.ids, report)
    # the range of dates means nothing while values are unreadable
    report.finish()
    today = now.astimezone(ZoneInfo(agencies[0].timezone)).date() if now else None
    network.check_calendar(services, trips.service, today, report)
    return Feed(
        digest=archive.digest,
        version=_version(tables["feed_info.txt"], archive.digest),
        languages=_languages(agencies, tables),
        agencies=agencies,
        stops=stops,
        routes=routes,
        trips=trips,
        stop_times=times,
        services=services,
        shapes=shapes,
        frequencies=frequencies,
        warnings=[],
    )


def _read_tables(archive: Archive, report: Report) -> dict[str, Table]:
    _note_strays(archive, report)
    tables: dict[str, Table] = {}
    for file in FILES:
        if file.name in archive.members:
            tables[file.name] = read_table(file, archive.read(file.name, report), report)
        else:
            tables[file.name] = empty_table(file)
            _note_missing(file, archive, report)
    if len(tables["calendar.txt"]) + len(tables["calendar_dates.txt"]) == 0:
        names = {"calendar.txt", "calendar_dates.txt"} & set(archive.members)
        code, reason = ("empty_file", "has no service") if names else ("missing_file", "is missing")
        file_name = min(names, default="calendar.txt")
        report.add(code, file_name, None, "", f"{reason}, and no other calendar has one")
    return tables


def _note_missing(file: FileSpec, archive: Archive, report: Report) -> None:
    if file.required:
        folders = [name for name in archive.strays if name.endswith("/" + file.name)]
        if folders and not folders[0].startswith("__MACOSX/"):
            reason = f"lies in a folder as {folders[0]!r}; zip the files, not the folder"
            report.add("files_in_folder", file.name, None, "", reason)
        else:
            report.add("missing_file", file.name, None, "", "is missing")
    elif file is spec.FEED_INFO:
        report.add("missing_recommended_file", file.name, None, "", "is missing")


def _note_strays(archive: Archive, report: Report) -> None:
    known = {file.name for file in FILES} | OTHER_FILES
    strays = archive.strays + [name for name in archive.members if name not in known]
    for name in sorted(strays):
        report.add("stray_file", "", None, "", f"{name!r} is not a GTFS file")


def _check_key(file: FileSpec, table: Table, report: Report) -> None:
    """Note rows whose key stands in an earlier row."""
    if not file.key or len(table) == 0:
        return
    names = [name for name in file.key if name in table.present]
    if not names:
        # without the column all rows have the same empty key, which is right for one agency only
        names = list(file.key)
    codes = [table.columns[name].codes for name in names]
    order = np.lexsort(codes[::-1])
    same = np.ones(len(table) - 1, bool)
    for column in codes:
        same &= column[order][1:] == column[order][:-1]
    repeated = np.sort(order[1:][same])
    report.add_rows(
        "duplicate_key",
        file.name,
        ",".join(names),
        table.lines[repeated],
        lambda i: (
            ", ".join(
                repr(table.columns[name].values[table.columns[name].codes[repeated[i]]])
                for name in names
            )
            + " stands twice"
        ),
    )


def _version(feed_info: Table, digest: str) -> str:
    named = feed_info.text("feed_version")
    return named[0] if named and named[0] else digest[:12]


def _languages(agencies: list[FeedAgency], tables: dict[str, Table]) -> tuple[str, ...]:
    """Languages of the feed, its own first, without repetition."""
    named = [
        *tables["feed_info.txt"].text("feed_lang"),
        *(agency.language for agency in agencies),
        *sorted(set(tables["translations.txt"].text("language"))),
    ]
    # "mul" says that there are several, and names none (ISO 639-2)
    return tuple(dict.fromkeys(name for name in named if name not in ("", "mul")))
