"""A fix becomes a distance along the trip; on one run the distance never goes back.

Before departure the bus stands at the first stop, whatever it does in the terminal's yard. After
it, each fix is looked for on the line in a window ahead of the last place; fixes off the line leave
the bus where it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.intake import SPEED_MAX_MPS, Round
from sapar.gtfs.realtime.network import Network

_BACK_M = 60.0  # noise behind the last place that still counts as standing there
_REACH_M = 250.0  # ahead of what the top speed allows: streets longer than a line of stops
_DEPART_M = 80.0  # this far along and from the first stop, moving on: the bus has left
_DEPART_STEP_M = 20.0
_DEPART_WINDOW_M = 900.0
_EARLY_MAX_S = 600.0  # TransitClock: a first match may be 10 minutes early
_END_M = 40.0  # this near to the last stop along the line is the end of the trip ...
_END_RADIUS_M = 60.0  # ... or this near in a straight line,
_END_WITHIN_M = 400.0  # on the last stretch of the line
_ADVANCE_M = 30.0


def follow(fleet: FleetState, network: Network, fixes: Round) -> None:
    """Move each vehicle of the round along its run; call before `intake.move`.

    Vehicles without a run and finished ones are left alone.
    """
    trip = fleet.ints("trip")[fixes.slots]
    at_work = (trip != NO) & ~fleet.flags("finished")[fixes.slots]
    if not at_work.any():
        return
    fixes = fixes.where(at_work)
    departed = fleet.flags("departed")[fixes.slots]
    waiting = fixes.where(~departed)
    if len(waiting.slots):
        _watch_departure(fleet, network, waiting)
    driving = fixes.where(departed)
    if len(driving.slots):
        _advance(fleet, network, driving)


def pattern_of(fleet: FleetState, network: Network, slots: Slots) -> NDArray[np.int32]:
    """Give the pattern that each vehicle's run follows; the vehicles must have one."""
    return network.timetable.trips.pattern_idx[fleet.ints("trip")[slots]]


def anchor(fleet: FleetState, slots: Slots, fixes: Round) -> None:
    """Note the fixes that the vehicles' places on the line come from."""
    fleet["anchor_x"][slots] = fixes.x
    fleet["anchor_y"][slots] = fixes.y
    fleet["anchor_s"][slots] = fixes.time_s


def _watch_departure(fleet: FleetState, network: Network, fixes: Round) -> None:
    """Decide which waiting buses have left; a place on the line, moving on, away from the stop."""
    slots = fixes.slots
    pattern = pattern_of(fleet, network, slots)
    first_m = network.first_m[pattern]
    before = fleet.floats("tentative_m")[slots]
    step = np.hypot(fixes.x - fleet.floats("x")[slots], fixes.y - fleet.floats("y")[slots])
    along, off, on_route = network.project(
        pattern, fixes.x, fixes.y, (first_m, first_m + _DEPART_WINDOW_M), before + step
    )
    distance = np.hypot(fixes.x - network.first_x[pattern], fixes.y - network.first_y[pattern])
    trip = fleet.ints("trip")[slots]
    due_s = fleet.floats("base_s")[slots] + network.timetable.trips.first_s[trip]
    left = (
        on_route
        & (along - first_m > _DEPART_M)
        & (distance > _DEPART_M)
        & (along - before > _DEPART_STEP_M)
        & (before - first_m < _DEPART_WINDOW_M / 2)
        & ((fixes.time_s >= due_s - _EARLY_MAX_S) | _is_loose(network, trip))
    )
    fleet["tentative_m"][slots] = np.where(on_route, along, first_m)
    fleet["off_m"][slots] = off
    gone = slots[left]
    fleet["departed"][gone] = True
    fleet["along_m"][gone] = along[left]
    anchor(fleet, gone, fixes.where(left))
    _note_advance(fleet, gone, along[left])


def _is_loose(network: Network, trip: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which trips run by headway without exact times: they leave when they leave."""
    frequencies = network.timetable.frequencies
    return np.isin(trip, frequencies.trip_idx[~frequencies.exact])


def _advance(fleet: FleetState, network: Network, fixes: Round) -> None:
    """Project driving buses into the window ahead of their last place."""
    slots = fixes.slots
    pattern = pattern_of(fleet, network, slots)
    here = fleet.floats("along_m")[slots]
    elapsed = fixes.time_s - fleet.floats("anchor_s")[slots]
    step = np.hypot(
        fixes.x - fleet.floats("anchor_x")[slots], fixes.y - fleet.floats("anchor_y")[slots]
    )
    reach = SPEED_MAX_MPS * elapsed + _REACH_M
    along, off, on_route = network.project(
        pattern, fixes.x, fixes.y, (here - _BACK_M, here + reach), here + step
    )
    ahead = np.where(on_route, np.maximum(here, along), here)
    fleet["along_m"][slots] = ahead
    fleet["off_m"][slots] = off
    anchor(fleet, slots[on_route], fixes.where(on_route))
    since = fleet.floats("off_since_s")[slots]
    fleet["off_since_s"][slots] = np.where(on_route, np.inf, np.minimum(since, fixes.time_s))
    _note_strays(fleet, fixes, ahead)
    _note_end(fleet, network, fixes, pattern, ahead)
    trip = fleet.ints("trip")[slots]
    due_s = fleet.floats("base_s")[slots] + network.scheduled_s(trip, ahead)
    delay = fleet.floats("delay_s")[slots]
    fleet["delay_s"][slots] = np.where(on_route, fixes.time_s - due_s, delay)


def _note_strays(fleet: FleetState, fixes: Round, along_m: NDArray[np.float64]) -> None:
    """Add up what each bus drives without getting on along its line."""
    slots = fixes.slots
    moved = np.hypot(fixes.x - fleet.floats("x")[slots], fixes.y - fleet.floats("y")[slots])
    moved = np.where(moved > 15.0, moved, 0.0)  # less is noise of a standing receiver
    advanced = along_m - fleet.floats("advance_m")[slots] >= _ADVANCE_M
    fleet.floats("stray_m")[slots] += np.where(np.isfinite(moved), moved, 0.0)
    _note_advance(fleet, slots[advanced], along_m[advanced])


def _note_advance(fleet: FleetState, slots: Slots, along_m: NDArray[np.float64]) -> None:
    fleet["advance_m"][slots] = along_m
    fleet["stray_m"][slots] = 0.0


def _note_end(
    fleet: FleetState,
    network: Network,
    fixes: Round,
    pattern: NDArray[np.int32],
    along_m: NDArray[np.float64],
) -> None:
    last_m = network.last_m[pattern]
    distance = np.hypot(fixes.x - network.last_x[pattern], fixes.y - network.last_y[pattern])
    ended = (along_m >= last_m - _END_M) | (
        (distance <= _END_RADIUS_M) & (along_m >= last_m - _END_WITHIN_M)
    )
    slots = fixes.slots[ended]
    fleet["finished"][slots] = True
    fleet["done_s"][slots] = fixes.time_s[ended]
    for done, run in (("done_trip", "trip"), ("done_day", "day"), ("done_start_s", "start_s")):
        fleet[done][slots] = fleet[run][slots]
