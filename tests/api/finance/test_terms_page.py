"""Terms, cash desks and who must be registered: at the desk, with what changes and its undo."""

from datetime import date, timedelta
from typing import Any

from playwright.async_api import Browser, expect

from sapar.core.db import connect
from tests.api.access_help import make_session, sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.finance.settled_town import Settled, settled
from tests.ticketing.world import AGENCY

__all__ = ["settled"]  # a fixture
BASE = "/api/finance/agents"
TODAY = date(2026, 3, 11)


def terms(**other: Any) -> dict[str, Any]:
    return {
        "terms": {"from_date": f"{TODAY}", "kind": "postpaid", "credit_limit_tiyn": 300_000} | other
    }


async def test_terms_are_foreseen_and_agreed(settled: Settled) -> None:
    http = settled.api.http
    one = f"{BASE}/agent/kassa24"
    await sign_in(http, settled.api.conninfo, ("accountant",))
    assert (await http.post(f"{one}/terms", json=terms())).status_code == 403
    await sign_in(http, settled.api.conninfo, ("chief_accountant",))
    told = (await http.post(f"{one}/terms/foresee", json=terms())).json()["foreseen"]
    assert (told["before"]["credit_limit_tiyn"], told["over_tiyn"]) == (100_000_000, 50_000)
    past = terms(from_date=f"{TODAY - timedelta(days=1)}")
    refused = (await http.post(f"{one}/terms/foresee", json=past)).json()["refused"]
    assert refused["code"] == "terms_in_past"
    silent = await http.post(f"{one}/terms", json=terms())
    assert silent.json()["error"]["code"] == "reason_needed"
    agreed = await http.post(f"{one}/terms", json=terms() | {"reason": "late twice"})
    assert (agreed.status_code, agreed.json()) == (201, {"terms_no": 2})
    fees = {"terms": {"from_date": f"{TODAY}", "fee_bp": 120}, "reason": "annex 2"}
    assert (await http.post(f"{BASE}/processor/kaspi/terms", json=fees)).json() == {"terms_no": 2}
    new = terms() | {"name": "Halyk terminals"}
    assert (await http.post(f"{BASE}/agent/halyk", json=new)).status_code == 201
    assert (await http.post(f"{BASE}/agent/halyk", json=new)).status_code == 201
    other = await http.post(f"{BASE}/agent/halyk", json=new | {"name": "Another"})
    assert other.json()["error"]["code"] == "agent_exists"
    detail = (await http.get(one)).json()["detail"]
    assert detail["history"][0]["agreed_by"].startswith("person-")


async def test_the_room(settled: Settled, browser: Browser) -> None:
    address = "/console/agents?lang=en&party=agent:kassa24"
    async with visit(browser, settled.api, address, roles=("chief_accountant",)) as page:
        await expect(page.locator(".one-party h3", has_text="Terms")).to_be_visible()
        await page.get_by_role("button", name="Other terms…").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".foreseen")).to_contain_text("Nothing changes.")
        await dialog.get_by_label("May owe").fill("3 000")
        await dialog.get_by_role("textbox", name="Commission", exact=True).fill("1,5")
        changes = dialog.locator(".changes")
        await expect(changes.locator("tr", has_text="May owe")).to_contain_text("1,000,000 ₸")
        await expect(changes.locator("tr", has_text="May owe")).to_contain_text("3,000 ₸")
        await expect(dialog.locator(".note-bar")).to_contain_text("500 ₸ more than it may")
        await dialog.get_by_label("Why").fill("late twice")
        await assert_accessible(page, "dialog[open]")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text("other terms hold from 2026-03-11")
        await expect(page.locator(".one-party .facts")).to_contain_text("3,000 ₸")
        await page.get_by_role("button", name="Undo U").click()
        await expect(page.locator(".one-party .facts")).to_contain_text("1,000,000 ₸")
        await expect(page.locator(".one-party tr", has_text="agreed anew")).to_be_visible()
        await assert_accessible(page)
        await page.get_by_role("button", name="New processor…").click()
        await dialog.get_by_label("Name of its accounts").fill("sms")
        await dialog.get_by_role("textbox", name="Name", exact=True).fill("SMS payments")
        await dialog.get_by_label("Fee of a day's sum").fill("4")
        await dialog.get_by_role("button", name="Register").click()
        await expect(page.locator("tbody tr", has_text="SMS payments")).to_be_visible()


async def test_cash_desks(settled: Settled, browser: Browser) -> None:
    api = settled.api
    anna, _ = await make_session(api.conninfo, ("cashier",), AGENCY)
    async with visit(
        browser, api, "/console/agents?lang=en&show=desks", roles=("chief_accountant",)
    ) as page:
        await expect(page.get_by_text("No cash desk is registered")).to_be_visible()
        await page.keyboard.press("n")
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".note-bar")).to_contain_text("It is the first one")
        await dialog.get_by_label("Name of its account").fill("desk-1")
        await dialog.get_by_role("textbox", name="Name", exact=True).fill("Station")
        await dialog.get_by_label(anna.capitalize()).check()
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Save").click()
        row = page.locator("tbody tr", has_text="desk-1")
        await expect(row).to_contain_text(anna.capitalize())
        await row.click()
        await dialog.get_by_role("button", name="closed").click()
        await dialog.get_by_role("button", name="Save").click()
        await expect(row).to_contain_text("closed")
        await page.get_by_role("button", name="Undo U").last.click()
        await expect(row).to_contain_text("open")
        await page.get_by_label("Money is taken through registered").check()
        await expect(page.locator(".toast").last).to_contain_text("Only registered ones")
        await assert_accessible(page)
    with connect(api.conninfo) as connection:
        rows = connection.execute(
            "SELECT action FROM audit_log WHERE action LIKE 'cash_desk.%%'"
            " OR action = 'agent.require' ORDER BY audit_no"
        ).fetchall()
    changed = ["cash_desk.change"] * 2
    assert [row[0] for row in rows] == ["cash_desk.create", *changed, "agent.require"]
    async with visit(
        browser, api, "/console/agents?lang=ru&show=desks", roles=("accountant",), width=390,
        theme="light",
    ) as page:  # fmt: skip
        await expect(page.locator("tbody tr", has_text="desk-1")).to_be_visible()
        await expect(page.get_by_role("button", name="Новая касса")).to_have_count(0)
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
