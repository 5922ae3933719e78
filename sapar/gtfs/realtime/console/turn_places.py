"""Where buses turn round: stops at which trips of their route and direction end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.timetable.model import Timetable

Longs = NDArray[np.int64]


def turning_rows(timetable: Timetable, group_of_trip: Longs) -> Longs:
    """Give for each stop-time row the first one from there on at which the bus may turn.

    Where short runs of the route end on the way there is room to turn; else there is the terminus
    alone. `NO` is given after the last such place of a trip.

    Args:
        timetable: where trips end.
        group_of_trip: number of each trip's route and direction.
    """
    begin = timetable.trips.st_begin.astype(np.int64)
    sizes = np.diff(begin)
    stop = timetable.stop_times.stop_idx.astype(np.int64)
    key = np.repeat(group_of_trip, sizes) * len(timetable.stops.ids) + stop
    ends = np.unique(key[begin[1:][sizes > 0] - 1])
    place = np.minimum(np.searchsorted(ends, key), max(len(ends) - 1, 0))
    rows = np.arange(len(stop), dtype=np.int64)
    turns = ends[place] == key if len(ends) else np.zeros(len(stop), np.bool_)
    following = np.minimum.accumulate(np.where(turns, rows, len(stop))[::-1])[::-1]
    result: Longs = np.where(following < np.repeat(begin[1:], sizes), following, NO)
    return result
