"""Samples and scores in the database; `score_day` turns the ones into the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import astuple
from datetime import date, timedelta
from itertools import chain
from typing import Any

import numpy as np

from sapar.core.db import Pool, load_queries, translated
from sapar.core.settings import Settings
from sapar.gtfs.scores.day import Arrivals, Promises, RouteScore, score_routes
from sapar.gtfs.scores.sampling import is_sampled

QUERIES = load_queries("sapar.gtfs.scores")

_ROWS = 20_000


async def score_day(
    pool: Pool, settings: Settings, agency_id: str, service_date: date
) -> dict[str, int]:
    """Score the predictions kept of a service day, in place of its scores so far.

    Samples stay as long as the nightly job may do the day again. Where there are none, the scores
    that stand are left alone.

    Returns:
        How many predictions and arrivals were held against each other, and how many routes.

    Raises:
        Unavailable: the database does not answer; nothing has changed.
    """
    names = _Names()
    promises = await _read_promises(pool, agency_id, service_date, names)
    counts = {"predictions": len(promises), "arrivals": 0, "routes": 0}
    if len(promises):
        arrivals = await _read_arrivals(pool, settings, agency_id, service_date, names)
        found = await asyncio.to_thread(score_routes, promises, arrivals, list(names.routes))
        await _write(pool, agency_id, service_date, found)
        routes = {score.route_id for score in found} - {""}
        counts |= {"arrivals": len(arrivals), "routes": len(routes)}
    await _drop_samples(pool, settings, agency_id, service_date)
    return counts


async def list_scores(pool: Pool, agency_id: str, service_date: date) -> list[RouteScore]:
    """List the scores of a service day, all routes together first.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_scores"], values)
            return [RouteScore(*row) for row in await cursor.fetchall()]


class _Names:
    """Numbers for names, the same ones in promises and arrivals."""

    def __init__(self) -> None:
        self.vehicles: dict[str, int] = {}
        self.stops: dict[str, int] = {}
        self.routes: dict[str, int] = {}

    @staticmethod
    def number(names: dict[str, int], name: str) -> int:
        """Give the number of a name, a new one for a new name."""
        return names.setdefault(name, len(names))


async def _read_promises(pool: Pool, agency_id: str, service_date: date, names: _Names) -> Promises:
    """Read all that was kept of a day, some thousand runs at once."""
    values = {"agency_id": agency_id, "service_date": service_date}
    parts = [_promises([], names)]
    with translated():
        async with pool.connection() as connection, connection.cursor("samples") as cursor:
            await cursor.execute(QUERIES["list_samples"], values, binary=True)
            while rows := await cursor.fetchmany(_ROWS):
                parts.append(_promises(rows, names))
    columns = zip(*(_columns_of(part) for part in parts), strict=True)
    return Promises(*(np.concatenate(column) for column in columns))


def _columns_of(promises: Promises) -> tuple[Any, ...]:
    """Give the columns of promises, without copies."""
    return tuple(getattr(promises, name) for name in Promises.__slots__)


def _promises(rows: Sequence[Sequence[Any]], names: _Names) -> Promises:
    """Make columns of rows of the query `list_samples`."""
    counts = [len(row[3]) for row in rows]

    def spread(values: list[Any], kind: type[np.generic]) -> Any:
        return np.repeat(np.array(values, kind), counts)

    def flat(place: int) -> Any:
        return np.fromiter(chain.from_iterable(row[place] for row in rows), np.float64)

    sampled_s = spread([row[0] for row in rows], np.float64)
    stops = (names.number(names.stops, stop) for row in rows for stop in row[3])
    return Promises(
        sampled_s,
        spread([names.number(names.vehicles, row[1]) for row in rows], np.int32),
        np.fromiter(stops, np.int32),
        spread([names.number(names.routes, row[2]) for row in rows], np.int32),
        *(sampled_s + flat(place) for place in range(4, 8)),
    )


async def _read_arrivals(
    pool: Pool, settings: Settings, agency_id: str, service_date: date, names: _Names
) -> Arrivals:
    """Read what the sampled vehicles did, those of which nothing was predicted among them."""
    values: dict[str, Any] = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_vehicles"], values)
            vehicle_ids = [
                vehicle_id
                for (vehicle_id,) in await cursor.fetchall()
                if vehicle_id in names.vehicles
                or is_sampled(vehicle_id, service_date, settings.eta_sample_share)
            ]
            values["vehicle_ids"] = vehicle_ids
            cursor = await connection.execute(QUERIES["list_arrivals"], values, binary=True)
            rows = await cursor.fetchall()
    vehicle = np.array([names.number(names.vehicles, row[0]) for row in rows], np.int32)
    stop = np.array([names.number(names.stops, row[1]) for row in rows], np.int32)
    arrival_s = np.array([row[4] for row in rows], np.float64)
    order = np.lexsort((arrival_s, stop, vehicle))
    return Arrivals(
        vehicle[order],
        stop[order],
        np.array([names.number(names.routes, row[2]) for row in rows], np.int32)[order],
        np.array([row[3] == 0 for row in rows], np.bool_)[order],
        arrival_s[order],
        np.array([row[5] for row in rows], np.float64)[order],
        np.array([row[6] for row in rows], np.bool_)[order],
    )


async def _write(
    pool: Pool, agency_id: str, service_date: date, found: Sequence[RouteScore]
) -> None:
    """Replace the scores of a day."""
    values = {"agency_id": agency_id, "service_date": service_date}
    with translated():
        async with pool.connection() as connection, connection.cursor() as cursor:
            await cursor.execute(QUERIES["delete_scores"], values)
            await cursor.executemany(
                QUERIES["add_score"],
                [(agency_id, service_date, *astuple(score)) for score in found],
            )


async def _drop_samples(pool: Pool, settings: Settings, agency_id: str, service_date: date) -> None:
    """Drop the samples of days that the nightly job does not do again."""
    before = service_date - timedelta(days=settings.nightly_late_days)
    with translated():
        async with pool.connection() as connection:
            await connection.execute(
                QUERIES["delete_old_samples"], {"agency_id": agency_id, "before": before}
            )
