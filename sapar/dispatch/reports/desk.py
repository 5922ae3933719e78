"""The desk's side of a report: the queue, and its way from new to closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sapar.core.db import AsyncConnection, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.dispatch.reports.filing import QUERIES

ANSWER_MAX: Final = 4000
OPEN_STATES: Final = ("new", "taken", "answered")
STATES: Final = (*OPEN_STATES, "closed")


@dataclass(frozen=True, slots=True)
class Row:
    """A report as the desk sees it; times are transit time."""

    report_no: int
    source: str
    kind: str
    body: str
    language: str
    happened_at: datetime
    filed_at: datetime
    stop_id: str | None
    route_id: str | None
    trip_id: str | None
    vehicle_id: str | None
    latitude: float | None
    longitude: float | None
    evidence: dict[str, Any]
    contact: str | None
    contact_until: datetime | None
    state: str
    taken_by: str | None
    taken_at: datetime | None
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None
    closed_by: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which reports are asked for; None means any."""

    states: tuple[str, ...] = OPEN_STATES
    kind: str | None = None
    route_id: str | None = None
    vehicle_id: str | None = None
    stop_id: str | None = None
    before_no: int | None = None
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Change:
    """A report before and after an act of the desk, for the audit log: the life alone."""

    before: dict[str, Any]
    after: dict[str, Any]
    row: Row


async def list_reports(
    connection: AsyncConnection, agency_id: str, wanted: Wanted, *, now: datetime
) -> list[Row]:
    """List reports, newest first; a contact whose time is over is not shown even before it goes."""
    values = {
        "agency_id": agency_id,
        "states": list(wanted.states),
        "kind": wanted.kind,
        "route_id": wanted.route_id,
        "vehicle_id": wanted.vehicle_id,
        "stop_id": wanted.stop_id,
        "before_no": wanted.before_no,
        "limit": wanted.limit,
        "now": now,
    }
    with translated():
        rows = await (await connection.execute(QUERIES["list_reports"], values)).fetchall()
    return [Row(*row) for row in rows]


async def get_report(
    connection: AsyncConnection, agency_id: str, report_no: int, *, now: datetime
) -> Row:
    """Give one report.

    Raises:
        NotFound: there is none (`no_report`).
    """
    values = {"agency_id": agency_id, "report_no": report_no, "now": now}
    with translated():
        row = await (await connection.execute(QUERIES["get_report"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no report {report_no}.", code="no_report")
    return Row(*row)


async def take(
    connection: AsyncConnection, agency_id: str, report_no: int, *, person: str, now: datetime
) -> Change:
    """Take a report on, from the queue or from a colleague.

    Raises:
        NotFound: there is none (`no_report`).
        Refused: it has been answered or closed (`report_state`).
    """
    before = await _locked(connection, agency_id, report_no, now, ("new", "taken"))
    return await _move(connection, agency_id, before, now, "take_report", person=person)


async def answer(
    connection: AsyncConnection,
    agency_id: str,
    report_no: int,
    text: str,
    *,
    person: str,
    now: datetime,
) -> Change:
    """Answer a report, or write the answer anew while it is not closed; the rider sees it at once.

    Raises:
        BadInput: the text is empty or too long (`bad_answer`).
        NotFound: there is none (`no_report`).
        Refused: it is closed (`report_state`).
    """
    text = text.strip()
    if not 1 <= len(text) <= ANSWER_MAX or "\0" in text:
        raise BadInput(f"An answer has 1 to {ANSWER_MAX} signs.", code="bad_answer")
    before = await _locked(connection, agency_id, report_no, now, OPEN_STATES)
    return await _move(
        connection, agency_id, before, now, "answer_report", person=person, answer=text
    )


async def close(
    connection: AsyncConnection, agency_id: str, report_no: int, *, person: str, now: datetime
) -> Change:
    """Close a report, answered or not.

    Raises:
        NotFound: there is none (`no_report`).
        Refused: it is closed already (`report_state`).
    """
    before = await _locked(connection, agency_id, report_no, now, OPEN_STATES)
    return await _move(connection, agency_id, before, now, "close_report", person=person)


async def _locked(
    connection: AsyncConnection,
    agency_id: str,
    report_no: int,
    now: datetime,
    allowed: tuple[str, ...],
) -> Row:
    values = {"agency_id": agency_id, "report_no": report_no}
    with translated():
        await connection.execute(QUERIES["lock_report"], values)
    row = await get_report(connection, agency_id, report_no, now=now)
    if row.state not in allowed:
        raise Refused(
            f"Report {report_no} is {row.state}.",
            code="report_state",
            hint="Somebody was quicker: look at it again.",
        )
    return row


async def _move(
    connection: AsyncConnection,
    agency_id: str,
    before: Row,
    now: datetime,
    query: str,
    **values: object,
) -> Change:
    known = {"agency_id": agency_id, "report_no": before.report_no, "now": now, **values}
    with translated():
        await connection.execute(QUERIES[query], known)
    after = await get_report(connection, agency_id, before.report_no, now=now)
    return Change(_life(before), _life(after), after)


def _life(row: Row) -> dict[str, Any]:
    return {
        "state": row.state,
        "taken_by": row.taken_by,
        "answer": row.answer,
        "answered_by": row.answered_by,
        "closed_by": row.closed_by,
    }
