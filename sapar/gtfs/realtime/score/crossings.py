"""Which steps of the tracks come near which stops, and when they enter and leave the reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.score.tracks import Tracks

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEAR_M = 75.0
"""A vehicle within this is visiting the stop; ..."""
AT_M = 30.0
"""... within this it has arrived."""
SPARSE_S = 60.0
"""A longer step hides how the road ran ..."""
WIDE_M = 250.0
"""... and a stop so far off it may have been served."""
_SAMPLE_M = 80.0  # a step is sampled so often when the stops near it are looked for


@dataclass(frozen=True, slots=True)
class Crossings:
    """One row a step and stop in reach, sorted by vehicle, stop, time of entry.

    Attributes:
        vehicle, stop: who came near what.
        step: row in the tracks of the fix that the step begins with.
        in_s, out_s: when it enters and leaves the reach; at_s: the first moment within `AT_M`,
            infinity for never; best_s: when it was closest.
        off_m: how close that was.
        vague: whether only a long step came near, and not near enough to count as a visit.
        unseen: whether an unbroken stretch begins with this step, at the stop.
        in_x, in_y, out_x, out_y: where it enters and leaves.
    """

    vehicle: Ints
    stop: Longs
    step: Longs
    in_s: Floats
    out_s: Floats
    at_s: Floats
    best_s: Floats
    off_m: Floats
    vague: Bools
    unseen: Bools
    in_x: Floats
    in_y: Floats
    out_x: Floats
    out_y: Floats

    def __len__(self) -> int:
        return len(self.step)


def pair_key(vehicle: NDArray[np.integer], stop: NDArray[np.integer], stops: int) -> Longs:
    """Make one number of a vehicle and a stop; `stops` is how many stops there are."""
    key: Longs = vehicle.astype(np.int64) * stops + stop
    return key


def find_crossings(
    tracks: Tracks, x: Floats, y: Floats, stop_x: Floats, stop_y: Floats, wanted: Longs
) -> Crossings:
    """Find where the tracks come near the stops that are wanted of each vehicle.

    Args:
        tracks: the record.
        x: metres east of its fixes in a local plane.
        y: metres north.
        stop_x: the stops in the same plane, NaN for those without a place.
        stop_y: the same, north.
        wanted: `pair_key` of each pair of vehicle and stop, in any order.
    """
    linked = tracks.run[1:] == tracks.run[:-1]
    sparse = np.diff(tracks.time_s) > SPARSE_S
    steps, stops = [], []
    for kind, reach_m in ((~sparse, NEAR_M), (sparse, WIDE_M)):
        rows = np.flatnonzero(linked & kind)
        number, stop = _near(x[rows], y[rows], x[rows + 1], y[rows + 1], stop_x, stop_y, reach_m)
        steps.append(rows[number])
        stops.append(stop)
    step, stop = np.concatenate(steps), np.concatenate(stops)
    asked = np.isin(pair_key(tracks.vehicle[step], stop, len(stop_x)), wanted)
    return _cross(tracks, x, y, stop_x, stop_y, step[asked], stop[asked])


def _cross(
    tracks: Tracks, x: Floats, y: Floats, stop_x: Floats, stop_y: Floats, step: Longs, stop: Longs
) -> Crossings:
    dx, dy = x[step + 1] - x[step], y[step + 1] - y[step]
    to_x, to_y = stop_x[stop] - x[step], stop_y[stop] - y[step]
    length2, along = np.maximum(dx * dx + dy * dy, 1e-12), to_x * dx + to_y * dy
    closest = np.clip(along / length2, 0.0, 1.0)
    off_m = np.hypot(to_x - closest * dx, to_y - closest * dy)
    start_s, span_s = tracks.time_s[step], tracks.time_s[step + 1] - tracks.time_s[step]

    def inside(reach_m: Floats | float) -> tuple[Floats, Floats]:
        apart2 = to_x * to_x + to_y * to_y - np.square(reach_m)
        root = np.sqrt(np.maximum(along**2 - length2 * apart2, 0.0))
        first, last = (along - root) / length2, (along + root) / length2
        return np.clip(first, 0.0, 1.0), np.clip(last, 0.0, 1.0)

    vague = off_m > NEAR_M
    enter, leave = inside(np.where(vague, WIDE_M, NEAR_M))
    at_s = np.where(off_m <= AT_M, start_s + inside(AT_M)[0] * span_s, np.inf)
    begins = np.append(True, tracks.run[1:] != tracks.run[:-1])[step]
    in_s = start_s + enter * span_s
    keep = np.flatnonzero(off_m <= np.where(span_s > SPARSE_S, WIDE_M, NEAR_M))
    keep = keep[np.lexsort((in_s[keep], stop[keep], tracks.vehicle[step[keep]]))]
    return Crossings(
        tracks.vehicle[step[keep]],
        stop[keep],
        step[keep],
        in_s[keep],
        (start_s + leave * span_s)[keep],
        at_s[keep],
        (start_s + closest * span_s)[keep],
        off_m[keep],
        vague[keep],
        ((enter == 0) & begins & (at_s == start_s))[keep],
        (x[step] + enter * dx)[keep],
        (y[step] + enter * dy)[keep],
        (x[step] + leave * dx)[keep],
        (y[step] + leave * dy)[keep],
    )


def _near(
    ax: Floats, ay: Floats, bx: Floats, by: Floats, stop_x: Floats, stop_y: Floats, reach_m: float
) -> tuple[Longs, Longs]:
    """List the pairs of step and stop that may be within reach of each other, by a grid.

    Each stop stands in its own cell and the eight around it; a step asks the cells of its samples.
    """
    cell_m = reach_m + _SAMPLE_M / 2  # no stop in reach is further from the nearest sample
    placed = np.flatnonzero(np.isfinite(stop_x) & np.isfinite(stop_y))
    around = np.array([(east, north) for east in (-1, 0, 1) for north in (-1, 0, 1)])
    cell_x = np.floor(stop_x[placed] / cell_m).astype(np.int64)[:, None] + around[:, 0]
    cell_y = np.floor(stop_y[placed] / cell_m).astype(np.int64)[:, None] + around[:, 1]
    keys = _cell_key(cell_x, cell_y).ravel()
    order = np.argsort(keys, kind="stable")
    keys, stop_of_key = keys[order], np.repeat(placed, len(around))[order]

    count = np.ceil(np.hypot(bx - ax, by - ay) / _SAMPLE_M).astype(np.int64) + 1
    number, step, _ = expand(np.zeros(len(count), np.int64), count)
    share = number / np.maximum(count - 1, 1)[step]
    asked = _cell_key(
        np.floor((ax[step] + share * (bx - ax)[step]) / cell_m).astype(np.int64),
        np.floor((ay[step] + share * (by - ay)[step]) / cell_m).astype(np.int64),
    )
    fresh = np.append(True, (asked[1:] != asked[:-1]) | (step[1:] != step[:-1]))[: len(asked)]
    step, asked = step[fresh], asked[fresh]
    rows, owner, _ = expand(
        np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
    )
    pairs = np.unique(step[owner] * np.int64(len(stop_x)) + stop_of_key[rows])
    return pairs // len(stop_x), pairs % len(stop_x)


def _cell_key(cell_x: Longs, cell_y: Longs) -> Longs:
    key: Longs = cell_x * np.int64(1 << 20) + cell_y
    return key
