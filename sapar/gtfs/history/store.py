"""Visits, fixes and traces in the database: how they are written, read back and exported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.geometry import Floats
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.gtfs.history.evidence import Trace, join_traces
from sapar.gtfs.history.learning import DayVisits
from sapar.gtfs.history.visits import VisitRow
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.store import fixes_from_rows
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable

QUERIES = load_queries("sapar.gtfs.history")

_ROWS = 20_000
_PLACE = np.dtype([("time_s", ">f8"), ("latitude", ">f8"), ("longitude", ">f8")])


def unique_rows(rows: Iterable[VisitRow]) -> list[VisitRow]:
    """Keep one row a key, the last with what the earlier ones know."""
    kept: dict[tuple[object, ...], VisitRow] = {}
    for row in rows:
        before = kept.get(row[:5])
        if before is not None:
            arrival = before[8] if row[8] is None else row[8]
            departure = before[9] if row[9] is None else row[9]
            row = (*row[:8], arrival, departure, *row[10:])
        kept[row[:5]] = row
    return list(kept.values())


async def write_visits(
    connection: AsyncConnection, agency_id: str, rows: Iterable[VisitRow], *, fill: bool = False
) -> int:
    """Write visits in the connection's transaction; give how many rows there were.

    Args:
        connection: one inside a transaction.
        agency_id: whose visits these are.
        rows: as `visits.rows_of` gives them, one a key (see `unique_rows`).
        fill: leave rows that stand already.

    Raises:
        Unavailable: the database does not answer.
        DatabaseRefused: it refuses a value.
    """
    count = 0
    with translated():
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(QUERIES["create_visit_staging"])
            async with cursor.copy(QUERIES["copy_visit"]) as copy:
                for row in rows:
                    await copy.write_row(row)
                    count += 1
                    if count % 500 == 0:
                        await asyncio.sleep(0)  # a tick may be due
            await cursor.execute(QUERIES["upsert_visit"], {"agency_id": agency_id, "fill": fill})
    return count


async def read_fixes(
    pool: Pool, registry: Registry, agency_id: str, since_s: float, until_s: float
) -> FixColumns:
    """Read an agency's fixes of a span, in no order.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {
        "agency_id": agency_id,
        "since": datetime.fromtimestamp(since_s, UTC),
        "until": datetime.fromtimestamp(until_s, UTC),
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_fixes"], values, binary=True)
            rows = await cursor.fetchall()
    return await asyncio.to_thread(fixes_from_rows, registry, rows)


async def export_visits(connection: AsyncConnection, agency_id: str, service_date: date) -> bytes:
    """Give a day's stop visits as canonical CSV: the same visits, the same bytes.

    Raises:
        Unavailable: the database does not answer.
    """
    return await copy_out(connection, "export_visits", agency_id, service_date)


async def copy_out(
    connection: AsyncConnection, query: str, agency_id: str, service_date: date
) -> bytes:
    """Give what a COPY query of a service day writes."""
    values = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with connection.cursor() as cursor, cursor.copy(QUERIES[query], values) as copy:
            return b"".join([bytes(part) async for part in copy])


