"""The live page in a real browser, against a real API, broker and database."""

import base64
from collections import Counter

import pytest
from playwright.async_api import Browser, FloatRect, Page, expect

from sapar.api.pages import BUILT
from sapar.gtfs.realtime.phases import PHASES
from sapar.gtfs.realtime.why import CODES
from tests.api import town
from tests.api.browsing import PATIENCE_MS, Ticking, has_drawn, visit
from tests.api.conftest import Instance


async def test_the_map_shows_all_vehicles_and_a_click_tells_of_one(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    # Bus 205 stands at a terminal in this town, so it can be put into the middle and clicked.
    standing = town.buses(town.TRANSIT_S)
    ticking.vehicles = [{**bus, "time_s": town.TRANSIT_S + 3600} for bus in standing]
    target = ticking.vehicles[5]
    path = f"/?lang=en&at={target['lat']},{target['lon']},17"
    async with visit(browser, api, path) as page:
        await has_drawn(page, 24)
        await page.wait_for_timeout(1500)
        box = await page.locator(".map canvas").bounding_box()
        assert box is not None
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        panel = page.locator(".panel")
        await expect(panel.locator("h2")).to_have_text("205", timeout=PATIENCE_MS)
        await expect(panel).to_contain_text("early")
        await expect(panel).to_contain_text("at terminal")
        await expect(panel).to_contain_text("T2")
        await expect(panel).to_contain_text("90%")
        await expect(panel).to_contain_text(
            "Signed on to trip T2: 5 m from the line, path fits 97 %, 4 min late"
        )
        assert "bus=205" in page.url
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)


async def _colours_in_the_middle(page: Page) -> set[str]:
    """The colours of the map's 40 middle pixels each way, as the person sees them."""
    box = await page.locator(".map canvas").bounding_box()
    assert box is not None
    clip = FloatRect(
        x=box["x"] + box["width"] / 2 - 20,
        y=box["y"] + box["height"] / 2 - 20,
        width=40,
        height=40,
    )
    picture = base64.b64encode(await page.screenshot(clip=clip)).decode()
    found: list[str] = await page.evaluate(
        """async (picture) => {
            const image = new Image();
            image.src = `data:image/png;base64,${picture}`;
            await image.decode();
            const canvas = new OffscreenCanvas(40, 40).getContext("2d");
            canvas.drawImage(image, 0, 0);
            const bytes = canvas.getImageData(0, 0, 40, 40).data;
            const hex = (at) => bytes[at].toString(16).padStart(2, "0");
            const pixels = Array.from({ length: 1600 }, (_, at) => at * 4);
            return pixels.map((at) => `#${hex(at)}${hex(at + 1)}${hex(at + 2)}`);
        }""",
        picture,
    )
    return set(found)


async def _shows(page: Page, colour: str, *, is_there: bool = True) -> bool:
    """Wait until the middle of the map has a colour, or has it no more."""
    for _ in range(60):
        if (colour in await _colours_in_the_middle(page)) is is_there:
            return True
        await page.wait_for_timeout(500)
    return False


