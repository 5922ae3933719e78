"""Which bus is ahead of each, and how long before it it passed: or will pass, the same post. Pure.

The headway of a bus is measured at its next post. Of the buses of its route and direction that are
about to call there the one that is expected before it is ahead, and the headway is the difference
of what is expected; with none, it is the bus that passed the post last, and the headway runs from
that passage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.fleet_state import NO

Longs = NDArray[np.int64]

BREAK_S = 7200.0
"""A passage longer ago says nothing of a headway."""


@dataclass(frozen=True, slots=True)
class Headways:
    """Headways of buses, aligned with them.

    Attributes:
        ahead: slot of the bus ahead, `NO` for none known.
        headway_s: NaN where there is none.
        behind_s: headway of the bus behind, NaN where there is none.
        behind: its row among the buses, `NO` for none.
    """

    ahead: Longs
    headway_s: Floats
    behind_s: Floats
    behind: Longs


def headways_of(
    slots: Longs,
    post: Longs,
    expected_s: Floats,
    last_s: Floats,
    last_slot: Longs,
    before_s: Floats,
    before_slot: Longs,
) -> Headways:
    """Find the headways of buses.

    Args:
        slots: the buses.
        post: the next post of each.
        expected_s: when each is expected there.
        last_s: by post: time of its newest passage, ...
        last_slot: ... and by whom.
        before_s: time of the passage before that by another bus, ...
        before_slot: ... and by whom.
    """
    count = len(slots)
    own = last_slot[post] == slots
    ahead = np.where(own, before_slot[post], last_slot[post])
    then_s = np.where(own, before_s[post], last_s[post])
    order = np.lexsort((slots, expected_s, post))
    here, ahead_of = order[1:], order[:-1]
    same = post[here] == post[ahead_of]
    ahead[here[same]] = slots[ahead_of[same]]
    then_s[here[same]] = expected_s[ahead_of[same]]
    headway = expected_s - then_s
    known = (ahead != NO) & (headway >= 0) & (headway <= BREAK_S)
    ahead = np.where(known, ahead, NO)
    headway = np.where(known, headway, np.nan)
    behind_s, behind = np.full(count, np.nan), np.full(count, NO, np.int64)
    row_of = np.full(int(slots.max(initial=-1)) + 2, NO, np.int64)
    row_of[slots] = np.arange(count)
    # of several buses that name one ahead of them, the nearest is the one behind it
    named = np.flatnonzero(known)
    named = named[np.argsort(-headway[named], kind="stable")]
    inside = ahead[named] < len(row_of) - 1
    named = named[inside]
    owner = row_of[ahead[named]]
    named, owner = named[owner != NO], owner[owner != NO]
    behind_s[owner], behind[owner] = headway[named], named
    return Headways(ahead, headway, behind_s, behind)
