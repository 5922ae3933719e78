"""Agents over HTTP: balances, a statement down to journals, registers and what they disagree on."""

from playwright.async_api import Browser, FilePayload, expect

from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.finance.settled_town import Settled, settled
from tests.finance.settlement.support import DAY

__all__ = ["settled"]  # a fixture
ONE = "/api/finance/agents/agent/kassa24"
REGISTER = f"reference;time;amount;status\ns-1;{DAY} 09:00:00;2500.00;done\n".encode()


async def test_from_the_balance_to_the_journals(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("auditor",))
    found = (await http.get("/api/finance/agents.json")).json()
    [agent] = found["agents"]
    assert (agent["balance_tiyn"], agent["limit_tiyn"]) == (350_000, 100_000_000)
    assert [one["id"] for one in found["processors"]] == ["kaspi"]
    one = (await http.get(ONE)).json()
    [day] = one["statement"]["rows"]
    assert (day["day"], day["sold"], day["balance"]) == (DAY.isoformat(), 350_000, 350_000)
    moved = (await http.get(f"{ONE}/days/{DAY}")).json()
    assert [one["amount_tiyn"] for one in moved["movements"]] == [250_000, 100_000]
    assert "card_ref" not in moved["movements"][0]
    assert moved["comparison"] is None
    for path, status in [
        ("/api/finance/agents/bank/x", 404), ("/api/finance/agents/agent/nobody", 404),
        (f"{ONE}/days/soon", 422),
    ]:  # fmt: skip
        assert (await http.get(path)).status_code == status, path


async def test_no_bank_cards_number_is_written_down(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("chief_accountant",))
    reason = "asked by the holder of 4111 1111 1111 1111"
    terms = {"from_date": "2099-01-01", "kind": "postpaid"}
    [contract, *_] = (await http.get("/api/finance/carriers.json")).json()["contracts"]
    withdraw = f"/api/finance/contracts/{contract['contract_no']}/withdraw"
    for path, body in [
        (f"{ONE}/terms", {"terms": terms, "reason": reason}),
        ("/api/finance/cash-desks/one", {"desk": {"name": "One"}, "reason": reason}),
        ("/api/finance/cash-desks/one", {"desk": {"name": "One", "place": reason}}),
        (withdraw, {"reason": reason}),
    ]:
        refused = await http.post(path, json=body)
        assert refused.json()["error"]["code"] == "pan_like", (path, refused.text)


async def test_a_register_is_taken_compared_and_given_back(settled: Settled) -> None:
    http = settled.api.http
    await sign_in(http, settled.api.conninfo, ("accountant",))
    address = f"{ONE}/days/{DAY}/register"
    empty = await http.post(address, content=b"")
    assert empty.json()["error"]["code"] == "empty_file"
    broken = await http.post(address, content=REGISTER.replace(b"2500.00", b"2500.001"))
    assert broken.status_code == 422
    assert "line 2" in broken.json()["error"]["message"]
    taken = await http.post(address, content=REGISTER, params={"name": "day.csv"})
    assert taken.status_code == 201, taken.text
    assert (await http.post(address, content=REGISTER)).json()["repeated"] is True
    compared = (await http.get(f"{ONE}/days/{DAY}")).json()["comparison"]
    assert (compared["agreed"], compared["rows"]) == (1, 1)
    [difference] = compared["differences"]
    assert (difference["value_tiyn"], difference["register_tiyn"]) == (100_000, 0)
    register = (await http.get(ONE)).json()["registers"][0]
    down = await http.get(f"/api/finance/agents/registers/{register['register_no']}/file")
    assert down.content == REGISTER
    suspended = await http.post(f"{ONE}/status", json={"status": "suspended", "reason": "late"})
    assert suspended.json() == {"changed": True}
    listed = (await http.get("/api/finance/agents.json")).json()["agents"]
    assert listed[0]["status"] == "suspended"


async def test_the_room(settled: Settled, browser: Browser) -> None:
    api = settled.api
    async with visit(browser, api, "/console/agents?lang=en", roles=("accountant",)) as page:
        row = page.locator("tbody tr", has_text="Kassa 24")
        await expect(row).to_contain_text("3,500 ₸")
        await assert_accessible(page)
        await row.click()
        await page.locator(".one-party tbody tr", has_text=str(DAY)).first.click()
        await expect(page.locator(".note-bar")).to_contain_text("No register has come")
        async with page.expect_file_chooser() as chooser:
            await page.get_by_text("Take a register…").click()
        await page.get_by_label("Day", exact=True).fill(str(DAY))
        await (await chooser.value).set_files(
            {"name": "day.csv", "mimeType": "text/csv", "buffer": REGISTER}
        )
        await expect(page.locator(".toast")).to_contain_text("1 row taken: 2,500 ₸")
        await assert_accessible(page)
        # another file corrects it; the first one stands again only when that is said
        take = page.locator(".file-button input")
        first: FilePayload = {"name": "day.csv", "mimeType": "text/csv", "buffer": REGISTER}
        corrected = REGISTER.replace(b"2500.00", b"2400.00")
        await take.set_input_files({**first, "name": "new.csv", "buffer": corrected})
        stands = page.locator("section.table[aria-label=Registers] tbody tr")
        await expect(stands).to_contain_text(["new.csv"])
        await take.set_input_files(first)
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("another one has corrected it since")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(stands).to_contain_text(["new.csv"])
        await take.set_input_files(first)
        await dialog.get_by_role("button", name="Let it stand").click()
        await expect(stands).to_contain_text(["day.csv"])
    async with visit(
        browser, api, "/console/agents?lang=ru&party=agent:kassa24", roles=("accountant",),
        width=390, theme="light",
    ) as page:  # fmt: skip
        await expect(page.locator(".one-party .facts")).to_contain_text("3 500 ₸")
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
