"""Alerts for riders as people write them: checked, published, changed, ended, undone.

The row of `alert` is what engines publish; every version of it that a person wrote is kept in
`alert_revision`, and undoing is one more revision, like the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.core.db import AsyncConnection, Pool, json_value, load_queries, translated
from sapar.core.errors import NotFound, Refused
from sapar.dispatch.desk.alert_checks import AlertContent, Informed

QUERIES = load_queries("sapar.dispatch.desk")

_LISTED_S = 7 * 86_400.0  # what has ended is listed for so long


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert with its state.

    Attributes:
        revision: number of what a person wrote; 0 where other means put it there.
        withdrawn: it is out of the feed for good.
        author, changed_s: who wrote this revision, and when.
        in_feed_s: header time of the first feed that had it; None until it was read back.
    """

    alert_id: str
    content: AlertContent
    revision: int
    withdrawn: bool
    author: str
    changed_s: float
    in_feed_s: float | None

    def state(self, now_s: float) -> str:
        """Tell `withdrawn`, `over`, `coming` or `active`."""
        if self.withdrawn:
            return "withdrawn"
        if self.content.until_s is not None and self.content.until_s <= now_s:
            return "over"
        if self.content.from_s is not None and self.content.from_s > now_s:
            return "coming"
        return "active"


async def publish(
    pool: Pool,
    agency_id: str,
    alert_id: str,
    content: AlertContent,
    person: Person,
    now: datetime,
    *,
    revision: int | None = None,
) -> int:
    """Put an alert that `check_alert` has passed in force, a new one or a changed one.

    `revision` is the one that was changed; None for a new alert.

    Returns:
        The number of the revision.

    Raises:
        Refused: somebody else has changed it since.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            return await put(
                connection, agency_id, alert_id, content, person, now, expected=revision
            )


async def put(
    connection: AsyncConnection,
    agency_id: str,
    alert_id: str,
    content: AlertContent,
    person: Person,
    now: datetime,
    *,
    expected: int | None = None,
    action: str = "",
) -> int:
    """Put an alert in force in the caller's transaction; otherwise as `publish`."""
    before = await _lock(connection, agency_id, alert_id)
    if expected is not None and (before is None or before.revision != expected):
        raise _changed_since(alert_id)
    revision = await _next(connection, agency_id, before, now) if before is not None else 1
    body = msgspec.to_builtins(content)
    values = {
        **{name: json_value(body[name]) for name in ("header", "description", "url", "informed")},
        "agency_id": agency_id,
        "alert_id": alert_id,
        "cause": content.cause,
        "effect": content.effect,
        "from_at": _moment(content.from_s),
        "until_at": _moment(content.until_s),
        "now": now,
        "revision": revision,
    }
    await connection.execute(QUERIES["upsert_alert"], values)
    await _keep(connection, agency_id, alert_id, revision, body, person, now)
    verb = action or ("publish" if before is None else "change")
    await _note(connection, agency_id, alert_id, person, now, verb, before, body)
    return revision


async def withdraw(
    pool: Pool, agency_id: str, alert_id: str, revision: int, person: Person, now: datetime
) -> int:
    """Take an alert out of the feed at once; give the number of the revision.

    Raises:
        NotFound: there is no such alert.
        Refused: somebody else has changed it since.
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            before = await _get_locked(connection, agency_id, alert_id, revision)
            return await _hide(connection, agency_id, alert_id, before, person, now, "end")


async def hide(
    connection: AsyncConnection, agency_id: str, alert_id: str, person: Person, now: datetime
) -> None:
    """Take an alert out of the feed if it is there, in the caller's transaction."""
    before = await _lock(connection, agency_id, alert_id)
    if before is not None and not before.withdrawn:
        await _hide(connection, agency_id, alert_id, before, person, now, "end")


async def undo_revision(
    pool: Pool, agency_id: str, alert_id: str, revision: int, person: Person, now: datetime
) -> int:
    """Go back to what stood before a revision; give the number of the new one.

    Raises:
        NotFound: there is no such alert.
        Refused: somebody else has changed it since.
        Unavailable: the database does not answer.
    """
    values = {"agency_id": agency_id, "alert_id": alert_id, "revision": revision}
    with translated():
        async with pool.connection() as connection:
            before = await _get_locked(connection, agency_id, alert_id, revision)
            cursor = await connection.execute(QUERIES["find_revision_before"], values)
            row = await cursor.fetchone()
            body = None if row is None else row[0]
            if body is None:
                return await _hide(connection, agency_id, alert_id, before, person, now, "undo")
            content = msgspec.convert(body, AlertContent)
            return await put(connection, agency_id, alert_id, content, person, now, action="undo")


