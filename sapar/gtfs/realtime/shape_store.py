"""Learnt lines in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import numpy as np

from sapar.core.db import Pool, load_queries, translated
from sapar.gtfs.realtime.shape_learning import LearntLine, with_learnt_shapes
from sapar.gtfs.timetable.model import Timetable

QUERIES = load_queries("sapar.gtfs.realtime")


async def save_learnt_lines(
    pool: Pool, agency_id: str, learnt: Mapping[tuple[str, str], LearntLine], now: datetime
) -> None:
    """Keep learnt lines; those of other segments stay.

    Raises:
        Unavailable: the database does not answer.
    """
    rows = [
        {
            "agency_id": agency_id,
            "from_stop_id": first,
            "to_stop_id": second,
            "latitude": line.latitude.tolist(),
            "longitude": line.longitude.tolist(),
            "passes": line.passes,
            "now": now,
        }
        for (first, second), line in sorted(learnt.items())
    ]
    with translated():
        async with pool.connection() as connection, connection.cursor() as cursor:
            await cursor.executemany(QUERIES["upsert_learnt_shape"], rows)


async def list_learnt_lines(pool: Pool, agency_id: str) -> dict[tuple[str, str], LearntLine]:
    """Give all learnt lines of an agency, by the ids of their two stops.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_learnt_shapes"], {"agency_id": agency_id}
            )
            rows = await cursor.fetchall()
    return {
        (first, second): LearntLine(np.array(latitude), np.array(longitude), passes)
        for first, second, latitude, longitude, passes in rows
    }


async def with_learnt_lines(pool: Pool, timetable: Timetable) -> Timetable:
    """Give a timetable whose patterns without a shape run along what is kept.

    Raises:
        Unavailable: the database does not answer.
    """
    if all(pattern.has_shape for pattern in timetable.patterns):
        return timetable
    learnt = await list_learnt_lines(pool, timetable.agency_id)
    return await asyncio.to_thread(with_learnt_shapes, timetable, learnt) if learnt else timetable


async def learnt_lines_stamp(pool: Pool, agency_id: str) -> str:
    """Give a text that changes whenever learnt lines do; empty while there are none.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["find_learnt_shapes_stamp"], {"agency_id": agency_id}
            )
            row = await cursor.fetchone()
    return "" if row is None or row[0] is None else str(row[0])
