"""The settlement run on a real ledger: once, to the last tiyn, and explained down to the tap."""

import random
from datetime import timedelta

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import Refused
from sapar.finance.claims.claiming import run_claims
from sapar.finance.settlement.statement_paper import statement_file
from sapar.finance.settlement.statements import (
    LinePart,
    get_statement,
    issue_statement,
    list_lines,
    list_statements,
    parts_of,
)
from sapar.ticketing.ledger.export import check_ledger
from sapar.ticketing.ledger.role import restricted
from tests.finance.settlement.support import (
    DAY,
    NOW,
    Finance,
    close_again,
    close_days,
    open_day,
    reopen_for_an_hour,
)
from tests.ticketing.world import AGENCY


async def test_net_contracts_get_their_fares_less_commission(finance: Finance):
    await finance.contract("north")
    await finance.contract("south", commission_bp=725)
    await finance.post(finance.taps(1, 60))
    owed = await finance.balances(2210)
    finance.close(1)
    settled = await finance.settle()
    assert len(settled.statements) == 2
    assert settled.left == []
    assert await finance.balances(2210, 2220) == {}
    for carrier, bp in (("north", 1000), ("south", 725)):
        fares = -owed[2210, carrier]
        commission = (fares * bp * 2 + 10_000) // 20_000
        assert (await finance.balances(4120))[4120, carrier] == -commission
        assert (await finance.balances(2310))[2310, carrier] == commission - fares
    for statement_no in settled.statements:
        await finance.check_parts(statement_no)
    assert await check_ledger(finance.connection) == []


async def test_a_second_run_changes_nothing(finance: Finance):
    await finance.contract("north")
    await finance.contract("south")
    await finance.post(finance.taps(2, 40) + finance.taps(3, 40, day=1))
    finance.close(2)
    first = await finance.settle(2)
    before = await finance.rows("SELECT * FROM journal ORDER BY journal_no")
    again = await finance.settle(2)
    assert (again.statements, again.lines, again.payable_tiyn) == ([], 0, 0)
    assert (await finance.settle(1)).lines == 0
    assert await finance.rows("SELECT * FROM journal ORDER BY journal_no") == before
    assert len(await list_statements(finance.connection, AGENCY)) == len(first.statements)


async def test_an_open_day_is_not_settled(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(4, 10))
    finance.close(1)
    with pytest.raises(Refused, match="2026-03-11 is not closed"):
        await finance.settle(2)
    assert await list_statements(finance.connection, AGENCY) == []


async def test_a_carrier_without_a_contract_waits(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(5, 40))
    owed = (await finance.balances(2210))[2210, "south"]
    finance.close(1)
    settled = await finance.settle()
    [left] = settled.left
    assert (left.owner, left.amount_tiyn, left.reason) == ("south", -owed, "no_contract")
    await finance.contract("south")
    assert (await finance.settle()).left == []
    assert await finance.balances(2210) == {}


async def test_late_fares_are_a_block_of_their_own(finance: Finance):
    await finance.contract("north")
    await finance.contract("south")
    early, late = finance.taps(6, 30), finance.taps(7, 20)
    await finance.post(early)
    finance.close(1)
    await finance.settle()
    await finance.post(late)  # to the day that is open, through 2220
    assert any(code == 2220 for code, _ in await finance.balances(2220))
    close_days(finance.conninfo, DAY + timedelta(days=1), DAY + timedelta(days=1))
    settled = await finance.settle(first=DAY + timedelta(days=1))
    blocks = [
        (line.block, line.service_date, line.business_date, line.code)
        for number in settled.statements
        for line in await list_lines(finance.connection, number)
    ]
    assert set(blocks) == {("late", DAY, DAY + timedelta(days=1), 2220)}
    assert await finance.balances(2210, 2220) == {}
    assert await finance.clearing_by_day() == {}
    for statement_no in settled.statements:
        await finance.check_parts(statement_no)


async def test_a_day_that_was_opened_is_settled_when_it_is_closed_again(finance: Finance):
    """Also after the reopening has ended: nobody has signed what was posted meanwhile."""
    await finance.contract("north")
    await finance.post(finance.taps(15, 20))
    finance.close(1)
    reopen_for_an_hour(finance.conninfo, DAY)
    with pytest.raises(Refused) as refused:
        await finance.settle()
    assert refused.value.code == "day_open"
    with pytest.raises(Refused) as refused:
        await run_claims(finance.connection, AGENCY, DAY, DAY, actor="dana", now=NOW)
    assert refused.value.code == "day_open"
    close_again(finance.conninfo, DAY)
    assert (await finance.settle()).lines
    assert await run_claims(finance.connection, AGENCY, DAY, DAY, actor="dana", now=NOW)


async def test_what_a_reopened_day_brings_is_a_new_line(finance: Finance):
    await finance.contract("north")
    await finance.contract("south")
    taps = finance.taps(8, 60)
    random.Random(8).shuffle(taps)
    await finance.post(taps[:30])
    finance.close(1)
    first = await finance.settle()
    lines = [await list_lines(finance.connection, number) for number in first.statements]
    open_day(finance.conninfo, DAY)
    await finance.post(taps[30:])
    finance.close(1)
    second = await finance.settle()
    assert second.statements == first.statements  # drafts take further lines
    for number, before in zip(first.statements, lines, strict=True):
        now = await list_lines(finance.connection, number)
        assert {line.line_no for line in before} < {line.line_no for line in now}
        assert [line for line in now if line in before] == before
        await finance.check_parts(number)
    assert await finance.clearing_by_day() == {}


