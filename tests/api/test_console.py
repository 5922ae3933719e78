"""The console's rooms in a real browser: map, ladder, exceptions and headways, by mouse and key."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from sapar.core.db import connect, connect_async
from sapar.fleet.depots import read_depots, replace_depots
from tests.api import desk_town, town
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, Ticking, has_drawn, visit
from tests.api.conftest import Instance
from tests.api.test_trail import keep_fixes

ROOMS = ("", "console/ladder", "console/exceptions", "console/headways")
BUSES = 60
ALARMS = len(desk_town.ALARM_KINDS)


@pytest.fixture
async def desk(api: Instance, ticking: Ticking, agency: str) -> AsyncIterator[Ticking]:
    """The town with a desk: its timetable, its buses and console every tick, its alarms stored."""
    desk_town.import_desk_town(api.conninfo, agency)
    await keep_alarms(api.conninfo, agency)

    async def drive() -> None:
        while True:
            ticking.vehicles = desk_town.vehicles(ticking.time_s)
            ticking.console = desk_town.console(ticking.time_s)
            await asyncio.sleep(0.5)

    driving = asyncio.create_task(drive())
    yield ticking
    driving.cancel()
    await asyncio.gather(driving, return_exceptions=True)


async def keep_alarms(conninfo: str, agency: str) -> None:
    """Store the town's alarms as the engine does."""
    async with await connect_async(conninfo) as connection:
        for alarm in desk_town.alarms(town.TRANSIT_S):
            await connection.execute(
                "INSERT INTO alarm (agency_id, key, kind, priority, vehicle_id, route_id, trip_id,"
                " stop_id, details, since, raised_at) VALUES (%(agency)s, %(key)s, %(kind)s,"
                " %(priority)s, %(vehicle_id)s, %(route_id)s, %(trip_id)s, %(stop_id)s, '{}',"
                " to_timestamp(%(since_s)s), to_timestamp(%(since_s)s))",
                {**alarm, "agency": agency},
            )


async def ready(page: Page) -> None:
    """Wait until the live state is on the page."""
    await expect(page.locator(".heard")).to_contain_text(str(BUSES), timeout=PATIENCE_MS)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("room", ROOMS)
async def test_nothing_in_a_room_shuts_people_out(
    api: Instance, desk: Ticking, browser: Browser, room: str, theme: str
) -> None:
    path = f"/{room}?lang=kk&bus=101"
    assert theme in {"dark", "light"}
    async with visit(browser, api, path, theme=theme, roles=("dispatcher",)) as page:  # type: ignore[arg-type]
        await ready(page)
        await expect(page.locator("main .bones")).to_have_count(0, timeout=PATIENCE_MS)
        await assert_accessible(page)


