"""Which stops buses really serve: where bus after bus passes far off, nothing is promised.

That is a detour nobody announced, a stop moved, or a wrong coordinate: all the same for the rider.
One bus that comes near again is enough to believe in the stop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats

Longs = NDArray[np.int64]

_SERVED_M = 75.0
_MISSED = 2  # buses in a row


class StopService:
    """How many buses in a row have passed each stop far off.

    Args:
        stops: number of stops of the timetable.
    """

    def __init__(self, stops: int) -> None:
        self._missed = np.zeros(stops, np.int64)

    def observe(self, stop: NDArray[np.integer], off_m: Floats) -> None:
        """Take passes: the stops, and how near the bus came."""
        for number, off in zip(stop.tolist(), off_m.tolist(), strict=True):
            self._missed[number] = 0 if off <= _SERVED_M else self._missed[number] + 1

    def unserved(self, stop: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Tell at which stops buses do not call at present."""
        result: NDArray[np.bool_] = self._missed[stop] >= _MISSED
        return result