async def test_a_ride_that_moves_to_another_day_is_counted_there(finance: Finance):
    await finance.contract("north")
    await finance.contract("south")
    await finance.post(finance.taps(9, 40))
    [(tap_no, journal_no)] = await finance.rows(
        "SELECT tap_no, journal_no FROM journal WHERE tap_no IS NOT NULL LIMIT 1"
    )
    other = DAY + timedelta(days=1)
    finance.close(2)

    async def move(to):
        await finance.connection.execute(
            "UPDATE tap SET service_date = %s WHERE tap_no = %s", (to, tap_no)
        )

    await move(other)  # before the first run
    first = await finance.settle(2)
    days = {(line.business_date, line.service_date)
            for number in first.statements
            for line in await list_lines(finance.connection, number)}  # fmt: skip
    assert days == {(DAY, DAY), (DAY, other)}
    assert await finance.clearing_by_day() == {}
    await move(DAY)  # and back after it
    second = await finance.settle(2)
    assert second.lines == 2
    assert second.payable_tiyn == 0
    assert await finance.clearing_by_day() == {}
    await move(other)
    assert (await finance.settle(2)).lines == 2
    assert (await finance.settle(2)).lines == 0
    for number in first.statements:
        await finance.check_parts(number)
        for line in await list_lines(finance.connection, number):
            whole = await parts_of(finance.connection, AGENCY, line.line_no)
            assert await in_pages(finance, line.line_no) == whole
    assert journal_no


async def in_pages(finance: Finance, line_no: int, most: int = 3):
    found: list[LinePart] = []
    while page := await parts_of(
        finance.connection, AGENCY, line_no, most=most,
        after=found[-1].journal_no if found else 0,
    ):  # fmt: skip
        assert len(page) <= most
        found += page
    return found


async def test_the_ledgers_own_role_can_do_all_of_it(finance: Finance):
    async with await connect_async(restricted(finance.conninfo)) as connection:
        finance.connection = connection
        await finance.contract("north")
        await finance.post(finance.taps(15, 40))
        finance.close(1)
        [number] = (await finance.settle()).statements
        await issue_statement(connection, AGENCY, number, actor="dana", now=NOW)
        assert await statement_file(connection, AGENCY, number, "csv", "ru")
        assert await run_claims(connection, AGENCY, DAY, DAY, actor="dana", now=NOW)
        for table in ("settlement_line", "settlement_part", "budget_claim", "payment_order"):
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(f"DELETE FROM {table}")
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(f"TRUNCATE {table} CASCADE")


ONE_MORE_LINE = (
    "INSERT INTO settlement_line (line_no, statement_no, block, business_date, service_date, added_at)"
    " SELECT 99, statement_no, 'hold', from_date, from_date, now() FROM settlement_statement"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE settlement_line SET payable_tiyn = 0",
        "DELETE FROM settlement_line",
        "TRUNCATE settlement_line CASCADE",
        "UPDATE settlement_statement SET total_tiyn = 0",
        "UPDATE settlement_statement SET status = 'draft'",
        "DELETE FROM settlement_statement",
        ONE_MORE_LINE,
    ],
)
async def test_what_is_issued_never_changes(finance: Finance, statement: str):
    """Not even for the owner of the tables."""
    await finance.contract("north")
    await finance.post(finance.taps(16, 30))
    finance.close(1)
    [number] = (await finance.settle()).statements
    await issue_statement(finance.connection, AGENCY, number, actor="dana", now=NOW)
    lines = await list_lines(finance.connection, number)
    with pytest.raises(Exception, match=r"append-only|cannot change|takes no further line"):
        await finance.connection.execute(statement)
    assert await list_lines(finance.connection, number) == lines


async def test_the_run_is_in_the_audit_log_once(finance: Finance):
    await finance.contract("north")
    await finance.post(finance.taps(17, 30))
    finance.close(1)
    await finance.settle()
    await finance.settle()
    rows = await finance.rows(
        "SELECT person, target FROM audit_log WHERE action = 'settlement.run'"
    )
    assert rows == [("dana", f"settlement {DAY} {DAY}")]


async def test_totals_of_a_statement_are_the_sums_of_its_lines(finance: Finance):
    await finance.contract("north", commission_bp=333)
    await finance.contract("south", commission_bp=9_999)
    for day in range(3):
        await finance.post(finance.taps(10 + day, 25, day=day))
    finance.close(3)
    for number in (await finance.settle(3)).statements:
        statement = await get_statement(finance.connection, AGENCY, number)
        lines = await list_lines(finance.connection, number)
        for name in ("gross_tiyn", "commission_tiyn", "payable_tiyn"):
            assert getattr(statement, name) == sum(getattr(line, name) for line in lines)
        bp = 333 if statement.carrier_id == "north" else 9_999
        whole = statement.gross_tiyn * bp
        assert abs(statement.commission_tiyn * 10_000 - whole) <= 5_000
