"""`sapar bench engine`: how fast the engine is on one core, and whether its memory stays flat.

Simulated buses of a synthetic city drive its timetable; their fixes are made outside the measured
time. Measured is what the engine does: take the fixes of each second of simulated time, and every
five seconds make a tick: assign, predict, encode and compress.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

from sapar.cli.bench.tiling import tiled
from sapar.core.clock import SystemClock
from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.phases import IN_PROGRESS
from sapar.gtfs.realtime.tick import ALERTS, CONSOLE, TRIP_UPDATES, VEHICLE_POSITIONS, Tick
from sapar.gtfs.timetable import Timetable, load_timetable
from sapar.simulators.buses import STEP_S, BusFleet
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city
from sapar.simulators.plan import fleet_plan
from sapar.simulators.signon import SignOnMix, SignOns

Say = Callable[[str], None]

TICK_S = 5.0
"""Simulated seconds between two ticks."""
CURVE = (300, 1000, 3000, 9000)
DAY, AT = date(2026, 3, 10), time(8)  # a Tuesday's morning peak
_FEEDS = (VEHICLE_POSITIONS, TRIP_UPDATES, ALERTS)
_NOISE_M, _NOISE_KEPT = 4.0, 0.9  # errors of receivers go on from one fix to the next
_METRES_PER_DEGREE = 111_195.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What to run.

    Attributes:
        vehicles: buses that drive.
        seconds: simulated seconds that are measured.
        interval_s: seconds between two fixes of a bus.
        warm_s: simulated seconds before, in which buses are put on their trips.
        seed: same seed, same rides.
        city: whose size the city has; where it has too few buses it is set down several times.
        alternate: make the control room's body in every other tick alone, to see what it costs.
    """

    vehicles: int = 3000
    seconds: float = 60.0
    interval_s: int = 1
    warm_s: float = 120.0
    seed: int = 1
    city: CitySize = CitySize.ALMATY
    alternate: bool = False


def find_city(name: str) -> CitySize:
    """Give the size of that name.

    Raises:
        BadInput: there is none.
    """
    try:
        return CitySize(name)
    except ValueError:
        known = ", ".join(size.value for size in CitySize)
        raise BadInput(f"no city {name}", code="bad_city", hint=f"one of {known}") from None


def bench_engine(options: EngineOptions, say: Say) -> dict[str, Any]:
    """Measure one size of fleet."""
    return _measure(make_city(options.city, say), options, say)


def bench_curve(options: EngineOptions, say: Say) -> dict[str, Any]:
    """Measure the fleets of `CURVE`: microseconds for a position should not depend on the size."""
    city = make_city(options.city, say)
    keys = ("vehicles", "positions_per_s", "us_per_position", "tick_ms_p50", "tick_ms_p99")
    curve = []
    for vehicles in CURVE:
        report = _measure(city, replace(options, vehicles=vehicles), say)
        curve.append({key: report[key] for key in keys})
    return {"curve": curve}


