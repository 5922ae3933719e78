"""The rooms of performance and devices in a real browser, over a day that was driven and proven."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api import town
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, Ticking, visit
from tests.api.conftest import Instance, running
from tests.api.test_performance import night
from tests.gtfs.history.support import AGENCY
from tests.gtfs.realtime.town import DAY

__all__ = ["night"]  # a fixture
DAYS = f"period=own&from={DAY}&to={DAY}"


@pytest.fixture
async def desk(night: Settings) -> AsyncIterator[Instance]:
    """An instance over the night's figures, with a state that ticks."""
    async with town.client_of(night, "engine-performance") as client:
        task = asyncio.create_task(Ticking(client, AGENCY).run())
        try:
            async with running(night) as instance:
                while AGENCY not in instance.hub.held:
                    await asyncio.sleep(0.05)
                yield instance
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await town.forget(client, AGENCY)


async def open_tab(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_the_day_by_route_and_hour(desk: Instance, browser: Browser) -> None:
    async with visit(browser, desk, f"/console/performance?lang=en&{DAYS}") as page:
        tiles = page.locator(".tile")
        await expect(tiles).to_have_count(5, timeout=PATIENCE_MS)
        await expect(tiles.nth(0)).to_contain_text("planned")
        # one bus of two drove, so the figures of its delays are hatched
        await expect(page.locator(".tile.is-thin")).to_have_count(3)
        await expect(page.locator(".by-hour tbody tr[data-key=A]")).to_be_visible()
        await page.locator(".by-hour").get_by_role("button", name="Runs delivered").click()
        await expect(page.locator(".by-hour .heat-2").first).to_be_visible()
        await assert_accessible(page, "main")
        async with page.expect_download() as download:
            await page.keyboard.press("x")
        text = (await (await download.value).path()).read_text("utf-8-sig")
        assert text.splitlines()[0].startswith("Route,Runs delivered,Planned,")
        await page.locator(".by-hour tbody tr[data-key=A]").click()
        await expect(page.locator(".by-hour tbody tr[data-key]")).to_have_count(1)
        assert "route=A" in page.url


async def test_run_times_speeds_and_proofs(desk: Instance, browser: Browser) -> None:
    async with visit(browser, desk, f"/console/performance?lang=en&{DAYS}") as page:
        await open_tab(page, "Run times")
        await expect(page.get_by_text("Choose a route")).to_be_visible()
        await page.get_by_label("Route", exact=True).select_option("A")
        await expect(page.locator(".chart canvas")).to_have_count(2, timeout=PATIENCE_MS)
        await expect(page.get_by_text("Direction 0").first).to_be_visible()
        await assert_accessible(page, "main")
        await open_tab(page, "Speeds")
        drawn = page.locator(".speed-map .map[data-segments]")
        await expect(drawn).to_be_visible(timeout=PATIENCE_MS)
        await expect(drawn).to_have_attribute("data-segments", "14")
        await page.get_by_label("Compare with").check()
        await expect(page.get_by_text("Change of speed")).to_be_visible()
        await expect(drawn).to_have_attribute("data-segments", "0")  # nothing was before
        await open_tab(page, "Proof of runs")
        await expect(page.locator(".carriers tbody tr[data-key=K1]")).to_be_visible()
        rows = page.locator(".one-day tbody tr[data-key]")
        await page.get_by_label("Status").select_option("done")
        await expect(rows.first).to_contain_text("bus 0")
        await assert_accessible(page, "main")


@pytest.mark.parametrize(("lang", "word"), [("kk", "Болжамдар"), ("ru", "Прогнозы")])
async def test_forecasts_and_days_without_figures(
    desk: Instance, browser: Browser, lang: str, word: str
) -> None:
    with connect(desk.conninfo) as connection:
        connection.execute(
            "INSERT INTO eta_score VALUES (%s, %s, '', 1, 3, 10, 2, 8, 60, -5, 40, 7, 20, 18)",
            (AGENCY, DAY),
        )
    address = f"/console/performance?lang={lang}&{DAYS}"
    async with visit(browser, desk, address, width=390, theme="light") as page:
        await open_tab(page, word)
        row = page.locator("tbody tr[data-key='1']")
        await expect(row).to_contain_text("66,7", timeout=PATIENCE_MS)  # not 66.7: also in Kazakh
        await assert_accessible(page, "main")
        scroll = "document.documentElement.scrollWidth - innerWidth"
        assert await page.evaluate(scroll) <= 0
        await page.goto(f"{desk.url}/console/performance?lang={lang}")
        await expect(page.locator(".empty")).to_be_visible(timeout=PATIENCE_MS)


async def test_devices_with_their_faults(desk: Instance, browser: Browser) -> None:
    async with visit(browser, desk, "/console/devices?lang=en") as page:
        rows = page.locator(".devices tbody tr[data-key]")
        await expect(rows).to_have_count(2, timeout=PATIENCE_MS)
        await expect(page.get_by_text("2 devices:")).to_be_visible()
        await open_tab(page, "Suspect")
        await expect(page.get_by_text("No device matches. 2 devices were checked")).to_be_visible()
        await open_tab(page, "Never heard")
        await expect(rows).to_have_count(2)
        await assert_accessible(page, "main")
