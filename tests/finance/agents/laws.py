"""What must hold whatever is sold: sales by many at once, and days with the daily job in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sapar.core.db import connect_async, open_pool
from sapar.core.errors import Refused
from sapar.finance.agents.day import check_agents, close_agents_day
from sapar.finance.matching.items import list_items
from sapar.ticketing.cards.requests import Issue, Paid, TopUp
from sapar.ticketing.ledger.accounts import Accounts
from tests.finance.agents.support import NEXT_MORNING, add_agent, add_processor
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS, ServicePoint, prepare

DAY_MS = 86_400_000
TAKERS = {
    "agent": Paid(by="agent", name="kassa24"),
    "netted": Paid(by="agent", name="keeps"),
    "kaspi": Paid(by="processor", name="kaspi"),
    "desk": Paid(by="cash_desk", name="nobody registered"),
}
CODES = {"agent": 1110, "netted": 1110, "kaspi": 1020, "desk": 1110}


async def check_days(conninfo: str, steps: Sequence[tuple[str, int, int, bool]]) -> None:
    """Sell, run the job here and there, and at the end hold items against the accounts."""
    prepare(conninfo)
    days = [DAY, DAY - timedelta(days=1)]
    connection = await connect_async(conninfo)
    try:
        point = ServicePoint(connection, Accounts(conninfo))
        async with open_pool(conninfo, name="test") as pool:
            await add_agent(pool, commission_bp=130)
            await add_agent(pool, "keeps", commission_bp=130, netted=True)
            await add_processor(pool, fee_bp=150, fee_fixed_tiyn=3)
            await point.do(Issue, category="adult")
            sold: Counter = Counter()
            for who, amount, ago, runs in steps:
                paid = TAKERS[who]
                at_ms = NOON_MS - ago * DAY_MS
                await point.do(TopUp, amount_tiyn=amount, paid=paid, at_ms=at_ms)
                sold[paid.name, days[ago]] += amount
                if runs:
                    await close_agents_day(pool, AGENCY, days[ago], NEXT_MORNING, "robot")
            for day in days:
                await close_agents_day(pool, AGENCY, day, NEXT_MORNING, "robot")
                assert await check_agents(connection, AGENCY, day) == []
            items = await list_items(connection, AGENCY, state=None)
            again = [
                await close_agents_day(pool, AGENCY, day, NEXT_MORNING, "robot") for day in days
            ]
            assert all(done.items == done.nettings == [] for done in again)
        expected: Counter = Counter()
        for item in items:
            expected[item.owner, item.item_date] += item.amount_tiyn
        for (name, day), amount in sold.items():
            if name != "keeps":
                assert expected[name, day] == amount
        for who, code in CODES.items():
            name = TAKERS[who].name
            rows = await point.fetch(
                "SELECT balance FROM account WHERE code = %s AND owner = %s", code, name
            )
            items_of = [item for item in items if item.owner == name]
            assert sum(item.amount_tiyn for item in items_of) == (rows[0][0] if rows else 0)
        assert (
            await point.fetch(
                "SELECT 1 FROM account WHERE code = 2420 AND owner = 'keeps' AND balance <> 0"
            )
            == []
        )
        await point.check_balances()
    finally:
        await connection.close()


async def check_limit(conninfo: str, number: int, limit: int, tellers: list[list[int]]) -> None:
    """Let tellers sell for one agent at once, and look at what came of it."""
    name = f"agent{number}"
    paid = Paid(by="agent", name=name)
    accounts = Accounts(conninfo)
    done: list[int] = []
    refused: list[tuple[str, int]] = []

    async def teller(place: int, amounts: list[int]) -> None:
        connection = await connect_async(conninfo)
        try:
            point = ServicePoint(connection, accounts)
            for amount in amounts:
                try:
                    await point.do(TopUp, f"card{place}", amount_tiyn=amount, paid=paid)
                    done.append(amount)
                except Refused as exc:
                    refused.append((exc.code, amount))
        finally:
            await connection.close()

    async with open_pool(conninfo, name="test") as pool:
        await add_agent(pool, name, credit_limit_tiyn=limit)
        await asyncio.gather(*(teller(place, sold) for place, sold in enumerate(tellers)))
        async with pool.connection() as connection:
            rows = await (
                await connection.execute(
                    "SELECT balance FROM account WHERE code = 1110 AND owner = %s", (name,)
                )
            ).fetchall()
    owed = rows[0][0] if rows else 0
    assert owed == sum(done) <= limit
    # none was refused without need
    assert all(code == "agent_limit" and owed + amount > limit for code, amount in refused)
