"""Assignment, scored on a recording whose sign-on is kept from the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.cli.bench.assignment import NO_RUN, Say, runs_of
from sapar.core.geometry import Floats, distance_m
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.timetable import load_timetable
from sapar.gtfs.timetable.model import Timetable
from sapar.simulators.plan import list_runs
from sapar.simulators.recording import RecordedFix, read_recording

_MOVED_M = 100.0
_MOVED_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """A recording to play; `blank` names the fields that the engine must not see."""

    gtfs: Path
    positions: Path
    blank: tuple[str, ...]
    look_s: float = 15.0
    warm_up_s: float = 300.0
    minutes: float | None = None


def bench_recording(options: RecordingOptions, say: Say) -> dict[str, Any]:
    """Play a recording; give the share of in-service fixes on a trip of the true block.

    A fix is in service when its block is in the timetable and has a trip under way by the
    timetable at its time, and the bus has moved 100 m within the last three minutes. It is judged
    by what the engine had at the first look after it.
    """
    timetable = load_timetable(options.gtfs, "bench")
    fixes = list(read_recording(options.positions))
    if options.minutes is not None:
        fixes = [f for f in fixes if f.time_s <= fixes[0].time_s + options.minutes * 60]
    times = np.array([f.time_s for f in fixes], np.float64)
    block = np.array([timetable.blocks.index.get(f.block_id or "", -1) for f in fixes])
    moving = _moving(fixes, times)
    on_trip = _on_trip(timetable, block, times)
    say(f"{len(fixes)} fixes; block known {np.mean(block >= 0):.3f}, moving {moving.mean():.3f}")
    columns = _columns_of_recording(fixes, options.blank)
    assigned = np.full(len(fixes), -1)
    engine, low = Engine(timetable), 0
    looks = np.arange(times[0] + options.look_s, times[-1] + options.look_s, options.look_s)
    for now_s in looks.tolist():
        high = int(np.searchsorted(times, now_s, side="right"))
        engine.ingest(columns.take(np.arange(low, high)), now_s)
        on = runs_of(engine.look(now_s))
        for row in range(low, high):
            assigned[row] = on.get(fixes[row].vehicle_id, NO_RUN)[0]
        low = high
    return _recording_report(timetable, options, times, block, moving & on_trip, assigned)


def _recording_report(
    timetable: Timetable,
    options: RecordingOptions,
    times: Floats,
    block: NDArray[np.int64],
    serving: NDArray[np.bool_],
    assigned: NDArray[np.int64],
) -> dict[str, Any]:
    trips = timetable.trips
    has = assigned >= 0
    right = has & (trips.block_idx[np.maximum(assigned, 0)] == block)
    # Any trip of the block names its routes
    routes = np.full(len(timetable.blocks.ids), -1)
    routes[trips.block_idx[trips.block_idx >= 0]] = trips.route_idx[trips.block_idx >= 0]
    route = has & (trips.route_idx[np.maximum(assigned, 0)] == routes[np.maximum(block, 0)])
    judged = (block >= 0) & serving
    late = judged & (times >= times[0] + options.warm_up_s)
    return {
        "recording": options.positions.parent.name,
        "blank": list(options.blank),
        "fixes": len(times),
        "in_service_fixes": int(judged.sum()),
        "true_block": _share(right, judged),
        "true_block_after_warm_up": _share(right, late),
        "true_route": _share(route, judged),
        "no_run": _share(~has, judged),
        "other_block_of_the_route": _share(route & ~right, judged),
        "other_route": _share(has & ~route, judged),
        "out_of_service_with_run": _share(has, (block >= 0) & ~serving),
    }


def _share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return round(float(of[among].mean()), 4) if among.any() else None


def _columns_of_recording(fixes: Sequence[RecordedFix], blank: Sequence[str]) -> FixColumns:
    def texts(name: str) -> list[str | None]:
        return [None] * len(fixes) if name in blank else [getattr(f, name) for f in fixes]

    def numbers(name: str) -> Floats:
        return np.array([getattr(f, name) for f in fixes], np.float64)

    return FixColumns(
        [f.vehicle_id for f in fixes],
        numbers("time_s"),
        numbers("latitude"),
        numbers("longitude"),
        numbers("speed_mps"),
        numbers("bearing_deg"),
        texts("trip_id"),
        texts("route_id"),
        texts("block_id"),
    )


def _moving(fixes: Sequence[RecordedFix], times: Floats) -> NDArray[np.bool_]:
    """Tell which fixes are 100 m or more from where the bus was three minutes before, or first."""
    lat = np.array([f.latitude for f in fixes])
    lon = np.array([f.longitude for f in fixes])
    rows: dict[str, list[int]] = {}
    for row, fix in enumerate(fixes):
        rows.setdefault(fix.vehicle_id, []).append(row)
    moving = np.zeros(len(fixes), np.bool_)
    for listed in rows.values():
        own = np.array(listed)
        before = np.searchsorted(times[own], times[own] - _MOVED_WITHIN_S, side="right") - 1
        then = own[np.maximum(before, 0)]
        moving[own] = distance_m(lat[own], lon[own], lat[then], lon[then]) >= _MOVED_M
    return moving


def _on_trip(timetable: Timetable, block: NDArray[np.int64], times: Floats) -> NDArray[np.bool_]:
    """Tell whether a trip of each block is under way by the timetable at each time."""
    runs = [
        run
        for run in list_runs(timetable, float(times[0]), float(times[-1]))
        if timetable.trips.block_idx[run.trip_idx] >= 0
    ]
    span = 1e7
    origin = float(times[0]) - span / 2
    of = np.array([timetable.trips.block_idx[run.trip_idx] for run in runs], np.float64)
    begin = of * span + np.array([run.begin_s for run in runs]) - origin
    end = of * span + np.array([run.end_s for run in runs]) - origin
    order = np.argsort(begin)
    at = np.maximum(block, 0) * span + times - origin
    row = np.searchsorted(begin[order], at, side="right") - 1
    return np.asarray((block >= 0) & (row >= 0) & (at <= end[order][np.maximum(row, 0)]))
