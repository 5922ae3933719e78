"""Each prediction gets the passage that it spoke of, or the reason why it is not judged.

A prediction takes the passage of its vehicle and stop, between `BEFORE_S` before and `AFTER_S`
after the moment that it was made, that is closest to the promised time; of several predictions made
at once for one vehicle and stop, the k-th is not given a passage before the k-th. Without a passage
it *never came*, provided that the record goes on unbroken to `GOES_ON_S` after the promised time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.ragged import number_in_group
from sapar.gtfs.realtime.score.crossings import pair_key
from sapar.gtfs.realtime.score.passages import Passages
from sapar.gtfs.realtime.score.tracks import joint_key

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

BEFORE_S, AFTER_S = 30.0, 35 * 60.0
GOES_ON_S = 600.0

STATES = (
    "scored",
    "never_came",
    "first_stop",
    "unknown_vehicle",
    "arrival_unseen",
    "record_ended",
)
"""What became of a prediction, by number; all but the first two are not judged."""
SCORED, NEVER_CAME, FIRST_STOP, UNKNOWN_VEHICLE, ARRIVAL_UNSEEN, RECORD_ENDED = range(6)


@dataclass(frozen=True, slots=True)
class Asked:
    """Predictions to match, one row each.

    Attributes:
        sampled_s: when it was made, Unix seconds.
        vehicle: number of the vehicle, as in the passages; -1 for one without a record.
        stop: row of the timetable's stops.
        first: whether the stop is the first of its trip: arriving there means a layover.
        until_s: until when the vehicle's record goes on unbroken from the moment of the
            prediction, Unix seconds; minus infinity where there was none.
    """

    sampled_s: Floats
    vehicle: Ints
    stop: Ints
    first: Bools
    until_s: Floats

    def __len__(self) -> int:
        return len(self.vehicle)

    def where(self, rows: Longs) -> Asked:
        """Give some of the rows."""
        return Asked(
            self.sampled_s[rows],
            self.vehicle[rows],
            self.stop[rows],
            self.first[rows],
            self.until_s[rows],
        )


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of each prediction: number in `STATES`, and the arrival, NaN for none."""

    state: NDArray[np.int8]
    actual_s: Floats


def match(asked: Asked, promised_s: Floats, passages: Passages, stops: int) -> Matched:
    """Match predictions of `promised_s` (Unix seconds) with passages; `stops`: how many there are.

    There must be a prediction.
    """
    origin_s = float(asked.sampled_s[0])
    pairs, group = np.unique(pair_key(passages.vehicle, passages.stop, stops), return_inverse=True)
    of_pair = _find(pairs, pair_key(asked.vehicle, asked.stop, stops))
    key = joint_key(group, passages.arrival_s - origin_s)
    order = np.argsort(key, kind="stable")
    key = key[order]

    def since(moment_s: Floats) -> Floats:
        return joint_key(of_pair, moment_s - origin_s)

    low = np.searchsorted(key, since(asked.sampled_s - BEFORE_S)) + _ranks(asked, promised_s, stops)
    high = np.searchsorted(key, since(asked.sampled_s + AFTER_S), "right")
    found = (of_pair >= 0) & (low < high)
    wanted = since(promised_s)
    after = np.clip(np.searchsorted(key, wanted), low, np.maximum(high - 1, low))
    before = np.maximum(after - 1, low)
    padded = np.append(key, np.inf)
    off_before, off_after = (
        np.abs(padded[np.minimum(n, len(key))] - wanted) for n in (before, after)
    )
    pick = order[np.where(off_before < off_after, before, after)[found]]
    actual_s = np.full(len(asked), np.nan)
    actual_s[found] = passages.arrival_s[pick]
    unseen = np.zeros(len(asked), np.bool_)
    unseen[found] = passages.unseen[pick]
    goes_on = asked.until_s >= promised_s + GOES_ON_S
    state = np.select(
        [asked.first, asked.vehicle < 0, found & unseen, found, goes_on],
        [FIRST_STOP, UNKNOWN_VEHICLE, ARRIVAL_UNSEEN, SCORED, NEVER_CAME],
        RECORD_ENDED,
    )
    return Matched(state.astype(np.int8), actual_s)


def _find(known: Longs, asked: Longs) -> Longs:
    """Give the place of each asked number in a sorted array, -1 where it is not there."""
    if not len(known):
        return np.full(len(asked), -1, np.int64)
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[at] == asked, at, -1)


def _ranks(asked: Asked, promised_s: Floats, stops: int) -> Longs:
    """Number the predictions made at once for one vehicle and stop, in order of promised time."""
    rank = np.zeros(len(asked), np.int64)
    rows = np.flatnonzero(~asked.first)
    pair = pair_key(asked.vehicle[rows], asked.stop[rows], stops)
    sampled_s = asked.sampled_s[rows]
    order = np.lexsort((promised_s[rows], sampled_s, pair))
    pair, sampled_s = pair[order], sampled_s[order]
    new = np.append(True, (pair[1:] != pair[:-1]) | (sampled_s[1:] != sampled_s[:-1]))
    rank[rows[order]] = number_in_group(np.cumsum(new[: len(rows)]))
    return rank
