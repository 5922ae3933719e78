"""The six stages: what each looks at before a day is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sapar.core.db import AsyncConnection
from sapar.finance.agents.day import check_agents as agents_left
from sapar.finance.closing import balances
from sapar.finance.closing.asking import ask
from sapar.finance.closing.moment import at_rest
from sapar.finance.closing.reading import (
    read_accounts,
    read_anchor,
    read_moved,
    read_statements,
)
from sapar.finance.closing.stages import Checked, Stage, register
from sapar.finance.exceptions.checks import GAP_KINDS, SHIFT_KINDS
from sapar.finance.exceptions.gaps import watch_gaps
from sapar.finance.exceptions.keep import Finding
from sapar.finance.matching.views import check_suspense
from sapar.finance.shifts.reading import beginning, calendar_of
from sapar.finance.shifts.watch import watch_shifts
from sapar.ticketing.controls import CONTROLS, run_controls

LATE: Final = "late_taps"
STATEMENT_MISSING: Final = "statement_missing"
AGENT_KINDS: Final = (
    "register_difference", "register_missing", "agent_short", "agent_over", "payout_missing",
)  # fmt: skip
BANK_KINDS: Final = (
    STATEMENT_MISSING, "bank_line_doubled", "bank_line_unknown", "fee_difference",
)  # fmt: skip
_DAY: Final = timedelta(days=1)


async def check_taps(
    connection: AsyncConnection, agency_id: str, day: date, now: datetime
) -> Checked:
    """The day is over, every tap of it posted or has an exception, the standing controls ran.

    Taps of earlier days that post on this day are an exception for each day of service, worth what
    carriers earn by them: they belong to a day whose report was signed without them.
    """
    calendar = await calendar_of(connection, agency_id)
    since, until = beginning(calendar, day), beginning(calendar, day + _DAY)
    found = await run_controls(connection, agency_id, since=since, now=now)
    names = {"agency_id": agency_id, "day": day, "since": since - _DAY}
    counted = await ask(connection, "count_taps", names)
    late = await ask(connection, "list_late", names)
    obstacles = [f"the day is not over until {until.isoformat()}"] if now < until else []
    return Checked(
        {LATE: _late(late, day)},
        {
            "taps": [
                {"status": status, "taps": taps, "riders": riders, "charged_tiyn": charged}
                for status, taps, riders, charged in counted
            ],
            "unposted": len(found["without_journal"]),
            "controls": {kind: len(findings) for kind, findings in found.items()},
            "late": [
                {"service_date": service_date, "taps": taps, "earned_tiyn": earned}
                for service_date, taps, earned in late
            ],
            "window": {"from": since, "to": until},
        },
        obstacles,
    )


def _late(rows: Sequence[Sequence[Any]], day: date) -> list[Finding]:
    return [
        Finding(
            f"taps of {service_date} on {day}",
            abs(earned),
            f"{taps} taps of {service_date} came after it was closed",
            day,
        )
        for service_date, taps, earned in rows
        if taps
    ]


async def check_gaps(
    connection: AsyncConnection, agency_id: str, _day: date, now: datetime
) -> Checked:
    """Each open gap of sequence numbers is an exception with what it may be worth."""
    await watch_gaps(connection, agency_id, now)
    [(gaps, missing)] = await ask(connection, "count_open_gaps", {"agency_id": agency_id})
    return Checked({}, {"open_gaps": gaps, "missing_taps": missing})


async def check_shifts(
    connection: AsyncConnection, agency_id: str, day: date, now: datetime
) -> Checked:
    """The totals of each shift report are those of the taps that came."""
    await watch_shifts(connection, agency_id, now, since=day)
    names = {"agency_id": agency_id, "day": day}
    [(reports, devices)] = await ask(connection, "count_shifts", names)
    return Checked({}, {"shift_reports": reports, "devices": devices})


async def check_agents(
    connection: AsyncConnection, agency_id: str, day: date, _now: datetime
) -> Checked:
    """Registers of agents and processors agree with the ledger, deposits with registers.

    What their daily job (`agents.day`) has still to do cannot be accepted: it is to be done.
    """
    rows = await ask(connection, "list_takers", {"agency_id": agency_id, "day": day})
    left = await agents_left(connection, agency_id, day)
    return Checked(
        {},
        {
            "takers": [
                {"code": code, "owner": owner, "operations": n, "debits": debits,
                 "credits": credits_}
                for code, owner, n, debits, credits_ in rows
            ]
        },
        [f"{one.subject}: {one.detail}" for one in left],
    )  # fmt: skip


async def check_bank(
    connection: AsyncConnection, agency_id: str, day: date, _now: datetime
) -> Checked:
    """The statements of the day are here; what they show is matched, or known not to be."""
    rows = await ask(connection, "list_bank_days", {"agency_id": agency_id, "day": day})
    missing = [
        Finding(f"statement of {account} on {day}", 0, f"no statement covers {day}", day,
                code=1010, owner=account)
        for account, covered, *_ in rows
        if not covered
    ]  # fmt: skip
    return Checked(
        {STATEMENT_MISSING: missing},
        {
            "bank_accounts": [
                {"bank_account_id": account, "covered": covered, "lines": lines,
                 "lines_tiyn": sum_, "unmatched": unmatched, "unmatched_tiyn": open_}
                for account, covered, lines, sum_, unmatched, open_ in rows
            ]
        },
    )  # fmt: skip


async def check_balances(
    connection: AsyncConnection, agency_id: str, day: date, _now: datetime
) -> Checked:
    """What must hold for the accounts, against the balances that the last close signed."""
    async with at_rest(connection, agency_id) as last_journal_no:
        accounts, standing = await read_accounts(connection, agency_id)
        after, anchor = await read_anchor(connection, agency_id)
        moved = await read_moved(connection, agency_id, after, accounts)
        statements = await read_statements(connection, agency_id)
        suspense = await check_suspense(connection, agency_id)
    findings = [
        *balances.unequal(standing, anchor, moved, day),
        *balances.unbalanced(standing, day),
        *balances.below_zero(standing, day),
        *balances.off_statement(statements, day),
        *balances.off_lines(suspense, day),
    ]
    by_subject: dict[str, Finding] = {}
    for one in findings:  # an account may break two rules: one exception holds the greater
        known = by_subject.get(one.subject)
        if known is None or known.value_tiyn < one.value_tiyn:
            by_subject[one.subject] = one
    return Checked(
        {balances.KIND: list(by_subject.values())},
        {
            "accounts": len(standing),
            "journals_from": after + 1,
            "journals_to": last_journal_no,
            "suspense": [
                {"code": code, "owner": owner, "balance": balance}
                for (code, owner), balance in sorted(standing.items())
                if code in balances.SUSPENSE and balance
            ],
            "statements": [one._asdict() for one in statements],
        },
    )


for _stage in (
    Stage("taps", (LATE, *CONTROLS), check_taps, of_taps=True),
    Stage("gaps", GAP_KINDS, check_gaps),
    Stage("shifts", SHIFT_KINDS, check_shifts),
    Stage("agents", AGENT_KINDS, check_agents),
    Stage("bank", BANK_KINDS, check_bank),
    Stage("balances", (balances.KIND,), check_balances),
):
    register(_stage)
