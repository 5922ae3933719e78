"""Stages of a close: each looks at one thing, keeps what it finds as exceptions, and its evidence.

A stage may be run again at will. It passes when nothing is wrong, or when each thing that is was
accepted by a named person with a reason. What it saw is kept for ever, run by run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, json_value, load_queries, translated
from sapar.core.errors import BadInput, Fault, Refused
from sapar.finance.closing.balances import name_of
from sapar.finance.closing.days import STAGES, StageRun, next_revision, read_status
from sapar.finance.closing.moment import at_rest
from sapar.finance.closing.reading import read_accounts, read_totals
from sapar.finance.closing.totals import plain_totals
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.ticketing.ledger.business_days import read_closed_days

_QUERIES = load_queries("sapar.finance.closing")
_canonical = msgspec.json.Encoder(order="sorted").encode

_LISTED_MAX: Final = 500
"""So many exceptions are written out in the evidence; all are counted and all must be accepted."""

Progress = Callable[[str, StageRun | None], None]
"""Told the stage that begins (with None) and what it came to."""


class Checked(NamedTuple):
    """What a stage saw.

    Attributes:
        findings: by kind of exception, all that it found about the day; kept as exceptions.
        evidence: counts and amounts, plain data.
        obstacles: why it cannot pass whatever is accepted: the day is not over.
    """

    findings: Mapping[str, Sequence[Finding]]
    evidence: Mapping[str, Any]
    obstacles: Sequence[str] = ()


Check = Callable[[AsyncConnection, str, date, datetime], Awaitable[Checked]]
"""Looks at one thing: (connection in no transaction, agency, business date, transit time)."""


class Stage(NamedTuple):
    """One thing that is looked at before a day is closed.

    Attributes:
        name: one of `STAGES`.
        kinds: of the exceptions with the day's date that stand in its way.
        check: looks.
        of_taps: exceptions about the day's taps stand in its way, too, of whatever kind.
    """

    name: str
    kinds: tuple[str, ...]
    check: Check
    of_taps: bool = False


_registered: dict[str, Stage] = {}


def register(stage: Stage) -> Stage:
    """Make a stage known under its name, in the place of another one.

    Raises:
        Fault: the database knows no such stage.
    """
    if stage.name not in STAGES:
        raise Fault(f"there is no stage {stage.name!r}")
    _registered[stage.name] = stage
    return stage


def get_stage(name: str) -> Stage:
    """Give a stage.

    Raises:
        BadInput: there is none of that name.
    """
    stage = _registered.get(name)
    if stage is None:
        raise BadInput(f"there is no stage {name!r}", code="unknown_stage", hint=", ".join(STAGES))
    return stage


async def run_stage(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    name: str,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
    noted: bool = True,
) -> StageRun:
    """Run one stage and keep what it saw, with a line in the audit log.

    Args:
        connection: in no transaction.
        agency_id: whose day.
        day: the business date.
        name: of the stage.
        actor: who runs it.
        now: transit time.
        user_id: of the person, for the audit log.
        noted: write that line; whoever runs all stages writes one for all of them.

    Raises:
        BadInput: there is no such stage.
        NotFound: there is no such agency.
        Refused: the day is closed, or was meanwhile (`day_closed`).
    """
    stage = get_stage(name)
    revision = await next_revision(connection, agency_id, day)
    async with at_rest(connection, agency_id) as last_journal_no:
        pass
    checked = await stage.check(connection, agency_id, day, now)
    names: dict[str, Any] = {"agency_id": agency_id, "day": day}
    with translated():
        async with connection.transaction():
            for kind, findings in checked.findings.items():
                await _keep(connection, agency_id, day, kind, findings, now)
            kinds = sorted({*stage.kinds, *checked.findings})
            cursor = await connection.execute(
                _QUERIES["list_day_exceptions"], {**names, "kinds": kinds, "of_taps": stage.of_taps}
            )
            found = await cursor.fetchall()
            await _hold_revision(connection, agency_id, day, revision)
            evidence = _evidence(checked, found, now)
            body = _canonical(evidence)
            passed = not checked.obstacles and not evidence["waiting"]
            await connection.execute(
                _QUERIES["insert_stage"],
                {
                    **names,
                    "revision": revision,
                    "stage": name,
                    "passed": passed,
                    "findings": len(found),
                    "exceptions": [row[0] for row in found],
                    "evidence": body,
                    "digest": hashlib.sha256(body).digest(),
                    "last_journal_no": last_journal_no,
                    "now": now,
                    "actor": actor,
                },
            )
            if noted:
                waiting = evidence["waiting"]
                seen = StageRun(name, passed=passed, findings=len(found), waiting=waiting)
                by = Who(actor, user_id)
                await _note(connection, agency_id, day, revision, [seen], by, now)
    status = await read_status(connection, agency_id, day)
    return next(one for one in status.stages if one.stage == name)


async def _hold_revision(
    connection: AsyncConnection, agency_id: str, day: date, revision: int
) -> None:
    """Keep the day from being closed until the commit; what is kept now is for this revision.

    Raises:
        Refused: the day was closed meanwhile (`day_closed`): what was seen is of no close any more.
    """
    await read_closed_days(connection, [agency_id], day)
    if await next_revision(connection, agency_id, day) != revision:
        raise Refused(f"{day} was closed meanwhile", code="day_closed")


async def _keep(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    kind: str,
    findings: Sequence[Finding],
    now: datetime,
) -> None:
    """Keep findings whose subjects end with the day; other days' are left alone."""
    ending = f" on {day}"
    if not all(one.subject.endswith(ending) for one in findings):
        raise Fault(f"a finding of kind {kind} does not name its day")
    await keep_findings(
        connection,
        agency_id,
        kind,
        findings,
        now=now,
        among=lambda subject: subject.endswith(ending),
    )


