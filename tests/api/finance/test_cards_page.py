"""The card desk in a real browser: a look-up with its reason, the evidence of a fare, operations."""

import asyncio

from playwright.async_api import Browser, Page, Route, expect

from sapar.access.model import Role
from sapar.core.db import connect
from tests.api.access_help import signed_in_context
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.conftest import Instance
from tests.api.finance.money_town import card_no_of, money

__all__ = ["money"]  # a fixture
DESK: tuple[Role, ...] = ("cashier", "accountant")


async def look_up(page: Page, text: str) -> None:
    await page.get_by_role("searchbox", name="Card number or reference").fill(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Why do you look at this card?")).to_be_visible()
    await page.get_by_role("button", name="The rider is here").click()
    await expect(page.locator(".said")).to_be_visible()


async def test_a_fare_opens_to_its_evidence(money: Instance, browser: Browser) -> None:
    async with visit(browser, money, "/console/cards?lang=en", roles=DESK) as page:
        await expect(page.get_by_text("Each look at a card is logged")).to_be_visible()
        await look_up(page, "c1")
        await expect(page.locator(".said")).to_contain_text("not blocked. 1 top-up waits")
        await expect(page.locator(".is-hole")).to_contain_text("3 taps are missing: counter 8–10")
        await assert_accessible(page)
        # each figure opens the rows that sum up to it
        await page.locator(".figures button", has_text="Balance").click()
        await expect(page.locator(".table footer")).to_contain_text("Sum 340 ₸")
        await page.locator("tbody tr", has_text="Route 105").click()
        await page.locator(".person-pane").get_by_role("button", name="Journal").first.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator("tfoot")).to_contain_text("80 ₸")
        await expect(dialog).to_contain_text("2210 Fare clearing")
        await assert_accessible(page, "dialog[open]")
        await page.keyboard.press("Escape")
        await page.reload()  # asked once a session and card
        await expect(page.locator(".said")).to_be_visible()
    with connect(money.conninfo) as connection:
        lines = connection.execute(
            "SELECT reason FROM audit_log WHERE action = 'card.look_up'"
        ).fetchall()
    assert lines == [("The rider is here and asks",)]


async def test_a_top_up_that_was_not_answered_happens_once(
    money: Instance, browser: Browser
) -> None:
    # not `visit`: the browser complains of the answer that is lost
    async with signed_in_context(browser, money, DESK, locale="en-GB") as context:
        page = await context.new_page()
        await page.goto(f"{money.url}/console/cards?lang=en")
        await look_up(page, "c1")
        lost = asyncio.Event()

        async def lose_first(route: Route) -> None:
            if lost.is_set():
                await route.continue_()
                return
            lost.set()
            await route.fetch()  # it is done, and the answer never arrives
            await route.fulfill(status=503, body="")

        await page.route("**/operations", lose_first)
        await page.get_by_role("button", name="Top up…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Amount").fill("1 500,50")
        await dialog.get_by_label("Cash desk").fill("desk-1")
        await dialog.get_by_label("Why").fill("Cash taken at the desk")
        await dialog.get_by_role("button", name="Do it").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("nobody knows")
        await expect(dialog.get_by_label("Amount")).to_be_disabled()
        await dialog.get_by_role("button", name="Ask again").click()
        await expect(page.locator(".receipt")).to_contain_text("It had been done already")
        await expect(page.locator(".receipt")).to_contain_text("1,840.50 ₸")
        await assert_accessible(page, "dialog[open]")
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await expect(page.locator(".figures")).to_contain_text("1,840.50 ₸")
        await page.get_by_role("button", name="Operations").click()
        await expect(page.locator("tbody tr").first).to_contain_text("Cash taken at the desk")


