"""What the rider's page costs a cheap telephone on a poor network: python -m tests.bench.rider URL ...

Each address of a running Sapar (`sapar demo`) is opened so often with an empty cache, on a processor
that is slowed down and a network of 1.6 Mbit/s with 150 ms of latency, the "slow 4G" of Chromium's
own tools. Told are the middle values: bytes on the wire, the first and the largest paint, how far the
page moved under the finger, and tasks of the main thread over 50 ms (web.dev, "Web Vitals").
"""

import argparse
import asyncio
import json
import statistics
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.api.browsing import CHROMIUM, FLAGS

Json = dict[str, Any]

LATENCY_MS = 150
DOWN_BYTES_PER_S = 1_600_000 / 8
SLOWED = 4
LONG_TASK_MS = 50

# Told by the browser from the first byte on: nothing is missed for having been asked late.
WATCH = """() => {
    const seen = { tasks: [], paint_ms: 0, shift: 0 };
    window.sapar_seen = seen;
    const watch = (type, take) => new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) take(entry);
    }).observe({ type, buffered: true });
    watch("longtask", (one) => seen.tasks.push([one.startTime, one.duration]));
    watch("largest-contentful-paint", (one) => { seen.paint_ms = one.startTime; });
    watch("layout-shift", (one) => { if (!one.hadRecentInput) seen.shift += one.value; });
}"""
READ = """() => ({
    ...window.sapar_seen,
    first_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
})"""


def summed(seen: Json, wire_bytes: int) -> Json:
    """Give the figures of one visit."""
    tasks: list[list[float]] = seen["tasks"]
    return {
        "wire_kb": round(wire_bytes / 1000, 1),
        "first_paint_ms": round(seen["first_ms"]),
        "largest_paint_ms": round(seen["paint_ms"]),
        "ready_ms": round(max((start + took for start, took in tasks), default=0)),
        "blocked_ms": round(sum(took - LONG_TASK_MS for _, took in tasks)),
        "shift": round(seen["shift"], 4),
    }


def middle(visits: list[Json]) -> Json:
    """Give the median of each figure."""
    return {name: statistics.median(one[name] for one in visits) for name in visits[0]}


async def visit(browser: Browser, url: str) -> Json:
    """Open an address once, and stay for six seconds."""
    context = await browser.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True
    )
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    received: list[int] = []
    session.on(
        "Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"]))
    )
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": DOWN_BYTES_PER_S,
            "uploadThroughput": DOWN_BYTES_PER_S / 2,
        },
    )
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    await page.add_init_script(f"({WATCH})()")
    await page.goto(url)
    await page.wait_for_timeout(6000)
    seen: Json = await page.evaluate(READ)
    await context.close()
    return summed(seen, sum(received))


async def measure(urls: list[str], times: int) -> dict[str, Json]:
    """Visit each address so often, in turns."""
    visits: dict[str, list[Json]] = {url: [] for url in urls}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for _ in range(times):
            for url, found in visits.items():
                found.append(await visit(browser, url))
        await browser.close()
    return {url: middle(found) for url, found in visits.items()}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="+", help="addresses, e.g. http://127.0.0.1:8080/rider")
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    print(json.dumps(asyncio.run(measure(asked.url, asked.times)), indent=1))


if __name__ == "__main__":
    main()
