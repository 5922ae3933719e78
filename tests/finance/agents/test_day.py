"""The daily job: commission is netted, items are made, late postings get items of their own."""

import asyncio
from datetime import date, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sapar.core.db import connect
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.agents.day import check_agents, close_agents_day, items_of_payouts
from sapar.finance.agents.deposits import expect_deposit
from sapar.finance.agents.model import ProcessorTerms
from sapar.finance.agents.terms import fee_of
from sapar.finance.matching.items import Item, list_items
from sapar.ticketing.cards.requests import Issue, Paid, PayOut, TopUp, Withdraw
from tests.finance.agents.laws import check_days
from tests.finance.agents.money import move
from tests.finance.agents.support import (
    AGENT,
    KASPI,
    NEXT_MORNING,
    PREPAID,
    WHO,
    add_agent,
    add_processor,
)
from tests.ticketing.cards.counter import AGENCY, DAY, NOON_MS

DAY_MS = 86_400_000
ONE_DAY = timedelta(days=1)


async def run(pool, day: date = DAY, now=NEXT_MORNING):
    return await close_agents_day(pool, AGENCY, day, now, "robot")


async def items(point, **only: Any) -> list[Item]:
    found = await list_items(point.connection, AGENCY, state=None, **only)
    return sorted(found, key=lambda item: item.item_no)


async def balance(point, code: int, owner: str) -> int:
    rows = await point.fetch(
        "SELECT balance FROM account WHERE code = %s AND owner = %s", code, owner
    )
    return rows[0][0] if rows else 0


async def test_what_an_agent_must_deposit(point, pool):
    await add_agent(
        pool, commission_bp=150, netted=True, due_days=3, bin="123456789012",
        iban="KZ86125KZT5004100100",
    )  # fmt: skip
    await point.do(Issue, category="adult", price_tiyn=50_000, deposit_tiyn=32_000, paid=AGENT)
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    done = await run(pool)
    [item] = await items(point)
    assert done.items == [item.item_no]
    assert (item.kind, item.code, item.owner, item.amount_tiyn) == (
        "agent_deposit", 1110, "kassa24", 150_000 - 2_250,
    )  # fmt: skip
    assert (item.item_date, item.due_on) == (DAY, DAY + 3 * ONE_DAY)
    assert (item.reference, item.batch_ref) == ("kassa24-20260801", "kassa24-20260801")
    assert (item.counterparty_bin, item.counterparty_iban) == (
        "123456789012", "KZ86125KZT5004100100",
    )  # fmt: skip
    assert (item.residual_code, item.residual_owner) == (1110, "kassa24")
    [netting] = done.nettings
    assert await point.moved(netting) == {"2420 kassa24": 2_250, "1110 kassa24": -2_250}
    assert await balance(point, 1110, "kassa24") == item.amount_tiyn
    assert await balance(point, 2420, "kassa24") == 0
    assert await check_agents(point.connection, AGENCY, DAY) == []
    await point.check_balances()


async def test_to_run_it_again_changes_nothing(point, pool):
    await add_agent(pool, commission_bp=100, netted=True)
    await add_processor(pool, fee_bp=150)
    await point.do(Issue, category="adult")
    for paid in (AGENT, KASPI, Paid(by="cash_desk", name="nobody registered")):
        await point.do(TopUp, amount_tiyn=100_000, paid=paid)
    first = await run(pool)
    assert (len(first.items), len(first.nettings)) == (3, 1)
    was = (
        await point.fetch("SELECT * FROM finance_item"),
        await point.fetch("SELECT * FROM journal"),
    )
    for now in (NEXT_MORNING, NEXT_MORNING + ONE_DAY):
        again = await run(pool, now=now)
        assert (again.items, again.nettings) == ([], [])
    runs = await asyncio.gather(*(run(pool) for _ in range(4)))
    assert all((one.items, one.nettings) == ([], []) for one in runs)
    now_ = (
        await point.fetch("SELECT * FROM finance_item"),
        await point.fetch("SELECT * FROM journal"),
    )
    assert now_ == was


async def test_runs_at_once_do_it_once(point, pool):
    await add_agent(pool, commission_bp=100, netted=True)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    runs = await asyncio.gather(*(run(pool) for _ in range(6)))
    assert sum(len(one.items) for one in runs) == sum(len(one.nettings) for one in runs) == 1


