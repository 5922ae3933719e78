"""Signing in, people, keys and the audit log in a real browser."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api.access_help import add_user
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, Ticking, visit
from tests.api.conftest import Instance, until

NAME, PASSWORD = "aigerim", "under the snow a spring"


@pytest.fixture
async def api(api: Instance, ticking: Ticking, agency: str) -> Instance:
    """An instance that has a state: without one the stream answers 503."""
    await until(lambda: agency in api.hub.held)
    return api


async def picture(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at one."""
    folder = os.environ.get("SAPAR_PICTURES")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png")


@asynccontextmanager
async def stranger(browser: Browser, url: str, **options: object) -> AsyncIterator[Page]:
    """A page of somebody who is not signed in; refusals that the test causes are no complaint."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": 1280, "height": 720},
        locale="en-GB",
        color_scheme="dark",
        **options,  # type: ignore[arg-type]
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error"
            and not re.search("status of (401|429|403|422)", message.text)
            else None
        ),
    )
    await page.goto(url)
    yield page
    await context.close()
    assert complaints == []


async def type_in(page: Page, name: str, password: str) -> None:
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").last.click()


async def test_a_stranger_signs_in_where_the_link_leads_and_out_again(
    api: Instance, town_settings: Settings, browser: Browser
) -> None:
    await add_user(town_settings, NAME, PASSWORD, ["dispatcher"])
    async with stranger(browser, f"{api.url}/console/devices?lang=en") as page:
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await expect(page.get_by_text("Server answers in")).to_be_visible()
        await picture(page, "sign-in-dark")
        await assert_accessible(page, "#room")
        await type_in(page, NAME, "wrong")
        await expect(page.locator(".trouble")).to_have_text("Name or password is wrong.")
        await expect(page.get_by_label("Name", exact=True)).to_have_value(NAME)
        await picture(page, "sign-in-wrong")
        await type_in(page, NAME, PASSWORD)
        await expect(page.get_by_role("heading", name="Devices")).to_be_visible()
        assert page.url.startswith(f"{api.url}/console/devices")
        # The cookie is no script's business.
        assert await page.evaluate("document.cookie") == ""
        await page.locator("details.user summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_the_field_takes_a_paste_shows_itself_and_tells_what_stars_hide(
    api: Instance, browser: Browser
) -> None:
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        field = page.get_by_label("Password", exact=True)
        await field.focus()
        await page.evaluate(
            """() => {
                const field = document.activeElement;
                const data = new DataTransfer();
                data.setData("text/plain", "pasted");
                const event = new ClipboardEvent("paste", { clipboardData: data, cancelable: true });
                if (!field.dispatchEvent(event)) throw new Error("the page refuses a paste");
            }"""
        )
        await page.keyboard.insert_text("қар")
        await expect(page.get_by_text("You are typing Cyrillic letters.")).to_be_visible()
        await expect(field).to_have_attribute("type", "password")
        await page.get_by_label("Show password").check()
        await expect(field).to_have_attribute("type", "text")
        await expect(page.get_by_text("You are typing")).to_be_hidden()
        await expect(field).to_have_attribute("autocomplete", "current-password")


async def test_too_many_tries_count_the_wait_down(
    api: Instance, town_settings: Settings, browser: Browser
) -> None:
    await add_user(town_settings, NAME, PASSWORD, ["viewer"])
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        for _ in range(5):
            await type_in(page, NAME, "wrong")
            await expect(page.locator(".trouble")).to_have_text("Name or password is wrong.")
        with connect(api.conninfo) as connection:
            connection.execute("UPDATE sign_in_try SET blocked_until = now() + interval '4 s'")
        await type_in(page, NAME, "wrong")
        await expect(page.locator(".trouble")).to_contain_text("The next one in")
        await picture(page, "sign-in-wait")
        button = page.get_by_role("button", name="Sign in").last
        await expect(button).to_be_disabled()
        await expect(page.locator(".trouble")).to_be_empty(timeout=10_000)
        await type_in(page, NAME, PASSWORD)
        await expect(page.get_by_role("heading", name="Aigerim").or_(
            page.get_by_role("heading", name=NAME)
        )).to_be_visible()  # fmt: skip


async def test_a_session_that_ends_keeps_the_draft_and_asks_for_the_password_alone(
    api: Instance, town_settings: Settings, browser: Browser
) -> None:
    await add_user(town_settings, NAME, PASSWORD, ["admin"])
    async with stranger(browser, f"{api.url}/console/people?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        await page.get_by_role("button", name="Add a person").click()
        await page.get_by_label("Name to sign in with").fill("daniyar")
        with connect(api.conninfo) as connection:
            connection.execute("UPDATE session SET ended_at = now(), ended_why = 'revoked'")
        add = page.get_by_role("dialog").get_by_role("button", name="Add a person")
        await add.click()
        asked = page.get_by_role("dialog", name="Your session has ended")
        await expect(asked).to_be_visible()
        await expect(asked.get_by_label("Name", exact=True)).to_have_count(0)
        await picture(page, "session-ended")
        await asked.get_by_label("Password", exact=True).fill(PASSWORD)
        await asked.get_by_role("button", name="Sign in").click()
        await expect(asked).to_be_hidden()
        await expect(page.get_by_label("Name to sign in with")).to_have_value("daniyar")
        await add.click()
        told = page.get_by_role("dialog", name="Password of daniyar")
        await expect(told.locator("output")).to_have_text(re.compile(r"^[a-z]+-[a-z]+-[a-z]+-"))


async def test_who_was_given_a_password_chooses_another_one_first(
    api: Instance, town_settings: Settings, browser: Browser
) -> None:
    await add_user(town_settings, NAME, PASSWORD, ["viewer"], temporary=True)
    async with stranger(browser, f"{api.url}/console/devices?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        await expect(page.get_by_role("heading", name="Choose your own")).to_be_visible()
        await picture(page, "first-password")
        await page.get_by_label("Password now").fill(PASSWORD)
        for label in ("New password", "New password again"):
            await page.get_by_label(label, exact=True).fill("short")
        change = page.get_by_role("button", name="Change password")
        await change.click()
        await expect(page.get_by_text("It is too short: at least 12")).to_be_visible()
        await page.get_by_label("New password", exact=True).fill("my very own words")
        await expect(change).to_be_disabled()
        await page.get_by_label("New password again").fill("my very own words")
        await change.click()
        await expect(page.get_by_role("heading", name="Devices")).to_be_visible()


async def test_people_are_added_given_roles_and_ended(
    api: Instance, town_settings: Settings, browser: Browser
) -> None:
    for name, roles in (("daniyar", ["dispatcher"]), ("saule", ["auditor", "viewer"])):
        await add_user(town_settings, name, PASSWORD, roles)
    path = "/console/people?lang=en"
    async with visit(browser, api, path, roles=("admin",), height=720) as page:
        await expect(page.get_by_role("row", name="daniyar")).to_be_visible()
        await assert_accessible(page, "#room")
        await page.get_by_role("row", name="daniyar").click()
        pane = page.get_by_role("complementary", name="Person")
        await expect(pane.get_by_text("dispatcher", exact=True).first).to_be_visible()
        await pane.get_by_label("Role", exact=True).select_option("viewer")
        await pane.get_by_label("In", exact=True).select_option(town_settings.agency)
        await pane.get_by_role("button", name="Add a role").click()
        await pane.get_by_label("Reason").fill("covers for Saule")
        await picture(page, "people")
        await pane.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("daniyar has to sign in again")).to_be_visible()
        await pane.get_by_role("button", name="End…").click()
        dialog = page.get_by_role("dialog", name="End daniyar?")
        await dialog.get_by_label("Why?").fill("left the company")
        await picture(page, "people-end")
        await dialog.get_by_role("button", name="End").click()
        await expect(page.get_by_text("daniyar is ended.")).to_be_visible()
        await expect(page.get_by_role("row", name="daniyar")).to_have_count(0)
        await pane.get_by_role("button", name="What was changed").click()
        rows = page.get_by_role("region", name="Audit log").get_by_role("row")
        await expect(rows.nth(1)).to_contain_text("left the company")
        await rows.nth(2).click()
        detail = page.locator(".audit-line")
        await expect(detail).to_contain_text("covers for Saule")
        await expect(detail.locator("del")).to_have_text("dispatcher")
        await expect(detail.locator("ins")).to_contain_text(f"viewer@{town_settings.agency}")
        await picture(page, "audit")
        await assert_accessible(page, "#room")


async def test_a_key_is_shown_once_and_revoked(api: Instance, browser: Browser) -> None:
    path = "/console/keys?lang=en"
    async with visit(browser, api, path, roles=("admin",), height=720) as page:
        await expect(page.get_by_text("No app has a key yet.")).to_be_visible()
        await page.get_by_role("button", name="Add a key").click()
        dialog = page.get_by_role("dialog", name="Add a key")
        await dialog.get_by_label("App").fill("AktobeBus")
        await dialog.get_by_label("Requests a minute").fill("1200")
        await dialog.get_by_role("button", name="Add a key").click()
        told = page.get_by_role("dialog", name="Key of AktobeBus")
        key = await told.locator("output").inner_text()
        assert re.fullmatch(r"sapar_[0-9a-z]{8}_[0-9A-Za-z_-]{43}", key)
        await picture(page, "key-told")
        await told.get_by_role("button", name="Close").click()
        await expect(page.locator("output")).to_have_count(0)
        await expect(page.get_by_role("row", name="AktobeBus")).to_contain_text("1,200")
        assert key not in await page.content()
        await picture(page, "keys")
        await assert_accessible(page, "#room")
        await page.get_by_role("button", name="Revoke…").click()
        dialog = page.get_by_role("dialog", name="Revoke the key of AktobeBus?")
        await dialog.get_by_role("button", name="Revoke").click()
        await expect(page.get_by_text("The key of AktobeBus is revoked.")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("kk", "light", 1280), ("ru", "dark", 320)]
)
async def test_the_rooms_fit_in_every_language(
    api: Instance, town_settings: Settings, browser: Browser, language: str, theme: str, width: int
) -> None:
    await add_user(town_settings, NAME, PASSWORD, ["dispatcher"])
    for room in ("sign-in", "people?person=1", "keys", "audit?line=1"):
        mark = "&" if "?" in room else "?"
        path = f"/console/{room}{mark}lang={language}"
        async with visit(
            browser, api, path, roles=("admin",), width=width, height=720, theme=theme  # type: ignore[arg-type]
        ) as page:  # fmt: skip
            await expect(page.locator(".page h2").first).to_be_visible()
            await page.wait_for_timeout(500)
            await picture(page, f"{room.partition('?')[0]}-{language}-{width}")
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width
            await assert_accessible(page, "#room")
