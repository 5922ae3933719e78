"""Why a bus is on its run, in words for a dispatcher."""

from __future__ import annotations

import numpy as np

from sapar.gtfs.realtime.beliefs import Beliefs
from sapar.gtfs.realtime.fleet_state import SOURCE_BLOCK, SOURCE_FIT, SOURCE_TRIP, FleetState
from sapar.gtfs.realtime.lattice import Lattice

_WAITS_WITHIN_M = 300.0
_SOURCE_WORDS = {
    SOURCE_TRIP: "signed on to trip",
    SOURCE_BLOCK: "by its block on trip",
    SOURCE_FIT: "best fit is trip",
}


def claim_reason(fleet: FleetState, lattice: Lattice, slot: int, beliefs: Beliefs, row: int) -> str:
    """Say why the vehicle of a belief was put on its run."""
    timetable = lattice.network.timetable
    call = int(beliefs.row[row])
    trip = int(lattice.trip_of_row[call])
    words = f"{_SOURCE_WORDS[int(fleet['source'][slot])]} {timetable.trips.ids[trip]}"
    off = f"{beliefs.off_m[row]:.0f} m from its"
    due_s = float(beliefs.base_s[row] + timetable.stop_times.arrival_s[call])
    if call == lattice.first_row[trip]:
        far = beliefs.off_m[row] > _WAITS_WITHIN_M
        return (
            f"{words}: on its way, {off} first stop" if far else f"{words}: waits {off} first stop"
        )
    fit = float(np.exp(min(0.0, beliefs.fit[row]) / 4.0))
    minutes = round((float(fleet["time_s"][slot]) - due_s) / 60)
    timing = "on time"
    if minutes > 0:
        timing = f"{minutes} min late"
    elif minutes < -1:
        timing = f"{-minutes} min early"
    return f"{words}: {off} line, path fits {fit:.2f}, {timing}"
