"""Travel times between neighbouring stops, learnt from the buses that drove them.

What a leg takes is estimated in three steps, each shrunk towards the one before it:

1. the timetable: the mean of all trips over the same pair of stops in the same hour, which smooths
   the whole minutes of a timetable;
2. the record of past days: the same pair, type of day and hour, at the pace of the whole city
   today;
3. the last buses on the pair today, of all lines, the newer the more.

With no record the timetable stands, so a new network predicts from its first day. A time runs from
arrival to arrival, so that dwell is in it; after a trip's first stop, from departure to arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.visits import LearntTimes

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

PRIOR_WEIGHT = 0.5
"""Of how many of today's buses' worth the timetable is."""
RECORD_WEIGHT_MAX = 8.0
"""The record of past days adds its own buses to that, so many at most."""
HISTORY_PRIOR_WEIGHT = 1.0
RECENT_S = 5400.0
"""After so long a bus counts for 1/e of a new one."""
CAP_SHARE, CAP_S = 1.6, 30.0
"""One observation counts for no more than this multiple of what was expected, plus this."""
POWER = 0.5
"""Buses are averaged by this power of their times: between the mean, which a few slow ones decide,
and the geometric mean."""
HISTORY_DAYS = 21.0
"""After so many days a record counts for 1/e."""
_DAY_TYPES, _HOURS = 3, 24
_RECORD_LEAST = 2.0  # buses that make a record
_PACE_S, _PACE_PRIOR_S, _PACE_MOST = 3600.0, 3000.0, 3.0
_SLOW_MPS, _FAST_MPS = 7.0, 22.0
_LEAST_S = 4.0


class Pace:
    """How fast all buses drive now against the record: the city's day, good or bad."""

    def __init__(self) -> None:
        self._took_s = self._usual_s = 0.0
        self._last_s = -np.inf

    def observe(self, took_s: Floats, usual_s: Floats, at_s: float) -> None:
        """Take what legs took and what is usual for them."""
        faded = float(np.exp(min(0.0, (self._last_s - at_s) / _PACE_S)))
        took = np.clip(took_s, usual_s / _PACE_MOST, usual_s * _PACE_MOST)
        self._took_s = self._took_s * faded + float(took.sum())
        self._usual_s = self._usual_s * faded + float(usual_s.sum())
        self._last_s = max(self._last_s, at_s)

    def at(self, now_s: float) -> float:
        """Give the ratio of actual to usual times, near 1 while little is known."""
        faded = float(np.exp(min(0.0, (self._last_s - now_s) / _PACE_S)))
        known, prior = self._usual_s * faded, _PACE_PRIOR_S
        return (self._took_s * faded + prior) / (known + prior)


@dataclass(frozen=True)
class Pairs:
    """Pairs of neighbouring stops: each has a number."""

    keys: Longs
    stops: int

    def find(self, from_stop: NDArray[np.integer], to_stop: NDArray[np.integer]) -> Longs:
        """Give the number of each pair, -1 where it is unknown."""
        if not len(self.keys):
            return np.full(len(from_stop), -1, np.int64)
        key = np.asarray(from_stop, np.int64) * self.stops + to_stop
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[at] == key, at, -1)


