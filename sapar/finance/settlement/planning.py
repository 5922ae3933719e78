"""What a settlement run will add: lines of all carriers with their parts. Posts nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, load_queries
from sapar.finance.settlement.contracts import Contract, terms_on
from sapar.finance.settlement.engine import (
    CLEARING,
    Earned,
    Line,
    Share,
    Taken,
    Terms,
    settle,
    stepped,
    take_back,
)
from sapar.finance.settlement.sources import (
    Driven,
    Part,
    Pool,
    Refund,
    Unsettled,
    read_driven,
    read_pools,
    read_refunds,
    read_unsettled,
)
from sapar.finance.settlement.split import split
from sapar.ticketing.ledger.accounts import Accounts

_QUERIES = load_queries("sapar.finance.settlement")
_DAY = timedelta(days=1)

PoolShares = tuple[Pool, dict[str, int]]
"""A pool of passes, and what each carrier gets of it."""


class Left(msgspec.Struct, frozen=True):
    """Money that a run could not settle: of an owner of 2210/2220, or a pool of 2140; and why."""

    owner: str
    amount_tiyn: int
    reason: str


class Plan(NamedTuple):
    """A line that is to be added.

    Attributes:
        line: what it says; its `release_no` is the place of its pool among those that are released.
        carrier: whose.
        terms: that it was made by.
        journal_range: of its parts, see `settlement_line`.
        parts, runs: that it names.
        step: number of the hold or release that it is about, and of its journal.
    """

    line: Line
    carrier: str
    terms: Terms | None
    journal_range: tuple[int, int] = (0, 0)
    parts: Sequence[Part] = ()
    runs: Sequence[Driven] = ()
    step: tuple[int, int] | None = None


@dataclass(slots=True)
class Run:
    """One run, inside its transaction; `left` is what it cannot settle."""

    connection: AsyncConnection
    accounts: Accounts
    agency_id: str
    from_date: date
    to_date: date
    actor: str
    now: datetime
    contracts: dict[str, list[Contract]] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)

    @property
    def days(self) -> list[date]:
        """The days of the period."""
        count = (self.to_date - self.from_date).days + 1
        return [self.from_date + number * _DAY for number in range(count)]

    async def fetch(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query; give its rows, if it has any."""
        names = {
            "agency_id": self.agency_id, "from_date": self.from_date, "to_date": self.to_date,
            "now": self.now, "actor": self.actor,
        }  # fmt: skip
        found = await self.connection.execute(_QUERIES[query], names | values)
        return await found.fetchall() if found.description is not None else []


async def plan_lines(run: Run) -> tuple[list[Plan], list[PoolShares], list[date]]:
    """Give all lines, the pools with what each carrier gets, and days without proofs."""
    unsettled = await read_unsettled(run.connection, run.agency_id, run.days)
    by_km = any(one.kind == "gross_km" for versions in run.contracts.values() for one in versions)
    driven: dict[str, list[Driven]] = {}
    without_proof: list[date] = []
    if by_km:
        driven, without_proof = await read_driven(run.connection, run.agency_id, run.days)
    pools = [
        (pool, split(pool.amount_tiyn, pool.boardings))
        for pool in await read_pools(run.connection, run.agency_id, run.to_date)
        if _can_share(run, pool)
    ]
    refunds = await read_refunds(run.connection, run.agency_id, run.to_date)
    steps: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for carrier, *step in await run.fetch("list_waiting_steps"):
        steps[carrier].append((step[0], step[1], step[2]))
    plans: list[Plan] = []
    for carrier, versions in sorted(run.contracts.items()):
        held = _counting(run, carrier, versions, unsettled.get(carrier, Unsettled()))
        shares = [
            (number, pool, amounts[carrier])
            for number, (pool, amounts) in enumerate(pools)
            if carrier in amounts
        ]
        mine = _earned(run, carrier, versions, held, driven.get(carrier, []), shares)
        mine += [
            Plan(stepped(payable, run.to_date), carrier, None, step=(step_no, journal_no))
            for step_no, payable, journal_no in steps[carrier]
        ]
        standing = await run.fetch("find_period_statement", carrier_id=carrier)
        drafted = standing[0][3] if standing and standing[0][2] == "draft" else 0
        available = drafted + sum(plan.line.payable_tiyn for plan in mine)
        plans += [*mine, *_clawed(carrier, refunds.get(carrier, []), available)]
    for owner, one in unsettled.items():
        amount = sum(total.amount_tiyn for total in one.day_totals())
        if owner not in run.contracts and amount:
            run.left.append(Left(owner, amount, "no_contract"))
    return plans, pools, without_proof


