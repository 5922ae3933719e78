"""`sapar bench api`: feeds beside nginx, arrivals of a whole city, consoles; one worker each."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import httpx
import msgspec
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.cli.bench.consoles import ConsoleOptions, bench_consoles, make_ticks
from sapar.cli.bench.engine import DAY
from sapar.cli.bench.http_load import Load, Measured, run_load
from sapar.cli.bench.ingest import cpu_s
from sapar.cli.stack import LocalStack, environment
from sapar.cli.supervisor import Part, Supervisor
from sapar.contract.topics import tick_topic
from sapar.core.clock import SystemClock
from sapar.core.db import connect
from sapar.core.errors import Unavailable
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.deploy.native import free_port, hold_directory, state_directory
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.tick import VEHICLE_POSITIONS, Tick, encode_tick, make_body
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city

_AGENCY = "bench"
_FEED_BYTES = 60_000
_FEED = f"/gtfs-rt/{VEHICLE_POSITIONS}.pb"
_TICK_S = 2.0
_PATIENCE_S = 300.0
_PATHS_MAX = 20_000
_HALF = 0.5
_ARRIVALS_WANTED_PER_S = 1500.0  # of one worker: half of it is a load that does not move with ours
_WRK_SAYS = re.compile(r"^\s*(Requests/sec|50%|99%):?\s+([\d.]+(?:us|ms|s)?)", re.MULTILINE)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What is measured.

    Attributes:
        vehicles: buses under way; city: whose timetable it is.
        seconds: for each figure; rounds: the median of so many is given.
        consoles: open streams of the last part, 0 leaves it out.
        packed: ask for arrivals with gzip, as apps do.
    """

    vehicles: int = 3000
    city: CitySize = CitySize.ALMATY
    seconds: float = 6.0
    rounds: int = 3
    consoles: int = 50
    packed: bool = False
    warm_s: float = 120.0


@dataclass
class _Figures:
    """What the API did, round by round."""

    feed: list[Measured] = field(default_factory=list)
    half: list[Measured] = field(default_factory=list)
    arrivals: list[Measured] = field(default_factory=list)
    arrivals_half: list[Measured] = field(default_factory=list)
    arrivals_wanted_half: list[Measured] = field(default_factory=list)
    feed_per_cpu_s: list[float] = field(default_factory=list)
    arrivals_per_cpu_s: list[float] = field(default_factory=list)


def bench_api(options: ApiOptions, say: Say) -> dict[str, Any]:
    """Measure.

    The generator's own limit is at least what nginx answers it; a figure of ours near that says
    little. wrk, where it is installed, asks for feeds three times as cheaply as our own.

    Raises:
        Unavailable: a part does not start, or nginx is not installed.
    """
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(nginx).exists():
        raise Unavailable(
            "nginx is needed to compare with.",
            code="no_nginx",
            hint="apt-get install --no-install-recommends nginx-light",
        )
    say(f"making the timetable and the buses of {options.city.value}")
    zip_bytes = _city_zip(options.city)
    console_options = ConsoleOptions(options.vehicles, city=options.city, warm_s=options.warm_s)
    ticks = list(make_ticks(console_options, 12, say))
    feed = _cut(ticks[0].bodies[VEHICLE_POSITIONS].plain())
    directory = state_directory(Path.cwd()) / "bench-api"
    changes = {"agency": _AGENCY, "api_rate_per_minute": 0}
    with hold_directory(directory), LocalStack(directory, changes) as stack:
        say("importing the timetable")
        paths = _import(stack.settings, zip_bytes)
        figures = _Figures()
        beside: list[Measured] = []
        cheapness: list[float] = []
        with _nginx(nginx, feed) as (port, pid), _published(stack.settings, ticks, feed):
            for number in range(options.rounds):
                say(f"round {number + 1} of {options.rounds}")
                static = Load("127.0.0.1", port, ["/feed.pb"], options.seconds)
                measured, per_cpu_s = _costed(pid, partial(_flood, static))
                beside.append(measured)
                cheapness.append(per_cpu_s)
                _round(stack.settings, figures, paths, options)
    report = _report(options, beside, figures, len(feed))
    report["nginx_per_cpu_s"] = statistics.median(cheapness)
    if options.consoles:
        wanted = replace(console_options, consoles=options.consoles)
        report["consoles"] = bench_consoles(wanted, say)
    return report


