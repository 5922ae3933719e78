"""Which runs are led round closed streets just now, and what changes for their buses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sapar.gtfs.realtime.beliefs import Beliefs, Ground
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.modifications import Modification
from sapar.gtfs.realtime.orders import Orders
from sapar.gtfs.realtime.ways import LedRuns, ways_of
from sapar.gtfs.timetable.model import Timetable


class Leading:
    """Follows the detours of dispatch.

    The timetable tells which runs reach a detour within its period. While it stands, all runs of
    the same patterns are led round, whatever their time: buses are late or early, and which of two
    runs a bus is on must not hang on which of them may go round. A bus that is on the path as the
    street opens again stays on it.
    """

    def __init__(self) -> None:
        self._modifications: tuple[Modification, ...] = ()
        self._standing: frozenset[str] = frozenset()
        self._ordered: LedRuns = {}
        self._led: LedRuns = {}

    def follow(
        self, orders: Orders, fleet: FleetState, ground: Ground, beliefs: Beliefs, now_s: float
    ) -> Ground:
        """Give the ground with the ways of now; next calls that changed are put right."""
        if not orders.modifications and not self._led:
            return ground
        standing = frozenset(
            act.act_id for m in orders.modifications for act in m.acts if act.covers(now_s)
        )
        if self._modifications is not orders.modifications or self._standing != standing:
            self._modifications, self._standing = orders.modifications, standing
            timetable = ground.lattice.network.timetable
            self._ordered = {**_closed(timetable, orders, standing, now_s), **orders.modified}
        led = {**self._staying(fleet), **self._ordered}
        if led.keys() == self._led.keys() and all(led[run] is self._led[run] for run in led):
            return ground
        self._led = led
        before, ways, network = ground.ways, ways_of(ground.lattice, led), ground.lattice.network
        if len(beliefs):
            beliefs.row = ways.resettled(before, network, beliefs.row, beliefs.day, beliefs.along_m)
        slots = np.flatnonzero(fleet.ints("trip")[: len(fleet)] != NO)
        slots = slots[fleet.rows("next_row")[slots] != NO]
        row, day = fleet.rows("next_row")[slots], fleet.ints("day")[slots]
        ahead = ways.resettled(before, network, row, day, fleet.floats("along_m")[slots])
        fleet["next_row"][slots] = ahead
        fleet["near_m"][slots[ahead != row]] = np.inf
        return replace(ground, ways=ways)

    def _staying(self, fleet: FleetState) -> LedRuns:
        """Give the ways of buses that are on a path."""
        slots = np.flatnonzero(fleet.flags("on_path")[: len(fleet)])
        runs = [fleet.run_key(slot)[:2] for slot in slots.tolist()]
        return {run: self._led[run] for run in runs if run in self._led}


def _closed(
    timetable: Timetable, orders: Orders, standing: frozenset[str], now_s: float
) -> LedRuns:
    """Lead round all runs of now of the patterns that have detours which stand."""
    by_pattern: dict[int, list[Modification]] = {}
    for modification in orders.modifications:
        by_pattern.setdefault(modification.pattern, []).append(modification)
    led: dict[tuple[int, int], Modification] = {}
    days = [day.toordinal() for day in timetable.service_dates_at(now_s)]
    for pattern, modifications in by_pattern.items():
        detours = {d.act_id: d for m in modifications for d in m.detours if d.act_id in standing}
        if not detours:
            continue
        now = replace(
            modifications[0],
            detours=tuple(sorted(detours.values(), key=lambda detour: detour.from_m)),
            missed=frozenset(call for detour in detours.values() for call in detour.missed),
        )
        trips = np.flatnonzero(timetable.trips.pattern_idx == pattern).tolist()
        led |= {(trip, day): now for trip in trips for day in days}
    return led