async def test_what_is_posted_later_gets_an_item_of_its_own(point, pool):
    await add_agent(pool, commission_bp=100, netted=True)
    await add_processor(pool, fee_bp=100, fee_fixed_tiyn=7)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await point.do(TopUp, amount_tiyn=100_000, paid=KASPI)
    await run(pool)
    point.clock.set(NEXT_MORNING.timestamp())
    await point.do(TopUp, amount_tiyn=30_000, paid=AGENT, at_ms=NOON_MS)
    await point.do(TopUp, amount_tiyn=30_050, paid=KASPI, at_ms=NOON_MS)
    found = await check_agents(point.connection, AGENCY, DAY)
    assert sorted((one.code, one.value_tiyn) for one in found) == [
        (1020, 30_050),  # in no item
        (1110, 300),  # not netted
        (1110, 30_000),
    ]
    await run(pool)
    assert await check_agents(point.connection, AGENCY, DAY) == []
    deposits = await items(point, code=1110)
    assert [(one.amount_tiyn, one.reference, one.batch_ref) for one in deposits] == [
        (99_000, "kassa24-20260801", "kassa24-20260801"),
        (29_700, "kassa24-20260801-2", "kassa24-20260801"),
    ]
    payouts = await items(point, code=1020)
    assert [(one.amount_tiyn, one.fee_tiyn) for one in payouts] == [
        (100_000, 1_007),
        (30_050, 301 + 7),  # 1 % of the day's whole sum, rounded once: 1300.5
    ]
    assert deposits[1].due_on == DAY + 2 * ONE_DAY  # it came to light on the day after


async def test_what_is_taken_back_gets_a_negative_item(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    done = await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await run(pool)
    moved = await point.moved(done.receipt.journal_no)
    assert moved["1110 kassa24"] == 100_000
    # as a bank takes a top-up back: another account of ours bears it here, for no card is locked
    await move(
        point, {(1110, "kassa24"): -40_000, (5130, ""): 40_000}, kind="reversal",
        reverses=done.receipt.journal_no,
    )  # fmt: skip
    await run(pool)
    assert [one.amount_tiyn for one in await items(point)] == [100_000, -40_000]
    assert await balance(point, 1110, "kassa24") == 60_000


async def test_what_the_bank_pays_is_no_sale(point, pool):
    await add_agent(pool)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await run(pool)
    paid = await move(point, {(2910, "main"): 90_000, (1110, "kassa24"): -90_000}, kind="match")
    assert (await run(pool)).items == []
    await move(
        point, {(2910, "main"): -90_000, (1110, "kassa24"): 90_000}, kind="reversal", reverses=paid
    )
    assert (await run(pool)).items == []
    assert await check_agents(point.connection, AGENCY, DAY) == []


async def test_a_late_posting_of_a_closed_day_counts_to_the_open_one(point, pool, database):
    await add_agent(pool, commission_bp=100, netted=True)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await run(pool)
    close_by_hand(database)
    point.clock.set(NEXT_MORNING.timestamp())
    await point.do(TopUp, amount_tiyn=30_000, paid=AGENT, at_ms=NOON_MS)
    assert (await run(pool)).items == []
    done = await run(pool, DAY + ONE_DAY)
    [item] = await items(point, from_date=DAY + ONE_DAY)
    assert (done.items, item.amount_tiyn) == ([item.item_no], 29_700)


def close_by_hand(database: str) -> None:
    """Close the day without the two people who must sign."""
    with connect(database) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
            " VALUES (%s, %s, now(), 'test')",
            (AGENCY, DAY),
        )


async def test_commission_that_is_not_netted_is_owed(point, pool):
    await add_agent(pool, commission_bp=100)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    done = await run(pool)
    assert done.nettings == []
    assert [one.amount_tiyn for one in await items(point)] == [100_000]
    assert await balance(point, 2420, "kassa24") == -1_000


async def test_a_prepaid_agent_has_its_commission_put_to_its_deposit(point, pool):
    await add_agent(pool, "halyk", kind="prepaid", commission_bp=100, netted=True)
    await move(point, {(1010, "main"): 100_000, (2410, "halyk"): -100_000})
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=PREPAID)
    done = await run(pool)
    assert await point.moved(done.nettings[0]) == {"2420 halyk": 1_000, "2410 halyk": -1_000}
    assert done.items == []
    await point.do(TopUp, amount_tiyn=1_000, paid=PREPAID)


async def test_a_deposit_that_a_prepaid_agent_has_sent(point, pool):
    await add_agent(pool, "halyk", kind="prepaid")
    await add_agent(pool)
    args = (pool, AGENCY, "halyk", 500_000, WHO)
    number = await expect_deposit(*args, key="p1", reference="INV 5")
    assert await expect_deposit(*args, key="p1", reference="INV 5") == number
    with pytest.raises(Refused) as caught:
        await expect_deposit(*args, key="p1", reference="INV 6")
    assert caught.value.code == "idempotency_conflict"
    with pytest.raises(Refused) as caught:
        await expect_deposit(pool, AGENCY, "kassa24", 5, WHO, key="p2")
    assert caught.value.code == "agent_kind"
    with pytest.raises(NotFound):
        await expect_deposit(pool, AGENCY, "nobody", 5, WHO, key="p2")
    [item] = await items(point)
    assert (item.code, item.owner, item.amount_tiyn, item.reference) == (
        2410, "halyk", 500_000, "INV 5",
    )  # fmt: skip
    assert await balance(point, 2410, "halyk") == 0  # nothing to spend yet


