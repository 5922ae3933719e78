"""A service day's predictions against its stop visits, by route and horizon. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.score.buckets import WINDOWS, Window, score
from sapar.gtfs.realtime.score.coverage import AT_MINUTES, EARLY_MAX_S, LATE_MAX_S
from sapar.gtfs.realtime.score.crossings import pair_key
from sapar.gtfs.realtime.score.matching import SCORED, Asked, Matched, match
from sapar.gtfs.realtime.score.passages import Passages
from sapar.gtfs.realtime.score.tracks import joint_key

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

ALL_ROUTES = ""


@dataclass(frozen=True, slots=True)
class Promises:
    """Predictions kept, one row each; all times in Unix seconds.

    Attributes:
        vehicle, stop, route: numbers of names, the same as in `Arrivals`.
    """

    sampled_s: Floats
    vehicle: Ints
    stop: Ints
    route: Ints
    arrival_s: Floats
    median_s: Floats
    low_s: Floats
    high_s: Floats

    def __len__(self) -> int:
        return len(self.vehicle)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the sampled vehicles did, sorted by vehicle, stop and time.

    Attributes:
        vehicle, stop, route: numbers of names.
        first: whether the stop is the first of its trip.
        arrival_s, scheduled_s: Unix seconds.
        seen: whether the moment was seen, not guessed between two fixes far apart.
    """

    vehicle: Ints
    stop: Ints
    route: Ints
    first: Bools
    arrival_s: Floats
    scheduled_s: Floats
    seen: Bools

    def __len__(self) -> int:
        return len(self.vehicle)


@dataclass(frozen=True, slots=True)
class RouteScore:
    """One row of the table `eta_score`."""

    route_id: str
    from_min: int
    until_min: int
    scored: int
    never_came: int
    accurate: int
    mae_s: float
    bias_s: float
    median_mae_s: float
    within_bounds: int
    due: int
    covered: int


def score_routes(
    promises: Promises, arrivals: Arrivals, route_ids: Sequence[str]
) -> list[RouteScore]:
    """Score each route at each horizon, and all routes together; at least one promise.

    A vehicle's record is taken to go on until its last arrival of the day.
    """
    stops = int(max(promises.stop.max(initial=0), arrivals.stop.max(initial=0))) + 1
    fates = _fates(promises, arrivals, stops)
    due = _due(promises, arrivals, stops)
    found: list[RouteScore] = []
    for number, route_id in [(-1, ALL_ROUTES), *enumerate(route_ids)]:
        rows = np.flatnonzero((promises.route == number) | (number < 0))
        mine = (arrivals.route == number) | (number < 0)
        if len(rows) or mine.any():
            found += _horizons(route_id, promises, fates, rows, due, mine)
    return found


def _fates(promises: Promises, arrivals: Arrivals, stops: int) -> tuple[Matched, Matched]:
    """Match the published times, and their medians."""
    _, last_s = _spans(promises, arrivals)
    asked = Asked(
        promises.sampled_s,
        promises.vehicle,
        promises.stop,
        np.zeros(len(promises), np.bool_),
        last_s[promises.vehicle],
    )
    passages = Passages(
        arrivals.vehicle,
        arrivals.stop.astype(np.int64),
        arrivals.arrival_s,
        ~arrivals.seen,
        np.zeros(len(arrivals), np.int64),
    )
    published = match(asked, promises.arrival_s, passages, stops)
    return published, match(asked, promises.median_s, passages, stops)


def _spans(promises: Promises, arrivals: Arrivals) -> tuple[Floats, Floats]:
    """Give the first and the last arrival of each vehicle."""
    count = int(max(promises.vehicle.max(initial=0), arrivals.vehicle.max(initial=0))) + 1
    first_s, last_s = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first_s, arrivals.vehicle, arrivals.arrival_s)
    np.maximum.at(last_s, arrivals.vehicle, arrivals.arrival_s)
    return first_s, last_s


def _due(promises: Promises, arrivals: Arrivals, stops: int) -> list[tuple[Bools, Bools]]:
    """Tell for each horizon which arrivals could be waited for, and which had been predicted."""
    first_s, _ = _spans(promises, arrivals)
    late_s = arrivals.arrival_s - arrivals.scheduled_s
    fair = arrivals.seen & ~arrivals.first & (late_s >= -EARLY_MAX_S) & (late_s <= LATE_MAX_S)
    origin_s = float(promises.sampled_s[0])
    pairs, group = np.unique(pair_key(promises.vehicle, promises.stop, stops), return_inverse=True)
    key = np.sort(joint_key(group, promises.sampled_s - origin_s))
    own = pair_key(arrivals.vehicle, arrivals.stop, stops)
    at = np.minimum(np.searchsorted(pairs, own), len(pairs) - 1)
    known = pairs[at] == own
    arrival_s = arrivals.arrival_s - origin_s
    age_s = arrivals.arrival_s - first_s[arrivals.vehicle]
    found = []
    for low, high in AT_MINUTES:
        begin = np.searchsorted(key, joint_key(at, arrival_s - high * 60.0), "left")
        end = np.searchsorted(key, joint_key(at, arrival_s - low * 60.0), "right")
        due = fair & (age_s >= high * 60.0)
        found.append((due, due & known & (begin < end)))
    return found


def _horizons(
    route_id: str,
    promises: Promises,
    fates: tuple[Matched, Matched],
    rows: Longs,
    due: list[tuple[Bools, Bools]],
    mine: Bools,
) -> list[RouteScore]:
    published, median = fates
    sampled_s = promises.sampled_s[rows]
    best = score(
        sampled_s, promises.arrival_s[rows], published.state[rows], published.actual_s[rows]
    )
    middle = score(sampled_s, promises.median_s[rows], median.state[rows], median.actual_s[rows])
    return [
        RouteScore(
            route_id,
            window.from_s // 60,
            window.until_s // 60,
            bucket.scored,
            bucket.never_came,
            bucket.accurate,
            bucket.mae_s,
            bucket.bias_s,
            middle_bucket.mae_s,
            _within(window, promises, published, rows),
            int((could & mine).sum()),
            int((had & mine).sum()),
        )
        for window, bucket, middle_bucket, (could, had) in zip(
            WINDOWS, best.buckets, middle.buckets, due, strict=True
        )
    ]


def _within(window: Window, promises: Promises, fate: Matched, rows: Longs) -> int:
    """Count the arrivals of a window that lay between their bounds."""
    some = rows[fate.state[rows] == SCORED]
    actual_s = fate.actual_s[some]
    until_s = np.maximum(actual_s - promises.sampled_s[some], 0.0)
    inside = window.holds(until_s)
    held = (actual_s >= promises.low_s[some]) & (actual_s <= promises.high_s[some])
    return int((inside & held).sum())
