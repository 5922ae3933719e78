"""Matching in a real browser, by keys: suggestions, a match, its undo, a difference, the rules."""

from playwright.async_api import Browser, expect

from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.finance.matched_town import Books, books
from tests.finance.matching.support import balances, check_books

__all__ = ["books"]  # a fixture


async def test_lines_are_matched_by_keys(books: Books, browser: Browser) -> None:
    async with visit(
        browser, books.api, "/console/matching?lang=en", roles=("accountant",)
    ) as page:
        rows = page.locator(".match-column").first.locator(".match-row")
        await expect(rows).to_have_count(4)
        await assert_accessible(page)
        await page.keyboard.press("j")
        await page.keyboard.press("Space")
        await expect(page.locator(".match-bar strong")).to_have_text("Difference +486,000 ₸")
        best = page.locator(".suggestions button").first
        await expect(best).to_contain_text("seller-k 19.11 + seller-k 20.11")
        await expect(best).to_contain_text("adds up, same party")
        await best.click()
        await expect(page.locator(".match-bar strong")).to_have_text("Difference 0")
        await assert_accessible(page)
        await page.locator("h2").click()  # the focus leaves the button, which Enter would press
        await page.evaluate("document.activeElement.blur()")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text("Matched")
        await expect(rows).to_have_count(3)
        await page.keyboard.press("u")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why").fill("another seller's")
        await dialog.get_by_role("button", name="Undo").click()
        await expect(rows).to_have_count(4)
        await rows.filter(has_text="12,000 ₸").click()
        await page.keyboard.press("s")
        await dialog.get_by_label("Account").select_option(label="2520 City payable")
        await dialog.get_by_label("Whose").fill("town")
        await dialog.get_by_label("Why").fill("rent of a stand")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Match with this").click()
        await expect(rows).to_have_count(3)
        await page.get_by_role("button", name="Run the rules").click()
        await expect(page.locator(".toast", has_text="by the rules")).to_be_visible()
        await page.get_by_role("button", name="Matches", exact=True).click()
        await expect(page.locator("tbody .is-void, tbody tr.is-void")).to_have_count(1)
        await page.locator("tbody tr", has_text="kassa").click()
        await expect(page.locator(".person-pane")).to_contain_text("reference, by person")
        await assert_accessible(page)
    assert balances(books.api.conninfo)[2520, "town"] == -12_000_00
    check_books(books.api.conninfo)


async def test_a_difference_goes_to_several_accounts(books: Books, browser: Browser) -> None:
    async with visit(
        browser, books.api, "/console/matching?lang=en", roles=("accountant",)
    ) as page:
        rows = page.locator(".match-column").first.locator(".match-row")
        await rows.filter(has_text="97,500.50 ₸").click()
        items = page.locator(".match-column").last.locator(".match-row")
        await items.filter(has_text="kaspi").click()
        await expect(page.locator(".match-bar strong")).to_have_text("Difference +0.50 ₸")
        await page.keyboard.press("s")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Another account…").click()
        amounts = dialog.get_by_label("How much")
        await amounts.fill("0,30")
        await expect(dialog).to_contain_text("What is left: +0.20 ₸")
        # a part that goes takes its own amount along, and who took what was left begins empty
        for typed in ("0,05", "0,07"):
            await dialog.get_by_role("button", name="Another account…").click()
            await expect(amounts.last).to_have_value("")
            await amounts.last.fill(typed)
        await expect(dialog).to_contain_text("What is left: +0.08 ₸")
        await dialog.get_by_role("button", name="Leave this account out").nth(0).click()
        await expect(amounts.last).to_have_value("0,07")
        await expect(dialog).to_contain_text("What is left: +0.13 ₸")
        await dialog.get_by_role("button", name="Leave this account out").nth(0).click()
        await expect(dialog).to_contain_text("What is left: +0.20 ₸")
        await dialog.get_by_label("Why").fill("as the bank explained")
        button = dialog.get_by_role("button", name="Match with this")
        await expect(dialog.get_by_role("alert")).to_contain_text("stands there twice")
        await expect(button).to_be_disabled()
        await dialog.get_by_label("Account", exact=True).last.select_option(
            label="2520 City payable"
        )
        await dialog.get_by_label("Whose").fill("town")
        await assert_accessible(page, "dialog[open]")
        await button.click()
        await expect(page.locator(".toast")).to_contain_text("Matched")
        await page.get_by_role("button", name="Matches", exact=True).click()
        await page.locator("tbody tr", has_text="kaspi").click()
        pane = page.locator(".person-pane")
        await expect(pane.locator("tr", has_text="2520")).to_contain_text("0.20 ₸")
        await expect(pane.locator("tr", has_text="Difference in all")).to_contain_text("0.50 ₸")
        await assert_accessible(page)
    assert balances(books.api.conninfo)[2520, "town"] == -20
    check_books(books.api.conninfo)


async def test_a_telephone_is_wide_enough(books: Books, browser: Browser) -> None:
    address = "/console/matching?lang=kk"
    async with visit(
        browser, books.api, address, roles=("accountant",), width=390, theme="light"
    ) as page:
        await page.locator(".match-row").first.click()
        await expect(page.locator(".suggestions")).to_be_visible()
        await expect(page.get_by_role("button", name="Ережелерді іске қосу")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
