"""When a condition becomes an alarm and when it is over: on-delay, dead band, off-delay. Pure.

A condition is *raised* while its value is past the threshold, and *held* while it is past the end
of the dead band (which a raised one always is). It becomes an alarm once it has been raised without
a break for the on-delay, and is over once it has not been held for the off-delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Latch:
    """What is remembered of conditions between two looks.

    Attributes:
        keys: names of the conditions, rising.
        since_s: when the condition was raised without a break, inf while it is held alone and
            was never an alarm.
        held_s: when it was held last.
        off_delay_s: for how long an alarm outlasts its condition.
        on: whether it is an alarm.
    """

    keys: Longs
    since_s: Floats
    held_s: Floats
    off_delay_s: Floats
    on: Bools

    @staticmethod
    def empty() -> Latch:
        """Remember nothing."""
        none = np.zeros(0)
        return Latch(np.zeros(0, np.int64), none, none, none, np.zeros(0, np.bool_))

    @staticmethod
    def of_alarms(keys: Longs, since_s: Floats, off_delay_s: Floats, now_s: float) -> Latch:
        """Take over alarms that stand, each held just now; keys must differ."""
        order = np.argsort(keys)
        return Latch(
            keys[order],
            since_s[order],
            np.full(len(keys), now_s),
            off_delay_s[order],
            np.ones(len(keys), np.bool_),
        )


def step(
    before: Latch,
    keys: Longs,
    raised: Bools,
    on_delay_s: Floats,
    off_delay_s: Floats,
    now_s: float,
    passed_s: Floats | None = None,
) -> Latch:
    """Look at all conditions that are held now; those not named are not held.

    Args:
        before: as the last look left it.
        keys: the conditions, each once, in any order.
        raised: whether each is past its threshold.
        on_delay_s: for how long each must be raised before it is an alarm.
        off_delay_s: for how long each outlasts its condition.
        now_s: time of the look, not before the last one.
        passed_s: when each condition that is raised for the first time passed its threshold, after
            the last look; without it now.
    """
    order = np.argsort(keys, kind="stable")
    keys, raised = keys[order], raised[order]
    on_delay_s, off_delay_s = on_delay_s[order], off_delay_s[order]
    begun_s = np.full(len(keys), now_s) if passed_s is None else np.minimum(passed_s[order], now_s)
    at = np.minimum(np.searchsorted(before.keys, keys), max(len(before.keys) - 1, 0))
    known = before.keys[at] == keys if len(before.keys) else np.zeros(len(keys), np.bool_)
    was_on = np.zeros(len(keys), np.bool_)
    since = np.full(len(keys), np.inf)
    was_on[known] = before.on[at[known]]
    since[known] = before.since_s[at[known]]
    since = np.where(was_on, since, np.where(raised, np.minimum(since, begun_s), np.inf))
    on = was_on | (raised & (now_s - since >= on_delay_s))
    # alarms whose condition is gone stay for their off-delay
    gone = np.ones(len(before.keys), np.bool_)
    gone[at[known]] = False
    gone &= before.on & (now_s - before.held_s < before.off_delay_s)
    keep = on | raised
    joined = Latch(
        np.concatenate((keys[keep], before.keys[gone])),
        np.concatenate((since[keep], before.since_s[gone])),
        np.concatenate((np.full(int(keep.sum()), now_s), before.held_s[gone])),
        np.concatenate((off_delay_s[keep], before.off_delay_s[gone])),
        np.concatenate((on[keep], before.on[gone])),
    )
    if not gone.any():
        return joined
    order = np.argsort(joined.keys)
    return Latch(
        joined.keys[order],
        joined.since_s[order],
        joined.held_s[order],
        joined.off_delay_s[order],
        joined.on[order],
    )
