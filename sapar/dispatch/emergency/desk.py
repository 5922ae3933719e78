"""Emergencies as the desk sees them; a person acknowledges one, and closes it with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused

QUERIES = load_queries("sapar.dispatch.emergency")


class EmergencyRow(msgspec.Struct, frozen=True):
    """An emergency; times are Unix seconds, None for what has not happened.

    Attributes:
        at_s, last_s: the first and the newest press, by the device's clock; presses: how many.
        tries, delivered_s, last_error: the post to the other centre, by the wall clock.
    """

    emergency_no: int
    vehicle_id: str
    device_id: str
    at_s: float
    received_s: float
    presses: int
    last_s: float
    latitude: float | None
    longitude: float | None
    driver_id: str | None
    route_id: str | None
    trip_id: str | None
    data: dict[str, Any] | None
    acknowledged_s: float | None
    acknowledged_by: str | None
    closed_s: float | None
    closed_by: str | None
    close_reason: str
    tries: int
    delivered_s: float | None
    last_error: str


async def list_emergencies(pool: Pool, agency_id: str, since: datetime) -> list[EmergencyRow]:
    """List the emergencies that stand and those closed since a moment, newest first.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_emergencies"], {"agency_id": agency_id, "since": since}
            )
            return [EmergencyRow(*row) for row in await cursor.fetchall()]


async def acknowledge(
    pool: Pool, agency_id: str, emergency_no: int, person: Person, *, now: datetime
) -> EmergencyRow:
    """Say that a person looks after it: the post to the other centre ends.

    Raises:
        NotFound: there is none.
        Unavailable: the database does not answer.
    """
    return await _answer(pool, agency_id, emergency_no, person, now, "acknowledge_emergency", "")


async def close(
    pool: Pool, agency_id: str, emergency_no: int, person: Person, *, now: datetime, reason: str
) -> EmergencyRow:
    """End an emergency: its alarm goes with the next tick.

    Raises:
        BadInput: the reason is missing.
        NotFound: there is none.
        Refused: it is closed already.
        Unavailable: the database does not answer.
    """
    if not reason.strip():
        raise BadInput("An emergency is closed with a reason.", code="reason_missing")
    return await _answer(pool, agency_id, emergency_no, person, now, "close_emergency", reason)


async def _answer(
    pool: Pool,
    agency_id: str,
    emergency_no: int,
    person: Person,
    now: datetime,
    query: str,
    reason: str,
) -> EmergencyRow:
    values = {"agency_id": agency_id, "emergency_no": emergency_no, "now": now}
    with translated():
        async with pool.connection() as connection:
            before = await _locked(connection, agency_id, emergency_no)
            if before.closed_s is not None:
                raise Refused("The emergency is closed already.", code="emergency_closed")
            await connection.execute(
                QUERIES[query], values | {"person": person.name, "reason": reason}
            )
            after = await _locked(connection, agency_id, emergency_no)
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="emergency." + query.partition("_")[0],
                target=f"emergency {emergency_no}",
                before=_life(before),
                after=_life(after) | {"vehicle_id": after.vehicle_id},
                reason=reason,
            )
            return after


async def _locked(connection: AsyncConnection, agency_id: str, emergency_no: int) -> EmergencyRow:
    values = {"agency_id": agency_id, "emergency_no": emergency_no}
    row = await (await connection.execute(QUERIES["get_emergency"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no emergency {emergency_no}.", code="no_such_emergency")
    return EmergencyRow(*row)


def _life(row: EmergencyRow) -> dict[str, object]:
    return {"acknowledged_by": row.acknowledged_by, "closed_by": row.closed_by}
