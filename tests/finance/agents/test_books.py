"""Balances, their age, and statements whose totals are the sums of their rows."""

from datetime import date, timedelta

import pytest

from sapar.core.errors import BadInput, NotFound
from sapar.finance.agents.books import (
    get_agent,
    get_processor,
    list_agents,
    list_movements,
    list_processors,
    read_statement,
)
from sapar.finance.agents.day import close_agents_day
from sapar.finance.agents.model import AgentTerms
from sapar.finance.agents.parties import agree_terms, set_status
from sapar.ticketing.cards.requests import Issue, TopUp
from tests.finance.agents.money import move
from tests.finance.agents.support import AGENT, KASPI, NOW, WHO, add_agent, add_processor
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS

DAY_MS = 86_400_000
ONE_DAY = timedelta(days=1)


def ago(days: int) -> date:
    return DAY - days * ONE_DAY


async def sell(point, amount: int, days: int = 0, paid=AGENT) -> None:
    await point.do(TopUp, amount_tiyn=amount, paid=paid, at_ms=NOON_MS - days * DAY_MS)


async def test_what_is_owed_by_age(point, pool):
    await add_agent(pool, credit_limit_tiyn=10**6, due_days=2)
    await add_agent(pool, "idle")
    await point.do(Issue, category="adult")
    for days in (35, 31, 30, 8, 7, 2, 1):
        await sell(point, 1_000 + days, days)
        await close_agents_day(pool, AGENCY, ago(days), NOW, "robot")
    await sell(point, 5)  # today, in no item yet
    await sell(point, 9, paid=KASPI)
    [idle, row] = await list_agents(point.connection, AGENCY, now=NOW)
    assert (idle.id, idle.balance_tiyn, idle.oldest_unpaid) == ("idle", 0, None)
    age = row.ageing
    assert (age.days_0_1, age.days_2_7, age.days_8_30, age.days_over_30, age.no_item) == (
        1_001, 1_007 + 1_002, 1_030 + 1_008, 1_035 + 1_031, 5,
    )  # fmt: skip
    assert row.balance_tiyn == 7_000 + sum((35, 31, 30, 8, 7, 2, 1)) + 5
    assert row.oldest_unpaid == ago(35)
    assert row.overdue_tiyn == row.balance_tiyn - 5 - 1_001 - 1_002
    assert (row.kind, row.status, row.limit_tiyn) == ("postpaid", "active", 10**6)
    [kaspi] = await list_processors(point.connection, AGENCY, now=NOW)
    assert (kaspi.id, kaspi.status, kaspi.kind, kaspi.balance_tiyn) == ("kaspi", None, None, 9)


async def test_what_is_left_of_a_deposit_keeps_its_age(point, pool):
    """A remainder of a remainder is as old as the sales that it is left of."""
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await sell(point, 1_000, 20)
    done = await close_agents_day(pool, AGENCY, ago(20), NOW, "robot")
    parent = done.items[0]
    for left, day in ((300, 10), (100, 1)):
        await point.connection.execute(
            "UPDATE finance_item SET cancelled_at = now() WHERE item_no = %s", (parent,)
        )
        [(parent,)] = await point.fetch(
            """INSERT INTO finance_item (agency_id, kind, source_key, code, owner, amount_tiyn,
                   item_date, due_on, parent_item_no)
               VALUES (%s, 'remainder', %s, 1110, 'kassa24', %s, %s, %s, %s) RETURNING item_no""",
            AGENCY, f"rest {day}", left, ago(day), ago(day) + 30 * ONE_DAY, parent,
        )  # fmt: skip
    [row] = await list_agents(point.connection, AGENCY, now=NOW)
    assert (row.ageing.days_8_30, row.ageing.no_item) == (100, 900)
    assert (row.oldest_unpaid, row.overdue_tiyn) == (ago(20), 100)


async def test_an_agent_with_its_history(point, pool):
    await add_agent(pool, commission_bp=100)
    await add_processor(pool)
    later = AgentTerms(from_date=DAY + ONE_DAY, kind="postpaid", commission_bp=200)
    await agree_terms(pool, AGENCY, "kassa24", later, WHO)
    await set_status(pool, AGENCY, "agent", "kassa24", "suspended", WHO, reason="does not pay")
    detail = await get_agent(point.connection, AGENCY, "kassa24", now=NOW)
    assert [one.terms_no for one in detail.history] == [2, 1]
    assert detail.current == detail.history[1].terms
    assert (detail.row.status, detail.reason) == ("suspended", "does not pay")
    assert detail.history[0].agreed_by == "accountant"
    processor = await get_processor(point.connection, AGENCY, "kaspi", now=NOW)
    assert processor.row.kind == "processor"
    for read in (get_agent, get_processor):
        with pytest.raises(NotFound):
            await read(point.connection, AGENCY, "nobody", now=NOW)


async def test_a_statement_adds_up(point, pool):
    await add_agent(pool, commission_bp=200, netted=True)
    await point.do(Issue, category="adult")
    for days, amount in ((3, 10_000), (2, 20_000), (2, 5_000), (0, 40_000)):
        await sell(point, amount, days)
        await close_agents_day(pool, AGENCY, ago(days), NOW, "robot")
    paid = await move(
        point, {(2910, "main"): 9_800, (1110, "kassa24"): -9_800}, kind="match", day=ago(2)
    )
    await move(
        point, {(2910, "main"): -9_800, (1110, "kassa24"): 9_800}, kind="reversal", day=ago(1),
        reverses=paid,
    )  # fmt: skip
    await move(point, {(5140, ""): 100, (1110, "kassa24"): -100}, day=DAY)
    whole = await read_statement(point.connection, AGENCY, "agent", "kassa24", ago(40), DAY)
    assert [(row.day, row.sold, row.netted, row.paid, row.other) for row in whole.rows] == [
        (ago(3), 10_000, -200, 0, 0),
        (ago(2), 25_000, -500, -9_800, 0),
        (ago(1), 0, 0, 9_800, 0),
        (DAY, 40_000, -800, 0, -100),
    ]
    assert (whole.opening_tiyn, whole.totals.balance) == (0, 75_000 - 1_500 - 100)
    part = await read_statement(point.connection, AGENCY, "agent", "kassa24", ago(2), ago(1))
    assert (part.opening_tiyn, part.rows) == (9_800, whole.rows[1:3])
    for statement in (whole, part):
        names = ("sold", "taken_back", "netted", "paid", "other", "moved", "earned")
        for name in names:
            total = sum(getattr(row, name) for row in statement.rows)
            assert getattr(statement.totals, name) == total
        assert statement.totals.balance == statement.opening_tiyn + statement.totals.moved
    assert [row.commission for row in whole.rows] == [0, 0, 0, 0]
    assert whole.totals.earned == 1_500
    moved = await list_movements(point.connection, AGENCY, "agent", "kassa24", ago(2))
    assert [one.kind for one in moved] == [
        "top_up",
        "agent_netting",
        "top_up",
        "agent_netting",
        "match",
    ]
    assert sum(one.amount_tiyn for one in moved) == whole.rows[1].moved
    assert await list_movements(
        point.connection, AGENCY, "agent", "kassa24", ago(2), after=moved[0].journal_no, most=1
    ) == [moved[1]]
    with pytest.raises(BadInput):
        await read_statement(point.connection, AGENCY, "agent", "kassa24", DAY, ago(1))
    with pytest.raises(NotFound):
        await read_statement(point.connection, AGENCY, "agent", "nobody", DAY, DAY)
