"""Travel times learnt from stop visits. Pure.

An observation runs from arrival to arrival, so that dwell is in it; from a trip's first stop, from
departure to arrival (as `gtfs.realtime.travel_times` has it). Only neighbouring stops that were
both seen count. One observation counts for no more than the timetable's time times `CAP_SHARE` plus
`CAP_S`: a breakdown is no travel time. An older one counts less, by a half-life.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.travel_times import CAP_S, CAP_SHARE
from sapar.gtfs.realtime.visits import LearntTimes

Longs = NDArray[np.int64]
_DAY_S = 86_400.0
_HOURS = 24


@dataclass(frozen=True, slots=True)
class DayVisits:
    """Stop visits of a day, run after run in the order of stops.

    Attributes:
        runs: number of the run and vehicle; rows of one number stand together.
        stop_number: position of the stop on the trip.
        stop_ids: which stop.
        arrival_s, departure_s: Unix times, NaN where not seen.
        scheduled_arrival_s, scheduled_departure_s: the same by the timetable.
        seen: whether the times come from fixes near the stop.
    """

    runs: Longs
    stop_number: Longs
    stop_ids: Sequence[str]
    arrival_s: Floats
    departure_s: Floats
    scheduled_arrival_s: Floats
    scheduled_departure_s: Floats
    seen: NDArray[np.bool_]


@dataclass(slots=True)
class _Sum:
    weight: float = 0.0
    total: float = 0.0
    last_s: float = -np.inf


@dataclass(slots=True)
class Learner:
    """Sums up days, in any order.

    Attributes:
        timezone: of the agency, for type of day and hour.
        half_life_days: age at which an observation counts half.
    """

    timezone: ZoneInfo
    half_life_days: float
    _sums: dict[tuple[str, str, int, int], _Sum] = field(default_factory=dict)

    def learn(self, day: DayVisits) -> int:
        """Take a day's visits; give how many observations were in them."""
        before, rows, took_s = observations(day)
        if not len(rows):
            return 0
        at_s = day.arrival_s[rows]
        hours, inverse = np.unique(np.floor(at_s / 900.0), return_inverse=True)  # zones: quarters
        bands = [self._band(float(hour) * 900.0) for hour in hours]
        for n, row in enumerate(rows.tolist()):
            key = (day.stop_ids[int(before[n])], day.stop_ids[row], *bands[int(inverse[n])])
            self._add(self._sums.setdefault(key, _Sum()), float(took_s[n]), float(at_s[n]))
        return len(rows)

    def result(self) -> LearntTimes:
        """Give what was learnt; each weight is as of its newest observation."""
        keys = sorted(self._sums)
        sums = [self._sums[key] for key in keys]
        return LearntTimes(
            [key[0] for key in keys],
            [key[1] for key in keys],
            np.array([key[2] for key in keys], np.int8),
            np.array([key[3] for key in keys], np.int8),
            np.array([s.weight for s in sums], np.float64),
            np.array([s.total / s.weight for s in sums], np.float64),
            np.array([s.last_s for s in sums], np.float64),
        )

    def _add(self, known: _Sum, took_s: float, at_s: float) -> None:
        newest_s = max(known.last_s, at_s)
        if known.weight:
            faded = self._faded(newest_s - known.last_s)
            known.weight *= faded
            known.total *= faded
        counts = self._faded(newest_s - at_s)
        known.weight += counts
        known.total += counts * took_s
        known.last_s = newest_s

    def _faded(self, age_s: float) -> float:
        return float(0.5 ** (age_s / (self.half_life_days * _DAY_S)))

    def _band(self, unix_s: float) -> tuple[int, int]:
        local = datetime.fromtimestamp(unix_s, UTC).astimezone(self.timezone)
        return max(0, local.weekday() - 4), local.hour


def observations(day: DayVisits) -> tuple[Longs, Longs, Floats]:
    """Find the ways between neighbouring stops that a bus was seen to drive.

    Returns:
        (before, rows, took_s): row of the stop left, row of the stop reached, seconds between.
    """
    rows = np.arange(1, len(day.runs))
    before = rows - 1
    first = day.stop_number[before] == 0
    left_s = np.where(first, day.departure_s[before], day.arrival_s[before])
    took_s = day.arrival_s[rows] - left_s
    planned_left = np.where(
        first, day.scheduled_departure_s[before], day.scheduled_arrival_s[before]
    )
    usual_s = np.maximum(day.scheduled_arrival_s[rows] - planned_left, 0.0)
    good = (day.runs[rows] == day.runs[before]) & (
        day.stop_number[rows] == day.stop_number[before] + 1
    )
    good &= day.seen[rows] & day.seen[before] & np.isfinite(took_s)
    good &= np.where(np.isfinite(took_s), took_s, -1.0) > 0.0
    capped = np.minimum(took_s[good], CAP_SHARE * usual_s[good] + CAP_S)
    return before[good], rows[good], capped
