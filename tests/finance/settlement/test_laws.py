"""Random towns on a real ledger: clearing of settled days is empty, and every sum is its parts."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sapar.core.db import connect_async
from sapar.finance.settlement.running import run_settlement
from sapar.finance.settlement.statement_paper import statement_paper
from sapar.finance.settlement.statements import get_statement, list_lines, list_statements
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import DAY, NOW, close_days, finance_of
from tests.ticketing.world import AGENCY, make_world

kinds = st.sampled_from(["net", "gross_km", "boarding"])
terms = st.fixed_dictionaries({
    "north": st.tuples(kinds, st.integers(0, 10_000)), "south": st.tuples(kinds, st.integers(1, 9)),
})  # fmt: skip


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    contracts=terms,
    days=st.integers(1, 3),
    late=st.floats(0, 0.5),
    shuffle=st.randoms(use_true_random=False),
)
def test_clearing_of_settled_days_is_empty(fresh_databases, seed, contracts, days, late, shuffle):
    asyncio.run(play(fresh_databases(), seed, contracts, days, late, shuffle))


async def play(conninfo, seed, contracts, days, late, shuffle):
    async with finance_of(make_world(conninfo, devices=4)) as finance:
        for carrier, (kind, number) in contracts.items():
            await finance.contract(
                carrier, kind, **({"commission_bp": number} if kind == "net" else
                                  {"rate_tiyn": 1 + number, "funder": "akimat"}),
            )  # fmt: skip
        taps = [tap for day in range(days) for tap in finance.taps(seed + day, 25, day=day)]
        shuffle.shuffle(taps)
        behind = taps[: int(len(taps) * late)]
        await finance.post(taps[len(behind) :])
        finance.close(days)
        await finance.settle(days)
        assert await finance.clearing_by_day() == {}  # invariant 9
        await finance.post(behind)  # late: to the first open day
        after = DAY + timedelta(days=days)
        close_days(conninfo, after, after)
        await finance.settle(days + 1)
        assert await finance.clearing_by_day() == {}
        assert await finance.balances(2210, 2220) == {}
        journals = await finance.rows("SELECT count(*) FROM journal")
        assert (await finance.settle(days + 1)).lines == 0
        assert await finance.rows("SELECT count(*) FROM journal") == journals
        await check_sums(finance)
        assert await check_ledger(finance.connection) == []


async def check_sums(finance):
    """Totals are the sums of what is printed, down to the taps (invariant 32)."""
    owed = 0
    for statement in await list_statements(finance.connection, AGENCY):
        lines = await list_lines(finance.connection, statement.statement_no)
        await finance.check_parts(statement.statement_no)
        assert statement.payable_tiyn == sum(line.payable_tiyn for line in lines)
        owed += statement.payable_tiyn
        paper = statement_paper(statement, lines, [], "Town", "en")
        for table in paper.tables:
            for place, column in enumerate(table.columns):
                total = table.total[place] if table.total else None
                if place and total is not None:
                    printed: list[Any] = [row[place] for row in table.rows]
                    assert total == sum(printed), column
        assert paper.tables[0].total == ("Total", statement.payable_tiyn)
    assert owed == -sum((await finance.balances(2310)).values())


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_runs_at_once_settle_once(database: str, seed: int):
    async with finance_of(make_world(database, devices=4)) as finance:
        await finance.contract("north")
        await finance.contract("south")
        await finance.post(finance.taps(seed, 60))
        finance.close(1)
        owed = -sum((await finance.balances(2210)).values())

        async def run():
            async with await connect_async(database) as connection:
                return await run_settlement(
                    connection, Accounts(database), AGENCY, DAY, DAY, actor="dana", now=NOW
                )

        done = await asyncio.gather(run(), run(), run())
        assert sorted(len(one.statements) for one in done) == [0, 0, 2]
        got = sum((await finance.balances(2310, 4120)).values())
        assert got == -owed
        for statement in await list_statements(finance.connection, AGENCY):
            assert (
                await get_statement(finance.connection, AGENCY, statement.statement_no) == statement
            )
