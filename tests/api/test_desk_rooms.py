"""The rooms of dispatch in a real browser: each act driven from the page into the feeds and back."""

import asyncio
import math
from collections.abc import AsyncIterator

import pytest
from google.transit import gtfs_realtime_pb2 as pb
from playwright.async_api import Browser, Page, expect

from sapar.core.db import open_pool
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.dispatch.messages.publisher import Publisher
from sapar.gtfs.realtime.service import own_client
from tests.api.access_help import sign_in
from tests.api.axe import assert_accessible
from tests.api.browsing import PATIENCE_MS, visit
from tests.api.living_town import LivingTown, living_town
from tests.gtfs.realtime.dispatch_days import DETOUR_PATH
from tests.gtfs.realtime.town import degrees

SKIPPED = pb.TripUpdate.StopTimeUpdate.SKIPPED


@pytest.fixture
async def alive(settings: Settings) -> AsyncIterator[LivingTown]:
    async with living_town(settings) as town:
        yield town


def desk(browser: Browser, town: LivingTown, path: str, **more):
    return visit(browser, town.instance, path, roles=["dispatcher"], **more)


async def act_listed(page: Page, text: str) -> None:
    await expect(page.locator(".table tbody tr", has_text=text)).to_be_visible(timeout=PATIENCE_MS)


