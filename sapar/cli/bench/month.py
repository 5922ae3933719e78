"""A month of buses in a synthetic city, fast: when each bus came to each stop. Pure.

The timetable knows how long a trip takes at each hour of a weekday, as planners do. The street
knows more: each pair of stops is slower or faster than its length tells, and some are jammed at the
peaks (Monday to Friday), or around a bazaar at noon (weekends). That is the same every week.
Besides, days differ, lines differ from day to day, jams come and go within half an hour, and no two
buses drive alike. Late drivers hurry a little, and a terminal's rest takes up what delay it can.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, distance_m
from sapar.gtfs.history.learning import DayVisits
from sapar.gtfs.timetable.model import Timetable
from sapar.simulators.plan import Run, list_duties

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_DAY_FROM, _DAY_S = time(4), 23 * 3600.0
_STOP_M = 120.0  # a stop costs as long as so many metres of driving
# Spreads are those of the logarithm. In an hour and a half of Warsaw's buses, pairs of stops
# differed by 0.44 from what the timetable allows, buses on one pair by 0.28, and two that followed
# each other within five minutes had a correlation of 0.15.
_PAIR_SLOW = 0.35
_JAM_MAX = 0.8  # the worst pair takes so much longer at the peak
_DAY_SLOW, _LINE_SLOW = 0.05, 0.05
_JAM_SLOW, _JAM_S = 0.11, 1500.0
_BUS_SLOW = 0.25
_SLOT_S = 300.0
_LATE_S, _LATE_MAX_S = 20.0, 120.0  # departures after their time
_TURN_S, _EMPTY_MPS = 60.0, 7.0
_HURRY_S = 900.0


@dataclass(frozen=True, slots=True)
class DrivenDay:
    """What the buses did on a day; buses one after the other, each stop after stop.

    Attributes:
        day: the service date.
        bus: number of the bus; run: number of the run, rising.
        trip: row of the timetable's trips; row: of its stop times; number: of the stop on the trip.
        due_s, due_off_s: scheduled arrival and departure, Unix seconds.
        arrival_s, departure_s: what came of them.
    """

    day: date
    bus: Longs
    run: Longs
    trip: Longs
    row: Longs
    number: Longs
    due_s: Floats
    due_off_s: Floats
    arrival_s: Floats
    departure_s: Floats

    def visits(self, timetable: Timetable) -> DayVisits:
        """Give the day as what travel times are learnt from."""
        ids, stops = timetable.stops.ids, timetable.stop_times.stop_idx[self.row]
        return DayVisits(
            self.run,
            self.number,
            [ids[stop] for stop in stops.tolist()],
            self.arrival_s,
            self.departure_s,
            self.due_s,
            self.due_off_s,
            np.ones(len(self.run), np.bool_),
        )


class Streets:
    """How long buses take from stop to stop, on some lines of a timetable.

    Args:
        timetable: what is driven.
        buses: about so many drive on a weekday: all of some lines.
        weekday: the day whose duties the lines are chosen by.
        seed: same seed, same streets, same days.
    """

    def __init__(self, timetable: Timetable, buses: int, weekday: date, seed: int) -> None:
        self._timetable, self._seed = timetable, seed
        rng = np.random.default_rng([seed, 21])
        times, trips = timetable.stop_times, timetable.trips
        stops = len(timetable.stops.ids)
        inner = np.ones(len(times.stop_idx), np.bool_)
        inner[trips.st_begin[:-1]] = False
        rows = np.flatnonzero(inner)
        keys = times.stop_idx[rows - 1].astype(np.int64) * stops + times.stop_idx[rows]
        pairs, found = np.unique(keys, return_inverse=True)
        self._pair = np.full(len(inner), -1, np.int64)
        self._pair[rows] = found
        self._pairs = len(pairs)
        self._usual_s = np.zeros(len(inner))
        self._usual_s[rows] = _usual(timetable)[rows]
        self._slow = np.exp(_centred(rng, _PAIR_SLOW, len(pairs)))
        self._peak = _JAM_MAX * rng.random(len(pairs)) ** 2
        self._noon = _JAM_MAX * rng.random(len(pairs)) ** 4
        self.lines = self._choose(buses, weekday, rng)

    def drive(self, day: date) -> DrivenDay:
        """Let the buses drive their duties of a day."""
        rng = np.random.default_rng([self._seed, 22, day.toordinal()])
        duties = self._duties(day)
        plan = _Plan(self._timetable, duties, day)
        weekend = day.weekday() >= 5
        jam = self._jams(rng)
        line_slow = rng.normal(0.0, _LINE_SLOW, len(self._timetable.routes.ids))
        day_slow = float(rng.normal(0.0, _DAY_SLOW))
        midnight_s = self._timetable.service_day_start(day)
        noise = _centred(rng, _BUS_SLOW, len(plan.row))
        rest = np.minimum(rng.exponential(_LATE_S, len(plan.row)), _LATE_MAX_S)
        dwell = rng.uniform(6.0, 20.0, len(plan.row))
        arrival, departure = np.full(len(plan.row), np.nan), np.full(len(plan.row), np.nan)
        for n in range(int(plan.size.max(initial=0))):
            at = plan.begin[plan.size > n] + n
            opens = plan.number[at] == 0
            before = np.maximum(at - 1, 0)
            start = at[opens]
            ready = np.where(n == 0, -np.inf, arrival[before[opens]] + plan.turn_s[start])
            arrival[start] = np.maximum(ready, plan.due_s[start] - 300.0)
            departure[start] = np.maximum(plan.due_off_s[start], arrival[start]) + rest[start]
            on, left = at[~opens], before[~opens]
            pair, now_s = self._pair[plan.row[on]], departure[left]
            from_s = np.where(plan.number[left] == 0, departure[left], arrival[left])
            hours = (now_s - midnight_s) / 3600.0
            jammed = self._noon[pair] * _bump(hours, 13.0, 2.5)
            if not weekend:
                jammed = self._peak[pair] * (_bump(hours, 8.2, 1.2) + _bump(hours, 18.0, 1.6))
            late_s = from_s - plan.due_off_s[left]
            slot = ((now_s - midnight_s) / _SLOT_S).astype(np.int64) % jam.shape[0]
            slow = noise[on] + day_slow + line_slow[plan.line[on]] + jam[slot, pair]
            slow -= np.clip(late_s / _HURRY_S, -0.12, 0.10)
            took = self._usual_s[plan.row[on]] * self._slow[pair] * (1.0 + jammed) * np.exp(slow)
            arrival[on] = from_s + np.maximum(took, 8.0)
            departure[on] = arrival[on] + np.minimum(dwell[on], 0.3 * took)
        return plan.driven(day, arrival, departure)

    def _jams(self, rng: np.random.Generator) -> Floats:
        """Give how the jams of a day come and go: shape (slots, pairs)."""
        slots = int(30 * 3600 / _SLOT_S)
        keep = np.exp(-_SLOT_S / _JAM_S)
        fresh = rng.normal(0.0, _JAM_SLOW, (slots, self._pairs))
        for n in range(1, slots):
            fresh[n] = keep * fresh[n - 1] + np.sqrt(1.0 - keep * keep) * fresh[n]
        return fresh

    def _choose(self, buses: int, weekday: date, rng: np.random.Generator) -> frozenset[int]:
        """Take whole lines until there are buses enough."""
        count = Counter(self._line(duty) for duty in self._all_duties(weekday))
        chosen: set[int] = set()
        for line in rng.permutation(sorted(count)).tolist():
            if sum(count[one] for one in chosen) >= buses:
                break
            chosen.add(line)
        return frozenset(chosen)

    def _duties(self, day: date) -> list[tuple[Run, ...]]:
        return [duty for duty in self._all_duties(day) if self._line(duty) in self.lines]

    def _all_duties(self, day: date) -> list[tuple[Run, ...]]:
        """List the duties of a service date; headway service is left out, it has no timetable."""
        from_s = datetime.combine(day, _DAY_FROM, self._timetable.timezone).timestamp()
        return [
            runs
            for duty in list_duties(self._timetable, from_s, _DAY_S)
            if not any(run.frequency for run in duty.runs)
            and (runs := tuple(run for run in duty.runs if run.service_date == day))
        ]

    def _line(self, runs: tuple[Run, ...]) -> int:
        return int(self._timetable.trips.route_idx[runs[0].trip_idx])


class _Plan:
    """The stops of all duties of a day, flat: bus after bus, stop after stop."""

    def __init__(self, timetable: Timetable, duties: list[tuple[Run, ...]], day: date) -> None:
        trips, times = timetable.trips, timetable.stop_times
        runs = [run for duty in duties for run in duty]
        trip = np.array([run.trip_idx for run in runs], np.int64)
        counts = np.diff(trips.st_begin)[trip] if len(trip) else np.zeros(0, np.int64)
        of_bus = np.repeat(np.arange(len(duties)), [len(duty) for duty in duties])
        self.run = np.repeat(np.arange(len(runs)), counts)
        first = np.cumsum(counts) - counts
        self.number = np.arange(int(counts.sum())) - first[self.run]
        self.trip = trip[self.run]
        self.row = trips.st_begin[self.trip].astype(np.int64) + self.number
        self.bus = of_bus[self.run]
        self.line = trips.route_idx[self.trip].astype(np.int64)
        self.size = np.bincount(self.bus, minlength=len(duties))
        self.begin = np.cumsum(self.size) - self.size
        midnight_s = timetable.service_day_start(day)
        self.due_s = midnight_s + times.arrival_s[self.row]
        self.due_off_s = midnight_s + times.departure_s[self.row]
        lat, lon = (
            axis[times.stop_idx[self.row]]
            for axis in (timetable.stops.latitude, timetable.stops.longitude)
        )
        way_m = np.zeros(len(self.row))
        way_m[1:] = distance_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
        self.turn_s = _TURN_S + way_m / _EMPTY_MPS

    def driven(self, day: date, arrival_s: Floats, departure_s: Floats) -> DrivenDay:
        """Give what came of the plan."""
        return DrivenDay(
            day,
            self.bus,
            self.run,
            self.trip,
            self.row,
            self.number,
            self.due_s,
            self.due_off_s,
            arrival_s,
            departure_s,
        )


def _usual(timetable: Timetable) -> Floats:
    """Give what the way to each row takes by its length: its share of the pattern's mean time."""
    trips = timetable.trips
    took = (trips.last_s - trips.first_s).astype(np.float64)
    count = np.bincount(trips.pattern_idx, minlength=len(timetable.patterns))
    mean_s = np.bincount(trips.pattern_idx, took, len(timetable.patterns)) / np.maximum(count, 1)
    shares = []
    for pattern, whole_s in zip(timetable.patterns, mean_s.tolist(), strict=True):
        cost = np.append(0.0, np.diff(pattern.stop_m) + _STOP_M)
        shares.append(whole_s * cost / max(float(cost.sum()), 1.0))
    return np.concatenate([np.zeros(0), *(shares[n] for n in trips.pattern_idx.tolist())])


def _centred(rng: np.random.Generator, spread: float, count: int) -> Floats:
    """Draw logarithms of factors whose mean is 1."""
    return rng.normal(-0.5 * spread * spread, spread, count)


def _bump(hours: Floats, at: float, width: float) -> Floats:
    result: Floats = np.exp(-(((hours - at) / width) ** 2))
    return result
