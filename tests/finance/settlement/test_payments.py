"""Payment orders: posted once, expected on the bank statement, written for the bank."""

import asyncio
from datetime import date, timedelta

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import NotFound, Refused
from sapar.finance.bank.onec import HEAD
from sapar.finance.matching.items import list_items
from sapar.finance.settlement.bank_file import exchange_file, orders_csv
from sapar.finance.settlement.contracts import remove_contract
from sapar.finance.settlement.payments import list_orders, orders_for_bank, pay_statement
from sapar.finance.settlement.statements import get_statement, issue_statement
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import NOW, Finance
from tests.finance.settlement.test_disputes import PAYER, WHO, bank, pay
from tests.ticketing.world import AGENCY


@pytest.fixture
async def statements(finance: Finance) -> list[int]:
    await finance.contract("north", payee_name="ТОО «Әуежай көлік»")
    await finance.contract("south")
    await finance.post(finance.taps(70, 60))
    finance.close(1)
    await bank(finance)
    return (await finance.settle()).statements


async def test_an_order_clears_what_is_owed(finance: Finance, statements: list[int]):
    with pytest.raises(Refused, match="is a draft"):
        await pay(finance, statements[0])
    issued = await issue_statement(finance.connection, AGENCY, statements[0], **WHO)
    order = await pay(finance, statements[0])
    assert await pay(finance, statements[0]) == order
    assert (order.amount_tiyn, order.number, order.at_bank) == (issued.payable_tiyn, 1, False)
    assert (await finance.balances(1020)) == {(1020, "payments"): -order.amount_tiyn}
    assert (2310, issued.carrier_id) not in await finance.balances(2310)
    [item] = await list_items(finance.connection, AGENCY, kind="payment_order")
    assert (item.amount_tiyn, item.reference, item.code, item.owner, item.bank_account_id) == (
        -order.amount_tiyn, "1", 1020, "payments", "main",
    )  # fmt: skip
    paid = await get_statement(finance.connection, AGENCY, statements[0])
    assert (paid.status, paid.order_number, paid.order_tiyn) == ("paid", 1, order.amount_tiyn)
    assert await check_ledger(finance.connection) == []
    rows = await finance.rows(
        "SELECT action FROM audit_log WHERE starts_with(action, 'settlement') ORDER BY audit_no"
    )
    assert [action for (action,) in rows] == [
        "settlement.run", "settlement.issue", "settlement.pay",
    ]  # fmt: skip


async def test_the_version_that_an_order_was_paid_by_stays(finance: Finance, statements: list[int]):
    newer = await finance.contract(
        "north", valid_from=date(2026, 4, 1), payee_iban="KZ86125KZT5004100100"
    )
    for statement in statements:
        await issue_statement(finance.connection, AGENCY, statement, **WHO)
        await pay(finance, statement)
    [(paid_by,)] = await finance.rows(
        "SELECT contract_no FROM payment_order JOIN carrier_contract USING (contract_no)"
        " WHERE carrier_contract.valid_from = '2026-04-01'"
    )
    assert paid_by == newer.contract_no
    with pytest.raises(Refused) as refused:
        await remove_contract(finance.connection, AGENCY, newer.contract_no, actor="x", now=NOW)
    assert refused.value.code == "contract_used"


async def test_an_account_that_is_not_ours_pays_nothing(finance: Finance, statements: list[int]):
    await issue_statement(finance.connection, AGENCY, statements[0], **WHO)
    await finance.connection.execute("UPDATE bank_account SET bank_account_id = 'other'")
    with pytest.raises(NotFound):
        await pay(finance, statements[0])
    assert await list_orders(finance.connection, AGENCY) == []


async def test_the_file_for_the_bank(finance: Finance, statements: list[int]):
    for number in statements:
        await issue_statement(finance.connection, AGENCY, number, **WHO)
        await pay(finance, number)
    orders = await list_orders(finance.connection, AGENCY)
    text = exchange_file(orders, "010203040506").decode("cp1251")
    rows = text.split("\r\n")
    assert rows[0] == HEAD
    assert rows[-2:] == ["КонецФайла", ""]
    assert rows.count("СекцияДокумент=Платежное поручение") == rows.count("КонецДокумента") == 2
    assert "ПолучательНаименование=ТОО «Ауежай колiк»".replace("i", "і") in rows
    assert "ПлательщикНаименование=Казпочта" in rows
    whole = orders[0].amount_tiyn
    assert f"Сумма={whole // 100}.{whole % 100:02}" in rows
    assert f"Дата={orders[0].order_date:%d.%m.%Y}" in rows
    lines = orders_csv(orders).decode().splitlines()
    assert len(lines) == 3
    assert "ТОО «Әуежай көлік»" in lines[1]
    assert orders[0].order_date == NOW.date()


async def test_asked_at_once_it_is_ordered_once(finance: Finance, statements: list[int]):
    await issue_statement(finance.connection, AGENCY, statements[0], **WHO)
    others = [await connect_async(finance.conninfo) for _ in range(3)]
    try:
        orders = await asyncio.gather(*(
            pay_statement(one, finance.accounts, AGENCY, statements[0], "main", **PAYER)
            for one in others
        ))  # fmt: skip
    finally:
        for one in others:
            await one.close()
    assert orders == await list_orders(finance.connection, AGENCY) * 3
    assert await finance.balances(1020) == {(1020, "payments"): -orders[0].amount_tiyn}


async def test_a_contract_that_begins_later_names_nobody_who_is_paid_today(
    finance: Finance, statements: list[int]
):
    """Not before its day: the account of next year's payee is not this year's."""
    today = NOW.date()
    await finance.contract("north", valid_from=today, payee_iban="KZ75125KZT1001300335")
    later = "KZ31125KZT1001300999"
    await finance.contract("north", valid_from=today + timedelta(days=1), payee_iban=later)
    for number in statements:
        await issue_statement(finance.connection, AGENCY, number, **WHO)
        await pay(finance, number)
    ibans = {
        one.carrier_id: one.payee_iban for one in await list_orders(finance.connection, AGENCY)
    }
    assert ibans == {"north": "KZ75125KZT1001300335", "south": "KZ86125KZT5004100100"}


async def test_what_the_bank_has_carried_out_is_not_sent_again(
    finance: Finance, statements: list[int]
):
    for number in statements:
        await issue_statement(finance.connection, AGENCY, number, **WHO)
        await pay(finance, number)
    both = await list_orders(finance.connection, AGENCY)
    assert await orders_for_bank(finance.connection, AGENCY) == both
    async with finance.connection.transaction():
        # as a match with a line of a statement leaves it
        await finance.connection.execute("SET LOCAL session_replication_role = replica")
        await finance.connection.execute(
            "INSERT INTO bank_match (agency_id, source_key, content_hash, rule, rule_version,"
            " settings_version, lines_tiyn, items_tiyn, made_at, made_by)"
            " VALUES (%s, 'test', '', 'hand', 1, 0, 0, 0, now(), 'test')", (AGENCY,)
        )  # fmt: skip
        await finance.connection.execute(
            "INSERT INTO bank_match_item (match_no, item_no)"
            " SELECT match_no, item_no FROM bank_match, payment_order WHERE number_in_agency = 1"
        )
    assert await orders_for_bank(finance.connection, AGENCY) == both[1:]
    named = await orders_for_bank(finance.connection, AGENCY, from_date=date(2026, 1, 1))
    assert [one.number for one in named] == [1, 2]
