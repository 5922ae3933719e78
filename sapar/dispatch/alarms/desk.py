"""Alarms as the desk sees them, and what a person does about one: step by step, undoable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, NotFound

QUERIES = load_queries("sapar.dispatch.alarms")

SHELVE_MINUTES_MAX = 480
DAY_LIMIT = 2000

What = Literal["acknowledged", "shelved", "taken_over"]
_ACTIONS: dict[str, str] = {
    "acknowledged": "alarm.acknowledge",
    "shelved": "alarm.shelve",
    "taken_over": "alarm.take",
    "undone": "alarm.undo",
}


class AlarmRow(msgspec.Struct, frozen=True):
    """An alarm; times are Unix seconds of transit time, None for what has not happened."""

    alarm_no: int
    key: str
    kind: str
    priority: int
    vehicle_id: str | None
    route_id: str | None
    trip_id: str | None
    stop_id: str | None
    values: dict[str, Any]
    since_s: float
    raised_s: float
    cleared_s: float | None
    acknowledged_s: float | None
    acknowledged_by: str | None
    shelved_until_s: float | None
    shelved_by: str | None
    owner: str | None
    taken_s: float | None


class Step(msgspec.Struct, frozen=True):
    """One step of an alarm's life; `undoes` is the number of the step that counts no more."""

    step_no: int
    what: str
    at_s: float
    person: str
    until_s: float | None
    undoes: int | None
    reason: str


class Rate(msgspec.Struct, frozen=True):
    """How many alarms of a priority were raised in the ten minutes from `from_s` on."""

    from_s: int
    priority: int
    count: int


async def list_standing(pool: Pool, agency_id: str) -> list[AlarmRow]:
    """List the alarms that stand, the most urgent first, then the oldest.

    Raises:
        Unavailable: the database does not answer.
    """
    return [AlarmRow(*row) for row in await _fetch(pool, "list_alarms", agency_id=agency_id)]


async def list_raised(
    pool: Pool,
    agency_id: str,
    since: datetime,
    until: datetime,
    *,
    kind: str | None = None,
    below: int | None = None,
    limit: int = DAY_LIMIT,
) -> list[AlarmRow]:
    """List the alarms that were raised in a span of time, newest first.

    Raises:
        Unavailable: the database does not answer.
    """
    rows = await _fetch(
        pool, "list_alarms_of_day", agency_id=agency_id, since=since, until=until, kind=kind,
        below=below, limit=min(limit, DAY_LIMIT),
    )  # fmt: skip
    return [AlarmRow(*row) for row in rows]


async def count_raised(pool: Pool, agency_id: str, since: datetime, until: datetime) -> list[Rate]:
    """Count the alarms raised in each ten minutes of a span, by priority.

    Raises:
        Unavailable: the database does not answer.
    """
    rows = await _fetch(pool, "count_alarms", agency_id=agency_id, since=since, until=until)
    return [Rate(*row) for row in rows]


async def list_steps(pool: Pool, agency_id: str, alarm_no: int) -> list[Step]:
    """List the life of an alarm.

    Raises:
        NotFound: there is no such alarm.
        Unavailable: the database does not answer.
    """
    rows = await _fetch(pool, "list_steps", agency_id=agency_id, alarm_no=alarm_no)
    if not rows:
        raise _no_alarm(alarm_no)
    return [Step(*row) for row in rows]


async def act(
    pool: Pool,
    agency_id: str,
    alarm_no: int,
    what: What,
    person: Person,
    *,
    now: datetime,
    minutes: int | None = None,
    reason: str = "",
) -> AlarmRow:
    """Let a person acknowledge an alarm, shelve it for some minutes, or take it over.

    Args:
        pool: the database.
        agency_id: whose alarm it is.
        alarm_no: number of the alarm; also of one that has ended.
        what: the act.
        person: who does it.
        now: transit time.
        minutes: for how long it is shelved.
        reason: in the person's words; may be empty.

    Returns:
        The alarm as it is now.

    Raises:
        BadInput: the minutes are missing, or not from 1 to 480.
        NotFound: there is no such alarm.
        Unavailable: the database does not answer.
    """
    until = None
    if what == "shelved":
        if minutes is None or not 1 <= minutes <= SHELVE_MINUTES_MAX:
            raise BadInput(f"An alarm is shelved for 1 to {SHELVE_MINUTES_MAX} minutes.")
        until = now + timedelta(minutes=minutes)
    with translated():
        async with pool.connection() as connection:
            before = await _locked(connection, agency_id, alarm_no)
            step: dict[str, object] = {"what": what, "until": until, "undoes": None}
            return await _step(connection, agency_id, before, step, person, now, reason)


async def undo(
    pool: Pool, agency_id: str, alarm_no: int, person: Person, *, now: datetime, reason: str = ""
) -> AlarmRow:
    """Take back what the person did last about an alarm.

    Raises:
        NotFound: there is no such alarm, or nothing to take back.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            before = await _locked(connection, agency_id, alarm_no)
            cursor = await connection.execute(
                QUERIES["find_last_step"],
                {"agency_id": agency_id, "alarm_no": alarm_no, "person": person.name},
            )
            last = await cursor.fetchone()
            if last is None:
                raise NotFound("There is nothing of yours to undo.", code="nothing_to_undo")
            step = {"what": "undone", "until": None, "undoes": last[0]}
            return await _step(connection, agency_id, before, step, person, now, reason)


async def _fetch(pool: Pool, query: str, **values: object) -> list[tuple[Any, ...]]:
    with translated():
        async with pool.connection() as connection:
            return await (await connection.execute(QUERIES[query], values)).fetchall()


async def _locked(connection: AsyncConnection, agency_id: str, alarm_no: int) -> AlarmRow:
    values = {"agency_id": agency_id, "alarm_no": alarm_no}
    if await (await connection.execute(QUERIES["get_alarm"], values)).fetchone() is None:
        raise _no_alarm(alarm_no)
    return await _state(connection, agency_id, alarm_no)


async def _state(connection: AsyncConnection, agency_id: str, alarm_no: int) -> AlarmRow:
    values = {"agency_id": agency_id, "alarm_no": alarm_no}
    row = await (await connection.execute(QUERIES["get_alarm_state"], values)).fetchone()
    if row is None:
        raise _no_alarm(alarm_no)
    return AlarmRow(*row)


async def _step(
    connection: AsyncConnection,
    agency_id: str,
    before: AlarmRow,
    step: dict[str, object],
    person: Person,
    now: datetime,
    reason: str,
) -> AlarmRow:
    shared = {"agency_id": agency_id, "alarm_no": before.alarm_no, "at": now}
    await connection.execute(
        QUERIES["add_step"], shared | step | {"person": person.name, "reason": reason}
    )
    after = await _state(connection, agency_id, before.alarm_no)
    await record(
        connection,
        at=now,
        person=person.name,
        user_id=person.user_id,
        agency_id=agency_id,
        action=_ACTIONS[str(step["what"])],
        target=f"alarm {before.alarm_no}",
        before=_life(before),
        after=_life(after) | {"key": after.key},
        reason=reason,
    )
    return after


def _life(row: AlarmRow) -> dict[str, object]:
    return {
        "acknowledged_by": row.acknowledged_by,
        "shelved_until_s": row.shelved_until_s,
        "owner": row.owner,
    }


def _no_alarm(alarm_no: int) -> NotFound:
    return NotFound(f"There is no alarm {alarm_no}.", code="no_such_alarm")
