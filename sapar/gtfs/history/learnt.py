"""Learnt travel times in the database: loaded when an engine starts, saved while it leads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from sapar.core.db import AsyncConnection, Pool, translated
from sapar.core.errors import NotFound
from sapar.core.settings import Settings
from sapar.fleet.registry import load_registry
from sapar.gtfs.history.learning import Learner
from sapar.gtfs.history.rebuild import Progress
from sapar.gtfs.history.store import QUERIES, day_from_rows, visit_rows
from sapar.gtfs.realtime.visits import LearntTimes

TimeRow = tuple[str, str, int, int, float, float, datetime]
_CHUNK = 500


async def load_learnt(pool: Pool, agency_id: str) -> LearntTimes:
    """Read all that an agency learnt.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_times"], {"agency_id": agency_id}, binary=True
            )
            rows = await cursor.fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    return LearntTimes(
        list(columns[0]),
        list(columns[1]),
        np.array(columns[2], np.int8),
        np.array(columns[3], np.int8),
        np.array(columns[4], np.float64),
        np.array(columns[5], np.float64),
        np.array(columns[6], np.float64),
    )


async def save_learnt(
    pool: Pool, agency_id: str, learnt: LearntTimes, *, since_s: float = 0.0
) -> int:
    """Write records whose newest observation is later than `since_s`; give how many.

    A record only takes the place of one that is no newer, so what an engine knows from the table
    alone, aged, never weakens it.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            return await _write(connection, agency_id, learnt, since_s)


async def replace_learnt(pool: Pool, agency_id: str, learnt: LearntTimes) -> int:
    """Put records in the place of all that an agency learnt; give how many.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            await connection.execute(QUERIES["delete_times"], {"agency_id": agency_id})
            return await _write(connection, agency_id, learnt, 0.0)


async def learn_days(
    pool: Pool, settings: Settings, agency_id: str, days: Sequence[date], progress: Progress
) -> tuple[int, int]:
    """Learn travel times anew from the stop visits of some days, in place of all that was known.

    Returns:
        (observations, records): how many ways between neighbours, and what was made of them.

    Raises:
        NotFound: there is not one observation in these days; what was known stands.
        Unavailable: the database does not answer; nothing has changed.
    """
    registry = await load_registry(pool)
    learner = Learner(registry.get_agency(agency_id).zone, settings.learn_half_life_days)
    observations = 0
    for number, day in enumerate(days, 1):
        async for rows in visit_rows(pool, agency_id, day):
            observations += await asyncio.to_thread(_learn_rows, learner, rows)
        progress(number / len(days))
    if not observations:
        raise NotFound(
            f"no stop visits of {agency_id} in these days",
            code="nothing_to_learn",
            hint="sapar history rebuild makes them from stored positions",
        )
    return observations, await replace_learnt(pool, agency_id, learner.result())


def _learn_rows(learner: Learner, rows: Sequence[Sequence[Any]]) -> int:
    return learner.learn(day_from_rows(rows))


async def _write(
    connection: AsyncConnection, agency_id: str, learnt: LearntTimes, since_s: float
) -> int:
    count = 0
    async with connection.cursor() as cursor:
        await cursor.execute(QUERIES["create_time_staging"])
        async with cursor.copy(QUERIES["copy_time"]) as copy:
            for row in _rows(learnt, since_s):
                await copy.write_row(row)
                count += 1
                if count % _CHUNK == 0:
                    await asyncio.sleep(0)  # a tick may be due
        await cursor.execute(QUERIES["upsert_times"], {"agency_id": agency_id})
    return count


def _rows(learnt: LearntTimes, since_s: float) -> Iterator[TimeRow]:
    keep = (learnt.last_s > since_s) & (learnt.weight > 0) & (learnt.mean_s > 0)
    for n in np.flatnonzero(keep).tolist():
        yield (
            learnt.from_stop_ids[n],
            learnt.to_stop_ids[n],
            int(learnt.day_type[n]),
            int(learnt.hour[n]),
            float(learnt.weight[n]),
            float(learnt.mean_s[n]),
            datetime.fromtimestamp(float(learnt.last_s[n]), UTC),
        )
