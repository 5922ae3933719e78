"""Ghosts: planned runs that no vehicle drives now, each with the reason. Pure, but for a memory.

Who should drive a run is the vehicle that was on it last, else the one that drove the trip before
it in the same block, else the one whose driver signed on to the trip or the block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.days import Days, Runs
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.phases import DEPOT
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.updates import RunKey

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

GHOST_REASONS = ("no_vehicle", "not_signed_on", "silent", "depot", "cancelled")
NO_VEHICLE, NOT_SIGNED_ON, SILENT, AT_DEPOT, CANCELLED = range(5)
"""Why a planned run has no vehicle: indexes into `GHOST_REASONS`."""
_BACK = 3  # trips of a block that are looked back at for who drives it


@dataclass(frozen=True, slots=True)
class Ghosts:
    """Ghosts as columns.

    Attributes:
        runs: the planned runs.
        reason: index into `GHOST_REASONS`.
        slot: who should drive it, `NO` if nobody knows.
        since_s: since when it has been missing.
    """

    runs: Runs
    reason: NDArray[np.int8]
    slot: Longs
    since_s: Floats

    def __len__(self) -> int:
        return len(self.runs)


class Drivers:
    """Remembers which vehicle drove each run of the dates at hand last."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._by_day: dict[int, Longs] = {}

    def note(self, fleet: FleetState) -> None:
        """Take the runs that vehicles are on."""
        count = len(fleet)
        trip, day = fleet.ints("trip")[:count], fleet.ints("day")[:count]
        slots = np.flatnonzero((trip != NO) & (self._days.kind[np.maximum(trip, 0)] == 0))
        for ordinal in np.unique(day[slots]).tolist():
            at = slots[day[slots] == ordinal]
            self._of_day(ordinal)[trip[at]] = at

    def find(self, runs: Runs, fleet: FleetState) -> Longs:
        """Give who should drive runs, `NO` where nobody knows."""
        found = np.full(len(runs), NO, np.int64)
        trip = runs.trip.copy()
        links = self._days.links
        for _ in range(_BACK + 1):
            for ordinal in np.unique(runs.day).tolist():
                at = np.flatnonzero((found == NO) & (trip != NO) & (runs.day == ordinal))
                found[at] = self._of_day(ordinal)[trip[at]]
            row = links.date_row(runs.day)
            trip = np.where(trip == NO, NO, links.previous_trip[row, np.maximum(trip, 0)])
        return _or_signed(found, runs, fleet, self._days)

    def _of_day(self, ordinal: int) -> Longs:
        if ordinal not in self._by_day:
            known = set(self._days.links.days.tolist()) | {ordinal}
            self._by_day = {day: slots for day, slots in self._by_day.items() if day in known}
            trips = len(self._days.timetable.trips.ids)
            self._by_day[ordinal] = np.full(trips, NO, np.int64)
        return self._by_day[ordinal]


def _or_signed(found: Longs, runs: Runs, fleet: FleetState, days: Days) -> Longs:
    """Fill in the vehicles whose drivers signed on to the trip or the block."""
    count = len(fleet)
    trips = days.timetable.trips
    for name, of_run in (("sign_trip", runs.trip), ("sign_block", trips.block_idx[runs.trip])):
        sign = fleet.ints(name)[:count]
        by_sign = np.full(int(max(sign.max(initial=-1), of_run.max(initial=-1))) + 2, NO, np.int64)
        signed = np.flatnonzero(sign != NO)
        by_sign[sign[signed]] = signed
        found = np.where(found == NO, by_sign[of_run], found)
    return found


def ghosts_of(
    picture: Picture,
    fleet: FleetState,
    days: Days,
    drivers: Drivers,
    cancelled: tuple[RunKey, ...],
    now_s: float,
    stale_s: float,
    grace_s: float,
) -> Ghosts:
    """List the planned runs that are due and that no vehicle drives.

    Args:
        picture: of this moment.
        fleet: what it was made of.
        days: the runs of the dates at hand.
        drivers: have noted the fleet.
        cancelled: runs that dispatch cancelled.
        now_s: Unix time.
        stale_s: a vehicle silent for longer drives nothing.
        grace_s: so long after its start a run is not yet missed.
    """
    runs = days.runs
    due = np.flatnonzero((runs.first_s + grace_s <= now_s) & (runs.last_s > now_s))
    runs = runs.where(due)
    size = max(1, len(fleet))  # a row to point at, also before any vehicle is known
    phase = np.full(size, NO, np.int8)
    phase[picture.slots] = picture.phase
    time_s = fleet.floats("time_s")[:size]
    fresh = now_s - time_s <= stale_s
    trip, day = fleet.ints("trip")[:size], fleet.ints("day")[:size]
    busy = np.flatnonzero((trip != NO) & fresh & (phase != DEPOT))
    called_off = np.isin(_key(days, runs.trip, runs.day), _keys_of(days, cancelled))
    missing = ~np.isin(_key(days, runs.trip, runs.day), _key(days, trip[busy], day[busy]))
    runs, called_off = runs.where(missing), called_off[missing]
    slot = drivers.find(runs, fleet)
    at = np.maximum(slot, 0)
    known = slot != NO
    # a late bus that is still on an earlier trip of the block is no ghost: it is drawn where it is
    block = days.timetable.trips.block_idx
    on_it = known & np.isin(at, busy) & (block[runs.trip] >= 0)
    on_it &= (block[np.maximum(trip[at], 0)] == block[runs.trip]) & (day[at] == runs.day)
    keep = ~on_it | called_off
    runs, called_off, slot, at, known = (
        runs.where(keep), called_off[keep], slot[keep], at[keep], known[keep]
    )  # fmt: skip
    parked = known & (phase[at] == DEPOT)
    quiet = known & ~parked & ~fresh[at]
    named = np.zeros(size, np.bool_)
    for name in ("sign_trip", "sign_block", "sign_route"):
        named |= fleet.ints(name)[:size] != NO
    idle = known & ~parked & ~quiet & (trip[at] == NO)
    reason = np.full(len(runs), NO_VEHICLE, np.int8)
    reason[idle & ~named[at]] = NOT_SIGNED_ON
    reason[parked], reason[quiet], reason[called_off] = AT_DEPOT, SILENT, CANCELLED
    elsewhere = known & ~parked & ~quiet & (trip[at] != NO)
    since = np.where(reason == SILENT, np.maximum(runs.first_s, time_s[at]), runs.first_s)
    return Ghosts(runs, reason, np.where(elsewhere, NO, slot), since)


def _key(days: Days, trip: NDArray[np.int32], day: NDArray[np.int32]) -> Longs:
    return day.astype(np.int64) * len(days.timetable.trips.ids) + trip


def _keys_of(days: Days, keys: tuple[RunKey, ...]) -> Longs:
    trips = len(days.timetable.trips.ids)
    return np.array([day * trips + trip for trip, day, _ in keys], np.int64)