@pytest.mark.parametrize("room", ROOMS)
async def test_a_room_fits_a_phone(
    api: Instance, desk: Ticking, browser: Browser, room: str
) -> None:
    async with visit(browser, api, f"/{room}?lang=ru", width=390) as page:
        await ready(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.locator(".menu-button").click()
        link = page.locator(".rooms a", has_text="Интервалы")
        await link.click()
        await expect(page.locator(".headways")).to_be_visible()


async def test_rooms_are_opened_by_keys_and_links_and_keep_the_selection(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/?lang=en&bus=101") as page:
        await ready(page)
        await page.keyboard.press("KeyG")
        await page.keyboard.press("KeyL")
        await expect(page.locator(".ladder").first).to_be_visible(timeout=PATIENCE_MS)
        assert page.url.endswith("/console/ladder?lang=en&bus=101")
        await expect(page.locator(".panel h2")).to_have_text("101")
        await page.locator(".rooms a", has_text="Headways").click()
        await expect(page.locator(".headways h2")).to_be_visible()
        await page.go_back()
        await expect(page.locator(".ladder").first).to_be_visible()
        await page.keyboard.press("KeyG")
        await page.keyboard.press("KeyT")
        await expect(page.locator(".map-room .table")).to_be_visible()
        assert "view=list" in page.url
        await page.goto(f"{api.url}/console/nowhere?lang=en")
        await expect(page.get_by_role("alert").filter(has_text="no room")).to_be_visible()


async def test_who_is_not_signed_in_is_asked_to(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    page = await browser.new_page()
    await page.goto(f"{api.url}/console/ladder?lang=en")
    await expect(page.locator("input[type=password]")).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.locator(".ladder")).to_have_count(0)


async def test_the_map_colours_by_headway_and_load_and_lists_runs_without_a_bus(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/?lang=en") as page:
        await has_drawn(page, BUSES - 1)  # one has been silent for over five minutes
        await page.keyboard.press("KeyC")
        await expect(page.locator(".legend")).to_contain_text("bunched, up to 50 % of plan")
        assert "colour=headway" in page.url
        await page.get_by_role("button", name="Load").click()
        await expect(page.locator(".legend")).to_contain_text("standing, 70–90 %")
        ghosts = page.locator(".ghosts li")
        await expect(ghosts).to_have_count(5)
        await ghosts.filter(has_text="still at the depot").get_by_role("button").click()
        panel = page.locator(".panel")
        await expect(panel).to_contain_text("its bus is still at the depot")
        await expect(panel).to_contain_text("G3")
        assert "trip=G3" in page.url


async def test_the_map_shows_the_buses_of_one_depot(
    api: Instance, desk: Ticking, browser: Browser, agency: str
) -> None:
    text = "depot,name,latitude,longitude,vehicles\nnorth,Солтүстік,50.3,57.2,\nsouth,,50.2,57.2,"
    with connect(api.conninfo) as connection:
        replace_depots(connection, agency, read_depots(text))
    async with visit(browser, api, "/?lang=kk") as page:
        await has_drawn(page, BUSES - 1)
        choice = page.get_by_label("Автопарк", exact=True)
        await choice.select_option("Солтүстік")
        await has_drawn(page, BUSES // 2)
        assert "depot=north" in page.url
        await assert_accessible(page, ".side")
        await choice.select_option("Барлық автопарк")
        await has_drawn(page, BUSES - 1)


async def test_the_search_finds_drivers_and_trips_and_opens_stops(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/headways?lang=en") as page:
        await ready(page)
        await page.keyboard.press("Slash")
        await page.keyboard.type("D1103")
        await expect(page.locator(".hit")).to_contain_text("Driver")
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel")).to_contain_text("D1103", timeout=PATIENCE_MS)
        await page.keyboard.press("Slash")
        await page.keyboard.type("G2")
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel")).to_contain_text("its bus is silent")
        await page.keyboard.press("Slash")
        await page.keyboard.type("Көкжар")
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel h2")).to_have_text("Көкжар")
        await expect(page.locator(".panel")).to_contain_text("Next buses")


async def test_the_panel_knows_the_neighbours_and_draws_the_trail(
    api: Instance, desk: Ticking, browser: Browser, agency: str
) -> None:
    await keep_fixes(api.conninfo, agency, "KZ-1", "111")
    async with visit(browser, api, "/?lang=en&bus=111") as page:
        panel = page.locator(".panel")
        await expect(panel).to_contain_text("110, 2 min", timeout=PATIENCE_MS)
        await expect(panel).to_contain_text("112, 15 min")
        await expect(panel).to_contain_text("D1")
        await page.keyboard.press("KeyT")
        await expect(panel).to_contain_text("3 fixes in 30 min")
        await panel.get_by_role("button", name="112, 15 min").click()
        await expect(panel.locator("h2")).to_have_text("112")
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)


async def test_the_ladder_shows_buses_ghosts_gaps_and_plan(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/ladder?lang=en&r=R1") as page:
        rails = page.locator(".rail")
        await expect(rails).to_have_count(2, timeout=PATIENCE_MS)
        await expect(page.locator(".rail .bus")).to_have_count(10)
        await expect(page.locator(".rail .ghost")).to_have_count(1)
        await expect(page.locator(".bracket")).to_have_count(2)
        await expect(page.locator(".bracket", has_text="15 min")).to_have_count(1)
        assert await page.locator(".rail .bus .plan").count() >= 4
        first = await page.locator(".rail.is-left .bus").first.get_attribute("data-bus")
        await page.keyboard.press("KeyF")
        turned = await page.locator(".rail.is-left .bus").first.get_attribute("data-bus")
        assert turned != first
        bus = page.locator('.rail .bus[data-bus="113"]')
        await bus.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel h2")).to_have_text("113")
        await page.keyboard.press("Shift+ArrowUp")
        await expect(page.locator(".panel h2")).to_have_text("112")
        await page.keyboard.press("KeyR")
        await page.keyboard.type("105")
        await page.keyboard.press("Enter")
        await expect(page.locator(".ladder")).to_have_count(2)
        await page.locator('.ghost[data-trip="G0"]').click()
        await expect(page.locator(".panel")).to_contain_text("no vehicle is known for it")


async def test_every_alarm_is_a_row_that_says_what_to_do(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/exceptions?lang=en", roles=("dispatcher",)) as page:
        rows = page.locator(".standing-list tr[aria-rowindex]")
        await expect(rows).to_have_count(ALARMS, timeout=PATIENCE_MS)
        await expect(rows.first).to_contain_text("Panic button in bus 100")
        await expect(page.locator(".standing-list")).to_contain_text("Gap of 19 min ahead of bus")
        await expect(page.locator(".standing-list")).to_contain_text("hold 201 for 2 min")
        await expect(page.locator("html")).to_have_attribute("data-ringing", "panic")
        await expect(page.locator(".emergency")).to_contain_text("Panic button in bus 100")
        await expect(page.locator(".alarm-counts .hidden")).to_have_text(
            "Alarms: 1 of priority 1, 7 of priority 2, 4 of priority 3"
        )


async def test_an_alarm_is_acknowledged_shelved_taken_and_all_of_it_undone(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/exceptions?lang=en", roles=("dispatcher",)) as page:
        rows = page.locator(".standing-list tr[aria-rowindex]")
        await expect(rows).to_have_count(ALARMS, timeout=PATIENCE_MS)
        await page.keyboard.press("KeyJ")
        await expect(page.locator(".panel h2")).to_have_text("100")
        # the alarm's number comes with the list that is fetched: before it nothing can be done
        answer = page.locator('tr[aria-selected="true"]').get_by_role("button", name="Acknowledge")
        await expect(answer).to_be_enabled()
        await page.keyboard.press("KeyY")
        await expect(page.get_by_role("button", name="Acknowledged 1")).to_be_visible()
        await expect(page.locator(".emergency")).to_have_count(0)
        await expect(page.locator("html")).to_have_attribute("data-ringing", "")
        await page.keyboard.press("KeyU")
        await expect(page.get_by_role("button", name="Acknowledged 0")).to_be_visible()
        await expect(page.locator(".emergency")).to_have_count(1)
        await page.keyboard.press("KeyJ")
        await page.keyboard.press("KeyO")
        await expect(page.locator('tr[aria-selected="true"]')).to_contain_text("person-")
        await page.keyboard.press("KeyH")
        await page.get_by_role("button", name="15 min", exact=True).click()
        await expect(page.get_by_role("button", name="Shelved 1")).to_be_visible()
        await page.get_by_role("button", name="Shelved 1").click()
        await expect(rows).to_have_count(1)


async def test_new_rows_wait_while_the_pointer_is_in_the_list(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/exceptions?lang=en") as page:
        rows = page.locator(".standing-list tr[aria-rowindex]")
        await expect(rows).to_have_count(ALARMS, timeout=PATIENCE_MS)
        await rows.nth(5).hover()
        desk_town.ALARMS_MORE.append(
            {
                "key": "late:999",
                "kind": "late",
                "priority": 3,
                "since_s": int(desk.time_s),
                "vehicle_id": "101",
                "route_id": "R1",
                "trip_id": None,
                "stop_id": None,
                "values": {"late_s": 900},
            }
        )
        try:
            await expect(page.get_by_role("button", name="1 new")).to_be_visible(
                timeout=PATIENCE_MS
            )
            await expect(rows).to_have_count(ALARMS)
            await page.keyboard.press("KeyN")
            await expect(rows).to_have_count(ALARMS + 1)
        finally:
            desk_town.ALARMS_MORE.clear()


async def test_a_viewer_looks_and_cannot_answer(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/exceptions?lang=en") as page:
        button = page.get_by_role("button", name="Acknowledge", exact=True).first
        await expect(button).to_be_disabled(timeout=PATIENCE_MS)
        await page.keyboard.press("KeyJ")
        await page.keyboard.press("KeyY")
        await expect(page.get_by_role("button", name="Acknowledged 0")).to_be_visible()


async def test_stale_says_that_no_alarm_can_appear(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/exceptions?lang=en", roles=("dispatcher",)) as page:
        button = page.get_by_role("button", name="Acknowledge", exact=True).last
        await expect(button).to_be_enabled(timeout=PATIENCE_MS)
        desk.on = False
        warning = page.get_by_role("alert").filter(has_text="no new alarm can appear")
        await expect(warning).to_be_visible(timeout=PATIENCE_MS)
        await expect(button).to_be_disabled()
        desk.on = True
        await expect(warning).to_have_count(0, timeout=PATIENCE_MS)


async def test_headways_name_the_worst_route_first_and_what_would_help(
    api: Instance, desk: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/console/headways?lang=en", roles=("dispatcher",)) as page:
        rows = page.locator(".headways tr[aria-rowindex]")
        await expect(rows).to_have_count(12, timeout=PATIENCE_MS)
        await expect(rows.first).to_contain_text("50%")
        await expect(page.locator(".headways .city")).to_contain_text("regularity 75%")
        advice = page.locator(".advice li")
        await expect(advice.first).to_contain_text("saves a rider 35 s")
        async with page.expect_download() as saved:
            await page.get_by_role("button", name="Save as CSV").click()
        download = await saved.value
        assert download.suggested_filename == "headways.csv"
        await rows.first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".ladder")).to_have_count(1, timeout=PATIENCE_MS)
