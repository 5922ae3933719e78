"""Every planned call of a timetable, ordered by stop and time of day. Immutable; one per version.

A run is named as the feeds name it: trip, service date, and `start_s`, the first arrival in seconds
of the service day. Trips of frequencies.txt have one run a departure of the headway's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DAYS_KEPT = 16
_SPANS_KEPT = 64  # all boards of a tick ask about few spans


@dataclass(frozen=True, slots=True)
class Planned:
    """Some planned calls as columns, in order of their departure.

    Attributes:
        row: stop-time row.
        trip: its trip.
        day: ordinal of the service date.
        start_s: start of the run, seconds of the service day.
        arrival_s, departure_s: Unix seconds.
        headway_s: of headway service without exact times, where the time is only a guess; else 0.
    """

    row: Ints
    trip: Ints
    day: Ints
    start_s: Ints
    arrival_s: Longs
    departure_s: Longs
    headway_s: Ints

    def __len__(self) -> int:
        return len(self.row)


class StopIndex:
    """The planned calls at each stop."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        times, trips = timetable.stop_times, timetable.trips
        st_begin = trips.st_begin
        trip_of_row = np.repeat(np.arange(len(trips.ids), dtype=np.int32), np.diff(st_begin))
        template_s = times.arrival_s[st_begin[:-1]].astype(np.int32)
        rows, start_s, headway_s = _all_calls(timetable, trip_of_row, template_s)
        shift_s = start_s - template_s[trip_of_row[rows]]
        departure_s = (times.departure_s[rows] + shift_s).astype(np.int32)
        order = np.lexsort((departure_s, times.stop_idx[rows]))
        self._row = rows[order]
        self._start_s = start_s[order]
        self._headway_s = headway_s[order]
        self._departure_s = departure_s[order]
        self._arrival_s = (times.arrival_s[self._row] + shift_s[order]).astype(np.int32)
        stops = np.arange(len(timetable.stops.ids) + 1)
        self._begin = np.searchsorted(times.stop_idx[self._row], stops)
        dwell_s = self._departure_s - self._arrival_s
        self._dwell_max_s = int(dwell_s.max()) if len(dwell_s) else 0
        self.template_s = template_s
        self.trip_of_row = trip_of_row
        self.row_keys = (trip_of_row.astype(np.int64) << 32) + times.stop_sequence
        """Trip and stop_sequence of each stop-time row as one number, rising."""
        self.loose = np.zeros(len(trips.ids), np.bool_)
        freq = timetable.frequencies
        self.loose[freq.trip_idx[~freq.exact]] = True
        self.repeated = np.zeros(len(trips.ids), np.bool_)
        self.repeated[freq.trip_idx] = True
        self._headways: dict[int, list[tuple[int, int, int]]] = {}
        for number, trip in enumerate(freq.trip_idx.tolist()):
            span = (int(c[number]) for c in (freq.start_s, freq.end_s, freq.headway_s))
            self._headways.setdefault(trip, []).append(tuple(span))  # type: ignore[arg-type]
        self._day_starts: dict[int, float] = {}
        self._active = lru_cache(_DAYS_KEPT)(timetable.services.active)
        self._days_between = lru_cache(_SPANS_KEPT)(partial(_find_days, timetable))

    def served(self, stop_idx: int) -> bool:
        """Tell whether any trip calls at a stop."""
        return bool(self._begin[stop_idx] < self._begin[stop_idx + 1])

    def day_start(self, day: int) -> float:
        """Give the Unix time that the stop times of a service date count from."""
        found = self._day_starts.get(day)
        if found is None:
            found = self._day_starts[day] = self.timetable.service_day_start(date.fromordinal(day))
        return found

    def base_s(self, trip: int, day: int, start_s: int) -> float:
        """Give the Unix time that a run's stop times count from."""
        return self.day_start(day) + start_s - int(self.template_s[trip])

    def days_between(self, from_s: float, until_s: float) -> Sequence[date]:
        """List the service dates that may have calls in a span of time, earliest first."""
        return self._days_between(from_s, until_s)

    def between(self, stop_idx: int, from_s: float, until_s: float) -> Planned:
        """List the planned calls at a stop that leave at `from_s` or later and arrive by `until_s`.

        Calls of all service dates that reach into the span, in order of their departure.
        """
        parts = [
            part
            for day in self.days_between(from_s, until_s)
            if len(part := self._on(day, stop_idx, from_s, until_s))
        ]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return _NOTHING
        joined = _join(parts)
        return _pick(joined, np.argsort(joined.departure_s, kind="stable"))

    def on_day(self, stop_idx: int, day: date) -> Planned:
        """List the planned calls at a stop of one service date."""
        return self._on(day, stop_idx, -np.inf, np.inf)

    def _on(self, day: date, stop_idx: int, from_s: float, until_s: float) -> Planned:
        day_s = self.day_start(day.toordinal())
        begin, end = int(self._begin[stop_idx]), int(self._begin[stop_idx + 1])
        departures = self._departure_s[begin:end]
        low = begin + int(np.searchsorted(departures, from_s - day_s))
        high = begin + int(
            np.searchsorted(departures, until_s - day_s + self._dwell_max_s, side="right")
        )
        if low >= high:
            return _NOTHING
        trip = self.trip_of_row[self._row[low:high]]
        keep = self._active(day)[self.timetable.trips.service_idx[trip]]
        keep &= self._arrival_s[low:high] <= until_s - day_s
        kept = np.flatnonzero(keep)
        at = low + kept
        whole = int(day_s)
        return Planned(
            self._row[at],
            trip[kept],
            np.full(len(at), day.toordinal(), np.int32),
            self._start_s[at],
            self._arrival_s[at].astype(np.int64) + whole,
            self._departure_s[at].astype(np.int64) + whole,
            self._headway_s[at],
        )

    def headway_of(self, trip: int, start_s: int) -> int:
        """Give the headway at which a trip runs about a time of day, 0 when it has none."""
        return self._headway(trip, start_s)[2]

    def headway_span(self, trip: int, start_s: int) -> tuple[int, int]:
        """Give from when until when a trip runs at that headway, seconds of the service day."""
        return self._headway(trip, start_s)[:2]

    def _headway(self, trip: int, start_s: int) -> tuple[int, int, int]:
        spans = self._headways.get(trip)
        if spans is None:
            return 0, 0, 0
        return next((span for span in spans if span[0] <= start_s < span[1]), spans[0])

    def rows_at(self, stop_idx: int) -> Ints:
        """Give the stop-time rows of all calls at a stop, in order of the time of day."""
        return self._row[self._begin[stop_idx] : self._begin[stop_idx + 1]]

    def routes_at(self, stop_idx: int) -> list[int]:
        """List the routes that call at a stop, on any day, by row."""
        trips = self.trip_of_row[self.rows_at(stop_idx)]
        found: list[int] = np.unique(self.timetable.trips.route_idx[trips]).tolist()
        return found


