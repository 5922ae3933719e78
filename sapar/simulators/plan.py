"""Who drives what: vehicles with the runs they serve, chosen from a timetable. Pure.

A *run* is one trip on one service date at one start time (the GTFS-realtime trip instance). A
*duty* is a chain of runs that one vehicle serves: a block of the timetable, or, where the timetable
has no blocks or speaks in headways, runs of one route chained first in, first out. A vehicle serves
duties one after another.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from sapar.core.geometry import distance_m
from sapar.gtfs.timetable import Timetable

HORIZON_S = 6 * 3600.0
"""How far ahead of its start a plan reaches, in seconds."""

_LOOK_BACK_S = 3600.0  # a layover is told from a first departure by the run before it
_TURN_MIN_S = 300.0  # shortest turn at a terminal when runs are chained
_TURN_MAX_S = 3600.0  # longest: after that the vehicle is taken as gone home
_TURN_MAX_M = 1500.0  # furthest that a chained run may start from the end of the one before
_OVERLAP_MAX_S = 300.0  # blocks cut from minute timetables may overlap by this much
_CHANGE_S = 600.0  # a vehicle's pause between two duties
_COVERAGE_STEP_S = 1800.0
_COVERAGE_MAX_S = 7200.0


@dataclass(frozen=True, slots=True)
class Run:
    """One trip instance to be driven.

    Attributes:
        trip_idx: row of the timetable's trips.
        service_date: date that `start_s` counts from.
        start_s: start time of the instance, seconds after the start of the service day.
        frequency: 0 ordinary trip, 1 headway run (exact_times 0), 2 headway run (exact_times 1).
        begin_s, end_s: scheduled start and end, Unix seconds.
    """

    trip_idx: int
    service_date: date
    start_s: int
    frequency: int
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Duty:
    """Runs of one vehicle in order, at least one."""

    runs: tuple[Run, ...]

    @property
    def begin_s(self) -> float:
        """Scheduled start of the first run, Unix seconds."""
        return self.runs[0].begin_s

    @property
    def end_s(self) -> float:
        """Scheduled end of the last run, Unix seconds."""
        return self.runs[-1].end_s

    def covers(self, at_s: float) -> bool:
        """Tell whether the duty is under way at a moment (driving or in a layover)."""
        return self.begin_s <= at_s < self.end_s


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What each vehicle does: one tuple of duties a vehicle, in time order.

    Attributes:
        at_s: Unix seconds that the plan starts at.
        vehicles: duties of each vehicle.
        in_service: how many vehicles are on duty at `at_s`.
    """

    at_s: float
    vehicles: list[tuple[Duty, ...]]
    in_service: int


def fleet_plan(
    timetable: Timetable, at_s: float, buses: int, seed: int, horizon_s: float = HORIZON_S
) -> FleetPlan:
    """Choose `buses` vehicles so that as many as possible are in service from `at_s` on.

    Duties under way come first, those that last longer before shorter ones, otherwise by a seeded
    draw; then duties that start soonest. A vehicle that ends its duty takes the next one that
    nobody serves. There may be fewer vehicles than asked for where the timetable has no more.
    """
    duties = list_duties(timetable, at_s, horizon_s)
    draw = np.random.default_rng([seed, 1]).permutation(len(duties))
    order = sorted(range(len(duties)), key=lambda i: (_rank(duties[i], at_s), draw[i]))
    chosen = [duties[i] for i in order[:buses]]
    rest = sorted((duties[i] for i in order[buses:]), key=lambda duty: duty.begin_s)
    vehicles = [[duty] for duty in chosen]
    free = [(duty.end_s + _CHANGE_S, number) for number, duty in enumerate(chosen)]
    heapq.heapify(free)
    for duty in rest:
        if duty.begin_s > at_s and free and free[0][0] <= duty.begin_s:
            _, number = heapq.heappop(free)
            vehicles[number].append(duty)
            heapq.heappush(free, (duty.end_s + _CHANGE_S, number))
    return FleetPlan(
        at_s, [tuple(chain) for chain in vehicles], sum(duty.covers(at_s) for duty in chosen)
    )


