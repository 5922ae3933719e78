"""A recording published as its devices would have: one device a vehicle, on the shared clock."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sapar.contract.checks import FIX_RULES, Area, CheckContext, find_refusal
from sapar.contract.messages import Fix
from sapar.core.clock import Clock
from sapar.core.log import get_logger
from sapar.gtfs.timetable import Timetable
from sapar.simulators.device import Credentials, DeviceClient
from sapar.simulators.recording import RecordedFix
from sapar.simulators.swarm import SwarmOptions, drain, every, make_devices, running, wait_or_stop
from sapar.simulators.truth import STORED, Note, TruthWriter

AREA_MARGIN_DEG = 0.18
"""Degrees around the timetable's box that still count as inside, as `sapar gtfs import` sets it."""

_HEARD_S = 60.0  # a vehicle with a fix this young and a sign-on counts as in service
_BACKLOG_S = 600.0
_SUMMARY_INTERVAL_S = 5.0
_FLUSH_INTERVAL_S = 0.5
_log = get_logger()


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What to replay.

    Attributes:
        agency_id: for which city; address: host and port of the broker's device listener.
        seed: decides which devices speak MessagePack.
        area: what lies outside it must be refused; None when nothing is known.
        duration_s: transit seconds from the recording's start, or None for all of it.
        stop_at_end: leave when the recording is over; otherwise stay until stopped.
        swarm: how the devices behave.
    """

    agency_id: str
    address: tuple[str, int]
    seed: int = 1
    area: Area | None = None
    duration_s: float | None = None
    stop_at_end: bool = False
    swarm: SwarmOptions = field(default_factory=SwarmOptions)


def timetable_area(timetable: Timetable) -> Area:
    """Give the area that the timetable's import sets for its agency."""
    min_lat, min_lon, max_lat, max_lon = timetable.bounding_box
    widest = math.radians(max(abs(min_lat), abs(max_lat)))
    margin_lon = AREA_MARGIN_DEG / max(math.cos(widest), 0.05)
    return Area(
        max(min_lat - AREA_MARGIN_DEG, -90.0),
        max(min_lon - margin_lon, -180.0),
        min(max_lat + AREA_MARGIN_DEG, 90.0),
        min(max_lon + margin_lon, 180.0),
    )


class Replay:
    """Hands rows to devices; no I/O of its own.

    Args:
        settings: what to replay; devices: one per vehicle, others are not needed.
    """

    def __init__(self, settings: ReplaySettings, devices: Sequence[DeviceClient]) -> None:
        self.devices = {device.credentials.vehicle_id: device for device in devices}
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._heard: dict[str, tuple[float, bool]] = {}

    def publish(self, row: RecordedFix) -> None:
        """Let the vehicle's device make the row's record now."""
        device = self.devices.get(row.vehicle_id)
        if device is None:
            self.counts["no_device"] += 1
            return
        fix = Fix(
            epoch=device.epoch,
            seq=device.next_seq("gps"),
            time_ms=row.time_s * 1000,
            latitude=row.latitude,
            longitude=row.longitude,
            speed_mps=row.speed_mps,
            bearing_deg=row.bearing_deg,
            trip_id=row.trip_id,
            route_id=row.route_id,
            block_id=row.block_id,
        )
        expected = self._expected(fix)
        device.record("gps", fix, Note(fix.time_ms, expected))
        if expected == STORED:
            signed = bool(row.trip_id or row.block_id or row.route_id)
            self._heard[row.vehicle_id] = (row.time_s, signed)
        self.counts["rows"] += 1

    def _expected(self, fix: Fix) -> str:
        # A recording's own time is "now" when its row is published.
        context = CheckContext(fix.time_ms, self._settings.area, 1, 1)
        refusal = find_refusal(fix, FIX_RULES, context)
        return STORED if refusal is None else refusal.code

    def in_service(self, now_s: float) -> list[str]:
        """List the vehicles heard within the last minute that are signed on to something."""
        return [
            vehicle_id
            for vehicle_id, (time_s, signed) in self._heard.items()
            if signed and now_s - time_s <= _HEARD_S
        ]


async def replay(
    rows: Iterable[RecordedFix],
    settings: ReplaySettings,
    credentials: Sequence[Credentials],
    truth: TruthWriter,
    clock: Clock,
    stop: asyncio.Event,
) -> dict[str, Any]:
    """Publish a recording row by row when the clock reaches it, drain, and give the summary.

    Rows of the ten minutes before the clock's time at the start are published at once, as devices
    do that were switched on before there was a connection; older ones are skipped and counted.
    """
    devices = make_devices(
        settings.address,
        settings.agency_id,
        credentials,
        clock=clock,
        seed=settings.seed,
        observer=truth,
        options=settings.swarm,
    )
    run = Replay(settings, devices)

    def summarise(*, finished: bool = False) -> dict[str, Any]:
        now_s = clock.time()
        state: dict[str, Any] = {
            "agency_id": settings.agency_id,
            "replay": dict(sorted(run.counts.items())),
            "wall_s": round(clock.wall(), 3),
            "time_s": round(now_s, 3),
            "in_service": run.in_service(now_s),
        }
        return truth.summary(devices, state, finished=finished)

    async with running(devices), asyncio.TaskGroup() as group:
        group.create_task(every(stop, _FLUSH_INTERVAL_S, truth.flush))
        group.create_task(every(stop, _SUMMARY_INTERVAL_S, summarise))
        await _play(_within(rows, settings, clock, run), run, clock, stop)
        _log.info("recording_ended", agency=settings.agency_id, **run.counts)
        if not settings.stop_at_end:
            await stop.wait()
        stop.set()
        left = await drain(devices, clock)
        _log.info("replay_drained", agency=settings.agency_id, unacknowledged=left)
    return summarise(finished=True)


def _within(
    rows: Iterable[RecordedFix], settings: ReplaySettings, clock: Clock, run: Replay
) -> Iterator[RecordedFix]:
    """Leave out what lies long before the start, and after the duration."""
    start_s = clock.time() - _BACKLOG_S
    begin_s: int | None = None
    for row in rows:
        begin_s = row.time_s if begin_s is None else begin_s
        if settings.duration_s is not None and row.time_s > begin_s + settings.duration_s:
            return
        if row.time_s < start_s:
            run.counts["skipped"] += 1
            continue
        yield row


async def _play(
    rows: Iterator[RecordedFix], run: Replay, clock: Clock, stop: asyncio.Event
) -> None:
    for number, row in enumerate(rows):
        wait_s = (row.time_s - clock.time()) / clock.rate
        if wait_s > 0:
            if await wait_or_stop(stop, wait_s):
                return
        elif number % 100 == 0:
            await asyncio.sleep(0)
            if stop.is_set():
                return
        run.publish(row)
