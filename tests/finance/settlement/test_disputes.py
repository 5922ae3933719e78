"""Money on hold: in the draft, kept back at the payment, or in the next statement."""

from datetime import timedelta
from typing import Any

import pytest

from sapar.core.errors import BadInput, Refused
from sapar.finance.settlement.disputes import (
    decide_dispute,
    get_dispute,
    list_disputes,
    open_dispute,
)
from sapar.finance.settlement.payments import pay_statement
from sapar.finance.settlement.statements import (
    get_statement,
    issue_statement,
    list_lines,
    parts_of,
)
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import DAY, NOW, Finance
from tests.ticketing.world import AGENCY

WHO: dict[str, Any] = {"actor": "dana", "now": NOW}
PAYER: dict[str, Any] = {"actor": "chingis", "now": NOW}


@pytest.fixture
async def statement_no(finance: Finance) -> int:
    await finance.contract("north")
    await finance.post(finance.taps(60, 60))
    finance.close(1)
    [number] = (await finance.settle()).statements
    return number


async def hold(finance: Finance, statement_no: int, key: str = "k", **values):
    return await open_dispute(
        finance.connection, finance.accounts, AGENCY, statement_no, key=key,
        reason="an inspector saw an empty bus", **WHO, **values,
    )  # fmt: skip


async def decide(finance: Finance, dispute_no: int, decision, **values):
    return await decide_dispute(
        finance.connection, finance.accounts, AGENCY, dispute_no, decision,
        reason="the recording shows it", **WHO, **values,
    )  # fmt: skip


async def exceptions(finance: Finance):
    return await finance.rows(
        "SELECT subject, value_tiyn, code, owner, closed_at IS NULL FROM ticketing_exception"
        " WHERE kind = 'carrier_dispute' ORDER BY exception_no"
    )


async def test_a_hold_is_a_line_of_the_draft(finance: Finance, statement_no: int):
    before = await get_statement(finance.connection, AGENCY, statement_no)
    dispute = await hold(finance, statement_no, amount_tiyn=12_345)
    assert await hold(finance, statement_no, amount_tiyn=12_345) == dispute
    after = await get_statement(finance.connection, AGENCY, statement_no)
    assert after.payable_tiyn == before.payable_tiyn - 12_345
    assert (await finance.balances(2320))[2320, "north"] == -12_345
    assert (await finance.balances(2310))[2310, "north"] == -after.payable_tiyn
    assert await exceptions(finance) == [
        (f"dispute {dispute.dispute_no}", 12_345, 2320, "north", True)
    ]
    released = await decide(finance, dispute.dispute_no, "release")
    assert released.status == "released"
    assert await decide(finance, dispute.dispute_no, "release") == released
    assert (
        await get_statement(finance.connection, AGENCY, statement_no)
    ).payable_tiyn == before.payable_tiyn
    assert await finance.balances(2320) == {}
    assert [row[4] for row in await exceptions(finance)] == [False]
    with pytest.raises(Refused) as refused:
        await decide(finance, dispute.dispute_no, "reject", city="akimat")
    assert refused.value.code == "already_decided"
    assert await check_ledger(finance.connection) == []


async def test_taps_are_held_for_what_the_carrier_gets_of_them(finance: Finance, statement_no: int):
    [line] = await list_lines(finance.connection, statement_no)
    parts = await parts_of(finance.connection, AGENCY, line.line_no)
    paying = [part for part in parts if part.amount_tiyn > 0][:3]
    fares = sum(part.amount_tiyn for part in paying)
    taps = [part.tap_no for part in paying if part.tap_no is not None]
    dispute = await hold(finance, statement_no, tap_nos=taps)
    assert dispute.amount_tiyn == fares - (fares + 5) // 10
    assert dispute.taps == sorted(taps)
    with pytest.raises(Refused) as refused:
        await hold(finance, statement_no, "other", tap_nos=taps[:1])
    assert refused.value.code == "held_before"
    rejected = await decide(finance, dispute.dispute_no, "reject", city="akimat")
    assert rejected.status == "rejected"
    assert (await finance.balances(2520))[2520, "akimat"] == -dispute.amount_tiyn
    assert await finance.balances(2320) == {}


async def test_a_tap_of_another_carrier_is_not_held(finance: Finance, statement_no: int):
    [(tap_no,)] = await finance.rows(
        "SELECT tap_no FROM tap JOIN carrier USING (carrier_no) WHERE carrier_id = 'south' LIMIT 1"
    )
    with pytest.raises(Refused) as refused:
        await hold(finance, statement_no, tap_nos=[tap_no])
    assert refused.value.code == "not_settled"


async def test_no_more_is_held_than_is_owed(finance: Finance, statement_no: int):
    statement = await get_statement(finance.connection, AGENCY, statement_no)
    with pytest.raises(Refused) as refused:
        await hold(finance, statement_no, amount_tiyn=statement.payable_tiyn + 1)
    assert refused.value.code == "beyond_payable"
    await hold(finance, statement_no, "all", amount_tiyn=statement.payable_tiyn)
    with pytest.raises(Refused):
        await hold(finance, statement_no, "more", amount_tiyn=1)
    with pytest.raises(BadInput):
        await hold(finance, statement_no, "both", amount_tiyn=1, tap_nos=[1])
    assert len(await list_disputes(finance.connection, AGENCY)) == 1


async def bank(finance: Finance) -> None:
    await finance.connection.execute(
        "INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at, created_by)"
        " VALUES (%s, 'main', 'KZ00MAIN', 'Қазпочта', now(), 'test')", (AGENCY,)
    )  # fmt: skip


async def pay(finance: Finance, statement_no: int):
    return await pay_statement(
        finance.connection, finance.accounts, AGENCY, statement_no, "main", **PAYER
    )


async def test_a_hold_on_an_issued_statement_is_kept_back(finance: Finance, statement_no: int):
    await bank(finance)
    issued = await issue_statement(finance.connection, AGENCY, statement_no, **WHO)
    dispute = await hold(finance, statement_no, amount_tiyn=777)
    statement = await get_statement(finance.connection, AGENCY, statement_no)
    assert (statement.payable_tiyn, statement.waiting_tiyn) == (issued.payable_tiyn, -777)
    order = await pay(finance, statement_no)
    assert order.amount_tiyn == issued.payable_tiyn - 777
    assert await finance.balances(2310) == {}
    # released after the payment, it is in the next statement
    await decide(finance, dispute.dispute_no, "release")
    later = DAY + timedelta(days=1)
    finance.close(1, later)
    [number] = (await finance.settle(first=later)).statements
    [line] = await list_lines(finance.connection, number)
    assert (line.block, line.payable_tiyn) == ("release", 777)
    assert (await finance.settle(first=later)).lines == 0
    await issue_statement(finance.connection, AGENCY, number, **WHO)
    assert (await pay(finance, number)).amount_tiyn == 777
    assert await finance.balances(2310, 2320) == {}


async def test_a_hold_on_a_paid_statement_is_taken_off_the_next(
    finance: Finance, statement_no: int
):
    await bank(finance)
    await issue_statement(finance.connection, AGENCY, statement_no, **WHO)
    await pay(finance, statement_no)
    with pytest.raises(Refused):
        await hold(finance, statement_no, amount_tiyn=10**12)
    await hold(finance, statement_no, "small", amount_tiyn=500)
    later = DAY + timedelta(days=1)
    await finance.post(finance.taps(61, 30, day=1))
    finance.close(1, later)
    [number] = (await finance.settle(first=later)).statements
    blocks = {line.block: line.payable_tiyn for line in
              await list_lines(finance.connection, number)}  # fmt: skip
    assert blocks["hold"] == -500
    assert blocks["fares"] > 0
    assert (await get_dispute(finance.connection, AGENCY, 1)).status == "open"


async def test_what_is_held_or_taken_stays_held_when_the_statement_is_paid(
    finance: Finance, statement_no: int
):
    await bank(finance)
    whole = (await issue_statement(finance.connection, AGENCY, statement_no, **WHO)).payable_tiyn
    before = await hold(finance, statement_no, "before", amount_tiyn=400)
    assert (await pay(finance, statement_no)).amount_tiyn == whole - 400
    # what was kept back at the payment cannot be held once more ...
    with pytest.raises(Refused) as refused:
        await hold(finance, statement_no, "all", amount_tiyn=whole)
    assert refused.value.code == "beyond_payable"
    after = await hold(finance, statement_no, "rest", amount_tiyn=whole - 400)
    later = DAY + timedelta(days=1)
    finance.close(1, later)
    await finance.settle(first=later)
    # ... nor what is in the next statement, nor what the carrier has lost
    with pytest.raises(Refused):
        await hold(finance, statement_no, "again", amount_tiyn=1)
    await decide(finance, before.dispute_no, "reject", city="akimat")
    with pytest.raises(Refused):
        await hold(finance, statement_no, "lost", amount_tiyn=1)
    # what was released may be
    await decide(finance, after.dispute_no, "release")
    with pytest.raises(Refused):
        await hold(finance, statement_no, "more", amount_tiyn=whole - 399)
    await hold(finance, statement_no, "released", amount_tiyn=whole - 400)
    assert await check_ledger(finance.connection) == []


async def test_who_is_paid_for_boardings_loses_their_pay(finance: Finance):
    await finance.contract("north", "boarding", rate_tiyn=9_000)
    await finance.contract("south", "gross_km")
    await finance.post(finance.taps(62, 60))
    finance.close(1)
    by_carrier = {}
    for number in (await finance.settle()).statements:
        by_carrier[(await get_statement(finance.connection, AGENCY, number)).carrier_id] = number
    taps = dict(await finance.rows(
        "SELECT carrier_id, min(tap_no) FROM tap JOIN carrier USING (carrier_no)"
        " WHERE num_riders = 2 AND tap.status = 'posted' GROUP BY 1"
    ))  # fmt: skip
    dispute = await hold(finance, by_carrier["north"], tap_nos=[taps["north"]])
    assert dispute.amount_tiyn == 18_000
    with pytest.raises(Refused) as refused:
        await hold(finance, by_carrier["south"], "km", tap_nos=[taps["south"]])
    assert refused.value.code in {"not_by_taps", "beyond_payable"}
