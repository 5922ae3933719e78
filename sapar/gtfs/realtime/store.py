"""What the engine reads from the database: recent fixes to warm up on, and alerts to publish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from sapar.core.db import Pool, load_queries, translated
from sapar.core.geometry import Floats
from sapar.fleet.registry import Registry
from sapar.gtfs.realtime.alerts import Alert, Selector
from sapar.gtfs.realtime.intake import FixColumns

QUERIES = load_queries("sapar.gtfs.realtime")

WARM_S = 45 * 60.0
"""How far back a starting engine looks: the running time of most trips."""
_WARM_STEP_S = 10.0  # one fix a device and step is enough to find its run and its place
_FUTURE = timedelta(minutes=5)


async def read_recent_fixes(
    pool: Pool, agency_id: str, registry: Registry, now: datetime
) -> FixColumns:
    """Read the fixes of the last `WARM_S` seconds, as the vehicles that the devices were in.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {
        "agency_id": agency_id,
        "step_s": _WARM_STEP_S,
        "since": now - timedelta(seconds=WARM_S),
        "until": now + _FUTURE,
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_recent_fixes"], values)
            rows = await cursor.fetchall()
    vehicles = [_vehicle(registry, row[0], row[1]) for row in rows]
    kept = [(v, row) for v, row in zip(vehicles, rows, strict=True) if v is not None]
    time_s, lat, lon, speed, bearing = (_column([row[n] for _, row in kept]) for n in range(1, 6))
    trips, routes, blocks = ([row[n] for _, row in kept] for n in range(6, 9))
    return FixColumns([v for v, _ in kept], time_s, lat, lon, speed, bearing, trips, routes, blocks)


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
        )
        for alert_id, header, description, cause, effect, selectors, periods in rows
    ]


def _vehicle(registry: Registry, device_no: int, time_s: float) -> str | None:
    device = registry.devices_by_no.get(device_no)
    return None if device is None else device.vehicle_at(time_s) or device.device_id


def _column(values: list[float | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _selector(informed: dict[str, str]) -> Selector:
    return Selector(informed.get("route_id"), informed.get("stop_id"), informed.get("trip_id"))