async def test_a_payment_to_a_holder_waits_for_its_bank_line(point, pool):
    await point.connection.execute(
        "INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at, created_by)"
        " VALUES (%s, 'main', 'KZ86125KZT5004100100', 'Main', now(), 'test')",
        (AGENCY,),
    )
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await point.do(Withdraw, amount_tiyn=30_000, channel="iban")
    for amount in (10_000, 20_000):
        await point.do(PayOut, amount_tiyn=amount, channel="iban", bank="main")
    assert await balance(point, 1020, "payments") == -30_000
    numbers = await items_of_payouts(pool, AGENCY)
    assert len(numbers) == 2
    assert await items_of_payouts(pool, AGENCY) == []
    found = await items(point, kind="refund")
    assert [(one.code, one.owner, one.amount_tiyn, one.bank_account_id) for one in found] == [
        (1020, "payments", -10_000, "main"), (1020, "payments", -20_000, "main"),
    ]  # fmt: skip
    # a payment that came back stands on a statement, too
    [(first,)] = await point.fetch(
        "SELECT min(journal_no) FROM journal WHERE kind = 'pay_out' AND agency_id = %s", AGENCY
    )
    await move(
        point, {(1020, "payments"): 10_000, (2510, "iban"): -10_000}, kind="reversal",
        reverses=first,
    )  # fmt: skip
    await run(pool)
    amounts = [one.amount_tiyn for one in await items(point, kind="refund")]
    assert amounts == [-10_000, -20_000, 10_000]
    assert sum(amounts) == await balance(point, 1020, "payments")


async def test_what_is_not_paid_by_its_day_is_an_exception(point, pool):
    await add_agent(pool, due_days=1)
    await add_processor(pool, payout_days=2, fee_bp=100)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await point.do(TopUp, amount_tiyn=50_000, paid=KASPI)
    assert (await run(pool)).unpaid == 0
    assert (await run(pool, now=NEXT_MORNING + ONE_DAY)).unpaid == 1
    assert (await run(pool, now=NEXT_MORNING + 2 * ONE_DAY)).unpaid == 2
    found = await point.fetch(
        """SELECT kind, value_tiyn, code, owner, business_date FROM ticketing_exception
           WHERE closed_at IS NULL ORDER BY code"""
    )
    assert found == [
        ("payout_missing", 49_500, 1020, "kaspi", DAY),
        ("payout_missing", 100_000, 1110, "kassa24", DAY),
    ]


async def test_nothing_is_overdue_before_the_bank_has_shown_the_day(point, pool):
    await add_agent(pool, due_days=1)
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await point.connection.execute(
        """INSERT INTO bank_account (agency_id, bank_account_id, iban, name, opening_on,
               opening_tiyn, closing_on, closing_tiyn, created_at, created_by)
           VALUES (%s, 'main', 'KZ86125KZT5004100100', 'Main', %s, 0, %s, 0, now(), 'test')""",
        (AGENCY, DAY, DAY),
    )
    late = NEXT_MORNING + 3 * ONE_DAY
    assert (await run(pool, now=late)).unpaid == 0
    await point.connection.execute("UPDATE bank_account SET closing_on = %s", (DAY + ONE_DAY,))
    assert (await run(pool, now=late)).unpaid == 1


async def test_days_to_come_are_not_closed(pool, point):
    with pytest.raises(BadInput) as caught:
        await run(pool, DAY + 2 * ONE_DAY)
    assert caught.value.code == "future_day"
    with pytest.raises(NotFound):
        await close_agents_day(pool, "nowhere", DAY, NEXT_MORNING, "robot")


@given(st.integers(0, 10**12), st.integers(0, 10_000), st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_fee_is_exact(amount, basis_points, fixed, count):
    terms = ProcessorTerms(from_date=DAY, fee_bp=basis_points, fee_fixed_tiyn=fixed)
    fee = fee_of(terms, amount, count)
    part = (amount * basis_points * 2 + 10_000) // 20_000
    assert fee == max(0, min(part + fixed * count, amount - 1))
    assert fee_of(None, amount, count) == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["agent", "netted", "kaspi", "desk"]),
        st.integers(1, 10**6),
        st.sampled_from([0, 0, 1]),  # days ago
        st.booleans(),  # run the job after it
    ),
    min_size=1,
    max_size=12,
)


async def test_items_of_a_day_are_what_its_account_moved(fresh_databases):
    """Whatever is sold for which day and whenever the job runs."""
    examples = settings(
        max_examples=15, suppress_health_check=list(HealthCheck), database=None,
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip

    @examples
    @given(STEPS)
    def law(steps):
        asyncio.run(check_days(fresh_databases(), steps))

    await asyncio.to_thread(law)
