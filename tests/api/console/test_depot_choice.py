"""A chosen depot in a browser: it hides no other city's buses and claims calm for nobody else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from sapar.core.db import connect
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.fleet.depots import read_depots, replace_depots
from tests.api import desk_town, town
from tests.api.browsing import Ticking, has_drawn, visit
from tests.api.conftest import Start

DEPOTS = "depot,name,latitude,longitude,vehicles\nnorth,North,50.3,57.2,\nsouth,South,50.2,57.2,"
LATE = 2
"""So many buses are late, all of the south."""


def fleet(late: int) -> list[desk_town.Json]:
    """The desk town's buses on time, half of them of each depot, but for the first of the south."""
    calm = {"phase": "in_progress", "stale": False, "delay_s": 0, "time_s": town.TRANSIT_S + 3600}
    found = [{**bus, **calm} for bus in desk_town.vehicles(town.TRANSIT_S)]
    southern = [bus for bus in found if bus["depot"] == "south"]
    for bus in southern[:late]:
        bus["delay_s"] = 900
    return found


@pytest.fixture
def city(town_settings: Settings, agency: str, ticking: Ticking) -> Ticking:
    """A city with two depots, the default one."""
    conninfo = town_settings.database_url.get_secret_value()
    desk_town.import_desk_town(conninfo, agency)
    with connect(conninfo) as connection:
        replace_depots(connection, agency, read_depots(DEPOTS))
    ticking.vehicles = fleet(LATE)
    return ticking


@pytest.fixture
async def other(
    town_settings: Settings, agency: str, engine: MqttClient
) -> AsyncIterator[tuple[str, int]]:
    """Another city, which has told of no depot: its name and how many buses it has."""
    name = f"{agency}-other"
    town.import_town(town_settings.database_url.get_secret_value(), name)
    ticking = Ticking(engine, name)
    task = asyncio.create_task(ticking.run())
    yield name, len(town.buses(town.TRANSIT_S))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await town.forget(engine, name)


async def test_a_depot_hides_no_other_citys_buses(
    city: Ticking, other: tuple[str, int], start: Start, browser: Browser
) -> None:
    name, buses = other
    async with start() as api, visit(browser, api, "/console/map?lang=en") as page:
        await has_drawn(page, len(fleet(LATE)))
        choice = page.get_by_label("Depot", exact=True)
        await choice.select_option("South")
        await has_drawn(page, len(fleet(LATE)) // 2)
        await page.get_by_label("City", exact=True).select_option(name)
        await has_drawn(page, buses)
        await expect(choice).to_have_count(0)
        assert "depot=" not in page.url
        # nor does one that a kept address names
        await page.goto(f"{api.url}/{name}/console/map?lang=en&depot=south")
        await has_drawn(page, buses)


async def test_a_calm_depot_is_no_calm_fleet(city: Ticking, start: Start, browser: Browser) -> None:
    address = "/console/map?lang=en&exceptions=&depot=north"
    async with start() as api, visit(browser, api, address) as page:
        notice = page.locator(".notice")
        await expect(notice).to_contain_text("No vehicle matches.")
        await expect(notice).not_to_contain_text("No exceptions")
        choice = page.get_by_label("Depot", exact=True)
        await choice.select_option("All depots")
        await has_drawn(page, LATE)
        await expect(notice).to_have_count(0)
        city.vehicles = fleet(0)
        await expect(notice).to_contain_text("No exceptions. Checked at")
        await expect(notice).to_contain_text(f"{len(fleet(0))} vehicles")
        await choice.select_option("North")
        await expect(notice).to_contain_text("No vehicle matches.")
