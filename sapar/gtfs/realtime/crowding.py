"""How full buses are and how the traffic runs around them: pure rules, and what they remember.

Occupancy comes from passenger counters: `occupancy_count` of the wire contract. Congestion is the
pace of a bus: the seconds by the timetable between two of its places, for each second it took.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.wire import varint
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]
Ints = NDArray[np.int32]
Bytes = NDArray[np.int8]

OCCUPANCY_NONE = -1
"""Load of a vehicle that has no counter, or has not counted lately."""
DEFAULT_CAPACITY = 80
"""Passengers that a city bus of 12 m takes, seated and standing; for vehicles without an entry."""
OCCUPANCY_AGE_MAX_S = 900.0
"""An older count says nothing of who is on board now."""

_BANDS_PERCENT = np.array([5, 20, 50, 70, 90])
"""Load from which the next status holds: HSL's bands (its vehicle position processor)."""

CONGESTION_UNKNOWN, RUNNING_SMOOTHLY, STOP_AND_GO, CONGESTION, SEVERE_CONGESTION = range(5)
_PACE_BANDS = np.array([0.2, 0.4, 0.6])
"""Pace below which traffic is severe, jammed, stop and go: Waze's jam levels 4, 3 and 2."""
_PACE_LEVELS = np.array([SEVERE_CONGESTION, CONGESTION, STOP_AND_GO, RUNNING_SMOOTHLY], np.int8)
_PACE_OVER_S = 150.0  # a pace over less is that of one red light
_PACE_AGE_MAX_S = 400.0


def occupancy_status(load_percent: Longs) -> Bytes:
    """Give `VehiclePosition.OccupancyStatus` (0 empty … 5 full) for loads in percent."""
    return np.searchsorted(_BANDS_PERCENT, load_percent, side="right").astype(np.int8)


_FIELDS: dict[int, bytes] = {}


def occupancy_field(load_percent: int) -> bytes:
    """Encode occupancy_status and occupancy_percentage of a VehiclePosition."""
    found = _FIELDS.get(load_percent)
    if found is None:
        status = int(occupancy_status(np.array([load_percent]))[0])
        found = b"\x48" + varint(status) + b"\x50" + varint(load_percent)
        if len(_FIELDS) < 1000:
            _FIELDS[load_percent] = found
    return found


class Loads:
    """The newest passenger count of each vehicle."""

    def __init__(self) -> None:
        self.capacity: dict[str, int] = {}
        """Passengers that each vehicle takes; `DEFAULT_CAPACITY` for the others."""
        self._counts: dict[str, tuple[float, int]] = {}

    def take(self, vehicle_id: str, time_s: float, count: int) -> None:
        """Take a count that a vehicle sent; one older than the last is ignored."""
        known = self._counts.get(vehicle_id)
        if known is None or time_s >= known[0]:
            self._counts[vehicle_id] = (time_s, count)

    def percent(self, vehicle_ids: list[str], now_s: float) -> Longs:
        """Give the load of vehicles in percent of what they take, `OCCUPANCY_NONE` if unknown."""
        loads = np.full(len(vehicle_ids), OCCUPANCY_NONE, np.int64)
        if not self._counts:
            return loads
        for row, vehicle_id in enumerate(vehicle_ids):
            known = self._counts.get(vehicle_id)
            if known is not None and now_s - known[0] <= OCCUPANCY_AGE_MAX_S:
                capacity = self.capacity.get(vehicle_id, DEFAULT_CAPACITY)
                loads[row] = round(100 * known[1] / capacity)
        return loads


def congestion_level(pace: Floats) -> Bytes:
    """Give `VehiclePosition.CongestionLevel` for paces; NaN is unknown.

    A pace of 1 is what the timetable allows for. From 0.6 up traffic runs smoothly; from 0.4 it
    stops and goes; from 0.2 it is jammed; below that severely.
    """
    known = _PACE_LEVELS[np.searchsorted(_PACE_BANDS, pace, side="right").clip(0, 3)]
    return np.where(np.isnan(pace), CONGESTION_UNKNOWN, known).astype(np.int8)


