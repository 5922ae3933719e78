"""When a bus loses its run: silent for long, absurdly late, or off its line for good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.why import Reason, reason

_SILENT_MAX_S = 1800.0  # silent for longer: what it runs when it is back is a new question
_LATE_MAX_S = 9000.0  # a bus parked on its line for the night is not a day late
_OFF_GIVE_UP_S = 420.0


def lost_causes(
    fleet: FleetState, lattice: Lattice, known: NDArray[np.bool_], now_s: float
) -> list[tuple[int, Reason]]:
    """List the vehicles to take from their runs, each with the reason; notes who left its line.

    `known` tells which vehicles have beliefs.
    """
    n = len(fleet)
    has = fleet.ints("trip")[:n] != NO
    time_s = fleet.floats("time_s")[:n]
    silent = (has | known) & (now_s - time_s > _SILENT_MAX_S)
    late = has & fleet.flags("departed")[:n] & (fleet.floats("delay_s")[:n] > _LATE_MAX_S)
    lost = has & (time_s - fleet.floats("off_since_s")[:n] > _OFF_GIVE_UP_S)
    fleet["lost_s"][:n] = np.where(lost, time_s, fleet.floats("lost_s")[:n])
    trips = lattice.network.timetable.trips.ids
    found = []
    for slot in np.flatnonzero(silent | late | lost).tolist():
        trip = int(fleet["trip"][slot])
        trip_id = trips[trip] if trip != NO else ""
        if silent[slot]:
            why = reason("silent", trip=trip_id) if trip != NO else reason("silent_idle")
        elif lost[slot]:
            why = reason("left_line", trip=trip_id, off_m=round(float(fleet["off_m"][slot])))
        else:
            why = reason("too_late", trip=trip_id)
        found.append((slot, why))
    return found
