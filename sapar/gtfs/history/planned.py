"""The runs that a service day should have, with the headway runs that were found in their slots.

Trips by stop times and headway service with exact times have runs with a name of their own. Headway
service without exact times promises a number of departures: those found take the slots of their
period in order, each as near as the order allows; slots left over are runs that nobody drove, and
departures left over are beyond the plan. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]
RunName = tuple[int, int]
"""Row of the trip and start in seconds of the service day."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of a service day.

    Attributes:
        trip: row of the trip.
        start_s: start in seconds of the service day; of a headway run without exact times the
            start found, or that of its slot when nobody drove it.
        planned: false for a headway run beyond the planned number.
        loose: headway service without exact times: no time of departure was promised.
    """

    trip: int
    start_s: int
    planned: bool = True
    loose: bool = False

    @property
    def name(self) -> RunName:
        """What tells the run from the others of its day."""
        return self.trip, self.start_s


def planned_runs(
    timetable: Timetable, service_date: date, found: Iterable[RunName]
) -> list[PlannedRun]:
    """List the runs of a service day in order of trip and start.

    Args:
        timetable: the timetable in force on the day.
        service_date: the day.
        found: runs that vehicles were seen on.
    """
    active = set(timetable.trips_active(service_date).tolist())
    freq = timetable.frequencies
    by_headway = set(freq.trip_idx.tolist())
    runs = [PlannedRun(trip, _template_start_s(timetable, trip)) for trip in active - by_headway]
    periods = defaultdict(list)
    for row, trip in enumerate(freq.trip_idx.tolist()):
        if trip in active:
            periods[trip].append(row)
    starts = defaultdict(list)
    for trip, start_s in found:
        starts[trip].append(start_s)
    for trip, rows in periods.items():
        loose = [row for row in rows if not freq.exact[row]]
        for row in rows:
            if freq.exact[row]:
                runs += [PlannedRun(trip, start_s) for start_s in slots_of(timetable, row)]
        runs += _loose_runs(timetable, trip, loose, sorted(starts[trip]))
    return sorted(runs, key=lambda run: run.name)


def slots_of(timetable: Timetable, row: int) -> list[int]:
    """List the departures of a row of frequencies.txt, in seconds of the service day."""
    freq = timetable.frequencies
    return list(range(int(freq.start_s[row]), int(freq.end_s[row]), int(freq.headway_s[row])))


def match_in_order(few: Longs, many: Longs) -> Longs:
    """Match sorted numbers to sorted numbers in order, with the least sum of distances.

    Returns:
        for each of `few` the row of `many`; needs `len(few) <= len(many)`.
    """
    spare = len(many) - len(few)
    if not len(few):
        return np.zeros(0, np.int64)
    # cost[i][k]: the first i + 1 matched, the last of them to row i + k or an earlier one
    best = np.zeros(spare + 1)
    choice = np.zeros((len(few), spare + 1), np.int64)
    offsets = np.arange(spare + 1)
    for n, value in enumerate(few.tolist()):
        cost = best + np.abs(many[n : n + spare + 1] - value)
        least = np.minimum.accumulate(cost)
        new = np.append(True, cost[1:] < least[:-1])
        choice[n] = np.maximum.accumulate(np.where(new, offsets, 0))
        best = least
    rows = np.zeros(len(few), np.int64)
    at = spare
    for n in range(len(few) - 1, -1, -1):
        at = int(choice[n][at])
        rows[n] = n + at
    return rows


def _loose_runs(
    timetable: Timetable, trip: int, rows: list[int], starts: list[int]
) -> list[PlannedRun]:
    if not rows:
        return []
    freq = timetable.frequencies
    nearest = defaultdict(list)
    for start_s in starts:
        away = [
            max(int(freq.start_s[r]) - start_s, start_s - int(freq.end_s[r]) + 1, 0) for r in rows
        ]
        nearest[rows[int(np.argmin(away))]].append(start_s)
    runs = []
    for row in rows:
        slots = np.array(slots_of(timetable, row), np.int64)
        here = np.array(nearest[row], np.int64)
        if len(here) <= len(slots):
            taken, planned = set(match_in_order(here, slots).tolist()), set(range(len(here)))
        else:
            taken, planned = set(range(len(slots))), set(match_in_order(slots, here).tolist())
        runs += [PlannedRun(trip, int(s), n in planned, True) for n, s in enumerate(here)]
        runs += [
            PlannedRun(trip, int(s), True, True) for n, s in enumerate(slots) if n not in taken
        ]
    return runs


def _template_start_s(timetable: Timetable, trip: int) -> int:
    return int(timetable.stop_times.arrival_s[timetable.trips.st_begin[trip]])
