"""The rooms of the past in a real browser: the diagram, and the replay below map and diagram."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from sapar.core.db import connect
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import make_body
from tests.api import town
from tests.api.access_help import signed_in_context
from tests.api.axe import assert_accessible
from tests.api.browsing import complaints_of
from tests.api.conftest import Instance, running
from tests.api.replay.line import ALONE, HEADWAY_S, Line
from tests.api.stream.test_link import PATIENCE_MS, browser  # noqa: F401

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def line(settings: Settings, agency: str) -> Line:
    found = Line.around(float(int(time.time())))
    with connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        found.store(connection, agency)
        connection.execute(
            "INSERT INTO alarm (agency_id, key, kind, priority, vehicle_id, route_id, details,"
            " since, raised_at, cleared_at) SELECT %s, 'late:' || n, 'late', 1 + n %% 3, '214',"
            " 'R105', '{}', at, at, at + interval '5 minutes'"
            " FROM generate_series(0, 5) AS n, LATERAL (SELECT now() - (n + 1) *"
            " interval '20 minutes' AS at) AS t",
            (agency,),
        )
    return found


@pytest.fixture
async def site(settings: Settings, agency: str, line: Line) -> AsyncIterator[Instance]:
    """An instance with the line's past, and an engine that tells its present."""
    mine = settings.model_copy(update={"agency": agency})

    async def tick(client: MqttClient) -> None:
        number = 0
        while True:
            number += 1
            now = time.time()
            made = town.make_tick(
                agency, 1, number, wall_s=now, time_s=now, vehicles=line.fleet(now),
                console=line.console(now),
            )  # fmt: skip
            made.bodies["trip-updates"] = make_body(line.trip_updates(now))
            await town.publish(client, made)
            await asyncio.sleep(1.0)

    async with running(mine) as api, town.client_of(mine, f"engine-{agency}") as client:
        task = asyncio.create_task(tick(client))
        yield api
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await town.forget(client, agency)


