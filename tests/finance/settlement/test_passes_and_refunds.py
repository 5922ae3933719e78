"""Pools of passes, shared by boardings; refunds after settlement, taken back."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sapar.core.clock import ManualClock
from sapar.core.db import connect_async
from sapar.core.errors import Refused
from sapar.finance.settlement.running import run_settlement
from sapar.finance.settlement.split import split
from sapar.finance.settlement.statements import issue_statement, list_lines, list_statements
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import Paid, RefundTap, SellPass, TakeBackPass
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.post import judge_again, post_taps
from tests.finance.settlement.support import DAY, NOW, Finance, close_days
from tests.finance.settlement.test_disputes import bank, pay
from tests.ticketing.taps.support import NOON_MS, make_tools, make_town, tap_of
from tests.ticketing.world import AGENCY, World

MONTH = date(2026, 3, 1), date(2026, 3, 31)
MARCH = "month_pass 2026-03"


async def sell(connection, tools, card: str, price: int) -> None:
    desk = Desk(tools.clock, tools.accounts, lambda c, touched: judge_again(c, tools, touched))
    begin = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
    await carry_out(
        connection, desk,
        SellPass(
            agency_id="town", key=f"pass-{card}", actor="kassa", card_ref=card,
            product_id="month_pass", price_tiyn=price, valid_from_ms=begin,
            valid_to_ms=begin + 31 * 86_400_000, paid=Paid(by="agent", name="kassa24"),
        ),
    )  # fmt: skip


async def test_a_pool_is_shared_by_boardings_and_released_once(database: str):
    devices = make_town(database)
    tools = make_tools(database)
    async with await connect_async(database) as connection:
        finance = Finance(World(database, None), connection, Accounts(database))  # type: ignore[arg-type]
        await finance.contract("green", valid_from=date(2026, 1, 1))
        await finance.contract("blue", valid_from=date(2026, 1, 1))
        for card, price in (("c1", 600_000), ("c4", 600_001)):
            await sell(connection, tools, card, price)
        rides = [("c1", "b1"), ("c1", "b2"), ("c1", "b1"), ("c4", "b1"), ("c4", "b2"), ("c7", "b2"),
                 ("c4", "b1")]  # fmt: skip
        await post_taps(connection, tools, [
            tap_of(devices[number % 2], number + 1, card, number * 60.0, vehicle=bus)
            for number, (card, bus) in enumerate(rides)
        ])  # fmt: skip
        close_days(database, *MONTH)
        settled = await run_settlement(
            connection, finance.accounts, AGENCY, *MONTH, actor="dana", now=NOW
        )
        assert settled.left == []
        assert await finance.balances(2140, 2210, 2220) == {}
        pool = {}
        for number in settled.statements:
            await finance.check_parts(number)
            for line in await list_lines(connection, number):
                if line.block == "pass_pool":
                    pool[number] = (line.pool, line.boardings, line.gross_tiyn)
                    assert line.commission_tiyn == (line.gross_tiyn + 5) // 10
        shares = split(1_200_001, {"green": 4, "blue": 2})
        assert sorted(pool.values()) == sorted([
            (MARCH, 4, shares["green"]), (MARCH, 2, shares["blue"]),
        ])  # fmt: skip
        again = await run_settlement(
            connection, finance.accounts, AGENCY, *MONTH, actor="dana", now=NOW
        )
        assert again.lines == 0
        assert NOON_MS


async def test_a_pool_that_nobody_rode_on_stays(database: str):
    make_town(database)
    tools = make_tools(database)
    async with await connect_async(database) as connection:
        finance = Finance(World(database, None), connection, Accounts(database))  # type: ignore[arg-type]
        await finance.contract("green")
        await sell(connection, tools, "c1", 600_000)
        close_days(database, *MONTH)
        settled = await run_settlement(
            connection, finance.accounts, AGENCY, *MONTH, actor="dana", now=NOW
        )
        assert [(one.owner, one.amount_tiyn, one.reason) for one in settled.left] == [
            (MARCH, 600_000, "no_boardings")
        ]
        assert await finance.balances(2140) == {(2140, MARCH): -600_000}


async def test_a_pass_taken_back_after_the_settlement_comes_off_the_carriers(database: str):
    devices = make_town(database)
    tools = make_tools(database)
    april = date(2026, 4, 1), date(2026, 4, 30)
    async with await connect_async(database) as connection:
        finance = Finance(World(database, None), connection, Accounts(database))  # type: ignore[arg-type]
        await finance.contract("green", valid_from=date(2026, 1, 1))
        for card in ("c1", "c4"):
            await sell(connection, tools, card, 600_000)
        await post_taps(connection, tools, [tap_of(devices[0], 1, "c1", 0.0, vehicle="b1")])
        close_days(database, *MONTH)
        await run_settlement(connection, finance.accounts, AGENCY, *MONTH, actor="dana", now=NOW)
        [(sale_no,)] = await finance.rows(
            "SELECT journal_no FROM card_pass JOIN card USING (card_no) WHERE card_ref = 'c4'"
        )
        desk = Desk(tools.clock, tools.accounts, lambda c, touched: judge_again(c, tools, touched))
        request = TakeBackPass(
            agency_id=AGENCY, key="back", actor="dana", card_ref="c4", sale_no=sale_no, reason="x"
        )
        await carry_out(connection, desk, request)
        assert await finance.balances(2140) == {(2140, MARCH): 600_000}
        close_days(database, *april)
        settled = await run_settlement(
            connection, finance.accounts, AGENCY, *april, actor="dana", now=NOW
        )
        assert await finance.balances(2140, 2210, 2220) == {}
        [number] = settled.statements
        assert [
            (line.block, line.pool, line.gross_tiyn)
            for line in await list_lines(connection, number)
        ] == [("pass_pool", MARCH, -600_000)]
        await finance.check_parts(number)


async def refund(
    finance: Finance, carrier: str, day: date, key: str, *, settled: bool = True
) -> int:
    """Give back, on a day, the dearest ride of a carrier that was not given back."""
    [(tap_no, ref, charged)] = await finance.rows(
        "SELECT tap_no, card_ref, charged_tiyn FROM tap JOIN card USING (card_no)"
        " JOIN carrier USING (carrier_no) WHERE carrier_id = %s AND charged_tiyn > 0"
        " AND tap.status = 'posted' AND tap_no NOT IN (SELECT tap_no FROM tap_refund)"
        " ORDER BY charged_tiyn DESC, tap_no LIMIT 1", carrier,
    )  # fmt: skip
    at = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)

    async def nothing(_connection, _touched):
        return None

    desk = Desk(ManualClock(at.timestamp()), finance.accounts, nothing)
    await carry_out(
        finance.connection, desk,
        RefundTap(agency_id=AGENCY, key=key, actor="kassa", card_ref=ref, tap_no=tap_no,
                  reason="paid twice", settled=settled),
    )  # fmt: skip
    return charged


async def test_refunds_after_settlement_are_taken_back(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(90, 60))
    finance.close(1)
    await finance.settle()
    second = DAY + timedelta(days=1)
    back = [await refund(finance, "north", second, f"r{number}") for number in range(3)]
    await finance.post(finance.taps(91, 60, day=1))
    finance.close(1, second)
    [number] = (await finance.settle(first=second)).statements
    await finance.check_parts(number)
    lines = await list_lines(finance.connection, number)
    assert [(line.block, line.payable_tiyn) for line in lines][-1] == ("clawback", -sum(back))
    assert await finance.balances(1230) == {}
    assert (await finance.settle(first=second)).lines == 0


async def test_no_more_is_taken_back_than_is_earned(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(92, 60))
    finance.close(1)
    await finance.settle()
    second, third = DAY + timedelta(days=1), DAY + timedelta(days=2)
    back = sum([await refund(finance, "north", second, f"r{number}") for number in range(4)])
    finance.close(1, second)
    assert (await finance.settle(first=second)).lines == 0
    assert await finance.balances(1230) == {(1230, "north"): back}
    await finance.post(finance.taps(93, 60, day=2))
    finance.close(1, third)
    [number] = (await finance.settle(first=third)).statements
    await finance.check_parts(number)
    assert await finance.balances(1230) == {}
    clawed = [line for line in await list_lines(finance.connection, number)
              if line.block == "clawback"]  # fmt: skip
    assert [(line.business_date, line.clawed_tiyn) for line in clawed] == [(second, back)]


async def test_refunds_before_settlement_lower_the_fares(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(94, 60))
    fares = -(await finance.balances(2210))[2210, "north"]
    back = await refund(finance, "north", DAY, "early", settled=False)
    finance.close(1)
    [number] = (await finance.settle()).statements
    await finance.check_parts(number)
    lines = {line.block: line for line in await list_lines(finance.connection, number)}
    assert (lines["fares"].gross_tiyn, lines["refunds"].gross_tiyn) == (fares, -back)
    assert lines["refunds"].commission_tiyn == -((back + 5) // 10)
    assert (await finance.balances(2210)).get((2210, "north"), 0) == 0
    assert await finance.balances(1230) == {}


async def test_what_a_carrier_owes_is_taken_off_its_next_payment(finance: Finance):
    await finance.contract("north")
    await bank(finance)
    await finance.post(finance.taps(96, 60))
    second, third = DAY + timedelta(days=1), DAY + timedelta(days=2)
    back = await refund(finance, "north", second, "late", settled=False)
    await finance.post(finance.taps(97, 60, day=2))
    finance.close(3)
    totals = []
    for day in (second, third):
        [number] = (await finance.settle(first=day)).statements
        issued = await issue_statement(finance.connection, AGENCY, number, actor="x", now=NOW)
        totals.append(issued.payable_tiyn)
        if day == second:
            assert issued.payable_tiyn == (back + 5) // 10 - back
            with pytest.raises(Refused) as refused:
                await pay(finance, number)
            assert refused.value.code == "nothing_to_pay"
    order = await pay(finance, number)
    assert order.amount_tiyn == sum(totals)
    assert order.statements == ["2026-0001", "2026-0002"]
    statuses = [one.status for one in await list_statements(finance.connection, AGENCY)]
    assert statuses == ["paid", "paid"]
    assert await finance.balances(2310) == {}
