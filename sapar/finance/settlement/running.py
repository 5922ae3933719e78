"""The settlement run: what carriers earned in closed days, into statements and journals, once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, is_idle, translated
from sapar.core.errors import BadInput, Fault, Refused
from sapar.finance.settlement.contracts import list_contracts
from sapar.finance.settlement.keeping import carry_out
from sapar.finance.settlement.planning import Left, Run, plan_lines
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.business_days import read_closed_days


class Settled(msgspec.Struct, frozen=True):
    """What a run came to.

    Attributes:
        statements: numbers of the drafts that got lines; none: everything was settled before.
        lines: how many were added.
        payable_tiyn: what they add to 2310.
        left: money that stays in clearing.
        without_proof: days for which no run is proved, although kilometres are paid.
    """

    statements: list[int]
    lines: int
    payable_tiyn: int
    left: list[Left]
    without_proof: list[date]


async def run_settlement(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    from_date: date,
    to_date: date,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> Settled:
    """Settle what closed business days hold and no statement has taken yet, in one transaction.

    Every carrier with a contract gets a draft, or further lines in the draft of the same period.
    What is found after a statement was issued goes into another part of it. Doing it again changes
    nothing.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose carriers.
        from_date: first business day.
        to_date: last business day.
        actor: who asks; goes to the journals and the audit log.
        now: when.
        user_id: of the person, for the audit log.

    Raises:
        BadInput: the period ends before it begins, or is longer than a year.
        Refused: `day_open`: a day of the period is not closed; `day_reopened`: one was opened
            meanwhile, try again when it is closed.
    """
    if not 0 <= (to_date - from_date).days <= 366:
        raise BadInput(f"{from_date} to {to_date} is no period", code="bad_period")
    if not is_idle(connection):
        raise Fault("a settlement needs a transaction of its own")
    run = Run(connection, accounts, agency_id, from_date, to_date, actor, now)
    with translated():
        async with connection.transaction():
            await run.fetch("lock_settling")
            stamps = await _closed_stamps(run)
            for contract in await list_contracts(connection, agency_id):
                run.contracts.setdefault(contract.carrier_id, []).append(contract)
            plans, pools, without_proof = await plan_lines(run)
            await read_closed_days(connection, [agency_id], from_date)
            if await _closed_stamps(run) != stamps:
                raise Refused("a day of the period was opened", code="day_reopened")
            statements = await carry_out(run, plans, pools)
            settled = Settled(
                sorted(statements.values()), len(plans),
                sum(plan.line.payable_tiyn for plan in plans),
                sorted(run.left, key=lambda one: one.owner), without_proof,
            )  # fmt: skip
            if plans:
                await record(
                    connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                    action="settlement.run", target=f"settlement {from_date} {to_date}",
                    before=None, after=msgspec.to_builtins(settled),
                )  # fmt: skip
    return settled


async def _closed_stamps(run: Run) -> list[tuple[Any, ...]]:
    rows = await run.fetch("list_closed_stamps")
    closed = {row[0] for row in rows}
    still_open = [day for day in run.days if day not in closed]
    if still_open:
        raise Refused(
            f"{still_open[0]} is not closed",
            code="day_open",
            hint="Close the days of the period first: sapar ticketing close.",
        )
    return rows
