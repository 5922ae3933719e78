"""The console of one engine: looks at each picture, remembers, and makes the console body."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sapar.gtfs.realtime.console.advising import advise
from sapar.gtfs.realtime.console.alarms import Alarms
from sapar.gtfs.realtime.console.ghosts import Drivers, ghosts_of
from sapar.gtfs.realtime.console.ladder_rows import LadderRows
from sapar.gtfs.realtime.console.model import Alarm, ConsoleBody, Values, encode_console
from sapar.gtfs.realtime.console.passages import Passages
from sapar.gtfs.realtime.console.plan_places import PlanPlaces
from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.console.routes import routes_of
from sapar.gtfs.realtime.console.rules import DEFAULT_RULES, KINDS, PANIC, Rule, RuleTable
from sapar.gtfs.realtime.console.signals import signals_of
from sapar.gtfs.realtime.console.view import view_of
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.updates import RunKey

GRACE_S = 90.0
"""So long after its start a planned run is not yet missed."""


HEARD_S = 600.0
"""So long a panic rings that the database does not tell of: it may be away."""
TAPS_ON_S = 60.0
"""A tap so long after a bus's last fix says that it is its tracker that is silent, not the bus."""
TAPS_OLD_S = 900.0
"""Of a bus that tapped longer ago nobody knows whether it is still on the road."""


class Console:
    """What one engine tells the control room.

    Args:
        network, days: of the timetable in use.
        stale_s: a bus silent for longer drives nothing.
    """

    def __init__(self, network: Network, days: Days, stale_s: float) -> None:
        self._network, self._days, self._stale_s = network, days, stale_s
        timetable = network.timetable
        self._posts = Posts(timetable, days)
        self._passages = Passages(timetable, self._posts)
        self._plan = PlanPlaces(timetable)
        self._rows = LadderRows(timetable, self._plan)
        self._drivers = Drivers(days)
        self._given: tuple[Rule, ...] = ()
        self._rules = RuleTable(DEFAULT_RULES, timetable.routes.ids)
        self._alarms = Alarms(timetable)
        self._gps_lost_s: dict[str, float] = {}
        self._tapped_s: dict[str, float] = {}
        self._panics: tuple[Alarm, ...] = ()
        self._heard: dict[str, Alarm] = {}  # panics that the database has not told of yet

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms that stand, as the newest body tells them."""
        return self._alarms.listed

    def use_rules(self, rules: Iterable[Rule]) -> None:
        """Change the rules; later ones hold before earlier ones, those of routes before all."""
        self._given = tuple(rules)
        self._rules = RuleTable([*DEFAULT_RULES, *self._given], self._network.timetable.routes.ids)

    def take_over(self, other: Console, fleet: FleetState, now_s: float) -> None:
        """Go on where a console on another timetable stopped."""
        self.use_rules(other._given)
        self._panics, self._gps_lost_s = other._panics, other._gps_lost_s
        self._heard, self._tapped_s = other._heard, other._tapped_s
        self.adopt(other.alarms, fleet, now_s)

    def use_panics(self, panics: Iterable[Alarm]) -> None:
        """Set the alarms of emergencies that nobody has closed."""
        self._panics = tuple(panics)
        for alarm in self._panics:
            self._heard.pop(alarm.vehicle_id or "", None)

    def hear_panic(
        self, vehicle_id: str, time_s: float, latitude: float | None, longitude: float | None
    ) -> None:
        """Ring at once: the emergency itself comes by way of the database."""
        values: Values = {}
        if latitude is not None and longitude is not None:
            values = {"lat": latitude, "lon": longitude}
        key = f"{KINDS[PANIC]}:{vehicle_id}"
        self._heard[vehicle_id] = Alarm(
            key, KINDS[PANIC], 1, int(time_s), vehicle_id, values=values
        )

    def lose_gps(self, vehicle_id: str, time_s: float) -> None:
        """Take word of a device that it has no position any more; the next fix ends that."""
        self._gps_lost_s.setdefault(vehicle_id, time_s)

    def hear_tap(self, vehicle_id: str, time_s: float) -> None:
        """Take when somebody tapped in a bus."""
        self._tapped_s[vehicle_id] = max(time_s, self._tapped_s.get(vehicle_id, 0.0))

    def note(self, fleet: FleetState, now_s: float) -> None:
        """Remember what buses passed and who drives what; every look."""
        self._passages.note(fleet, now_s)
        self._drivers.note(fleet)

    def body(
        self, picture: Picture, fleet: FleetState, cancelled: tuple[RunKey, ...], now_s: float
    ) -> bytes:
        """Make the console body of a moment; its fleet has been noted."""
        view = view_of(
            picture, fleet, self._network, self._days, self._posts, self._passages, self._plan,
            now_s,
        )  # fmt: skip
        ghosts = ghosts_of(
            picture, fleet, self._days, self._drivers, cancelled, now_s, self._stale_s, GRACE_S
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            signals = signals_of(
                picture, fleet, self._days, view, ghosts, self._lost(fleet, now_s), self._rules,
                now_s,
            )  # fmt: skip
            advised = advise(view, picture, self._network, self._posts, self._passages)
        self._alarms.look(signals, self._rules, picture, view, ghosts, fleet, now_s)
        routes = routes_of(
            view, picture, self._days, self._posts, self._passages.regularity(now_s), self._rules,
            advised, now_s,
        )  # fmt: skip
        self._alarms.listed += self._panics + self._rung(now_s)
        return encode_console(
            ConsoleBody(
                picture.header_s,
                self._rows.buses(view, fleet, advised.hold_s),
                self._rows.ghosts(ghosts, fleet, now_s),
                self._alarms.listed,
                routes,
            )
        )

    def adopt(self, alarms: Iterable[Alarm], fleet: FleetState, now_s: float) -> None:
        """Take over alarms that another engine, or this one on another timetable, had raised."""
        self._alarms.adopt(alarms, fleet, self._rules, now_s)

    def _rung(self, now_s: float) -> tuple[Alarm, ...]:
        """Give the panics that were heard; what is not stored in time was no record of a device."""
        known = {alarm.vehicle_id for alarm in self._panics}
        self._heard = {
            vehicle_id: alarm
            for vehicle_id, alarm in self._heard.items()
            if vehicle_id not in known and now_s - alarm.since_s <= HEARD_S
        }
        return tuple(self._heard.values())

    def _lost(self, fleet: FleetState, now_s: float) -> dict[int, float]:
        """Give the moments from which devices have had no position, by slot.

        A tracker says so, or it is silent while people tap in its bus.
        """
        found: dict[int, float] = {}
        heard_s = fleet["time_s"]
        for vehicle_id, tap_s in list(self._tapped_s.items()):
            slot = fleet.index.get(vehicle_id)
            if now_s - tap_s > TAPS_OLD_S:
                del self._tapped_s[vehicle_id]
            elif slot is not None and tap_s - heard_s[slot] >= TAPS_ON_S:
                found[slot] = float(heard_s[slot])
        for vehicle_id, at_s in list(self._gps_lost_s.items()):
            slot = fleet.index.get(vehicle_id)
            if slot is not None and fleet["time_s"][slot] > at_s:
                del self._gps_lost_s[vehicle_id]
            elif slot is not None:
                found[slot] = at_s
        return found
