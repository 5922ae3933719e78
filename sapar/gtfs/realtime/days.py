"""Runs: trips on service dates. Which may be under way at a moment, and when each starts and ends.

A run is named by its trip, the service date (as an ordinal) and its start in seconds of the service
day; `base_s` plus a time of the timetable is a Unix time. Trips of frequencies.txt have one run a
departure: on the grid of the headway where `exact_times` is 1, at any second where it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

FREQUENCY_NONE, FREQUENCY_LOOSE, FREQUENCY_EXACT = 0, 1, 2
"""How a trip runs: by its stop times, by headway (exact_times 0), on the headway's grid (1)."""
_LAYOVER_MAX_S = 1800.0  # a longer pause between two runs of a block is a break in service


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs as columns.

    Attributes:
        trip, day: the trip's row and the ordinal of its service date.
        start_s: start in seconds of the service day, as `start_time` names it.
        base_s: Unix time that the trip's stop times count from, for this run.
        first_s, last_s: Unix times of the first departure and the last arrival.
    """

    trip: Ints
    day: Ints
    start_s: Ints
    base_s: Floats
    first_s: Floats
    last_s: Floats

    def __len__(self) -> int:
        return len(self.trip)

    def where(self, keep: NDArray[np.bool_] | Longs) -> Runs:
        """Give some of the runs, by mask or by rows."""
        return Runs(
            self.trip[keep],
            self.day[keep],
            self.start_s[keep],
            self.base_s[keep],
            self.first_s[keep],
            self.last_s[keep],
        )


@dataclass(frozen=True)
class Headways:
    """Rows of frequencies.txt on the service dates at hand."""

    trip: Ints
    day: Ints
    day_start_s: Floats
    from_s: Ints
    until_s: Ints
    headway_s: Ints
    exact: Bools


@dataclass(frozen=True)
class Links:
    """How the trips of blocks follow each other on the dates at hand.

    Attributes:
        days: ordinals of the dates, rising; rows of the arrays below.
        next_trip, previous_trip: by date and trip; -1 where the block ends or begins.
        calls_before: calls of the block before the trip, by date and trip.
    """

    days: Longs
    next_trip: Ints
    previous_trip: Ints
    calls_before: Ints

    def date_row(self, day: Ints) -> Longs:
        """Give the row of each date; a date that is no longer at hand gives the last row."""
        return np.minimum(np.searchsorted(self.days, day), len(self.days) - 1)

    def following(self, day: Ints, trip: Ints) -> Ints:
        """Give the block's next trip on the same date, -1 for none."""
        row = self.date_row(day)
        return np.where(self.days[row] == day, self.next_trip[row, trip], -1).astype(np.int32)


