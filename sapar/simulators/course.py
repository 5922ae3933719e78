"""The timetable along the roads, for arrays of runs: stops, scheduled times, pace. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.roads import Roads, RunTable

DRIVE_MPS = (2.0, 17.0)
"""Slowest and fastest that a bus drives by, metres a second."""

_STOP_LOSS_S = 17.0  # a stop costs about this much: braking, doors, starting
_DRIVING_SHARE_MIN = 0.45  # of the scheduled time, however close the stops are

RunRows = NDArray[np.integer]


class Course:
    """Answers about runs, given as rows of the run table, and stops, counted from 0.

    Args:
        timetable: whose stop times count; roads, table: the lines and runs of a plan.
    """

    def __init__(self, timetable: Timetable, roads: Roads, table: RunTable) -> None:
        self._times, self._roads, self._table = timetable.stop_times, roads, table

    def stop_m(self, run: RunRows, stop: Ints) -> Floats:
        """Distance of a stop along its run's pattern; beyond the last stop, that of the last."""
        stop = np.minimum(stop, self._table.stops[run] - 1)
        at: Floats = self._roads.stop_m[self._roads.stop_begin[self._table.pattern[run]] + stop]
        return at

    def start(self, run: RunRows) -> tuple[Floats, Floats]:
        """Latitude and longitude of the first stop's place on the line."""
        first_m = self.stop_m(run, np.zeros(len(run), np.int32))
        return self._roads.place(self._table.pattern[run], first_m)

    def departure_s(self, run: RunRows, stop: Ints) -> Floats:
        """Scheduled departure from a stop, Unix seconds."""
        departure: Floats = (
            self._table.offset_s[run] + self._times.departure_s[self._table.row[run] + stop]
        )
        return departure

    def scheduled_s(self, run: RunRows, next_stop: Ints, along_m: Floats) -> Floats:
        """When the timetable has a vehicle at `along_m`, before its next stop; Unix seconds."""
        stop = np.clip(next_stop, 1, self._table.stops[run] - 1)
        after = self._table.row[run] + stop
        low_m, high_m = self.stop_m(run, stop - 1), self.stop_m(run, stop)
        part = np.clip((along_m - low_m) / np.maximum(high_m - low_m, 1.0), 0.0, 1.0)
        left_s, reach_s = self._times.departure_s[after - 1], self._times.arrival_s[after]
        scheduled: Floats = self._table.offset_s[run] + left_s + part * (reach_s - left_s)
        return scheduled

    def pace_mps(self, run: RunRows, next_stop: Ints) -> Floats:
        """Speed that keeps the timetable between stops.

        It is taken over five stops, which evens out timetables that are given in whole minutes.
        """
        low = np.maximum(next_stop - 3, 0)
        high = np.minimum(next_stop + 2, self._table.stops[run] - 1)
        row = self._table.row[run]
        span_s = (self._times.arrival_s[row + high] - self._times.departure_s[row + low]) * 1.0
        span_m = self.stop_m(run, high) - self.stop_m(run, low)
        driving_s = np.maximum(span_s - _STOP_LOSS_S * (high - low), _DRIVING_SHARE_MIN * span_s)
        pace: Floats = np.clip(span_m / np.maximum(driving_s, 5.0), *DRIVE_MPS)
        return pace