def _city_zip(size: CitySize) -> bytes:
    built = build_city(size, 1)
    return write_city(
        built,
        agency_id=size.value,
        service_dates=default_service_dates(DAY),
        timezone=built.profile.timezone,
    )


def _cut(body: bytes) -> bytes:
    """Give as many of a feed's entities as make a body of about the size to compare."""
    feed = pb.FeedMessage.FromString(body)
    count = round(len(feed.entity) * _FEED_BYTES / len(body))
    entities = list(feed.entity) * (count // len(feed.entity) + 1)
    cut = pb.FeedMessage(header=feed.header)
    cut.entity.extend(entities[:count])
    return cut.SerializeToString(deterministic=True)


def _import(settings: Settings, zip_bytes: bytes) -> list[str]:
    """Import the timetable; give the addresses of stops, each as often as it has calls."""
    conninfo = settings.database_url.get_secret_value()
    checked = check_feed(zip_bytes, _AGENCY)
    with connect(conninfo, autocommit=True) as connection:
        now = datetime.fromtimestamp(SystemClock().wall(), UTC)
        import_feed(connection, checked, activate=True, now=now, progress=lambda _: None)
    timetable = checked.timetable
    calls = np.bincount(timetable.stop_times.stop_idx, minlength=len(timetable.stops.ids))
    random = np.random.default_rng(3)
    rows = random.choice(len(calls), _PATHS_MAX, p=calls / calls.sum())
    base = "/api/where/arrivals-and-departures-for-stop"
    return [f"{base}/{_AGENCY}_{timetable.stops.ids[row]}.json?key=TEST" for row in rows.tolist()]


def _round(settings: Settings, figures: _Figures, paths: list[str], options: ApiOptions) -> None:
    with _api(settings) as pid:
        _until_served(settings, paths[0])
        host, port = settings.http_host, settings.http_port
        headers = ("Accept-Encoding: gzip",) if options.packed else ()
        arrivals = Load(host, port, paths, options.seconds, headers=headers)
        feed = Load(host, port, [_FEED], options.seconds)
        run_load(replace(arrivals, seconds=min(4.0, options.seconds)))  # warm
        measured, per_cpu_s = _costed(pid, lambda: _flood(feed))
        figures.feed.append(measured)
        figures.feed_per_cpu_s.append(per_cpu_s)
        figures.half.append(run_load(replace(feed, rate=_HALF * figures.feed[-1].per_s)))
        measured, per_cpu_s = _costed(pid, lambda: run_load(arrivals))
        figures.arrivals.append(measured)
        figures.arrivals_per_cpu_s.append(per_cpu_s)
        rate = _HALF * figures.arrivals[-1].per_s
        figures.arrivals_half.append(run_load(replace(arrivals, rate=rate)))
        rate = _HALF * _ARRIVALS_WANTED_PER_S
        figures.arrivals_wanted_half.append(run_load(replace(arrivals, rate=rate)))


def _costed(pid: int, run: Callable[[], Measured]) -> tuple[Measured, float]:
    """Measure; give answers for each second that the server had of a processor, too.

    On a machine that others use as well, this says more than answers a second of the wall clock.
    """
    before = cpu_s(pid)
    measured = run()
    return measured, round(measured.answers / max(0.01, cpu_s(pid) - before), 1)


def _flood(load: Load) -> Measured:
    """Ask for one thing as often as it comes: by wrk, which is cheaper, where it is installed."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return run_load(load)
    url = f"http://{load.host}:{load.port}{load.paths[0]}"
    command = [wrk, "-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "--latency", url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict(_WRK_SAYS.findall(said))
    answers = int(re.findall(r"(\d+) requests in", said)[0])
    failed = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    failed += sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
    per_s = float(found["Requests/sec"])
    return Measured(per_s, _ms(found["50%"]), _ms(found["99%"]), failed, answers, 0)


def _ms(text: str) -> float:
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if text.endswith(unit):
            return round(float(text.removesuffix(unit)) * factor, 2)
    return float("nan")


def _report(
    options: ApiOptions, beside: list[Measured], ours: _Figures, size: int
) -> dict[str, Any]:
    measured = (
        *ours.feed, *ours.half, *ours.arrivals, *ours.arrivals_half, *ours.arrivals_wanted_half
    )  # fmt: skip
    ratios = (m.per_s / n.per_s for m, n in zip(ours.feed, beside, strict=True))
    return {
        "vehicles": options.vehicles,
        "city": options.city.value,
        "feed_bytes": size,
        "gzip": options.packed,
        "feed_generator": "wrk" if shutil.which("wrk") else "own",
        "cores": os.cpu_count(),
        "nginx_per_s": statistics.median(one.per_s for one in beside),
        "nginx": [asdict(one) for one in beside],
        "feed_per_s": statistics.median(m.per_s for m in ours.feed),
        "feed_ratio_to_nginx": round(statistics.median(ratios), 3),
        "feed_half_p99_ms": statistics.median(m.p99_ms for m in ours.half),
        "arrivals_per_s": statistics.median(m.per_s for m in ours.arrivals),
        "arrivals_half_p50_ms": statistics.median(m.p50_ms for m in ours.arrivals_half),
        "arrivals_half_p99_ms": statistics.median(m.p99_ms for m in ours.arrivals_half),
        "arrivals_750_p99_ms": statistics.median(m.p99_ms for m in ours.arrivals_wanted_half),
        "arrivals_bytes": ours.arrivals[-1].bytes_each,
        "feed_per_cpu_s": statistics.median(ours.feed_per_cpu_s),
        "arrivals_per_cpu_s": statistics.median(ours.arrivals_per_cpu_s),
        "failed": sum(m.failed for m in measured),
    }


@contextmanager
def _nginx(binary: str, body: bytes) -> Iterator[tuple[int, int]]:
    """Run nginx with one worker over a file of these bytes; give its port and its worker's id."""
    port = free_port()
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "feed.pb").write_bytes(body)
        (folder / "nginx.conf").write_text(
            f"""worker_processes 1; daemon off; pid {folder}/pid; error_log stderr;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
              open_file_cache max=10 inactive=600s;
              client_body_temp_path {folder}; proxy_temp_path {folder};
              fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
              server {{ listen 127.0.0.1:{port}; root {folder}; }}
            }}""",
            encoding="utf-8",
        )
        process = subprocess.Popen([binary, "-c", str(folder / "nginx.conf"), "-p", name])
        try:
            _until(lambda: httpx.get(f"http://127.0.0.1:{port}/feed.pb").content == body)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            yield port, int(children.read_text(encoding="ascii").split()[0])
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def _published(settings: Settings, ticks: list[Tick], feed: bytes) -> Iterator[None]:
    """Publish a tick every two seconds, forth and back; the feed to compare stands in each."""
    ending = Event()
    thread = Thread(target=lambda: asyncio.run(_publish(settings, ticks, feed, ending)))
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(10)


