"""The forms of the second factor under a keyboard, a double click, and a change made elsewhere."""

import base64
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Route, expect

from sapar.access import second_factor
from sapar.core.db import connect
from tests.api.access.signing import NAME, PASSWORD, code_now, rows
from tests.api.access.test_pages import stranger, type_in
from tests.api.browsing import Ticking
from tests.api.conftest import Instance, until

_SET_NOW = "that is set now"


def put(api: Instance, secret: bytes | None) -> None:
    """Set a second factor from elsewhere, or none."""
    with connect(api.conninfo) as connection:
        connection.execute(
            "UPDATE person SET second_factor = %s, second_factor_step = NULL", (secret,)
        )


@pytest.fixture
async def page(
    api: Instance, person: int, ticking: Ticking, agency: str, browser: Browser
) -> AsyncIterator[Page]:
    """One's own account; no second factor is set."""
    await until(lambda: agency in api.hub.held)
    async with stranger(browser, f"{api.url}/console/sign-in?lang=en") as page:
        await type_in(page, NAME, PASSWORD)
        await expect(page.locator(".second")).to_be_visible()
        yield page


async def test_the_keyboard_goes_in_and_back_out(api: Instance, page: Page) -> None:
    put(api, second_factor.make_secret())
    await page.reload()
    for name, back in [
        ("Set up on another telephone", "Escape"),
        ("Switch off", "Escape"),
        ("Switch off", "Cancel"),
    ]:
        button = page.locator(".second").get_by_role("button", name=name)
        await button.focus()
        await page.keyboard.press("Enter")
        form = page.locator("article", has_text="Where you are signed in").locator("form")
        await expect(form.locator("input").first).to_be_focused()
        if back == "Escape":
            await page.keyboard.press("Escape")
        else:
            await form.get_by_role("button", name=back).click()
        await expect(form).to_have_count(0)
        await expect(button).to_be_focused()
    assert rows(api, "SELECT 1 FROM audit_log WHERE action = 'user.second_factor'") == []


async def test_a_double_click_sends_once_and_the_kazakh_layout_types_digits(
    api: Instance, page: Page
) -> None:
    await page.get_by_role("button", name="Set up").click()
    form = page.locator("form", has=page.locator(".offered"))
    shown = await form.locator("code.secret").inner_text()
    secret = base64.b32decode(shown.replace(" ", ""))
    field = form.get_by_label("Code")
    await expect(field).to_have_attribute("inputmode", "numeric")
    await expect(field).to_have_attribute("autocomplete", "one-time-code")
    await field.evaluate(
        """(field, code) => {
            for (const digit of code) field.dispatchEvent(new KeyboardEvent("keydown", {
                key: "ң", code: `Digit${digit}`, bubbles: true, cancelable: true,
            }));
        }""",
        "12345678",
    )
    await expect(field).to_have_value("1234567")  # no longer than the field takes
    await field.fill(code_now(secret))
    await form.get_by_label("Password now").fill(PASSWORD)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    await form.get_by_role("button", name="Set up").dblclick()
    replace = page.get_by_role("button", name="Set up on another telephone")
    await expect(replace).to_be_focused()
    assert sent.count("PUT") == 1
    assert [row for row in rows(api, "SELECT tries FROM sign_in_try") if row[0] > 0] == []
    await replace.click()
    form = page.locator("form", has=page.locator(".offered"))
    await expect(form.get_by_label("Code of the new")).to_have_attribute("autocomplete", "off")
    await expect(form.get_by_label(_SET_NOW)).to_have_attribute("autocomplete", "one-time-code")


@pytest.mark.parametrize("code", ["code_needed", "wrong_code_now"])
async def test_a_second_factor_that_was_set_elsewhere_is_asked_for(
    api: Instance, page: Page, code: str
) -> None:
    await page.get_by_role("button", name="Set up").click()
    form = page.locator("form", has=page.locator(".offered"))
    shown = await form.locator("code.secret").inner_text()
    new, old = base64.b32decode(shown.replace(" ", "")), second_factor.make_secret()
    put(api, old)
    if code == "wrong_code_now":  # it was set between the proof and the change

        async def refuse(route: Route) -> None:
            body = {"error": {"code": code, "message": "wrong", "hint": None}}
            await route.fulfill(status=403, json=body)

        await page.route("**/api/me/second-factor", refuse, times=1)
    await form.get_by_label("Code").fill(code_now(new))
    await form.get_by_label("Password now").fill(PASSWORD)
    await form.get_by_role("button", name="Set up").click()
    await expect(form.get_by_role("alert")).to_have_text(
        "A second factor is set: type a code of it."
    )
    await form.get_by_label(_SET_NOW).fill(code_now(old))
    await form.get_by_role("button", name="Set up on another telephone").click()
    await expect(page.get_by_text("A code is asked for when you sign in.")).to_be_visible()
    assert rows(api, "SELECT second_factor FROM person") == [(new,)]


async def test_what_was_done_stays_done_when_who_i_am_is_not_told(
    api: Instance, page: Page
) -> None:
    await page.get_by_role("button", name="Set up").click()
    form = page.locator("form", has=page.locator(".offered"))
    shown = await form.locator("code.secret").inner_text()
    secret = base64.b32decode(shown.replace(" ", ""))
    await page.route("**/api/me", lambda route: route.fulfill(status=403, json={}))
    await form.get_by_label("Code").fill(code_now(secret))
    await form.get_by_label("Password now").fill(PASSWORD)
    async with page.expect_response("**/api/me"):
        await form.get_by_role("button", name="Set up").click()
    await expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    await expect(page.get_by_text("From now on a code is asked for")).to_be_visible()
    await expect(page.locator(".toast.is-failed")).to_have_count(0)


async def test_the_password_changes_with_a_code_where_a_second_factor_is_set(
    api: Instance, page: Page
) -> None:
    form = page.locator("form", has=page.get_by_role("button", name="Change password"))
    await expect(form.get_by_label(_SET_NOW)).to_have_count(0)
    secret = second_factor.make_secret()
    put(api, secret)
    await form.get_by_label("Password now").fill(PASSWORD)
    for label in ("New password", "New password again"):
        await form.get_by_label(label, exact=True).fill("my very own words")
    await form.get_by_role("button", name="Change password").click()
    field = form.get_by_label(_SET_NOW)
    await expect(form.get_by_role("alert")).to_have_text(
        "A second factor is set: type a code of it."
    )
    await field.fill("000 000")
    await form.get_by_role("button", name="Change password").click()
    await expect(form.get_by_role("alert")).to_contain_text("is wrong, or was used before")
    await expect(field).to_have_value("")
    await field.fill(code_now(secret))
    await form.get_by_role("button", name="Change password").click()
    await expect(page.get_by_text("The password is changed")).to_be_visible()
    await expect(field).to_have_value("")
