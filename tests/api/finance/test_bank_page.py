"""A bank statement from a file to posted lines in a real browser: looked at first, and once."""

from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sapar.core.clock import SystemClock
from sapar.core.db import connect, connect_async
from sapar.finance.bank.accounts import Doer, add_account
from sapar.finance.bank.model import Line, Statement
from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, visit
from tests.api.conftest import Instance
from tests.api.finance.money_town import money
from tests.finance.bank.writers import write_1c
from tests.ticketing.taps.support import AGENCY

__all__ = ["money"]  # a fixture
IBAN = "KZ86125KZT5004100100"
DAY = date(2026, 3, 17)


def statement(closing_tiyn: int = 1_240_000_00) -> bytes:
    lines = (
        Line(
            booked_on=DAY, amount_tiyn=250_000_00, counterparty_name="ТОО Касса",
            reference="17", purpose="Реестр за 16.03",
        ),
        Line(
            booked_on=DAY, amount_tiyn=-10_000_00, counterparty_name="Банк",
            reference="18", purpose="Комиссия",
        ),
    )  # fmt: skip
    return write_1c(
        Statement(
            account=IBAN, from_date=DAY, to_date=DAY, opening_tiyn=1_000_000_00,
            closing_tiyn=closing_tiyn, currency="KZT", lines=lines,
        )
    )  # fmt: skip


@pytest.fixture
async def bank(money: Instance) -> Instance:
    connection = await connect_async(money.conninfo)
    async with connection:
        await add_account(
            connection, AGENCY, account="main", iban=IBAN, name="Main", doer=Doer("test"),
            now=SystemClock().now(),
        )  # fmt: skip
    return money


async def test_a_statement_is_looked_at_and_posted_once(
    bank: Instance, browser: Browser, tmp_path: Path
) -> None:
    good, broken = tmp_path / "kl_to_1c.txt", tmp_path / "broken.txt"
    good.write_bytes(statement())
    broken.write_bytes(statement(closing_tiyn=1_000_001_00))
    async with visit(
        browser, bank, "/console/bank?lang=en", roles=("accountant",), theme="light"
    ) as page:
        await expect(page.locator(".figures")).to_contain_text("no statement yet")
        await assert_accessible(page)
        file = page.get_by_label("Choose a file…")
        await file.set_input_files(good)
        looked = page.locator(".looked")
        await expect(looked).to_contain_text("2 are new, +240,000 ₸", timeout=PATIENCE_MS)
        await expect(looked).to_contain_text("ТОО Касса")
        with connect(bank.conninfo) as connection:
            assert connection.execute("SELECT count(*) FROM bank_line").fetchone() == (0,)
        await assert_accessible(page)
        await looked.get_by_role("button", name="Post the new lines").click()
        await expect(page.locator(".toast", has_text="2 lines posted")).to_be_visible()
        await expect(page.locator(".figures")).to_contain_text("1,240,000 ₸ on 17 Mar")
        await expect(page.locator(".figures")).to_contain_text("agrees")
        await file.set_input_files(good)
        await expect(looked).to_contain_text("imported before", timeout=PATIENCE_MS)
        await expect(looked.get_by_role("button")).to_have_count(0)
        await page.locator(".table-place").nth(1).locator("tbody tr").first.click()
        await expect(page.get_by_role("dialog")).to_contain_text("Unidentified receipts")


async def test_a_broken_file_is_refused_with_the_reason(bank: Instance) -> None:
    await sign_in(bank.http, bank.conninfo, ["accountant"])
    address = "/api/finance/bank/statements?name=x.txt"
    answer = await bank.http.post(address, content=statement(closing_tiyn=1_00))
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "statement_does_not_balance"
    told = (await bank.http.get("/api/finance/bank.json")).json()
    assert told["statements"] == []
    assert (await bank.http.post(address, content=statement())).status_code == 200
    lines = (await bank.http.get("/api/finance/bank/lines.json?unmatched=1")).json()
    assert [line["amount_tiyn"] for line in lines["lines"]] == [-10_000_00, 250_000_00]
    file = await bank.http.get("/api/finance/bank/statements/1/file")
    assert file.content == statement()
