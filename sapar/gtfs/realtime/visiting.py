"""When buses came to their stops and left them: seen by the tracker, logged, and learnt from.

Arrival is the first moment within `AT_STOP_M` of the stop on straight lines between fixes, or else
that of the closest approach. Departure is the last fix near it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.beliefs import AT_STOP_M, Beliefs, Ground, Step
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.holding import early_at
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.visits import Visits

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEFT_M = 60.0
"""A bus has left a stop when it is further from it."""
_SEEN_GAP_S = 90.0  # between fixes further apart an arrival is a guess
_SURE_GAP_S = 45.0  # nor can it be said that a bus passed far off
_SEEN_OFF_M = 150.0  # passing further off is none
_COLUMNS = ("slot", "trip", "day", "start_s", "row", "arrival_s", "departure_s", "seen")


class VisitLog:
    """Visits found and not yet handed out."""

    def __init__(self) -> None:
        self._parts: list[dict[str, NDArray[np.generic]]] = []

    def add(self, **columns: NDArray[np.generic]) -> None:
        """Append visits; the names are those of `_COLUMNS`."""
        self._parts.append(columns)

    def drain(self, vehicle_ids: list[str]) -> Visits:
        """Hand out all visits and forget them; `vehicle_ids` by slot."""
        parts, self._parts = self._parts, []
        if not parts:
            longs, ints = np.zeros(0, np.int64), np.zeros(0, np.int32)
            no = np.zeros(0, np.bool_)
            return Visits([], ints, ints, ints, longs, np.zeros(0), np.zeros(0), no)
        joined = {name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS}
        return Visits(
            [vehicle_ids[slot] for slot in joined["slot"].tolist()],
            joined["trip"].astype(np.int32),
            joined["day"].astype(np.int32),
            joined["start_s"].astype(np.int32),
            joined["row"].astype(np.int64),
            joined["arrival_s"].astype(np.float64),
            joined["departure_s"].astype(np.float64),
            joined["seen"].astype(np.bool_),
        )


def begin(fleet: FleetState, slot: int) -> None:
    """Forget the calls of the run before: a vehicle begins a run in the midst of it."""
    fleet["reached_row"][slot] = NO
    fleet["near_m"][slot] = np.inf
    fleet["behind_s"][slot] = 0.0
    fleet["along_m"][slot] = 0.0
    fleet["departed"][slot] = False
    for name in ("near_s", "reached_s", "left_s"):
        fleet[name][slot] = np.nan


def end(fleet: FleetState, ground: Ground, slots: Longs, log: VisitLog) -> None:
    """Log the calls that vehicles reached last, as they leave their runs."""
    row = fleet.rows("reached_row")[slots]
    has = slots[(row != NO) & (fleet.ints("trip")[slots] != NO)]
    if len(has):
        arrived_s = fleet.floats("reached_s")[has]
        left_s = fleet.floats("left_s")[has]
        row = fleet.rows("reached_row")[has]
        _log(fleet, ground, has, row, arrived_s, left_s, np.isfinite(arrived_s), log)
    fleet["reached_row"][slots] = NO


def reach_last(fleet: FleetState, ground: Ground, slot: int, log: VisitLog) -> None:
    """Count the last call of a run as reached: the bus may stand there from now on."""
    if fleet["reached_row"][slot] != fleet["next_row"][slot]:
        end(fleet, ground, np.array([slot]), log)
    fleet["reached_row"][slot] = fleet["next_row"][slot]
    fleet["reached_s"][slot] = fleet["left_s"][slot] = fleet["near_s"][slot]


def watch(fleet: FleetState, ground: Ground, step: Step, beliefs: Beliefs, log: VisitLog) -> None:
    """Note the calls between the vehicles' next calls so far and those of their beliefs."""
    lattice, slots = ground.lattice, step.fixes.slots
    _stay_near(fleet, ground, step)
    before = fleet.rows("next_row")[slots]
    trip, was = lattice.trip_of_row[beliefs.row], lattice.trip_of_row[np.maximum(before, 0)]
    other = (trip != was) & (before != NO)
    low = np.where(other, lattice.first_row[trip], before)
    high = np.where(before == NO, low, np.maximum(beliefs.row, low))
    old_rows, old_fix, _ = expand(before[other], lattice.last_row[was[other]] + 1)
    new_rows, new_fix, _ = expand(low, high)
    fix = np.concatenate((np.flatnonzero(other)[old_fix], new_fix))
    row = np.concatenate((old_rows, new_rows))
    part = np.repeat([0, 1], [len(old_rows), len(new_rows)])
    order = np.lexsort((row, part, fix))
    day = fleet.ints("day")[slots[fix[order]]]
    order = order[~ground.ways.left_out(row[order], day)]
    if len(order):
        _pass(fleet, ground, step, fix[order], row[order], log)
    _approach(fleet, ground, step, beliefs.row)


