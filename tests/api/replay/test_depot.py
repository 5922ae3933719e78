"""A chosen depot in a replay: a moment of the past tells of none, and all of its buses are there."""

import pytest
from playwright.async_api import Browser, expect

from sapar.core.db import connect
from sapar.fleet.depots import read_depots, replace_depots
from tests.api.conftest import Instance
from tests.api.replay.line import Line
from tests.api.replay.test_rooms import line, site, visit

__all__ = ["line", "site"]  # fixtures
DEPOTS = "depot,name,latitude,longitude,vehicles\nnorth,North,50.3,57.2,\nsouth,South,50.2,57.2,"


@pytest.fixture
def depots(site: Instance, agency: str) -> None:
    with connect(site.conninfo) as connection:
        replace_depots(connection, agency, read_depots(DEPOTS))


async def test_a_depot_does_not_empty_a_replayed_moment(
    site: Instance, line: Line, depots: None, browser: Browser
) -> None:
    at_s = int(line.now_s) - 5400
    address = f"map?lang=en&view=list&replay={at_s}&depot=north"
    async with visit(browser, site, address) as page:
        choice = page.get_by_label("Depot", exact=True)
        rows = page.locator(".list tbody tr[aria-rowindex]")
        await expect(choice).to_have_value("north")
        await expect(rows.first).to_be_visible()
        on_road = [
            line.vehicle(way, number)
            for _, way, number in line.driven()
            if line.position(way, number, at_s) is not None
        ]
        for bus in on_road:
            await expect(rows.locator("th", has_text=bus)).to_have_count(1)
        await expect(page.locator(".notice")).to_have_count(0)
        # the choice holds: of the present, whose buses it is told of, it leaves none of another
        await page.keyboard.press("KeyL")
        await expect(page.locator(".replay-bar")).to_have_count(0)
        await expect(page.locator(".notice")).to_contain_text("No vehicle matches.")
        await expect(rows).to_have_count(0)
        assert "depot=north" in page.url
