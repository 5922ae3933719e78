"""Fills and straightens the times of a feed. Pure, over the stop times of all trips at once."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.static.values import wraps_midnight

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_EMPTY = -1
_DAY_S = 86_400
#: No trip runs longer; more days can only come of times that make no sense.
_SHIFT_MAX_S = 7 * _DAY_S


def fill_times(
    trip: Longs, arrival_s: Longs, departure_s: Longs, along_m: Floats
) -> tuple[Ints, Ints, Bools]:
    """Give every stop time an arrival and a departure that never decrease along a trip.

    A missing one of the two is taken from the other. Times written anew from 00:00 after midnight
    are carried into the next day. Of times that go back, as few as possible are dropped. Stop
    times without times are interpolated between those around them by distance, or evenly where
    the distance does not change.

    Args:
        trip: the trip of each stop time, ascending; rows are in order of stop_sequence.
        arrival_s: seconds, -1 where the feed gives none.
        departure_s: the same.
        along_m: distance along the trip, non-decreasing within it.

    Returns:
        (arrival_s, departure_s, timed), `timed` telling which stop times have the feed's times.

    Raises:
        ValueError: a trip begins or ends with a stop time without times.
    """
    timed: Bools = (arrival_s != _EMPTY) | (departure_s != _EMPTY)
    arrival = np.where(arrival_s == _EMPTY, departure_s, arrival_s).astype(np.int64)
    departure = np.where(departure_s == _EMPTY, arrival_s, departure_s).astype(np.int64)
    changes = np.flatnonzero(trip[1:] != trip[:-1]) + 1
    begins = np.concatenate((np.zeros(min(len(trip), 1), np.int64), changes))
    ends = np.append(begins[1:], len(trip))
    if not (timed[begins].all() and timed[ends - 1].all()):
        raise ValueError("a trip begins or ends without a time")
    for number in _untidy_trips(trip, arrival, departure, timed, begins):
        rows = np.arange(begins[number], ends[number])
        _tidy(rows[timed[rows]], arrival, departure, timed)
    _interpolate(arrival, departure, along_m, timed, trip)
    return arrival.astype(np.int32), departure.astype(np.int32), timed


def _untidy_trips(
    trip: Longs, arrival: Longs, departure: Longs, timed: Bools, begins: Longs
) -> list[int]:
    """List the positions in `begins` of trips in which a time goes back."""
    given = np.flatnonzero(timed)
    same = trip[given[1:]] == trip[given[:-1]]
    back = given[1:][same & (arrival[given[1:]] < departure[given[:-1]])]
    early = given[departure[given] < arrival[given]]
    rows = np.concatenate((back, early))
    positions: list[int] = np.unique(np.searchsorted(begins, rows, side="right") - 1).tolist()
    return positions


def _tidy(rows: Longs, arrival: Longs, departure: Longs, timed: Bools) -> None:
    """Put the times of one trip in order, in place; `rows` are its timed stop times."""
    shift_s, before_s = 0, int(arrival[rows[0]])
    for row in rows.tolist():
        for column in (arrival, departure):
            time_s = int(column[row]) + shift_s
            if wraps_midnight(before_s, time_s) and shift_s < _SHIFT_MAX_S:
                shift_s += _DAY_S
                time_s += _DAY_S
            column[row] = before_s = time_s
    departure[rows] = np.maximum(arrival[rows], departure[rows])
    dropped = np.ones(len(rows), bool)
    dropped[_kept(arrival[rows].tolist(), departure[rows].tolist())] = False
    kept = rows[~dropped]
    timed[rows[dropped]] = False
    # a trip still needs a time at each end: that of the nearest one kept
    for end, nearest in ((rows[0], arrival[kept[0]]), (rows[-1], departure[kept[-1]])):
        if not timed[end]:
            arrival[end] = departure[end] = nearest


def _kept(arrival_s: list[int], departure_s: list[int]) -> list[int]:
    """Choose the stop times to keep: as many as possible, and among equals with the first stop."""
    chain = _longest_chain(arrival_s, departure_s)
    later = [n for n in range(1, len(arrival_s)) if arrival_s[n] >= departure_s[0]]
    if chain[0] == 0 or not later:
        return chain
    rest = _longest_chain([arrival_s[n] for n in later], [departure_s[n] for n in later])
    return [0, *(later[n] for n in rest)] if len(rest) + 1 >= len(chain) else chain


def _longest_chain(arrival_s: list[int], departure_s: list[int]) -> list[int]:
    """Choose the most stop times of which none arrives before the one before it departs."""
    tails: list[int] = []  # earliest departure with which a chain of this length can end
    last: list[int] = []  # the stop time that ends it
    before: list[int] = []  # for each stop time, the one before it in its chain
    for number, (arrive_s, leave_s) in enumerate(zip(arrival_s, departure_s, strict=True)):
        length = bisect_right(tails, arrive_s)
        before.append(last[length - 1] if length else -1)
        if length == len(tails):
            tails.append(leave_s)
            last.append(number)
        elif leave_s < tails[length]:
            tails[length], last[length] = leave_s, number
    chain = []
    number = last[-1]
    while number >= 0:
        chain.append(number)
        number = before[number]
    return chain[::-1]


def _interpolate(
    arrival: Longs, departure: Longs, along_m: Floats, timed: Bools, trip: Longs
) -> None:
    """Write the times of untimed rows in place, between the rows with times around them."""
    # the ends of a trip have times in any case, whether the feed's or not
    end = np.ones(len(trip), bool)
    end[1:-1] = (trip[1:-1] != trip[:-2]) | (trip[1:-1] != trip[2:])
    anchor = timed | end
    holes = np.flatnonzero(~anchor)
    if len(holes) == 0:
        return
    given = np.flatnonzero(anchor)
    after = np.searchsorted(given, holes)
    before, behind = given[after - 1], given[after]
    span_m = along_m[behind] - along_m[before]
    evenly = (holes - before) / (behind - before)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(span_m > 0, (along_m[holes] - along_m[before]) / span_m, evenly)
    span_s = arrival[behind] - departure[before]
    filled = departure[before] + np.rint(np.clip(share, 0.0, 1.0) * span_s).astype(np.int64)
    arrival[holes] = filled
    departure[holes] = filled
