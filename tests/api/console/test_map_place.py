"""The map's place in a browser: the city once its lines are known, and where a person moved to."""

import asyncio
import math
import re

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.api import town
from tests.api.browsing import PATIENCE_MS, Ticking, has_drawn, visit
from tests.api.conftest import Instance
from tests.api.test_desk_rooms import mercator

BUSES, ROUTES = 24, 4
CITY_DEG = 0.05
"""All lines of the town lie so near to its middle."""

Place = tuple[float, float, float]
"""Latitude, longitude and zoom."""
Places = dict[str, tuple[float, float]]
"""Latitude and longitude by bus."""


@pytest.fixture
def standing(ticking: Ticking) -> Places:
    """The town's buses stand still: where each of them can be clicked."""
    found = town.buses(town.TRANSIT_S)
    ticking.vehicles = [{**bus, "time_s": town.TRANSIT_S + 3600} for bus in found]
    return {str(bus["id"]): (float(str(bus["lat"])), float(str(bus["lon"]))) for bus in found}


def place_in(url: str) -> Place | None:
    """The map's place that an address tells."""
    told = re.search(r"[?&]at=([-\d.]+)(?:,|%2C)([-\d.]+)(?:,|%2C)([\d.]+)", url)
    return (float(told[1]), float(told[2]), float(told[3])) if told else None


async def after(page: Page, button: str) -> Place:
    """Press a button of the map; give the place that it is at then, which the address tells."""
    before = place_in(page.url)
    await page.get_by_role("button", name=button, exact=True).click()
    await page.wait_for_url(
        lambda url: place_in(url) not in {None, before}, timeout=PATIENCE_MS, wait_until="commit"
    )
    place = place_in(page.url)
    assert place is not None
    return place


async def has_lines(page: Page) -> None:
    """Wait until the network is there: the legend names its routes, the map has drawn them."""
    await expect(page.locator(".routes li button")).to_have_count(ROUTES)


async def click_on_the_nearest(page: Page, place: Place, standing: Places) -> None:
    """Click where the bus nearest to the middle has to be; the panel tells of it."""
    middle_x, middle_y = mercator(*place)
    away = {
        bus: (x - middle_x, y - middle_y)
        for bus, where in standing.items()
        for x, y in [mercator(*where, place[2])]
    }
    bus = min(away, key=lambda one: math.hypot(*away[one]))
    box = await page.locator(".map canvas").bounding_box()
    assert box is not None
    x, y = box["width"] / 2 + away[bus][0], box["height"] / 2 + away[bus][1]
    assert 0 < x < box["width"], "no bus is in sight"
    assert 0 < y < box["height"], "no bus is in sight"
    await page.mouse.click(box["x"] + x, box["y"] + y)
    await expect(page.locator(".panel h2")).to_have_text(bus)


async def make_map_anew(page: Page) -> None:
    """Change the theme, and wait for the map that takes the old one's place."""
    canvas = await page.locator(".map canvas").element_handle()
    assert canvas is not None
    await page.locator(".map").evaluate("(one) => { delete one.dataset.drawn; }")
    await page.get_by_role("button", name="Dark or light").click()
    await page.wait_for_function("(old) => !old.isConnected", arg=canvas)
    await expect(page.locator(".map[data-drawn] canvas")).to_be_visible()


@pytest.mark.parametrize("anew", [False, True])
async def test_a_map_made_before_its_network_goes_to_the_city_when_it_comes(
    api: Instance,
    standing: Places,
    browser: Browser,
    anew: bool,
) -> None:
    held = asyncio.Event()

    async def wait(route: Route) -> None:
        await held.wait()
        await route.continue_()

    async with visit(browser, api, "/console/headways?lang=en") as page:
        await page.route("**/api/network.geojson", wait)
        await page.goto(f"{api.url}/console/map?lang=en")
        await has_drawn(page, BUSES)
        await expect(page.locator(".routes li button")).to_have_count(0)
        if anew:
            await make_map_anew(page)
        held.set()
        await has_lines(page)
        latitude, longitude, zoom = place = await after(page, "Zoom in")
        assert abs(latitude - town.LATITUDE) < CITY_DEG
        assert abs(longitude - town.LONGITUDE) < CITY_DEG
        assert zoom > 10
        await click_on_the_nearest(page, place, standing)


async def test_the_map_is_where_it_was_when_one_comes_back_from_another_room(
    api: Instance, standing: Places, browser: Browser
) -> None:
    async with visit(browser, api, "/console/map?lang=en") as page:
        await has_drawn(page, BUSES)
        await has_lines(page)
        city = await after(page, "Zoom in")
        await page.locator(".map canvas").press("ArrowRight")
        await page.wait_for_url(
            lambda url: place_in(url) not in {None, city}, timeout=PATIENCE_MS, wait_until="commit"
        )
        moved = place_in(page.url)
        assert moved is not None
        assert moved[1] > city[1]
        for way, button, by in (("link", "Zoom out", -1), ("back", "Zoom in", 1)):
            await page.locator(".rooms a", has_text="Headways").click()
            await expect(page.locator(".headways h2")).to_be_visible()
            assert place_in(page.url) is None  # it is the map's and no other room's
            if way == "back":
                await page.go_back()
            else:
                await page.locator(".rooms a", has_text="Map").click()
            await has_drawn(page, BUSES)
            await has_lines(page)
            assert place_in(page.url) == moved
            # not the address alone: a step from there is a step from that place
            stepped = await after(page, button)
            assert stepped == pytest.approx((moved[0], moved[1], moved[2] + by), abs=1e-4)
            moved = stepped
        await click_on_the_nearest(page, moved, standing)
