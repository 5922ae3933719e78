"""Carriers over HTTP: statements to their rides, issue, files, payment, disputes; and the room."""

from playwright.async_api import Browser, expect

from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.finance.settled_town import Settled, settled
from tests.finance.settlement.support import DAY

__all__ = ["settled"]  # a fixture
BASE = "/api/finance"


async def test_a_statement_is_the_sum_of_its_rides(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("auditor",))
    found = (await http.get(f"{BASE}/carriers.json")).json()
    assert {one["carrier_id"] for one in found["carriers"]} == {"north", "south"}
    assert {one["statement_no"] for one in found["statements"]} == set(settled.statements)
    for number in settled.statements:
        opened = (await http.get(f"{BASE}/statements/{number}")).json()
        lines = opened["lines"]
        assert sum(one["payable_tiyn"] for one in lines) == opened["statement"]["payable_tiyn"]
        for line in lines:
            address = f"{BASE}/statement-lines/{line['line_no']}/parts.json"
            parts = (await http.get(address)).json()["parts"]
            assert sum(one["amount_tiyn"] for one in parts) == line["gross_tiyn"]
            assert all("card_ref" not in one for one in parts)
    assert (await http.get(f"{BASE}/statements/999")).status_code == 404
    issue = await http.post(f"{BASE}/statements/{settled.statements[0]}/issue", json={})
    assert issue.status_code == 403


async def test_issue_files_holds_and_who_pays(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("accountant",))
    one = f"{BASE}/statements/{settled.statements[0]}"
    again = await http.post(f"{BASE}/statements", json={"from_date": f"{DAY}", "to_date": f"{DAY}"})
    assert again.json()["lines"] == 0
    issued = (await http.post(f"{one}/issue", json={})).json()
    assert (issued["status"], bool(issued["number"])) == ("issued", True)
    for form, head in (("xlsx", b"PK"), ("pdf", b"%PDF"), ("csv", b"")):
        file = await http.get(f"{one}/file", params={"form": form, "language": "kk"})
        assert file.status_code == 200, file.text
        assert file.content.startswith(head)
        assert file.headers["content-disposition"].endswith(f'.{form}"')
    assert (await http.get(f"{one}/file", params={"form": "doc"})).status_code == 422
    held = {"key": "page-1", "reason": "double boardings", "amount_tiyn": 10_000}
    first = (await http.post(f"{one}/disputes", json=held)).json()
    assert (await http.post(f"{one}/disputes", json=held)).json() == first
    decision = f"{BASE}/disputes/{first['dispute_no']}/decision"
    yes = {"decision": "release", "reason": "explained"}
    assert (await http.post(decision, json=yes)).status_code == 403
    assert (await http.post(f"{one}/payment", json={"bank_account": "main"})).status_code == 403
    await sign_in(http, settled.api.conninfo, ("chief_accountant",))
    assert (await http.post(decision, json=yes)).json()["status"] == "released"
    missing = await http.post(f"{one}/payment", json={"bank_account": "nowhere"})
    assert missing.status_code == 404
    orders = await http.get(f"{BASE}/payment-orders/file", params={"form": "csv"})
    assert orders.status_code == 200


async def test_the_room(settled: Settled, browser: Browser) -> None:
    api = settled.api
    async with visit(
        browser, api, "/console/carriers?lang=en", roles=("accountant", "chief_accountant")
    ) as page:
        await expect(page.locator("tbody tr", has_text="north")).to_contain_text(
            "commission 10.00%"
        )
        await assert_accessible(page)
        await page.get_by_role("button", name="Statements").click()
        await page.locator("tbody tr", has_text="north").click()
        await page.locator(".one-party tbody tr", has_text="fares").first.click()
        rides = page.locator(".one-party .table").last.locator("tbody tr[data-key]")
        await expect(rides.first).to_contain_text("••••")
        await assert_accessible(page)
        await page.get_by_role("button", name="Issue…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Issue", exact=True).click()
        await expect(page.locator(".toast")).to_contain_text("Issued as")
        await page.get_by_role("button", name="Hold an amount…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Amount").fill("100")
        await dialog.get_by_label("Why").fill("double boardings")
        await dialog.get_by_role("button", name="Hold it").click()
        await expect(page.locator(".toast").last).to_contain_text("100 ₸ is on hold")
        await page.get_by_role("button", name="Disputes").click()
        await expect(page.locator("tbody tr", has_text="double boardings")).to_be_visible()
        await assert_accessible(page)
    address = f"/console/carriers?lang=kk&show=statements&statement={settled.statements[0]}"
    async with visit(
        browser, api, address, roles=("accountant",), width=390, theme="light"
    ) as page:
        await expect(page.locator(".one-party .facts")).to_be_visible()
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
