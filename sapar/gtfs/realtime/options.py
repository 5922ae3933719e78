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
    SOURCE_BLOCK,
    SOURCE_FIT,
    SOURCE_TRIP,
    FleetState,
    Slots,
)
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.paths import Whereabouts

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_BLOCK_BEFORE_S = 4500.0  # a block's run may start this much later than now ...
_BLOCK_AFTER_S = 4500.0  # ... or have ended this long ago, and still be the one
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


def signed_options(fleet: FleetState, days: Days, slots: Slots) -> Options:
    """List the runs that sign-on and blocks point to; `slots` are the rows of the whereabouts.

    A vehicle that has finished a run of a block goes on with the block, also without a sign-on.
    """
    pairs = _Pairs()
    trips = days.timetable.trips
    for row, slot in enumerate(slots):
        now_s = float(fleet["time_s"][slot])
        trip, block = int(fleet["sign_trip"][slot]), int(fleet["sign_block"][slot])
        before = (trip, int(fleet["trip"][slot]), int(fleet["done_trip"][slot]))
        if trip != NO:
            roam = int(fleet["trip"][slot]) != trip and _may_roam(fleet, int(slot), now_s)
            _add_trip(pairs, days, row, trip, fleet, int(slot), roam=roam)
        if block == NO:
            block = next((int(trips.block_idx[t]) for t in before if t != NO), NO)
        if block != NO:
            runs = _not_done(fleet, int(slot), days.of_block(block), now_s)
            near = (runs.first_s <= now_s + _BLOCK_BEFORE_S) & (
                runs.last_s >= now_s - _BLOCK_AFTER_S
            )
            roam = int(fleet["trip"][slot]) == NO and _may_roam(fleet, int(slot), now_s)
            _add_plain(pairs, row, runs.where(near), SOURCE_BLOCK, roam=roam)
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


def _add_trip(
    pairs: _Pairs, days: Days, row: int, trip: int, fleet: FleetState, slot: int, *, roam: bool
) -> None:
    """Add the runs of the trip signed on to; a run that is done stays done, signed on or not."""
    if days.kind[trip] == FREQUENCY_NONE:
        runs = days.of_trips(np.array([trip], np.int32))
        done = _is_done(fleet, np.full(len(runs), slot), runs)
        _add_plain(pairs, row, runs.where(~done), SOURCE_TRIP, roam=roam)
        return
    rows = np.flatnonzero(days.headways.trip == trip)
    pairs.add(
        np.full(len(rows), row),
        _headway_runs(days, rows),
        rows,
        SOURCE_TRIP,
        np.ones(len(rows), np.bool_),
        roam=roam,
    )


def _add_plain(pairs: _Pairs, row: int, runs: Runs, source: int, *, roam: bool) -> None:
    count = len(runs)
    pairs.add(
        np.full(count, row, np.int64),
        runs,
        np.full(count, NO, np.int64),
        source,
        np.ones(count, np.bool_),
        roam=roam,
    )


def _headway_runs(days: Days, rows: Longs) -> Runs:
    """Stand-ins for headway runs: the candidates set their start."""
    h, trip = days.headways, days.headways.trip[rows]
    zero = np.zeros(len(rows))
    return Runs(trip, h.day[rows], np.zeros(len(rows), np.int32), zero, zero, zero)


def _not_done(fleet: FleetState, slot: int, runs: Runs, now_s: float) -> Runs:
    """Leave out what the vehicle has finished of a block, and all before it."""
    trip, day = int(fleet["done_trip"][slot]), int(fleet["done_day"][slot])
    if trip == NO or now_s - fleet["done_s"][slot] > 3 * 3600:
        return runs
    at = np.flatnonzero((runs.trip == trip) & (runs.day == day))
    return runs.where(np.arange(len(runs)) > at[0]) if len(at) else runs


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
    route = fleet.ints("sign_route")[slots].copy()
    done = fleet.ints("done_trip")[slots]
    lately = (done != NO) & (now_s - fleet.floats("done_s")[slots] < _SAME_ROUTE_S)
    for trip, use in ((fleet.ints("sign_trip")[slots], True), (done, lately)):
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
