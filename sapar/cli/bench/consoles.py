"""How long a tick takes from the broker to the screens of a whole control room."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np

from sapar.access.sessions import open_session
from sapar.api.access.guard import COOKIE
from sapar.cli.bench.console_browser import open_screen
from sapar.cli.bench.console_readers import run_consoles
from sapar.cli.bench.engine import AT, DAY, EngineOptions, Street, make_city
from sapar.cli.bench.ingest import cpu_s
from sapar.cli.bench.tiling import tiled
from sapar.cli.stack import LocalStack, environment
from sapar.cli.supervisor import Part, Supervisor
from sapar.contract.topics import tick_topic
from sapar.core.clock import SystemClock
from sapar.core.db import connect_async
from sapar.core.errors import Fault, Unavailable
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.deploy.native import hold_directory, state_directory
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.tick import FLEET, Tick, encode_tick
from sapar.simulators.city import CitySize
from sapar.simulators.plan import fleet_plan

_AGENCY = "bench"
_TICK_S = 2.0
_PROCESSES = 2
_PATIENCE_S = 60.0
_WARM_STEP_S = 10
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What is measured.

    Attributes:
        vehicles: buses that drive; `interval_s`: seconds between fixes of one.
        consoles: open streams.
        seconds: wall seconds measured, a tick every two.
        packed: consoles take gzip, as browsers do.
        warm_s: simulated seconds before; city: whose size the city has.
        browser: one more console is a browser, watched until its map has drawn.
    """

    vehicles: int = 3000
    consoles: int = 50
    seconds: float = 40.0
    interval_s: int = 1
    packed: bool = True
    warm_s: float = 120.0
    city: CitySize = CitySize.ALMATY
    browser: bool = False


def bench_consoles(options: ConsoleOptions, say: Say) -> dict[str, Any]:
    """Measure: ticks of a real engine on simulated buses, a real broker, API process and readers.

    The ticks are made beforehand and published at the pace of a live engine, so that broker, API
    and consoles have the machine to themselves. The clock runs from the publish to the moment at
    which a console has parsed the event.

    Raises:
        Unavailable: a part does not start.
    """
    count = int(options.seconds / _TICK_S) + 1
    ticks = list(make_ticks(options, count, say))
    directory = state_directory(Path.cwd()) / "bench-consoles"
    with (
        hold_directory(directory),
        LocalStack(directory, {"agency": _AGENCY}) as stack,
        _api(stack.settings) as pid,
    ):
        return asyncio.run(_measure(stack.settings, pid, ticks, options, say))


