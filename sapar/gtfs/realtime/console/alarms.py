"""From conditions to alarms that a person can read, and back when an engine takes over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from sapar.gtfs.realtime.console import rules as kinds
from sapar.gtfs.realtime.console.ghosts import GHOST_REASONS, Ghosts
from sapar.gtfs.realtime.console.latch import Latch, step
from sapar.gtfs.realtime.console.model import Alarm, Values
from sapar.gtfs.realtime.console.rules import KINDS, RuleTable
from sapar.gtfs.realtime.console.signals import KIND_BITS, PAIR_BITS, Signals
from sapar.gtfs.realtime.console.view import View
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.timetable.model import Timetable

_VALUES = {
    kinds.LATE: "late_s",
    kinds.EARLY: "early_s",
    kinds.OFF_ROUTE: "off_route_s",
    kinds.SILENT: "silent_s",
    kinds.WRONG_SIGN_ON: "against_s",
    kinds.GPS_OFF: "lost_s",
    kinds.NO_VEHICLE: "missing_s",
}


class Alarms:
    """The alarms of one engine on one timetable.

    Attributes:
        listed: those that stand, as told at the last look.
    """

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._latch = Latch.empty()
        self._told: dict[int, Alarm] = {}
        self._looked_s = np.inf
        self.listed: list[Alarm] = []

    def look(
        self,
        signals: Signals,
        rules: RuleTable,
        picture: Picture,
        view: View,
        ghosts: Ghosts,
        fleet: FleetState,
        now_s: float,
    ) -> None:
        """Take the conditions of a moment."""
        on_delay_s, off_delay_s = rules.delays_s(signals.kind, signals.route)
        # two buses can each name the other ahead of them where one overtakes
        _, once = np.unique(signals.key, return_index=True)
        # what counts seconds since a moment that is known passes its threshold between two looks
        passed_s = signals.began_s + rules.raise_at(signals.kind, signals.route)
        passed_s = np.where(passed_s > self._looked_s, passed_s, now_s)
        self._looked_s = now_s
        self._latch = step(
            self._latch,
            signals.key[once],
            signals.raised[once],
            on_delay_s[once],
            off_delay_s[once],
            now_s,
            passed_s[once],
        )
        row_of = dict(zip(signals.key[once].tolist(), once.tolist(), strict=True))
        view_row = np.full(len(picture.slots), NO, np.int64)
        view_row[view.rows] = np.arange(len(view.rows))
        told: dict[int, Alarm] = {}
        on = self._latch.on
        for key, since_s in zip(
            self._latch.keys[on].tolist(), self._latch.since_s[on].tolist(), strict=True
        ):
            row = row_of.get(key)
            if row is None:
                if key in self._told:
                    told[key] = self._told[key]
                continue
            began_s = float(signals.began_s[row])
            since = since_s if np.isnan(began_s) else min(began_s, since_s)
            before = self._told.get(key)
            since = int(since) if before is None else before.since_s
            told[key] = self._tell(
                signals, row, since, rules, picture, view, view_row, ghosts, fleet
            )
        self._told = told
        self.listed = sorted(
            told.values(), key=lambda alarm: (alarm.priority, alarm.since_s, alarm.key)
        )

    def adopt(
        self, alarms: Iterable[Alarm], fleet: FleetState, rules: RuleTable, now_s: float
    ) -> None:
        """Go on with alarms that stood elsewhere; those about what is unknown here are let go."""
        found: dict[int, Alarm] = {}
        for alarm in alarms:
            key = self._key_of(alarm, fleet)
            if key is not None:
                found[key] = alarm
        keys = np.array(list(found), np.int64)
        kind = keys >> KIND_BITS
        index = self._timetable.routes.index
        route = np.array([index.get(a.route_id or "", NO) for a in found.values()], np.int64)
        _, off_delay_s = rules.delays_s(kind, route)
        since = np.array([alarm.since_s for alarm in found.values()], np.float64)
        # a new leader gives every alarm time to be seen again
        patience = np.maximum(off_delay_s, ADOPTED_S)
        self._latch = Latch.of_alarms(keys, since, patience, now_s)
        self._looked_s = now_s
        self._told = found
        self.listed = list(found.values())

    def _key_of(self, alarm: Alarm, fleet: FleetState) -> int | None:
        """Give the engine's name of an alarm, None where it can have none."""
        kind = KINDS.index(alarm.kind) if alarm.kind in KINDS else kinds.PANIC
        if kind == kinds.PANIC:
            return None
        about: int | None
        if kind == kinds.NO_VEHICLE:
            trip = self._timetable.trips.index.get(alarm.trip_id or "")
            if trip is None:
                return None
            day = date.fromisoformat(alarm.key.rpartition(":")[2]).toordinal()
            about = day * len(self._timetable.trips.ids) + trip
        else:
            about = fleet.index.get(alarm.vehicle_id or "")
            if kind == kinds.BUNCHED and about is not None:
                other = fleet.index.get(str(alarm.values.get("ahead")))
                if other is None:
                    return None
                about = (min(about, other) << PAIR_BITS) | max(about, other)
        return None if about is None else about | (kind << KIND_BITS)

    def _tell(
        self,
        signals: Signals,
        row: int,
        since_s: int,
        rules: RuleTable,
        picture: Picture,
        view: View,
        view_row: np.ndarray[tuple[int], np.dtype[np.int64]],
        ghosts: Ghosts,
        fleet: FleetState,
    ) -> Alarm:
        """Say a condition in ids and values."""
        timetable = self._timetable
        kind = int(signals.kind[row])
        at, other = int(signals.row[row]), int(signals.other[row])
        route = int(signals.route[row])
        priority = int(rules.priority[kind, route])
        route_id = None if route == NO else timetable.routes.ids[route]
        value = float(signals.value[row])
        if kind == kinds.NO_VEHICLE:
            return self._missing(ghosts, other, since_s, priority, fleet)
        vehicle_id = picture.vehicle_ids[at]
        bus = int(view_row[at])
        trip_id = stop_id = None
        if bus != NO:
            trip_id = timetable.trips.ids[view.trip[bus]]
            stop_id = timetable.stops.ids[timetable.stop_times.stop_idx[view.place.row[bus]]]
        values: Values = {}
        key = f"{KINDS[kind]}:{vehicle_id}"
        if kind in _VALUES:
            values[_VALUES[kind]] = round(value)
        elif kind == kinds.SPEEDING:
            values["speed_kmh"] = round(value * 3.6)
        elif kind in {kinds.BUNCHED, kinds.GAP}:
            values["headway_s"] = round(float(view.headways.headway_s[bus]))
            values["plan_headway_s"] = round(float(view.plan_s[bus]))
            if other != NO:
                values["ahead"] = fleet.ids[other]
        if kind == kinds.BUNCHED:
            key = "bunched:" + "+".join(sorted((vehicle_id, fleet.ids[other])))
        if kind == kinds.WRONG_SIGN_ON:
            values |= self._signed(fleet, int(picture.slots[at]))
        return Alarm(
            key, KINDS[kind], priority, since_s, vehicle_id, route_id, trip_id, stop_id, values
        )

    def _signed(self, fleet: FleetState, slot: int) -> Values:
        timetable = self._timetable
        names = (
            ("signed_trip", "sign_trip", timetable.trips.ids),
            ("signed_route", "sign_route", timetable.routes.ids),
            ("signed_block", "sign_block", timetable.blocks.ids),
        )
        return {
            name: ids[int(fleet[column][slot])]
            for name, column, ids in names
            if fleet[column][slot] != NO
        }

    def _missing(
        self, ghosts: Ghosts, at: int, since_s: int, priority: int, fleet: FleetState
    ) -> Alarm:
        trips = self._timetable.trips
        trip, slot = int(ghosts.runs.trip[at]), int(ghosts.slot[at])
        day = date.fromordinal(int(ghosts.runs.day[at])).isoformat()
        return Alarm(
            f"no_vehicle:{trips.ids[trip]}:{day}",
            KINDS[kinds.NO_VEHICLE],
            priority,
            since_s,
            None if slot == NO else fleet.ids[slot],
            self._timetable.routes.ids[trips.route_idx[trip]],
            trips.ids[trip],
            None,
            {
                "reason": GHOST_REASONS[int(ghosts.reason[at])],
                "start_s": int(ghosts.runs.first_s[at]),
            },
        )


ADOPTED_S = 60.0
"""Alarms that were taken over stand at least so long."""
