"""What the fixes of a bus say about a span of time: how many, from when to when, silences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a vehicle was: Unix times, rising, and positions in degrees."""

    time_s: Floats
    latitude: Floats
    longitude: Floats

    def silence_at(self, times_s: Floats) -> Floats:
        """Give how long the vehicle was silent around moments; 0 at a fix, inf outside all."""
        after = np.searchsorted(self.time_s, times_s, side="left")
        edges = np.concatenate(([-np.inf], self.time_s, [np.inf]))
        at_fix = edges[after + 1] == times_s
        return np.where(at_fix, 0.0, edges[after + 1] - edges[after])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Fixes within a span, and the silences in it.

    Attributes:
        fixes: how many; `first_s`, `last_s`: the first and the last, NaN when there is none.
        gaps: silences longer than the limit, the span's own ends taken as heard.
        longest_s: the longest silence of all; `longest_from_s`: when it began.
        latitude, longitude: the last place before the longest silence, NaN when none is known.
    """

    fixes: int
    first_s: float
    last_s: float
    gaps: int
    longest_s: float
    longest_from_s: float
    latitude: float
    longitude: float


def empty_trace() -> Trace:
    """Give the trace of a vehicle that was never heard of."""
    return Trace(np.zeros(0), np.zeros(0), np.zeros(0))


def join_traces(parts: Sequence[Trace]) -> Trace:
    """Make one trace of those of several devices in one vehicle."""
    if not parts:
        return empty_trace()
    time_s = np.concatenate([part.time_s for part in parts])
    latitude = np.concatenate([part.latitude for part in parts])
    longitude = np.concatenate([part.longitude for part in parts])
    order = np.lexsort((longitude, latitude, time_s))
    return Trace(time_s[order], latitude[order], longitude[order])


def evidence_between(trace: Trace, since_s: float, until_s: float, gap_s: float) -> Evidence:
    """Look at a span of a trace; silences are cut off at its ends.

    Args:
        trace: the vehicle's fixes.
        since_s: begin of the span, included.
        until_s: its end, included.
        gap_s: the longest silence that is no gap.
    """
    low = int(np.searchsorted(trace.time_s, since_s, side="left"))
    high = int(np.searchsorted(trace.time_s, until_s, side="right"))
    times = trace.time_s[low:high]
    edges = np.concatenate(([since_s], times, [until_s]))
    silent = np.diff(edges)
    worst = int(np.argmax(silent))
    before = low + worst - 1
    known = before >= 0 and len(trace.time_s) > 0
    return Evidence(
        len(times),
        float(times[0]) if len(times) else np.nan,
        float(times[-1]) if len(times) else np.nan,
        int((silent > gap_s).sum()),
        float(max(silent[worst], 0.0)),
        float(edges[worst]),
        float(trace.latitude[before]) if known else np.nan,
        float(trace.longitude[before]) if known else np.nan,
    )
