"""Why a bus was put on its run."""

from __future__ import annotations

import numpy as np

from sapar.gtfs.realtime.beliefs import Beliefs
from sapar.gtfs.realtime.fleet_state import SOURCE_BLOCK, SOURCE_FIT, SOURCE_TRIP, FleetState
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.why import Reason, reason

_WAITS_WITHIN_M = 300.0
_SOURCES = {SOURCE_TRIP: "signed", SOURCE_BLOCK: "block", SOURCE_FIT: "fit"}


def claim_reason(
    fleet: FleetState, lattice: Lattice, slot: int, beliefs: Beliefs, row: int, *, pinned: bool
) -> Reason:
    """Say why the vehicle of a belief was put on its run; `pinned` if dispatch did it."""
    timetable = lattice.network.timetable
    call = int(beliefs.row[row])
    trip = int(lattice.trip_of_row[call])
    by = "dispatch" if pinned else _SOURCES[int(fleet["source"][slot])]
    trip_id, off_m = timetable.trips.ids[trip], round(float(beliefs.off_m[row]))
    if call == lattice.first_row[trip]:
        code = "coming" if beliefs.off_m[row] > _WAITS_WITHIN_M else "waits"
        return reason(code, by=by, trip=trip_id, off_m=off_m)
    due_s = float(beliefs.base_s[row] + timetable.stop_times.arrival_s[call])
    fit = float(np.exp(min(0.0, beliefs.fit[row]) / 4.0))
    minutes = round((float(fleet["time_s"][slot]) - due_s) / 60)
    timing = "late" if minutes > 0 else "early" if minutes < -1 else "on_time"
    return reason(
        "on_line",
        by=by,
        trip=trip_id,
        off_m=off_m,
        fit=round(fit, 2),
        timing=timing,
        minutes=abs(minutes),
    )