async def test_a_blocked_card_on_a_telephone_in_kazakh(money: Instance, browser: Browser) -> None:
    number = card_no_of(money.conninfo, "c5")
    address = f"/console/cards?lang=kk&card={number}"
    async with visit(
        browser, money, address, roles=("chief_accountant",), width=390, theme="light"
    ) as page:
        await page.get_by_role("button", name="Шағым").click()
        await expect(page.locator(".said")).to_contain_text("Бұғатталған: қарыз.")
        await expect(page.locator(".note-bar")).to_contain_text("14 бағыт, b2 автобус")
        await assert_accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await page.get_by_role("button", name="Есептен шығару…").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".foreseen tr", has_text="5140")).to_be_visible()
        assert await dialog.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_label("Себебі").fill("соттың шешімі")
        await dialog.get_by_role("button", name="Орындау").click()
        await expect(page.locator(".receipt")).to_be_visible()
        await page.get_by_role("dialog").get_by_role("button", name="Жабу").click()
        await expect(page.locator(".said")).to_contain_text("Қолданыста, бұғатталмаған.")


async def test_a_pass_is_sold_at_a_desk_of_the_register(money: Instance, browser: Browser) -> None:
    with connect(money.conninfo) as connection:
        connection.execute(
            "INSERT INTO cash_desk (agency_id, desk_id, name, created_at, created_by)"
            " VALUES ('town', 'desk-1', 'Station', now(), 'test'),"
            " ('town', 'desk-2', 'Market', now(), 'test')"
        )
    async with visit(browser, money, "/console/cards?lang=en", roles=DESK) as page:
        await look_up(page, "c1")
        await expect(page.get_by_role("button", name="Top up…")).to_be_visible()
        await page.keyboard.press("t")
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".note-bar")).to_contain_text("not named for any cash desk")
        await page.keyboard.press("Escape")
        with connect(money.conninfo) as connection:
            connection.execute(
                "INSERT INTO cash_desk_seller (agency_id, desk_id, user_id, added_at, added_by)"
                " SELECT 'town', 'desk-1', max(user_id), now(), 'test' FROM person"
            )
        await page.reload()
        await expect(page.locator(".said")).to_be_visible()
        await expect(page.get_by_role("button", name="Sell a pass…")).to_be_visible()
        await page.keyboard.press("p")
        # the only desk of this person is chosen; what it will post is told before
        await expect(dialog.get_by_role("combobox", name="Cash desk")).to_have_value("desk-1")
        will = dialog.locator(".foreseen")
        await expect(will.locator("tr", has_text="1110")).to_contain_text("desk-1")
        await expect(will.locator("tr", has_text="2140")).to_contain_text("month_pass 2026-03")
        await expect(will.locator("tr", has_text="2140")).to_contain_text("4,500 ₸")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="The card's balance").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("not so much on the card")
        await dialog.get_by_label("Why").fill("asked for")
        await expect(dialog.get_by_role("button", name="Do it")).to_be_disabled()
        await dialog.get_by_role("button", name="Cash desk").click()
        await expect(will.locator("tr", has_text="1110")).to_be_visible()
        await dialog.get_by_role("button", name="Do it").click()
        await expect(page.locator(".receipt")).to_contain_text("4,500 ₸")
        await dialog.get_by_role("button", name="Close").click()
        await expect(page.locator(".said")).to_contain_text("Pass month_pass until")
        with connect(money.conninfo) as connection:
            kept = connection.execute("SELECT count(*) FROM refused_operation").fetchone()
        assert kept == (0,)  # what was only looked at is kept nowhere