async def test_vehicles_are_drawn_again_when_the_graphics_processor_was_away(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    # Bus 204 is ten minutes late: the one colour that nothing else in the dark theme has.
    late = "#e69f00"
    standing = town.buses(town.TRANSIT_S)
    ticking.vehicles = [{**bus, "time_s": town.TRANSIT_S + 3600} for bus in standing]
    target = ticking.vehicles[4]
    path = f"/?lang=en&at={target['lat']},{target['lon']},17"
    async with visit(browser, api, path) as page:
        await has_drawn(page, 24)
        assert await _shows(page, late)
        lose = """async () => {
            const canvas = document.querySelector(".map canvas");
            const loss = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
            loss.loseContext();
            await new Promise((done) => setTimeout(done, 300));
            delete document.querySelector(".map").dataset.drawn;
            loss.restoreContext();
        }"""
        await page.evaluate(lose)
        await expect(page.locator(".map[data-drawn]")).to_be_visible(timeout=PATIENCE_MS)
        assert await _shows(page, late)
        await expect(page.locator(".map canvas")).to_have_count(1)
        await page.get_by_role("button", name="Load").click()
        await expect(page.locator(".legend")).to_contain_text("95 %")
        assert await _shows(page, late, is_there=False)


def test_the_page_has_words_for_every_reason() -> None:
    words = (BUILT.parent / "src" / "i18n" / "en.ts").read_text()
    assert [code for code in CODES if f" why_{code}:" not in words] == []


@pytest.mark.parametrize(
    ("language", "on_trip", "without"),
    [
        ("ru", "Водитель выбрал рейс T10: 5 м от линии, путь совпадает на 97 %", "Ни один рейс"),
        ("kk", "Жүргізуші T10 рейсін таңдаған: сызықтан 5 м жерде", "Жүрген жолына сәйкес"),
    ],
)
async def test_the_panel_says_why_in_the_language_of_the_page(
    api: Instance, ticking: Ticking, browser: Browser, language: str, on_trip: str, without: str
) -> None:
    listed = town.buses(town.TRANSIT_S)
    driving = next(bus["id"] for bus in listed if bus["trip_id"] == "T10")
    parked = next(bus["id"] for bus in listed if bus["trip_id"] is None)
    for bus, words in ((driving, on_trip), (parked, without)):
        async with visit(browser, api, f"/?lang={language}&bus={bus}") as page:
            await expect(page.locator(".panel")).to_contain_text(words, timeout=PATIENCE_MS)


async def test_the_banner_comes_when_ticks_stop_and_goes_when_they_return(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/?lang=en") as page:
        await has_drawn(page, 24)
        banner = page.locator(".banner-place")
        await expect(banner).to_be_empty()
        await expect(page.locator(".heard")).to_have_text("24 heard, 26 expected")
        ticking.on = False
        await expect(banner).to_contain_text("No new data since", timeout=PATIENCE_MS)
        await has_drawn(page, 24)  # what was known stays on the screen
        ticking.on = True
        await expect(banner).to_be_empty(timeout=PATIENCE_MS)
        ticking.age_s = 200.0
        await expect(banner).to_contain_text("22 of 22 vehicles silent", timeout=PATIENCE_MS)


async def test_an_empty_fleet_says_what_was_looked_for(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    ticking.vehicles = []
    async with visit(browser, api, "/?lang=en") as page:
        await expect(page.get_by_role("status")).to_contain_text(
            "No vehicle heard in the last 30 minutes. Expected now by the timetable: 26",
            timeout=PATIENCE_MS,
        )


async def test_the_list_has_the_same_vehicles_and_keys_work_without_a_mouse(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    async with visit(browser, api, "/?lang=en&view=list") as page:
        rows = page.locator(".list tbody tr[aria-rowindex]")
        await expect(rows).to_have_count(24, timeout=PATIENCE_MS)
        await page.keyboard.press("KeyA")
        await expect(page.locator(".list footer")).not_to_have_text("24 vehicles")
        await page.keyboard.press("KeyA")
        await expect(rows).to_have_count(24)
        await rows.first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel h2")).to_have_text("200")
        await page.keyboard.press("KeyJ")
        await expect(page.locator(".panel h2")).not_to_have_text("200")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Slash")
        await page.keyboard.type("ұлттық банк 10")
        await expect(page.locator(".hit")).to_have_count(2)
        await page.keyboard.press("Escape")
        await page.keyboard.press("Shift+Slash")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_every_state_is_counted_and_can_be_shown_alone(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    held = Counter(bus["phase"] for bus in town.buses(town.TRANSIT_S))
    assert set(held) == set(PHASES)
    async with visit(browser, api, "/?lang=en") as page:
        await has_drawn(page, 24)
        lines = page.locator(".states li")
        await expect(lines).to_have_count(len(PHASES))
        counts = await lines.locator(".count").all_inner_texts()
        assert sorted(map(int, counts)) == sorted(held.values())
        detour = lines.filter(has_text="on detour")
        await detour.get_by_role("button").click()
        await has_drawn(page, 2)
        assert page.url.count("hide_state=") == len(PHASES) - 1
        await page.get_by_role("checkbox", name="Exceptions only").check()
        await has_drawn(page, 2)
        await page.get_by_role("checkbox", name="on detour").uncheck()
        await expect(page.get_by_role("status")).to_contain_text("No vehicle matches. Checked at")
        await page.get_by_role("checkbox", name="at depot").check()
        await page.get_by_role("checkbox", name="Exceptions only").uncheck()
        await has_drawn(page, 1)


async def test_a_calm_town_says_that_nothing_is_wrong_and_silence_is_only_listed(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    now_s = town.TRANSIT_S + 3600
    calm = [bus for bus in town.buses(now_s) if bus["phase"] == "in_progress"]
    ticking.vehicles = [{**bus, "time_s": now_s, "delay_s": 0} for bus in calm]
    async with visit(browser, api, "/?lang=en&exceptions") as page:
        notice = page.get_by_role("status")
        await expect(notice).to_contain_text("No exceptions. Checked at", timeout=PATIENCE_MS)
        silent = {**calm[0], "phase": "no_signal", "time_s": town.TRANSIT_S - 700}
        ticking.vehicles = [silent]
        await expect(notice).to_contain_text("1 vehicle matches, but it has been silent")
        await page.goto(f"{api.url}/?lang=en&bus={silent['id']}")
        panel = page.locator(".panel")
        await expect(panel).to_contain_text("no signal", timeout=PATIENCE_MS)
        await expect(panel).not_to_contain_text("km/h")


async def test_the_panel_tells_the_next_stop_with_its_time(
    api: Instance, ticking: Ticking, browser: Browser
) -> None:
    [bus] = [bus for bus in town.buses(town.TRANSIT_S) if bus["id"] == "200"]
    due_s = town.TRANSIT_S + 600  # 16:16:40 in the town
    ticking.vehicles = [{**bus, "next_stop_time_s": int(due_s)}]
    async with visit(browser, api, "/?lang=en&bus=200") as page:
        await expect(page.locator(".panel .due")).to_have_text("16:16", timeout=PATIENCE_MS)


@pytest.mark.parametrize(("language", "word"), [("kk", "Бағыттар"), ("ru", "Маршруты")])
async def test_other_languages_and_a_narrow_screen(
    api: Instance, ticking: Ticking, browser: Browser, language: str, word: str
) -> None:
    async with visit(browser, api, f"/?lang={language}&bus=204", width=320) as page:
        await expect(page.locator(".panel h2")).to_have_text("204", timeout=PATIENCE_MS)
        await page.locator(".menu-button").click()
        await expect(page.locator(".routes h2")).to_have_text(word)
        await expect(page.locator(".routes li")).to_have_count(5)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await page.evaluate("document.documentElement.lang") == language
