"""Follows what dispatch decides, from the database into the engine; capacities and depots too.

The database tells of changes at once; besides, all is read again every few seconds, as alerts come
and go by the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, connect_async, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.fleet.depots import list_depots
from sapar.gtfs.realtime.acts_store import DISPATCH_CHANNEL, list_acts, list_capacities
from sapar.gtfs.realtime.alarm_store import list_panics, list_rules
from sapar.gtfs.realtime.console.rules import Rule
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.store import list_alerts

_INTERVAL_S = 5.0
_RETRY_S = 1.0
_log = get_logger()


async def follow_dispatch(
    conninfo: str,
    pool: Pool,
    agency_id: str,
    clock: Clock,
    engine: Engine,
    defaults: Sequence[Rule],
) -> None:
    """Follow until cancelled; what was read last stands while the database is away."""
    while True:
        try:
            connection = await connect_async(conninfo)
            async with connection:
                with translated():
                    await connection.execute(f"LISTEN {DISPATCH_CHANNEL}")
                while True:
                    await read_dispatch(pool, agency_id, clock, engine, defaults)
                    await _wait(connection, agency_id)
        except SaparError as exc:
            _log.warning("dispatch_not_followed", agency=agency_id, reason=exc.message)
            await asyncio.sleep(_RETRY_S)


async def read_dispatch(
    pool: Pool, agency_id: str, clock: Clock, engine: Engine, defaults: Sequence[Rule] = ()
) -> None:
    """Read alerts, acts, capacities, depots, rules of alarms and emergencies once.

    Args:
        pool: the database.
        agency_id: whose they are.
        clock: tells which alerts are over.
        engine: is told.
        defaults: the deployment's rules of alarms, which those of the agency come after.

    Raises:
        Unavailable: the database does not answer.
    """
    now = datetime.fromtimestamp(clock.time(), UTC)
    engine.alerts = await list_alerts(pool, agency_id, now)
    acts = await list_acts(pool, agency_id, now)
    if acts != engine.acts:
        _log.info("acts_changed", agency=agency_id, acts=len(acts))
        engine.acts = acts
    engine.loads.capacity = await list_capacities(pool, agency_id)
    depots = await list_depots(pool, agency_id)
    engine.use_depots(
        {vehicle_id: depot.depot_id for depot in depots for vehicle_id in depot.vehicle_ids},
        [(depot.latitude, depot.longitude) for depot in depots],
    )
    engine.console.use_rules([*defaults, *await list_rules(pool, agency_id)])
    engine.console.use_panics(await list_panics(pool, agency_id))


async def _wait(connection: AsyncConnection, agency_id: str) -> None:
    """Wait until something of the agency has changed, or for a few seconds."""
    until_s = asyncio.get_running_loop().time() + _INTERVAL_S
    while (left_s := until_s - asyncio.get_running_loop().time()) > 0:
        with translated():
            notices = [n async for n in connection.notifies(timeout=left_s, stop_after=1)]
        if any(notice.payload == agency_id for notice in notices):
            return