def make_city(size: CitySize, say: Say) -> Timetable:
    """Build the timetable of a synthetic city."""
    say(f"building a city of {size.value}'s size")
    built = build_city(size, 1)
    feed = write_city(
        built,
        agency_id=size.value,
        service_dates=default_service_dates(DAY),
        timezone=built.profile.timezone,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "city.zip"
        path.write_bytes(feed)
        return load_timetable(path, size.value)


def _measure(city: Timetable, options: EngineOptions, say: Say) -> dict[str, Any]:
    start_s = datetime.combine(DAY, AT, city.timezone).timestamp()
    capacity = len(fleet_plan(city, start_s, 1_000_000, options.seed).vehicles)
    timetable = tiled(city, -(-options.vehicles // capacity))
    street = Street(timetable, start_s, options)
    say(f"{options.vehicles:,} buses, {options.seconds:,.0f} s")
    run = _Run(timetable, street, alternate=options.alternate)
    with _one_core():
        run.go(options.warm_s)
        run.forget()
        run.go(options.seconds)
    return {"vehicles": options.vehicles, "interval_s": options.interval_s} | run.report()


class Street:
    """The buses, and what their devices send."""

    def __init__(self, timetable: Timetable, start_s: float, options: EngineOptions) -> None:
        plan = fleet_plan(timetable, start_s, options.vehicles, options.seed)
        self._fleet = BusFleet(timetable, plan, options.seed)
        self._signs = SignOns(timetable, self._fleet.table, SignOnMix(), options.seed)
        self._ids = [f"v{number}" for number in range(options.vehicles)]
        self._turn = np.arange(options.vehicles) % options.interval_s
        self._rng = np.random.default_rng([options.seed, 11])
        self._error_m: Floats = self._rng.normal(0.0, _NOISE_M, (2, options.vehicles))
        self._said: dict[int, tuple[int, tuple[str | None, str | None, str | None]]] = {}
        self._interval_s = options.interval_s

    @property
    def time_s(self) -> float:
        """Simulated time, Unix seconds."""
        return self._fleet.time_s

    def step(self) -> FixColumns:
        """Let a second pass; give the fixes sent at its end."""
        self._fleet.step()
        turn = int(self._fleet.time_s) % self._interval_s
        who = np.flatnonzero((self._turn == turn) & self._fleet.powered())
        sight = self._fleet.look(who.astype(np.int32))
        fresh = self._rng.normal(0.0, _NOISE_M, (2, len(who)))
        error = _NOISE_KEPT * self._error_m[:, who] + np.sqrt(1 - _NOISE_KEPT**2) * fresh
        self._error_m[:, who] = error
        north = _METRES_PER_DEGREE
        signs = [self._sign(v, r) for v, r in zip(who.tolist(), sight.run.tolist(), strict=True)]
        moving = sight.speed_mps > 0.7
        return FixColumns(
            [self._ids[number] for number in who.tolist()],
            np.full(len(who), self._fleet.time_s),
            sight.latitude + error[1] / north,
            sight.longitude + error[0] / (north * np.cos(np.radians(sight.latitude))),
            sight.speed_mps,
            np.where(moving, sight.bearing_deg, np.nan),
            [sign[0] for sign in signs],
            [sign[1] for sign in signs],
            [sign[2] for sign in signs],
        )

    def _sign(self, vehicle: int, run: int) -> tuple[str | None, str | None, str | None]:
        said = self._said.get(vehicle)
        if said is None or said[0] != run:
            found = self._signs.find(vehicle, self._fleet.find_run(run), wrong=False)
            said = (run, (found.trip_id, found.route_id, found.block_id))
            self._said[vehicle] = said
        return said[1]


class _Run:
    """The engine under the clock."""

    def __init__(self, timetable: Timetable, street: Street, *, alternate: bool) -> None:
        self._clock = SystemClock()
        self._engine = Engine(timetable)
        self._alternate = alternate
        self._street = street
        self._number = 0
        self.forget()

    def forget(self) -> None:
        """Start measuring anew."""
        self._positions = 0
        self._intake_s = 0.0
        self._cpu_s = 0.0
        self._ticks_s: list[float] = []
        self._ticks_cpu_s: list[float] = []
        self._rss_mb: list[float] = []
        self._tick: Tick | None = None

    def go(self, seconds: float) -> None:
        """Run for so many simulated seconds; fixes are made a tick ahead, outside the clock."""
        for _ in range(round(seconds / TICK_S)):
            sent = [self._street.step() for _ in range(round(TICK_S / STEP_S))]
            now_s = self._street.time_s - TICK_S
            started_s, began_cpu_s = self._clock.monotonic(), process_time()
            for fixes in sent:
                now_s += STEP_S
                self._engine.ingest(fixes, now_s)
            ingested_s = self._clock.monotonic()
            tick_cpu_s = process_time()
            self._number += 1
            if self._alternate:
                self._engine.with_console = self._number % 2 == 0
            self._tick = self._engine.tick(now_s, now_s, 1, self._number)
            ended_s = self._clock.monotonic()
            self._cpu_s += process_time() - began_cpu_s
            self._positions += sum(len(fixes) for fixes in sent)
            self._intake_s += ingested_s - started_s
            self._ticks_s.append(ended_s - ingested_s)
            self._ticks_cpu_s.append(process_time() - tick_cpu_s)
            self._engine.drain_visits()
            self._rss_mb.append(_rss_mb())

    def report(self) -> dict[str, Any]:
        """Give the figures; `forget` was called where measuring began."""
        seen, tick = self._engine.snapshot, self._tick
        assert seen is not None
        assert tick is not None
        ticks_ms = 1000.0 * np.array(self._ticks_s)
        spent_s = self._intake_s + float(sum(self._ticks_s))
        tenth = max(1, len(self._rss_mb) // 10)
        return {
            "positions": self._positions,
            "positions_per_s": round(self._positions / spent_s, 1),
            "us_per_position": round(1e6 * spent_s / self._positions, 2),
            "tick_ms_p50": round(float(np.percentile(ticks_ms, 50)), 1),
            "tick_ms_p99": round(float(np.percentile(ticks_ms, 99)), 1),
            "ingest_share": round(self._intake_s / spent_s, 3),
            "cpu_share": round(self._cpu_s / spent_s, 3),
            "in_progress": int((seen.phase == IN_PROGRESS).sum()),
            "trip_updates": len(seen.updates.keys),
            "stops_predicted": len(seen.updates.row),
            "rss_mb": round(self._rss_mb[-1], 1),
            "rss_growth_mb": round(self._rss_mb[-1] - float(np.median(self._rss_mb[:tenth])), 1),
            "feed_bytes": sum(tick.bodies[name].size for name in _FEEDS),
            "feed_bytes_by_name": {name: tick.bodies[name].size for name in _FEEDS},
        } | self._console(tick)

    def _console(self, tick: Tick) -> dict[str, Any]:
        """Give what the control room's body weighs and, where ticks take turns, costs in CPU."""
        cpu_ms = 1000.0 * np.array(self._ticks_cpu_s)
        body = tick.bodies.get(CONSOLE)
        figures: dict[str, Any] = {}
        if body is not None:
            figures = {"console_bytes": body.size, "console_gzip_bytes": len(body.gzip)}
        if self._alternate:
            # ticks are numbered from 1 on, and the newest one is the last measured
            odd = (self._number - np.arange(len(cpu_ms))[::-1]) % 2 == 1
            with_ms, without_ms = (float(np.median(cpu_ms[some])) for some in (~odd, odd))
            figures |= {
                "tick_cpu_ms_with_console_p50": round(with_ms, 1),
                "tick_cpu_ms_without_console_p50": round(without_ms, 1),
                "console_cpu_ms": round(with_ms - without_ms, 1),
            }
        return figures


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process on one processor."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _rss_mb() -> float:
    """Give the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB
