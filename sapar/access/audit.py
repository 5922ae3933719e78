"""The audit log: who changed what, when, from what to what. Lines are added and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sapar.core.db import AsyncConnection, json_value, load_queries, translated

_QUERIES = load_queries("sapar.access")


async def record(
    connection: AsyncConnection,
    *,
    at: datetime,
    person: str,
    user_id: int | None,
    agency_id: str | None,
    action: str,
    target: str,
    before: object | None,
    after: object | None,
    reason: str = "",
) -> None:
    """Add a line, inside the caller's transaction: a change and its line stand or fall together.

    Args:
        connection: of the caller's transaction.
        at: when it was done, by the clock of the part that did it.
        person: the name of who did it, or of the part that acted by itself (`engine`).
        user_id: the person's number; None when a part or a command acted.
        agency_id: of what was changed; None for what belongs to all agencies.
        action: dotted, thing and verb: `act.decide`, `user.create`.
        target: what was changed, as its kind and identity: `act 17`, `user aigerim`.
        before: plain data as it was; None when there was nothing. Never a password or a key.
        after: plain data as it is now; None when there is nothing any more.
        reason: the person's own words.
    """
    values = {
        "at": at,
        "person": person,
        "user_id": user_id,
        "agency_id": agency_id,
        "action": action,
        "target": target,
        "before": None if before is None else json_value(before),
        "after": None if after is None else json_value(after),
        "reason": reason,
    }
    with translated():
        await connection.execute(_QUERIES["insert_audit"], values)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line of the log, as `record` took it.

    Attributes:
        audit_no: numbers grow; between two there may be holes.
        at: when it was done, by the clock of the part that did it.
        recorded_at: by the database's clock.
        person: who.
        user_id: the person's number.
        agency_id: of what was changed; None: of all agencies.
        action: thing and verb.
        target: what was changed.
        before: as it was.
        after: as it is.
        reason: the person's own words.
    """

    audit_no: int
    at: datetime
    recorded_at: datetime
    person: str
    user_id: int | None
    agency_id: str | None
    action: str
    target: str
    before: object | None
    after: object | None
    reason: str


async def list_lines(
    connection: AsyncConnection,
    *,
    below: int | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    person: str | None = None,
    target: str | None = None,
    action: str | None = None,
    agency_id: str | None = None,
    limit: int = 100,
) -> list[AuditLine]:
    """Lines of the log, newest first.

    Args:
        connection: to read from.
        below: only lines with smaller numbers: the next page.
        from_at: only from then on.
        to_at: only before then.
        person: only of this person.
        target: only about this.
        action: only this one, or with a dot at its end all of one thing: `user.`.
        agency_id: only of this agency.
        limit: at most so many.
    """
    pattern = None
    if action is not None:
        escaped = action.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = escaped + "%" if action.endswith(".") else escaped
    values = {
        "below": 2**63 - 1 if below is None else below,
        "from_at": from_at,
        "to_at": to_at,
        "person": person,
        "target": target,
        "action": pattern,
        "agency_id": agency_id,
        "limit": limit,
    }
    with translated():
        cursor = await connection.execute(_QUERIES["list_audit"], values)
        return [AuditLine(*row) for row in await cursor.fetchall()]


async def list_actions(connection: AsyncConnection) -> list[str]:
    """Which actions there are."""
    with translated():
        cursor = await connection.execute(_QUERIES["list_audit_actions"])
        return [row[0] for row in await cursor.fetchall()]
