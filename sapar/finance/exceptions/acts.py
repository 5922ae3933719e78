"""What people do with exceptions: assign, comment, accept, close, reopen.

Each is one transaction with a line of the exception's history and one of the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sapar.access import audit
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions.keep import BY_ITSELF, add_comment
from sapar.finance.said import refuse_card_number

NOTE_CHARACTERS_MAX: Final = 2000

_queries = load_queries("sapar.finance.exceptions")


class Who(NamedTuple):
    """Who acts: a name, and the person's number where it is a person of the console."""

    name: str
    user_id: int | None = None


class Locked(NamedTuple):
    """An exception as it stands, locked until the commit."""

    exception_no: int
    kind: str
    subject: str
    value_tiyn: int
    assignee: str | None
    accepted: bool
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None
    journal_no: int | None
    tap_no: int | None
    card_no: int | None
    business_date: date | None


async def assign(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    to: str | None,
    by: Who,
    now: datetime,
) -> None:
    """Give an exception to a person, or take it from whoever has it; undone by assigning again.

    Raises:
        NotFound: the agency has no such exception.
        BadInput: the name is empty (`text`).
    """
    if to is not None:
        to = check_text("a name", to, 200)

    async def work(found: Locked) -> tuple[Any, Any] | None:
        if found.assignee == to:
            return None
        await _execute(connection, "assign_exception", exception_no=exception_no, assignee=to)
        return {"assignee": found.assignee}, {"assignee": to}

    await _act(connection, agency_id, exception_no, "assign", "", by, now, work)


async def comment(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    text: str,
    by: Who,
    now: datetime,
) -> None:
    """Write something down about an exception, open or closed; it stays.

    Raises:
        NotFound: the agency has no such exception.
        BadInput: the text is empty or too long (`text`).
    """
    text = check_text("a comment", text)

    async def work(_found: Locked) -> tuple[Any, Any]:
        return None, None

    await _act(connection, agency_id, exception_no, "comment", text, by, now, work)


async def accept(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    reason: str,
    seen_tiyn: int,
    by: Who,
    now: datetime,
) -> None:
    """Let the day be closed with an open exception as it stands; it stays open.

    When its value changes afterwards it is accepted no more. Accepting again changes the reason.

    Args:
        connection: in no transaction.
        agency_id: whose.
        exception_no: which.
        reason: the person's words.
        seen_tiyn: what the person saw that it is worth: that is accepted, and nothing else.
        by: the person.
        now: transit time.

    Raises:
        NotFound: the agency has no such exception.
        Refused: it is closed (`closed`), or worth something else by now (`changed_since`).
        BadInput: there is no reason, or one with a bank card's number (`text`, `pan_like`).
    """
    reason = check_text("a reason", reason)

    async def work(found: Locked) -> tuple[Any, Any]:
        check_open(found)
        if found.value_tiyn != seen_tiyn:
            raise Refused(
                f"exception {exception_no} is worth {found.value_tiyn} tiyn by now",
                code="changed_since",
                hint="Look at it again: what was to be accepted was another amount.",
            )
        await _execute(
            connection, "accept_exception",
            exception_no=exception_no, now=now, actor=by.name, reason=reason,
        )  # fmt: skip
        return {"accepted": found.accepted}, {"accepted": True, "value_tiyn": found.value_tiyn}

    await _act(connection, agency_id, exception_no, "accept", reason, by, now, work)


async def unaccept(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    reason: str,
    by: Who,
    now: datetime,
) -> None:
    """Take an acceptance back; what was not accepted stays so.

    Raises:
        NotFound: the agency has no such exception.
        BadInput: there is no reason (`text`).
    """
    reason = check_text("a reason", reason)

    async def work(found: Locked) -> tuple[Any, Any] | None:
        if not found.accepted:
            return None
        await _execute(connection, "unaccept_exception", exception_no=exception_no)
        return {"accepted": True}, {"accepted": False}

    await _act(connection, agency_id, exception_no, "unaccept", reason, by, now, work)


async def close(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    reason: str,
    by: Who,
    now: datetime,
) -> None:
    """Close an exception with what was found out, without a posting.

    It is not opened again unless its value changes.

    Raises:
        NotFound: the agency has no such exception.
        Refused: it is closed (`closed`).
        BadInput: there is no reason (`text`).
    """
    reason = check_text("a reason", reason)

    async def work(found: Locked) -> tuple[Any, Any]:
        check_open(found)
        await write_closed(connection, found, by, now, reason, None)
        return {"value_tiyn": found.value_tiyn}, {"closed": True}

    await _act(connection, agency_id, exception_no, "close", reason, by, now, work)


