"""What the engine reads from the database: recent fixes to warm up on, and alerts to publish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from sapar.core.db import Pool, load_queries, translated
from sapar.core.geometry import Floats
from sapar.fleet.registry import Registry
from sapar.gtfs.realtime.alerts import Alert, Selector
from sapar.gtfs.realtime.intake import FixColumns

QUERIES = load_queries("sapar.gtfs.realtime")

WARM_S = 45 * 60.0
"""How far back a starting engine looks: the running time of most trips."""
_WARM_SLICE_S = 300.0  # of 3,000 buses some 90,000 fixes at most are in memory at once
_WARM_STEP_S = 10.0  # one fix a device and step is enough to find its run and its place ...
_WARM_EARLY_STEP_S = 30.0  # ... and fewer still, longer ago than
_WARM_EARLY_S = 600.0
_FUTURE_S = 300.0


async def recent_fixes(
    pool: Pool, agency_id: str, registry: Registry, now: datetime
) -> AsyncGenerator[FixColumns]:
    """Read the fixes of the last `WARM_S` seconds, oldest slice of time first.

    They come as those of the vehicles that the devices were in, one a device and step of time, with
    the times of fixes in no order within a slice.

    Raises:
        Unavailable: the database does not answer.
    """
    now_s = now.timestamp()
    edges = np.append(np.arange(now_s - WARM_S, now_s, _WARM_SLICE_S), now_s + _FUTURE_S)
    for since_s, until_s in pairwise(edges.tolist()):
        early = until_s <= now_s - _WARM_EARLY_S
        values = {
            "agency_id": agency_id,
            "step_s": _WARM_EARLY_STEP_S if early else _WARM_STEP_S,
            "since": datetime.fromtimestamp(since_s, UTC),
            "until": datetime.fromtimestamp(until_s, UTC),
        }
        with translated():
            async with pool.connection() as connection:
                cursor = await connection.execute(QUERIES["list_recent_fixes"], values, binary=True)
                rows = await cursor.fetchall()
        yield await asyncio.to_thread(fixes_from_rows, registry, rows)


def fixes_from_rows(registry: Registry, rows: Sequence[Sequence[Any]]) -> FixColumns:
    """Make fixes of rows: device_no, time in milliseconds, position, speed, bearing, sign-on ids.

    They go to the vehicles that the devices were in at that time; those of unknown devices are left
    out.
    """
    vehicles = [_vehicle(registry, row[0], row[1] / 1000) for row in rows]
    kept = [(v, row) for v, row in zip(vehicles, rows, strict=True) if v is not None]
    time_s, lat, lon, speed, bearing = (_column([row[n] for _, row in kept]) for n in range(1, 6))
    trips, routes, blocks = ([row[n] for _, row in kept] for n in range(6, 9))
    return FixColumns(
        [v for v, _ in kept], time_s / 1000.0, lat, lon, speed, bearing, trips, routes, blocks
    )


async def list_alerts(pool: Pool, agency_id: str, now: datetime) -> list[Alert]:
    """List the alerts of an agency that are not over.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_alerts"], {"agency_id": agency_id, "now": now.astimezone(UTC)}
            )
            rows = await cursor.fetchall()
    return [
        Alert(
            alert_id,
            header,
            description,
            cause,
            effect,
            [(start, end) for start, end in periods],
            [_selector(informed) for informed in selectors],
            url,
        )
        for alert_id, header, description, cause, effect, selectors, url, periods in rows
    ]


def _vehicle(registry: Registry, device_no: int, time_s: float) -> str | None:
    device = registry.devices_by_no.get(device_no)
    return None if device is None else device.vehicle_at(time_s) or device.device_id


def _column(values: list[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _selector(informed: dict[str, str]) -> Selector:
    return Selector(informed.get("route_id"), informed.get("stop_id"), informed.get("trip_id"))