async def list_alerts(pool: Pool, agency_id: str, now: datetime) -> list[AlertRow]:
    """List the alerts in force, to come, and ended within a week; newest first."""
    since = datetime.fromtimestamp(now.timestamp() - _LISTED_S, UTC)
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(
                QUERIES["list_alerts"], {"agency_id": agency_id, "since": since}
            )
            return [_row(row) for row in await cursor.fetchall()]


async def note_in_feed(
    pool: Pool, agency_id: str, found: dict[str, int], feed_time: datetime
) -> None:
    """Keep since when revisions (by alert) are in the feed, as it was read back."""
    with translated():
        async with pool.connection() as connection:
            for alert_id, revision in found.items():
                await connection.execute(
                    QUERIES["note_in_feed"],
                    {
                        "agency_id": agency_id,
                        "alert_id": alert_id,
                        "revision": revision,
                        "since": feed_time,
                    },
                )


async def _hide(
    connection: AsyncConnection,
    agency_id: str,
    alert_id: str,
    before: AlertRow,
    person: Person,
    now: datetime,
    verb: str,
) -> int:
    revision = await _next(connection, agency_id, before, now)
    await connection.execute(
        QUERIES["withdraw_alert"],
        {"agency_id": agency_id, "alert_id": alert_id, "now": now, "revision": revision},
    )
    await _keep(connection, agency_id, alert_id, revision, None, person, now)
    await _note(connection, agency_id, alert_id, person, now, verb, before, None)
    return revision


async def _next(
    connection: AsyncConnection, agency_id: str, before: AlertRow, now: datetime
) -> int:
    """Number the next revision; what other means put there becomes the first, to go back to."""
    if before.revision:
        return before.revision + 1
    body = msgspec.to_builtins(before.content)
    nobody = Person(0, "-", frozenset())
    await _keep(connection, agency_id, before.alert_id, 1, body, nobody, now)
    return 2


async def _lock(connection: AsyncConnection, agency_id: str, alert_id: str) -> AlertRow | None:
    cursor = await connection.execute(
        QUERIES["lock_alert"], {"agency_id": agency_id, "alert_id": alert_id}
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    *texts, (from_s, until_s), revision, withdrawn = row
    content = _content(texts, from_s, until_s)
    return AlertRow(alert_id, content, revision, withdrawn, "", 0.0, None)


async def _get_locked(
    connection: AsyncConnection, agency_id: str, alert_id: str, revision: int
) -> AlertRow:
    found = await _lock(connection, agency_id, alert_id)
    if found is None:
        raise NotFound(f"There is no alert {alert_id!r}.", code="no_such_alert")
    if found.revision != revision:
        raise _changed_since(alert_id)
    return found


def _changed_since(alert_id: str) -> Refused:
    return Refused(
        f"Somebody else has changed alert {alert_id!r} since you read it.",
        code="changed_since",
        hint="Read it again.",
    )


async def _keep(
    connection: AsyncConnection,
    agency_id: str,
    alert_id: str,
    revision: int,
    body: dict[str, Any] | None,
    person: Person,
    now: datetime,
) -> None:
    values = {
        "agency_id": agency_id,
        "alert_id": alert_id,
        "revision": revision,
        "body": None if body is None else json_value(body),
        "person": person.name,
        "now": now,
    }
    await connection.execute(QUERIES["insert_revision"], values)


async def _note(
    connection: AsyncConnection,
    agency_id: str,
    alert_id: str,
    person: Person,
    now: datetime,
    verb: str,
    before: AlertRow | None,
    after: dict[str, Any] | None,
) -> None:
    stood = before is not None and not before.withdrawn
    await record(
        connection,
        at=now,
        person=person.name,
        user_id=person.user_id,
        agency_id=agency_id,
        action=f"alert.{verb}",
        target=alert_id,
        before=msgspec.to_builtins(before.content) if stood and before is not None else None,
        after=after,
    )


def _row(row: Sequence[Any]) -> AlertRow:
    alert_id, *texts, from_s, until_s, revision, withdrawn, person, changed_s, in_feed_s = row
    content = _content(texts, from_s, until_s)
    return AlertRow(alert_id, content, revision, withdrawn, person or "", changed_s, in_feed_s)


def _content(texts: Sequence[Any], from_s: float | None, until_s: float | None) -> AlertContent:
    header, description, url, cause, effect, informed = texts
    return AlertContent(
        header=header,
        description=description,
        url=url,
        cause=cause,
        effect=effect,
        from_s=from_s,
        until_s=until_s,
        informed=[msgspec.convert(place, Informed) for place in informed],
    )


def _moment(time_s: float | None) -> datetime | None:
    return None if time_s is None else datetime.fromtimestamp(time_s, UTC)
