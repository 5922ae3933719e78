"""How far off predictions are: bounds that hold four arrivals in five, kept true as buses arrive.

Bounds start from what real recordings showed and are then calibrated: a sample of predictions is
remembered, and each that comes true moves the bounds of its class a little, so that one arrival in
ten falls below the lower bound and one in ten above the upper one (quantile tracking by stochastic
steps, as in adaptive conformal prediction; Gibbs and Candès 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

EDGES_S = np.array([180.0, 360.0, 600.0])
"""Classes of time to go, as in the ETA Accuracy Benchmark."""
SAMPLE_S = 60.0
"""Predictions are remembered so often, ..."""
SAMPLE_MAX = 2_000
"""... so many at a time at most, ..."""
_REMEMBERED_S = 2_700.0  # ... and for so long
_AHEAD_MAX_S = 1_200.0
_TAIL = 0.10
_STEP = 0.01
_LEAST, _MOST = 0.3, 4.0
# seconds, and share of the time to go: below and above the median, for running and waiting buses
_BELOW = np.array([[16.0, 0.14], [50.0, 0.17]])
_ABOVE = np.array([[24.0, 0.20], [70.0, 0.20]])
_ROWS = 1 << 40


class Uncertainty:
    """Bounds of the 10 % and the 90 % quantile by class of bus and time to go."""

    def __init__(self) -> None:
        self.below = np.ones((2, len(EDGES_S) + 1))
        self.above = np.ones((2, len(EDGES_S) + 1))
        self._noted_s = -np.inf
        self._key = np.zeros(0, np.int64)
        self._made_s, self._median_s = np.zeros(0), np.zeros(0)
        self._low_s, self._high_s = np.zeros(0), np.zeros(0)
        self._kind = np.zeros(0, np.int8)

    def bounds(
        self, median_s: Floats, kind: NDArray[np.int8], now_s: float
    ) -> tuple[Floats, Floats]:
        """Give (low, high) for medians."""
        ahead = np.maximum(median_s - now_s, 0.0)
        band = np.searchsorted(EDGES_S, ahead, side="right")
        below = (_BELOW[kind, 0] + _BELOW[kind, 1] * ahead) * self.below[kind, band]
        above = (_ABOVE[kind, 0] + _ABOVE[kind, 1] * ahead) * self.above[kind, band]
        low = np.maximum(median_s - below, np.minimum(now_s, median_s))
        return low, median_s + above

    def note(
        self, slot: Longs, row: Longs, median_s: Floats, kind: NDArray[np.int8], now_s: float
    ) -> None:
        """Remember a sample of the predictions of a moment, once in `SAMPLE_S`."""
        if abs(now_s - self._noted_s) < SAMPLE_S:
            return
        self._noted_s = now_s
        near = np.flatnonzero((median_s > now_s) & (median_s <= now_s + _AHEAD_MAX_S))
        near = near[:: max(1, -(-len(near) // SAMPLE_MAX))]
        low, high = self.bounds(median_s[near], kind[near], now_s)
        keep = self._made_s > now_s - _REMEMBERED_S
        key = np.concatenate((self._key[keep], slot[near] * _ROWS + row[near]))
        order = np.argsort(key, kind="stable")
        self._key = key[order]
        for name, new in (
            ("_made_s", np.full(len(near), now_s)),
            ("_median_s", median_s[near]),
            ("_low_s", low),
            ("_high_s", high),
            ("_kind", kind[near]),
        ):
            setattr(self, name, np.concatenate((getattr(self, name)[keep], new))[order])

    def learn(self, slot: Longs, row: Longs, arrival_s: Floats) -> None:
        """Hold remembered predictions against arrivals."""
        key = slot * _ROWS + row
        low = np.searchsorted(self._key, key, side="left")
        high = np.searchsorted(self._key, key, side="right")
        for n in np.flatnonzero(high > low).tolist():
            for at in range(int(low[n]), int(high[n])):
                ahead_s = self._median_s[at] - self._made_s[at]
                if arrival_s[n] <= self._made_s[at]:
                    continue
                band = int(np.searchsorted(EDGES_S, ahead_s, side="right"))
                kind = int(self._kind[at])
                _track(self.below, (kind, band), arrival_s[n] < self._low_s[at])
                _track(self.above, (kind, band), arrival_s[n] > self._high_s[at])


def _track(factors: Floats, at: tuple[int, int], outside: bool) -> None:
    """Widen after a miss, narrow after a hit, so that misses come at the rate `_TAIL`."""
    step = _STEP * ((1.0 if outside else 0.0) - _TAIL)
    factors[at] = min(max(factors[at] * float(np.exp(step)), _LEAST), _MOST)
