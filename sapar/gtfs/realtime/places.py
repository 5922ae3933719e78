"""Writes where buses are on their runs; on one run never further back."""

from __future__ import annotations

import numpy as np

from sapar.gtfs.realtime import visiting
from sapar.gtfs.realtime.beliefs import Beliefs, Ground, Step
from sapar.gtfs.realtime.fleet_state import (
    SOURCE_BLOCK,
    SOURCE_FIT,
    SOURCE_TRIP,
    FleetState,
    Slots,
)
from sapar.gtfs.realtime.intake import Round
from sapar.gtfs.realtime.ragged import number_in_group
from sapar.gtfs.realtime.sign_check import hold_against_sign

_BEHIND_S = 45.0  # seen behind its place for longer, a bus begins the run again from there
_ON_LINE_FIT = -4.5  # a fix that fits worse is off the line
_POOR_FIT = -3.0
_UNEXPLAINED_FIT = 8.0  # a fix this badly explained halves the confidence
_MOVING_M = 15.0
_SURE = {SOURCE_FIT: 0.9, SOURCE_BLOCK: 0.95, SOURCE_TRIP: 0.98}


def place(
    fleet: FleetState, ground: Ground, step: Step, beliefs: Beliefs, log: visiting.VisitLog
) -> None:
    """Write the places of vehicles; the beliefs go with the fixes of the step."""
    lattice, fixes = ground.lattice, step.fixes
    slots = fixes.slots
    visiting.watch(fleet, ground, step, beliefs, log)
    trip = lattice.trip_of_row[beliefs.row]
    first = beliefs.row == lattice.first_row[trip]
    _step_back(fleet, ground, step, beliefs)
    ahead = fleet.rows("next_row")[slots]
    on_trip = lattice.trip_of_row[np.maximum(ahead, 0)] == trip
    stays = on_trip & (ahead > beliefs.row)
    fleet["next_row"][slots] = np.where(stays, ahead, beliefs.row)
    under_way = ~first | stays
    was_under_way = fleet.flags("departed")[slots] & on_trip
    before_m = np.where(was_under_way, fleet.floats("along_m")[slots], -np.inf)
    along = np.maximum(before_m, beliefs.along_m)
    on_line = first | (beliefs.fit >= _ON_LINE_FIT)
    fleet["departed"][slots] = under_way
    fleet["along_m"][slots] = along
    fleet["off_m"][slots] = beliefs.off_m
    fleet["on_path"][slots] = under_way & ground.ways.on_path(
        beliefs.row, beliefs.day, fixes.x, fixes.y
    )
    since = fleet.floats("off_since_s")[slots]
    fleet["off_since_s"][slots] = np.where(on_line, np.inf, np.minimum(since, fixes.time_s))
    due_s = fleet.floats("base_s")[slots] + lattice.network.scheduled_s(trip, along)
    late = np.where(under_way, fixes.time_s - due_s, np.maximum(0.0, fixes.time_s - due_s))
    fleet["delay_s"][slots] = np.where(on_line, late, fleet.floats("delay_s")[slots])
    sure = np.zeros(max(_SURE) + 1)
    sure[list(_SURE)] = list(_SURE.values())
    margin = fleet.floats("margin")[slots]
    source = fleet["source"][slots].astype(np.int64)
    explained = np.clip(1.0 + beliefs.fit / _UNEXPLAINED_FIT, 0.5, 1.0)
    fleet["confidence"][slots] = sure[source] * (1.0 - 0.5 * np.exp(-margin)) * explained
    hold_against_sign(fleet, lattice, fixes, trip, step.moved_m)


def _step_back(fleet: FleetState, ground: Ground, step: Step, beliefs: Beliefs) -> None:
    """Begin the run again, further back, where a bus is seen behind its place for long."""
    lattice, slots = ground.lattice, step.fixes.slots
    ahead = fleet.rows("next_row")[slots]
    trip = lattice.trip_of_row[beliefs.row]
    behind = (ahead > beliefs.row) & (lattice.trip_of_row[np.maximum(ahead, 0)] == trip)
    waited = np.where(behind, fleet.floats("behind_s")[slots] + step.elapsed_s, 0.0)
    fleet["behind_s"][slots] = waited
    for number in np.flatnonzero(waited > _BEHIND_S).tolist():
        slot = int(slots[number])
        visiting.begin(fleet, slot)
        fleet["next_row"][slot] = beliefs.row[number]
        fleet["claimed_s"][slot] = step.fixes.time_s[number]


def at_the_end(ground: Ground, step: Step, beliefs: Beliefs) -> Slots:
    """List the vehicles that have come to the last stop of a run that no other follows."""
    lattice = ground.lattice
    trip = lattice.trip_of_row[beliefs.row]
    last = np.flatnonzero(beliefs.row == lattice.last_row[trip])
    last = last[ground.links.following(beliefs.day[last], trip[last]) < 0]
    last = last[~ground.turns.has(trip[last], beliefs.day[last], step.fixes.time_s[last])]
    return step.fixes.slots[last[step.passed_by(last, beliefs.row[last])]]


def note_look(fleet: FleetState, fixes: Round, beliefs: Beliefs) -> None:
    """Remember the fixes looked at, and for how long nothing has explained them."""
    slots = fixes.slots
    elapsed = np.clip(fixes.time_s - fleet.floats("tracked_s")[slots], 0.0, 60.0)
    moved = np.hypot(
        fixes.x - fleet.floats("tracked_x")[slots], fixes.y - fleet.floats("tracked_y")[slots]
    )
    best_fit = np.full(len(fleet), np.nan)
    best = number_in_group(beliefs.slot) == 0
    best_fit[beliefs.slot[best]] = beliefs.fit[best]
    fit = best_fit[slots]
    was = fleet.floats("poor_s")[slots]
    worse, better = was + elapsed * (moved > _MOVING_M), np.maximum(0.0, was - 2.0 * elapsed)
    poor = np.where(fit < _POOR_FIT, worse, better)
    fleet["poor_s"][slots] = np.where(np.isfinite(fit), poor, 0.0)
    for name, value in (("x", fixes.x), ("y", fixes.y), ("s", fixes.time_s)):
        fleet[f"tracked_{name}"][slots] = value
