"""Finds where on a polyline the stops of a trip lie. Pure.

A stop near a line that passes it twice (a loop, a street driven there and back) belongs to the
pass that keeps all stops in order, so the places of all stops are chosen together: a dynamic
programme over stops and segments, with a cost of squared distance, in which a stop may not lie
before the one before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import project_on_segments, to_plane

Floats = NDArray[np.float64]

#: Weight of the squared difference from the expected place against the squared distance from the
#: line: a kilometre counts like ten metres off, so it decides only between equal passes.
_EXPECTED_WEIGHT = 1e-4
#: A vehicle cannot reach the next stop by less than the straight way. The slack is for stops that
#: lie off the line, the share for lines drawn by fewer points than the street has.
_STRAIGHT_SHARE = 0.8
_STRAIGHT_SLACK_M = 60.0
#: Beyond this a stop is lost to the line; being lost further may not pull other stops along.
_LOST_M = 500.0


def match_stops(
    stop_lat: Floats, stop_lon: Floats, line_lat: Floats, line_lon: Floats, line_m: Floats
) -> tuple[Floats, Floats]:
    """Place stops on a line in their order.

    Args:
        stop_lat: latitudes of k stops in the order of the trip, degrees.
        stop_lon: their longitudes.
        line_lat: latitudes of the m >= 2 points of the line, degrees.
        line_lon: their longitudes.
        line_m: distance along the line of each point, metres.

    Returns:
        (stop_m, offset_m): distance of each stop along the line, non-decreasing; and how far the
        stop lies from that place.
    """
    reference = (float(line_lat.mean()), float(line_lon.mean()))
    line_x, line_y = to_plane(line_lat, line_lon, reference)
    stop_x, stop_y = to_plane(stop_lat, stop_lon, reference)
    fraction, off_m = project_on_segments(
        stop_x[:, None], stop_y[:, None], line_x[:-1], line_y[:-1], line_x[1:], line_y[1:]
    )
    along = line_m[:-1] + fraction * np.diff(line_m)
    expected = _expected(stop_x, stop_y, off_m.min(axis=1), float(line_m[-1]))
    straight = np.hypot(np.diff(stop_x), np.diff(stop_y))
    segments = _best_segments(along, off_m, straight, expected, line_m)
    chosen = np.arange(len(stop_lat))
    # two stops on one segment can still stand in the wrong order
    lost = off_m[chosen, segments] > _LOST_M
    stop_m = _in_order(along[chosen, segments], np.where(lost, 1e-6, 1.0))
    return stop_m, _offsets(stop_m, stop_x, stop_y, line_x, line_y, line_m)


def place_by_distance(
    stop_distance: Floats, line_distance: Floats, line_m: Floats
) -> Floats | None:
    """Place stops by shape_dist_traveled, in whatever unit the feed uses.

    Returns:
        Distances along the line in metres, or None where the given ones are incomplete, go back
        or leave the shape, so that they say nothing.
    """
    given = np.concatenate((stop_distance, line_distance))
    if np.isnan(given).any() or line_distance[-1] <= line_distance[0]:
        return None
    if (np.diff(stop_distance) < 0).any() or (np.diff(line_distance) < 0).any():
        return None
    span = line_distance[-1] - line_distance[0]
    slack = 0.01 * span
    if stop_distance[0] < line_distance[0] - slack or stop_distance[-1] > line_distance[-1] + slack:
        return None
    placed: Floats = np.interp(stop_distance, line_distance, line_m)
    return placed


def offsets_m(
    stop_m: Floats, stops: tuple[Floats, Floats], line: tuple[Floats, Floats], line_m: Floats
) -> Floats:
    """Measure how far stops (latitudes, longitudes) lie from their places on a line, in metres."""
    reference = (float(line[0].mean()), float(line[1].mean()))
    line_x, line_y = to_plane(line[0], line[1], reference)
    stop_x, stop_y = to_plane(stops[0], stops[1], reference)
    return _offsets(stop_m, stop_x, stop_y, line_x, line_y, line_m)


def _offsets(
    stop_m: Floats, stop_x: Floats, stop_y: Floats, line_x: Floats, line_y: Floats, line_m: Floats
) -> Floats:
    at_x, at_y = np.interp(stop_m, line_m, line_x), np.interp(stop_m, line_m, line_y)
    offset: Floats = np.hypot(stop_x - at_x, stop_y - at_y)
    return offset


def _expected(stop_x: Floats, stop_y: Floats, nearest_m: Floats, length_m: float) -> Floats:
    """Guess where stops lie on the line: by their share of the straight way from stop to stop.

    Stops that are lost to the line would make the way longer than it is, so they are left out and
    expected between their neighbours.
    """
    kept = np.flatnonzero(nearest_m <= _LOST_M)
    numbers = np.arange(len(stop_x))
    steps = np.hypot(np.diff(stop_x[kept]), np.diff(stop_y[kept]))
    if steps.sum() == 0:
        spread: Floats = np.linspace(0.0, length_m, len(stop_x))
        return spread
    reach = np.concatenate(([0.0], np.cumsum(steps)))
    expected: Floats = np.interp(numbers, kept, reach / reach[-1] * length_m)
    return expected


def _in_order(raw_m: Floats, weight: Floats) -> Floats:
    """Give the non-decreasing distances nearest to the raw ones (weighted isotonic regression).

    Neighbours in the wrong order meet at their weighted mean (pool adjacent violators).
    """
    if (np.diff(raw_m) >= 0).all():
        return raw_m
    pools: list[tuple[float, float, int]] = []
    for value, heft in zip(raw_m.tolist(), weight.tolist(), strict=True):
        pool = (value, heft, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, total, count = pools.pop()
            joint = total + pool[1]
            pool = ((mean * total + pool[0] * pool[1]) / joint, joint, count + pool[2])
        pools.append(pool)
    means = [pool[0] for pool in pools]
    # a mean of equal numbers can differ from them by the last bit
    ordered: Floats = np.maximum.accumulate(np.repeat(means, [pool[2] for pool in pools]))
    return ordered


def _best_segments(
    along: Floats, off_m: Floats, straight: Floats, expected: Floats, line_m: Floats
) -> NDArray[np.int64]:
    """Choose a segment for each stop; `along` and `off_m` are k stops by s segments."""
    count = len(along)
    cost = np.minimum(off_m, _LOST_M) ** 2 + _EXPECTED_WEIGHT * (
        np.minimum(off_m, 10 * _LOST_M) ** 2 + (along - expected[:, None]) ** 2
    )
    nearest_m = off_m.min(axis=1)
    came_from = np.zeros(cost.shape, np.int64)
    total = cost[0]
    for stop in range(1, count):
        best = np.minimum.accumulate(total)
        # position of that minimum: the last segment so far where a new minimum was reached
        fresh = np.concatenate(([True], total[1:] < best[:-1]))
        best_at = np.maximum.accumulate(np.where(fresh, np.arange(len(total)), 0))
        # the way along the line, plus how far both stops are off it, is no less than the straight
        slack_m = _STRAIGHT_SLACK_M + nearest_m[stop - 1] + off_m[stop]
        bound = along[stop] - np.maximum(_STRAIGHT_SHARE * straight[stop - 1] - slack_m, 0.0)
        allowed = np.searchsorted(line_m[:-1], bound, side="right") - 1
        allowed = np.minimum(allowed, np.arange(len(total)))
        previous = np.where(allowed >= 0, best[allowed], np.inf)
        if not np.isfinite(previous).any():
            # the line is shorter than the way between two stops: keep the order, nothing more
            allowed = np.arange(len(total))
            previous = best
        came_from[stop] = best_at[allowed]
        total = previous + cost[stop]
    segments = np.zeros(count, np.int64)
    segments[-1] = int(np.argmin(total))
    for stop in range(count - 1, 0, -1):
        segments[stop - 1] = came_from[stop, segments[stop]]
    return segments
