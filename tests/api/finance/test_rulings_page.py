"""A word on a held tap in a real browser: what it comes to, what came of it, taking it back."""

from playwright.async_api import Browser, Route, expect

from sapar.core.db import connect
from tests.api.access_help import sign_in, signed_in_context
from tests.api.axe import assert_accessible
from tests.api.browsing import visit
from tests.api.conftest import Instance
from tests.api.finance.held_town import held, held_by_kind

__all__ = ["held"]  # a fixture


async def test_a_content_is_chosen_and_that_is_taken_back(held: Instance, browser: Browser) -> None:
    number, tap_no = held_by_kind(held.conninfo)["identity_conflict"]
    address = f"/console/explain?lang=en&no={number}"
    async with visit(browser, held, address, roles=("accountant",)) as page:
        pane = page.locator(".person-pane")
        dialog = page.get_by_role("dialog")
        will = dialog.locator(".foreseen")
        await pane.get_by_role("button", name="Rule on the tap…").click()
        # what it would post, and what becomes of the other content, before anything is done
        await expect(will.locator("tr", has_text="this tap")).to_contain_text("ride, 80 ₸")
        rival = will.locator("tr", has_text="other content of its number")
        await expect(rival).to_contain_text("•••• c7")
        await expect(rival).to_contain_text("held: Two taps under one number")
        await expect(will.locator("tr", has_text="2210").first).to_be_visible()
        await expect(dialog).to_contain_text("say the opposite later")
        await assert_accessible(page, "dialog[open]")
        confirm = dialog.get_by_role("button", name="Count it as a ride")
        await expect(confirm).to_be_disabled()
        await dialog.get_by_role("button", name="It is no ride").click()
        await expect(will).to_contain_text("Nothing is posted.")
        await dialog.get_by_role("button", name="It is a ride").click()
        await dialog.get_by_label("Why").fill("seen on the camera")
        await confirm.click()
        await expect(dialog).to_contain_text("what came of it")
        await assert_accessible(page, "dialog[open]")
        await dialog.get_by_role("button", name="Journal").first.click()
        await expect(dialog.filter(has_text="Posted to").locator("tbody tr").first).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(pane.get_by_role("button", name="Open again…")).to_have_count(0)
        said = pane.locator("li", has_text="It is a ride")
        await expect(said).to_contain_text("seen on the camera")
        await expect(said).to_contain_text("it was held: Two taps under one number")
        await assert_accessible(page)
        # the opposite word
        await pane.get_by_role("button", name="Rule on the tap…").click()
        await expect(dialog.get_by_role("button", name="It is a ride")).to_have_count(0)
        await expect(will.locator("tr", has_text="this tap")).to_contain_text("no ride")
        await dialog.get_by_label("Why").fill("another camera")
        await dialog.get_by_role("button", name="Count it as no ride").click()
        await expect(dialog).to_contain_text("what came of it")
        await page.keyboard.press("Escape")
        await expect(pane.locator("li", has_text="It is no ride")).to_contain_text("another camera")
    with connect(held.conninfo) as connection:
        words = connection.execute(
            "SELECT verdict, reason FROM tap_ruling WHERE tap_no = %s ORDER BY ruling_no", (tap_no,)
        ).fetchall()
    assert words == [("accept", "seen on the camera"), ("reject", "another camera")]


async def test_the_dialog_fits_a_telephone(held: Instance, browser: Browser) -> None:
    number, _ = held_by_kind(held.conninfo)["counter_reused"]
    for language, button, words in (
        ("kk", "Сапар ма, жоқ па – шешу…", "сапар, 80 ₸"),
        ("ru", "Решить, поездка ли это…", "поездка, 80 ₸"),
    ):
        address = f"/console/explain?lang={language}&no={number}"
        async with visit(
            browser, held, address, roles=("accountant",), width=390, theme="light"
        ) as page:
            await page.get_by_role("button", name=button).click()
            dialog = page.get_by_role("dialog")
            await expect(dialog.locator(".foreseen")).to_contain_text(words)
            assert await dialog.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
            await assert_accessible(page, "dialog[open]")


async def test_a_word_that_was_not_answered_is_said_once(held: Instance, browser: Browser) -> None:
    number, tap_no = held_by_kind(held.conninfo)["identity_conflict"]
    # not `visit`: the browser complains of the answer that is lost
    async with signed_in_context(browser, held, ("accountant",), locale="en-GB") as context:
        page = await context.new_page()
        await page.goto(f"{held.url}/console/explain?lang=en&no={number}")
        tries: list[object] = []

        async def lose_first(route: Route) -> None:
            tries.append(route.request.post_data_json)
            if len(tries) > 1:
                await route.continue_()
                return
            await route.fetch()  # it is done, and the answer never arrives
            await route.fulfill(status=503, body="")

        await page.route("**/rule", lose_first)
        await page.get_by_role("button", name="Rule on the tap…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why").fill("seen on the camera")
        await dialog.get_by_role("button", name="Count it as a ride").click()
        await dialog.get_by_role("button", name="Ask again").click()
        await expect(dialog).to_contain_text("what came of it")
        await expect(dialog.get_by_role("button", name="Journal")).to_have_count(4)
        assert len(tries) == 2
        assert tries[0] == tries[1]
    with connect(held.conninfo) as connection:
        [(words,)] = connection.execute(
            "SELECT count(*) FROM tap_ruling WHERE tap_no = %s", (tap_no,)
        ).fetchall()
    assert words == 1


async def test_a_colleagues_word_in_between_is_looked_at(held: Instance, browser: Browser) -> None:
    number, _ = held_by_kind(held.conninfo)["double_debit"]
    async with signed_in_context(browser, held, ("accountant",), locale="en-GB") as context:
        page = await context.new_page()
        await page.goto(f"{held.url}/console/explain?lang=en&no={number}")
        await page.get_by_role("button", name="Rule on the tap…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Why").fill("seen on the camera")
        confirm = dialog.get_by_role("button", name="Count it as a ride")
        await expect(confirm).to_be_enabled()
        await sign_in(held.http, held.conninfo, ["chief_accountant"])
        body = {"word": "reject", "text": "nobody was there", "key": "k", "seen": None}
        said = await held.http.post(f"/api/finance/exceptions/{number}/rule", json=body)
        assert said.status_code == 200, said.text
        await confirm.click()
        await expect(dialog.get_by_role("alert")).to_contain_text("look at it again")
        await expect(confirm).to_be_disabled()
        await page.keyboard.press("Escape")
        pane = page.locator(".person-pane")
        await expect(pane.locator("li", has_text="It is no ride")).to_contain_text("nobody was")
