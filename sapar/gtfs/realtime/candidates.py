"""The runs that a bus may be on, each with a cost: the smaller, the better it explains the bus.

Costs are near to "how many minutes of lateness would be as odd as this". A bus is under way at a
place of a run's line (`ON_LINE`), waits at the run's first stop (`WAITING`), or is elsewhere and
only signed on (`ELSEWHERE`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.days import Days, Headways, Runs, join_runs
from sapar.gtfs.realtime.fleet_state import SOURCE_FIT, SOURCE_TRIP
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.paths import MOVED_MIN_M, Places, Whereabouts, find_places
from sapar.gtfs.realtime.ragged import expand

Longs = NDArray[np.int64]

ON_LINE, WAITING, ELSEWHERE = 0, 1, 2

# by source (none, fit, block, trip): earliest and latest a bus may run, first match
_EARLY_MAX_S = np.array([0.0, 600.0, 900.0, 2400.0])
_LATE_MAX_S = np.array([0.0, 1800.0, 4500.0, 9000.0])
_SOURCE_COST = np.array([0.0, 4.0, 1.0, 0.0])
_TERMINAL_M = np.array([0.0, 150.0, 300.0, 400.0])  # from the first stop, to wait there
_WAIT_MAX_S = np.array([0.0, 1800.0, 4500.0, 7200.0])
_OVERDUE_MAX_S = np.array([0.0, 300.0, 1800.0, 1800.0])
_HEADWAY_COST = 1.5  # such a run fits at any moment: that it is on time is no evidence
_ELSEWHERE_COST = 7.0
_ELSEWHERE_BEFORE_S = 1800.0
_ELSEWHERE_AFTER_S = 900.0
_END_M = 60.0  # nearer to an end of the line than this, a bus is not under way


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates as columns; `vehicle` is the row of the whereabouts."""

    vehicle: Longs
    runs: Runs
    source: NDArray[np.int8]
    kind: NDArray[np.int8]
    along_m: Floats
    off_m: Floats
    fit: Floats
    delay_s: Floats
    cost: Floats
    timing: Floats

    def __len__(self) -> int:
        return len(self.vehicle)

    def where(self, keep: NDArray[np.bool_] | Longs) -> Candidates:
        """Give some of the candidates, by mask or by rows."""
        return Candidates(
            self.vehicle[keep],
            self.runs.where(keep),
            self.source[keep],
            self.kind[keep],
            self.along_m[keep],
            self.off_m[keep],
            self.fit[keep],
            self.delay_s[keep],
            self.cost[keep],
            self.timing[keep],
        )


@dataclass(frozen=True, slots=True)
class Options:
    """Pairs of a vehicle and a run it might be on, before geometry has its say.

    Attributes:
        vehicle: row of the whereabouts.
        runs: the runs; for headway service see `headway`.
        headway: row of `Days.headways`, -1 for a run by stop times.
        source: what the option rests on.
        may_wait: whether waiting at the first stop is an option at all.
        may_roam: whether being elsewhere is, on the way to the first stop.
    """

    vehicle: Longs
    runs: Runs
    headway: Longs
    source: NDArray[np.int8]
    may_wait: NDArray[np.bool_]
    may_roam: NDArray[np.bool_]


def weigh(network: Network, days: Days, where: Whereabouts, options: Options) -> Candidates:
    """Turn options into candidates with costs; those that cannot be are left out."""
    pattern = network.timetable.trips.pattern_idx[options.runs.trip]
    keys = options.vehicle * len(network.usable) + pattern
    pairs, option_pair = np.unique(keys, return_inverse=True)
    vehicle, line = np.divmod(pairs, len(network.usable))
    places = find_places(network, where, vehicle, line.astype(np.int32))
    on_line = _on_line(network, days, where, options, places, option_pair)
    standing = _standing(network, days, where, options)
    return _joined([on_line, standing])


def _on_line(
    network: Network,
    days: Days,
    where: Whereabouts,
    options: Options,
    places: Places,
    option_pair: Longs,
) -> Candidates:
    """Cross the options with the places of their pattern."""
    order = np.argsort(places.pair, kind="stable")
    low = np.searchsorted(places.pair[order], option_pair, side="left")
    high = np.searchsorted(places.pair[order], option_pair, side="right")
    at, option, _ = expand(low, high)
    place = order[at]
    vehicle, source = options.vehicle[option], options.source[option]
    along, off, fit = places.along_m[place], places.off_m[place], places.fit[place]
    runs, possible = _placed_runs(network, days, options, option, along, where.time_s[vehicle])
    delay = where.time_s[vehicle] - runs.base_s - network.scheduled_s(runs.trip, along)
    pattern = network.timetable.trips.pattern_idx[runs.trip]
    possible &= (delay >= -_EARLY_MAX_S[source]) & (delay <= _LATE_MAX_S[source])
    possible &= along - network.first_m[pattern] >= _END_M
    possible &= network.last_m[pattern] - along >= _END_M
    shown = places.moved_m[place] >= MOVED_MIN_M
    # two moves along the line before a claim; only who signs on to the very trip is believed first
    possible &= shown | (source == SOURCE_TRIP)
    possible &= ~shown | (fit >= np.where(source == SOURCE_FIT, 0.6, 0.34))
    timing = np.where(delay >= 0, delay * (0.15 / 60), -delay * (0.5 / 60))
    timing += np.where(options.headway[option] >= 0, _HEADWAY_COST, 0.0)
    cost = (
        2.0 * (off / places.tolerance_m[place]) ** 2
        + np.where(shown, 5.0 * (1.0 - fit), 1.5)
        + _SOURCE_COST[source]
        + timing
    )
    kind = np.full(len(option), ON_LINE, np.int8)
    return Candidates(vehicle, runs, source, kind, along, off, fit, delay, cost, timing).where(
        possible
    )