async def test_a_card_is_taken_back_and_its_holder_paid_by_another_person(
    money: Instance, browser: Browser
) -> None:
    with connect(money.conninfo) as connection:
        connection.execute(
            "INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at,"
            " created_by) VALUES ('town', 'main', 'KZ75125KZT1001300335', 'Main', now(), 'test')"
        )
    roles: tuple[Role, ...] = ("chief_accountant",)
    async with visit(browser, money, "/console/cards?lang=en", roles=roles) as page:
        await look_up(page, "c1")
        dialog = page.get_by_role("dialog")
        await page.get_by_role("button", name="Take the card back…").click()
        await expect(dialog).to_contain_text("out of use for good")
        will = dialog.locator(".foreseen")
        await expect(will.locator("tr", has_text="2510")).to_contain_text("2,340 ₸")
        await expect(will).to_contain_text("After it: 0 ₸, returned.")
        await dialog.get_by_label("Why").fill("moves away")
        await dialog.get_by_role("button", name="Do it").click()
        await expect(page.locator(".receipt")).to_be_visible()
        await dialog.get_by_role("button", name="Close").click()
        await expect(page.locator(".said")).to_contain_text("Returned")
        await page.get_by_role("button", name="Pay out…").click()
        await dialog.get_by_label("Amount").fill("2 340")
        await expect(dialog.get_by_role("alert")).to_contain_text("another person does")
        await expect(dialog.get_by_role("button", name="Do it")).to_be_disabled()
    async with visit(browser, money, "/console/cards?lang=en", roles=roles) as page:
        await look_up(page, "c1")
        dialog = page.get_by_role("dialog")
        will = dialog.locator(".foreseen")
        await page.get_by_role("button", name="Pay out…").click()
        await dialog.get_by_label("Amount").fill("2 341")
        await expect(dialog.get_by_role("alert")).to_contain_text("less is owed to the holder")
        await dialog.get_by_label("Amount").fill("2 340")
        await expect(will.locator("tr", has_text="1020")).to_contain_text("payments")
        await dialog.get_by_label("Why").fill("to the account that was given")
        await assert_accessible(page, "dialog[open]")
        await page.keyboard.press("Enter")
        await expect(page.locator(".receipt")).to_contain_text("2,340 ₸")


async def test_a_pass_sold_by_mistake_is_taken_back_beside_it(
    money: Instance, browser: Browser
) -> None:
    async with visit(browser, money, "/console/cards?lang=en", roles=DESK) as page:
        await look_up(page, "c1")
        dialog = page.get_by_role("dialog")
        passes = page.get_by_role("list", name="Passes")
        for offer in ("1", "0"):  # of the next month, and of this one: the rides of today use it
            await page.get_by_role("button", name="Sell a pass…").click()
            await dialog.get_by_role("combobox", name="Pass").select_option(offer)
            await dialog.get_by_label("Cash desk").fill("desk-1")
            await dialog.get_by_label("Why").fill("asked for")
            await dialog.get_by_role("button", name="Do it").click()
            await expect(page.locator(".receipt")).to_be_visible()
            await dialog.get_by_role("button", name="Close").click()
        await expect(passes.get_by_role("listitem")).to_have_count(2)
        for at in (0, 1):  # buttons of one name say of which pass they are
            button = passes.get_by_role("button", name="Take back…").nth(at)
            text = await passes.get_by_role("listitem").nth(at).locator("span").inner_text()
            await expect(button).to_have_accessible_description(text)
        await passes.get_by_role("button", name="Take back…").first.click()
        await expect(dialog.get_by_role("alert")).to_contain_text("a ride has used the pass")
        await dialog.get_by_label("Why").fill("mistake")
        await expect(dialog.get_by_role("button", name="Do it")).to_be_disabled()
        await page.keyboard.press("Escape")

        await passes.get_by_role("button", name="Take back…").last.click()
        will = dialog.locator(".foreseen")
        await expect(will.locator("tr", has_text="1110")).to_contain_text("desk-1")
        await expect(will.locator("tr", has_text="2140")).to_contain_text("month_pass 2026-04")
        await expect(dialog).to_contain_text("In full, and only while no ride has used it.")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_label("Why").fill("Sold by mistake")
        await dialog.get_by_role("button", name="Do it").click()
        await expect(page.locator(".receipt")).to_contain_text("4,500 ₸")
        await expect(dialog).to_contain_text("Pass taken back")
        await dialog.get_by_role("button", name="Close").click()
        await expect(passes.get_by_role("listitem")).to_have_count(1)
        await assert_accessible(page)