async def _publish(settings: Settings, ticks: list[Tick], feed: bytes, ending: Event) -> None:
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id="bench-engine",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )
    body, clock, number = make_body(feed), SystemClock(), 0
    async with client:
        while not ending.is_set():
            number += 1
            tick = ticks[min(number - 1, len(ticks) - 1)]
            # past the last one the same moment is told again: buses must not drive backwards
            bodies = {**tick.bodies, VEHICLE_POSITIONS: body}
            newest = msgspec.structs.replace(tick, tick=number, wall_s=clock.wall(), bodies=bodies)
            await client.publish(tick_topic(_AGENCY), encode_tick(newest), qos=1, retain=True)
            await asyncio.sleep(_TICK_S)


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


def _until_served(settings: Settings, path: str) -> None:
    """Wait until the timetable is built, a tick is decoded, and a feed is there."""
    url = f"http://{settings.http_host}:{settings.http_port}"

    def served() -> bool:
        board = httpx.get(url + path, timeout=60)
        return board.status_code == 200 and httpx.get(url + _FEED).status_code == 200

    _until(served)


def _until(condition: Callable[[], bool]) -> None:
    clock, waiting = SystemClock(), Event()
    ends_s = clock.monotonic() + _PATIENCE_S
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        if clock.monotonic() > ends_s:
            raise Unavailable(f"nothing is served within {_PATIENCE_S:.0f} s")
        waiting.wait(0.2)
