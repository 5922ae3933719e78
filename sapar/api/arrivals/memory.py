"""What an instance has seen lately: calls that were made, and buses that were lost on the way.

A tick says what is to come. That a bus has passed follows from two ticks: the earlier one promised
the call, the later one has the same run beyond it. An instance that has just started remembers
nothing and says less; it never says something else.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.api.arrivals.decode import NO_ROW, SCHEDULED, Live, RunKey

KEPT_S = 1800.0
_NEAR_END_S = 90.0  # a run that leaves the feed this shortly before its last call has made it
_FORGET_EVERY = 64  # ticks between two clearings


@dataclass(frozen=True, slots=True)
class Passed:
    """A call that was made: at which stop, about when (Unix seconds), in which run, by whom."""

    stop: int
    time_s: float
    key: RunKey
    row: int
    vehicle_id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A run whose bus is no longer predicted: who it was and when it was heard of last."""

    vehicle_id: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """What happened between two ticks."""

    passed: list[Passed]
    lost: dict[RunKey, Lost]


def compare(before: Live, live: Live, stop_of_row: NDArray[np.int32]) -> Change:
    """Say what happened between two ticks of one timetable. Pure; `stop_of_row` is its column."""
    lost: dict[RunKey, Lost] = {}
    reached = np.full(len(before.runs), -1, np.int64)
    for number, run in enumerate(before.runs):
        now = live.by_key.get(run.key, -1)
        last_s = int(before.last_s[number])
        if now >= 0 and not live.runs[now].cancelled:
            reached[number] = live.first_row[now] if live.last_s[now] else -1
        elif now < 0 and last_s and not run.added:
            if last_s - live.header_s <= _NEAR_END_S:
                reached[number] = NO_ROW
            else:
                lost[run.key] = Lost(run.vehicle_id, float(run.time_s))
    calls = before.calls
    made = (calls.relation == SCHEDULED) & (calls.row < reached[calls.run])
    made &= calls.row >= before.first_row[calls.run]
    passed = []
    for at in np.flatnonzero(made).tolist():
        row, run = int(calls.row[at]), before.runs[int(calls.run[at])]
        promised_s = int(calls.departure_s[at]) or int(calls.arrival_s[at])
        time_s = float(min(max(promised_s, before.header_s), live.header_s))
        passed.append(Passed(int(stop_of_row[row]), time_s, run.key, row, run.vehicle_id))
    return Change(passed, lost)


class Memory:
    """Of one agency, and one version of its timetable."""

    def __init__(self) -> None:
        self._passed: dict[int, deque[Passed]] = {}
        self._lost: dict[RunKey, Lost] = {}
        self._steps = 0

    def passed_at(self, stop: int, since_s: float) -> list[Passed]:
        """List the calls made at a stop since a moment, earliest first."""
        return [p for p in self._passed.get(stop, ()) if p.time_s >= since_s]

    def find_lost(self, key: RunKey) -> Lost | None:
        """Give the bus that was on a run and is no longer predicted."""
        return self._lost.get(key)

    def take(self, change: Change, live: Live) -> None:
        """Remember what happened up to a tick."""
        for key in [key for key in self._lost if key in live.by_key]:
            del self._lost[key]
        self._lost.update(change.lost)
        for passed in change.passed:
            self._passed.setdefault(passed.stop, deque()).append(passed)
        self._steps += 1
        if self._steps % _FORGET_EVERY == 0:
            self._forget(live.header_s - KEPT_S)

    def _forget(self, before_s: float) -> None:
        for stop, kept in list(self._passed.items()):
            while kept and kept[0].time_s < before_s:
                kept.popleft()
            if not kept:
                del self._passed[stop]
        self._lost = {key: lost for key, lost in self._lost.items() if lost.since_s >= before_s}