def _can_share(run: Run, pool: Pool) -> bool:
    reason = ""
    if not pool.boardings:
        reason = "no_boardings"
    elif not set(pool.boardings) <= set(run.contracts):
        reason = "no_contract"
    if reason:
        run.left.append(Left(pool.name, pool.amount_tiyn, reason))
    return not reason


def _counting(run: Run, carrier: str, versions: Sequence[Contract], one: Unsettled) -> Unsettled:
    """Leave out business days before the carrier's first contract."""
    first = versions[0].valid_from
    early = sum(total[0] for key, total in one.totals.items() if key[2] < first)
    if early:
        run.left.append(Left(carrier, early, "before_contract"))
    return Unsettled(
        {key: total for key, total in one.totals.items() if key[2] >= first},
        {key: parts for key, parts in one.parts.items() if key[2] >= first},
        one.ranges,
    )


def _earned(
    run: Run,
    carrier: str,
    versions: Sequence[Contract],
    held: Unsettled,
    driven: Sequence[Driven],
    shares: Sequence[tuple[int, Pool, int]],
) -> list[Plan]:
    metres: dict[date, list[Driven]] = defaultdict(list)
    for one in driven:
        day = one.run.service_date
        if day >= versions[0].valid_from and terms_on(versions, day).kind == "gross_km":
            metres[day].append(one)
    earned = Earned(
        held.day_totals(),
        {day: sum(one.metres for one in rows) for day, rows in metres.items()},
        [Share(number, pool.month_end, amount, pool.boardings[carrier])
         for number, pool, amount in shares],
    )  # fmt: skip
    plans = []
    for line in settle(earned, lambda day: terms_on(versions, day)):
        terms = terms_on(versions, line.service_date)
        counted = line.block in {"fares", "late", "refunds", "boardings"}
        plans.append(
            Plan(
                line,
                carrier,
                terms,
                held.ranges[line.business_date] if counted else (0, 0),
                _parts(held, line) if counted else (),
                metres[line.service_date] if line.block == "production" else (),
            )
        )
    assert all(plan.line.contract_no for plan in plans), run.agency_id
    return plans


def _parts(held: Unsettled, line: Line) -> list[Part]:
    if line.block == "boardings":
        return [
            part._replace(amount_tiyn=0)
            for key, parts in held.parts.items()
            if key[2:] == (line.business_date, line.service_date)
            for part in parts
        ]
    key = line.block, line.code or CLEARING, line.business_date, line.service_date
    return held.parts.get(key, [])


def _clawed(carrier: str, refunds: Sequence[Refund], available: int) -> list[Plan]:
    """Take refunds back, the oldest first, as far as there is something to pay."""
    taken: dict[tuple[date, date], list[Part]] = defaultdict(list)
    for refund in refunds:
        amount = min(refund.amount_tiyn, available)
        if amount <= 0:
            break
        available -= amount
        taken[refund.business_date, refund.service_date].append(
            Part(refund.journal_no, amount, 0, arrives=False)
        )
    plans = []
    for days, parts in taken.items():
        [line] = take_back([Taken(*days, sum(part.amount_tiyn for part in parts))])
        plans.append(Plan(line, carrier, None, parts=parts))
    return plans