def make_ticks(options: ConsoleOptions, count: int, say: Say) -> Iterator[Tick]:
    """Let an engine make so many ticks, two seconds apart, of buses of a synthetic city."""
    city = make_city(options.city, say)
    engine_options = EngineOptions(options.vehicles, interval_s=options.interval_s)
    start_s = datetime.combine(DAY, AT, city.timezone).timestamp()
    capacity = len(fleet_plan(city, start_s, 1_000_000, engine_options.seed).vehicles)
    timetable = tiled(city, -(-options.vehicles // capacity))
    street, engine = Street(timetable, start_s, engine_options), Engine(timetable)
    say(f"letting {options.vehicles:,} buses drive and the engine make {count} ticks")
    for second in range(int(options.warm_s)):
        engine.ingest(street.step(), street.time_s)
        if second % _WARM_STEP_S == 0:
            engine.look(street.time_s)
    for number in range(1, count + 1):
        for _ in range(int(_TICK_S)):
            engine.ingest(street.step(), street.time_s)
        tick = engine.tick(street.time_s, 0.0, 1, number)
        engine.drain_visits()
        yield msgspec.structs.replace(tick, agency_id=_AGENCY)


@contextmanager
def _api(settings: Settings) -> Iterator[int]:
    supervisor = Supervisor(environment(settings), settings.data_dir / "logs")
    supervisor.start(Part("api", ["api"]))
    process = supervisor.parts[0].process
    assert process is not None
    try:
        yield process.pid
    finally:
        supervisor.stop()


async def _measure(
    settings: Settings, pid: int, ticks: list[Tick], options: ConsoleOptions, say: Say
) -> dict[str, Any]:
    url = f"http://{settings.http_host}:{settings.http_port}"
    cookie = (COOKIE, await _sign_in(settings))
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id="bench-engine",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    async with client:
        await _publish(client, ticks[0])
        await _until_served(url)
        async with AsyncExitStack() as stack:
            screen = None
            if options.browser:
                say("opening a browser")
                place = _middle(ticks[0])
                screen = await stack.enter_async_context(open_screen(url, cookie, place))
            pipes = stack.enter_context(_readers(url, cookie, options))
            await asyncio.sleep(3.0)
            say(f"{options.consoles} consoles read {len(ticks) - 1} ticks")
            cpu_before, clock = cpu_s(pid), SystemClock()
            began = clock.monotonic()
            published: dict[str, float] = {}
            shown: dict[int, float] = {}
            for number, tick in enumerate(ticks[1:]):
                await asyncio.sleep(began + number * _TICK_S - clock.monotonic())
                shown[int(tick.time_s)] = clock.wall()
                published[f"{tick.term}-{tick.tick}"] = await _publish(client, tick)
            await asyncio.sleep(_TICK_S)
            took_s, spent_s = clock.monotonic() - began, cpu_s(pid) - cpu_before
            readings, known = await asyncio.to_thread(_collect, pipes)
            pixels = {} if screen is None else _pixels(await screen.drawn(), shown)
    report = _figures(readings, published, took_s)
    fleet = msgspec.json.decode(ticks[-1].bodies[FLEET].plain())
    return {
        "vehicles": options.vehicles,
        "consoles": options.consoles,
        "gzip": options.packed,
        **report,
        **pixels,
        "server_cpu_percent": round(100 * spent_s / took_s, 1),
        "fleet_bytes": ticks[-1].bodies[FLEET].size,
        "last_tick_known": all(_by_id(one["fleet"]) == _by_id(fleet) for one in known),
    }


def _middle(tick: Tick) -> tuple[float, float]:
    rows = msgspec.json.decode(tick.bodies[FLEET].plain())["vehicles"]
    latitude, longitude = ([row[name] for row in rows] for name in ("lat", "lon"))
    return float(np.median(latitude)), float(np.median(longitude))


def _pixels(drawn: dict[int, float], shown: dict[int, float]) -> dict[str, Any]:
    waits_ms = [
        1000 * (drawn[time_s] - wall_s) for time_s, wall_s in shown.items() if time_s in drawn
    ]
    if not waits_ms:
        return {"publish_to_pixels_ms_p50": None}
    return {
        "publish_to_pixels_ms_p50": round(float(np.percentile(waits_ms, 50)), 1),
        "publish_to_pixels_ms_p95": round(float(np.percentile(waits_ms, 95)), 1),
        "ticks_not_drawn": len(shown) - len(waits_ms),
    }


def _by_id(fleet: dict[str, Any]) -> dict[str, Any]:
    return fleet | {"vehicles": {row["id"]: row for row in fleet["vehicles"]}}


async def _publish(client: MqttClient, tick: Tick) -> float:
    clock = SystemClock()
    payload = encode_tick(msgspec.structs.replace(tick, wall_s=clock.wall()))
    began = clock.monotonic()
    await client.publish(tick_topic(_AGENCY), payload, qos=1, retain=True)
    return began


async def _sign_in(settings: Settings) -> str:
    """Make the agency, and a viewer with a session; give the session's token."""
    at = datetime.fromtimestamp(SystemClock().wall(), UTC)
    async with await connect_async(settings.database_url.get_secret_value()) as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, 'Bench', 'Asia/Almaty')",
            (_AGENCY,),
        )
        cursor = await connection.execute(
            "INSERT INTO person (name, full_name, created_at) VALUES ('bench', 'Bench', %s)"
            " RETURNING user_id",
            (at,),
        )
        row = await cursor.fetchone()
        assert row is not None
        await connection.execute(
            "INSERT INTO person_role (user_id, role) VALUES (%s, 'viewer')", (row[0],)
        )
        return await open_session(
            connection,
            row[0],
            at=at,
            lasts=timedelta(hours=2),
            idle=None,
            address="127.0.0.1",
            agent="bench",
        )


async def _until_served(url: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient() as http:
            while True:
                try:
                    if (await http.get(f"{url}/{_AGENCY}/gtfs-rt/alerts.pb")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise Unavailable(f"the API serves nothing within {_PATIENCE_S:.0f} s") from None


@contextmanager
def _readers(
    url: str, cookie: tuple[str, str], options: ConsoleOptions
) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for number in range(_PROCESSES):
        ours, theirs = context.Pipe()
        share = (options.consoles + number) // _PROCESSES
        process = context.Process(
            target=run_consoles, args=(url, cookie, share, options.packed, theirs), daemon=True
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    try:
        yield pipes
    finally:
        for process in processes:
            process.join(5)
            process.kill()


Result = tuple[dict[str, float], int, int]


def _collect(pipes: list[Connection]) -> tuple[list[Result], list[dict[str, Any]]]:
    readings, known = [], []
    for pipe in pipes:
        pipe.send("stop")
    for pipe in pipes:
        readings += pipe.recv()
        known.append(pipe.recv())
    return readings, known


def _figures(readings: list[Result], published: dict[str, float], took_s: float) -> dict[str, Any]:
    waits_ms = np.array(
        [
            1000 * (seen[event_id] - began)
            for seen, _, _ in readings
            for event_id, began in published.items()
            if event_id in seen
        ]
    )
    if not len(waits_ms):
        raise Fault("no console was told of any tick")
    told = len(readings) * len(published)
    return {
        "publish_to_screen_ms_p50": round(float(np.percentile(waits_ms, 50)), 1),
        "publish_to_screen_ms_p99": round(float(np.percentile(waits_ms, 99)), 1),
        "publish_to_screen_ms_max": round(float(waits_ms.max()), 1),
        "ticks_missed": told - len(waits_ms),
        "snapshots_a_console": round(sum(reading[2] for reading in readings) / len(readings), 2),
        "bytes_a_console_per_s": round(sum(r[1] for r in readings) / len(readings) / took_s),
    }