@dataclass(slots=True)
class _Mark:
    """Where each vehicle was at some time: its run, and how far that is by the timetable."""

    run: Longs
    time_s: Floats
    due_s: Floats


class Paces:
    """The pace of each bus over the last few minutes; rows are the engine's slots."""

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable
        self._row_m = _row_m(timetable)
        self._old = _Mark(np.zeros((0, 3), np.int64), np.zeros(0), np.zeros(0))
        self._new = _Mark(np.zeros((0, 3), np.int64), np.zeros(0), np.zeros(0))

    def look(
        self, slots: Longs, runs: Longs, stop_row: Longs, ahead_m: Floats, time_s: Floats
    ) -> Floats:
        """Give the pace of vehicles under way, NaN where not known yet.

        Args:
            slots: the vehicles.
            runs: shape (n, 3): trip, day and start of each one's run.
            stop_row: stop-time row of the next stop of each.
            ahead_m: metres to it.
            time_s: when that was.
        """
        self._grow(int(slots.max(initial=-1)) + 1)
        due_s = self._due(runs[:, 0], stop_row, ahead_m)
        other = (self._old.run[slots] != runs).any(axis=1)
        for mark in (self._old, self._new):
            _set(mark, slots[other], runs[other], time_s[other], due_s[other])
        passed_s = time_s - self._old.time_s[slots]
        allowed_s = due_s - self._old.due_s[slots]
        with np.errstate(divide="ignore", invalid="ignore"):
            pace = allowed_s / passed_s
        known = (passed_s >= _PACE_OVER_S) & (passed_s <= _PACE_AGE_MAX_S)
        later = time_s - self._new.time_s[slots] >= _PACE_OVER_S
        at = slots[later]
        _set(self._old, at, self._new.run[at], self._new.time_s[at], self._new.due_s[at])
        _set(self._new, at, runs[later], time_s[later], due_s[later])
        return np.where(known, np.maximum(pace, 0.0), np.nan)

    def _due(self, trip: Longs, row: Longs, ahead_m: Floats) -> Floats:
        """Give when the timetable has a bus where it is, in seconds of the service day."""
        times, begin = self._timetable.stop_times, self._timetable.trips.st_begin[trip]
        before = np.maximum(row - 1, begin)
        gap_m = self._row_m[row] - self._row_m[before]
        share = np.clip(ahead_m / np.maximum(gap_m, 1.0), 0.0, 1.0)
        arrival, left = times.arrival_s[row], times.departure_s[before]
        due: Floats = arrival - share * np.maximum(arrival - left, 0)
        return due

    def _grow(self, size: int) -> None:
        for mark in (self._old, self._new):
            missing = size - len(mark.time_s)
            if missing > 0:
                missing += size  # by doubling
                mark.run = np.concatenate((mark.run, np.full((missing, 3), -1, np.int64)))
                mark.time_s = np.concatenate((mark.time_s, np.full(missing, -np.inf)))
                mark.due_s = np.concatenate((mark.due_s, np.zeros(missing)))


def _set(mark: _Mark, slots: Longs, run: Longs, time_s: Floats, due_s: Floats) -> None:
    mark.run[slots], mark.time_s[slots], mark.due_s[slots] = run, time_s, due_s


def _row_m(timetable: Timetable) -> Floats:
    """Give the distance along its line of each stop-time row."""
    trips, patterns = timetable.trips, timetable.patterns
    begin = np.concatenate(([0], np.cumsum([len(p.stop_m) for p in patterns])))
    stop_m = np.concatenate([np.zeros(0), *(p.stop_m for p in patterns)])
    sizes = np.diff(trips.st_begin)
    trip = np.repeat(np.arange(len(sizes)), sizes)
    local = np.arange(len(trip)) - trips.st_begin[trip]
    result: Floats = stop_m[begin[trips.pattern_idx[trip]] + local]
    return result
