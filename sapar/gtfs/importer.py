"""Brings timetables into the database and switches between them, while the engine runs.

A version is loaded beside the others in one transaction; switching is another single transaction
that moves the `active` mark and sends `NOTIFY sapar_timetable` with the agency. The zip itself is
kept, and what the engine runs is built from it by the same code that reads a file, so the file
and the database cannot disagree.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from sapar.contract.topics import AGENCY_PATTERN
from sapar.core.db import Connection, Pool, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.gtfs.importer_rows import table_rows
from sapar.gtfs.static import Feed, Notice, read_feed, read_zip
from sapar.gtfs.timetable import Timetable, build_timetable, load_timetable
from sapar.gtfs.timetable.diff import TimetableDiff, diff_timetables, format_span
from sapar.gtfs.timetable.findings import list_warnings

QUERIES = load_queries("sapar.gtfs")

#: Channel of PostgreSQL's NOTIFY; the payload is the agency_id.
CHANNEL = "sapar_timetable"
#: Depots, detours and the error of a receiver lie outside the network: 20 km around it.
AREA_MARGIN_DEG = 0.18


@dataclass(frozen=True, slots=True)
class CheckedFeed:
    """A zip that can be run, with its timetable and all warnings about it."""

    zip: bytes
    feed: Feed
    timetable: Timetable
    warnings: list[Notice]

    def summary(self) -> dict[str, object]:
        """Give counts, the version and the range of service dates, as plain values."""
        timetable = self.timetable
        return {
            "feed_version": timetable.feed_version,
            "timezone": timetable.timezone.key,
            "dates": format_span(timetable),
            "routes": len(timetable.routes.ids),
            "stops": len(timetable.stops.ids),
            "trips": len(timetable.trips.ids),
            "stop_times": len(timetable.stop_times.stop_idx),
            "patterns": len(timetable.patterns),
            "blocks": len(timetable.blocks.ids),
            "frequencies": len(timetable.frequencies.trip_idx),
        }


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did: `is_new` is false when this zip was there already."""

    version_no: int
    is_new: bool
    is_active: bool
    diff: TimetableDiff | None


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """The active version of an agency as stored; `digest` is the SHA-256 of the zip in hex."""

    version_no: int
    feed_version: str
    digest: str
    zip: bytes
    activated_at: datetime


def check_feed(source: Path | bytes, agency_id: str, now: datetime | None = None) -> CheckedFeed:
    """Read and judge a zip without a database.

    Raises:
        FeedRefused: the feed cannot be run.
    """
    content = read_zip(source)  # once: what is stored must be what was judged
    feed = read_feed(content, now=now)
    timetable = build_timetable(feed, agency_id)
    return CheckedFeed(content, feed, timetable, list_warnings(feed, timetable))


def import_feed(
    connection: Connection,
    checked: CheckedFeed,
    *,
    activate: bool,
    now: datetime,
    progress: Callable[[str], None],
) -> ImportResult:
    """Store a checked feed beside the versions of its agency, and switch to it if asked.

    A zip that is stored already is not stored again. The connection must not be in a transaction.

    Raises:
        BadInput: the timetable's agency_id cannot be part of topics and URLs.
    """
    agency_id = checked.timetable.agency_id
    if re.fullmatch(AGENCY_PATTERN, agency_id) is None:
        raise BadInput(f"{agency_id!r} is not an agency id", code="bad_agency_id")
    agency_name = checked.feed.agencies[0].name or agency_id
    key = {"agency_id": agency_id}
    with translated(), connection.transaction():
        known = {**key, "name": agency_name, "timezone": checked.timetable.timezone.key}
        connection.execute(QUERIES["add_agency"], known)
        connection.execute(QUERIES["lock_agency"], key)
        same = connection.execute(
            QUERIES["find_version_by_digest"], {**key, "digest": checked.feed.digest}
        ).fetchone()
        diff = None
        if same is None:
            progress("comparing with the active version")
            diff = diff_timetables(_load_active(connection, agency_id), checked.timetable)
            version_no, is_active = _store(connection, checked, now, progress), False
        else:
            version_no, is_active = same
        if activate and not is_active:
            _activate(connection, checked.timetable, version_no, now)
            is_active = True
    return ImportResult(version_no, same is None, is_active, diff)


def activate_version(
    connection: Connection, agency_id: str, version_no: int, *, now: datetime
) -> bool:
    """Switch an agency to one of its versions; False when it is active already.

    Raises:
        NotFound: the agency has no such version.
    """
    key = {"agency_id": agency_id, "version_no": version_no}
    with translated(), connection.transaction():
        connection.execute(QUERIES["lock_agency"], key)
        row = connection.execute(QUERIES["find_version"], key).fetchone()
        if row is None:
            raise _no_version(agency_id, version_no)
        active = connection.execute(QUERIES["find_active"], key).fetchone()
        if active is not None and active[0] == version_no:
            return False
        _activate(connection, load_timetable(bytes(row[3]), agency_id), version_no, now)
    return True