class Days:
    """The runs of the service dates around a moment, kept until the dates change."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        begin = timetable.trips.st_begin[:-1]
        self.template_start_s = timetable.stop_times.arrival_s[begin]
        """First arrival of each trip: what GTFS-realtime calls start_time (rule E023)."""
        self.kind = np.zeros(len(timetable.trips.ids), np.int8)
        freq = timetable.frequencies
        self.kind[freq.trip_idx] = np.where(freq.exact, FREQUENCY_EXACT, FREQUENCY_LOOSE)
        self._dates: list[date] = []
        self._blocks: dict[int, Runs] = {}
        self._runs = _no_runs()
        self._busy_until_s = np.zeros(0)
        self._by_pattern = np.zeros(0, np.int64)
        self._pattern_begin = np.zeros(1, np.int64)
        self._headways = _headways(timetable, [])
        self.links = _links(timetable, [], [])

    def look(self, now_s: float) -> None:
        """Prepare the service dates that matter at a moment; cheap while they stay the same."""
        # an hour ahead as well: a bus may wait before midnight for tomorrow's first trip
        ahead = self.timetable.service_dates_at(now_s + 3600.0)
        dates = sorted({*self.timetable.service_dates_at(now_s), *ahead})
        if dates == self._dates:
            return
        self._dates = dates
        self._blocks.clear()
        parts = [self._day(day) for day in dates]
        self._runs = join_runs(parts)
        self._busy_until_s = _busy_until(
            self.timetable.trips.block_idx[self._runs.trip], self._runs.first_s, self._runs.last_s
        )
        pattern = self.timetable.trips.pattern_idx[self._runs.trip]
        self._by_pattern = np.argsort(pattern, kind="stable")
        self._pattern_begin = np.searchsorted(
            pattern[self._by_pattern], np.arange(len(self.timetable.patterns) + 1)
        )
        self._headways = _headways(self.timetable, dates)
        self.links = _links(self.timetable, dates, parts)

    @property
    def runs(self) -> Runs:
        """All runs by stop times of the dates looked at."""
        return self._runs

    @property
    def headways(self) -> Headways:
        """All headway service of the dates looked at."""
        return self._headways

    def of_patterns(self, patterns: Ints) -> tuple[Longs, Longs]:
        """List (row of `runs`, number in `patterns`) for the runs of each pattern."""
        rows, owner, _ = expand(self._pattern_begin[patterns], self._pattern_begin[patterns + 1])
        return self._by_pattern[rows], owner

    def patterns_between(self, from_s: float, until_s: float) -> Bools:
        """Tell for each pattern whether a run of it touches a span of time."""
        alive = (self._runs.first_s <= until_s) & (self._runs.last_s >= from_s)
        found = np.zeros(len(self.timetable.patterns), np.bool_)
        found[self.timetable.trips.pattern_idx[self._runs.trip[alive]]] = True
        h = self._headways
        start, end = h.day_start_s + h.from_s, h.day_start_s + h.until_s
        run_s = (self.timetable.trips.last_s - self.timetable.trips.first_s)[h.trip]
        found[
            self.timetable.trips.pattern_idx[h.trip[(start <= until_s) & (end + run_s >= from_s)]]
        ] = True
        return found

    def of_block(self, block: int) -> Runs:
        """List the runs of a block on the dates at hand, in order of their start."""
        found = self._blocks.get(block)
        if found is None:
            trips = self.timetable.block_trips(block)
            found = self.of_trips(trips[self.kind[trips] == FREQUENCY_NONE])
            self._blocks[block] = found
        return found

    def of_trips(self, trips: Ints) -> Runs:
        """List the runs of some trips on the dates at hand, in order of their start."""
        if not len(trips):
            return _no_runs()
        parts = []
        for day in self._dates:
            runs = self.timetable.services.active(day)
            active = trips[runs[self.timetable.trips.service_idx[trips]]]
            parts.append(self._make(active, day))
        joined = join_runs(parts)
        return joined.where(np.argsort(joined.first_s, kind="stable"))

    def expected(self, now_s: float) -> int:
        """Count the buses that the timetable has in service at a moment, layovers included."""
        by_times = int(((self._runs.first_s <= now_s) & (self._busy_until_s > now_s)).sum())
        h = self._headways
        run_s = (self.timetable.trips.last_s - self.timetable.trips.first_s)[h.trip]
        since = now_s - h.day_start_s - h.from_s
        started = np.clip(np.floor(since / h.headway_s) + 1, 0, None)
        planned = np.ceil((h.until_s - h.from_s) / h.headway_s)
        ended = np.clip(np.floor((since - run_s) / h.headway_s) + 1, 0, planned)
        return by_times + int((np.minimum(started, planned) - ended).sum())

    def _day(self, day: date) -> Runs:
        trips = self.timetable.trips_active(day)
        return self._make(trips[self.kind[trips] == FREQUENCY_NONE], day)

    def _make(self, trips: Ints, day: date) -> Runs:
        start = self.timetable.service_day_start(day)
        table = self.timetable.trips
        return Runs(
            trips,
            np.full(len(trips), day.toordinal(), np.int32),
            self.template_start_s[trips],
            np.full(len(trips), start),
            start + table.first_s[trips].astype(np.float64),
            start + table.last_s[trips].astype(np.float64),
        )


def _headways(timetable: Timetable, dates: list[date]) -> Headways:
    freq = timetable.frequencies
    rows: list[Longs] = []
    days: list[Ints] = []
    starts: list[Floats] = []
    for day in dates:
        active = timetable.services.active(day)
        picked = np.flatnonzero(active[timetable.trips.service_idx[freq.trip_idx]])
        rows.append(picked)
        days.append(np.full(len(picked), day.toordinal(), np.int32))
        starts.append(np.full(len(picked), timetable.service_day_start(day)))
    row = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    return Headways(
        freq.trip_idx[row],
        np.concatenate(days) if days else np.zeros(0, np.int32),
        np.concatenate(starts) if starts else np.zeros(0),
        freq.start_s[row],
        freq.end_s[row],
        freq.headway_s[row],
        freq.exact[row],
    )


def _busy_until(block: Ints, first_s: Floats, last_s: Floats) -> Floats:
    """End of each run, or the start of its block's next run when the layover before it is short."""
    busy_s = last_s.copy()
    order = np.lexsort((first_s, block))
    here, after = order[:-1], order[1:]
    wait_s = first_s[after] - last_s[here]
    stays = (block[here] >= 0) & (block[here] == block[after]) & (wait_s > 0)
    stays &= wait_s <= _LAYOVER_MAX_S
    busy_s[here[stays]] = first_s[after[stays]]
    return busy_s


def _links(timetable: Timetable, dates: list[date], parts: list[Runs]) -> Links:
    """Chain the trips of each block, in order of their start."""
    trips = timetable.trips
    shape = (max(1, len(dates)), len(trips.ids))
    following, before = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    calls_before = np.zeros(shape, np.int32)
    calls = np.diff(trips.st_begin)
    for row, runs in enumerate(parts):
        blocked = runs.trip[trips.block_idx[runs.trip] >= 0]
        order = np.lexsort(
            (trips.last_s[blocked], trips.first_s[blocked], trips.block_idx[blocked])
        )
        trip = blocked[order]
        block = trips.block_idx[trip]
        same = block[1:] == block[:-1]
        following[row, trip[:-1][same]] = trip[1:][same]
        before[row, trip[1:][same]] = trip[:-1][same]
        total = np.cumsum(calls[trip]) - calls[trip]
        first = np.flatnonzero(np.append(True, ~same)) if len(trip) else np.zeros(0, np.int64)
        sizes = np.diff(np.append(first, len(trip)))
        calls_before[row, trip] = total - np.repeat(total[first], sizes)
    days = np.array([day.toordinal() for day in dates] or [-1], np.int64)
    return Links(days, following, before, calls_before)


def _no_runs() -> Runs:
    return Runs(
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
        np.zeros(0, np.int32),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0),
    )


def join_runs(parts: list[Runs]) -> Runs:
    """Put runs one after the other."""
    if not parts:
        return _no_runs()
    return Runs(
        np.concatenate([p.trip for p in parts]),
        np.concatenate([p.day for p in parts]),
        np.concatenate([p.start_s for p in parts]),
        np.concatenate([p.base_s for p in parts]),
        np.concatenate([p.first_s for p in parts]),
        np.concatenate([p.last_s for p in parts]),
    )
