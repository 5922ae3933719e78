"""What the map costs the browser's main thread: `python -m tests.bench.pages --json`.

A page server with no engine behind it streams a fleet to the built front end; a browser pans the
map while the fleet moves; Chromium traces itself. Counted is script on the renderer's main thread
between one animation frame and the next: callbacks, timers, events, microtasks and collections of
garbage. CPU time is what a machine that does nothing else takes; wall time has in it whatever else
this machine does, the software that draws WebGL included.
"""

import argparse
import asyncio
import json
import math
import random
import statistics
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sapar.api.document import DocumentResponse
from sapar.api.pages import FrontEnd
from tests.api.browsing import CHROMIUM, FLAGS
from tests.services import listener

Json = dict[str, Any]

LATITUDE, LONGITUDE = 43.25, 76.92
ROUTES, POINTS = 120, 60
START_S = 1_795_000_000
_CATEGORIES = ["devtools.timeline", "toplevel", "blink.user_timing", "v8"]
_SCRIPT = frozenset({
    "FunctionCall", "FireAnimationFrame", "TimerFire", "EventDispatch", "RunMicrotasks",
    "EvaluateScript", "v8.run", "V8.GCScavenger", "MinorGC", "MajorGC", "V8.GCIncrementalMarking",
    "V8.GCFinalizeMC", "HandlePostMessage", "ParseJSON",
})  # fmt: skip


class Fleet:
    """Buses that drive up and down the streets of a city; a share of them reports every second."""

    def __init__(self, count: int, share: float) -> None:
        self._random = random.Random(1)
        self._share = share
        self.number = 0
        self._parts = [self._random.random() for _ in range(count)]
        self.vehicles = [self._vehicle(index) for index in range(count)]

    def step(self) -> list[Json]:
        """Drive for a second; give the members of those that report."""
        self.number += 1
        told = []
        for index in self._random.sample(range(len(self.vehicles)), self._told()):
            self._parts[index] = (self._parts[index] + 0.002) % 1
            fresh = self._vehicle(index)
            names = ("id", "lat", "lon", "bearing", "time_s", "delay_s")
            told.append({name: fresh[name] for name in names})
            self.vehicles[index] = fresh
        return told

    def _told(self) -> int:
        return round(self._share * len(self.vehicles))

    def _vehicle(self, index: int) -> Json:
        route, part = index % ROUTES, self._parts[index]
        latitude, longitude, bearing = place(route, part)
        return {
            "id": f"{1000 + index}", "label": f"{1000 + index}", "lat": latitude,
            "lon": longitude, "bearing": bearing, "speed_mps": 7.5,
            "time_s": START_S + self.number - 1, "phase": "in_progress", "route_id": f"R{route}",
            "trip_id": f"T{index}", "headsign": "Center",
            "delay_s": round(400 * math.sin(index + self.number / 40)), "confidence": 0.97,
            "stale": False, "next_stop_id": f"S{route}-3", "next_stop_time_s": START_S + 60,
            "reason": "", "reason_code": "not_placed", "reason_values": {},
            "load_percent": index % 100, "driver_id": f"D{index}",
        }  # fmt: skip

    def console(self) -> Json:
        """The console's body: every run on its line."""
        buses = [
            {
                "id": one["id"], "route_id": one["route_id"], "direction": 0,
                "trip_id": one["trip_id"], "block_id": None, "start_s": START_S - 900,
                "prev_stop_id": None, "next_stop_id": one["next_stop_id"], "share": 0.5,
                "plan_share": 0.2, "ahead_id": None, "headway_s": 300 + index % 700,
                "plan_headway_s": 480, "hold_s": None,
            }
            for index, one in enumerate(self.vehicles)
        ]  # fmt: skip
        return {
            "time_s": START_S + self.number,
            "buses": buses, "ghosts": [], "alarms": [], "routes": [],
        }  # fmt: skip


