"""A real browser for tests of the pages: Debian's Chromium, and an engine that ticks beside it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.async_api import Browser, Page, expect

from sapar.access.model import Role
from sapar.core.mqtt import MqttClient
from tests.api import town
from tests.api.access_help import signed_in_context

if TYPE_CHECKING:
    from tests.api.conftest import Instance

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
PATIENCE_MS = 60_000  # two cores draw WebGL in software and run other things beside
expect.set_options(timeout=PATIENCE_MS)


class Ticking:
    """Publishes a tick a second while it is on."""

    def __init__(self, client: MqttClient, agency: str) -> None:
        self.on = True
        self.vehicles: list[dict[str, object]] | None = None
        self.console: dict[str, object] | None = None
        self.age_s = 3.0
        self._client, self._agency = client, agency
        self._start_s = time.time()
        self._number = 0

    @property
    def time_s(self) -> float:
        """The town's time now."""
        return town.TRANSIT_S + time.time() - self._start_s

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            if self.on:
                await self._tick()
            await asyncio.sleep(1.0)

    async def _tick(self) -> None:
        self._number += 1
        time_s = self.time_s
        listed = town.buses(time_s, age_s=self.age_s) if self.vehicles is None else self.vehicles
        console = None if self.console is None else {**self.console, "time_s": int(time_s)}
        tick = town.make_tick(
            self._agency,
            1,
            self._number,
            wall_s=time.time(),
            time_s=time_s,
            vehicles=listed,
            console=console,
        )
        await town.publish(self._client, tick)


@asynccontextmanager
async def visit(
    browser: Browser,
    api: "Instance",
    path: str,
    *,
    width: int = 1280,
    height: int = 800,
    roles: Iterable[Role] = ("viewer",),
    theme: Literal["dark", "light"] = "dark",
) -> AsyncIterator[Page]:
    """Open a page as somebody with roles; at the end it must have complained of nothing."""
    async with signed_in_context(
        browser,
        api,
        roles,
        viewport={"width": width, "height": height},
        locale="en-GB",
        color_scheme=theme,
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        complaints = complaints_of(page)
        await page.goto(api.url + path)
        yield page
    assert complaints == [], complaints


def complaints_of(page: Page) -> list[str]:
    """What a page complains of from now on: errors of its script and in its console."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    return complaints


async def has_drawn(page: Page, vehicles: int) -> None:
    """Wait until the map shows so many vehicles."""
    await expect(page.locator(f'.map[data-vehicles="{vehicles}"]')).to_be_visible(
        timeout=PATIENCE_MS
    )
