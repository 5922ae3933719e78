"""When each bus will be at the stops ahead: along its run, and through layovers into the next ones.

A time is chained from where the bus is: the rest of its leg, then leg by leg what the travel times
say. At a layover a bus leaves when it is due or after the least turn-round, whichever is later; a
short break is a leg like any other. A bus that is too early waits where early buses do. The median
is kept beside what is published: that leans early, because a rider who comes to the stop too late
has missed the bus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.beliefs import AT_STOP_M, Ground
from sapar.gtfs.realtime.departures import SHORT_BREAK_S
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.holding import EARLY_S, LIKELY, early_at, is_timed
from sapar.gtfs.realtime.ragged import expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
RunKey = tuple[int, int, int]

AHEAD_S = 1800.0
"""Next runs of a block are predicted when they begin within this time."""
DWELL_S, DWELL_SHARE = 20.0, 0.3
_LEGS_MAX = 8
_FIRST_STEP_S = 1.0  # what is still ahead lies after now
_GROUP_S = 1e8
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Forecast:
    """Stops ahead of runs, flat; the runs of a vehicle follow each other.

    Attributes:
        vehicle: number of the vehicle asked for, of each run; trip, day, start_s: the run.
        depth: 0 for the run that the vehicle is on, 1 for the next one of its block …
        begin: where the stops of each run begin.
        row: stop-time rows; arrival_s, departure_s: medians, Unix seconds.
        kind: class of the uncertainty of each stop; ahead_s: seconds from now, not below 0.
    """

    vehicle: Longs
    trip: Ints
    day: Ints
    start_s: Ints
    base_s: Floats
    depth: Longs
    begin: Longs
    row: Longs
    arrival_s: Floats
    departure_s: Floats
    kind: NDArray[np.int8]

    def count(self) -> Longs:
        """Give the number of stops of each run."""
        return np.diff(np.append(self.begin, len(self.row)))


@dataclass(frozen=True, slots=True)
class Lean:
    """How much earlier than the median an arrival is published: riders miss fewer buses.

    Attributes:
        seconds: always; share: of the time to go, besides.
    """

    seconds: float = 10.0
    share: float = 0.08

    def of(self, median_s: Floats, now_s: float) -> Floats:
        """Give the time to publish for a median: earlier, yet after now."""
        ahead = np.maximum(median_s - now_s, 0.0)
        early = np.maximum(median_s - self.seconds - self.share * ahead, now_s + 1.0)
        result: Floats = np.where(median_s > now_s, np.minimum(early, median_s), median_s)
        return result


@dataclass
class Forecaster:
    """What predictions rest on, beside the beliefs."""

    ground: Ground
    lean: Lean = field(default_factory=Lean)

    def forecast(self, fleet: FleetState, slots: Slots, now_s: float) -> Forecast:
        """Predict the runs of vehicles that have one, and the next ones of their blocks."""
        row = fleet.rows("next_row")[slots]
        trip = fleet.ints("trip")[slots]
        parts = [self._first(fleet, slots, row, trip, now_s)]
        for _ in range(_LEGS_MAX - 1):
            part = self._next(parts[-1], now_s)
            if not len(part.vehicle):
                break
            parts.append(part)
        return _joined(parts[::-1])

    def _first(
        self, fleet: FleetState, slots: Slots, row: Longs, trip: Ints, now_s: float
    ) -> Forecast:
        """Predict the runs that the vehicles are on."""
        lattice = self.ground.lattice
        waiting = row == lattice.first_row[trip]
        rows, run, begin, took = self._calls(row, fleet.ints("day")[slots], now_s)
        took[begin] = np.where(waiting, 0.0, self._rest(fleet, slots, row, took[begin]))
        base_s = fleet.floats("base_s")[slots]
        leave_s = self._leaving(fleet, slots, row, base_s, now_s)
        start = np.where(waiting, leave_s, self._going_on(fleet, slots, row, trip))
        arrival = self._driven(start, rows, run, begin, took, base_s)
        arrival[begin] = np.where(waiting, np.minimum(now_s - 1.0, leave_s), arrival[begin])
        arrival = np.where(
            waiting[run] & (rows == row[run]), arrival, np.maximum(arrival, now_s + _FIRST_STEP_S)
        )
        kind = np.where(waiting, 1, 0).astype(np.int8)[run]
        departure = arrival.copy()
        departure[begin] = np.where(waiting, np.maximum(leave_s, now_s), arrival[begin])
        return Forecast(
            np.arange(len(slots)), trip, fleet.ints("day")[slots], fleet.ints("start_s")[slots],
            base_s, np.zeros(len(slots), np.int64), begin, rows, arrival, departure, kind,
        )  # fmt: skip

    def _calls(self, row: Longs, day: Ints, now_s: float) -> tuple[Longs, Longs, Longs, Floats]:
        """List the calls that runs make from `row` on: (rows, run, begin, what each leg takes)."""
        lattice, times, ways = self.ground.lattice, self.ground.times, self.ground.ways
        rows, run, begin = expand(row, lattice.last_row[lattice.trip_of_row[row]] + 1)
        if ways:
            made = ~ways.left_out(rows, day[run])
            made[begin] = True
            rows, run = rows[made], run[made]
            begin = np.searchsorted(run, np.arange(len(row)))
        return rows, run, begin, ways.took(rows, day[run], lambda r: times.estimate(r, now_s)[0])

    def _leaving(
        self, fleet: FleetState, slots: Slots, row: Longs, base_s: Floats, now_s: float
    ) -> Floats:
        """Give when buses that wait for a trip leave."""
        lattice, departures = self.ground.lattice, self.ground.departures
        table = lattice.network.timetable.stop_times
        due_s = base_s + table.departure_s[row]
        before = fleet.rows("reached_row")[slots]
        known = (before != NO) & np.isfinite(fleet.floats("reached_s")[slots])
        before = np.where(known, before, row)
        break_s, way_m = self.ground.lattice.between(before, row)
        ended_s = np.where(known, fleet.floats("reached_s")[slots], -np.inf)
        leave_s = departures.leaving(
            table.stop_idx[row].astype(np.int64),
            due_s,
            departures.ready(table.stop_idx[row].astype(np.int64), ended_s, break_s, way_m),
        )
        return departures.still(leave_s, now_s)

    def _going_on(self, fleet: FleetState, slots: Slots, row: Longs, trip: Ints) -> Floats:
        """Give from when buses go on: now, or when due if they wait for that.

        That is so for those that came early to where early buses wait, until they are due.
        """
        lattice, departures = self.ground.lattice, self.ground.departures
        time_s, delay_s = fleet.floats("time_s")[slots], fleet.floats("delay_s")[slots]
        came, leg = np.maximum(row - 1, 0), lattice.leg_of_row[row]
        after_first = row - lattice.first_row[trip] == 1
        came_s = fleet.floats("reached_s")[slots]
        came_s = np.where(after_first, fleet.floats("left_s")[slots], came_s)
        known = (fleet.rows("reached_row")[slots] == row - 1) & np.isfinite(came_s)
        early_s = early_at(lattice, came, fleet.floats("base_s")[slots], came_s)
        early_s = np.where(known | ~is_timed(lattice, came), early_s, -delay_s)
        done_m = fleet.floats("along_m")[slots] - lattice.m[lattice.leg_begin[leg]]
        stop = lattice.network.timetable.stop_times.stop_idx[came].astype(np.int64)
        waits = departures.holding.share(stop, after_first) > LIKELY
        waits &= (early_s > EARLY_S) & (delay_s < 0) & (after_first | known & (done_m < AT_STOP_M))
        return np.where(waits, time_s - delay_s + departures.offset_s, time_s)

    def _driven(
        self, start_s: Floats, rows: Longs, run: Longs, begin: Longs, took_s: Floats, base_s: Floats
    ) -> Floats:
        """Give arrivals along runs, with the waits of buses that would come much too early.

        A bus waits at the call where it has become more likely that it has waited than that it has
        driven on past all calls that it came too early to. `start_s`, `begin` and `base_s` are of
        runs; `rows`, `run` (which run) and `took_s` of calls.
        """
        lattice, departures = self.ground.lattice, self.ground.departures
        arrival_s = start_s[run] + _cumulated(took_s, begin, run)
        early_s = early_at(lattice, rows, base_s[run], arrival_s)
        early = early_s > EARLY_S
        if not early.any():
            return arrival_s
        stop = lattice.network.timetable.stop_times.stop_idx[rows].astype(np.int64)
        first = rows == lattice.first_row[lattice.trip_of_row[rows]]
        drives_on = np.where(early, 1.0 - departures.holding.share(stop, first), 1.0)
        drove_on = _cumulated(np.log(np.maximum(drives_on, _LEAST_SHARE)), begin, run)
        waits = early & (drove_on < np.log(1.0 - LIKELY))
        wait_s = np.where(waits, early_s + departures.offset_s, 0.0)
        wait_s = np.maximum.accumulate(wait_s + run * _GROUP_S) - run * _GROUP_S
        arrival_s[1:] += np.where(run[1:] == run[:-1], wait_s[:-1], 0.0)
        return arrival_s

    def _rest(self, fleet: FleetState, slots: Slots, row: Longs, took_s: Floats) -> Floats:
        """Give what is left of the time for the leg that each bus is on.

        The time of a leg is dwell at its start, then the way. A bus that stands where it arrived
        has dwelt for a while already; one that has left has its dwell behind it.
        """
        lattice, ways, day = self.ground.lattice, self.ground.ways, fleet.ints("day")[slots]
        along_m, opening = fleet.floats("along_m")[slots], ways.opening(row, day)
        length_m = ways.took(row, day, lambda rows: lattice.leg_m[lattice.leg_of_row[rows]])
        done_m = along_m - lattice.m[lattice.leg_begin[lattice.leg_of_row[opening]]]
        dwell_s = np.minimum(DWELL_S, DWELL_SHARE * took_s)
        way_m = np.maximum(length_m - AT_STOP_M, 1.0)
        left = np.clip((way_m - done_m) / way_m, 0.0, 1.0)
        left = ways.left_share(row, day, along_m, left)
        at_start = (fleet.rows("reached_row")[slots] == opening - 1) & (done_m < AT_STOP_M)
        stood_s = fleet.floats("time_s")[slots] - fleet.floats("reached_s")[slots]
        stood_s = np.where(np.isfinite(stood_s), stood_s, dwell_s)
        still_s = np.where(at_start, np.maximum(dwell_s - stood_s, 0.0), 0.0)
        result: Floats = still_s + (took_s - dwell_s) * left
        return result

    def _next(self, done: Forecast, now_s: float) -> Forecast:
        """Predict the runs that follow those of a forecast, as far as they begin soon."""
        lattice, links = self.ground.lattice, self.ground.links
        table = lattice.network.timetable.stop_times
        following = links.following(done.day, done.trip)
        end = np.append(done.begin[1:], len(done.row)) - 1
        goes_on = np.flatnonzero((following != NO) & (done.count() > 0))
        trip, base_s = following[goes_on], done.base_s[goes_on]
        ended_s = done.arrival_s[end[goes_on]]
        first, last = lattice.first_row[trip], lattice.last_row[done.trip[goes_on]]
        due_s = base_s + table.departure_s[first]
        break_s, way_m = self.ground.lattice.between(last, first)
        departures = self.ground.departures
        leave_s = departures.leaving(
            table.stop_idx[first].astype(np.int64),
            due_s,
            departures.ready(table.stop_idx[first].astype(np.int64), ended_s, break_s, way_m),
        )
        soon = leave_s <= now_s + AHEAD_S
        goes_on, trip, base_s, first = goes_on[soon], trip[soon], base_s[soon], first[soon]
        leave_s, ended_s, break_s = leave_s[soon], ended_s[soon], break_s[soon]
        rows, run, begin, took = self._calls(first, done.day[goes_on], now_s)
        took[begin] = 0.0
        arrival = self._driven(leave_s, rows, run, begin, took, base_s)
        departure = arrival.copy()
        arrival[begin] = np.minimum(ended_s + np.minimum(30.0, 0.5 * break_s), leave_s)
        kind = np.where(break_s > SHORT_BREAK_S, 1, done.kind[done.begin[goes_on]])[run]
        return Forecast(
            done.vehicle[goes_on], trip.astype(np.int32), done.day[goes_on],
            table.arrival_s[first].astype(np.int32), base_s, done.depth[goes_on] + 1,
            begin, rows, arrival, departure, kind.astype(np.int8),
        )  # fmt: skip


def rising(arrival_s: Floats, departure_s: Floats, run: Longs) -> tuple[Longs, Longs]:
    """Make times rise: departure not before arrival, each arrival after the departure before.

    Whole seconds; a time is only ever moved later, and by as little as that needs (rule E022 of the
    GTFS-realtime validator wants times that strictly increase from stop to stop).
    """
    if not len(run):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    origin = float(np.floor(min(arrival_s.min(), departure_s.min())))
    both = np.empty(2 * len(run))
    both[0::2], both[1::2] = np.rint(arrival_s - origin), np.rint(departure_s - origin)
    step = np.repeat(np.arange(len(run)), 2)  # one second from each stop to the next
    group = np.repeat(run, 2) * _GROUP_S
    level = np.maximum.accumulate(both - step + group) + step - group
    whole = level.astype(np.int64) + int(origin)
    return whole[0::2], whole[1::2]


def _cumulated(values: Floats, begin: Longs, group: Longs) -> Floats:
    """Add up within groups."""
    total = np.cumsum(values)
    before = np.append(0.0, total)[begin]
    result: Floats = total - before[group]
    return result


def _joined(parts: list[Forecast]) -> Forecast:
    """Put forecasts together."""
    offset, begins = 0, []
    for part in parts:
        begins.append(part.begin + offset)
        offset += len(part.row)

    def column(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return Forecast(
        column("vehicle"),
        column("trip"),
        column("day"),
        column("start_s"),
        column("base_s"),
        column("depth"),
        np.concatenate(begins),
        column("row"),
        column("arrival_s"),
        column("departure_s"),
        column("kind"),
    )
