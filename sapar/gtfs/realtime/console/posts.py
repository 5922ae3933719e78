"""The posts at which headways are counted, and the headways that the timetable plans there.

A post is a stop of a route in one direction (the second call of a line at a stop is another post),
so that buses of all patterns of the direction are counted together where they share the road.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console.turn_places import turning_rows
from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days
from sapar.gtfs.realtime.ragged import number_in_group
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

PLAN_MAX_S = 7200
"""Departures planned further apart are no headway service: the next bus is another story."""
_DATES_KEPT = 4


class Posts:
    """Posts of one timetable.

    Attributes:
        of_row: post of each stop-time row.
        count: how many posts there are.
        trip_of_row: trip of each stop-time row.
        group_of_trip: number of each trip's (route, direction).
        group_route, group_direction: what each group is; direction -1 for none.
        turn_row: see `turning_rows`.
    """

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable, self._days = timetable, days
        trips = timetable.trips
        pairs = trips.route_idx.astype(np.int64) * 4 + trips.direction + 1
        groups, of_trip = np.unique(pairs, return_inverse=True)
        self.group_of_trip: Longs = of_trip.astype(np.int64)
        self.group_route = (groups // 4).astype(np.int32)
        self.group_direction = (groups % 4 - 1).astype(np.int8)
        self.of_row, self.count = _posts_of_rows(timetable, self.group_of_trip)
        sizes = np.diff(trips.st_begin)
        self.trip_of_row = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        self.turn_row = turning_rows(timetable, self.group_of_trip)
        self._passing_s = timetable.stop_times.arrival_s.copy()
        self._passing_s[trips.st_begin[:-1]] = trips.first_s
        self._planned: dict[int, Ints] = {}
        freq = timetable.frequencies
        order = np.lexsort((freq.start_s, freq.trip_idx))
        self._frequency_key = freq.trip_idx[order] * np.int64(1 << 20) + freq.start_s[order]
        self._frequency_s = freq.headway_s[order]

    def __len__(self) -> int:
        """Give the number of groups."""
        return len(self.group_route)

    def planned_s(self, row: Longs, trip: Ints, day: Ints, start_s: Ints) -> Floats:
        """Give the headway planned before runs at calls of theirs, NaN where there is none.

        Args:
            row: stop-time row of each call.
            trip: its trip.
            day: ordinal of its service date.
            start_s: start of its run in seconds of the service day.
        """
        planned = np.full(len(row), np.nan)
        for ordinal in np.unique(day).tolist():
            at = np.flatnonzero(day == ordinal)
            found = self._of_day(ordinal)[row[at]]
            planned[at] = np.where(found > 0, found, np.nan)
        by_headway = np.flatnonzero(self._days.kind[trip] != FREQUENCY_NONE)
        if len(by_headway):
            key = trip[by_headway] * np.int64(1 << 20) + start_s[by_headway]
            place = np.maximum(np.searchsorted(self._frequency_key, key, side="right") - 1, 0)
            planned[by_headway] = self._frequency_s[place]
        return planned

    def _of_day(self, ordinal: int) -> Ints:
        """Give for each stop-time row the seconds since the call planned before it, 0 for none."""
        found = self._planned.get(ordinal)
        if found is None:
            while len(self._planned) >= _DATES_KEPT:
                del self._planned[min(self._planned)]
            found = self._planned[ordinal] = self._make(date.fromordinal(ordinal))
        return found

    def _make(self, day: date) -> Ints:
        runs = np.zeros(len(self._days.kind), np.bool_)
        runs[self._timetable.trips_active(day)] = True
        runs &= self._days.kind == FREQUENCY_NONE
        rows = np.flatnonzero(runs[self.trip_of_row])
        order = np.argsort(
            self.of_row[rows] * np.int64(1 << 20) + self._passing_s[rows], kind="stable"
        )
        rows = rows[order]
        gap = np.diff(self._passing_s[rows])
        same = (self.of_row[rows[1:]] == self.of_row[rows[:-1]]) & (gap <= PLAN_MAX_S)
        planned = np.zeros(len(self.of_row), np.int32)
        planned[rows[1:][same]] = gap[same]
        return planned


def _posts_of_rows(timetable: Timetable, group_of_trip: Longs) -> tuple[Ints, int]:
    """Number the posts; patterns are of one route and direction, so they say all there is."""
    patterns, trips = timetable.patterns, timetable.trips
    sizes = np.array([len(p.stop_idx) for p in patterns], np.int64)
    stop = np.concatenate([np.zeros(0, np.int32), *(p.stop_idx for p in patterns)])
    owner = np.repeat(np.arange(len(patterns)), sizes)
    group = np.zeros(len(patterns), np.int64)
    group[trips.pattern_idx] = group_of_trip
    order = np.lexsort((np.arange(len(stop)), stop, owner))
    again = np.zeros(len(stop), np.int64)
    again[order] = number_in_group(owner[order] * np.int64(len(timetable.stops.ids)) + stop[order])
    key = (group[owner] * len(timetable.stops.ids) + stop) * 64 + np.minimum(again, 63)
    keys, post = np.unique(key, return_inverse=True)
    begin = np.concatenate(([0], np.cumsum(sizes)))
    calls = np.diff(trips.st_begin)
    trip = np.repeat(np.arange(len(calls)), calls)
    local = np.arange(len(trip)) - trips.st_begin[trip]
    return post[begin[trips.pattern_idx[trip]] + local].astype(np.int32), len(keys)
