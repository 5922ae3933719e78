"""Hold and turn-back advice, and what they are worth in riders' waiting time. Pure.

Riders who come at random wait, on average over headways h1, h2, …, sum(h^2) / (2 sum(h)): the same
formula as that of the excess waiting time (`passages.excess_wait_s`). What an act is worth is the
difference that it makes to that mean, over the headways that it touches.
"""

from __future__ import annotations

import numpy as np

from sapar.core.geometry import Floats

HOLD_LEAST_S = 30.0
"""A shorter hold is within what drivers do anyway."""
HOLD_MOST_S = 120.0
"""Nobody on board is asked to wait longer."""
_UNEVEN = 0.75  # a bus is held only when it is nearer to the one ahead than so much of the plan


def hold_s(ahead_s: Floats, behind_s: Floats, plan_s: Floats) -> Floats:
    """Give for how long to hold buses, 0 for not at all.

    Half of what the headway behind is longer than the one ahead makes the two equal, which is the
    least mean wait; a hold no longer than up to the planned headway (Fu and Yang 2002, "Design and
    implementation of bus-holding control strategies with real-time information").

    Args:
        ahead_s: headway of each bus, NaN for none.
        behind_s: that of the bus behind it.
        plan_s: the planned headway.
    """
    wanted = np.minimum((behind_s - ahead_s) / 2.0, plan_s - ahead_s)
    wanted = np.minimum(np.floor(wanted / 10.0) * 10.0, HOLD_MOST_S)
    use = (ahead_s < _UNEVEN * plan_s) & (wanted >= HOLD_LEAST_S)
    return np.where(use, wanted, 0.0)


def hold_gain_s(ahead_s: Floats, behind_s: Floats, held_s: Floats) -> Floats:
    """Give the waiting time saved for the mean rider of the two headways by a hold.

    (a^2 + b^2 - (a + x)^2 - (b - x)^2) / (2 (a + b)) = x (b - a - x) / (a + b).
    """
    return held_s * (behind_s - ahead_s - held_s) / (ahead_s + behind_s)


def turn_gain_s(
    gap_s: Floats, first_s: Floats, left_ahead_s: Floats, left_behind_s: Floats
) -> Floats:
    """Give the waiting time saved for the mean rider by a bus that turns back into a gap.

    Args:
        gap_s: the gap that it comes into.
        first_s: its headway there after the bus ahead.
        left_ahead_s: its headway in the direction that it leaves ...
        left_behind_s: ... and that of the bus behind it there: the two become one.

    Riders of both directions count by the time over which they come: the gap, and the two
    headways.
    """
    saved = gap_s**2 - first_s**2 - (gap_s - first_s) ** 2
    lost = 2.0 * left_ahead_s * left_behind_s
    return (saved - lost) / (2.0 * (gap_s + left_ahead_s + left_behind_s))