def place(route: int, part: float) -> tuple[float, float, float]:
    """Where a bus is: streets of 12 km through the city, every second one across."""
    offset = (route // 2 - ROUTES / 4) * 0.0025
    along = (part - 0.5) * 0.11
    if route % 2:
        return LATITUDE + along, LONGITUDE + offset * 1.4, 0.0
    return LATITUDE + offset, LONGITUDE + along * 1.4, 90.0


def network() -> bytes:
    """The lines and stops, as GeoJSON like the API's."""
    features: list[Json] = []
    for route in range(ROUTES):
        line = [_point(route, index / (POINTS - 1)) for index in range(POINTS)]
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "kind": "route",
                    "id": f"R{route}",
                    "name": str(route + 1),
                    "long_name": "",
                    "color": f"{(route + 1) * 137_000 % 0xFFFFFF:06X}",
                    "text_color": "FFFFFF",
                },
                "geometry": {"type": "MultiLineString", "coordinates": [line]},
            }
        )
        features += [
            {
                "type": "Feature",
                "properties": {
                    "kind": "stop",
                    "id": f"S{route}-{index}",
                    "name": f"Stop {route}-{index}",
                    "routes": [f"R{route}"],
                },
                "geometry": {"type": "Point", "coordinates": line[index]},
            }
            for index in range(0, POINTS, 3)
        ]
    box = [LONGITUDE - 0.08, LATITUDE - 0.06, LONGITUDE + 0.08, LATITUDE + 0.06]
    return json.dumps({"type": "FeatureCollection", "bbox": box, "features": features}).encode()


def _point(route: int, part: float) -> list[float]:
    latitude, longitude, _ = place(route, part)
    return [round(longitude, 5), round(latitude, 5)]


def make_app(fleet: Fleet, front_end: FrontEnd) -> Starlette:
    """The server: the built pages, and the few answers that the map asks for."""
    lines = network()
    agency = {"agency_id": "a", "name": "Bench", "timezone": "Asia/Almaty", "has_timetable": True}
    person = {"user_id": 1, "name": "bench", "full_name": "", "roles": ["viewer"]}
    answers: Json = {
        "/api/agencies.json": {
            "default": "a", "map_style_url": "", "rate": 1, "agencies": [agency],
        },
        "/a/api/me": {"person": person, "csrf": "x", "sign_in": {}},
        "/a/api/dispatch/alarms": {"time_s": START_S, "alarms": [], "rate_10min": 0},
    }  # fmt: skip

    async def answer(request: Request) -> Response:
        if request.url.path.startswith("/assets/"):
            return DocumentResponse(front_end.asset(request.url.path[len("/assets/") :]))
        body = answers.get(request.url.path)
        return JSONResponse(body if body is not None else {}, 200 if body is not None else 404)

    async def page(_request: Request) -> Response:
        return DocumentResponse(front_end.index())

    async def map_lines(_request: Request) -> Response:
        return Response(lines, media_type="application/geo+json", headers={"etag": '"1"'})

    async def stream(_request: Request) -> Response:
        return StreamingResponse(_events(fleet), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", page),
            Route("/a/api/network.geojson", map_lines),
            Route("/a/api/dispatch/stream", stream),
            Route("/{path:path}", answer),
        ]
    )


async def _events(fleet: Fleet) -> AsyncIterator[str]:
    def event(name: str, data: Json) -> str:
        return f"id: 1-{fleet.number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"

    count = len(fleet.vehicles)
    head = {"time_s": START_S, "heard": count, "expected": count}
    snapshot = {**head, "vehicles": fleet.vehicles}
    yield event("snapshot", {"fleet": snapshot, "console": fleet.console()})
    while True:
        await asyncio.sleep(1.0)
        told = fleet.step()
        head["time_s"] = START_S + fleet.number
        rows = fleet.console()["buses"][: len(told)]
        desk = {
            "time_s": head["time_s"], "buses": {"set": rows, "gone": []},
            **{name: {"set": [], "gone": []} for name in ("ghosts", "alarms", "routes")},
        }  # fmt: skip
        yield event("delta", {**head, "set": told, "gone": [], "console": desk})
        yield 'event: age\ndata: {"age_s": 0.05}\n\n'


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch of script on the main thread, in milliseconds; CPU is NaN where it is not told."""

    start_ms: float
    wall_ms: float
    cpu_ms: float


def script_slices(events: Iterable[Json]) -> tuple[list[Slice], list[float]]:
    """Give the outermost stretches of script of the page's main thread, and the frames' starts."""
    events = list(events)
    thread = _main_thread(events)
    mine = sorted(
        (
            event
            for event in events
            if (event["pid"], event["tid"]) == thread
            and event["ph"] == "X"
            and event["name"] in _SCRIPT
        ),
        key=lambda event: (event["ts"], -event.get("dur", 0)),
    )
    frames = [event["ts"] / 1000 for event in mine if event["name"] == "FireAnimationFrame"]
    slices: list[Slice] = []
    end = -math.inf
    for event in mine:
        if event["ts"] + event.get("dur", 0) <= end:
            continue  # inside another one
        end = event["ts"] + event.get("dur", 0)
        cpu = event.get("tdur", math.nan)
        slices.append(Slice(event["ts"] / 1000, event.get("dur", 0) / 1000, cpu / 1000))
    return slices, frames


def _main_thread(events: list[Json]) -> tuple[int, int]:
    """The renderer's main thread that fired most animation frames."""
    fired: dict[tuple[int, int], int] = {}
    for event in events:
        if event["name"] == "FireAnimationFrame":
            key = (event["pid"], event["tid"])
            fired[key] = fired.get(key, 0) + 1
    return max(fired, key=lambda key: fired[key])


