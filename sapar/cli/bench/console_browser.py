"""One console of the benchmark is a real browser: from the publish to the pixels of the map."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sapar.core.errors import Unavailable

_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
_PATIENCE_MS = 120_000
# The map names the state whose vehicles it has drawn; a frame later they are on the screen.
_WATCH = """() => {
    const map = document.querySelector(".map");
    window.sapar_drawn = [];
    new MutationObserver(() => {
        const time_s = Number(map.dataset.drawn);
        requestAnimationFrame(() => window.sapar_drawn.push([time_s, Date.now()]));
    }).observe(map, { attributes: true, attributeFilter: ["data-drawn"] });
}"""


class Screen:
    """The open page."""

    def __init__(self, page: Any) -> None:
        self._page = page

    async def drawn(self) -> dict[int, float]:
        """Give for each state drawn since it was opened the wall time in seconds, by its time."""
        rows: list[tuple[int, float]] = await self._page.evaluate("window.sapar_drawn")
        return {int(time_s): wall_ms / 1000 for time_s, wall_ms in reversed(rows)}


@asynccontextmanager
async def open_screen(
    url: str, cookie: tuple[str, str], place: tuple[float, float]
) -> AsyncIterator[Screen]:
    """Open the map around a place and wait until it has drawn vehicles.

    Raises:
        Unavailable: there is no browser, or nothing to drive it with.
    """
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise Unavailable(
            "playwright is needed to drive a browser.", hint="make setup-test installs it."
        ) from None
    _find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        context = await browser.new_context(viewport={"width": 1280, "height": 720})
        await context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": url}])
        page = await context.new_page()
        latitude, longitude = place
        await page.goto(f"{url}/console/map?at={latitude:.4f},{longitude:.4f},11")
        await page.wait_for_selector(".map[data-drawn]", timeout=_PATIENCE_MS)
        await page.evaluate(_WATCH)
        try:
            yield Screen(page)
        finally:
            await browser.close()


def _find_chromium() -> None:
    if not _CHROMIUM.exists():
        raise Unavailable("There is no chromium.", hint="make setup-test installs it.")
