"""Where the timetable has runs at a moment, and where buses are, in stops along their trips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_SPAN_S = 1 << 20  # longer than any service day


@dataclass(frozen=True, slots=True)
class Places:
    """Places on trips.

    Attributes:
        row: stop-time row of the next call; of the first one before the start.
        share: of the way to it from the call before, 0 to 1; 0 before the start.
        first: whether the next call is the first one.
    """

    row: Longs
    share: Floats
    first: NDArray[np.bool_]

    def stops(self, begin: Longs) -> Floats:
        """Give the place in stops from the first one, at row `begin`."""
        result: Floats = np.where(self.first, 0.0, self.row - begin - 1 + self.share)
        return result


class PlanPlaces:
    """Finds places by the clock."""

    def __init__(self, timetable: Timetable) -> None:
        self._times, self._begin = timetable.stop_times, timetable.trips.st_begin
        sizes = np.diff(self._begin)
        trip = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        self._key = trip * _SPAN_S + self._times.arrival_s

    def at(self, trip: Ints, second: Floats) -> Places:
        """Give the places of trips at seconds of their service days."""
        begin, end = self._begin[trip], self._begin[trip + 1]
        asked = trip.astype(np.int64) * _SPAN_S + np.clip(second, 0, _SPAN_S - 1).astype(np.int64)
        row = np.clip(np.searchsorted(self._key, asked, side="right"), begin, end - 1)
        before = np.maximum(row - 1, begin)
        left = self._times.departure_s[before]
        way_s = self._times.arrival_s[row] - left
        share = np.clip((second - left) / np.maximum(way_s, 1), 0.0, 1.0)
        first = row == begin
        return Places(row, np.where(first, 0.0, share), first)


def places_of_buses(
    row_m: Floats, begin: Longs, stop_row: Longs, ahead_m: Floats, waiting: NDArray[np.bool_]
) -> Places:
    """Give the places of buses from the next call and the metres to it."""
    first = (stop_row <= begin) | waiting
    before = np.maximum(stop_row - 1, begin)
    way_m = np.maximum(row_m[stop_row] - row_m[before], 1.0)
    share = np.clip(1.0 - ahead_m / way_m, 0.0, 1.0)
    return Places(stop_row, np.where(first, 0.0, share), first)