def drop_version(connection: Connection, agency_id: str, version_no: int) -> None:
    """Delete a version.

    Raises:
        NotFound: the agency has no such version.
        Refused: it is the active one.
    """
    key = {"agency_id": agency_id, "version_no": version_no}
    with translated(), connection.transaction():
        connection.execute(QUERIES["lock_agency"], key)
        active = connection.execute(QUERIES["find_active"], key).fetchone()
        if active is not None and active[0] == version_no:
            raise Refused(
                f"version {version_no} of {agency_id} is the active one",
                code="version_active",
                hint="activate another version first",
            )
        if connection.execute(QUERIES["drop_version"], key).rowcount == 0:
            raise _no_version(agency_id, version_no)


def list_versions(connection: Connection, agency_id: str | None) -> list[dict[str, Any]]:
    """Give all versions of one agency, or of all, oldest first, without their zips."""
    with translated():
        cursor = connection.execute(QUERIES["list_versions"], {"agency_id": agency_id})
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


async def find_active_version(pool: Pool, agency_id: str) -> ActiveVersion | None:
    """Give the active version of an agency with its zip, None when there is none."""
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["find_active_zip"], {"agency_id": agency_id})
            row = await cursor.fetchone()
    return ActiveVersion(row[0], row[1], row[2], bytes(row[3]), row[4]) if row else None


async def load_active_timetable(pool: Pool, agency_id: str) -> Timetable:
    """Build the timetable of an agency's active version; the work is done in a thread.

    Raises:
        NotFound: the agency has no active version.
    """
    version = await find_active_version(pool, agency_id)
    if version is None:
        raise NotFound(
            f"{agency_id} has no active timetable",
            code="no_timetable",
            hint=f"sapar gtfs import feed.zip --agency {agency_id}",
        )
    return await asyncio.to_thread(load_timetable, version.zip, agency_id)


def _no_version(agency_id: str, version_no: int) -> NotFound:
    return NotFound(
        f"{agency_id} has no version {version_no}", code="no_version", hint="sapar gtfs list"
    )


def _load_active(connection: Connection, agency_id: str) -> Timetable | None:
    row = connection.execute(QUERIES["find_active_zip"], {"agency_id": agency_id}).fetchone()
    return load_timetable(bytes(row[3]), agency_id) if row else None


def _store(
    connection: Connection,
    checked: CheckedFeed,
    now: datetime,
    progress: Callable[[str], None],
) -> int:
    agency_id = checked.timetable.agency_id
    values = {
        "agency_id": agency_id,
        "feed_version": checked.feed.version,
        "digest": checked.feed.digest,
        "zip": checked.zip,
        "imported_at": now,
        "summary": json.dumps(checked.summary()),
        "warnings": json.dumps([notice.to_json() for notice in checked.warnings]),
    }
    row = connection.execute(QUERIES["add_version"], values).fetchone()
    version_no = int(row[0]) if row else 0
    with connection.cursor() as cursor:
        for table, rows in table_rows(checked.feed, checked.timetable):
            progress(f"writing {table}s")
            with cursor.copy(QUERIES[f"copy_{table}"]) as copy:
                for values_row in rows:
                    copy.write_row((agency_id, version_no, *values_row))
    connection.execute(QUERIES["analyze"])
    return version_no


def _activate(connection: Connection, timetable: Timetable, version_no: int, now: datetime) -> None:
    key = {"agency_id": timetable.agency_id}
    min_lat, min_lon, max_lat, max_lon = timetable.bounding_box
    widest = max(abs(min_lat), abs(max_lat))
    margin_lon = AREA_MARGIN_DEG / max(float(np.cos(np.radians(widest))), 0.05)
    connection.execute(QUERIES["deactivate"], key)
    connection.execute(QUERIES["activate"], {**key, "version_no": version_no, "activated_at": now})
    connection.execute(
        QUERIES["extend_area"],
        {
            **key,
            "timezone": timetable.timezone.key,
            "min_latitude": max(min_lat - AREA_MARGIN_DEG, -90.0),
            "min_longitude": max(min_lon - margin_lon, -180.0),
            "max_latitude": min(max_lat + AREA_MARGIN_DEG, 90.0),
            "max_longitude": min(max_lon + margin_lon, 180.0),
        },
    )
    connection.execute(QUERIES["notify"], key)