def _rank(duty: Duty, at_s: float) -> tuple[int, float]:
    if duty.covers(at_s):
        coverage = min(duty.end_s - at_s, _COVERAGE_MAX_S)
        return 0, -(coverage // _COVERAGE_STEP_S)
    return (1, duty.begin_s) if duty.begin_s > at_s else (2, 0.0)


def list_duties(timetable: Timetable, at_s: float, horizon_s: float = HORIZON_S) -> list[Duty]:
    """List all duties with a run between an hour before `at_s` and `at_s + horizon_s`."""
    blocked: dict[tuple[int, date], list[Run]] = defaultdict(list)
    loose: dict[int, list[Run]] = defaultdict(list)
    for run in list_runs(timetable, at_s - _LOOK_BACK_S, at_s + horizon_s):
        block = int(timetable.trips.block_idx[run.trip_idx])
        if block >= 0 and not run.frequency:
            blocked[block, run.service_date].append(run)
        else:
            loose[int(timetable.trips.route_idx[run.trip_idx])].append(run)
    duties: list[Duty] = []
    for runs in blocked.values():
        duties.extend(_split_block(runs))
    for runs in loose.values():
        duties.extend(_chain(timetable, runs))
    return [duty for duty in duties if duty.end_s > at_s]


def list_runs(timetable: Timetable, from_s: float, to_s: float) -> list[Run]:
    """List the runs of all service dates that touch the time span (Unix seconds)."""
    dates = sorted({*timetable.service_dates_at(from_s), *timetable.service_dates_at(to_s)})
    return [run for day in dates for run in _runs_of_day(timetable, day, from_s, to_s)]


def _runs_of_day(timetable: Timetable, day: date, from_s: float, to_s: float) -> Iterator[Run]:
    trips, frequencies = timetable.trips, timetable.frequencies
    active = timetable.trips_active(day)
    day_s = timetable.service_day_start(day)
    # a trip of one stop, or one whose pattern has no length, cannot be driven
    drivable = np.diff(trips.st_begin) >= 2
    headway = np.isin(active, frequencies.trip_idx)
    first, last = day_s + trips.first_s[active], day_s + trips.last_s[active]
    plain = ~headway & (last > from_s) & (first < to_s) & drivable[active]
    for trip in active[plain].tolist():
        start = int(trips.first_s[trip])
        yield Run(trip, day, start, 0, day_s + start, day_s + int(trips.last_s[trip]))
    runs_today = set(active[headway].tolist())
    for row, trip in enumerate(frequencies.trip_idx.tolist()):
        if trip not in runs_today or not drivable[trip]:
            continue
        length = int(trips.last_s[trip] - trips.first_s[trip])
        kind = 2 if frequencies.exact[row] else 1
        headway_s = int(frequencies.headway_s[row])
        for start in range(int(frequencies.start_s[row]), int(frequencies.end_s[row]), headway_s):
            if day_s + start + length > from_s and day_s + start < to_s:
                yield Run(trip, day, start, kind, day_s + start, day_s + start + length)


def _split_block(runs: Iterable[Run]) -> list[Duty]:
    """Make one duty of a block's runs; runs that overlap belong to a second (relief) vehicle."""
    chains: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (run.begin_s, run.end_s)):
        for chain in chains:
            if chain[-1].end_s <= run.begin_s + _OVERLAP_MAX_S:
                chain.append(run)
                break
        else:
            chains.append([run])
    return [Duty(tuple(chain)) for chain in chains]


def _chain(timetable: Timetable, runs: Iterable[Run]) -> list[Duty]:
    """Chain runs first in, first out: the vehicle that waits longest near the start takes a run."""
    chains: list[list[Run]] = []
    waiting: list[int] = []
    for run in sorted(runs, key=lambda run: (run.begin_s, run.end_s)):
        waiting = [c for c in waiting if run.begin_s - chains[c][-1].end_s <= _TURN_MAX_S]
        ready = [
            c
            for c in waiting
            if chains[c][-1].end_s + _TURN_MIN_S <= run.begin_s
            and _gap_m(timetable, chains[c][-1], run) <= _TURN_MAX_M
        ]
        if ready:
            chains[min(ready, key=lambda c: chains[c][-1].end_s)].append(run)
        else:
            waiting.append(len(chains))
            chains.append([run])
    return [Duty(tuple(chain)) for chain in chains]


def _gap_m(timetable: Timetable, before: Run, after: Run) -> float:
    end, start = timetable.trip_pattern(before.trip_idx), timetable.trip_pattern(after.trip_idx)
    return float(
        distance_m(
            end.polyline_lat[-1], end.polyline_lon[-1], start.polyline_lat[0], start.polyline_lon[0]
        )
    )
