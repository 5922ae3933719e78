"""What acts of dispatch mean for the feeds of a moment: pure, from timetable, acts and time.

Runs that are cancelled, stops that are left out, extra runs, lines led along a detour, vehicles
pinned to a run, and the alerts that go with them. `sapar.gtfs.realtime.orders_feed` writes them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.acts import Act, Acts, Cancel, Detour, Extra, Skip, Swap
from sapar.gtfs.realtime.alert_drafts import cancel_alert, detour_alert, skip_alert
from sapar.gtfs.realtime.alerts import Alert
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.extras import ExtraRun, extra_runs
from sapar.gtfs.realtime.modifications import Modification, modifications_of
from sapar.gtfs.realtime.updates import RunKey, Updates
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

KEPT_S = 1800.0
"""An act on a run stays in the feeds for so long after the run would have ended."""
AHEAD_S = 7 * 86_400.0
"""Runs that start later are not spoken of yet."""
_FRESH_S = 30.0  # what was worked out is used for so long; changed acts count at once


@dataclass(frozen=True, slots=True)
class SkipRule:
    """Stops that are left out.

    Attributes:
        act: where it comes from, with its period.
        stops: rows of the stops, sorted.
        route: row of the route it is about, -1 for all.
        run: the run it is about, None for all.
    """

    act: Act
    stops: Ints
    route: int
    run: RunKey | None


@dataclass(frozen=True, slots=True)
class Pin:
    """A vehicle that drives given trips on a date, whatever anybody signed on to."""

    vehicle_id: str
    trips: tuple[int, ...]
    day: int


@dataclass(frozen=True, slots=True)
class Orders:
    """What the acts that stand mean at `made_s`.

    Attributes:
        made_s: when this was worked out, Unix seconds.
        cancelled: runs that will not be driven.
        skips: stops left out.
        extras: runs that the timetable does not have.
        modifications: trips led along detours.
        pins: vehicles put on runs by a person.
        alerts: drafted from the acts.
    """

    made_s: float = 0.0
    cancelled: tuple[RunKey, ...] = ()
    skips: tuple[SkipRule, ...] = ()
    extras: tuple[ExtraRun, ...] = ()
    modifications: tuple[Modification, ...] = ()
    pins: tuple[Pin, ...] = ()
    alerts: tuple[Alert, ...] = ()
    modified: dict[tuple[int, int], Modification] = field(default_factory=dict)
    """The modification of a trip (row) on a date (ordinal)."""

    def left_out(self, timetable: Timetable, updates: Updates) -> dict[int, frozenset[int]]:
        """Give for runs of the feed, by number, the stops they leave out, by number on the trip."""
        rows = updates.row
        if not len(rows) or not (self.skips or self.modified):
            return {}
        counts = updates.count()
        run = np.repeat(np.arange(len(updates.keys)), counts)
        trips = np.array([key[0] for key in updates.keys], np.int64)
        local = rows - timetable.trips.st_begin[trips[run]]
        mask = np.zeros(len(rows), np.bool_)
        stop, route = timetable.stop_times.stop_idx[rows], timetable.trips.route_idx[trips]
        for rule in self.skips:
            hit = np.isin(stop, rule.stops)
            if rule.route >= 0:
                hit &= (route == rule.route)[run]
            if rule.run is not None:
                hit &= np.array([key == rule.run for key in updates.keys])[run]
            hit[hit] = [rule.act.covers(at) for at in updates.arrival_s[hit].tolist()]
            mask |= hit
        found: dict[int, set[int]] = defaultdict(set)
        for number, at in zip(run[mask].tolist(), local[mask].tolist(), strict=True):
            found[number].add(at)
        if self.modified:
            for number, key in enumerate(updates.keys):
                modification = self.modified.get(key[:2])
                if modification is not None:
                    found[number] |= modification.missed
        return {number: frozenset(stops) for number, stops in found.items() if stops}


NO_ORDERS = Orders()


class OrderBook:
    """Works out what acts mean, and keeps it while neither acts nor time have moved much."""

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable = timetable
        self._days = days
        self._acts: Acts = ()
        self._orders = NO_ORDERS

    def at(self, acts: Acts, now_s: float) -> Orders:
        """Give the orders of a moment."""
        age_s = now_s - self._orders.made_s
        if acts is self._acts and (not acts or 0 <= age_s < _FRESH_S):
            return self._orders
        self._acts = acts
        self._orders = orders_of(self._timetable, self._days, acts, now_s) if acts else NO_ORDERS
        return self._orders


def orders_of(timetable: Timetable, days: Days, acts: Acts, now_s: float) -> Orders:
    """Work out what acts mean at a moment.

    What the timetable no longer has is left out: it may be another version than the one that the
    act was decided on.
    """
    standing = [act for act in acts if act.stands(now_s)]
    cancelled: dict[RunKey, Act] = {}
    skips: list[SkipRule] = []
    pins: list[Pin] = []
    for act in standing:
        if isinstance(act.what, Cancel):
            key = run_key(
                timetable, days, act.what.trip_id, act.what.service_date, act.what.start_s
            )
            if key is not None and _speaks_of(timetable, days, key, now_s):
                cancelled.setdefault(key, act)
        elif isinstance(act.what, Skip):
            skips += _skip_rules(timetable, days, act, act.what)
        elif isinstance(act.what, Swap):
            pins += _pins(timetable, act.what)
    detours = [(act, act.what) for act in standing if isinstance(act.what, Detour)]
    modifications = modifications_of(timetable, days, detours, now_s)
    return Orders(
        now_s,
        tuple(cancelled),
        tuple(skips),
        extra_runs(timetable, [(a, a.what) for a in standing if isinstance(a.what, Extra)], now_s),
        modifications,
        tuple(pins),
        tuple(_alerts(timetable, cancelled, skips, modifications)),
        {
            (trip, day): modification
            for modification in modifications
            for trip in modification.trips
            for day in modification.days
        },
    )


def run_key(
    timetable: Timetable, days: Days, trip_id: str, service_date: date, start_s: int | None
) -> RunKey | None:
    """Give the engine's name of a run, None if the timetable has no such trip."""
    trip = timetable.trips.index.get(trip_id)
    if trip is None:
        return None
    by_headway = days.kind[trip] != 0
    start = start_s if by_headway and start_s is not None else int(days.template_start_s[trip])
    return trip, service_date.toordinal(), start


