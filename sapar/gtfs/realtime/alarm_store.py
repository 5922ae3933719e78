"""Rules, emergencies and alarms in the database, as engines read and write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from sapar.core.db import Pool, load_queries, translated
from sapar.gtfs.realtime.console.model import Alarm
from sapar.gtfs.realtime.console.rules import KINDS, Rule

QUERIES = load_queries("sapar.gtfs.realtime")

PANIC = "panic"


async def list_rules(pool: Pool, agency_id: str) -> list[Rule]:
    """List an agency's own rules; kinds that this version does not know are left out.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_alarm_rules"], {"agency_id": agency_id})
            rows = await cursor.fetchall()
    names = (
        "kind", "route_id", "raise_at", "clear_at", "on_delay_s", "off_delay_s", "priority",
        "enabled",
    )  # fmt: skip
    rules = [Rule(**dict(zip(names, row, strict=True))) for row in rows]
    return [rule for rule in rules if rule.kind in KINDS]


async def list_panics(pool: Pool, agency_id: str) -> list[Alarm]:
    """List the emergencies that nobody has closed, as alarms.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_open_emergencies"], {"agency_id": agency_id}
            )
            rows = await cursor.fetchall()
    return [_panic(*row) for row in rows]


def _panic(
    number: int,
    vehicle_id: str,
    at_s: float,
    presses: int,
    latitude: float | None,
    longitude: float | None,
    driver_id: str | None,
    route_id: str | None,
    trip_id: str | None,
) -> Alarm:
    values: dict[str, str | float] = {"emergency": number, "presses": presses}
    if latitude is not None and longitude is not None:
        values |= {"lat": latitude, "lon": longitude}
    if driver_id is not None:
        values["driver"] = driver_id
    return Alarm(
        f"panic:{vehicle_id}", PANIC, 1, int(at_s), vehicle_id, route_id, trip_id, None, values
    )


async def list_open_alarms(pool: Pool, agency_id: str) -> dict[int, Alarm]:
    """Give the alarms that stand, by number.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["list_open_alarms"], {"agency_id": agency_id})
            rows = await cursor.fetchall()
    return {number: Alarm(*rest) for number, *rest in rows}


async def write_alarms(
    pool: Pool,
    agency_id: str,
    term: int,
    raised: Iterable[Alarm],
    cleared: Iterable[int],
    now: datetime,
) -> Mapping[str, int] | None:
    """Begin and end alarms in one transaction.

    Args:
        pool: the database.
        agency_id: whose alarms they are.
        term: of the leadership that says so.
        raised: alarms that stand now and did not before; those that do all the same are kept.
        cleared: numbers of those that stand no more.
        now: transit time.

    Returns:
        The numbers of `raised` by key; None when another term is in force, and nothing is written.

    Raises:
        Unavailable: the database does not answer.
    """
    begin = list(raised)
    columns = {
        "key": [a.key for a in begin],
        "kind": [a.kind for a in begin],
        "priority": [a.priority for a in begin],
        "since_s": [a.since_s for a in begin],
        "vehicle_id": [a.vehicle_id for a in begin],
        "route_id": [a.route_id for a in begin],
        "trip_id": [a.trip_id for a in begin],
        "stop_id": [a.stop_id for a in begin],
        "details": [msgspec.json.encode(a.values).decode() for a in begin],
    }
    shared = {"agency_id": agency_id, "now": now}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["hold_term"], shared)
            row = await cursor.fetchone()
            if row is None or row[0] != term:
                return None
            numbers = {"alarm_no": list(cleared)}
            if numbers["alarm_no"]:
                await connection.execute(QUERIES["clear_alarms"], shared | numbers)
            if not begin:
                return {}
            cursor = await connection.execute(QUERIES["raise_alarms"], shared | columns)
            return dict(await cursor.fetchall())
