"""Where each bus may be on which run: beliefs, carried forward and weighed again with every fix.

A belief is (vehicle, run, next call) with a score, the logarithm of its likelihood but for a
constant; a vehicle has a handful. A fix moves beliefs forward along the calls of the run, and from
the last call of a run to the first of the block's next one; never back. What explains the fix badly
fades; what is far behind the best is dropped. Written as a forward filter (Viterbi scores) over
flat arrays, all vehicles at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, project_on_segments
from sapar.gtfs.realtime.days import Links
from sapar.gtfs.realtime.departures import Departures
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.intake import Round
from sapar.gtfs.realtime.lateness import Lateness
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.ragged import expand, number_in_group
from sapar.gtfs.realtime.service_of_stops import StopService
from sapar.gtfs.realtime.sign_check import disagreement, is_signed
from sapar.gtfs.realtime.travel_times import TravelTimes
from sapar.gtfs.realtime.turns import NO_TURNS, Turns
from sapar.gtfs.realtime.uncertainty import Uncertainty
from sapar.gtfs.realtime.ways import NO_WAYS, Ways

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEP_S = 4.5
"""A vehicle that reports more often is looked at so often, ..."""
STEP_M = 30.0
"""... or when it has moved so far."""
AT_STOP_M = 30.0
"""Arrived: the first moment this near to the stop."""
KEPT = 40
"""Beliefs kept of a vehicle at most."""
WORSE_MAX = 14.0
"""Beliefs so much worse than the best are dropped."""
_REACH_M, _REACH_SHARE = 300.0, 1.5  # how far a belief may go on while the bus moves
_STEPS_MAX = 12
_OFF_WORST = 8.0  # a fix off the line says no more against it than this
_TURNED = 2.0  # driving against the line
_MOVED_M = 25.0  # less is noise: no direction in it
_EVIDENCE_S = 12.0  # fixes nearer in time say the same thing again
_MISSED = 0.7  # passing a stop out of its reach
_STAYED = 1.5  # not having arrived, though within reach
_LEAVING_S = 60.0
_LEFT_M = 60.0
_EARLY_PER_S = 1.0 / 60.0
_EARLY_WORST = 8.0
_WAIT_NEAR_M, _WAIT_WIDTH_M = 60.0, 90.0
_LINK_SHARE = 0.3
_AWAY_WORST = 3.5  # a bus without a line under it may be on its way to the first stop
_LOOSE = 1.5  # such a run fits at any moment: that it is on time is no evidence


@dataclass(slots=True)
class Beliefs:
    """Beliefs as columns, sorted by slot.

    Attributes:
        slot: whose; row: the next call; day, start_s, base_s: of the run, as in `Runs`.
        score: 0 for the best of a vehicle, below for the others.
        along_m, off_m: where the newest fix puts it on the line.
        fit: how well the newest fix is explained, 0 at best.
        timing: what the score holds against the lateness, as it was at its oddest.
    """

    slot: Longs
    row: Longs
    day: Ints
    start_s: Ints
    base_s: Floats
    score: Floats
    along_m: Floats
    off_m: Floats
    fit: Floats
    timing: Floats

    def __len__(self) -> int:
        return len(self.slot)

    def where(self, keep: Bools | Longs) -> Beliefs:
        """Give some of the beliefs, by mask or by rows."""
        return Beliefs(*(getattr(self, name)[keep] for name in self.__slots__))

    @staticmethod
    def joined(parts: list[Beliefs]) -> Beliefs:
        """Put beliefs together, sorted by slot."""
        columns = [np.concatenate([getattr(p, n) for p in parts]) for n in Beliefs.__slots__]
        order = np.argsort(columns[0], kind="stable")
        return Beliefs(*(column[order] for column in columns))

    @staticmethod
    def none() -> Beliefs:
        """Give an empty table."""
        longs, ints, floats = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0)
        return Beliefs(longs, longs, ints, ints, *[floats] * 6)


@dataclass(frozen=True)
class Ground:
    """What beliefs stand on."""

    lattice: Lattice
    links: Links
    times: TravelTimes
    departures: Departures
    stops: StopService
    uncertainty: Uncertainty
    turns: Turns = NO_TURNS
    ways: Ways = NO_WAYS
    lateness: Lateness = field(default_factory=Lateness)


def due_for_a_look(fleet: FleetState, fixes: Round) -> Bools:
    """Tell which fixes are worth a look: enough time or way since the last one."""
    slots = fixes.slots
    elapsed = fixes.time_s - fleet.floats("tracked_s")[slots]
    moved = np.hypot(
        fixes.x - fleet.floats("tracked_x")[slots], fixes.y - fleet.floats("tracked_y")[slots]
    )
    result: Bools = ~((elapsed < STEP_S) & (moved < STEP_M))
    return result


def advance(beliefs: Beliefs, fleet: FleetState, ground: Ground, fixes: Round) -> Beliefs:
    """Give the beliefs of the vehicles of a round after their fixes; only theirs."""
    begin = np.searchsorted(beliefs.slot, fixes.slots, side="left")
    end = np.searchsorted(beliefs.slot, fixes.slots, side="right")
    rows, fix, _ = expand(begin, end)
    if not len(rows):
        return Beliefs.none()
    step = Step(fleet, ground, fixes)
    moved, fix = _spread(beliefs.where(rows), fix, step)
    moved, fix = _merged(moved, fix)
    weigh(moved, fix, step)
    return kept(moved)


class Step:
    """A round of fixes against the fixes looked at before: what was driven since."""

    def __init__(
        self, fleet: FleetState, ground: Ground, fixes: Round, *, first_look: bool = False
    ) -> None:
        slots = fixes.slots
        self.fleet, self.ground, self.fixes = fleet, ground, fixes
        self.first_look = first_look
        self.from_x = fleet.floats("tracked_x")[slots]
        self.from_y = fleet.floats("tracked_y")[slots]
        self.known = np.isfinite(self.from_x)
        self.from_x = np.where(self.known, self.from_x, fixes.x)
        self.from_y = np.where(self.known, self.from_y, fixes.y)
        self.elapsed_s = np.where(
            self.known, np.maximum(fixes.time_s - fleet.floats("tracked_s")[slots], 1.0), 1.0
        )
        self.dx, self.dy = fixes.x - self.from_x, fixes.y - self.from_y
        self.moved_m = np.hypot(self.dx, self.dy)
        self.evidence = np.clip(self.elapsed_s / _EVIDENCE_S, 0.25, 1.25)
        if first_look:
            self.evidence = np.ones(len(slots))

    def passed_by(self, fix: Longs, row: Longs) -> Bools:
        """Tell whether the way since the last look comes within reach of the stop of a row."""
        lattice = self.ground.lattice
        _, off = project_on_segments(
            lattice.stop_x[row],
            lattice.stop_y[row],
            self.from_x[fix],
            self.from_y[fix],
            self.fixes.x[fix],
            self.fixes.y[fix],
        )
        result: Bools = off <= AT_STOP_M
        return result


def _spread(beliefs: Beliefs, fix: Longs, step: Step) -> tuple[Beliefs, Longs]:
    """Let each belief stay, or go on by one call or several."""
    lattice, links, ways = step.ground.lattice, step.ground.links, step.ground.ways
    plan = lattice.network.timetable.stop_times
    reach = step.moved_m[fix] * _REACH_SHARE + _REACH_M
    parts, owners = [], []
    here, at, gone = beliefs, fix, np.zeros(len(beliefs))
    for number in range(_STEPS_MAX):
        touched = step.passed_by(at, here.row)
        trip = lattice.trip_of_row[here.row]
        first = here.row == lattice.first_row[trip]
        last = here.row == lattice.last_row[trip]
        stay = here.where(np.arange(len(here)))
        stay.score = here.score - np.where(touched & ~first, _STAYED, 0.0)
        parts.append(stay)
        owners.append(at)
        cost = _step_cost(here, at, step, touched=touched, first=first)
        following = links.following(here.day, trip)
        row = np.where(
            last,
            np.where(following != NO, lattice.first_row[np.maximum(following, 0)], NO),
            ways.serving(here.row + 1, here.day),
        )
        if number:
            length = ways.took(
                here.row, here.day, lambda rows: lattice.leg_m[lattice.leg_of_row[rows]]
            )
            gone = gone + length
        on = (gone <= reach) & (here.score - cost > -WORSE_MAX)
        turned, turning = _turned(here, at, cost, last & (following == NO) & on, step)
        if len(turned):
            parts.append(turned)
            owners.append(turning)
        on &= row != NO
        if not on.any():
            break
        here, at, gone, reach, row = here.where(on), at[on], gone[on], reach[on], row[on]
        here.row, here.score = row, here.score - cost[on]
        here.start_s = np.where(last[on], plan.arrival_s[row], here.start_s)
    return Beliefs(
        *(np.concatenate([getattr(p, n) for p in parts]) for n in Beliefs.__slots__)
    ), np.concatenate(owners)


def _turned(
    here: Beliefs, fix: Longs, cost: Floats, ends: Bools, step: Step
) -> tuple[Beliefs, Longs]:
    """Let beliefs that end a run by headway wait for the next departures of its route."""
    at = np.flatnonzero(ends)
    lattice, turns = step.ground.lattice, step.ground.turns
    who, trip, day, start_s, base_s = turns.departures(
        lattice.trip_of_row[here.row[at]], here.day[at], step.fixes.time_s[fix[at]]
    )
    ended = at[who]
    found = here.where(ended)
    found.row, found.day, found.start_s, found.base_s = (
        lattice.first_row[trip], day, start_s, base_s,
    )  # fmt: skip
    found.score = here.score[ended] - cost[ended]
    return found, fix[ended]


def _step_cost(here: Beliefs, fix: Longs, step: Step, *, touched: Bools, first: Bools) -> Floats:
    """Give the cost of going on past the next call.

    Passing within reach of the stop costs nothing. Else a leg is left at a rate of once in its
    usual time (a Markov jump process), and that the stop was missed counts too. Leaving a first
    stop before it is due costs by how much.
    """
    ground, elapsed = step.ground, step.elapsed_s[fix]
    planned = ground.ways.took(here.row, here.day, lambda rows: ground.times.planned_s[rows])
    usual = np.maximum(planned, 15.0)
    cost = np.where(touched, 0.0, _MISSED - np.log(np.clip(elapsed / usual, 0.02, 1.0)))
    if not first.any():
        return cost
    rows = np.flatnonzero(first)
    row, at = here.row[rows], fix[rows]
    lattice = ground.lattice
    out = np.hypot(step.fixes.x[at] - lattice.stop_x[row], step.fixes.y[at] - lattice.stop_y[row])
    before = np.hypot(step.from_x[at] - lattice.stop_x[row], step.from_y[at] - lattice.stop_y[row])
    leaving = (out > _LEFT_M) & (out - before > _MOVED_M / 2) & (step.moved_m[at] > _MOVED_M)
    rate = -np.log(np.clip(elapsed[rows] / _LEAVING_S, 0.05, 1.0))
    due_s = here.base_s[rows] + lattice.network.timetable.stop_times.departure_s[row]
    early_s = due_s - _LEAVING_S - step.fixes.time_s[at]
    early = np.clip(early_s * _EARLY_PER_S, 0.0, _EARLY_WORST)
    early = np.where(ground.turns.is_loose(lattice.trip_of_row[row]), 0.0, early)
    cost[rows] = np.where(leaving & (before < 4 * _LEFT_M), 0.0, rate + 0.5) + early
    return cost


def _merged(beliefs: Beliefs, fix: Longs) -> tuple[Beliefs, Longs]:
    """Keep the best of equal beliefs; sorted by fix, run and call."""
    order = np.lexsort((-beliefs.score, beliefs.row, beliefs.start_s, beliefs.day, fix))
    columns = (fix[order], beliefs.row[order], beliefs.day[order], beliefs.start_s[order])
    new = np.zeros(len(order), np.bool_)
    if len(order):
        new[0] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    picked = order[new]
    return beliefs.where(picked), fix[picked]


def distinct(beliefs: Beliefs) -> Beliefs:
    """Keep the best of equal beliefs of each vehicle."""
    return _merged(beliefs, beliefs.slot)[0]


def weigh(beliefs: Beliefs, fix: Longs, step: Step) -> None:
    """Put the newest fix on the leg of each belief and change its score by how well it fits."""
    lattice = step.ground.lattice
    trip = lattice.trip_of_row[beliefs.row]
    first = beliefs.row == lattice.first_row[trip]
    fit = np.zeros(len(beliefs))
    under_way = np.flatnonzero(~first)
    at = fix[under_way]
    along, off, east, north, tolerance = step.ground.ways.project(
        lattice,
        beliefs.row[under_way],
        beliefs.day[under_way],
        step.fixes.x[at],
        step.fixes.y[at],
    )
    beliefs.along_m[under_way], beliefs.off_m[under_way] = along, off
    wide = off / tolerance
    fit[under_way] = -np.minimum(0.5 * wide * wide, _OFF_WORST)
    moved = step.moved_m[at]
    cosine = (step.dx[at] * east + step.dy[at] * north) / np.maximum(moved, 1.0)
    turned = np.clip(0.5 - cosine, 0.0, 1.5) * np.clip(moved / 60.0, 0.0, 1.0)
    fit[under_way] -= np.where(moved > _MOVED_M, _TURNED * turned, 0.0)
    waiting = np.flatnonzero(first)
    if len(waiting):
        fit[waiting] = _fit_waiting(beliefs, waiting, fix[waiting], step)
    beliefs.fit = fit.copy()
    fit -= disagreement(step.fleet, lattice, beliefs.slot, trip)
    timing = _timing(beliefs, trip, first, step.fixes.time_s[fix], step.ground)
    timing = np.maximum(timing, beliefs.timing)  # once odd, odd for good
    if not step.first_look:
        timing = np.where(is_signed(step.fleet, beliefs.slot), beliefs.timing, timing)
    beliefs.score = beliefs.score + fit * step.evidence[fix] + beliefs.timing - timing
    beliefs.timing = timing


def _timing(beliefs: Beliefs, trip: Ints, first: Bools, time_s: Floats, ground: Ground) -> Floats:
    """Weigh how late each belief has the bus; one that waits before it is due is not early."""
    lattice, plan = ground.lattice, ground.lattice.network.timetable.stop_times
    row = beliefs.row
    leg = lattice.leg_of_row[row]
    left_m = lattice.m[lattice.leg_begin[leg + 1] - 1] - beliefs.along_m
    share = np.clip(left_m / np.maximum(lattice.leg_m[leg], 1.0), 0.0, 1.0)
    planned = plan.arrival_s[row] - plan.departure_s[np.maximum(row - 1, 0)]
    due_s = plan.arrival_s[row] - np.where(first, 0.0, share * planned)
    led = ground.ways.led(row, beliefs.day)
    if led.any():
        due_s[led] = lattice.network.scheduled_s(trip[led], beliefs.along_m[led])
    late = time_s - beliefs.base_s - due_s
    late = np.where(first, time_s - beliefs.base_s - plan.departure_s[row], late)
    cost = ground.lateness.cost(np.where(first, np.maximum(late, 0.0), late))
    return np.where(ground.turns.is_loose(trip), _LOOSE, cost)


def _fit_waiting(beliefs: Beliefs, rows: Longs, fix: Longs, step: Step) -> Floats:
    """Weigh a bus before its first stop: near it, or on the way from the trip before."""
    lattice, links = step.ground.lattice, step.ground.links
    row = beliefs.row[rows]
    trip = lattice.trip_of_row[row]
    x, y = step.fixes.x[fix], step.fixes.y[fix]
    before = links.previous_trip[links.date_row(beliefs.day[rows]), trip]
    from_row = np.where(before != NO, lattice.last_row[np.maximum(before, 0)], row)
    ax, ay = lattice.stop_x[from_row], lattice.stop_y[from_row]
    bx, by = lattice.stop_x[row], lattice.stop_y[row]
    _, off = project_on_segments(x, y, ax, ay, bx, by)
    width = _WAIT_WIDTH_M + _LINK_SHARE * np.hypot(bx - ax, by - ay)
    wide = np.maximum(off - _WAIT_NEAR_M, 0.0) / width
    fit = -np.minimum(0.5 * wide * wide, _AWAY_WORST)
    out = np.hypot(x - bx, y - by)
    was = np.hypot(step.from_x[fix] - bx, step.from_y[fix] - by)
    leaving = (out - was > _MOVED_M) & (out > _LEFT_M)
    beliefs.along_m[rows] = lattice.m[lattice.leg_begin[lattice.leg_of_row[row]]]
    beliefs.off_m[rows] = out
    return fit - np.where(leaving, 1.0, 0.0)


def kept(beliefs: Beliefs) -> Beliefs:
    """Set the best of each vehicle to 0 and drop what is hopeless; sorted by slot, best first."""
    order = np.lexsort((-beliefs.score, beliefs.slot))
    ordered = beliefs.where(order)
    rank = number_in_group(ordered.slot)
    best = ordered.score[np.maximum.accumulate(np.where(rank == 0, np.arange(len(rank)), 0))]
    ordered.score = ordered.score - best
    return ordered.where((ordered.score > -WORSE_MAX) & (rank < KEPT))


def replaced(beliefs: Beliefs, slots: Slots, new: Beliefs) -> Beliefs:
    """Give the table with the beliefs of some vehicles exchanged for new ones."""
    gone = np.zeros(int(max(beliefs.slot.max(initial=0), slots.max(initial=0))) + 1, np.bool_)
    gone[slots] = True
    return Beliefs.joined([beliefs.where(~gone[beliefs.slot]), new])
