"""The control room on the demo city: what is planted is seen in the room where it belongs, and what
dispatch does is in the feeds with the next tick.

One `sapar demo --incidents`, three times faster than life, one browser and one dispatcher. At the
end the demo's own verdict is asked for: nothing lost, and no validator error.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from sapar.dispatch.reports import make_code
from tests.acceptance.control_room import ControlRoom, Incident, open_room, shown
from tests.acceptance.dispatch_acts import Planned, plan_acts, quiet_routes
from tests.acceptance.test_demo import assert_clean, checkout
from tests.api.browsing import PATIENCE_MS
from tests.api.conftest import browser

__all__ = ["browser", "checkout"]  # fixtures
Json = dict[str, Any]
BUSES, SPEED = 150, 3.0
SCREEN: ViewportSize = {"width": 1400, "height": 900}
CAUSES = {
    "late": r"Bus {bus} is \d+ min late",
    "early": r"Bus {bus} is \d+ min early",
    "off_route": r"Bus {bus} is off its route",
    "silent": r"Bus {bus} has been silent for \d+ min",
    "speeding": r"Bus {bus} drives \d+ km/h",
    "not_signed_on": r"Bus {bus} drives without a sign-on",
    "wrong_sign_on": r"Bus {bus} is signed on to another run",
    "gps_off": r"Bus {bus} sends no position, but is heard",
    "panic": r"Panic button in bus {bus}",
    "bunched": r"Bus {bus} is \d+ min behind \d+",
    "missing": r"Run of \d\d:\d\d has no bus",
}
NAMES = {
    "late": "Late", "early": "Early", "off_route": "Off route", "silent": "Silent",
    "speeding": "Speeding", "not_signed_on": "Not signed on", "wrong_sign_on": "Wrong sign-on",
    "gps_off": "GPS switched off", "panic": "Panic",
}  # fmt: skip

pytestmark = pytest.mark.timeout(900)


@asynccontextmanager
async def sitting_at(room: ControlRoom, browser: Browser) -> AsyncIterator[Page]:
    """A browser in which the dispatcher is signed in; at the end it complained of nothing."""
    context = await browser.new_context(viewport=SCREEN, locale="en-GB", color_scheme="dark")
    context.set_default_timeout(PATIENCE_MS)
    for cookie in room.http.cookies.jar:
        await context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": room.url, "httpOnly": True}]
        )
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    page = await context.new_page()
    try:
        yield page
    finally:
        await context.close()
    assert complaints == []


async def test_what_is_planted_and_what_is_done_is_seen_in_its_room(checkout, browser):
    room = await asyncio.to_thread(open_room, checkout, BUSES, SPEED)
    try:
        await room.sign_in()
        incidents = await room.incidents()
        assert {incident["kind"] for incident in incidents} == CAUSES.keys()
        async with sitting_at(room, browser) as page:
            acts = await decide(room, incidents)
            message_no, alert_id = await tell(room, incidents)
            alarms = await watch(page, room, incidents)
            await answer_the_panic(page, room, alarms["panic"])
            await see_the_past(page, room, incidents, alarms)
            await see_acts(page, room, acts, message_no)
            await undo(room, acts, alert_id)
        report = await asyncio.to_thread(room.end)
    finally:
        await room.http.aclose()
        if room.process.poll() is None:
            await asyncio.to_thread(room.end)
    # the driver's two answers to the message are on no list of what simulators set out to send; the
    # first one is given again when the message is
    assert report["duplicates"] in {2, 3}
    assert_clean({**report, "duplicates": 0})
    assert report["restarts"] == {}


# -- what dispatch does ----------------------------------------------------------------------------


async def decide(room: ControlRoom, incidents: list[Incident]) -> dict[str, Planned]:
    """Decide one act of each kind; each is in the feeds within a tick."""
    timetable = await asyncio.to_thread(room.timetable)
    quiet = quiet_routes(timetable, {incident["route_id"] for incident in incidents})
    done: dict[str, Planned] = {}
    for planned in await plan_acts(room, timetable, quiet):
        assert not planned.holds(await room.feed(planned.feed)), planned.what
        body = {"what": planned.what, "reason": "works", "cause": "CONSTRUCTION"}
        act_id = (await room.post("/api/dispatch/acts", body))["act_id"]
        assert await room.ticks_until(planned.feed, planned.holds) <= planned.ticks, planned.what
        done[act_id] = planned
    return done


async def tell(room: ControlRoom, incidents: list[Incident]) -> tuple[int, str]:
    """Write to a driver, and tell riders; give the message and the alert."""
    late = next(i for i in incidents if i["kind"] == "late")
    message = {
        "texts": {"kk": "Хабарласыңыз.", "ru": "Позвоните."},
        "target": {"kind": "vehicles", "vehicle_ids": [late["vehicle_id"]]},
    }
    message_no = (await room.post("/api/dispatch/messages", message))["message_no"]
    alert = {
        "header": {"kk": "Автобустар кешігуде", "ru": "Автобусы опаздывают"},
        "description": {"kk": "Жол жөндеу.", "ru": "Ремонт дороги."}, "url": {}, "cause": "OTHER_CAUSE", "effect": "SIGNIFICANT_DELAYS",
        "informed": [{"route_id": late["route_id"]}],
    }  # fmt: skip
    alert_id = (await room.post("/api/dispatch/alerts", alert))["alert_id"]
    told = await room.ticks_until("alerts", lambda f: alert_id in {e.id for e in f.entity})
    assert told <= 2
    return message_no, alert_id


async def see_acts(
    page: Page, room: ControlRoom, acts: dict[str, Planned], message_no: int
) -> None:
    """Find them in their rooms."""
    await page.goto(f"{room.url}/console/acts?lang=en")
    for planned in acts.values():
        await expect(page.locator("#room tbody tr", has_text=planned.shown).first).to_be_visible()
    await page.goto(f"{room.url}/console/alerts?lang=en")
    await expect(page.locator(".alert-row", has_text="In the feed since")).not_to_have_count(0)
    await page.goto(f"{room.url}/console/messages?lang=en")
    row = page.locator(".letter-list tbody tr").first
    await expect(row).to_contain_text("1 read")  # by the driver, on the simulated device
    listed = (await room.get("/api/dispatch/messages.json"))["messages"]
    assert [one["message_no"] for one in listed] == [message_no]


async def undo(room: ControlRoom, acts: dict[str, Planned], alert_id: str) -> None:
    """Take everything back; it is gone within a tick."""
    for act_id, planned in acts.items():
        await room.post(f"/api/dispatch/acts/{act_id}/undo", {})
        gone = await room.ticks_until(planned.feed, lambda f, p=planned: not p.holds(f))  # type: ignore[misc]
        assert gone <= planned.ticks, planned.what
    await room.post(f"/api/dispatch/alerts/{alert_id}/end", {"revision": 1})
    gone = await room.ticks_until("alerts", lambda f: alert_id not in {e.id for e in f.entity})
    assert gone <= 2


# -- what is planted -------------------------------------------------------------------------------


async def watch(page: Page, room: ControlRoom, incidents: list[Incident]) -> dict[str, Json]:
    """Look at every incident in the rooms where it belongs as soon as it is told."""
    lists = await page.context.new_page()
    await lists.set_viewport_size({"width": 1400, "height": 8000})  # rows in sight alone are there
    await lists.goto(f"{room.url}/console/exceptions?lang=en")
    by_cause = lists.get_by_label("By cause")
    await by_cause.check()  # said by a person it stays; else a flood of alarms sets it later
    await by_cause.uncheck()

    async def see(incident: Incident, alarm: Json) -> None:
        kind, bus = incident["kind"], incident["vehicle_id"]
        if kind == "bunched":  # either may be the one behind
            bus = f"({bus}|{incident['other_vehicle_id']})"
        words = re.compile(CAUSES[kind].replace("{bus}", bus))
        rows = lists.locator(".standing-list tr[aria-rowindex]")
        await expect(rows.filter(has_text=words).first).to_be_visible()
        if kind in NAMES:
            await page.goto(f"{room.url}/console/map?lang=en&view=list&bus={bus}")
            listed = page.locator(".panel .alarms button")
            await expect(listed.filter(has_text=NAMES[kind]).first).to_be_visible()
        elif kind == "bunched":
            await see_bunched(page, room, incident)
        else:
            await see_missing(page, room, alarm)

    alarms = await shown(room, incidents, see)
    await lists.close()
    return alarms


async def see_bunched(page: Page, room: ControlRoom, incident: Incident) -> None:
    """Buses that are too close stand on the ladder, and are counted with the headways."""
    route_id = incident["route_id"]
    await page.goto(f"{room.url}/console/ladder?lang=en&r={route_id}")
    await expect(page.locator(".bracket")).not_to_have_count(0)
    for vehicle_id in (incident["vehicle_id"], incident["other_vehicle_id"]):
        await expect(page.locator(f'.rail .bus[data-bus="{vehicle_id}"]')).to_be_visible()
    await page.goto(f"{room.url}/console/headways?lang=en")
    await expect(page.locator(".headways tr[aria-rowindex]").first).to_be_visible()


async def see_missing(page: Page, room: ControlRoom, alarm: Json) -> None:
    """The run that nobody drives is a ghost on the ladder and has no bus in the diagram."""
    await page.goto(f"{room.url}/console/ladder?lang=en&r={alarm['route_id']}")
    await expect(page.locator(f'.ghost[data-trip="{alarm["trip_id"]}"]')).to_be_visible()
    runs = (await room.get(f"/api/dispatch/runs.json?route={alarm['route_id']}"))["runs"]
    way = next(run["direction"] for run in runs if run["trip_id"] == alarm["trip_id"])
    await page.goto(
        f"{room.url}/console/stringline?lang=en&route={alarm['route_id']}&direction={way}"
    )
    await page.get_by_role("button", name="Table").click()
    await page.get_by_role("searchbox").last.fill(alarm["trip_id"])
    row = page.locator(".table tbody tr[aria-rowindex]")
    await expect(row.filter(has_text="no bus")).to_have_count(1)


async def see_the_past(
    page: Page, room: ControlRoom, incidents: list[Incident], alarms: dict[str, Json]
) -> None:
    """The moment of an incident is replayed; a rider's report and the devices are where they belong."""
    bus = alarms["off_route"]["vehicle_id"]
    at_s = int(float(next(i for i in incidents if i["kind"] == "off_route")["from_s"])) + 75
    await page.goto(f"{room.url}/console/map?lang=en&bus={bus}&replay={at_s}")
    await expect(page.locator(".replay-bar")).to_be_visible()
    await expect(page.locator(".panel h2")).to_have_text(bus)
    await expect(page.locator(".panel dl")).to_be_visible()
    report = {
        "kind": "driver", "language": "ru", "text": "Едет не по маршруту", "vehicle_id": bus,
        "route_id": alarms["off_route"]["route_id"], "trip_id": alarms["off_route"]["trip_id"],
        "code": make_code(),
    }  # fmt: skip
    await room.post("/api/rider/reports", report)
    await page.goto(f"{room.url}/console/reports?lang=en")
    await page.get_by_role("row").filter(has_text="driver's manner").click()
    detail = page.get_by_role("complementary", name="Riders' reports")
    await expect(detail).to_contain_text("Едет не по маршруту")
    await detail.get_by_role("button", name="Bus on the map").click()
    await expect(page.locator(".panel h2")).to_have_text(bus)
    await page.goto(f"{room.url}/console/devices?lang=en")
    silent = alarms["silent"]["vehicle_id"]
    await page.get_by_role("searchbox").last.fill(f"tracker-{silent}")
    await expect(page.locator(".table tbody tr[aria-rowindex]")).to_have_count(1)
    await page.goto(f"{room.url}/console/performance?lang=en")
    await expect(page.get_by_role("region", name="Performance")).to_be_visible()


async def answer_the_panic(page: Page, room: ControlRoom, panic: Json) -> None:
    """It rings in every room until somebody answers."""
    await page.goto(f"{room.url}/console/exceptions?lang=en")
    await expect(page.locator(".emergency")).to_contain_text(
        f"Panic button in bus {panic['vehicle_id']}"
    )
    row = page.locator(".standing-list tr[aria-rowindex]", has_text="Panic button").first  # on top
    await row.get_by_role("button", name="Acknowledge").click()
    await expect(page.locator(".emergency")).to_have_count(0)
    await expect(page.locator("html")).to_have_attribute("data-ringing", "")
