"""The conditions that alarms are made of, of all buses and missing runs at a moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console import rules as kinds
from sapar.gtfs.realtime.console.ghosts import CANCELLED, Ghosts
from sapar.gtfs.realtime.console.ghosts import SILENT as GHOST_SILENT
from sapar.gtfs.realtime.console.rules import RuleTable
from sapar.gtfs.realtime.console.view import View
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.phases import DEPOT, IN_PROGRESS, NO_SIGNAL, OFF_ROUTE, held_until
from sapar.gtfs.realtime.snapshot import Picture

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

KIND_BITS = 56
"""A condition's name is its kind above so many bits, and what it is about below them."""
PAIR_BITS = 28
_GAP_LEAST_S = 240.0  # a gap is longer than the plan by no less
_PLAN_LEAST_S = 120.0  # of shorter planned headways nobody notices that two buses come together
_CUSTOM = 0.5  # not signing on is an exception only where so many sign on


@dataclass(frozen=True, slots=True)
class Signals:
    """Conditions that are held, as columns.

    Attributes:
        key: name of each, see `KIND_BITS`.
        raised: whether it is past its threshold.
        value: what was compared.
        row: row of the picture, `NO` for a missing run.
        other: slot of the bus ahead, or row of the ghosts; else `NO`.
        began_s: since when, where known better than by looking; else NaN.
    """

    key: Longs
    raised: Bools
    value: Floats
    row: Longs
    route: Longs
    other: Longs
    began_s: Floats

    @property
    def kind(self) -> Longs:
        """Index into `KINDS` of each."""
        return self.key >> KIND_BITS


class _Collector:
    def __init__(self, rules: RuleTable) -> None:
        self._rules = rules
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def add(
        self,
        kind: int,
        about: Longs,
        value: Floats,
        row: Longs,
        route: Longs,
        *,
        may: Bools | None = None,
        began_s: Floats | None = None,
        other: Longs | None = None,
    ) -> None:
        """Add what is past the dead band; only those that `may` can be raised."""
        raised, held = self._rules.past(kind, route, value)
        at = np.flatnonzero(held)
        if not len(at):
            return
        on = raised[at] if may is None else (raised & may)[at]
        none = np.full(len(at), np.nan)
        self._parts.append(
            (
                about[at] | (np.int64(kind) << KIND_BITS),
                on,
                value[at],
                row[at],
                route[at],
                np.full(len(at), NO, np.int64) if other is None else other[at],
                none if began_s is None else began_s[at],
            )
        )

    def done(self) -> Signals:
        if not self._parts:
            longs, floats = np.zeros(0, np.int64), np.zeros(0)
            no = np.zeros(0, np.bool_)
            return Signals(longs, no, floats, longs, longs, longs, floats)
        return Signals(*(np.concatenate(column) for column in zip(*self._parts, strict=True)))


def signals_of(
    picture: Picture,
    fleet: FleetState,
    days: Days,
    view: View,
    ghosts: Ghosts,
    gps_lost_s: Mapping[int, float],
    rules: RuleTable,
    now_s: float,
) -> Signals:
    """List the conditions that are held.

    Args:
        picture: of this moment.
        fleet: what it was made of.
        days: the runs of the dates at hand.
        view: the buses with a run.
        ghosts: the planned runs without one.
        gps_lost_s: by slot: when its device told that it has no position any more.
        rules: thresholds.
        now_s: Unix time.
    """
    found = _Collector(rules)
    route = np.full(len(picture.slots), NO, np.int64)
    route[view.rows] = view.route
    _of_vehicles(found, picture, fleet, view, route, gps_lost_s, now_s)
    _of_runs(found, picture, fleet, days, view, route, now_s)
    _of_headways(found, picture, view, now_s)
    late_s = now_s - ghosts.runs.first_s
    trips = days.timetable.trips
    missing = (ghosts.reason != CANCELLED) & (ghosts.reason != GHOST_SILENT)
    at = np.flatnonzero(missing)
    about = ghosts.runs.day.astype(np.int64) * len(trips.ids) + ghosts.runs.trip
    found.add(
        kinds.NO_VEHICLE,
        about[at],
        late_s[at],
        np.full(len(at), NO, np.int64),
        trips.route_idx[ghosts.runs.trip[at]].astype(np.int64),
        began_s=ghosts.since_s[at],
        other=at,
    )
    return found.done()


