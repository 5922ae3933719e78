"""Findings kept as exceptions: one open exception a kind and subject, closed when it is so no more.

Whoever looks for what must not be (a gap, a difference, a doubled line) gives all that it finds;
what is open already is brought up to date, what is not found any more is closed by `sapar`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sapar.core.db import AsyncConnection, json_value, load_queries, translated
from sapar.core.errors import Fault

_queries = load_queries("sapar.finance.exceptions")

BY_ITSELF: Final = "sapar"
"""Who closed what is so no longer; no person has this name."""

Among = Callable[[str], bool] | Collection[str] | None


class Finding(NamedTuple):
    """What must not be, as it is now.

    Attributes:
        subject: what it is about; one open exception a kind and subject.
        value_tiyn: what it is worth; not negative.
        detail: for a person; it should not change while nothing changes (no ages).
        business_date: the day whose close it stands in the way of.
        tap_no, card_no, device_no: what it is about, if one.
        code, owner: the ledger account that it is about, if one.
    """

    subject: str
    value_tiyn: int
    detail: str
    business_date: date | None = None
    tap_no: int | None = None
    card_no: int | None = None
    device_no: int | None = None
    code: int | None = None
    owner: str | None = None


class Kept(NamedTuple):
    """What became of findings.

    Attributes:
        opened, changed, closed: subjects; `changed` are those whose value did.
        explained: found, but a person closed an exception about it of the same value.
    """

    opened: list[str]
    changed: list[str]
    closed: list[str]
    explained: list[str]


class _Standing(NamedTuple):
    exception_no: int
    finding: Finding
    accepted: bool
    open: bool


async def keep_findings(
    connection: AsyncConnection,
    agency_id: str,
    kind: str,
    findings: Sequence[Finding],
    *,
    now: datetime,
    among: Among = None,
    by_detail: bool = False,
) -> Kept:
    """Bring the open exceptions of a kind in line with what is found now.

    Opens one for each new finding, updates value and detail of those that are open, and closes
    those that are not found any more. What a person closed is opened again only when its value
    differs. Safe to repeat: the same findings change nothing.

    Args:
        connection: in autocommit, or in a transaction of the caller's, which this joins.
        agency_id: whose exceptions.
        kind: of the exceptions.
        findings: everything that is found; subjects are unlike each other.
        now: transit time.
        among: the subjects that were looked at, as a collection or a test; only these are closed.
            None: all of this kind.
        by_detail: what a person closed is also opened again when its detail differs.

    Raises:
        Fault: a subject stands twice, or a value is negative.
        DatabaseRefused: the agency does not exist.
    """
    found = {finding.subject: finding for finding in findings}
    if len(found) != len(findings):
        raise Fault(f"findings of kind {kind} name a subject twice")
    if any(finding.value_tiyn < 0 for finding in findings):
        raise Fault(f"a finding of kind {kind} is worth less than nothing")
    names = {"agency_id": agency_id, "kind": kind}
    with translated():
        async with connection.transaction():
            await connection.execute(_queries["lock_kind"], names)
            cursor = await connection.execute(
                _queries["read_kind"], {**names, "subject": list(found)}
            )
            standing = [_standing(row) for row in await cursor.fetchall()]
            plan = _plan(found, standing, _test(among), by_detail=by_detail)
            await _carry_out(connection, names, plan, now)
    return Kept(
        opened=[finding.subject for finding in plan.new],
        changed=[
            finding.subject
            for one, finding in plan.other
            if one.finding.value_tiyn != finding.value_tiyn
        ],
        closed=[one.finding.subject for one in plan.gone],
        explained=plan.explained,
    )


class _Plan(NamedTuple):
    new: list[Finding]
    other: list[tuple[_Standing, Finding]]
    gone: list[_Standing]
    explained: list[str]


def _plan(
    found: dict[str, Finding],
    standing: Sequence[_Standing],
    looked_at: Callable[[str], bool],
    *,
    by_detail: bool,
) -> _Plan:
    explained = {
        one.finding.subject
        for one in standing
        if not one.open
        and (finding := found.get(one.finding.subject)) is not None
        and finding.value_tiyn == one.finding.value_tiyn
        and (not by_detail or finding.detail == one.finding.detail)
    }
    left = {subject: one for subject, one in found.items() if subject not in explained}
    is_open = {one.finding.subject: one for one in standing if one.open}
    return _Plan(
        new=[finding for subject, finding in left.items() if subject not in is_open],
        other=[
            (one, finding)
            for subject, finding in left.items()
            if (one := is_open.get(subject)) is not None and one.finding != finding
        ],
        gone=[
            one
            for subject, one in is_open.items()
            if subject not in left and (subject in explained or looked_at(subject))
        ],
        explained=sorted(explained),
    )


async def _carry_out(
    connection: AsyncConnection, names: dict[str, str], plan: _Plan, now: datetime
) -> None:
    if plan.new:
        await connection.execute(
            _queries["open_findings"], {**names, "now": now, **_columns(plan.new)}
        )
    if plan.other:
        numbers = [one.exception_no for one, _ in plan.other]
        columns = _columns([finding for _, finding in plan.other])
        await connection.execute(_queries["change_findings"], {"exception_no": numbers, **columns})
    for one, finding in plan.other:
        if one.finding.value_tiyn != finding.value_tiyn:
            await add_comment(
                connection,
                one.exception_no,
                at=now,
                actor=BY_ITSELF,
                action="change",
                before={"value_tiyn": one.finding.value_tiyn, "accepted": one.accepted},
                after={"value_tiyn": finding.value_tiyn, "accepted": False},
            )
    if plan.gone:
        numbers = [one.exception_no for one in plan.gone]
        await connection.execute(
            _queries["close_found_no_more"], {"exception_no": numbers, "now": now}
        )


async def add_comment(
    connection: AsyncConnection,
    exception_no: int,
    *,
    at: datetime,
    actor: str,
    action: str,
    note: str = "",
    before: object | None = None,
    after: object | None = None,
) -> None:
    """Add a line to an exception's history, in the caller's transaction; plain data."""
    await connection.execute(
        _queries["add_comment"],
        {
            "exception_no": exception_no,
            "at": at,
            "actor": actor,
            "action": action,
            "note": note,
            "before": None if before is None else json_value(before),
            "after": None if after is None else json_value(after),
        },
    )


def _standing(row: Sequence[Any]) -> _Standing:
    exception_no, *finding, accepted, is_open = row
    return _Standing(exception_no, Finding(*finding), accepted, is_open)


def _columns(findings: Sequence[Finding]) -> dict[str, list[Any]]:
    return {name: [getattr(finding, name) for finding in findings] for name in Finding._fields}


def _test(among: Among) -> Callable[[str], bool]:
    if among is None:
        return lambda _subject: True
    if callable(among):
        return among
    subjects = frozenset(among)
    return lambda subject: subject in subjects
