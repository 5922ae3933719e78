"""Payment orders: posted once, expected on the bank statement, written for the bank."""

import pytest

from sapar.core.errors import NotFound, Refused
from sapar.finance.bank.onec import HEAD
from sapar.finance.matching.items import list_items
from sapar.finance.settlement.bank_file import exchange_file, orders_csv
from sapar.finance.settlement.payments import list_orders
from sapar.finance.settlement.statements import get_statement, issue_statement
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.settlement.support import NOW, Finance
from tests.finance.settlement.test_disputes import WHO, bank, pay
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