def _standing(network: Network, days: Days, where: Whereabouts, options: Options) -> Candidates:
    """Waiting at the first stop, or signed on and elsewhere."""
    option, runs = _waiting_runs(days, options, where.time_s)
    vehicle, source = options.vehicle[option], options.source[option]
    pattern = network.timetable.trips.pattern_idx[runs.trip]
    distance = np.hypot(
        where.x[vehicle] - network.first_x[pattern], where.y[vehicle] - network.first_y[pattern]
    )
    wait = runs.first_s - where.time_s[vehicle]
    at_stop = options.may_wait[option] & (distance <= _TERMINAL_M[source])
    at_stop &= (wait <= _WAIT_MAX_S[source]) & (wait >= -_OVERDUE_MAX_S[source])
    elsewhere = ~at_stop & options.may_roam[option]
    elsewhere &= (wait <= _ELSEWHERE_BEFORE_S) & (wait >= -_ELSEWHERE_AFTER_S)
    timing = np.where(wait >= 0, 0.0, -wait * (0.3 / 60))
    timing += np.where(options.headway[option] >= 0, _HEADWAY_COST, 0.0)
    cost = (
        1.5
        + np.minimum(distance / 150.0, 6.0)
        + np.maximum(wait, 0.0) * (0.05 / 60)
        + timing
        + _SOURCE_COST[source]
        + np.where(at_stop, 0.0, _ELSEWHERE_COST)
    )
    kind = np.where(at_stop, WAITING, ELSEWHERE).astype(np.int8)
    found = Candidates(
        vehicle,
        runs,
        source,
        kind,
        network.first_m[pattern],
        distance,
        np.ones(len(option)),
        np.maximum(0.0, -wait),
        cost,
        timing,
    )
    return found.where(at_stop | elsewhere)


def _placed_runs(
    network: Network,
    days: Days,
    options: Options,
    option: Longs,
    along_m: Floats,
    time_s: Floats,
) -> tuple[Runs, NDArray[np.bool_]]:
    """Give the run of each placed option; for headway service the one that fits the place."""
    runs = options.runs.where(option)
    row = options.headway[option]
    by_headway = np.flatnonzero(row >= 0)
    if not len(by_headway):
        return runs, np.ones(len(option), np.bool_)
    h, r, trip = days.headways, row[by_headway], runs.trip[by_headway]
    ran_s = network.scheduled_s(trip, along_m[by_headway]) - days.template_start_s[trip]
    start = time_s[by_headway] - h.day_start_s[r] - ran_s
    exact = h.exact[r]
    grid = np.floor((start + 60.0 - h.from_s[r]) / h.headway_s[r])  # up to a minute early
    start = np.where(exact, h.from_s[r] + grid * h.headway_s[r], np.round(start / 60.0) * 60.0)
    slack = np.where(exact, 0, h.headway_s[r])
    possible = np.ones(len(option), np.bool_)
    possible[by_headway] = (start >= h.from_s[r] - slack) & (start < h.until_s[r] + slack)
    return _set_starts(days, runs, by_headway, h, r, start), possible


def _waiting_runs(days: Days, options: Options, time_s: Floats) -> tuple[Longs, Runs]:
    """Give (option, run) for the departures a waiting bus may take; three by headway."""
    plain = np.flatnonzero(options.headway < 0)
    by_headway = np.flatnonzero(options.headway >= 0)
    option = np.concatenate((plain, np.repeat(by_headway, 3)))
    runs = options.runs.where(option)
    if not len(by_headway):
        return option, runs
    h, rows = days.headways, np.arange(len(plain), len(option))
    r = options.headway[option[rows]]
    since = time_s[options.vehicle[option[rows]]] - 30.0 - h.day_start_s[r] - h.from_s[r]
    number = np.maximum(np.ceil(since / h.headway_s[r]), 0) + np.tile([0, 1, 2], len(by_headway))
    start = h.from_s[r] + number * h.headway_s[r]
    runs = _set_starts(days, runs, rows, h, r, start)
    keep = np.ones(len(option), np.bool_)
    keep[rows] = start < h.until_s[r]
    return option[keep], runs.where(keep)


def _set_starts(days: Days, runs: Runs, rows: Longs, h: Headways, r: Longs, start: Floats) -> Runs:
    """Give the runs with some rows moved to the given starts in the service day."""
    table = days.timetable.trips
    trip = runs.trip[rows]
    start_s, base_s = runs.start_s.copy(), runs.base_s.copy()
    start_s[rows] = start.astype(np.int32)
    base_s[rows] = h.day_start_s[r] + start - days.template_start_s[trip]
    first_s, last_s = runs.first_s.copy(), runs.last_s.copy()
    first_s[rows] = base_s[rows] + table.first_s[trip]
    last_s[rows] = base_s[rows] + table.last_s[trip]
    return Runs(runs.trip, runs.day, start_s, base_s, first_s, last_s)


def _joined(parts: list[Candidates]) -> Candidates:
    runs = join_runs([p.runs for p in parts])
    fields = ("vehicle", "source", "kind", "along_m", "off_m", "fit", "delay_s", "cost", "timing")
    values = {name: np.concatenate([getattr(p, name) for p in parts]) for name in fields}
    return Candidates(runs=runs, **values)