async def until_feed(town: LivingTown, name: str, holds) -> None:
    """Wait until a feed, as the public gets it, is as it should be."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not holds(await town.feed(name)):
            await asyncio.sleep(0.1)


def canceled(feed: pb.FeedMessage) -> list[str]:
    return [
        e.trip_update.trip.trip_id
        for e in feed.entity
        if e.trip_update.trip.schedule_relationship == pb.TripDescriptor.CANCELED
    ]


def skipped(feed: pb.FeedMessage) -> set[str]:
    return {
        stop.stop_id
        for e in feed.entity
        for stop in e.trip_update.stop_time_update
        if stop.schedule_relationship == SKIPPED
    }


def alerts(feed: pb.FeedMessage) -> dict[str, dict[str, str]]:
    return {
        e.id: {t.language: t.text for t in e.alert.header_text.translation} for e in feed.entity
    }


async def choose_run(page: Page, dialog, label: str, time: str) -> None:
    """Choose the run that leaves at a time."""
    field = dialog.get_by_label(label, exact=False).first
    option = field.locator("option", has_text=time).first
    await expect(option).to_be_attached(timeout=PATIENCE_MS)
    await field.select_option(value=await option.get_attribute("value"))


async def finish(page: Page, dialog, reason: str = "road works") -> None:
    """Say why, and do it."""
    await dialog.get_by_label("Reason").fill(reason)
    button = dialog.get_by_role("button", name="Do it")
    await expect(button).to_be_enabled(timeout=PATIENCE_MS)
    await button.click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE_MS)


async def test_a_run_is_cancelled_from_the_page_and_undone(alive: LivingTown, browser: Browser):
    async with desk(browser, alive, "/console/acts?lang=en") as page:
        await expect(page.get_by_text("No act of dispatch is in force")).to_be_visible(
            timeout=PATIENCE_MS
        )
        await assert_accessible(page, "#room")
        await page.keyboard.press("c")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Route").select_option("A")
        await choose_run(page, dialog, "Run", "13:00")
        await expect(dialog.get_by_text("1 run is touched.")).to_be_visible(timeout=PATIENCE_MS)
        await assert_accessible(page, "dialog[open]")
        await finish(page, dialog)
        await act_listed(page, "cancelled")
        await until_feed(alive, "trip-updates", lambda f: len(canceled(f)) == 1)
        await expect(page.locator(".toast", has_text="In the feeds since")).to_be_visible(
            timeout=PATIENCE_MS
        )
        await page.locator(".toast", has_text="Decided").get_by_role("button", name="Undo").click()
        await until_feed(alive, "trip-updates", lambda f: not canceled(f))
        await page.get_by_role("button", name="Past").click()
        await act_listed(page, "undone at")


async def test_stops_are_closed_and_the_vehicle_panel_opens_the_dialogs(
    alive: LivingTown, browser: Browser
):
    async with desk(browser, alive, "/console/map?lang=en&bus=A0") as page:
        panel = page.locator(".panel")
        await panel.get_by_role("button", name="Skip stops").click(timeout=PATIENCE_MS)
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Route")).to_have_value("A", timeout=PATIENCE_MS)
        await dialog.get_by_label("Run").select_option("")
        await dialog.get_by_label("Find a stop").fill("a6")
        await dialog.get_by_label("Stop a6").check()
        await expect(dialog.get_by_text("Not served: Stop a6.")).to_be_visible(timeout=PATIENCE_MS)
        await expect(dialog.get_by_text("Stop closed", exact=True)).to_be_visible()
        await dialog.get_by_role("button", name="+1 h").click()
        await finish(page, dialog)
        await until_feed(alive, "trip-updates", lambda f: "a6" in skipped(f))
        await page.locator(".toast", has_text="Decided").get_by_role("button", name="Undo").click()
        await until_feed(alive, "trip-updates", lambda f: "a6" not in skipped(f))


async def test_an_extra_run_and_a_swap(alive: LivingTown, browser: Browser):
    async with desk(browser, alive, "/console/acts?lang=en") as page:
        await page.get_by_role("button", name="Extra run").click(timeout=PATIENCE_MS)
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Route").select_option("A")
        await choose_run(page, dialog, "Same as the run", "13:00")
        await finish(page, dialog)
        await act_listed(page, "extra run")
        await until_feed(
            alive,
            "trip-updates",
            lambda f: any(e.trip_update.trip_properties.trip_id.startswith("extra-") for e in f.entity),
        )  # fmt: skip
        await page.get_by_role("button", name="Swap vehicle").click()
        await dialog.get_by_label("Bus").fill("A1")
        await dialog.get_by_label("Route").select_option("A")
        await choose_run(page, dialog, "Run", "13:00")
        await dialog.get_by_role("button", name="the whole block").click()
        await finish(page, dialog)
        await act_listed(page, "bus A1 takes over")
        row = page.locator(".table tbody tr", has_text="bus A1 takes over")
        await row.get_by_role("button", name="Undo").click()
        await expect(row).to_have_count(0, timeout=PATIENCE_MS)


def mercator(lat: float, lon: float, zoom: float) -> tuple[float, float]:
    """Pixels of a place on the world at a zoom, as web maps count them."""
    size = 512 * 2**zoom
    north = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
    return (lon + 180) / 360 * size, (1 - north / math.pi) / 2 * size


async def click_at(page: Page, point: tuple[float, float]) -> None:
    """Click a place on the map."""
    view = await page.locator(".detour-map .map").get_attribute("data-view")
    assert view is not None
    lat, lon, zoom = (float(part) for part in view.split(","))
    x, y = mercator(*point, zoom)
    middle_x, middle_y = mercator(lat, lon, zoom)
    box = await page.locator(".detour-map canvas").bounding_box()
    assert box is not None
    await page.mouse.click(
        box["x"] + box["width"] / 2 + x - middle_x, box["y"] + box["height"] / 2 + y - middle_y
    )


async def test_a_detour_is_drawn_by_clicks_checked_and_told(alive: LivingTown, browser: Browser):
    async with desk(browser, alive, "/console/detour?lang=en") as page:
        await page.get_by_label("Route").select_option("A", timeout=PATIENCE_MS)
        await expect(page.locator(".detour-map .map[data-view]")).to_be_visible(timeout=PATIENCE_MS)
        await assert_accessible(page, "#room")
        await page.get_by_role("button", name="Next").click()
        await page.wait_for_timeout(700)  # the map goes to the route
        for point in DETOUR_PATH:
            await click_at(page, point)
        side = page.locator(".detour-side")
        await expect(side.get_by_text("Not served: Stop a3, Stop a4").first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await click_at(page, degrees(3000.0, 2500.0))
        await expect(side.get_by_text("The last point lies")).to_be_visible(timeout=PATIENCE_MS)
        await page.keyboard.press("Control+z")
        await expect(side.get_by_text("Not served: Stop a3, Stop a4").first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await assert_accessible(page, "#room")
        await side.get_by_role("button", name="Next").click()
        await side.get_by_role("button", name="+1 h").click()
        await side.get_by_label("Reason").fill("burst pipe")
        await assert_accessible(page, "#room")
        await side.get_by_role("button", name="Put the detour in force").click()
        await expect(side.get_by_text("Still to be told")).to_be_visible(timeout=PATIENCE_MS)
        await assert_accessible(page, "#room")
        await until_feed(alive, "trip-updates", lambda f: {"a3", "a4"} <= skipped(f))
        feed = await alive.feed("trip-updates")
        assert any(entity.HasField("trip_modifications") for entity in feed.entity)
        await until_feed(
            alive, "alerts", lambda f: {"en": "A: detour"}.items() <= next(iter(alerts(f).values()), {}).items()
        )  # fmt: skip
        await side.get_by_role("button", name="Write to the drivers").click()
        await expect(page.get_by_label("Text, Russian")).to_have_value(
            "На вашем маршруте объезд. Подробности у диспетчера.", timeout=PATIENCE_MS
        )


async def test_a_detour_without_the_map_by_stops_and_by_coordinates(
    alive: LivingTown, browser: Browser
):
    async with desk(browser, alive, "/console/detour?lang=en&route=A", width=390) as page:
        side = page.locator(".detour-side")
        await side.get_by_role("button", name="Next").click(timeout=PATIENCE_MS)
        await side.locator("summary", has_text="By coordinates").click()
        text = "\n".join(f"{lat}, {lon}" for lat, lon in DETOUR_PATH)
        await side.get_by_label("By coordinates").fill(text)
        await side.locator("details[open]").get_by_role("button", name="Take over").click()
        await expect(side.get_by_text("Not served: Stop a3, Stop a4").first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await side.get_by_role("button", name="Clear").click()
        await side.locator("summary", has_text="By stops").click()
        await side.get_by_label("Leaves the line at").select_option("a2")
        await side.get_by_label("Joins it again at").select_option("a5")
        await side.locator("details[open]").get_by_role("button", name="Take over").click()
        await expect(side.get_by_text("Leaves the line after").first).to_be_visible(
            timeout=PATIENCE_MS
        )
        await side.get_by_role("button", name="Only close the stops between").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_text("2 stops chosen")).to_be_visible(timeout=PATIENCE_MS)
        await assert_accessible(page, "dialog[open]")


async def test_an_alert_is_written_published_read_back_and_undone(
    alive: LivingTown, browser: Browser
):
    async with desk(browser, alive, "/console/alerts?lang=en") as page:
        editor = page.locator(".alerts-editor")
        await editor.get_by_label("Effect").select_option("SIGNIFICANT_DELAYS", timeout=PATIENCE_MS)
        await editor.get_by_label("Add a route").select_option("A")
        await editor.get_by_role("button", name="Words from the template").click()
        kazakh = editor.locator("#alert-kk")
        await expect(kazakh.get_by_label("Heading")).to_have_value(
            "A: автобустар кешігіп жүр", timeout=PATIENCE_MS
        )
        await kazakh.get_by_label("Heading").fill("A: автобустар 20 минутқа кешігеді")
        await expect(editor.get_by_text("Changed in another language").first).to_be_visible()
        await expect(page.locator(".alert-board")).to_have_text("A: автобустар 20 минутқа кешігеді")
        await page.keyboard.press("F8")
        await expect(editor.locator("#alert-ru").get_by_label("Heading")).to_be_focused()
        await assert_accessible(page, "#room")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("In the feed since")).to_be_visible(timeout=PATIENCE_MS)
        await until_feed(
            alive, "alerts", lambda f: any("20 минутқа" in a.get("kk", "") for a in alerts(f).values())
        )  # fmt: skip
        row = page.locator(".alert-row").first
        await row.get_by_role("button", name="Change").click()
        await kazakh.get_by_label("Heading").fill("A: автобустар 30 минутқа кешігеді")
        await editor.get_by_role("button", name="Publish the change").click()
        await until_feed(
            alive, "alerts", lambda f: any("30 минутқа" in a.get("kk", "") for a in alerts(f).values())
        )  # fmt: skip
        await page.locator(".toast", has_text="Changed").get_by_role("button", name="Undo").click()
        await until_feed(
            alive, "alerts", lambda f: any("20 минутқа" in a.get("kk", "") for a in alerts(f).values())
        )  # fmt: skip
        await page.locator(".alert-row").first.get_by_role("button", name="End").click()
        await until_feed(alive, "alerts", lambda f: not f.entity)


async def test_a_message_is_sent_and_followed(alive: LivingTown, browser: Browser):
    settings = alive.settings
    conninfo = settings.database_url.get_secret_value()
    async with (
        own_client(settings, f"desk-{alive.agency}") as client,
        open_pool(conninfo, name="desk") as pool,
        desk(browser, alive, "/console/messages?lang=en&to=A0") as page,
    ):
        task = asyncio.create_task(Publisher(pool, conninfo, alive.clock, client).run())
        try:
            await _send_and_follow(alive, page, client)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _send_and_follow(alive: LivingTown, page: Page, client: MqttClient) -> None:
    await expect(page.get_by_text("1 bus will get it.")).to_be_visible(timeout=PATIENCE_MS)
    await page.get_by_label("Quick texts").select_option("call")
    await expect(page.get_by_label("Text, Kazakh")).to_have_value("Диспетчерге хабарласыңыз.")
    await assert_accessible(page, "#room")
    await page.keyboard.press("Control+Enter")
    row = page.locator(".letter-list tbody tr").first
    await expect(row).to_contain_text("1 sent", timeout=PATIENCE_MS)
    async with open_pool(alive.instance.conninfo, name="device") as pool:
        for kind, more in (("cmd_result", {"ok": True}), ("cmd_read", {})):
            await _answer(pool, alive, kind, more)
            said = "1 read" if kind == "cmd_read" else "1 delivered"
            await expect(row).to_contain_text(said, timeout=PATIENCE_MS)
    await row.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("cell", name="read")).to_be_visible(timeout=PATIENCE_MS)
    await assert_accessible(page, "dialog[open]")


async def _answer(pool, alive: LivingTown, kind: str, more: dict) -> None:
    """The bus answers, as ingest would store it."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO event (device_no, time, epoch, seq, digest, kind, data, received_at)"
            " SELECT d.device_no, %s, 1, 1, length(%s), %s,"
            " %s::jsonb || jsonb_build_object('command_id', m.command_id), %s"
            " FROM device AS d, driver_message AS m"
            " WHERE d.agency_id = %s AND d.device_id = 'A0' AND m.agency_id = d.agency_id",
            (
                alive.clock.now(),
                kind,
                kind,
                '{"ok": true}' if more else "{}",
                alive.clock.now(),
                alive.agency,
            ),
        )