def per_frame(slices: list[Slice], frames: list[float]) -> tuple[list[float], list[float]]:
    """Sum the script between each frame's start and the next one's: (wall, CPU) milliseconds."""
    wall, cpu = [0.0] * (len(frames) - 1), [0.0] * (len(frames) - 1)
    at = 0
    for one in slices:
        while at < len(wall) and frames[at + 1] <= one.start_ms:
            at += 1
        if at < len(wall) and one.start_ms >= frames[0]:
            wall[at] += one.wall_ms
            cpu[at] += 0.0 if math.isnan(one.cpu_ms) else one.cpu_ms
    return wall, cpu


def quantile(values: list[float], share: float) -> float:
    """A quantile of values, 0 without any."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(events: Iterable[Json], seconds: float) -> Json:
    """What a trace says, in milliseconds."""
    slices, frames = script_slices(events)
    wall, cpu = per_frame(slices, frames)
    found: Json = {"frames": len(wall), "frames_per_s": round(len(wall) / seconds, 1)}
    for name, values in (("cpu", cpu), ("wall", wall)):
        for share in (0.5, 0.95, 0.99):
            found[f"script_{name}_ms_p{share * 100:.0f}"] = round(quantile(values, share), 2)
    tasks = [one.cpu_ms for one in slices if not math.isnan(one.cpu_ms)]
    found["task_cpu_ms_max"] = round(max(tasks, default=0.0), 1)
    found["frames_over_8_ms"] = round(sum(value > 8 for value in cpu) / max(1, len(cpu)), 4)
    found["script_cpu_share"] = round(sum(cpu) / (seconds * 1000), 3)
    found["frame_gap_ms_p50"] = round(statistics.median(b - a for a, b in pairwise(frames)), 1)
    return found


async def _pan(page: Page, seconds: float) -> None:
    """Drag the map round in circles by the mouse, as a hand does."""
    box = await page.locator(".map canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    await page.mouse.move(x, y)
    await page.mouse.down()
    loop = asyncio.get_running_loop()
    start = loop.time()
    while (passed := loop.time() - start) < seconds:
        angle = passed * 1.2
        await page.mouse.move(x + 160 * math.sin(angle), y + 90 * (1 - math.cos(angle)))
        await asyncio.sleep(0.012)
    await page.mouse.up()


@asynccontextmanager
async def serving(fleet: Fleet) -> AsyncIterator[str]:
    """Serve a fleet until the end of the `async with`; gives the address."""
    listening_on = listener()
    config = uvicorn.Config(make_app(fleet, FrontEnd()), log_level="error", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening_on]))
    try:
        yield f"http://127.0.0.1:{listening_on.getsockname()[1]}"
    finally:
        server.force_exit = server.should_exit = True
        await task


async def measure(vehicles: int, share: float, seconds: float, trace: Path | None) -> Json:
    """Open the map, pan it while the fleet moves, and read the trace."""
    fleet = Fleet(vehicles, share)
    async with serving(fleet) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 720})
        await page.goto(f"{url}/?lang=en")
        await page.locator(f'.map[data-vehicles="{vehicles}"]').wait_for(timeout=120_000)
        await page.wait_for_timeout(4000)
        await browser.start_tracing(page=page, categories=_CATEGORIES)
        await _pan(page, seconds)
        content = await browser.stop_tracing()
        renderer = await page.evaluate(
            """() => {
                const gl = document.createElement("canvas").getContext("webgl2");
                const info = gl.getExtension("WEBGL_debug_renderer_info");
                return gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
            }"""
        )
        await browser.close()
    if trace is not None:
        trace.write_bytes(content)
    found = report(json.loads(content)["traceEvents"], seconds)
    return {"vehicles": vehicles, "share_moving": share, "renderer": renderer, **found}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=3500)
    parser.add_argument("--share", type=float, default=0.5, help="of them that report each second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--trace", type=Path, help="keep the trace there (chrome://tracing)")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    asked = parser.parse_args()
    found = asyncio.run(measure(asked.vehicles, asked.share, asked.seconds, asked.trace))
    if asked.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