class TravelTimes:
    """What is known of the time between stops of one timetable.

    Attributes:
        pair_of_row: for each stop-time row the pair that leads to it; -1 for a trip's first row.
        planned_s: for each row what the timetable gives for the way to it, smoothed; 0 there.
    """

    def __init__(self, lattice: Lattice) -> None:
        self._timetable = lattice.network.timetable
        times = self._timetable.stop_times
        stops = len(self._timetable.stops.ids)
        inner = np.ones(len(times.stop_idx), np.bool_)
        inner[lattice.first_row] = False
        rows = np.flatnonzero(inner)
        key = times.stop_idx[rows - 1].astype(np.int64) * stops + times.stop_idx[rows]
        self.pairs = Pairs(np.unique(key), stops)
        self.pair_of_row = np.full(len(inner), -1, np.int64)
        self.pair_of_row[rows] = np.searchsorted(self.pairs.keys, key)
        self.planned_s = np.zeros(len(inner))
        self.planned_s[rows] = _planned(lattice, rows, self.pair_of_row[rows])
        count = len(self.pairs.keys)
        self._sum, self._weight = np.zeros(count), np.zeros(count)
        self._last_s = np.full(count, -np.inf)
        shape = (count, _DAY_TYPES, _HOURS)
        self._history_sum, self._history_weight = np.zeros(shape), np.zeros(shape)
        self._today_sum, self._today_weight = np.zeros(shape), np.zeros(shape)
        # what was loaded, as it was: the record above has aged since it was learnt
        self._kept_sum, self._kept_weight = np.zeros(shape), np.zeros(shape)
        self._kept_s = np.full(count, -np.inf)
        self._pace = Pace()

    def observe(self, rows: Longs, took_s: Floats, at_s: Floats) -> None:
        """Learn from buses that took `took_s` to the stops of `rows`, arriving at `at_s`."""
        pair = self.pair_of_row[rows]
        keep = (pair >= 0) & (took_s > 0)
        if not keep.any():
            return
        pair, at_s = pair[keep], at_s[keep]
        expected, _ = self.estimate(rows[keep], float(at_s.max()))
        self._note_pace(pair, rows[keep], took_s[keep], float(at_s.max()))
        value = np.minimum(took_s[keep], CAP_SHARE * expected + CAP_S)
        powered = value**POWER
        order = np.argsort(at_s, kind="stable")
        for n in order.tolist():  # one after the other: several buses may have passed one pair
            p = pair[n]
            faded = np.exp(min(0.0, (self._last_s[p] - at_s[n]) / RECENT_S))
            self._sum[p] = self._sum[p] * faded + powered[n]
            self._weight[p] = self._weight[p] * faded + 1.0
            self._last_s[p] = max(self._last_s[p], at_s[n])
        day_type, hour = self.band_of(float(at_s[order[-1]]))
        np.add.at(self._today_sum[:, day_type, hour], pair, value)
        np.add.at(self._today_weight[:, day_type, hour], pair, 1.0)

    def estimate(self, rows: Longs, now_s: float) -> tuple[Floats, Floats]:
        """Give what the way to the stops of `rows` takes about now.

        Returns:
            (seconds, weight): the estimate, and of how many recent buses' worth it is.
        """
        pair = np.maximum(self.pair_of_row[rows], 0)
        recorded = self._recorded(pair, now_s)
        pace = np.where(recorded >= _RECORD_LEAST, self._pace.at(now_s), 1.0)
        usual = self.usual(rows, now_s) * pace
        prior = PRIOR_WEIGHT + np.minimum(recorded, RECORD_WEIGHT_MAX)
        faded = np.exp(np.minimum(0.0, (self._last_s[pair] - now_s) / RECENT_S))
        weight = self._weight[pair] * faded
        took = (prior * usual**POWER + self._sum[pair] * faded) / (prior + weight)
        took = took ** (1.0 / POWER)
        return np.where(self.pair_of_row[rows] >= 0, took, 0.0), weight

    def usual(self, rows: Longs, at_s: float) -> Floats:
        """Give what the way to the stops of `rows` takes at such an hour, by past days."""
        pair = np.maximum(self.pair_of_row[rows], 0)
        day_type, hour = self.band_of(at_s)
        total, weight = (
            self._history_sum[pair, day_type, hour],
            self._history_weight[pair, day_type, hour],
        )
        result: Floats = (HISTORY_PRIOR_WEIGHT * self.planned_s[rows] + total) / (
            HISTORY_PRIOR_WEIGHT + weight
        )
        return result

    def _recorded(self, pair: Longs, at_s: float) -> Floats:
        """Give of how many buses' worth the record of past days is at such an hour."""
        day_type, hour = self.band_of(at_s)
        weight: Floats = self._history_weight[pair, day_type, hour]
        return weight

    def _note_pace(self, pair: Longs, rows: Longs, took_s: Floats, at_s: float) -> None:
        known = self._recorded(pair, at_s) >= _RECORD_LEAST
        if known.any():
            self._pace.observe(took_s[known], self.usual(rows[known], at_s), at_s)

    def band_of(self, unix_s: float) -> tuple[int, int]:
        """Give type of day (0 Monday to Friday, 1 Saturday, 2 Sunday) and hour, in local time."""
        local = datetime.fromtimestamp(unix_s, UTC).astimezone(self._timetable.timezone)
        return max(0, local.weekday() - 4), local.hour

    def begin_day(self) -> None:
        """Let what was learnt today count as the record of past days, which is a day older."""
        faded = float(np.exp(-1.0 / HISTORY_DAYS))
        for record, kept, today in (
            (self._history_sum, self._kept_sum, self._today_sum),
            (self._history_weight, self._kept_weight, self._today_weight),
        ):
            record *= faded
            record += today
            kept += today
        self._today_sum[:] = 0.0
        self._today_weight[:] = 0.0

    def export(self) -> LearntTimes:
        """Give all that was learnt, today's included, to keep."""
        last_s = np.maximum(np.maximum(self._last_s, self._kept_s), 0.0)
        age_days = np.where(np.isfinite(self._kept_s), last_s - self._kept_s, 0.0) / 86_400.0
        faded = np.exp(-age_days / HISTORY_DAYS)[:, None, None]
        total = self._kept_sum * faded + self._today_sum
        weight = self._kept_weight * faded + self._today_weight
        pair, day_type, hour = np.nonzero(weight > 1e-3)
        ids = self._timetable.stops.ids
        from_stop, to_stop = np.divmod(self.pairs.keys[pair], self.pairs.stops)
        return LearntTimes(
            [ids[n] for n in from_stop.tolist()],
            [ids[n] for n in to_stop.tolist()],
            day_type.astype(np.int8),
            hour.astype(np.int8),
            weight[pair, day_type, hour],
            total[pair, day_type, hour] / weight[pair, day_type, hour],
            last_s[pair],
        )

    def load(self, learnt: LearntTimes, now_s: float) -> None:
        """Take over what was kept; pairs that the timetable does not have are left out."""
        index = self._timetable.stops.index
        from_stop = np.array([index.get(i, -1) for i in learnt.from_stop_ids], np.int64)
        to_stop = np.array([index.get(i, -1) for i in learnt.to_stop_ids], np.int64)
        pair = self.pairs.find(from_stop, to_stop)
        known = (pair >= 0) & (from_stop >= 0) & (to_stop >= 0)
        age_days = np.maximum(0.0, now_s - learnt.last_s) / 86_400.0
        weight = learnt.weight * np.exp(-age_days / HISTORY_DAYS)
        at = (pair[known], learnt.day_type[known], learnt.hour[known])
        np.maximum.at(self._kept_s, pair[known], learnt.last_s[known])
        np.add.at(self._history_weight, at, weight[known])
        np.add.at(self._history_sum, at, (weight * learnt.mean_s)[known])
        np.add.at(self._kept_weight, at, learnt.weight[known])
        np.add.at(self._kept_sum, at, (learnt.weight * learnt.mean_s)[known])


def _planned(lattice: Lattice, rows: Longs, pair: Longs) -> Floats:
    """Give the timetable's time to each row: the mean over its pair and hour."""
    times = lattice.network.timetable.stop_times
    before = rows - 1
    starts = np.isin(before, lattice.first_row)
    left = np.where(starts, times.departure_s[before], times.arrival_s[before])
    gap = np.maximum(times.arrival_s[rows] - left, 0).astype(np.float64)
    hour = times.arrival_s[rows] // 3600
    band, inverse = np.unique(pair * 64 + hour, return_inverse=True)
    count = np.bincount(inverse)
    all_count = np.bincount(pair)
    overall = np.bincount(pair, gap) / np.maximum(all_count, 1)
    mean = (np.bincount(inverse, gap) + overall[band // 64]) / (count + 1.0)
    leg_m = lattice.leg_m[lattice.leg_of_row[rows]]
    least = np.maximum(leg_m / _FAST_MPS, _LEAST_S)
    return np.where(overall[pair] > 0, np.maximum(mean[inverse], least), leg_m / _SLOW_MPS + 5.0)
