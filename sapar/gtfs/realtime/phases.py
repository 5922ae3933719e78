"""What each bus is doing, in eight words for a dispatcher. Pure, apart from what `Around` learns.

- *in progress*: on the line of its trip, between its first stop and its last.
- *layover*: at a terminal between trips, or before the first: with a run that it has not begun,
  near its first stop; standing at an end of the line that it is on; or standing at a terminal
  without a trip, for an hour at most.
- *deadhead*: moving without a trip, or on the way to the first stop of its next.
- *depot*: without a trip where buses spend the night, or where it began its day itself.
- *out of service*: standing elsewhere without a trip.
- *off route*: on a trip, and off its line for a minute; *detour*: and others are off it in the same
  place, or a detour was announced; or on the path of one that dispatch drew.
- *no signal*: silent, unless it fell silent at a depot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.yards import Strays, Yards

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

PHASES = (
    "depot",
    "deadhead",
    "layover",
    "in_progress",
    "off_route",
    "detour",
    "no_signal",
    "out_of_service",
)
DEPOT, DEADHEAD, LAYOVER, IN_PROGRESS, OFF_ROUTE, DETOUR, NO_SIGNAL, OUT_OF_SERVICE = range(8)

OFF_ROUTE_S = 60.0
"""Off its line for longer, a bus is off route."""
FIX_HOLDS_S = 15.0
"""What a fix tells of a bus goes on for so long without another one."""
_TERMINAL_M = 150.0
_OWN_TERMINAL_M = 300.0  # the first stop of the run that a bus waits for: yards are large
_STANDING_S = 60.0
_PARKED_S = 300.0  # standing without a trip for longer is no traffic light
_LAYOVER_MAX_S = 3600.0


class Around:
    """The places that phases depend on.

    Args:
        network: whose terminals count; garages: known ones, as (latitude, longitude).
    """

    def __init__(self, network: Network, garages: Sequence[tuple[float, float]] = ()) -> None:
        self.yards = Yards(garages)
        self.strays = Strays()
        self.use(network)

    def use(self, network: Network) -> None:
        """Change the terminals to those of another timetable."""
        self._terminals = _Terminals(network)

    def note(self, fleet: FleetState, network: Network, now_s: float) -> None:
        """Learn from the fleet as it is now; once a look, before `phases`."""
        n = len(fleet)
        time_s = fleet.floats("time_s")[:n]
        lat, lon = fleet.floats("latitude")[:n], fleet.floats("longitude")[:n]
        self.yards.note(lat, lon, time_s)
        off = np.flatnonzero(
            (fleet.ints("trip")[:n] != NO)
            & (held_until(time_s, now_s) - fleet.floats("off_since_s")[:n] > OFF_ROUTE_S)
            & (now_s - time_s <= OFF_ROUTE_S)
        )
        self.strays.note(off, _routes(fleet, network, off), lat[off], lon[off], now_s)

    def at_terminal(self, x: Floats, y: Floats) -> Bools:
        """Tell which places are near the first or last stop of a pattern."""
        return self._terminals.near(x, y)


def held_until(time_s: Floats, now_s: float) -> Floats:
    """Give until when what fixes told holds: a minute is over between two fixes, not at the next.

    Args:
        time_s: when the newest fix of each vehicle was made.
        now_s: the moment of the look.
    """
    result: Floats = np.minimum(now_s, time_s + FIX_HOLDS_S)
    return result


def phases(
    fleet: FleetState,
    network: Network,
    around: Around,
    slots: Slots,
    fresh: Bools,
    announced: Bools | None = None,
    now_s: float | None = None,
) -> NDArray[np.int8]:
    """Give the phase of each vehicle.

    Args:
        fleet: what is known of the vehicles.
        network: the timetable that their runs are of.
        around: has noted the fleet as it is.
        slots: the vehicles asked for; the arrays are aligned with them.
        fresh: whether the vehicle was heard of lately enough to be in the feeds.
        announced: whether a detour is announced where the vehicle is on its trip.
        now_s: the moment of the look; without it that of each one's newest fix.

    Returns:
        Indexes into `PHASES`.
    """
    lat, lon = fleet.floats("latitude")[slots], fleet.floats("longitude")[slots]
    x, y, time_s = (fleet.floats(name)[slots] for name in ("x", "y", "time_s"))
    # a silent bus is as it was when it was heard last
    still_s = time_s - fleet.floats("moved_s")[slots]
    has = fleet.ints("trip")[slots] != NO
    under_way = has & fleet.flags("departed")[slots]
    terminal = around.at_terminal(x, y)
    phase = np.where(still_s > _PARKED_S, OUT_OF_SERVICE, DEADHEAD)
    waits = (still_s > _STANDING_S) & (still_s <= _LAYOVER_MAX_S) & terminal
    phase = np.where(waits, LAYOVER, phase)
    at_first = _at_first_stop(fleet, network, slots, has)
    phase = np.where(has & (at_first | (terminal & (still_s > _STANDING_S))), LAYOVER, phase)
    began = around.yards.began_here(slots, lat, lon) & ~terminal & ~at_first
    phase = np.where(~under_way & began, DEPOT, phase)
    phase = np.where(~has & around.yards.at_yard(lat, lon), DEPOT, phase)
    at_end = _at_an_end(fleet, network, slots, has) & terminal & (still_s > _STANDING_S)
    phase = np.where(under_way, np.where(at_end, LAYOVER, IN_PROGRESS), phase)
    until_s = time_s if now_s is None else held_until(time_s, now_s)
    off = np.flatnonzero(
        (phase == IN_PROGRESS) & (until_s - fleet.floats("off_since_s")[slots] > OFF_ROUTE_S)
    )
    together = around.strays.shared(
        slots[off], _routes(fleet, network, slots[off]), lat[off], lon[off]
    )
    phase[off] = np.where(together, DETOUR, OFF_ROUTE)
    phase = np.where(fleet.flags("on_path")[slots] & (phase == IN_PROGRESS), DETOUR, phase)
    if announced is not None:
        phase[off] = np.where(announced[off], DETOUR, phase[off])
    return np.where(fresh | (phase == DEPOT), phase, NO_SIGNAL).astype(np.int8)


def _at_first_stop(fleet: FleetState, network: Network, slots: Slots, has: Bools) -> Bools:
    trip = np.maximum(fleet.ints("trip")[slots], 0)
    pattern = network.timetable.trips.pattern_idx[trip]
    distance = np.hypot(
        fleet.floats("x")[slots] - network.first_x[pattern],
        fleet.floats("y")[slots] - network.first_y[pattern],
    )
    result: Bools = has & (distance <= _OWN_TERMINAL_M)
    return result


def _at_an_end(fleet: FleetState, network: Network, slots: Slots, has: Bools) -> Bools:
    """Tell which vehicles are on the first or the last stretch of their line."""
    trip = np.maximum(fleet.ints("trip")[slots], 0)
    pattern = network.timetable.trips.pattern_idx[trip]
    along = fleet.floats("along_m")[slots]
    result: Bools = has & (
        (along <= network.first_m[pattern] + _TERMINAL_M)
        | (along >= network.last_m[pattern] - _TERMINAL_M)
    )
    return result


def _routes(fleet: FleetState, network: Network, slots: Slots) -> NDArray[np.int32]:
    trips = network.timetable.trips
    return trips.route_idx[np.maximum(fleet.ints("trip")[slots], 0)]


class _Terminals:
    """First and last stops of all patterns, by square cell."""

    def __init__(self, network: Network) -> None:
        ends = np.column_stack(
            (
                np.concatenate((network.first_x, network.last_x)),
                np.concatenate((network.first_y, network.last_y)),
            )
        )
        ends = np.unique(np.round(ends[np.isfinite(ends).all(axis=1)]), axis=0)
        cells = _cells(ends[:, 0], ends[:, 1])
        order = np.argsort(cells)
        self._cells, self._ends = cells[order], ends[order]

    def near(self, x: Floats, y: Floats) -> Bools:
        shifts = np.array([dx * _STRIDE + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
        around = (_cells(x, y)[:, None] + shifts[None, :]).ravel()
        low = np.searchsorted(self._cells, around, side="left")
        high = np.searchsorted(self._cells, around, side="right")
        end, owner, _ = expand(low, high)
        place = owner // len(shifts)
        distance = np.hypot(self._ends[end, 0] - x[place], self._ends[end, 1] - y[place])
        found = np.zeros(len(x), np.bool_)
        found[place[distance <= _TERMINAL_M]] = True
        return found


_STRIDE = 1 << 20


def _cells(x: Floats, y: Floats) -> Longs:
    column = np.floor(np.nan_to_num(x) / _TERMINAL_M).astype(np.int64)
    row = np.floor(np.nan_to_num(y) / _TERMINAL_M).astype(np.int64)
    result: Longs = column * _STRIDE + row
    return result
