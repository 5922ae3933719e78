"""First beliefs of a bus: by sign-on, by its block, by its route, or by its path alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.beliefs import Beliefs, Step, kept, weigh
from sapar.gtfs.realtime.candidates import ON_LINE, Candidates
from sapar.gtfs.realtime.candidates import weigh as weigh_candidates
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days, Runs, join_runs
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.options import fitting_options, headway_options
from sapar.gtfs.realtime.paths import Whereabouts, whereabouts
from sapar.gtfs.realtime.ragged import expand

Longs = NDArray[np.int64]

_EARLY_S, _LATE_S = 1500.0, 4500.0  # how early and late a signed-on bus may run
_TRIP_EARLY_S, _TRIP_LATE_S = 3600.0, 9000.0
_WAITING_WORST = 3.0
_SIGNED_WORSE_MAX = 10.0
_PARKED_S = 600.0
_CHUNK = 400


def signed_seeds(fleet: FleetState, days: Days, slots: Slots, step: Step) -> Beliefs:
    """Give beliefs on the runs that trip or block sign-on points to; `step` has the same slots."""
    parts = [
        _signed(fleet, days, slots[low : low + _CHUNK], low, step)
        for low in range(0, len(slots), _CHUNK)
    ]
    return Beliefs.joined(parts) if parts else Beliefs.none()


def _signed(fleet: FleetState, days: Days, slots: Slots, offset: int, step: Step) -> Beliefs:
    owners, runs, by_trip = _runs_of(fleet, days, slots)
    if not len(owners):
        return Beliefs.none()
    return seeds_on(slots, owners, runs, by_trip, offset, step)


def seeds_on(
    slots: Slots, owners: Longs, runs: Runs, by_trip: NDArray[np.bool_], offset: int, step: Step
) -> Beliefs:
    """Give beliefs of vehicles at every call of some runs.

    Args:
        slots: the vehicles.
        owners: number in `slots` of each run.
        runs: runs by stop times.
        by_trip: whether the very trip was named: it may be far from its time.
        offset: number in the round of `step` of the first vehicle.
        step: the newest fixes.
    """
    lattice = step.ground.lattice
    rows, which, _ = expand(lattice.first_row[runs.trip], lattice.last_row[runs.trip] + 1)
    owner = owners[which]
    now_s = step.fixes.time_s[offset + owner]
    late = now_s - runs.base_s[which] - lattice.network.timetable.stop_times.arrival_s[rows]
    early_s = np.where(by_trip[which], _TRIP_EARLY_S, _EARLY_S)
    late_s = np.where(by_trip[which], _TRIP_LATE_S, _LATE_S)
    keep = (late > -early_s) & (late < late_s)
    keep &= ~step.ground.ways.left_out(rows, runs.day[which])
    rows, which, owner, late = rows[keep], which[keep], owner[keep], late[keep]
    first = rows == lattice.first_row[runs.trip[which]]
    # the coming trip is the one to wait for
    score = -np.where(first, np.minimum(np.maximum(-late, 0.0) / 600.0, _WAITING_WORST), 0.0)
    zero = np.zeros(len(rows))
    seeds = Beliefs(
        slots[owner], rows, runs.day[which], runs.start_s[which], runs.base_s[which],
        score, zero.copy(), zero.copy(), zero.copy(), zero.copy(),
    )  # fmt: skip
    weigh(seeds, offset + owner, step)
    seeds = kept(seeds)
    return seeds.where(seeds.score > -_SIGNED_WORSE_MAX)


def _runs_of(fleet: FleetState, days: Days, slots: Slots) -> tuple[Longs, Runs, NDArray[np.bool_]]:
    """List (number of the slot, run, by the trip itself) for plain runs that sign-on names."""
    owners: list[Longs] = []
    runs: list[Runs] = []
    by_trip: list[NDArray[np.bool_]] = []
    trips = days.timetable.trips
    for number, slot in enumerate(slots.tolist()):
        trip, block = int(fleet["sign_trip"][slot]), int(fleet["sign_block"][slot])
        if trip != NO and days.kind[trip] != FREQUENCY_NONE:
            continue
        if block == NO:
            named = trip if trip != NO else int(fleet["done_trip"][slot])
            block = int(trips.block_idx[named]) if named != NO else NO
        found = days.of_block(block) if block != NO else days.of_trips(np.array([trip], np.int32))
        if trip == NO and block == NO:
            continue
        owners.append(np.full(len(found), number, np.int64))
        runs.append(found)
        by_trip.append(found.trip == trip)
    if not owners:
        return np.zeros(0, np.int64), join_runs([]), np.zeros(0, np.bool_)
    return np.concatenate(owners), join_runs(runs), np.concatenate(by_trip)


def fitting_seeds(fleet: FleetState, network: Network, days: Days, slots: Slots) -> Beliefs:
    """Give beliefs on whatever runs fit the path of each vehicle, headway service included."""
    where = _whereabouts(fleet, slots)
    found = [
        weigh_candidates(network, days, where, options)
        for options in (
            headway_options(fleet, days, slots),
            fitting_options(fleet, network, days, slots, where),
        )
    ]
    return Beliefs.joined([_from_candidates(network, slots, f) for f in found])


def _whereabouts(fleet: FleetState, slots: Slots) -> Whereabouts:
    # how a parked bus came here says nothing of a trip that is due here now
    parked = fleet.floats("time_s")[slots] - fleet.floats("moved_s")[slots] > _PARKED_S
    return whereabouts(
        fleet.floats("x")[slots],
        fleet.floats("y")[slots],
        fleet.floats("time_s")[slots],
        np.where(parked[:, None], np.nan, fleet.trail_x[slots]),
        np.where(parked[:, None], np.nan, fleet.trail_y[slots]),
    )


def _from_candidates(network: Network, slots: Slots, found: Candidates) -> Beliefs:
    runs = found.runs
    row = np.where(
        found.kind == ON_LINE,
        network.next_row(runs.trip, found.along_m),
        network.timetable.trips.st_begin[runs.trip],
    )
    row = np.minimum(row, network.timetable.trips.st_begin[runs.trip + 1] - 1)
    return Beliefs(
        slots[found.vehicle], row.astype(np.int64), runs.day, runs.start_s, runs.base_s,
        -found.cost, found.along_m, found.off_m, np.zeros(len(found)), found.timing,
    )  # fmt: skip
