"""Which runs are worth a look for each vehicle: by sign-on, block, route, or place alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.candidates import Options
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days, Runs, join_runs
from sapar.gtfs.realtime.fleet_state import (
    NO,
    SOURCE_FIT,
    SOURCE_TRIP,
    FleetState,
    Slots,
)
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.paths import Whereabouts

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_FIT_BEFORE_S = 900.0
_FIT_AFTER_S = 2400.0
_KNOWN_PLACES = 4  # places of the trail: 120 m driven at least
_LOST_S = 900.0  # a bus that left its line is not believed to head for the next run for so long
_SAME_ROUTE_S = 3600.0  # a bus without sign-on keeps its line for so long after a run


@dataclass
class _Pairs:
    """Pairs of vehicle and run under construction."""

    vehicle: list[Longs] = field(default_factory=list)
    runs: list[Runs] = field(default_factory=list)
    headway: list[Longs] = field(default_factory=list)
    source: list[NDArray[np.int8]] = field(default_factory=list)
    wait: list[NDArray[np.bool_]] = field(default_factory=list)
    roam: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(
        self,
        vehicle: Longs,
        runs: Runs,
        headway: Longs,
        source: int,
        wait: NDArray[np.bool_],
        *,
        roam: bool = False,
    ) -> None:
        self.vehicle.append(vehicle)
        self.runs.append(runs)
        self.headway.append(headway)
        self.source.append(np.full(len(vehicle), source, np.int8))
        self.wait.append(wait)
        self.roam.append(np.full(len(vehicle), roam))

    def done(self) -> Options:
        runs = join_runs(self.runs)
        if not self.vehicle:
            none = np.zeros(0, np.int64)
            no = none.astype(np.bool_)
            return Options(none, runs, none, none.astype(np.int8), no, no)
        return Options(
            np.concatenate(self.vehicle),
            runs,
            np.concatenate(self.headway),
            np.concatenate(self.source),
            np.concatenate(self.wait),
            np.concatenate(self.roam),
        )


def headway_options(fleet: FleetState, days: Days, slots: Slots) -> Options:
    """List the headway service that vehicles signed on to by trip."""
    pairs = _Pairs()
    for row, slot in enumerate(slots.tolist()):
        trip = int(fleet["sign_trip"][slot])
        if trip == NO or days.kind[trip] == FREQUENCY_NONE:
            continue
        rows = np.flatnonzero(days.headways.trip == trip)
        pairs.add(
            np.full(len(rows), row),
            _headway_runs(days, rows),
            rows,
            SOURCE_TRIP,
            np.ones(len(rows), np.bool_),
            roam=_may_roam(fleet, slot, float(fleet["time_s"][slot])),
        )
    return pairs.done()


def fitting_options(
    fleet: FleetState, network: Network, days: Days, slots: Slots, where: Whereabouts
) -> Options:
    """List the runs whose lines pass by each vehicle now and a trail ago; of its route if known."""
    pairs = _Pairs()
    if not len(slots):
        return pairs.done()
    now_s = float(where.time_s.max())
    alive = days.patterns_between(now_s - _FIT_AFTER_S, now_s + _FIT_BEFORE_S)
    vehicle, pattern = network.grid.near(where.x, where.y)
    old_vehicle, old_pattern = network.grid.near(*_oldest(where))
    size = len(network.usable)
    route = _route_hint(fleet, days, slots, now_s)
    keep = alive[pattern] & np.isin(vehicle * size + pattern, old_vehicle * size + old_pattern)
    pattern_route = np.array([p.route_idx for p in network.timetable.patterns], np.int32)
    keep &= (route[vehicle] == NO) | (pattern_route[pattern] == route[vehicle])
    vehicle, pattern = vehicle[keep], pattern[keep]
    standing = (route[vehicle] != NO) & (now_s - fleet.floats("moved_s")[slots][vehicle] > 30.0)
    rows, pair = days.of_patterns(pattern)
    runs = days.runs.where(rows)
    near = (runs.first_s <= now_s + _FIT_BEFORE_S) & (runs.last_s >= now_s - _FIT_AFTER_S)
    near &= ~_is_done(fleet, slots[vehicle[pair]], runs)
    pairs.add(
        vehicle[pair][near],
        runs.where(near),
        np.full(int(near.sum()), NO, np.int64),
        SOURCE_FIT,
        standing[pair][near],
    )
    _add_headways(pairs, days, vehicle, pattern, standing)
    return pairs.done()


def _add_headways(
    pairs: _Pairs, days: Days, vehicle: Longs, pattern: Ints, standing: NDArray[np.bool_]
) -> None:
    """Add the headway service that runs on each vehicle's patterns."""
    h = days.headways
    if not len(h.trip):
        return
    served = days.timetable.trips.pattern_idx[h.trip]
    order = np.argsort(served, kind="stable")
    low = np.searchsorted(served[order], pattern, side="left")
    high = np.searchsorted(served[order], pattern, side="right")
    for number in range(int((high - low).max(initial=0))):
        has = np.flatnonzero(high - low > number)
        row = order[low[has] + number]
        pairs.add(
            vehicle[has], _headway_runs(days, row), row.astype(np.int64), SOURCE_FIT, standing[has]
        )


def _may_roam(fleet: FleetState, slot: int, now_s: float) -> bool:
    """Tell whether a bus may be on its way to a run.

    Not when it has just left the line of one, and not before it has moved enough to be found on
    the line of another.
    """
    known = np.isfinite(fleet.trail_x[slot, _KNOWN_PLACES - 1])
    return bool(known and now_s - fleet["lost_s"][slot] > _LOST_S)


def _headway_runs(days: Days, rows: Longs) -> Runs:
    """Stand-ins for headway runs: the candidates set their start."""
    h, trip = days.headways, days.headways.trip[rows]
    zero = np.zeros(len(rows))
    return Runs(trip, h.day[rows], np.zeros(len(rows), np.int32), zero, zero, zero)


def _is_done(fleet: FleetState, slots: Slots, runs: Runs) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (
        (fleet.ints("done_trip")[slots] == runs.trip)
        & (fleet.ints("done_day")[slots] == runs.day)
        & (fleet.ints("done_start_s")[slots] == runs.start_s)
    )
    return result


def _route_hint(fleet: FleetState, days: Days, slots: Slots, now_s: float) -> Ints:
    """Give the route by sign-on, by a headway trip signed on to, or by the last run."""
    trips = days.timetable.trips
    doubted = fleet.flags("sign_doubted")[slots]
    route = np.where(doubted, NO, fleet.ints("sign_route")[slots]).astype(np.int32)
    done = fleet.ints("done_trip")[slots]
    lately = (done != NO) & (now_s - fleet.floats("done_s")[slots] < _SAME_ROUTE_S)
    for trip, use in ((fleet.ints("sign_trip")[slots], ~doubted), (done, lately & ~doubted)):
        missing = (route == NO) & (trip != NO) & use
        route[missing] = trips.route_idx[trip[missing]]
    return route


def _oldest(where: Whereabouts) -> tuple[Floats, Floats]:
    """Give the oldest place of each trail within its last 600 m, or the newest fix."""
    usable = np.isfinite(where.trail_x) & (where.driven_m <= 600.0)
    count = usable.sum(axis=1)
    rows = np.arange(len(where.x))
    at = np.maximum(count - 1, 0)
    return (
        np.where(count > 0, where.trail_x[rows, at], where.x),
        np.where(count > 0, where.trail_y[rows, at], where.y),
    )