async def test_a_dispatcher_is_told_in_any_room_that_an_act_ends_soon(
    alive: LivingTown, browser: Browser
):
    async with desk(browser, alive, "/console/messages?lang=en") as page:
        await expect(page.get_by_text("No message has been sent yet.")).to_be_visible(
            timeout=PATIENCE_MS
        )
        await sign_in(alive.http, alive.instance.conninfo, ["dispatcher"])
        what = {"kind": "skip", "stop_ids": ["a6"], "route_id": "A"}
        body = {"what": what, "reason": "r", "until_s": alive.clock.time() + 500}
        assert (await alive.http.post("/api/dispatch/acts", json=body)).status_code == 201
        toast = page.locator(".toast", has_text="Stop a6 not served, route A ends at")
        await expect(toast).to_be_visible(timeout=PATIENCE_MS)


async def test_a_viewer_sees_the_rooms_and_no_buttons(alive: LivingTown, browser: Browser):
    for room in ("acts", "alerts", "messages"):
        async with visit(browser, alive.instance, f"/console/{room}?lang=ru") as page:
            await expect(page.locator("#room h2").first).to_be_visible(timeout=PATIENCE_MS)
            assert await page.locator("#room button.primary").count() == 0


@pytest.mark.parametrize("language", ["kk", "ru"])
@pytest.mark.parametrize("room", ["acts", "detour", "alerts", "messages"])
async def test_the_rooms_stand_in_kazakh_and_russian_on_a_narrow_light_page(
    alive: LivingTown, browser: Browser, room: str, language: str
):
    path = f"/console/{room}?lang={language}&route=A"
    async with desk(browser, alive, path, width=390, theme="light") as page:
        await expect(page.locator("#room h2, #room ol").first).to_be_visible(timeout=PATIENCE_MS)
        await page.wait_for_timeout(500)
        await assert_accessible(page, "#room")
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