@asynccontextmanager
async def visit(
    browser: Browser,  # noqa: F811
    api: Instance,
    path: str,
    *,
    width: int = 1280,
    height: int = 720,
    theme: str = "dark",
) -> AsyncIterator[Page]:
    """Open a page as a viewer; at the end it must have complained of nothing."""
    async with signed_in_context(
        browser, api, locale="en-GB", viewport={"width": width, "height": height}
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        complaints = complaints_of(page)
        await page.goto(f"{api.url}/console/{path}{'&' if '?' in path else '?'}theme={theme}")
        yield page
    assert complaints == []


async def drawn(page: Page) -> None:
    await expect(page.locator(".diagram canvas[data-drawn]")).to_be_visible()
    async with asyncio.timeout(60):
        while await page.locator(".diagram canvas").get_attribute("data-drawn") in {None, "0"}:
            await asyncio.sleep(0.1)


async def test_the_diagram_tells_plan_drives_and_the_run_without_a_bus(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    async with visit(browser, site, "stringline?lang=en&route=R105") as page:
        await drawn(page)
        label = await page.locator(".diagram canvas").get_attribute("aria-label") or ""
        driven = sum(way == 0 for _, way, _ in line.driven())
        assert f"37 planned runs, {driven} with a bus, 1 without one" in label
        await assert_accessible(page, "#room")
        # the table has the same runs
        await page.get_by_role("button", name="Table").click()
        rows = page.locator(".table tbody tr[aria-rowindex]")
        await expect(rows.first).to_be_visible()
        await page.get_by_role("searchbox").last.fill("no bus")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text(f"there-{ALONE}")
        await assert_accessible(page, "#room")


async def test_the_diagram_is_moved_turned_and_pointed_at(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    async with visit(browser, site, "stringline?lang=en&route=R105") as page:
        await drawn(page)
        await page.keyboard.press("BracketLeft")
        await expect(page).to_have_url(re.compile(r"part="))
        await page.keyboard.press("Digit0")
        await expect(page).to_have_url(re.compile(r"^(?!.*part=)"))
        await page.keyboard.press("KeyD")
        await expect(page).to_have_url(re.compile("direction=1"))
        await page.keyboard.press("KeyD")
        await drawn(page)
        box = await page.locator(".diagram canvas").bounding_box()
        assert box is not None
        # somewhere along the middle of the axis there are lines
        tip = page.locator(".diagram .tip")
        for step in range(60):
            await page.mouse.move(box["x"] + 300 + 6 * step, box["y"] + box["height"] / 2)
            if await tip.count():
                break
        await expect(tip).to_be_visible()
        await page.mouse.down()
        await page.mouse.up()
        await expect(page).to_have_url(re.compile("bus=|trip="))


async def test_a_replay_shows_what_was_stored_on_the_map_and_comes_back(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    at_s = int(line.now_s) - 5400
    async with visit(browser, site, f"map?lang=en&view=list&replay={at_s}") as page:
        bar = page.locator(".replay-bar")
        await expect(bar).to_be_visible()
        rows = page.locator(".list tbody tr[aria-rowindex]")

        def on_road(moment_s: float) -> int:
            return sum(
                line.position(way, number, moment_s) is not None for _, way, number in line.driven()
            )

        # who was heard of within half an hour is there, also those that have come to their end
        await expect(page.locator(".strip .heard")).to_contain_text("heard")
        await expect(rows.first).to_be_visible()
        shown = await page.evaluate("document.querySelectorAll('.list tbody tr').length")
        assert shown >= on_road(at_s)
        await assert_accessible(page, "#room")
        await assert_accessible(page, ".replay-bar")
        # keys: an arrow moves ten seconds, Space plays, L comes back
        moment = bar.locator(".replay-moment input")
        before = await moment.input_value()
        await page.keyboard.press("ArrowRight")
        await expect(moment).not_to_have_value(before)
        await expect(page).to_have_url(re.compile(f"replay={at_s + 10}"))
        await bar.get_by_role("button", name="×60").click()
        await page.locator("#room").focus()
        await page.keyboard.press("Space")
        later = await moment.input_value()
        await expect(moment).not_to_have_value(later)
        await asyncio.sleep(3)
        await page.keyboard.press("Space")
        await expect(bar.get_by_role("button", name="Play")).to_be_visible()
        played = int(page.url.split("replay=")[1].split("&")[0]) - at_s
        assert played > 60
        await page.keyboard.press("KeyL")
        await expect(bar).to_have_count(0)
        heard = page.locator(".strip .heard")
        async with asyncio.timeout(60):  # how many there are changes while the page follows
            while f"{len(line.fleet(time.time()))} heard" not in await heard.inner_text():
                await asyncio.sleep(0.1)


async def test_play_waits_for_a_minute_and_names_it(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    at_s = int(line.now_s) - 3600
    async with visit(browser, site, f"map?lang=en&view=list&replay={at_s}") as page:
        await expect(page.locator(".list tbody tr[aria-rowindex]").first).to_be_visible()
        held = asyncio.Event()

        async def wait(route):
            await held.wait()
            await route.continue_()

        await page.route("**/api/replay/minute.json*", wait)
        bar = page.locator(".replay-bar")
        await bar.locator("input[type=range]").evaluate(
            "(one) => { one.value = String(Number(one.value) - 1800);"
            " one.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        waiting = bar.locator(".replay-waiting")
        await expect(waiting).to_contain_text("Waiting for the minute")
        # what was shown last stays on the screen
        assert await page.locator(".list tbody tr[aria-rowindex]").count() > 0
        held.set()
        await expect(waiting).to_have_text("")


async def test_a_replay_begins_before_an_alarm(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    async with visit(browser, site, "replay?lang=en") as page:
        row = page.locator(".table tbody tr[aria-rowindex]").first
        await expect(row).to_contain_text("Late")
        await assert_accessible(page, "#room")
        await row.click()
        await expect(page.locator(".replay-bar")).to_be_visible()
        await expect(page).to_have_url(re.compile("bus=214"))


async def test_the_diagram_of_a_replay_ends_at_its_moment(
    site: Instance,
    line: Line,
    browser: Browser,  # noqa: F811
):
    at_s = int(line.day_start_s) + line.first_s + 12 * HEADWAY_S
    async with visit(
        browser, site, f"stringline?lang=en&route=R105&replay={at_s}&date={line.day}"
    ) as page:
        await drawn(page)
        await expect(page.locator(".replay-bar")).to_be_visible()
        label = await page.locator(".diagram canvas").get_attribute("aria-label") or ""
        # what came later is not told; what was missing then is
        begun = [
            number
            for _, way, number in line.driven()
            if way == 0 and line.at_stop(way, number, 0) <= at_s
        ]
        assert f"{len(begun)} with a bus, 1 without one" in label
