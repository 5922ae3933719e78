"""The page's link in a real browser: the stream, its resume, and asking where there is none."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Request, Route, async_playwright, expect

from sapar.core.db import connect
from sapar.core.mqtt import MqttClient
from tests.api import town
from tests.api.access_help import signed_in_context
from tests.api.browsing import CHROMIUM, FLAGS
from tests.api.conftest import Instance

PATIENCE_MS = 60_000


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    assert CHROMIUM.exists(), "no chromium: make test installs it (scripts/setup --test)"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        await opened.close()


@pytest.fixture
async def ticking(engine: MqttClient, agency: str) -> AsyncIterator[None]:
    """An engine that ticks twice a second."""

    async def run() -> None:
        began, number = time.time(), 0
        while True:
            number += 1
            now = time.time()
            made = town.make_tick(
                agency, 1, number, wall_s=now, time_s=town.TRANSIT_S + now - began
            )
            await town.publish(engine, made)
            await asyncio.sleep(0.5)

    task = asyncio.create_task(run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def opened(browser: Browser, api: Instance) -> AsyncIterator[tuple[Page, list[str]]]:
    """The list of all vehicles on a page, and what it asked for; 4xx and 5xx are complaints."""
    async with signed_in_context(
        browser, api, locale="en-GB", viewport={"width": 1280, "height": 800}
    ) as context:
        page = await context.new_page()
        asked: list[str] = []

        def note(request: Request) -> None:
            asked.append(request.url.removeprefix(api.url))

        page.on("request", note)
        await page.goto(f"{api.url}/console/map?view=list&lang=en")
        yield page, asked


def fleets(asked: list[str]) -> int:
    return sum("/api/fleet.json" in url for url in asked)


def streams(asked: list[str]) -> int:
    return sum("/api/dispatch/stream" in url for url in asked)


CLOCK = ".strip .clock time"


async def clock_moves(page: Page) -> None:
    before = await page.locator(CLOCK).text_content()
    await expect(page.locator(CLOCK)).not_to_have_text(before or "", timeout=PATIENCE_MS)


async def test_the_page_follows_the_stream_and_asks_for_nothing_else(
    api: Instance, ticking: None, browser: Browser
):
    async with opened(browser, api) as (page, asked):
        await expect(page.get_by_text("24 heard").first).to_be_visible(timeout=PATIENCE_MS)
        await asyncio.sleep(3)
        await clock_moves(page)
        assert streams(asked) == 1
        # until the stream stood the state may have been asked for
        before = fleets(asked)
        await asyncio.sleep(3)
        assert fleets(asked) == before


async def test_without_a_stream_the_page_asks(api: Instance, ticking: None, browser: Browser):
    async with signed_in_context(browser, api, locale="en-GB") as context:
        page = await context.new_page()

        async def refuse(route: Route) -> None:
            await route.abort()

        await page.route("**/api/dispatch/stream", refuse)
        await page.goto(f"{api.url}/console/map?view=list&lang=en")
        await expect(page.get_by_text("24 heard").first).to_be_visible(timeout=PATIENCE_MS)
        await clock_moves(page)


async def test_a_page_whose_session_ends_asks_to_sign_in(
    api: Instance, ticking: None, browser: Browser
):
    async with opened(browser, api) as (page, _):
        await expect(page.get_by_text("24 heard").first).to_be_visible(timeout=PATIENCE_MS)
        with connect(api.conninfo, autocommit=True) as connection:
            connection.execute("DELETE FROM session")
        await expect(page.get_by_text("Sign in").first).to_be_visible(timeout=PATIENCE_MS)
