"""A look ahead that gets no answer: its dialog asks again by itself, and locks nobody in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Route, expect

from sapar.access.model import Role
from sapar.core.settings import Settings
from tests.api.access_help import signed_in_context
from tests.api.browsing import PATIENCE_MS, complaints_of
from tests.api.conftest import Instance, until
from tests.api.finance.money_town import money
from tests.api.finance.test_cards_page import look_up
from tests.api.living_town import living_town
from tests.api.test_desk_rooms import choose_run

__all__ = ["money"]  # a fixture
DISPATCHER: tuple[Role, ...] = ("dispatcher",)
CASHIER: tuple[Role, ...] = ("cashier",)


class Silence:
    """Loses requests, or has them refused for now, until it is over."""

    def __init__(self, way: str) -> None:
        self.over = False
        self.lost = 0
        self._way = way

    async def meet(self, route: Route) -> None:
        if self.over:
            await route.continue_()
            return
        self.lost += 1
        if self._way == "lost":
            await route.abort()
        else:
            await route.fulfill(status=503, body="", headers={"Retry-After": "1"})

    async def until_asked_again(self) -> None:
        """Wait for a request after one that got no answer, though nobody has touched the form."""
        before = self.lost
        await until(lambda: self.lost > before + 1, timeout_s=60.0)


@asynccontextmanager
async def silent(
    browser: Browser, api: Instance, path: str, roles: tuple[Role, ...], asked: str, way: str
) -> AsyncIterator[tuple[Page, Silence]]:
    """Open a page whose look ahead, at an address, meets silence; it complains of nothing else."""
    async with signed_in_context(
        browser, api, roles, viewport={"width": 1280, "height": 800}, locale="en-GB"
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        complaints = complaints_of(page)
        silence = Silence(way)
        await page.route(asked, silence.meet)
        await page.goto(api.url + path)
        yield page, silence
    assert {one for one in complaints if "Failed to load resource" not in one} == set()
    assert len(complaints) == silence.lost, complaints


@pytest.mark.parametrize("way", ["lost", "refused"])
async def test_an_act_of_dispatch_is_looked_at_again(
    settings: Settings, browser: Browser, way: str
) -> None:
    asked = "**/api/dispatch/acts/preview"
    address = "/console/acts?lang=en"
    async with (
        living_town(settings) as alive,
        silent(browser, alive.instance, address, DISPATCHER, asked, way) as (page, silence),
    ):
        await page.get_by_role("button", name="Cancel a run").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Route").select_option("A")
        await choose_run(page, dialog, "Run", "13:00")
        await dialog.get_by_label("Reason").fill("road works")
        await silence.until_asked_again()
        act = dialog.get_by_role("button", name="Do it")
        await expect(act).to_be_disabled()
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        await dialog.get_by_role("button", name="Close").click()
        await expect(dialog).to_have_count(0)
        # another dialog begins to ask anew, and gets its answer when there is one
        await page.get_by_role("button", name="Cancel a run").click()
        await dialog.get_by_label("Route").select_option("A")
        await choose_run(page, dialog, "Run", "13:00")
        await dialog.get_by_label("Reason").fill("road works")
        await silence.until_asked_again()
        silence.over = True
        await expect(dialog.get_by_text("1 run is touched.")).to_be_visible()
        await expect(act).to_be_enabled()
        await act.click()
        await expect(dialog).to_have_count(0)
        await expect(page.locator(".table tbody tr", has_text="cancelled")).to_be_visible()


@pytest.mark.parametrize("way", ["lost", "refused"])
async def test_an_operation_on_a_card_is_looked_at_again(
    money: Instance, browser: Browser, way: str
) -> None:
    asked = "**/api/finance/cards/*/foresee"
    address = "/console/cards?lang=en"
    async with silent(browser, money, address, CASHIER, asked, way) as (page, silence):
        await look_up(page, "c1")
        await page.get_by_role("button", name="Top up…").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Amount").fill("1 500,50")
        await dialog.get_by_label("Cash desk").fill("desk-1")
        await dialog.get_by_label("Why").fill("Cash taken at the desk")
        await silence.until_asked_again()
        act = dialog.get_by_role("button", name="Do it")
        await expect(act).to_be_disabled()
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        # nothing is locked: what is asked can be changed, and the dialog can be left
        await expect(dialog.get_by_role("button", name="Cancel")).to_be_enabled()
        await dialog.get_by_label("Amount").fill("1 600")
        await silence.until_asked_again()
        silence.over = True
        will = dialog.locator(".foreseen")
        await expect(will.locator("tr", has_text="1110")).to_contain_text("1,600 ₸")
        await act.click()
        await expect(page.locator(".receipt")).to_contain_text("1,600 ₸")
