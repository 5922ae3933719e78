"""The tariff desk in a real browser: a draft from the tables, its dry run, two people to publish."""

from playwright.async_api import Browser, expect

from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.conftest import Instance
from tests.api.finance.money_town import DAY, money
from tests.api.finance.test_tariffs import BASE

__all__ = ["money"]  # a fixture


async def test_a_price_is_changed_tried_proposed_and_approved(
    money: Instance, browser: Browser
) -> None:
    async with visit(browser, money, "/console/tariffs?lang=en", roles=("accountant",)) as page:
        await expect(page.locator(".prices tbody tr", has_text="transit_card")).to_contain_text(
            "80 ₸"
        )
        await assert_accessible(page)
        await page.get_by_role("button", name="Files").click()
        await page.get_by_role("button", name="Change into a new draft").click()
        amount = page.get_by_label("amount, row 1", exact=True)
        await amount.fill("ninety")
        await page.get_by_role("button", name="Check", exact=True).click()
        await expect(page.locator(".findings")).to_contain_text("fare_products.txt:2")
        await expect(page.locator(".is-wrong")).to_have_count(1)
        await assert_accessible(page)
        await amount.fill("90")
        await page.get_by_role("button", name="Save as draft").click()
        await expect(page.locator(".toast")).to_contain_text("Stored as version 2")
        await page.keyboard.press("r")
        await page.get_by_label("From").fill(DAY)
        await page.get_by_label("To", exact=True).fill(DAY)
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator(".result .figures")).to_contain_text("+20 ₸ (+8.3%)")
        await expect(page.locator(".largest")).to_contain_text("+20 ₸")
        await assert_accessible(page)
        await page.get_by_role("button", name="Into force").click()
        await page.get_by_role("button", name="Propose…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Holds from").fill("2026-04-20T04:00")
        await dialog.get_by_label("Why").fill("council's decision 12")
        await dialog.get_by_role("button", name="Propose").click()
        await expect(page.locator(".force .note-bar")).to_contain_text("You proposed it")
        await expect(page.get_by_role("button", name="Approve…")).to_have_count(0)
    address = "/console/tariffs?lang=ru&version=2&tab=force"
    async with visit(
        browser, money, address, roles=("chief_accountant",), width=390, theme="light"
    ) as page:
        await page.get_by_role("button", name="Утвердить…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Почему").fill("проверено")
        await dialog.get_by_role("button", name="Утвердить").click()
        await expect(page.locator(".force .said")).to_contain_text("вступит в силу с 20 апр")
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    await sign_in(money.http, money.conninfo, ("auditor",))
    rows = (await money.http.get(f"{BASE}.json")).json()["versions"]
    assert [one["state"] for one in rows] == ["holds", "to_come"]
