"""Where buses that run early wait until they are due: learnt from those that did and did not.

Some agencies have their drivers wait at certain stops when they are ahead of the timetable, which
does not say where; others never do. A bus that is much too early either gives that back on one leg
or drives on, with hardly anything between, so what is kept is a share: how many of the buses that
came early waited. Each stop has its own, shrunk towards the agency's. The legs that follow a first
stop are a kind of their own: where a terminal has another place to wait, buses are there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.lattice import Lattice

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

EARLY_S = 150.0
"""Being less early is no reason to wait."""
LIKELY = 0.5
"""A bus is taken to wait where more than this share does."""
_WAITED_SHARE = 0.75  # who gave back so much of what it was early has waited
_WAITS_HERE = 1 / 3  # a bus that waited where more than this share does was not just slow
_PRIOR = (0.0, 0.6)  # the share before any was seen: on the way, after a first stop ...
_PRIOR_WEIGHT = 6.0  # ... and of how many buses' worth it is
_STOP_WEIGHT = 3.0  # what the agency's share is worth at a stop
_FADE, _STOP_FADE = 0.97, 0.9  # what earlier buses count for with each new one


class Holding:
    """Shares of early buses that wait, by stop and by whether their trips begin there.

    Args:
        stops: number of stops of the timetable.
    """

    def __init__(self, stops: int) -> None:
        self._waited, self._count = np.zeros((2, stops)), np.zeros((2, stops))
        self._all_count = np.full(2, _PRIOR_WEIGHT)
        self._all_waited = np.array(_PRIOR) * _PRIOR_WEIGHT

    def observe(self, stop: Longs, first: Bools, early_s: Floats, lost_s: Floats) -> Bools:
        """Learn from buses that went from a stop to the next one.

        Args:
            stop: where they came from.
            first: whether their trips begin there.
            early_s: how early they were there; NaN for a run without times.
            lost_s: how much longer than usual they took to the next stop.

        Returns:
            Which of them waited where others do as well: what they took is no measure of the way.
        """
        waited = (early_s > EARLY_S) & (lost_s > _WAITED_SHARE * early_s)
        for n in np.flatnonzero(early_s > EARLY_S).tolist():
            kind, at = int(first[n]), (int(first[n]), int(stop[n]))
            self._all_waited[kind] = self._all_waited[kind] * _FADE + waited[n]
            self._all_count[kind] = self._all_count[kind] * _FADE + 1.0
            self._waited[at] = self._waited[at] * _STOP_FADE + waited[n]
            self._count[at] = self._count[at] * _STOP_FADE + 1.0
        result: Bools = waited & (self.share(stop, first) > _WAITS_HERE)
        return result

    def share(self, stop: Longs, first: Bools) -> Floats:
        """Give the share of early buses that wait at stops or on the legs that begin there."""
        kind = first.astype(np.int64)
        usual = (self._all_waited / self._all_count)[kind]
        result: Floats = (self._waited[kind, stop] + _STOP_WEIGHT * usual) / (
            self._count[kind, stop] + _STOP_WEIGHT
        )
        return result


def early_at(lattice: Lattice, row: Longs, base_s: Floats, at_s: Floats) -> Floats:
    """Give how early buses are that come to calls at `at_s`; NaN where there is no due time."""
    due_s = base_s + lattice.network.timetable.stop_times.departure_s[row]
    return np.where(is_timed(lattice, row), due_s - at_s, np.nan)


def is_timed(lattice: Lattice, row: Longs) -> Bools:
    """Tell which calls have due times: runs that only keep a headway (exact_times 0) have none."""
    frequencies = lattice.network.timetable.frequencies
    loose = frequencies.trip_idx[~frequencies.exact]
    if not len(loose):
        return np.ones(len(row), np.bool_)
    result: Bools = ~np.isin(lattice.trip_of_row[row], loose)
    return result
