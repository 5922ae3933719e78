"""Groups of different lengths in one flat array: the shape of nearly all work in the engine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]


def expand(low: NDArray[np.integer], high: NDArray[np.integer]) -> tuple[Longs, Longs, Longs]:
    """Write out ranges low[i] to high[i] (exclusive), one after the other.

    Returns:
        (values, owner, begin): the numbers, the range i that each comes from, and where each
        range begins in `values` (shape of `low`).
    """
    counts = np.maximum(np.asarray(high, np.int64) - np.asarray(low, np.int64), 0)
    ends = np.cumsum(counts)
    begin = ends - counts
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    values = np.arange(len(owner), dtype=np.int64) - begin[owner] + np.asarray(low, np.int64)[owner]
    return values, owner, begin


def argmin_of_groups(cost: NDArray[np.float64], begin: Longs) -> Longs:
    """Give for each group the row of its least cost, the first one of equals.

    Every group must have at least one row; `begin` is where the groups begin, rising.
    """
    if not len(begin):
        return np.zeros(0, np.int64)
    least = np.minimum.reduceat(cost, begin)
    sizes = np.diff(np.append(begin, len(cost)))
    rows = np.flatnonzero(cost == np.repeat(least, sizes))
    first = np.searchsorted(rows, begin, side="left")
    return rows[first]


def number_in_group(groups: NDArray[np.integer]) -> Longs:
    """Give 0, 1, 2 … within each run of equal values of a sorted array."""
    rows = np.arange(len(groups), dtype=np.int64)
    if not len(groups):
        return rows
    new = np.concatenate(([True], groups[1:] != groups[:-1]))
    return rows - np.maximum.accumulate(np.where(new, rows, 0))
