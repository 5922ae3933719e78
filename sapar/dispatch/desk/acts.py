"""Acts as the desk lists, decides and undoes them; every change stands in the audit log.

The rows and their meaning are those of `sapar.gtfs.realtime.acts`. What is decided together (an act
and its alert, an act in place of another) is decided in one transaction, so that engines never see
half of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.dispatch.desk.alert_checks import AlertContent
from sapar.dispatch.desk.alerts import hide, put
from sapar.gtfs.realtime.acts import What, act_body, read_act_body
from sapar.gtfs.realtime.acts_store import act_id_of, decide_on, undo_on

QUERIES = load_queries("sapar.dispatch.desk")

REMINDER_S = 600.0
"""So long before the end of an act its author is reminded."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a dispatcher sends to decide an act.

    Attributes:
        what: the act.
        from_s, until_s: its period, Unix seconds; None is open.
        cause: name of a GTFS-realtime cause.
        reason: the dispatcher's own words; never published.
        alert: words for riders in place of the drafted ones.
        replaces: an act that is undone in the same moment.
    """

    what: dict[str, Any]
    reason: str
    from_s: float | None = None
    until_s: float | None = None
    cause: str = "OTHER_CAUSE"
    alert: AlertContent | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class ActRow:
    """An act with its whole life."""

    act_id: str
    kind: str
    what: dict[str, Any]
    from_s: float | None
    until_s: float | None
    cause: str
    author: str
    reason: str
    created_s: float
    ended_s: float | None
    ended_by: str | None

    def state(self, now_s: float) -> str:
        """Tell `undone`, `over`, `coming`, `ending` (within the reminder) or `standing`."""
        if self.ended_s is not None:
            return "undone"
        if self.until_s is not None and self.until_s <= now_s:
            return "over"
        if self.from_s is not None and self.from_s > now_s:
            return "coming"
        if self.until_s is not None and self.until_s - now_s <= REMINDER_S:
            return "ending"
        return "standing"


async def decide_act(
    pool: Pool, agency_id: str, decision: Decision, what: What, person: Person, now: datetime
) -> str:
    """Store an act that `check_act` has passed; give its id.

    Raises:
        BadInput: the reason is missing, or the period ends before it begins or is over.
        NotFound: the act to be replaced does not stand.
        Unavailable: the database does not answer.
    """
    if not decision.reason.strip():
        raise BadInput("Say why: colleagues read it.", code="reason_missing")
    if decision.until_s is not None and decision.until_s <= now.timestamp():
        raise BadInput("The period is over already.", code="period_over")
    with translated():
        async with pool.connection() as connection:
            if decision.replaces is not None:
                await _undo(connection, agency_id, decision.replaces, person, now)
            act_id = await decide_on(
                connection,
                agency_id,
                what,
                author=person.name,
                reason=decision.reason.strip(),
                now=now,
                from_at=_moment(decision.from_s),
                until_at=_moment(decision.until_s),
                cause=decision.cause,
            )
            if decision.alert is not None:
                await put(connection, agency_id, act_id, decision.alert, person, now)
            await record(
                connection,
                at=now,
                person=person.name,
                user_id=person.user_id,
                agency_id=agency_id,
                action="act.decide",
                target=act_id,
                before=None if decision.replaces is None else {"replaces": decision.replaces},
                after={
                    "what": act_body(what),
                    "from_s": decision.from_s,
                    "until_s": decision.until_s,
                    "cause": decision.cause,
                },
                reason=decision.reason.strip(),
            )
    return act_id


async def undo_act(pool: Pool, agency_id: str, act_id: str, person: Person, now: datetime) -> None:
    """End an act, and the alert that was written for it.

    Raises:
        NotFound: there is no such act, or it has been undone already.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            await _undo(connection, agency_id, act_id, person, now)


async def _undo(
    connection: AsyncConnection, agency_id: str, act_id: str, person: Person, now: datetime
) -> None:
    await undo_on(connection, agency_id, act_id, author=person.name, now=now)
    await hide(connection, agency_id, act_id, person, now)
    before = await _find(connection, agency_id, act_id)
    await record(
        connection,
        at=now,
        person=person.name,
        user_id=person.user_id,
        agency_id=agency_id,
        action="act.undo",
        target=act_id,
        before={"what": before.what, "from_s": before.from_s, "until_s": before.until_s},
        after=None,
    )


async def list_acts(
    pool: Pool,
    agency_id: str,
    now: datetime,
    *,
    past: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[ActRow]:
    """List the acts that stand at `now`, newest first.

    With `past`, those that are undone or over: a page of `limit` before the act number `before`.
    """
    values = {"agency_id": agency_id, "now": now}
    query = "list_standing_acts"
    if past:
        query, values = "list_past_acts", {**values, "before": before, "limit": limit}
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES[query], values)
            return [_row(row) for row in await cursor.fetchall()]


async def get_act(pool: Pool, agency_id: str, act_id: str) -> ActRow:
    """Give an act.

    Raises:
        NotFound: there is none of this id.
    """
    with translated():
        async with pool.connection() as connection:
            return await _find(connection, agency_id, act_id)


async def remind(pool: Pool, since: datetime, until: datetime) -> int:
    """Tell the pages of agencies where an act ends within a span; give how many there are."""
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_endings"], {"since": since, "until": until}
            )
            agencies = [str(row[0]) for row in await cursor.fetchall()]
            for agency_id in agencies:
                await connection.execute(QUERIES["tell_desk"], {"payload": f"{agency_id} acts"})
    return len(agencies)


def what_of(decision: Decision) -> What:
    """Read the act of a decision.

    Raises:
        BadInput: it is no act.
    """
    return read_act_body(decision.what)


async def _find(connection: AsyncConnection, agency_id: str, act_id: str) -> ActRow:
    number = act_id.removeprefix("act-")
    row = None
    if number.isdecimal() and len(number) < 19:
        cursor = await connection.execute(
            QUERIES["find_act"], {"agency_id": agency_id, "act_no": int(number)}
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no act {act_id!r}.", code="no_such_act")
    return _row(row)


def _row(row: Sequence[Any]) -> ActRow:
    return ActRow(act_id_of(row[0]), *row[1:])


def _moment(time_s: float | None) -> datetime | None:
    return None if time_s is None else datetime.fromtimestamp(time_s, UTC)