def _of_vehicles(
    found: _Collector,
    picture: Picture,
    fleet: FleetState,
    view: View,
    route: Longs,
    gps_lost_s: Mapping[int, float],
    now_s: float,
) -> None:
    """Add silence, lost positions and speeds, of vehicles with and without a run."""
    slots, rows = picture.slots, np.arange(len(picture.slots))
    has = picture.trip != NO
    due = np.zeros(len(slots), np.bool_)
    due[view.rows] = ~view.waiting | (now_s >= view.first_s)
    silent_s = now_s - picture.time_s
    lost_s = np.full(len(slots), np.nan)
    if gps_lost_s:
        where = {slot: row for row, slot in enumerate(slots.tolist())}
        for slot, at_s in gps_lost_s.items():
            row = where.get(slot)
            if row is not None and at_s >= fleet["time_s"][slot]:
                lost_s[row] = now_s - at_s
    found.add(kinds.GPS_OFF, slots, lost_s, rows, route, may=has, began_s=now_s - lost_s)
    silent = np.where((picture.phase == DEPOT) | ~np.isnan(lost_s), np.nan, silent_s)
    found.add(kinds.SILENT, slots, silent, rows, route, may=due, began_s=picture.time_s)
    fresh = (picture.phase != NO_SIGNAL) & (picture.phase != DEPOT)
    speed = np.where(fresh, picture.speed_mps, np.nan)
    found.add(kinds.SPEEDING, slots, speed, rows, route)


def _of_runs(
    found: _Collector,
    picture: Picture,
    fleet: FleetState,
    days: Days,
    view: View,
    route: Longs,
    now_s: float,
) -> None:
    """Add lateness, ways off the line and sign-ons, of vehicles with a run."""
    rows, slots = view.rows, view.slots
    until_s = held_until(picture.time_s, now_s)
    of_bus = view.route.astype(np.int64)
    fresh = picture.phase[rows] != NO_SIGNAL
    timed = days.kind[view.trip] != FREQUENCY_LOOSE
    delay = np.where(timed, picture.delay_s[rows], np.nan)
    found.add(kinds.LATE, slots, delay, rows, of_bus, may=fresh)
    moving = ~view.waiting & np.isin(picture.phase[rows], (IN_PROGRESS, OFF_ROUTE))
    found.add(kinds.EARLY, slots, np.where(moving, -delay, np.nan), rows, of_bus, may=fresh)
    off_since = fleet.floats("off_since_s")[slots]
    off = picture.phase[rows] == OFF_ROUTE
    off_s = np.where(off, until_s[rows] - off_since, np.nan)
    found.add(kinds.OFF_ROUTE, slots, off_s, rows, of_bus, began_s=off_since)
    every = picture.slots
    signed = np.zeros(len(every), np.bool_)
    for name in ("sign_trip", "sign_route", "sign_block"):
        signed |= fleet.ints(name)[every] != NO
    if signed[rows].mean() >= _CUSTOM if len(rows) else False:
        without = np.where(~signed[rows] & fresh, 1.0, np.nan)
        found.add(kinds.NOT_SIGNED_ON, slots, without, rows, of_bus)
    since = fleet.floats("sign_conflict_s")[every]
    against = np.isfinite(since) & _contradicted(picture, fleet, days)
    against_s = np.where(against, until_s - since, np.nan)
    found.add(kinds.WRONG_SIGN_ON, every, against_s, np.arange(len(every)), route, began_s=since)


def _contradicted(picture: Picture, fleet: FleetState, days: Days) -> Bools:
    """Tell which vehicles are on another run than what their drivers named first of all."""
    slots, trip = picture.slots, np.maximum(picture.trip, 0)
    trips = days.timetable.trips
    named = other = np.zeros(len(slots), np.bool_)
    for name, has in (
        ("sign_trip", trip),
        ("sign_block", trips.block_idx[trip]),
        ("sign_route", trips.route_idx[trip]),
    ):
        sign = fleet.ints(name)[slots]
        other = other | (~named & (sign != NO) & (sign != has))
        named = named | (sign != NO)
    result: Bools = other & (picture.trip != NO)
    return result


def _of_headways(found: _Collector, picture: Picture, view: View, now_s: float) -> None:
    """Add buses that run together, and gaps before buses."""
    headways = view.headways
    route = view.route.astype(np.int64)
    fresh = picture.phase[view.rows] != NO_SIGNAL
    use = fresh & (view.plan_s >= _PLAN_LEAST_S)
    share = np.where(use, headways.headway_s / view.plan_s, np.nan)
    ahead = np.maximum(headways.ahead, 0)
    pair = (np.minimum(ahead, view.slots) << PAIR_BITS) | np.maximum(ahead, view.slots)
    together = np.where(view.waiting | (headways.ahead == NO), np.nan, share)
    found.add(kinds.BUNCHED, pair, together, view.rows, route, other=headways.ahead)
    # before a bus that waits at its terminal there is a gap once it has passed, not by promise
    passed_s = np.where(
        view.waiting, now_s - (view.expected_s - headways.headway_s), headways.headway_s
    )
    long = use & (passed_s - view.plan_s >= _GAP_LEAST_S)
    wide = np.where(long, passed_s / view.plan_s, np.nan)
    found.add(kinds.GAP, view.slots, wide, view.rows, route, other=headways.ahead)