def _stay_near(fleet: FleetState, ground: Ground, step: Step) -> None:
    """Move on the moment of leaving while a bus is near the stop that it reached last."""
    slots = step.fixes.slots
    row = fleet.rows("reached_row")[slots]
    at = np.flatnonzero(row != NO)
    lattice = ground.lattice
    out = np.hypot(
        step.fixes.x[at] - lattice.stop_x[row[at]], step.fixes.y[at] - lattice.stop_y[row[at]]
    )
    here = at[out <= LEFT_M]
    fleet["left_s"][slots[here]] = step.fixes.time_s[here]


def closest(ground: Ground, step: Step, fix: Longs, row: Longs) -> tuple[Floats, Floats]:
    """Give how near the way since the last look comes to stops, and when.

    Where it comes within `AT_STOP_M`, the moment of entering that circle.
    """
    lattice = ground.lattice
    rx, ry = lattice.stop_x[row] - step.from_x[fix], lattice.stop_y[row] - step.from_y[fix]
    dx, dy = step.dx[fix], step.dy[fix]
    length2 = np.maximum(dx * dx + dy * dy, 1e-9)
    along = rx * dx + ry * dy
    share = np.clip(along / length2, 0.0, 1.0)
    off = np.hypot(rx - share * dx, ry - share * dy)
    root = np.sqrt(np.maximum(along**2 - length2 * (rx**2 + ry**2 - AT_STOP_M**2), 0.0))
    enter = np.clip((along - root) / length2, 0.0, 1.0)
    share = np.where(off <= AT_STOP_M, enter, share)
    elapsed = step.elapsed_s[fix]
    return off, step.fixes.time_s[fix] - (1.0 - share) * elapsed


def _approach(fleet: FleetState, ground: Ground, step: Step, row: Longs) -> None:
    """Remember the closest approach to the next call; within reach, the first moment counts."""
    slots = step.fixes.slots
    off, when = closest(ground, step, np.arange(len(slots)), row)
    fresh = fleet.rows("next_row")[slots] != row
    best = np.where(fresh, np.inf, fleet.floats("near_m")[slots])
    nearer = (off < best) & (best > AT_STOP_M)
    fleet["near_m"][slots] = np.where(nearer, off, best)
    fleet["near_s"][slots] = np.where(nearer, when, fleet.floats("near_s")[slots])


def _pass(
    fleet: FleetState, ground: Ground, step: Step, fix: Longs, row: Longs, log: VisitLog
) -> None:
    """Note calls that were passed since the last look: sorted by vehicle, then in their order."""
    slots = step.fixes.slots[fix]
    off, when = closest(ground, step, fix, row)
    opening = np.append(True, fix[1:] != fix[:-1])
    known = opening & (fleet.rows("next_row")[slots] == row)
    near_m = np.where(known, fleet.floats("near_m")[slots], np.inf)
    earlier = (near_m <= AT_STOP_M) | (near_m < off)
    when = np.where(earlier, fleet.floats("near_s")[slots], when)
    off = np.minimum(off, near_m)
    sure = (step.elapsed_s[fix] <= _SURE_GAP_S) & step.known[fix]
    sure &= row != ground.lattice.first_row[ground.lattice.trip_of_row[row]]
    table = ground.lattice.network.timetable.stop_times
    ground.stops.observe(table.stop_idx[row[sure]], off[sure])
    group = np.cumsum(opening) - 1
    floor = np.where(opening, -np.inf, when)
    when = _not_falling(np.where(opening, when, floor), group)
    seen = (off <= _SEEN_OFF_M) & (step.elapsed_s[fix] <= _SEEN_GAP_S) & step.known[fix]
    _learn(fleet, ground, slots, row, when, seen, opening)
    ground.uncertainty.learn(slots[seen], row[seen], when[seen])
    _learn_departures(fleet, ground, slots, row, when, seen, opening)
    closing = np.append(fix[1:] != fix[:-1], True)
    _log_passed(fleet, ground, slots, row, when, seen, opening, closing, log)
    end = np.flatnonzero(closing)
    owner = slots[end]
    fleet["reached_row"][owner] = row[end]
    fleet["reached_s"][owner] = np.where(seen[end], when[end], np.nan)
    fleet["left_s"][owner] = np.maximum(when[end], fleet.floats("tracked_s")[owner])
    fleet["advanced_s"][owner] = step.fixes.time_s[fix[end]]
    fleet["near_m"][owner] = np.inf


def _not_falling(times: Floats, group: Longs) -> Floats:
    """Make times within each group not fall."""
    span = 1e10
    result: Floats = np.maximum.accumulate(times + group * span) - group * span
    return result


