"""Looks for runs: for buses without beliefs, in doubt, or signed on anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.beliefs import Beliefs, Ground, Step, distinct, kept
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.intake import newest_fixes
from sapar.gtfs.realtime.seeds import fitting_seeds, signed_seeds
from sapar.gtfs.realtime.sign_check import ABSURDLY_EARLY_S, doubt_unplaced, signed_anew

Bools = NDArray[np.bool_]

RETRY_S = 10.0
"""Transit seconds between two looks at a bus that has no run."""
ACTIVE_S = 150.0
"""A bus silent for longer is not looked at."""
_RESEED_S = 30.0
_POOR_S = 60.0  # no belief explains the path for so long: look again at everything
_RESEED_COST = 6.0
_LOST_S = 900.0  # a bus that left its line is not believed to be back until it is
_ON_LINE_FIT = -2.0
_LOOK_ELSEWHERE_COST = 3.0  # what only fits stands back behind what was signed on to


def in_need(fleet: FleetState, beliefs: Beliefs, now_s: float) -> tuple[Slots, Bools]:
    """List the vehicles to look at, and tell of all which are in doubt about what they have."""
    n = len(fleet)
    active = now_s - fleet.floats("time_s")[:n] <= ACTIVE_S
    waited = np.abs(now_s - fleet.floats("seeded_s")[:n])  # the clock may have been put back
    has = np.zeros(n, np.bool_)
    has[beliefs.slot] = True
    doubt = has & (fleet.floats("poor_s")[:n] > _POOR_S) | fleet.flags("sign_doubted")[:n]
    doubt &= waited >= _RESEED_S
    need = active & ((~has & (waited >= RETRY_S)) | fleet.flags("resign")[:n] | doubt)
    return np.flatnonzero(need), doubt


def seek(
    fleet: FleetState, ground: Ground, days: Days, beliefs: Beliefs, slots: Slots, doubt: Bools
) -> Beliefs:
    """Give the beliefs of some vehicles, old ones and new."""
    step = Step(fleet, ground, newest_fixes(fleet, slots), first_look=True)
    seeds = _open(fleet, ground, signed_seeds(fleet, days, slots, step))
    seeds = seeds.where(~(_left_for_good(fleet, seeds) | _begun(fleet, ground, seeds)))
    signed = np.zeros(len(fleet), np.bool_)
    signed[seeds.slot] = True
    unsure = slots[~signed[slots] | doubt[slots]]
    network = ground.lattice.network
    fitting = _open(fleet, ground, fitting_seeds(fleet, network, days, unsure))
    fitting.row = ground.ways.serving(fitting.row, fitting.day)
    old = beliefs.where(np.isin(beliefs.slot, slots))
    doubted = fleet.flags("sign_doubted")
    _cost(fitting, signed[fitting.slot] & ~doubted[fitting.slot], _LOOK_ELSEWHERE_COST)
    again = np.isin(seeds.slot, old.slot) & ~fleet.flags("resign")[seeds.slot]
    _cost(seeds, again, _RESEED_COST)
    absurd = fleet.floats("delay_s")[old.slot] < -ABSURDLY_EARLY_S
    _cost(old, doubted[old.slot] & absurd & _agrees(fleet, ground, old), _RESEED_COST)
    signed_anew(fleet, slots)
    found_none = slots[~np.isin(slots, np.concatenate((old.slot, seeds.slot, fitting.slot)))]
    doubt_unplaced(fleet, found_none)
    return kept(distinct(Beliefs.joined([old, seeds, fitting])))


def _agrees(fleet: FleetState, ground: Ground, beliefs: Beliefs) -> Bools:
    """Tell which beliefs are on what their vehicles are signed on to."""
    trips = ground.lattice.network.timetable.trips
    trip = ground.lattice.trip_of_row[beliefs.row]
    sign_trip, block, route = (
        fleet.ints(name)[beliefs.slot] for name in ("sign_trip", "sign_block", "sign_route")
    )
    by_trip, by_block = sign_trip == trip, block == trips.block_idx[trip]
    result: Bools = np.where(
        sign_trip != NO,
        by_trip,
        np.where(block != NO, by_block, route == trips.route_idx[trip]),
    )
    return result


def _begun(fleet: FleetState, ground: Ground, seeds: Beliefs) -> Bools:
    """Tell which seeds wait for the very run that the vehicle is under way on."""
    slot = seeds.slot
    trip = ground.lattice.trip_of_row[seeds.row]
    result: Bools = (
        fleet.flags("departed")[slot]
        & (trip == fleet.ints("trip")[slot])
        & (seeds.day == fleet.ints("day")[slot])
        & (seeds.row == ground.lattice.first_row[trip])
    )
    return result


def _left_for_good(fleet: FleetState, seeds: Beliefs) -> Bools:
    """Tell which seeds lie far from vehicles that left the line of such a run not long ago."""
    slot = seeds.slot
    lately = fleet.floats("time_s")[slot] - fleet.floats("lost_s")[slot] < _LOST_S
    result: Bools = lately & (seeds.fit < _ON_LINE_FIT)
    return result


def _cost(beliefs: Beliefs, which: Bools, cost: float) -> None:
    beliefs.score = beliefs.score - np.where(which, cost, 0.0)


def _open(fleet: FleetState, ground: Ground, beliefs: Beliefs) -> Beliefs:
    """Leave out the run that each vehicle has finished."""
    slot = beliefs.slot
    done = (
        (fleet.ints("done_trip")[slot] == ground.lattice.trip_of_row[beliefs.row])
        & (fleet.ints("done_day")[slot] == beliefs.day)
        & (fleet.ints("done_start_s")[slot] == beliefs.start_s)
    )
    return beliefs.where(~done)