async def reopen(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    reason: str,
    by: Who,
    now: datetime,
) -> None:
    """Undo a close: the exception is open as before, with its age.

    Raises:
        NotFound: the agency has no such exception.
        Refused: it is open (`open`), closed by itself (`closed_by_itself`), resolved by a posting
            (`resolved_by_posting`: undo that), decided by a word on its tap (`decided_by_ruling`),
            or another about the same is open (`other_open`).
        BadInput: there is no reason (`text`).
    """
    reason = check_text("a reason", reason)

    async def work(found: Locked) -> tuple[Any, Any]:
        if found.journal_no is not None:
            raise Refused(
                f"exception {exception_no} was resolved by journal {found.journal_no}",
                code="resolved_by_posting",
                hint="Undo the resolution: it posts a reversal and opens the exception again.",
            )
        if found.closed_at is not None:
            await check_undecided(connection, found)
        return await write_reopened(connection, found)

    await _act(connection, agency_id, exception_no, "reopen", reason, by, now, work)


# -- what resolving shares -------------------------------------------------------------------------


async def lock(connection: AsyncConnection, agency_id: str, exception_no: int) -> Locked:
    """Lock an exception until the commit; who also locks days and cards does so before.

    Raises:
        NotFound: the agency has no such exception.
    """
    values = {"agency_id": agency_id, "exception_no": exception_no}
    cursor = await connection.execute(_queries["lock_exception"], values)
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"there is no exception {exception_no}", hint="sapar ticketing exceptions list"
        )
    return Locked(exception_no, *row)


async def write_closed(
    connection: AsyncConnection,
    found: Locked,
    by: Who,
    now: datetime,
    reason: str,
    journal_no: int | None,
) -> None:
    """Close a locked exception."""
    if by.name == BY_ITSELF:
        raise BadInput(f"no person is called {BY_ITSELF}", code="text")
    await _execute(
        connection, "close_exception",
        exception_no=found.exception_no, now=now, actor=by.name, reason=reason,
        journal_no=journal_no,
    )  # fmt: skip


async def write_reopened(connection: AsyncConnection, found: Locked) -> tuple[Any, Any]:
    """Open a locked exception again; give what changed.

    Raises:
        Refused: as `reopen` says.
    """
    if found.closed_at is None:
        raise Refused(f"exception {found.exception_no} is open", code="open")
    if found.closed_by == BY_ITSELF:
        raise Refused(
            f"exception {found.exception_no} is so no longer: {found.resolution}",
            code="closed_by_itself",
            hint="When it is found again, it is opened again.",
        )
    values = {"exception_no": found.exception_no}
    cursor = await connection.execute(_queries["other_open"], values)
    other = await cursor.fetchone()
    if other is not None:
        raise Refused(f"exception {other[0]} about the same is open", code="other_open")
    await connection.execute(_queries["reopen_exception"], values)
    before = {
        "closed_at": found.closed_at.isoformat(),
        "closed_by": found.closed_by,
        "resolution": found.resolution,
        "journal_no": found.journal_no,
    }
    return before, {"closed": False}


async def write_history(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    action: str,
    note: str,
    by: Who,
    now: datetime,
    change: tuple[Any, Any],
) -> None:
    """Add a line to the exception's history, and one to the audit log."""
    before, after = change
    await add_comment(
        connection, exception_no, at=now, actor=by.name, action=action, note=note, before=before,
        after=after,
    )  # fmt: skip
    await audit.record(
        connection, at=now, person=by.name, user_id=by.user_id, agency_id=agency_id,
        action=f"exception.{action}", target=f"exception {exception_no}", before=before,
        after=after, reason=note,
    )  # fmt: skip


async def _act(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    action: str,
    note: str,
    by: Who,
    now: datetime,
    work: Callable[[Locked], Awaitable[tuple[Any, Any] | None]],
) -> None:
    if not by.name:
        raise BadInput("who acts has no name", code="text")
    with translated():
        async with connection.transaction():
            found = await lock(connection, agency_id, exception_no)
            change = await work(found)
            if change is not None:
                await write_history(
                    connection, agency_id, exception_no, action, note, by, now, change
                )


async def _execute(connection: AsyncConnection, query: str, **values: Any) -> None:
    await connection.execute(_queries[query], values)


async def check_undecided(connection: AsyncConnection, found: Locked) -> None:
    """Refuse what is about a held tap that a person has ruled on, and that is not held for it now.

    Raises:
        Refused: a ruling decided it (`decided_by_ruling`).
    """
    values = {"exception_no": found.exception_no}
    cursor = await connection.execute(_queries["decided_by_ruling"], values)
    if await cursor.fetchone() is not None:
        raise Refused(
            f"a word on tap {found.tap_no} decided exception {found.exception_no}",
            code="decided_by_ruling",
            hint="The opposite word on the tap takes that back.",
        )


def check_open(found: Locked) -> None:
    """Refuse what is closed.

    Raises:
        Refused: it is (`closed`).
    """
    if found.closed_at is not None:
        raise Refused(
            f"exception {found.exception_no} was closed by {found.closed_by}: {found.resolution}",
            code="closed",
        )


def check_text(name: str, text: str, longest: int = NOTE_CHARACTERS_MAX) -> str:
    """Give a text without the white space around it.

    Raises:
        BadInput: nothing is left, or too much (`text`), or a bank card's number (`pan_like`).
    """
    text = text.strip()
    if not text or len(text) > longest or "\0" in text:
        raise BadInput(
            f"{name} has 1 to {longest} characters", code="text", hint="Say what was found out."
        )
    refuse_card_number(text)
    return text
