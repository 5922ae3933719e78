"""Figures of a service day in the database, in the place of those that stood there."""

from __future__ import annotations

import asyncio
from datetime import date

from sapar.core.db import Pool, translated
from sapar.gtfs.history.performance import DayPerformance
from sapar.gtfs.history.store import QUERIES, visit_rows, visits_from_rows
from sapar.gtfs.history.visits import join_visits
from sapar.gtfs.timetable.model import Timetable

_PARTS = ("service_hour", "run_time", "segment_time")


async def keep_performance(pool: Pool, timetable: Timetable, service_date: date) -> dict[str, int]:
    """Make a service day's figures of its stop visits and keep them; give how many rows there are.

    Raises:
        Unavailable: the database does not answer; nothing has changed.
    """
    visits = join_visits(
        [
            await asyncio.to_thread(visits_from_rows, timetable, service_date, rows)
            async for rows in visit_rows(pool, timetable.agency_id, service_date)
        ]
    )
    day = DayPerformance(timetable, service_date, visits)
    rows = await asyncio.to_thread(_rows, day)
    values = {"agency_id": timetable.agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(QUERIES["lock_day"], values)
            for part in _PARTS:
                await cursor.execute(QUERIES[f"delete_{part}s"], values)
                async with cursor.copy(QUERIES[f"copy_{part}"]) as copy:
                    for row in rows[part]:
                        await copy.write_row((*values.values(), *row))
    return {part: len(rows[part]) for part in _PARTS}


def _rows(day: DayPerformance) -> dict[str, list[tuple[object, ...]]]:
    return {
        "service_hour": list(day.service_hours()),
        "run_time": list(day.run_times()),
        "segment_time": list(day.segment_times()),
    }
