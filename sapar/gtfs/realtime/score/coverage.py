"""Coverage: of the arrivals that a rider could have waited for, how many had been predicted.

Counted are passages of stops, the first excepted, of the vehicle's own trip (or, where no trip is
recorded, of the trips of its block on an active service day), at most `LATE_MAX_S` behind and
`EARLY_MAX_S` ahead of the timetable, whose arrival was seen. A vehicle that has only just appeared
could not be predicted and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.score.crossings import pair_key
from sapar.gtfs.realtime.score.matching import Asked
from sapar.gtfs.realtime.score.passages import Passages
from sapar.gtfs.realtime.score.tracks import NONE, Tracks, joint_key
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

AT_MINUTES = ((1, 2), (4, 6), (8, 10), (12, 14))
"""How long before an arrival a prediction is looked for; the second is *the* coverage."""
MAIN = AT_MINUTES[1]
EARLY_MAX_S, LATE_MAX_S = 20 * 60.0, 45 * 60.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares of arrivals that had a prediction.

    Attributes:
        passages: arrivals that could have been waited for.
        coverage: share that had a prediction 4 to 6 minutes before.
        coverage_at: share by minutes before the arrival.
    """

    passages: int
    coverage: float
    coverage_at: dict[str, float]


def wanted_pairs(tracks: Tracks, asked: Asked, timetable: Timetable) -> Longs:
    """List, as `pair_key`, the pairs of vehicle and stop whose passages scores need."""
    stops = len(timetable.stops.ids)
    parts = [np.unique(pair_key(asked.vehicle, asked.stop, stops)[asked.vehicle >= 0])]
    for owner, calls in (
        (tracks.trip, _Calls.of_trips(timetable)),
        (tracks.block, _Calls.of_blocks(timetable)),
    ):
        recorded = np.flatnonzero(owner >= 0)
        pairs = np.unique(np.stack((owner[recorded], tracks.vehicle[recorded])), axis=1)
        call, pair, _ = expand(
            np.searchsorted(calls.owner, pairs[0]), np.searchsorted(calls.owner, pairs[0], "right")
        )
        stop = timetable.stop_times.stop_idx[calls.row[call]]
        parts.append(np.unique(pair_key(pairs[1, pair], stop, stops)))
    return np.unique(np.concatenate(parts))


def coverage(asked: Asked, passages: Passages, tracks: Tracks, timetable: Timetable) -> Coverage:
    """Measure coverage by predictions; there must be a track."""
    stops = len(timetable.stops.ids)
    begun_s = tracks.run_spans()[0]
    age_s = passages.arrival_s - begun_s[passages.fix]
    fair = np.flatnonzero(~passages.unseen & (age_s >= MAIN[1] * 60.0))
    due = fair[_is_due(passages, fair, tracks, timetable)]
    origin_s = float(tracks.time_s.min())
    pairs, group = np.unique(pair_key(asked.vehicle, asked.stop, stops), return_inverse=True)
    key = np.sort(joint_key(group, asked.sampled_s - origin_s))
    of_due = pair_key(passages.vehicle[due], passages.stop[due], stops)
    at = np.minimum(np.searchsorted(pairs, of_due), max(len(pairs) - 1, 0))
    known = pairs[at] == of_due if len(pairs) else np.zeros(len(due), np.bool_)
    arrival_s = passages.arrival_s[due] - origin_s
    shares = {}
    for low, high in AT_MINUTES:
        first = np.searchsorted(key, joint_key(at, arrival_s - high * 60.0), "left")
        last = np.searchsorted(key, joint_key(at, arrival_s - low * 60.0), "right")
        old = age_s[due] >= high * 60.0
        had = known & (first < last) & old
        shares[f"{low}-{high}"] = float(had.sum() / max(old.sum(), 1))
    return Coverage(len(due), shares["{}-{}".format(*MAIN)], shares)


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of the timetable, sorted by owner (trip or block) and stop.

    Attributes:
        row: row of the stop times; trip: its trip; owner: of each.
        key: `pair_key` of owner and stop, rising.
    """

    row: Longs
    trip: Ints
    owner: Ints
    key: Longs

    @classmethod
    def of_trips(cls, timetable: Timetable) -> _Calls:
        """List the calls by trip."""
        return cls._sorted(timetable, np.arange(len(timetable.trips.ids), dtype=np.int32))

    @classmethod
    def of_blocks(cls, timetable: Timetable) -> _Calls:
        """List the calls by block."""
        return cls._sorted(timetable, timetable.trips.block_idx)

    @classmethod
    def _sorted(cls, timetable: Timetable, owner_of_trip: Ints) -> _Calls:
        begin = timetable.trips.st_begin
        trip = np.repeat(np.arange(len(begin) - 1, dtype=np.int32), np.diff(begin))
        row = np.flatnonzero(owner_of_trip[trip] >= 0)
        owner = owner_of_trip[trip[row]]
        key = pair_key(owner, timetable.stop_times.stop_idx[row], len(timetable.stops.ids))
        order = np.argsort(key, kind="stable")
        return cls(row[order], trip[row[order]], owner[order], key[order])


def _is_due(passages: Passages, rows: Longs, tracks: Tracks, timetable: Timetable) -> Bools:
    """Tell which passages were of a call of the vehicle's own trip or block, about on time."""
    trip, block = tracks.trip[passages.fix[rows]], tracks.block[passages.fix[rows]]
    by_trip = np.flatnonzero(trip >= 0)
    by_block = np.flatnonzero((trip == NONE) & (block >= 0))
    found = np.zeros(len(rows), np.bool_)
    for numbers, owner, calls, dated in (
        (by_trip, trip, _Calls.of_trips(timetable), False),  # it ran, whatever the calendar says
        (by_block, block, _Calls.of_blocks(timetable), True),
    ):
        key = pair_key(owner[numbers], passages.stop[rows[numbers]], len(timetable.stops.ids))
        call, of, _ = expand(
            np.searchsorted(calls.key, key), np.searchsorted(calls.key, key, "right")
        )
        inner = calls.row[call] != timetable.trips.st_begin[calls.trip[call]]
        call, passage = call[inner], numbers[of[inner]]
        late_s = passages.arrival_s[rows[passage]] - timetable.stop_times.arrival_s[calls.row[call]]
        service = timetable.trips.service_idx[calls.trip[call]]
        for day in _service_dates(tracks, timetable):
            since_s = late_s - timetable.service_day_start(day)
            hit = (since_s >= -EARLY_MAX_S) & (since_s <= LATE_MAX_S)
            if dated:
                hit &= timetable.services.active(day)[service]
            found[passage[hit]] = True
    return found


def _service_dates(tracks: Tracks, timetable: Timetable) -> list[date]:
    """List the service dates that a record may belong to: its own, and the day before."""
    first, last = (
        datetime.fromtimestamp(float(moment), UTC).astimezone(timetable.timezone).date().toordinal()
        for moment in (tracks.time_s.min(), tracks.time_s.max())
    )
    return [date.fromordinal(day) for day in range(first - 1, last + 1)]
