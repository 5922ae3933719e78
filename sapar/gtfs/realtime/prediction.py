"""Times of arrival and departure at the stops ahead: the timetable plus the delay now. Pure.

A layover absorbs delay: the next run of the block starts when it is due, or after the least
turn-round if the bus comes later. The times of a run strictly rise from stop to stop (rule E022),
also where a timetable in whole minutes gives two stops the same minute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

AT_STOP_M = 25.0
"""A bus is at a stop from this far before it to this far past it."""
TURN_ROUND_S = 60.0
"""Least time between the end of a run and the start of the block's next."""
_BOARDING_S = 10.0  # a bus that is due and still stands leaves this long from now at the earliest
_GROUP_S = 1e8  # separates runs while their times are made to rise


@dataclass(frozen=True, slots=True)
class Progress:
    """Runs to predict, one row each.

    Attributes:
        trip: the trip's row; base_s: Unix time its stop times count from.
        along_m, departed, delay_s: where the bus is on it, and how late it was there; before
            departure, how late it comes to the first stop at least.
        loose: whether it follows no timetable (headway service without exact times).
    """

    trip: Ints
    base_s: Floats
    along_m: Floats
    departed: Bools
    delay_s: Floats
    loose: Bools


@dataclass(frozen=True, slots=True)
class Predictions:
    """Stops ahead of all runs, flat.

    Attributes:
        run: number of the run in `Progress`; rising.
        row: row of the timetable's stop times.
        arrival_s, departure_s: whole Unix seconds.
        begin: where each run's stops begin; a run without stops ahead has none.
    """

    run: Longs
    row: Longs
    arrival_s: Longs
    departure_s: Longs
    begin: Longs

    def count(self) -> Longs:
        """Give the number of stops predicted for each run."""
        return np.diff(np.append(self.begin, len(self.row)))

    def ends(self) -> Longs:
        """Give the arrival at each run's last stop; 0 where none is predicted."""
        last = np.append(self.begin[1:], len(self.row)) - 1
        return (
            np.where(self.count() > 0, self.arrival_s[np.maximum(last, 0)], 0)
            if len(self.row)
            else np.zeros(len(self.begin), np.int64)
        )


def predict(network: Network, runs: Progress, now_s: float) -> Predictions:
    """Predict all stops ahead of each run.

    A stop that the bus has passed early, before its scheduled time, stays with the time it was
    passed (GTFS-realtime best practice: a past stop may be dropped only once its scheduled time is
    past). Where the bus stands it has arrived: that lies before `now_s`, its departure does not. No
    other time lies before `now_s`.
    """
    times = network.timetable.stop_times
    begin = network.timetable.trips.st_begin
    next_row = np.where(
        runs.departed, network.next_row(runs.trip, runs.along_m - AT_STOP_M), begin[runs.trip]
    )
    row, run, first = expand(_first_row(network, runs, next_row, now_s), begin[runs.trip + 1])
    wait_s = now_s + _BOARDING_S - runs.base_s - times.departure_s[begin[runs.trip]]
    delay = np.where(runs.departed, runs.delay_s, np.maximum(runs.delay_s, wait_s))[run]
    ahead = row >= next_row[run]
    to_come = ahead & (~runs.departed[run] | (network.row_m[row] > (runs.along_m + AT_STOP_M)[run]))
    arrival = runs.base_s[run] + times.arrival_s[row] + delay
    departure = runs.base_s[run] + times.departure_s[row] + delay
    # a bus that waits is at the first stop already, however long it will stand there
    at_first = ~runs.departed[run] & (row == begin[runs.trip][run])
    reached = runs.base_s[run] + times.arrival_s[row] + runs.delay_s[run]
    arrival = np.where(at_first, reached, arrival)
    arrival = np.where(to_come & ~at_first, np.maximum(arrival, now_s), arrival)
    arrival = np.where(~to_come, np.minimum(arrival, now_s - 1.0), arrival)
    departure = np.where(ahead, np.maximum(departure, now_s), np.minimum(departure, now_s))
    return Predictions(run, row, *rising(arrival, departure, run), first)


def _first_row(network: Network, runs: Progress, next_row: Longs, now_s: float) -> Longs:
    """Give the first row to publish: the next stop, or one passed before its scheduled time."""
    times = network.timetable.stop_times
    begin, end = (network.timetable.trips.st_begin[runs.trip + n] for n in (0, 1))
    early = runs.departed & ~runs.loose & (runs.delay_s < 0) & (next_row > begin)
    first = next_row.copy()
    for number in np.flatnonzero(early):
        due = times.departure_s[begin[number] : end[number]]
        scheduled = int(np.searchsorted(due, now_s - runs.base_s[number], side="right"))
        first[number] = min(int(next_row[number]), int(begin[number]) + scheduled)
    return first


def rising(arrival_s: Floats, departure_s: Floats, run: Longs) -> tuple[Longs, Longs]:
    """Make times rise: departure not before arrival, each arrival after the departure before.

    Whole seconds; a time is only ever moved later, and by as little as that needs.
    """
    if not len(run):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    origin = float(np.floor(min(arrival_s.min(), departure_s.min())))
    both = np.empty(2 * len(run))
    both[0::2], both[1::2] = np.rint(arrival_s - origin), np.rint(departure_s - origin)
    step = np.repeat(np.arange(len(run)), 2)  # one second from each stop to the next
    group = np.repeat(run, 2) * _GROUP_S
    level = np.maximum.accumulate(both - step + group) + step - group
    whole = level.astype(np.int64) + int(origin)
    return whole[0::2], whole[1::2]


def next_starts(end_s: Longs, due_s: Floats) -> Floats:
    """Give how late the block's next run starts, in seconds: 0 when the layover absorbs all."""
    return np.maximum(0.0, end_s + TURN_ROUND_S - due_s)
