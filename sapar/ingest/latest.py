"""The latest state per vehicle: derived from fixes, written at most once an interval."""

from __future__ import annotations

from datetime import timedelta

from sapar.contract.messages import Fix
from sapar.core.clock import Clock
from sapar.core.db import Pool, load_queries, translated
from sapar.fleet.registry import DeviceEntry

_queries = load_queries("sapar.ingest")


async def rebuild_latest(pool: Pool, clock: Clock, since: timedelta) -> None:
    """Write the latest state anew from the fixes of the last `since`; moves on, never back."""
    with translated():
        async with pool.connection() as connection:
            await connection.execute(_queries["rebuild_latest"], {"since": clock.now() - since})


async def write_latest(
    pool: Pool, clock: Clock, latest: dict[int, tuple[DeviceEntry, Fix]]
) -> None:
    """Move the latest state of these devices' vehicles on."""
    entries = [
        (device, device.vehicle_at(fix.time_ms / 1000) or device.device_id, fix)
        for device, fix in latest.values()
    ]
    columns = {
        "agency_id": [device.agency_id for device, _, _ in entries],
        "vehicle_id": [vehicle_id for _, vehicle_id, _ in entries],
        "device_no": [device.device_no for device, _, _ in entries],
        **{
            name: [getattr(fix, name) for _, _, fix in entries]
            for name in (
                "time_ms",
                "latitude",
                "longitude",
                "speed_mps",
                "bearing_deg",
                "trip_id",
                "route_id",
                "block_id",
            )
        },
        "received_at": clock.now(),
    }
    with translated():
        async with pool.connection() as connection:
            await connection.execute(_queries["upsert_latest"], columns)
