"""Contracts at the desk: versions with their days, what a new one changes, one that is withdrawn."""

from datetime import timedelta
from typing import Any

from playwright.async_api import Browser, expect

from sapar.core.db import connect
from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.finance.settled_town import Settled, settled
from tests.finance.settlement.support import DAY

__all__ = ["settled"]  # a fixture
BASE = "/api/finance/contracts"
NEXT = DAY + timedelta(days=20)


def version(**other: Any) -> dict[str, Any]:
    return {
        "carrier_id": "north", "valid_from": f"{NEXT}", "kind": "gross_km", "rate_tiyn": 45_000,
        "city": "town", "funder": "akimat", "payee_bin": "990140000385",
        "payee_iban": "KZ75125KZT1001300335",
    } | other  # fmt: skip


async def test_a_version_is_foreseen_added_and_withdrawn(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("accountant",))
    assert (await http.post(BASE, json=version())).status_code == 403
    await sign_in(http, settled.api.conninfo, ("chief_accountant",))
    told = (await http.post(f"{BASE}/foresee", json=version())).json()
    assert (told["refused"], told["foreseen"]["before"]["commission_bp"]) == (None, 1000)
    for other, code in (
        ({"valid_from": f"{DAY}"}, "contract_settled"), ({"payee_bin": "1"}, "bad_contract"),
        ({"carrier_id": "nobody"}, "not_found"), ({"rate_tiyn": 2**62}, "bad_contract"),
    ):  # fmt: skip
        refused = (await http.post(f"{BASE}/foresee", json=version(**other))).json()
        assert (refused["foreseen"], refused["refused"]["code"]) == (None, code)
    added = await http.post(BASE, json=version())
    assert added.status_code == 201, added.text
    assert (await http.post(BASE, json=version())).json() == added.json()
    number = added.json()["contract_no"]
    silent = await http.post(f"{BASE}/{number}/withdraw", json={"reason": " "})
    assert silent.json()["error"]["code"] == "reason_needed"
    assert (await http.post(f"{BASE}/{number}/withdraw", json={"reason": "a slip"})).is_success
    assert (await http.post(f"{BASE}/{number}/withdraw", json={"reason": "x"})).status_code == 404
    used = (await http.get("/api/finance/carriers.json")).json()["contracts"]
    stays = await http.post(f"{BASE}/{used[0]['contract_no']}/withdraw", json={"reason": "x"})
    assert (stays.status_code, stays.json()["error"]["code"]) == (403, "contract_used")
    with connect(settled.api.conninfo) as connection:
        rows = connection.execute(
            "SELECT action, reason FROM audit_log WHERE action LIKE 'contract.%%'"
            " AND user_id IS NOT NULL ORDER BY audit_no"
        ).fetchall()
    assert rows == [("contract.add", ""), ("contract.remove", "a slip")]


async def test_the_dialog_says_what_changes(settled: Settled, browser: Browser) -> None:
    address = "/console/carriers?lang=en&show=contracts"
    async with visit(browser, settled.api, address, roles=("chief_accountant",)) as page:
        rows = page.locator("tbody tr[data-key]")
        await expect(rows).to_have_count(2)
        await expect(rows.filter(has_text="north")).to_contain_text("in force")
        await assert_accessible(page)
        await page.keyboard.press("n")
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".foreseen")).to_contain_text("Fill in what is marked")
        await page.keyboard.press("Escape")
        await rows.filter(has_text="north").click()  # a new version begins from this one
        await dialog.get_by_label("First fare day").fill(f"{DAY}")
        await expect(dialog.get_by_role("alert")).to_contain_text("settled by another version")
        await dialog.get_by_label("First fare day").fill(f"{NEXT}")
        await expect(dialog.locator(".foreseen")).to_contain_text("Nothing changes.")
        await dialog.get_by_role("button", name="Gross: a boarding").click()
        await dialog.get_by_label("For a boarding").fill("62,50")
        await dialog.get_by_label("City that owns the fares").fill("town")
        changes = dialog.locator(".changes")
        await expect(changes.locator("tr", has_text="Rate")).to_contain_text("62.50 ₸")
        await expect(changes.locator("tr", has_text="Kind")).to_contain_text("Net: commission")
        await expect(changes.locator("tr", has_text="BIN")).to_have_count(0)
        await assert_accessible(page, "dialog[open]")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text(f"the version of {NEXT} is there")
        await expect(rows.filter(has_text="to come")).to_contain_text("62.50 ₸ a boarding")
        await page.get_by_role("button", name="Undo U").click()
        await expect(rows).to_have_count(2)
    async with visit(
        browser, settled.api, "/console/carriers?lang=kk&show=contracts",
        roles=("chief_accountant",), width=390, theme="light",
    ) as page:  # fmt: skip
        await page.get_by_role("button", name="Шарттың жаңа нұсқасы…").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Жолақы — тасымалдаушынікі")
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