async def visit_rows(
    pool: Pool, agency_id: str, service_date: date
) -> AsyncIterator[list[Sequence[Any]]]:
    """Read a day's stop visits as rows of the query `list_visits`, some thousand at once.

    A run of a vehicle is never divided: a big city's day is a million rows, more than memory.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {"agency_id": agency_id, "service_date": service_date}
    rest: list[Sequence[Any]] = []
    with translated():
        async with pool.connection() as connection, connection.cursor("visits") as cursor:
            await cursor.execute(QUERIES["list_visits"], values, binary=True)
            while some := await cursor.fetchmany(_ROWS):
                rows = [*rest, *some]
                cut = len(rows) - 1
                while cut and rows[cut - 1][:3] == rows[-1][:3]:
                    cut -= 1
                rest = rows[cut:]
                yield rows[:cut]
    yield rest


def visits_from_rows(
    timetable: Timetable, service_date: date, rows: Sequence[Sequence[Any]]
) -> Visits:
    """Make visits of the rows of a day; those that the timetable does not know are left out."""
    table, stops = timetable.trips, timetable.stop_times.stop_idx
    names: dict[str, str] = {}
    kept, at = [], []
    for row in rows:
        trip = table.index.get(row[0], -1)
        place = int(table.st_begin[trip]) + row[3] if trip >= 0 else -1
        if 0 <= place < table.st_begin[trip + 1] and timetable.stops.ids[stops[place]] == row[4]:
            kept.append((row, trip))
            at.append(place)
    return Visits(
        [names.setdefault(row[2], row[2]) for row, _ in kept],  # a name is kept once
        np.array([trip for _, trip in kept], np.int32),
        np.full(len(kept), service_date.toordinal(), np.int32),
        np.array([row[1] for row, _ in kept], np.int32),
        np.array(at, np.int64),
        _floats([row[6] for row, _ in kept]),
        _floats([row[7] for row, _ in kept]),
        np.array([row[10] for row, _ in kept], np.bool_),
    )


def day_from_rows(rows: Sequence[Sequence[Any]]) -> DayVisits:
    """Make what travel times are learnt from of the rows of a day."""
    numbers: dict[tuple[str, int, str], int] = {}
    runs = [numbers.setdefault((row[0], row[1], row[2]), len(numbers)) for row in rows]
    return DayVisits(
        np.array(runs, np.int64),
        np.array([row[3] for row in rows], np.int64),
        [row[4] for row in rows],
        _floats([row[6] for row in rows]),
        _floats([row[7] for row in rows]),
        _floats([row[8] for row in rows]),
        _floats([row[9] for row in rows]),
        np.array([row[10] for row in rows], np.bool_),
    )


async def read_traces(
    pool: Pool,
    devices: Mapping[int, Sequence[tuple[str, float, float]]],
    span: tuple[float, float],
) -> dict[str, Trace]:
    """Read where vehicles were in a span, each by all devices that were in it.

    Args:
        pool: to read with.
        devices: by device_no the vehicles it was in: vehicle, from, until (Unix seconds).
        span: Unix times, the second not included.

    Raises:
        Unavailable: the database does not answer.
    """
    since_s, until_s = span
    values = {
        "device_no": list(devices),
        "since": datetime.fromtimestamp(since_s, UTC),
        "until": datetime.fromtimestamp(until_s, UTC),
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_traces"], values, binary=True)
            rows = await cursor.fetchall()
    parts: dict[str, list[Trace]] = {}
    for device_no, places in rows:
        columns = np.frombuffer(places, _PLACE)
        time_s, latitude, longitude = (
            columns[name].astype(np.float64) for name in ("time_s", "latitude", "longitude")
        )
        for vehicle_id, from_s, to_s in devices[device_no]:
            low, high = np.searchsorted(time_s, [from_s, to_s])
            part = Trace(time_s[low:high], latitude[low:high], longitude[low:high])
            parts.setdefault(vehicle_id, []).append(part)
    return {vehicle_id: join_traces(found) for vehicle_id, found in parts.items()}


def places_of(device: DeviceEntry, span: tuple[float, float]) -> list[tuple[str, float, float]]:
    """Give the vehicles that a device was in during a span, and itself where it was in none."""
    places, at_s = [], span[0]
    for mounting in device.mountings:
        if mounting.end_s <= span[0] or mounting.start_s >= span[1]:
            continue
        if mounting.start_s > at_s:
            places.append((device.device_id, at_s, mounting.start_s))
        places.append((mounting.vehicle_id, max(mounting.start_s, at_s), mounting.end_s))
        at_s = mounting.end_s
    if at_s < span[1]:
        places.append((device.device_id, at_s, span[1]))
    return places


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], np.float64)
