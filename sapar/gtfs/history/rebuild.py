"""A service day's stop visits made again from all fixes that have come by now.

Fixes that came hours late, twice or out of order are history as good as any: the engine drives the
day again from the database, and the day's rows are replaced in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np

from sapar.core.db import Pool, translated
from sapar.core.errors import NotFound, Refused
from sapar.core.settings import Settings
from sapar.fleet.registry import Registry
from sapar.gtfs.history.replay import STEP_S, Replay
from sapar.gtfs.history.store import QUERIES, read_fixes, write_visits
from sapar.gtfs.history.visits import rows_of, take_visits
from sapar.gtfs.realtime.shape_store import with_learnt_lines
from sapar.gtfs.timetable import Timetable, load_timetable

LEAD_S = 3600.0
"""Before a day's first departure: buses drive out to their first stops."""
_SLICE_S = 2 * STEP_S

Progress = Callable[[float], None]
"""Told how much is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: fixes taken, visits written."""

    fixes: int
    visits: int


async def timetable_of(
    pool: Pool, agency_id: str, service_date: date, *, learnt: bool = True
) -> Timetable:
    """Build the timetable that was in force at noon of a service date, in a thread.

    Args:
        pool: to read with.
        agency_id: whose timetable it is.
        service_date: the day.
        learnt: whether patterns without a shape run along the ways that were learnt.

    Raises:
        NotFound: the agency never had one.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["find_version_for"], {"agency_id": agency_id, "service_date": service_date}
            )
            row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"{agency_id} has no timetable",
            code="no_timetable",
            hint=f"sapar gtfs import feed.zip --agency {agency_id}",
        )
    timetable = await asyncio.to_thread(load_timetable, bytes(row[2]), agency_id)
    return await with_learnt_lines(pool, timetable) if learnt else timetable


def day_span(timetable: Timetable, service_date: date, delay_s: float) -> tuple[float, float]:
    """Give when the buses of a service date may be on the road: Unix times, on steps of the replay.

    Args:
        timetable: the timetable in force.
        service_date: the day.
        delay_s: how late the last bus may be.
    """
    active = timetable.trips_active(service_date)
    start = timetable.service_day_start(service_date)
    if not len(active):
        return start, start
    first, last = timetable.trips.first_s, timetable.trips.last_s
    begin, end = int(first[active].min()), int(last[active].max())
    freq = timetable.frequencies
    runs = np.isin(freq.trip_idx, active)
    if runs.any():
        took = (last - first)[freq.trip_idx[runs]]
        begin = min(begin, int(freq.start_s[runs].min()))
        end = max(end, int((freq.end_s[runs] + took).max()))
    low = np.floor((start + begin - LEAD_S) / STEP_S) * STEP_S
    high = np.ceil((start + end + delay_s) / STEP_S) * STEP_S
    return float(low), float(high)


async def rebuild_day(
    pool: Pool,
    settings: Settings,
    registry: Registry,
    timetable: Timetable,
    service_date: date,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Rebuilt:
    """Drive a service day again and put what is found in the place of its stop visits.

    Raises:
        Refused: fixes of the day are past their retention: what stands is better than the rest.
        Unavailable: the database does not answer; nothing has changed.
    """
    agency_id = timetable.agency_id
    since_s, until_s = day_span(timetable, service_date, settings.nightly_delay_s)
    kept_from = now - timedelta(days=settings.fix_retention_days)
    if since_s < kept_from.timestamp():
        raise Refused(
            f"positions of {service_date} are past their retention of"
            f" {settings.fix_retention_days} days",
            code="fixes_gone",
        )
    # the same record for every rebuild: none; what was learnt since would change the day's visits
    replay = await asyncio.to_thread(Replay, timetable)
    edges = [*np.arange(since_s, until_s, _SLICE_S).tolist(), until_s]
    for low, high in pairwise(edges):
        fixes = await read_fixes(pool, registry, agency_id, low, high)
        await asyncio.to_thread(replay.take, fixes)
        progress((high - since_s) / (until_s - since_s))
    found = await asyncio.to_thread(replay.visits)
    visits = take_visits(found, np.flatnonzero(found.day == service_date.toordinal()))
    values = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection:
            await connection.execute(QUERIES["lock_day"], values)
            await connection.execute(QUERIES["delete_visits"], values)
            rows = rows_of(timetable, visits)
            written = await write_visits(connection, agency_id, rows)
    return Rebuilt(replay.fixes, written)
