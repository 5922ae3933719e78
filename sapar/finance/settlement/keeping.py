"""What a settlement run adds: journals posted, statements, lines and parts kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from sapar.finance.settlement.engine import CLEARING, entries_of
from sapar.finance.settlement.planning import Plan, PoolShares, Run
from sapar.finance.settlement.sources import Pool
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_UNEARNED = 2140
_KINDS = {"clawback": "clawback", "production": "production", "boardings": "production"}


async def carry_out(run: Run, plans: Sequence[Plan], pools: Sequence[PoolShares]) -> dict[str, int]:
    """Post all lines, keep them; give the statements by carrier."""
    if not plans:
        return {}
    statements = {
        carrier: await _statement(run, carrier)
        for carrier in sorted({plan.carrier for plan in plans})
    }
    rows = await run.fetch("draw_line_numbers", count=len(plans))
    numbers = [row[0] for row in rows]
    moved: dict[str, dict[tuple[int, str], int]] = {}
    journals: dict[str, Journal] = {}
    for pool, amounts in pools:
        key = f"settle:pool:{pool.name}:{pool.releases + 1}"
        moved[key] = {(_UNEARNED, pool.name): pool.amount_tiyn}
        moved[key] |= {(CLEARING, owner): -amount for owner, amount in amounts.items() if amount}
        journals[key] = _journal(run, "pass_release", key, pool.month_end, moved[key])
    for number, plan in zip(numbers, plans, strict=True):
        entries = entries_of(plan.line, plan.carrier, plan.terms)
        if entries and plan.step is None:
            key = f"settle:line:{number}"
            moved[key] = entries
            kind = _KINDS.get(plan.line.block, "settlement")
            journals[key] = _journal(run, kind, key, plan.line.service_date, entries)
    keys = {(run.agency_id, *account) for entries in moved.values() for account in entries}
    account_of = await run.accounts.numbers(keys)
    for key, journal in journals.items():
        journal.entries = {
            account_of[run.agency_id, code, owner]: amount
            for (code, owner), amount in moved[key].items()
        }
    await post(run.connection, list(journals.values()), {})
    releases = [await _keep_release(run, pool, amounts, journals) for pool, amounts in pools]
    for number, plan in zip(numbers, plans, strict=True):
        posted = journals.get(f"settle:line:{number}")
        journal_no = posted.journal_no if posted is not None else None
        await _keep(run, number, statements[plan.carrier], plan, journal_no, releases)
    return statements


def _journal(
    run: Run, kind: str, key: str, day: date, moved: Mapping[tuple[int, str], int]
) -> Journal:
    now_ms = int(run.now.timestamp() * 1000)
    content = (kind, key, sorted((*account, amount) for account, amount in moved.items()))
    return Journal(
        agency_id=run.agency_id,
        kind=kind,
        service_date=day,
        event_at_ms=now_ms,
        received_ms=now_ms,
        entries={},
        rule=f"settlement {run.from_date} {run.to_date}",
        actor=run.actor,
        source_key=key,
        content_hash=hashlib.sha256(msgspec.json.encode(content)).digest(),
    )


async def _statement(run: Run, carrier: str) -> int:
    rows = await run.fetch("find_period_statement", carrier_id=carrier)
    if rows and rows[0][2] == "draft":
        return int(rows[0][0])
    part = rows[0][1] + 1 if rows else 1
    return int((await run.fetch("insert_statement", carrier_id=carrier, part=part))[0][0])


async def _keep_release(
    run: Run, pool: Pool, amounts: Mapping[str, int], journals: Mapping[str, Journal]
) -> int:
    journal = journals[f"settle:pool:{pool.name}:{pool.releases + 1}"]
    rows = await run.fetch(
        "insert_release", pool=pool.name, amount_tiyn=pool.amount_tiyn,
        journal_no=journal.journal_no,
    )  # fmt: skip
    release_no = int(rows[0][0])
    for carrier, amount in amounts.items():
        await run.fetch(
            "insert_release_share", release_no=release_no, carrier_id=carrier,
            boardings=pool.boardings[carrier], amount_tiyn=amount,
        )  # fmt: skip
    return release_no


async def _keep(
    run: Run,
    number: int,
    statement_no: int,
    plan: Plan,
    journal_no: int | None,
    releases: Sequence[int],
) -> None:
    line = plan.line
    step_no, step_journal = plan.step or (None, None)
    await run.fetch(
        "insert_line",
        **line._asdict()
        | {
            "line_no": number,
            "statement_no": statement_no,
            "from_journal_no": plan.journal_range[0],
            "through_journal_no": plan.journal_range[1],
            "journal_no": journal_no or step_journal,
            "step_no": step_no,
            "release_no": None if line.release_no is None else releases[line.release_no],
        },
    )
    for part in plan.parts:
        await run.fetch("insert_part", line_no=number, **part._asdict())
    if plan.runs:
        await run.fetch(
            "insert_run_parts",
            line_no=number,
            service_date=line.service_date,
            trips=[one.run.trip_id for one in plan.runs],
            starts=[one.run.start_s for one in plan.runs],
            statuses=[one.status for one in plan.runs],
            metres=[one.metres for one in plan.runs],
        )
