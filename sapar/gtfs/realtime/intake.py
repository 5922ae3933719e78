"""Fixes as columns, and what the live side makes of each before it believes it.

Nothing is refused here (the stored side keeps every fix): a fix that is late, repeated or a jump is
counted and does not move the bus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.contract.messages import Fix
from sapar.core.geometry import Floats
from sapar.gtfs.realtime.fleet_state import NO, FleetState, Slots
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import number_in_group
from sapar.gtfs.timetable.model import Timetable

MOVED, LATE, REPEATED, JUMP, STALE = range(5)
VERDICTS = ("moved", "late", "repeated", "jump", "stale")
"""Verdicts by number: *late* is older than what is known, *stale* is news but old."""

SPEED_MAX_MPS = 31.3  # TransitClock: a fix that implies more (70 mph) is dropped
_JUMP_SLACK_M = 100.0  # noise of two fixes; a short step is no jump however short the time
_CONFIRM_S = 180.0  # a jumped place is believed when a second fix agrees within this time


@dataclass(frozen=True, slots=True)
class FixColumns:
    """Fixes as columns, any number and any order; NaN and None stand for "not given"."""

    vehicle_ids: list[str]
    time_s: Floats
    latitude: Floats
    longitude: Floats
    speed_mps: Floats
    bearing_deg: Floats
    trip_ids: list[str | None]
    route_ids: list[str | None]
    block_ids: list[str | None]

    def __len__(self) -> int:
        return len(self.vehicle_ids)

    def take(self, rows: Sequence[int] | Slots) -> FixColumns:
        """Give the fixes of some rows, in their order."""
        picked = np.asarray(rows, np.int64)
        return FixColumns(
            [self.vehicle_ids[r] for r in picked],
            self.time_s[picked],
            self.latitude[picked],
            self.longitude[picked],
            self.speed_mps[picked],
            self.bearing_deg[picked],
            [self.trip_ids[r] for r in picked],
            [self.route_ids[r] for r in picked],
            [self.block_ids[r] for r in picked],
        )


def columns_of(vehicle_ids: list[str], fixes: Sequence[Fix]) -> FixColumns:
    """Turn decoded, checked fixes (latitude and longitude given) into columns."""
    return FixColumns(
        vehicle_ids,
        np.array([f.time_ms for f in fixes], np.float64) / 1000.0,
        np.array([f.latitude for f in fixes], np.float64),
        np.array([f.longitude for f in fixes], np.float64),
        np.array([f.speed_mps for f in fixes], np.float64),
        np.array([f.bearing_deg for f in fixes], np.float64),
        [f.trip_id for f in fixes],
        [f.route_id for f in fixes],
        [f.block_id for f in fixes],
    )


@dataclass(frozen=True, slots=True)
class Round:
    """One fix each of several vehicles, with sign-on as rows of the timetable."""

    slots: Slots
    time_s: Floats
    latitude: Floats
    longitude: Floats
    x: Floats
    y: Floats
    speed_mps: Floats
    bearing_deg: Floats

    def where(self, keep: NDArray[np.bool_]) -> Round:
        """Give the fixes for which `keep` is true."""
        return Round(
            self.slots[keep],
            self.time_s[keep],
            self.latitude[keep],
            self.longitude[keep],
            self.x[keep],
            self.y[keep],
            self.speed_mps[keep],
            self.bearing_deg[keep],
        )


def newest_fixes(fleet: FleetState, slots: Slots) -> Round:
    """Give the newest fixes of vehicles as a round."""
    names = ("time_s", "latitude", "longitude", "x", "y", "speed_mps", "bearing_deg")
    return Round(slots, *(fleet.floats(name)[slots] for name in names))


def rounds_of(
    fleet: FleetState, network: Network, fixes: FixColumns, now_s: float
) -> Iterator[Round]:
    """Split fixes into rounds in which each vehicle has one fix at most, in order of time.

    A device clock that runs ahead is held at `now_s`: nothing in a feed may lie in the future.
    The sign-on of each vehicle becomes the one of its newest fix.
    """
    slots = fleet.slots_of(fixes.vehicle_ids)
    time_s = np.minimum(fixes.time_s, now_s)
    order = np.lexsort((time_s, slots))
    _sign_on(fleet, network.timetable, fixes, slots, time_s, order)
    x, y = network.plane(fixes.latitude, fixes.longitude)
    turn = number_in_group(slots[order])
    whole = Round(
        slots, time_s, fixes.latitude, fixes.longitude, x, y, fixes.speed_mps, fixes.bearing_deg
    )
    for number in range(int(turn.max(initial=-1)) + 1):
        rows = order[turn == number]
        yield Round(
            slots[rows],
            time_s[rows],
            whole.latitude[rows],
            whole.longitude[rows],
            x[rows],
            y[rows],
            whole.speed_mps[rows],
            whole.bearing_deg[rows],
        )


def accept(
    fleet: FleetState, fixes: Round, stale_before_s: float
) -> tuple[Round, NDArray[np.int8]]:
    """Judge one round and move the vehicles whose fix is believed.

    A fix is a jump when it implies more than `SPEED_MAX_MPS` from the last place; a second fix
    that agrees with the first jump shows that the bus is really there.

    Returns:
        (believed, verdicts): the fixes that count, before the fleet's place is set to them, and
        a verdict for each fix of the round.
    """
    slots = fixes.slots
    last_s = fleet.floats("time_s")[slots]
    elapsed = fixes.time_s - last_s
    verdict = np.full(len(slots), MOVED, np.int8)
    verdict[fixes.time_s < stale_before_s] = STALE
    moved_m = np.hypot(fixes.x - fleet.floats("x")[slots], fixes.y - fleet.floats("y")[slots])
    jump = moved_m > SPEED_MAX_MPS * np.maximum(elapsed, 0.0) + _JUMP_SLACK_M
    since = fixes.time_s - fleet.floats("jump_s")[slots]
    from_jump = np.hypot(
        fixes.x - fleet.floats("jump_x")[slots], fixes.y - fleet.floats("jump_y")[slots]
    )
    confirmed = (
        (since > 0) & (since < _CONFIRM_S) & (from_jump < SPEED_MAX_MPS * since + _JUMP_SLACK_M)
    )
    verdict[jump & ~confirmed] = JUMP
    verdict[elapsed < 0] = LATE
    verdict[elapsed == 0] = REPEATED
    _note_jumps(fleet, fixes.where(verdict == JUMP))
    return fixes.where((verdict == MOVED) | (verdict == STALE)), verdict


def move(fleet: FleetState, fixes: Round) -> None:
    """Set the vehicles to their believed fixes."""
    slots = fixes.slots
    fleet["time_s"][slots] = fixes.time_s
    for name in ("latitude", "longitude", "x", "y", "speed_mps", "bearing_deg"):
        fleet[name][slots] = getattr(fixes, name)
    fleet["jump_s"][slots] = 0.0
    fleet.remember_places(slots, fixes.x, fixes.y, fixes.time_s)


def _note_jumps(fleet: FleetState, fixes: Round) -> None:
    fleet["jump_x"][fixes.slots] = fixes.x
    fleet["jump_y"][fixes.slots] = fixes.y
    fleet["jump_s"][fixes.slots] = fixes.time_s


def _sign_on(
    fleet: FleetState,
    timetable: Timetable,
    fixes: FixColumns,
    slots: Slots,
    time_s: Floats,
    order: Slots,
) -> None:
    """Take over the sign-on of each vehicle's newest fix; unknown ids count as absent."""
    ordered = slots[order]
    newest = order[np.append(ordered[1:] != ordered[:-1], True)] if len(order) else order
    for row in newest:
        slot = int(slots[row])
        if time_s[row] < fleet["time_s"][slot]:
            continue
        sign = (fixes.trip_ids[row], fixes.route_ids[row], fixes.block_ids[row])
        if sign != fleet.signs[slot]:
            fleet.signs[slot] = sign
            resolve_sign_on(fleet, timetable, slot)


def resolve_sign_on(fleet: FleetState, timetable: Timetable, slot: int) -> None:
    """Turn the sign-on ids of a vehicle into rows of the timetable; note whether they changed."""
    trip_id, route_id, block_id = fleet.signs[slot]
    found = (
        timetable.trips.index.get(trip_id or "", NO),
        timetable.routes.index.get(route_id or "", NO),
        timetable.blocks.index.get(block_id or "", NO),
    )
    for name, value in zip(("sign_trip", "sign_route", "sign_block"), found, strict=True):
        if fleet[name][slot] != value:
            fleet[name][slot] = value
            fleet["resign"][slot] = True
