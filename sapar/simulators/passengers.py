"""Who gets on and off, and how long that takes: the longer since the last bus, the more. Pure.

This is what makes buses bunch: a late bus finds more people at its stops and gets later, the one
behind it finds fewer and catches up.
"""

from __future__ import annotations

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.traffic import peak

_DOORS_S, _BOARDING_S, _ALIGHTING_S, _DWELL_MAX_S = 4.0, 2.2, 1.2, 90.0
_HEADWAY_S, _HEADWAY_MAX_S = 480.0, 2400.0  # taken where nobody saw the bus before
_ARRIVALS_PER_S = 1.0 / 350.0  # mean over stops, outside the peaks less, in them more
_SEATS = 90


class Passengers:
    """People at stops.

    Args:
        calls: how many (route, stop) pairs there are; seed: same seed, same people.

    Attributes:
        boarded: how many got on each bus of the last exchange.
    """

    def __init__(self, calls: int, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 7])
        self._demand = self._rng.gamma(1.2, _ARRIVALS_PER_S / 1.2, calls)
        self._last_call_s = np.full(calls, np.nan)
        self.boarded = np.zeros(0, np.int32)

    def exchange(
        self, call: Ints, riders: Ints, stops_left: Ints, time_s: float, second_of_day: float
    ) -> tuple[Ints, Floats]:
        """Let people off and on.

        Args:
            call: number of each bus's (route, stop) pair.
            riders: on board before.
            stops_left: stops after this one, 0 at the last.
            time_s: Unix seconds.
            second_of_day: local time, for the peaks.

        Returns:
            Riders on board after, and the dwell in seconds, 0 where nobody wanted to.
        """
        since = time_s - self._last_call_s[call]
        since = np.clip(np.where(np.isnan(since), _HEADWAY_S, since), 0.0, _HEADWAY_MAX_S)
        wish = self._rng.poisson(self._demand[call] * since * (0.4 + 1.2 * peak(second_of_day)))
        leaving = np.minimum(1.0, 2.2 / (stops_left + 1.0))
        off = self._rng.binomial(riders, np.where(stops_left == 0, 1.0, leaving))
        on = np.where(stops_left == 0, 0, np.minimum(wish, _SEATS - riders + off))
        self._last_call_s[call] = time_s
        self.boarded = on.astype(np.int32)
        work_s = np.maximum(_BOARDING_S * on, _ALIGHTING_S * off)
        dwell_s = np.where(work_s > 0, np.minimum(_DOORS_S + work_s, _DWELL_MAX_S), 0.0)
        return (riders - off + on).astype(np.int32), dwell_s