def _learn(
    fleet: FleetState,
    ground: Ground,
    slots: Longs,
    row: Longs,
    when: Floats,
    seen: Bools,
    opening: Bools,
) -> None:
    """Teach the travel times what each leg took: from arrival, or from leaving a first stop."""
    lattice = ground.lattice
    trip = lattice.trip_of_row[row]
    follows = fleet.rows("reached_row")[slots] == row - 1
    after_first = row - 1 == lattice.first_row[trip]
    from_state = np.where(
        after_first, fleet.floats("left_s")[slots], fleet.floats("reached_s")[slots]
    )
    start = np.where(
        opening,
        np.where(follows, from_state, np.nan),
        np.append(np.nan, np.where(seen[:-1] & (np.diff(row) == 1), when[:-1], np.nan)),
    )
    took = when - start
    use = seen & np.isfinite(took) & (took > 0) & (row != lattice.first_row[trip])
    use &= ~ground.ways.led(row, fleet.ints("day")[slots])  # the way round is another way
    if use.any():
        base_s = fleet.floats("base_s")[slots[use]]
        _learn_legs(ground, row[use], base_s, start[use], when[use], after_first[use])


def _learn_legs(
    ground: Ground, row: Longs, base_s: Floats, start_s: Floats, when_s: Floats, after_first: Bools
) -> None:
    """Teach what legs took, and where early buses waited; a wait is no part of the way."""
    took_s = when_s - start_s
    usual_s, _ = ground.times.estimate(row, float(when_s.max()))
    stop = ground.lattice.network.timetable.stop_times.stop_idx[row - 1].astype(np.int64)
    early_s = early_at(ground.lattice, row - 1, base_s, start_s)
    drove = ~ground.departures.holding.observe(stop, after_first, early_s, took_s - usual_s)
    ground.times.observe(row[drove], took_s[drove], when_s[drove])


def _learn_departures(
    fleet: FleetState,
    ground: Ground,
    slots: Longs,
    row: Longs,
    when: Floats,
    seen: Bools,
    opening: Bools,
) -> None:
    """Teach the departures when buses came to first stops, and when they were gone."""
    lattice = ground.lattice
    at = np.flatnonzero((row == lattice.first_row[lattice.trip_of_row[row]]) & seen)
    if not len(at):
        return
    table = lattice.network.timetable.stop_times
    due_s = fleet.floats("base_s")[slots[at]] + table.departure_s[row[at]]
    left_s = np.maximum(when[at], fleet.floats("tracked_s")[slots[at]])
    stop = table.stop_idx[row[at]].astype(np.int64)
    ground.departures.observe(stop, due_s, when[at], left_s)
    before = np.where(opening, fleet.rows("reached_row")[slots], np.append(NO, row[:-1]))[at]
    ended_s = np.where(opening, fleet.floats("reached_s")[slots], np.append(np.nan, when[:-1]))[at]
    known = (before != NO) & np.isfinite(ended_s)
    before, first = before[known], row[at][known]
    break_s, way_m = lattice.between(before, first)
    ground.departures.observe_turns(
        stop[known], due_s[known], ended_s[known], left_s[known], break_s, way_m
    )


def _log_passed(
    fleet: FleetState,
    ground: Ground,
    slots: Longs,
    row: Longs,
    when: Floats,
    seen: Bools,
    opening: Bools,
    closing: Bools,
    log: VisitLog,
) -> None:
    """Log the visit before each group, now that the bus has left it, and those inside groups."""
    at = np.flatnonzero(opening)
    owner = slots[at]
    last = fleet.rows("reached_row")[owner]
    has = last != NO
    left = owner[has]
    arrived_s = fleet.floats("reached_s")[left]
    departed_s = fleet.floats("left_s")[left]
    _log(fleet, ground, left, last[has], arrived_s, departed_s, np.isfinite(arrived_s), log)
    inner = ~closing
    if inner.any():
        _log(fleet, ground, slots[inner], row[inner], when[inner], when[inner], seen[inner], log)


def _log(
    fleet: FleetState,
    ground: Ground,
    slots: Longs,
    row: Longs,
    arrival_s: Floats,
    departure_s: Floats,
    seen: Bools,
    log: VisitLog,
) -> None:
    if not len(slots):
        return
    trip = ground.lattice.trip_of_row[row]
    own = trip == fleet.ints("trip")[slots]
    table = ground.lattice.network.timetable
    plain_start = table.stop_times.arrival_s[ground.lattice.first_row[trip]]
    log.add(
        slot=slots,
        trip=trip,
        day=fleet.ints("day")[slots],
        start_s=np.where(own, fleet.ints("start_s")[slots], plain_start),
        row=row,
        arrival_s=arrival_s,
        departure_s=np.maximum(departure_s, np.where(np.isfinite(arrival_s), arrival_s, -np.inf)),
        seen=seen,
    )
