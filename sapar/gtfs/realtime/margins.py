"""How sure a bus is of its place: how much worse the best belief in another place is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.beliefs import WORSE_MAX, Beliefs, Ground
from sapar.gtfs.realtime.fleet_state import NO, Slots

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

_SAME_PLACE_CALLS = 4


def margins(beliefs: Beliefs, ground: Ground) -> tuple[Slots, Longs, Floats]:
    """Give for each vehicle its best belief and how much worse the best one elsewhere is.

    Elsewhere is another leg of line, `_SAME_PLACE_CALLS` calls or more away on the same pattern.

    Returns:
        (slots, rows of the best beliefs, margins); a margin is at most what is kept.
    """
    lattice = ground.lattice
    new = np.append(True, beliefs.slot[1:] != beliefs.slot[:-1])
    best = np.flatnonzero(new)
    owner = np.cumsum(new) - 1
    leader = best[owner]
    trip = lattice.trip_of_row[beliefs.row]
    pattern = lattice.network.timetable.trips.pattern_idx[trip]
    place = _chain_place(beliefs, ground, trip)
    missed = ground.ways.calls_left_out(beliefs.row, beliefs.day)
    place, local = place - missed, beliefs.row - lattice.first_row[trip] - missed
    block = lattice.network.timetable.trips.block_idx[trip]
    same_chain = (block == block[leader]) & (block != NO) & (beliefs.day == beliefs.day[leader])
    near = same_chain & (np.abs(place - place[leader]) < _SAME_PLACE_CALLS)
    near |= (pattern == pattern[leader]) & (np.abs(local - local[leader]) < _SAME_PLACE_CALLS)
    # another line that shares the stop ahead
    stop = lattice.network.timetable.stop_times.stop_idx[beliefs.row]
    near |= stop == stop[leader]
    worse = np.where(near, WORSE_MAX, -beliefs.score)
    margin = np.minimum.reduceat(worse, best) if len(best) else np.zeros(0)
    return beliefs.slot[best], best, np.minimum(margin, WORSE_MAX)


def _chain_place(beliefs: Beliefs, ground: Ground, trip: Ints) -> Longs:
    links, lattice = ground.links, ground.lattice
    before = links.calls_before[links.date_row(beliefs.day), trip]
    return np.asarray(before + beliefs.row - lattice.first_row[trip], np.int64)
