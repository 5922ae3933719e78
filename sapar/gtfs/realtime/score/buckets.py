"""Scores of matched predictions: shares inside the accepted windows, errors, bounds that held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.score.matching import NEVER_CAME, SCORED, STATES

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Window:
    """How early (negative) and how late an arrival may be, by seconds until it.

    A promise of a bus that is `from_s` to `until_s` away counts as accurate when the bus comes
    between `early_s` and `late_s` after the promised time.
    """

    from_s: int
    until_s: int
    early_s: int
    late_s: int

    @property
    def minutes(self) -> str:
        """Name of the window."""
        return f"{self.from_s // 60}-{self.until_s // 60}"

    def holds(self, seconds: Floats) -> Bools:
        """Tell which times until an arrival belong here; the last window holds its end."""
        last = seconds <= self.until_s if self.until_s == UNTIL_S else seconds < self.until_s
        result: Bools = (seconds >= self.from_s) & last
        return result


WINDOWS = (
    Window(0, 180, -30, 90),
    Window(180, 360, -60, 150),
    Window(360, 600, -60, 210),
    Window(600, 900, -90, 270),
)
"""The windows of the ETA Accuracy Benchmark."""
UNTIL_S = WINDOWS[-1].until_s


@dataclass(frozen=True, slots=True)
class Bucket:
    """Score of the predictions of one window.

    Attributes:
        minutes: name of the window.
        scored: predictions whose bus came; never_came: those whose bus did not.
        accurate: arrivals inside the window.
        share: accurate of both; share_without_never_came: of those whose bus came.
        mae_s: mean absolute error; bias_s: mean of actual less promised.
    """

    minutes: str
    scored: int
    never_came: int
    accurate: int
    share: float
    share_without_never_came: float
    mae_s: float
    bias_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """Score of one column of predictions.

    Attributes:
        overall: mean of the buckets' shares, an empty one counting as 0.
        overall_without_never_came: the same of those whose bus came.
        mae_s, median_abs_s, bias_s: of all arrivals at most `UNTIL_S` away.
        scored: how many those are.
        never_came_share: of the predictions of all buckets.
        interval_80_coverage: share of arrivals within their 10 % and 90 % bounds; None without.
        buckets: one a window.
        states: how many predictions met which fate, see `matching.STATES`.
    """

    overall: float
    overall_without_never_came: float
    mae_s: float
    median_abs_s: float
    bias_s: float
    scored: int
    never_came_share: float
    interval_80_coverage: float | None
    buckets: tuple[Bucket, ...]
    states: dict[str, int]


def score(
    sampled_s: Floats,
    promised_s: Floats,
    state: NDArray[np.int8],
    actual_s: Floats,
    bounds: tuple[Floats, Floats] | None = None,
) -> Score:
    """Score predictions, one row each; all times in Unix seconds.

    Args:
        sampled_s: when it was made.
        promised_s: what it said.
        state: what became of it, see `matching.STATES`.
        actual_s: when the bus came, NaN where it is not known.
        bounds: its 10 % and 90 % bounds.
    """
    rows, lost = np.flatnonzero(state == SCORED), np.flatnonzero(state == NEVER_CAME)
    until = np.maximum(actual_s[rows] - sampled_s[rows], 0.0)
    error = actual_s[rows] - promised_s[rows]
    promised = np.maximum(promised_s[lost] - sampled_s[lost], 0.0)
    buckets = tuple(_bucket(window, until, error, promised) for window in WINDOWS)
    near = until <= UNTIL_S
    judged = error[near]
    held: float | None = None
    if bounds is not None:
        low, high, actual = bounds[0][rows][near], bounds[1][rows][near], actual_s[rows][near]
        bounded = np.isfinite(low) & np.isfinite(high)
        held = _mean(((actual >= low) & (actual <= high))[bounded])
    never = sum(bucket.never_came for bucket in buckets)
    counts = np.bincount(state, minlength=len(STATES))
    return Score(
        overall=float(np.mean([bucket.share for bucket in buckets])),
        overall_without_never_came=float(
            np.mean([bucket.share_without_never_came for bucket in buckets])
        ),
        mae_s=_mean(np.abs(judged)),
        median_abs_s=float(np.median(np.abs(judged))) if len(judged) else 0.0,
        bias_s=_mean(judged),
        scored=len(judged),
        never_came_share=never / max(never + sum(bucket.scored for bucket in buckets), 1),
        interval_80_coverage=held,
        buckets=buckets,
        states={name: int(n) for name, n in zip(STATES, counts, strict=True) if n},
    )


def _bucket(window: Window, until_s: Floats, error_s: Floats, lost_s: Floats) -> Bucket:
    """Score one window: arrivals `until_s` away, and promises for in `lost_s` that never came."""
    error = error_s[window.holds(until_s)]
    never = int(window.holds(lost_s).sum())
    accurate = int(((error >= window.early_s) & (error <= window.late_s)).sum())
    return Bucket(
        window.minutes,
        len(error),
        never,
        accurate,
        accurate / max(len(error) + never, 1),
        accurate / max(len(error), 1),
        _mean(np.abs(error)),
        _mean(error),
    )


def _mean(values: Floats | Bools) -> float:
    return float(np.mean(values)) if len(values) else 0.0