def _find_days(timetable: Timetable, from_s: float, until_s: float) -> tuple[date, ...]:
    first = timetable.service_dates_at(from_s)[0]
    last = timetable.service_dates_at(until_s)[-1]
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))


def _all_calls(
    timetable: Timetable, trip_of_row: Ints, template_s: Ints
) -> tuple[Ints, Ints, Ints]:
    """Give (stop-time row, start of the run, headway) of every call on a day of its service."""
    freq, begin = timetable.frequencies, timetable.trips.st_begin
    repeated = np.zeros(len(timetable.trips.ids), np.bool_)
    repeated[freq.trip_idx] = True
    plain = np.flatnonzero(~repeated[trip_of_row]).astype(np.int32)
    rows = [plain]
    starts = [template_s[trip_of_row[plain]]]
    headways = [np.zeros(len(plain), np.int32)]
    for number, trip in enumerate(freq.trip_idx.tolist()):
        every_s = int(freq.headway_s[number])
        starts_s = np.arange(freq.start_s[number], freq.end_s[number], every_s, dtype=np.int32)
        of_trip = np.arange(begin[trip], begin[trip + 1], dtype=np.int32)
        rows.append(np.tile(of_trip, len(starts_s)))
        starts.append(np.repeat(starts_s, len(of_trip)))
        shown = 0 if freq.exact[number] else every_s
        headways.append(np.full(len(starts_s) * len(of_trip), shown, np.int32))
    return np.concatenate(rows), np.concatenate(starts), np.concatenate(headways)


def _join(parts: list[Planned]) -> Planned:
    return Planned(
        np.concatenate([p.row for p in parts]),
        np.concatenate([p.trip for p in parts]),
        np.concatenate([p.day for p in parts]),
        np.concatenate([p.start_s for p in parts]),
        np.concatenate([p.arrival_s for p in parts]),
        np.concatenate([p.departure_s for p in parts]),
        np.concatenate([p.headway_s for p in parts]),
    )


def _pick(planned: Planned, at: Longs) -> Planned:
    return Planned(
        planned.row[at],
        planned.trip[at],
        planned.day[at],
        planned.start_s[at],
        planned.arrival_s[at],
        planned.departure_s[at],
        planned.headway_s[at],
    )


_NOTHING = _join(
    [
        Planned(
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int32),
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
        )
    ]
)