def _speaks_of(timetable: Timetable, days: Days, key: RunKey, now_s: float) -> bool:
    """Tell whether a run is near enough in time to be in the feeds."""
    trip, day, start_s = key
    base_s = timetable.service_day_start(date.fromordinal(day))
    first_s, last_s = (int(getattr(timetable.trips, name)[trip]) for name in ("first_s", "last_s"))
    shift_s = start_s - int(days.template_start_s[trip])
    return (
        base_s + shift_s + first_s <= now_s + AHEAD_S and base_s + shift_s + last_s > now_s - KEPT_S
    )


def _skip_rules(timetable: Timetable, days: Days, act: Act, what: Skip) -> list[SkipRule]:
    index = timetable.stops.index
    stops = np.array(sorted({index[s] for s in what.stop_ids if s in index}), np.int32)
    route = -1 if what.route_id is None else timetable.routes.index.get(what.route_id)
    run = None
    if what.trip_id is not None and what.service_date is not None:
        run = run_key(timetable, days, what.trip_id, what.service_date, what.start_s)
        if run is None:
            return []
    if route is None or not len(stops):
        return []
    return [SkipRule(act, stops, route, run)]


def _pins(timetable: Timetable, what: Swap) -> list[Pin]:
    if what.trip_id is not None:
        trip = timetable.trips.index.get(what.trip_id)
        trips = () if trip is None else (trip,)
    else:
        block = timetable.blocks.index.get(what.block_id or "")
        active = timetable.services.active(what.service_date)
        rows = () if block is None else tuple(timetable.block_trips(block).tolist())
        trips = tuple(row for row in rows if active[timetable.trips.service_idx[row]])
    return [Pin(what.vehicle_id, trips, what.service_date.toordinal())] if trips else []


def _alerts(
    timetable: Timetable,
    cancelled: dict[RunKey, Act],
    skips: list[SkipRule],
    modifications: tuple[Modification, ...],
) -> list[Alert]:
    """Draft the alerts: one a detour, one a closed stop, one a trip cancelled on several dates."""
    alerts = []
    by_act: dict[str, list[Modification]] = defaultdict(list)
    for modification in modifications:
        for act in modification.acts:
            by_act[act.act_id].append(modification)
    acts = {act.act_id: act for modification in modifications for act in modification.acts}
    for act_id, parts in by_act.items():
        stops = sorted({stop for part in parts for stop in part.missed_stops(timetable, act_id)})
        alerts.append(detour_alert(timetable, acts[act_id], stops))
    alerts += [
        skip_alert(timetable, rule.act, rule.stops.tolist(), rule.route)
        for rule in skips
        if rule.run is None
    ]
    dates: dict[int, list[RunKey]] = defaultdict(list)
    for key in cancelled:
        dates[key[0]].append(key)
    for trip, keys in dates.items():
        if len({key[1] for key in keys}) > 1:
            alerts.append(cancel_alert(timetable, cancelled[keys[0]], trip))
    return alerts