def _evidence(checked: Checked, found: Sequence[Sequence[Any]], now: datetime) -> dict[str, Any]:
    """Write what a stage saw, and which exceptions stand there, accepted by whom and why."""
    listed = [
        {
            "exception_no": number,
            "kind": kind,
            "subject": subject,
            "value_tiyn": value_tiyn,
            "accepted_by": accepted_by,
            "reason": reason,
        }
        for number, kind, subject, value_tiyn, _, _, accepted_by, reason in found[:_LISTED_MAX]
    ]
    by_kind: dict[str, list[int]] = {}
    for _, kind, _, value_tiyn, *_ in found:
        sums = by_kind.setdefault(kind, [0, 0])
        sums[0] += 1
        sums[1] += value_tiyn
    return {
        **checked.evidence,
        "obstacles": list(checked.obstacles),
        "exceptions": listed,
        "by_kind": [
            {"kind": kind, "count": count, "value_tiyn": value}
            for kind, (count, value) in sorted(by_kind.items())
        ],
        "waiting": sum(1 for row in found if row[5] is None),
        "at": now,
    }


async def run_all(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    *,
    actor: str,
    now: Callable[[], datetime],
    user_id: int | None = None,
    progress: Progress = lambda _stage, _run: None,
    timed: Callable[[str, Awaitable[Any]], Awaitable[Any]] | None = None,
) -> list[StageRun]:
    """Run all stages in their order, then make the totals that are to be signed.

    Who ran them and what came of it is one line of the audit log, written with the totals.

    A stage that does not pass stops no other: a person sees all that is left to do. When it is
    interrupted, what was run is kept, and it may be run again as a whole or stage by stage.

    Args:
        connection: in no transaction.
        agency_id: whose day.
        day: the business date.
        actor: who runs it.
        now: gives transit time.
        user_id: of the person, for the audit log.
        progress: told of each stage as it begins and ends.
        timed: awaits each step under its name; for benchmarks.

    Raises:
        NotFound: there is no such agency.
        Refused: the day is closed (`day_closed`).
    """
    runs = []
    for name in STAGES:
        progress(name, None)
        step = run_stage(connection, agency_id, day, name, actor=actor, now=now(), noted=False)
        run: StageRun = await (step if timed is None else timed(name, step))
        progress(name, run)
        runs.append(run)

    async def note(revision: int) -> None:
        by = Who(actor, user_id)
        await _note(connection, agency_id, day, revision, runs, by, now())

    step_totals = make_totals(connection, agency_id, day, now=now(), note=note)
    await (step_totals if timed is None else timed("totals", step_totals))
    return runs


async def _note(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    revision: int,
    runs: Sequence[StageRun],
    by: Who,
    now: datetime,
) -> None:
    """Write down in the audit log who looked at a day, and what each stage came to."""
    stages = {
        run.stage: {"passed": run.passed, "findings": run.findings, "waiting": run.waiting}
        for run in runs
    }
    await record(
        connection,
        at=now,
        person=by.name,
        user_id=by.user_id,
        agency_id=agency_id,
        action="day.check",
        target=f"day {day}",
        before=None,
        after={"revision": revision, "stages": stages},
    )


async def make_totals(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    *,
    now: datetime,
    note: Callable[[int], Awaitable[None]] | None = None,
) -> None:
    """Make and keep the totals of a day as they are now: what will be signed and reported.

    `note` is told the revision in the transaction that keeps them.

    Raises:
        NotFound: there is no such agency.
        Refused: the day is closed (`day_closed`).
    """
    revision = await next_revision(connection, agency_id, day)
    async with at_rest(connection, agency_id) as last_journal_no:
        accounts, balances = await read_accounts(connection, agency_id)
        totals = await read_totals(connection, agency_id, day, accounts)
    body = _canonical(plain_totals(totals))
    values = {
        "agency_id": agency_id,
        "day": day,
        "revision": revision,
        "body": body,
        "digest": hashlib.sha256(body).digest(),
        "journals": totals.journals,
        "last_journal_no": last_journal_no,
        "balances": json_value(
            {name_of(account): balance for account, balance in balances.items() if balance}
        ),
        "now": now,
    }
    with translated():
        async with connection.transaction():
            await _hold_revision(connection, agency_id, day, revision)
            await connection.execute(_QUERIES["insert_totals"], values)
            if note is not None:
                await note(revision)
