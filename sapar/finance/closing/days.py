"""The state of a business day: how far its close is, and what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from sapar.core.db import AsyncConnection
from sapar.core.errors import NotFound, Refused
from sapar.finance.closing.asking import ask

STAGES: Final = ("taps", "gaps", "shifts", "agents", "bank", "balances")
"""Stages in their order; two signatures follow. The database knows the same six."""

Act = Literal["prepared", "approved"]
State = Literal["open", "prepared", "closed", "reopened"]
ROLE_OF: Final = {"prepared": "accountant", "approved": "chief_accountant"}
"""The role that each signature needs."""


class StageRun(msgspec.Struct, frozen=True):
    """The newest run of a stage.

    Attributes:
        run_no: None: it was not run yet.
        passed: what it saw was in order, or accepted by a named person.
        stale: something was posted with the day's date since.
        findings: open exceptions that it found, `waiting` of them accepted by nobody.
        evidence: counts, amounts, when; plain data.
        digest: SHA-256 of the evidence as kept, in hexadecimal.
    """

    stage: str
    run_no: int | None = None
    passed: bool = False
    stale: bool = False
    findings: int = 0
    waiting: int = 0
    evidence: dict[str, Any] = {}
    digest: str = ""
    ran_at: datetime | None = None
    ran_by: str = ""


class Signature(msgspec.Struct, frozen=True):
    """Who signed what; `valid` when it is over what the stages come to now."""

    act: Act
    user_id: int
    name: str
    full_name: str
    digest: str
    signed_at: datetime
    valid: bool


class OpenedAgain(msgspec.Struct, frozen=True):
    """The newest reopening of a day that nobody has closed again.

    Attributes:
        name, reason: of who opened it, and why.
        lapsed: its time has passed: nothing posts with the date any more, and what was posted
            meanwhile is in no report until the day is closed once more.
        journals: so many were posted with the day's date since it was closed, numbered
            `from_journal` to `to_journal`; None where there are none.
    """

    reopening_no: int
    name: str
    reason: str
    ends_at: datetime
    lapsed: bool
    journals: int
    from_journal: int | None
    to_journal: int | None


class DayStatus(msgspec.Struct, frozen=True):
    """A business day on its way to its close.

    Attributes:
        state: `open`, `prepared` (one valid signature), `closed`, or `reopened`.
        revision: of the close that is done, or that the stages are for.
        digest: what is to be signed now; None while a stage has not passed.
        obstacle: why it cannot be signed or closed now; None when it can.
        reopened_until: end of a reopening that lasts.
        reopening: the reopening that lasts, or has lapsed; the state of such a day is `closed`.
        closed_at: by the database's clock.
    """

    agency_id: str
    business_date: date
    state: State
    revision: int
    stages: list[StageRun]
    signatures: list[Signature]
    digest: str | None = None
    obstacle: str | None = None
    reopened_until: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    reopening: OpenedAgain | None = None


class DayLine(msgspec.Struct, frozen=True):
    """A line of the list of days.

    Attributes:
        lapsed: it was opened again, its time has passed, and nobody has closed it once more.
    """

    business_date: date
    state: State
    revision: int
    closed_at: datetime | None
    closed_by: str
    lapsed: bool = False


class Close(msgspec.Struct, frozen=True):
    """The row of a closed day; `reopened` while it may be posted to, `was_reopened` also after."""

    revision: int
    digest: bytes | None
    closed_at: datetime
    closed_by: str
    reopened: bool
    was_reopened: bool
    ends_at: datetime | None


async def find_close(connection: AsyncConnection, agency_id: str, day: date) -> Close | None:
    """Give the close of a day; None: it is open."""
    rows = await ask(connection, "find_day", {"agency_id": agency_id, "day": day})
    if not rows:
        return None
    [row] = rows
    revision, digest, closed_at, closed_by, reopening_no, ends_at, reopened = row
    return Close(
        revision, digest, closed_at, closed_by, reopened, reopening_no is not None, ends_at
    )


async def next_revision(connection: AsyncConnection, agency_id: str, day: date) -> int:
    """Give the revision that a close of the day would have now.

    Raises:
        NotFound: there is no such agency.
        Refused: the day is closed and was not reopened since (`day_closed`).
    """
    if not await ask(connection, "find_agency", {"agency_id": agency_id}):
        raise NotFound(f"there is no agency {agency_id!r}", code="unknown_agency")
    close = await find_close(connection, agency_id, day)
    if close is None:
        return 1
    if not close.was_reopened:
        raise Refused(
            f"{day} is closed", code="day_closed", hint="Reopen it first: it takes a reason."
        )
    return close.revision + 1


async def read_status(connection: AsyncConnection, agency_id: str, day: date) -> DayStatus:
    """Give the state of a day with the newest run of each stage and its signatures.

    Raises:
        NotFound: there is no such agency.
    """
    close = await find_close(connection, agency_id, day)
    if close is not None and not close.was_reopened:
        revision = close.revision
    else:
        revision = await next_revision(connection, agency_id, day)
    names = {"agency_id": agency_id, "day": day, "revision": revision}
    done = close is not None and revision == close.revision
    rows = {row[0]: row for row in await ask(connection, "list_stages", names)}
    [(digest,)] = await ask(connection, "find_digest", names)
    obstacle, stale = None, set[str]()
    if not done:
        [(obstacle,)] = await ask(connection, "find_obstacle", names)
        stale = {row[0] for row in await ask(connection, "list_stale", names)}
    signed = await ask(connection, "list_signatures", names)
    signatures = [_signature(row, digest) for row in signed]
    stages = [
        _stage(rows[name], stale=name in stale) if name in rows else StageRun(name)
        for name in STAGES
    ]
    return DayStatus(
        agency_id,
        day,
        _state(close, signatures),
        revision,
        stages,
        signatures,
        digest=None if digest is None else digest.hex(),
        obstacle=obstacle,
        reopened_until=close.ends_at if close is not None and close.reopened else None,
        closed_at=None if close is None else close.closed_at,
        closed_by="" if close is None else close.closed_by,
        reopening=await _find_reopening(connection, agency_id, day, close),
    )


async def _find_reopening(
    connection: AsyncConnection, agency_id: str, day: date, close: Close | None
) -> OpenedAgain | None:
    if close is None or not close.was_reopened:
        return None
    names = {"agency_id": agency_id, "day": day, "revision": close.revision}
    [(number, name, reason, ends_at)] = await ask(connection, "find_reopening", names)
    [(journals, first, last)] = await ask(connection, "count_posted_since", names)
    return OpenedAgain(number, name, reason, ends_at, not close.reopened, journals, first, last)


def _state(close: Close | None, signatures: Sequence[Signature]) -> State:
    if close is not None:
        return "reopened" if close.reopened else "closed"
    return "prepared" if any(one.valid for one in signatures) else "open"


def _signature(row: Sequence[Any], digest: bytes | None) -> Signature:
    act, user_id, name, full_name, signed, signed_at = row
    return Signature(act, user_id, name, full_name, signed.hex(), signed_at, signed == digest)


def _stage(row: Sequence[Any], *, stale: bool) -> StageRun:
    stage, run_no, passed, findings, _, evidence, digest, _, ran_at, ran_by = row
    found = msgspec.json.decode(evidence)
    return StageRun(
        stage, run_no, passed, stale, findings, found.get("waiting", 0), found, digest.hex(),
        ran_at, ran_by,
    )  # fmt: skip


async def list_days(
    connection: AsyncConnection, agency_id: str, *, before: date | None = None, limit: int = 60
) -> list[DayLine]:
    """Give the days that anything is known of, the newest first; `before` for the next page."""
    values = {"agency_id": agency_id, "before": before, "limit": limit}
    return [
        DayLine(
            day,
            "open" if revision is None else "reopened" if reopened else "closed",
            revision or 1,
            closed_at,
            closed_by or "",
            lapsed,
        )
        for day, revision, closed_at, closed_by, reopened, lapsed in await ask(
            connection, "list_days", values
        )
    ]
