"""What a driver signed on to, held against the path that the bus drives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.intake import Round
from sapar.gtfs.realtime.lattice import Lattice

_MOVING_M = 15.0
_POOR_S, _POOR_EARLY_S = 120.0, 240.0
_OVERDUE_S = 120.0
_MOVES = 3  # places of the trail: a path that something should fit
ABSURDLY_EARLY_S = 600.0
"""So early on the trip signed on to, a bus must be on another."""
CONFLICT_S = 60.0
"""After so long a contradiction, runs beside the sign-on are looked at as well."""
_COST = {"sign_trip": 0.6, "sign_block": 0.6, "sign_route": 0.5}


def is_signed(fleet: FleetState, slots: Slots) -> NDArray[np.bool_]:
    """Tell whose driver named a trip or block: how late it is tells no more of what it runs."""
    named = (fleet.ints("sign_trip")[slots] != NO) | (fleet.ints("sign_block")[slots] != NO)
    result: NDArray[np.bool_] = named & ~fleet.flags("sign_doubted")[slots]
    return result


def disagreement(
    fleet: FleetState, lattice: Lattice, slots: Slots, trip: NDArray[np.int32]
) -> Floats:
    """Weigh what the driver signed on to: it is right as a rule, and not always."""
    trips = lattice.network.timetable.trips
    cost = np.zeros(len(slots))
    for name, of_trip in (
        ("sign_trip", None),
        ("sign_block", trips.block_idx),
        ("sign_route", trips.route_idx),
    ):
        sign = fleet.ints(name)[slots]
        if (sign == NO).all():
            continue
        has = trip if of_trip is None else of_trip[trip]
        cost = np.maximum(cost, np.where((sign != NO) & (sign != has), _COST[name], 0.0))
    return np.where(fleet.flags("sign_doubted")[slots], 0.0, cost)


def hold_against_sign(
    fleet: FleetState, lattice: Lattice, fixes: Round, trip: NDArray[np.int32], moved_m: Floats
) -> None:
    """Note since when the path contradicts what a driving bus is signed on to.

    It does when the bus is on another trip, block or route, or so early on the one signed on to
    that it must be another. `trip` and `moved_m` (since the last look) go with the fixes.
    """
    slots = fixes.slots
    trips = lattice.network.timetable.trips
    other = np.zeros(len(slots), np.bool_)
    named = np.zeros(len(slots), np.bool_)
    for name, has in (
        ("sign_trip", trip),
        ("sign_block", trips.block_idx[trip]),
        ("sign_route", trips.route_idx[trip]),
    ):
        sign = fleet.ints(name)[slots]
        use = (sign != NO) & ~named
        other |= use & (sign != has)
        named |= use
    driving = fleet.flags("departed")[slots] & (moved_m > _MOVING_M)
    on_line = ~np.isfinite(fleet.floats("off_since_s")[slots])
    early = ~other & (fleet.floats("delay_s")[slots] < -ABSURDLY_EARLY_S)
    against = named & (other | early) & driving & on_line
    since = fleet.floats("sign_conflict_s")[slots]
    since = np.where(against, np.minimum(since, fixes.time_s), since)
    lost = _lost(fleet, lattice, fixes, trip)
    since = np.where(named & lost, np.minimum(since, fixes.time_s - CONFLICT_S - 1.0), since)
    agrees = ~named | (driving & ~other & ~early & ~lost)
    fleet["sign_conflict_s"][slots] = np.where(agrees, np.inf, since)
    lasting = fixes.time_s - fleet.floats("sign_conflict_s")[slots] > CONFLICT_S
    fleet["sign_doubted"][slots] = lasting


def _lost(
    fleet: FleetState, lattice: Lattice, fixes: Round, trip: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Tell which buses have driven for so long where nothing signed on to fits.

    One that is still on its way to a first stop that it is not yet due at is given more time.
    """
    slots = fixes.slots
    due_s = fleet.floats("base_s")[slots] + lattice.network.timetable.trips.first_s[trip]
    expected = fleet.flags("departed")[slots] | (fixes.time_s > due_s + _OVERDUE_S)
    patience_s = np.where(expected, _POOR_S, _POOR_EARLY_S)
    result: NDArray[np.bool_] = fleet.floats("poor_s")[slots] > patience_s
    return result


def doubt_unplaced(fleet: FleetState, slots: NDArray[np.int64]) -> None:
    """Doubt what moving vehicles are signed on to when nothing of it fits their path."""
    signed = np.zeros(len(slots), np.bool_)
    for name in ("sign_trip", "sign_block", "sign_route"):
        signed |= fleet.ints(name)[slots] != NO
    moved = np.isfinite(fleet.trail_x[slots, _MOVES - 1])
    time_s = fleet.floats("time_s")[slots]
    since = fleet.floats("sign_conflict_s")[slots]
    since = np.where(signed & moved, np.minimum(since, time_s), since)
    fleet["sign_conflict_s"][slots] = since
    fleet["sign_doubted"][slots] = time_s - since > CONFLICT_S


def signed_anew(fleet: FleetState, slots: NDArray[np.int64]) -> None:
    """Believe the sign-on of vehicles that changed it."""
    changed = slots[fleet.flags("resign")[slots]]
    fleet["sign_conflict_s"][changed] = np.inf
    fleet["sign_doubted"][changed] = False
    fleet["resign"][slots] = False
