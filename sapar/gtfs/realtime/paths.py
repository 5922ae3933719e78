"""Where on a line a bus may be, judged by its last moves; many buses and lines at once. Pure.

A place is a local minimum of the distance to the line. The trail tells whether the bus drives along
the line there: the place that lies as far back on the line as the bus has driven since must be near
where the bus was. Driving the other way, it is twice that distance off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, project_on_segments
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.ragged import expand

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

MOVED_MIN_M = 100.0
"""A trail along the line must be this long to show the direction (TransitClock's first match)."""
_TRAIL_MAX_M = 1500.0
_TRAIL_SLACK_M = 40.0
_TRAIL_SLACK_SHARE = 0.35  # streets bend, and driven distance is summed over straight steps
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where some vehicles are and came from; rows are vehicles.

    Attributes:
        x, y, time_s: the newest fix.
        trail_x, trail_y: earlier places, newest first, NaN where there are none.
        driven_m: metres driven since each place of the trail.
    """

    x: Floats
    y: Floats
    time_s: Floats
    trail_x: Floats
    trail_y: Floats
    driven_m: Floats


@dataclass(frozen=True, slots=True)
class Places:
    """Places found, one row each.

    Attributes:
        pair: number of the (vehicle, pattern) asked for.
        along_m, off_m, tolerance_m: the place, how far off it the bus is, how far it may be.
        fit: share of the trail that lies where it should, 1 where there is no trail.
        moved_m: length of the trail along the line that `fit` rests on.
    """

    pair: Longs
    along_m: Floats
    off_m: Floats
    tolerance_m: Floats
    fit: Floats
    moved_m: Floats


def whereabouts(
    x: Floats, y: Floats, time_s: Floats, trail_x: Floats, trail_y: Floats
) -> Whereabouts:
    """Add up what was driven since each place of the trails."""
    all_x = np.concatenate((x[:, None], trail_x), axis=1)
    all_y = np.concatenate((y[:, None], trail_y), axis=1)
    steps = np.hypot(np.diff(all_x, axis=1), np.diff(all_y, axis=1))
    return Whereabouts(x, y, time_s, trail_x, trail_y, np.cumsum(steps, axis=1))


def find_places(network: Network, where: Whereabouts, vehicle: Longs, pattern: Ints) -> Places:
    """Find every place at which a vehicle may be on a pattern's line, for pairs of the two."""
    usable = network.usable[pattern]
    numbers = np.flatnonzero(usable)
    sizes = np.diff(network.line_begin)[pattern[numbers]]
    parts = [
        _places(network, where, numbers[chunk], vehicle, pattern)
        for chunk in np.split(
            np.arange(len(numbers)),
            np.flatnonzero(np.diff(np.cumsum(sizes) // _CHUNK)) + 1,
        )
        if len(chunk)
    ]
    if not parts:
        none = np.zeros(0)
        return Places(np.zeros(0, np.int64), none, none, none, none, none)
    return _with_fit(network, where, vehicle, pattern, parts)


def _places(
    network: Network, where: Whereabouts, pairs: Longs, vehicle: Longs, pattern: Ints
) -> tuple[Longs, Floats, Floats, Floats]:
    """Local minima within tolerance: (pair, along_m, off_m, tolerance_m)."""
    begin, end = network.line_begin[pattern[pairs]], network.line_begin[pattern[pairs] + 1]
    seg, owner, _ = expand(begin, end - 1)
    who = vehicle[pairs][owner]
    share, off = project_on_segments(
        where.x[who],
        where.y[who],
        network.line_x[seg],
        network.line_y[seg],
        network.line_x[seg + 1],
        network.line_y[seg + 1],
    )
    same_before = np.append(False, owner[1:] == owner[:-1])
    same_after = np.append(owner[1:] == owner[:-1], False)
    lower = ~same_before | (off <= np.append(np.inf, off[:-1]))
    lower &= ~same_after | (off < np.append(off[1:], np.inf))
    keep = np.flatnonzero(lower & (off <= network.tolerance_m[seg]))
    seg = seg[keep]
    along = network.line_m[seg] + share[keep] * (network.line_m[seg + 1] - network.line_m[seg])
    return pairs[owner[keep]], along, off[keep], network.tolerance_m[seg]


def _with_fit(
    network: Network,
    where: Whereabouts,
    vehicle: Longs,
    pattern: Ints,
    parts: list[tuple[Longs, Floats, Floats, Floats]],
) -> Places:
    pair = np.concatenate([p[0] for p in parts])
    along, off, tolerance = (np.concatenate([p[n] for p in parts]) for n in (1, 2, 3))
    who, line = vehicle[pair], pattern[pair]
    driven = where.driven_m[who]
    back = along[:, None] - driven
    used = (
        (driven >= _TRAIL_SLACK_M)
        & (driven <= _TRAIL_MAX_M)
        & (back >= network.first_m[line][:, None] - _TRAIL_SLACK_M)
    )
    row, column = np.nonzero(used)
    x, y = network.place_at(line[row], back[row, column])
    error = np.hypot(x - where.trail_x[who[row], column], y - where.trail_y[who[row], column])
    allowed = _TRAIL_SLACK_M + off[row] + _TRAIL_SLACK_SHARE * driven[row, column]
    good = np.bincount(row, error <= allowed, len(pair))
    count = used.sum(axis=1)
    fit = np.where(count > 0, good / np.maximum(count, 1), 1.0)
    moved = np.max(np.where(used, driven, 0.0), axis=1, initial=0.0)
    return Places(pair, along, off, tolerance, fit, np.where(count > 1, moved, 0.0))
