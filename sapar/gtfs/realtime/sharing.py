"""Who runs what, all buses at once: the runs are shared out so that together they fit best. Pure.

Buses on a street that lines share fit each other's runs as well as their own; taken one by one they
take each other's. An auction (Bertsekas) finds the best distribution: a bus without a run bids for
the one that is best for it at present prices, as much more as the run is better for it than the
next; who is outbid bids again. The sum of the scores is within `_STEP` a bus of the best possible.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.beliefs import Beliefs, Ground
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.ragged import expand

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

HOLD = 1.0
"""A run is held until another is better by so much."""
CHOICE_MAX = 7.0
"""A run that explains the bus so much worse than its best is not kept, ..."""
SECOND_CHOICE = 4.0
"""... nor taken."""
WAITS_FIT = -0.5
"""A bus at its first stop need not move to be believed."""
SILENT_S = 180.0
"""A silent bus loses its run to another."""
_STEP = 0.2
_ROUNDS_MAX = 300
_STARTS = 400_000  # more than the seconds of any start within its service day


@dataclass(frozen=True)
class Shares:
    """A distribution of the runs.

    Attributes:
        slot: the vehicles that get a run; row: the belief of each.
        own: whether each has that run already.
    """

    slot: Longs
    row: Longs
    own: Bools


def share_runs(
    beliefs: Beliefs, fleet: FleetState, ground: Ground, apart: Container[int], now_s: float
) -> Shares:
    """Share the runs out among the vehicles that are heard of; those `apart` keep theirs.

    A run that a vehicle has is worth `HOLD` more to it.
    """
    rows = _options(beliefs, fleet, ground, now_s)
    slot = beliefs.slot[rows]
    fixed = np.array([s for s in np.unique(slot).tolist() if s in apart], np.int64)
    run, own = _runs(beliefs, fleet, ground, rows)
    taken = np.isin(run, run[own & np.isin(slot, fixed)]) if len(fixed) else np.zeros(0, np.bool_)
    if len(fixed):
        free = ~taken & ~np.isin(slot, fixed)
        rows, slot, run, own = rows[free], slot[free], run[free], own[free]
    # the best belief of each run; beliefs are sorted by score
    _, picked = np.unique(slot * (int(run.max(initial=0)) + 1) + run, return_index=True)
    picked.sort()
    rows, slot, run, own = rows[picked], slot[picked], run[picked], own[picked]
    slots, bus = np.unique(slot, return_inverse=True)
    value = beliefs.score[rows] + np.where(own, HOLD, 0.0)
    chosen = share_out(bus, run, value, -CHOICE_MAX)
    has = chosen >= 0
    return Shares(slots[has], rows[chosen[has]], own[chosen[has]])


def _options(beliefs: Beliefs, fleet: FleetState, ground: Ground, now_s: float) -> Longs:
    """List the beliefs that vehicles may claim: as good as needed, and with moves behind them."""
    b, slot = beliefs, beliefs.slot
    trip = ground.lattice.trip_of_row[b.row]
    own = is_own(b, fleet, ground)
    first = b.row == ground.lattice.first_row[trip]
    may = np.isfinite(fleet.trail_x[slot, 1]) | (fleet.ints("sign_trip")[slot] == trip)
    may |= first & (b.fit > WAITS_FIT)
    may = own | (may & (b.score >= -SECOND_CHOICE))
    # further back on the same run is another time round
    again = own & (b.row < ground.ways.opening(fleet.rows("next_row")[slot], b.day) - 1)
    may &= (b.score >= -CHOICE_MAX) & (~again | (b.score >= 0.0))
    return np.flatnonzero(may & (now_s - fleet.floats("time_s")[slot] <= SILENT_S))


def may_claim(beliefs: Beliefs, fleet: FleetState, ground: Ground, row: int) -> bool:
    """Tell whether enough was seen: moving fixes, a stand at the first stop, or a sign-on."""
    slot, trip = beliefs.slot[row], ground.lattice.trip_of_row[beliefs.row[row]]
    first = beliefs.row[row] == ground.lattice.first_row[trip]
    return bool(
        np.isfinite(fleet.trail_x[slot, 1])
        or fleet["sign_trip"][slot] == trip
        or (first and beliefs.fit[row] > WAITS_FIT)
    )


def is_own(beliefs: Beliefs, fleet: FleetState, ground: Ground) -> Bools:
    """Tell which beliefs are on the run that their vehicle has."""
    slot = beliefs.slot
    result: Bools = (
        (ground.lattice.trip_of_row[beliefs.row] == fleet.ints("trip")[slot])
        & (beliefs.day == fleet.ints("day")[slot])
        & (beliefs.start_s == fleet.ints("start_s")[slot])
    )
    return result


def _runs(beliefs: Beliefs, fleet: FleetState, ground: Ground, rows: Longs) -> tuple[Longs, Bools]:
    """Number the runs of beliefs, and tell whether the vehicle has it already."""
    some = beliefs.where(rows)
    trip = ground.lattice.trip_of_row[some.row].astype(np.int64)
    trips = len(ground.lattice.first_row)
    key = (some.day.astype(np.int64) * trips + trip) * _STARTS + some.start_s
    # any number of buses may run by headway without times
    key = np.where(ground.turns.is_loose(trip.astype(np.int32)), -1 - some.slot * trips - trip, key)
    _, run = np.unique(key, return_inverse=True)
    return run.astype(np.int64), is_own(some, fleet, ground)


def share_out(bus: Longs, run: Longs, value: Floats, without: float) -> Longs:
    """Give each bus one of its options at most, and each run to one bus at most.

    Args:
        bus: number of the bus of each option, rising from 0 without gaps.
        run: number of the run.
        value: how well it suits the bus.
        without: what it is worth to have none.

    Returns:
        By bus, the row of its option, -1 for none.
    """
    if not len(bus):
        return np.zeros(0, np.int64)
    begin = np.flatnonzero(np.append(True, bus[1:] != bus[:-1]))
    end = np.append(begin[1:], len(bus))
    price = np.zeros(int(run.max()) + 1)
    owner = np.full(len(price), -1, np.int64)
    chosen = np.full(len(begin), -1, np.int64)
    open_ = np.arange(len(begin))
    for _ in range(_ROUNDS_MAX):
        if not len(open_):
            break
        row, who, first = expand(begin[open_], end[open_])
        worth = value[row] - price[run[row]]
        best = np.maximum.reduceat(worth, first)
        top = np.full(len(open_), len(row), np.int64)
        np.minimum.at(top, who, np.where(worth == best[who], np.arange(len(row)), len(row)))
        worth[top] = -np.inf
        second = np.maximum(np.maximum.reduceat(worth, first), without)
        bids = np.flatnonzero(best > without)
        at = row[top[bids]]
        offer = price[run[at]] + best[bids] - second[bids] + _STEP
        # of several bids for a run the highest is taken: it is written last
        order = np.argsort(offer, kind="stable")
        at, offer, bidder = at[order], offer[order], open_[bids][order]
        price[run[at]] = offer
        before = owner[run[at]]
        owner[run[at]] = bidder
        chosen[before[before >= 0]] = -1
        chosen[bidder] = -1
        won = owner[run[at]] == bidder
        chosen[bidder[won]] = at[won]
        open_ = np.union1d(before[before >= 0], bidder[~won])
    return chosen
