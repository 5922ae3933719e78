"""A service day in figures: punctuality, regularity, run times and speeds. Pure.

What is kept adds up: counts by class, sums, and observed values. So a month is the sum of its days,
and a percentile over it is a percentile of all that was observed, not a mean of daily ones.

Excess waiting time (Transport for London's measure for frequent service): riders come at random, so
the mean wait is the sum of squared headways over twice their sum; what it is above the wait that
the timetable promises is the excess.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.history.planned import slots_of
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]

DELAY_FIRST_MIN = -15
DELAY_LAST_MIN = 60
DELAY_BINS = DELAY_LAST_MIN - DELAY_FIRST_MIN + 2
"""Bin 0 holds what is earlier than the first minute, the last what is later than the last; bin n
holds lateness from (DELAY_FIRST_MIN + n - 1) minutes up to one more."""
RATIO_BINS = 31
"""Bin n holds headways from n / 10 of the planned one up to one tenth more; the last, the rest."""
_HEADWAY_MAX_S = 3 * 3600.0  # longer, service had ended and began again
_DAY_HOURS = 36
_SPREAD_S = (
    1.0e6  # more than a service day's seconds: keeps the times of one stop apart from others'
)
_SECONDS_MAX = 32_767


class ServiceHour(NamedTuple):
    """Row of `service_hour`; see the migration for the columns."""

    route_id: str
    direction: int
    hour: int
    delay_bins: list[int]
    ratio_bins: list[int]
    headway_s: float
    headway_sq: float
    plan_s: float
    plan_sq: float


class RunTimes(NamedTuple):
    """Row of `run_time`."""

    route_id: str
    direction: int
    hour: int
    planned_s: list[int]
    actual_s: list[int]


class SegmentTimes(NamedTuple):
    """Row of `segment_time`."""

    from_stop_id: str
    to_stop_id: str
    hour: int
    length_m: float
    seconds: list[int]


class DayPerformance:
    """Figures of one service day.

    Args:
        timetable: in force on the day.
        service_date: the day.
        visits: its stop visits, in any order.
    """

    def __init__(self, timetable: Timetable, service_date: date, visits: Visits) -> None:
        self._timetable = timetable
        self._date = service_date
        self._visits = visits
        self._start_s = timetable.service_day_start(service_date)
        self._hours = hour_edges(timetable, service_date)
        trips = timetable.trips
        loose = timetable.frequencies.trip_idx[~timetable.frequencies.exact]
        self._loose = np.zeros(len(trips.ids), np.bool_)
        self._loose[loose] = True
        # a route and direction as one number
        self._line = trips.route_idx.astype(np.int64) * 3 + trips.direction + 1
        self._first = trips.st_begin[:-1]
        self._last = trips.st_begin[1:] - 1
        self._plan = self._planned_departures()

    def hour_of(self, time_s: Floats) -> Longs:
        """Give the local hour of the day, 0 to 23, of Unix times."""
        edges, hours = self._hours
        at = np.clip(np.searchsorted(edges, time_s, side="right") - 1, 0, len(hours) - 1)
        result: Longs = hours[at]
        return result

    # -- punctuality and regularity -----------------------------------------------------------

    def service_hours(self) -> Iterator[ServiceHour]:
        """Give punctuality and regularity by route, direction and hour."""
        size = (int(self._line.max(initial=0)) + 1) * 24
        delays = self._delays(size)
        ratios, actual, actual_sq = self._headways(size)
        plan, plan_sq = self._plan_sums(size)
        used = delays.any(1) | ratios.any(1) | (plan > 0)
        for key in np.flatnonzero(used).tolist():
            line, hour = divmod(key, 24)
            yield ServiceHour(
                self._timetable.routes.ids[line // 3],
                line % 3 - 1,
                hour,
                delays[key].tolist(),
                ratios[key].tolist(),
                float(actual[key]),
                float(actual_sq[key]),
                float(plan[key]),
                float(plan_sq[key]),
            )

    def _delays(self, size: int) -> NDArray[np.int64]:
        """Count departures by lateness; arrivals at last stops; runs without times left out."""
        visits, times = self._visits, self._timetable.stop_times
        ends = visits.row == self._last[visits.trip]
        time_s = np.where(ends, visits.arrival_s, visits.departure_s)
        kept = visits.seen & ~np.isnan(time_s) & ~self._loose[visits.trip] & times.timed[visits.row]
        rows = np.flatnonzero(kept)
        due_s = self._due_s(rows, ends[rows])
        minutes = np.floor((time_s[rows] - due_s) / 60.0)
        bins = np.clip(minutes - DELAY_FIRST_MIN + 1, 0, DELAY_BINS - 1).astype(np.int64)
        keys = self._line[visits.trip[rows]] * 24 + self.hour_of(due_s)
        return _table(keys, bins, size, DELAY_BINS)

    def _due_s(self, rows: Longs, ends: NDArray[np.bool_]) -> Floats:
        """Give when the timetable has these visits, Unix seconds."""
        visits, times, trips = self._visits, self._timetable.stop_times, self._timetable.trips
        trip, row = visits.trip[rows], visits.row[rows]
        of_day = np.where(ends, times.arrival_s[row], times.departure_s[row])
        shift = visits.start_s[rows] - times.arrival_s[trips.st_begin[trip]]
        result: Floats = self._start_s + of_day + shift.astype(np.float64)
        return result

    def _headways(self, size: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Give headways between departures at every stop but last ones: classes, sum, squares."""
        visits = self._visits
        time_s = np.where(np.isnan(visits.departure_s), visits.arrival_s, visits.departure_s)
        kept = ~np.isnan(time_s) & (visits.row < self._last[visits.trip])
        rows = np.flatnonzero(kept)
        place = self._place(visits.trip[rows], visits.row[rows])
        order = np.lexsort((time_s[rows], place))
        place, time_s = place[order], time_s[rows][order]
        headway = np.diff(time_s)
        pairs = np.flatnonzero((place[1:] == place[:-1]) & (headway < _HEADWAY_MAX_S))
        place, headway = place[pairs], headway[pairs]
        middle_s = time_s[pairs] + headway / 2.0
        planned = self._planned_headway(place, middle_s)
        keys = self._line_of_place(place) * 24 + self.hour_of(middle_s)
        known = planned > 0.0
        ratio = headway[known] / planned[known]
        bins = np.minimum((ratio * 10.0).astype(np.int64), RATIO_BINS - 1)
        return (
            _table(keys[known], bins, size, RATIO_BINS),
            *_sums(keys, headway, size),
        )

    def _place(self, trip: NDArray[np.integer], row: NDArray[np.integer]) -> Longs:
        """Give a number for (route, direction, stop)."""
        stops = self._timetable.stop_times.stop_idx[row].astype(np.int64)
        result: Longs = self._line[trip] * len(self._timetable.stops.ids) + stops
        return result

    def _line_of_place(self, place: Longs) -> Longs:
        return place // len(self._timetable.stops.ids)

    def _planned_departures(self) -> tuple[Longs, Floats]:
        """Give every planned departure at every stop but last ones: place, Unix seconds; sorted."""
        trip, start_s = planned_starts(self._timetable, self._date)
        rows, owner, _ = expand(self._first[trip], self._last[trip])
        times = self._timetable.stop_times
        first_s = times.arrival_s[self._first[trip]]
        time_s = self._start_s + times.departure_s[rows] + (start_s - first_s)[owner].astype(float)
        place = self._place(trip[owner], rows)
        order = np.lexsort((time_s, place))
        return place[order], time_s[order]

    def _plan_sums(self, size: int) -> tuple[Floats, Floats]:
        place, time_s = self._plan
        gap = np.diff(time_s)
        pairs = np.flatnonzero((place[1:] == place[:-1]) & (gap < _HEADWAY_MAX_S))
        middle_s = time_s[pairs] + gap[pairs] / 2.0
        keys = self._line_of_place(place[pairs]) * 24 + self.hour_of(middle_s)
        return _sums(keys, gap[pairs], size)

    def _planned_headway(self, place: Longs, time_s: Floats) -> Floats:
        """Give the planned headway in force at a place and time; 0 where less than two are planned.

        Before the first planned departure it is the first headway, after the last the last.
        """
        plan_place, plan_s = self._plan
        if not len(plan_place):
            return np.zeros(len(place))
        low = np.searchsorted(plan_place, place, side="left")
        high = np.searchsorted(plan_place, place, side="right")
        spread = plan_place * _SPREAD_S + (plan_s - self._start_s)
        at = np.searchsorted(spread, place * _SPREAD_S + (time_s - self._start_s))
        later = np.clip(at, low + 1, np.maximum(high - 1, low + 1))
        enough = high - low >= 2
        later = np.where(enough, later, 1)
        gap = plan_s[np.minimum(later, len(plan_s) - 1)] - plan_s[later - 1]
        return np.where(enough, gap, 0.0)

    # -- run times and speeds -----------------------------------------------------------------

    def run_times(self) -> Iterator[RunTimes]:
        """Give run times from first departure to last arrival, by the hour of the departure."""
        visits = self._visits
        names = _numbers(visits)
        begin = np.flatnonzero(
            visits.seen & (visits.row == self._first[visits.trip]) & ~np.isnan(visits.departure_s)
        )
        end = np.flatnonzero(
            visits.seen & (visits.row == self._last[visits.trip]) & ~np.isnan(visits.arrival_s)
        )
        _, one, other = np.intersect1d(names[begin], names[end], return_indices=True)
        trip = visits.trip[begin[one]]
        actual = np.rint(visits.arrival_s[end[other]] - visits.departure_s[begin[one]])
        times = self._timetable.stop_times
        planned = times.arrival_s[self._last[trip]] - times.departure_s[self._first[trip]]
        keys = self._line[trip] * 24 + self.hour_of(visits.departure_s[begin[one]])
        for key, rows in _groups(np.where(actual > 0, keys, -1), actual):
            line, hour = divmod(key, 24)
            route_id = self._timetable.routes.ids[line // 3]
            yield RunTimes(
                route_id,
                line % 3 - 1,
                hour,
                planned[rows].astype(int).tolist(),
                actual[rows].astype(int).tolist(),
            )

    def segment_times(self) -> Iterator[SegmentTimes]:
        """Give times from departure to arrival between neighbouring stops, by hour."""
        visits, stop_of = self._visits, self._timetable.stop_times.stop_idx
        names = _numbers(visits)
        order = np.lexsort((visits.row, names))
        before, after = order[:-1], order[1:]
        seconds = visits.arrival_s[after] - visits.departure_s[before]
        good = (names[before] == names[after]) & (visits.row[after] == visits.row[before] + 1)
        good &= visits.seen[before] & visits.seen[after]
        good &= (seconds > 0) & (seconds <= _SECONDS_MAX)
        before, seconds = before[good], seconds[good]
        row = visits.row[before]
        stops = len(self._timetable.stops.ids)
        pair = stop_of[row].astype(np.int64) * stops + stop_of[row + 1]
        keys = pair * 24 + self.hour_of(visits.departure_s[before])
        length_m = self._lengths_m(visits.trip[before], row)
        ids = self._timetable.stops.ids
        for key, rows in _groups(keys, seconds):
            pair_key, hour = divmod(key, 24)
            yield SegmentTimes(
                ids[pair_key // stops],
                ids[pair_key % stops],
                hour,
                float(np.median(length_m[rows])),
                np.rint(seconds[rows]).astype(int).tolist(),
            )

    def _lengths_m(self, trip: NDArray[np.integer], row: Longs) -> Floats:
        """Give the metres along the line from these rows of the stop times to the next ones."""
        patterns = self._timetable.patterns
        stop_m = np.concatenate([p.stop_m for p in patterns])
        begin = np.cumsum([0, *(len(p.stop_m) for p in patterns)])[:-1]
        at = begin[self._timetable.trips.pattern_idx[trip]] + (row - self._first[trip])
        result: Floats = stop_m[at + 1] - stop_m[at]
        return result


def planned_starts(timetable: Timetable, service_date: date) -> tuple[Longs, Longs]:
    """Give what the timetable promises of a day: row of the trip, start in seconds of the day."""
    active = timetable.trips_active(service_date)
    freq = timetable.frequencies
    plain = active[~np.isin(active, freq.trip_idx)]
    begin = timetable.trips.st_begin[plain]
    trips = [plain.astype(np.int64)]
    starts = [timetable.stop_times.arrival_s[begin].astype(np.int64)]
    for row in np.flatnonzero(np.isin(freq.trip_idx, active)).tolist():
        slots = np.array(slots_of(timetable, row), np.int64)
        trips.append(np.full(len(slots), freq.trip_idx[row], np.int64))
        starts.append(slots)
    return np.concatenate(trips), np.concatenate(starts)


def hour_edges(timetable: Timetable, service_date: date) -> tuple[Floats, Longs]:
    """Give the Unix times at which local hours begin from a service date's midnight on, and which.

    Made from the time zone hour by hour, so that a night with 23 or 25 hours is right.
    """
    midnight = datetime(
        service_date.year, service_date.month, service_date.day, tzinfo=timetable.timezone
    ).timestamp()
    edges: Floats = midnight + 3600.0 * np.arange(-2.0, _DAY_HOURS)
    utc = [datetime.fromtimestamp(edge, timetable.timezone) for edge in edges.tolist()]
    return edges, np.array([moment.hour for moment in utc], np.int64)


def days_between(first: date, last: date) -> list[date]:
    """List the dates from the first to the last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _numbers(visits: Visits) -> Longs:
    """Give a number for (vehicle, trip, start) of each visit."""
    vehicles: dict[str, int] = {}
    vehicle = np.array(
        [vehicles.setdefault(v, len(vehicles)) for v in visits.vehicle_ids], np.int64
    )
    columns = np.stack((vehicle, visits.trip.astype(np.int64), visits.start_s.astype(np.int64)))
    if not columns.shape[1]:
        return np.zeros(0, np.int64)
    _, numbers = np.unique(columns, axis=1, return_inverse=True)
    result: Longs = numbers.reshape(-1).astype(np.int64)
    return result


def _sums(keys: Longs, values: Floats, size: int) -> tuple[Floats, Floats]:
    """Give by key the sum of the values and of their squares."""
    sums = (np.bincount(keys, weight, size).astype(np.float64) for weight in (values, values**2))
    return next(sums), next(sums)


def _table(keys: Longs, bins: Longs, size: int, width: int) -> NDArray[np.int64]:
    return np.bincount(keys * width + bins, minlength=size * width).reshape(size, width)


def _groups(keys: Longs, values: Floats) -> Iterator[tuple[int, Longs]]:
    """Give each key from 0 up with its rows, in order of the values."""
    order = np.lexsort((values, keys))
    order = order[keys[order] >= 0]
    if not len(order):
        return
    cuts = np.flatnonzero(np.diff(keys[order])) + 1
    for rows in np.split(order, cuts):
        yield int(keys[rows[0]]), rows
