"""Running times: how long a trip takes at each hour of each kind of day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sapar.simulators.city.patterns import Pattern

Floats = NDArray[np.float64]
Seconds = NDArray[np.int64]

HOUR_S = 3_600


class Day(StrEnum):
    """The kinds of day that have a timetable of their own; the values are GTFS service ids."""

    WEEKDAY = "weekday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


CONGESTION: dict[Day, tuple[tuple[float, float], ...]] = {
    Day.WEEKDAY: (
        (0, 0.86), (5.5, 0.86), (6.75, 1.0), (7.75, 1.24), (9.0, 1.2), (10.5, 1.03), (13, 1.06),
        (16, 1.12), (17.75, 1.3), (19.25, 1.16), (21, 1.0), (23, 0.9), (27, 0.86),
    ),
    Day.SATURDAY: (
        (0, 0.86), (6, 0.86), (9, 0.97), (12, 1.08), (17, 1.08), (20, 0.98), (23, 0.9), (27, 0.86),
    ),
    Day.SUNDAY: (
        (0, 0.86), (7, 0.86), (11, 1.0), (17, 1.02), (20, 0.95), (23, 0.88), (27, 0.86),
    ),
}  # fmt: skip
"""(hour of the service day, driving time in the centre over that on an empty street)."""

DWELL_S = 14.0
"""Standing time at an ordinary stop; a hub or terminal takes 8 s more."""


@dataclass(frozen=True, slots=True)
class Course:
    """The part of a pattern that a trip runs: stops `first` to `last`, both included."""

    pattern: Pattern
    first: int
    last: int

    @property
    def stop_count(self) -> int:
        """Number of stops served."""
        return self.last - self.first + 1


def congestion(day: Day, time_s: Floats) -> Floats:
    """Give the factor on driving times in the centre at times of the service day, in seconds."""
    hours, factors = zip(*CONGESTION[day], strict=True)
    factor: Floats = np.interp(time_s, np.array(hours) * HOUR_S, factors)
    return factor


def call_times(course: Course, day: Day, starts_s: Seconds) -> tuple[Seconds, Seconds]:
    """Time trips of one course that leave at `starts_s`.

    Each leg is driven at the speed of the moment it begins. Times are whole seconds, and both
    strictly increase along a trip.

    Returns:
        (arrival_s, departure_s), each (trips, stops), in seconds of the service day; equal at the
        first and at the last stop.
    """
    now = starts_s.astype(np.float64)
    arrivals, departures = [now], [now]
    pattern = course.pattern
    for leg in range(course.first, course.last):
        busy = congestion(day, now) - 1.0
        now = now + pattern.drive_s[leg] * (1.0 + pattern.exposure[leg] * busy)
        arrivals.append(now)
        if leg + 1 < course.last:
            base = DWELL_S + (8.0 if pattern.stops[leg + 1].place else 0.0)
            now = now + base * (1.0 + 0.6 * busy)
        departures.append(now)
    as_seconds = [
        np.rint(np.column_stack(times)).astype(np.int64) for times in (arrivals, departures)
    ]
    return as_seconds[0], as_seconds[1]


class RunTimes:
    """Looks up how long a course takes, for planning many trips one by one."""

    _GRID_S = 300

    def __init__(self, course: Course, day: Day) -> None:
        self.course = course
        starts = np.arange(0, 28 * HOUR_S, self._GRID_S, dtype=np.int64)
        arrivals, _ = call_times(course, day, starts)
        self._runs_s: Sequence[int] = (arrivals[:, -1] - starts).tolist()

    def run_s(self, start_s: int) -> int:
        """Time from leaving the first stop at `start_s` to reaching the last, in seconds."""
        at, past = divmod(start_s, self._GRID_S)
        before, after = self._runs_s[at], self._runs_s[at + 1]
        return before + round((after - before) * past / self._GRID_S)
