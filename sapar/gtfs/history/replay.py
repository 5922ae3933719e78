"""The very same engine over stored fixes, in an order that their content alone decides. Pure.

Fixes are put in order of time and vehicle, repeats are left out, and the engine takes them in steps
that begin at whole multiples of `STEP_S`: whatever order, repetition or batches the fixes came in,
the visits are the same.
"""

from __future__ import annotations

import numpy as np

from sapar.gtfs.history.visits import join_visits, merge_visits, with_plain_starts
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.visits import LearntTimes, Visits
from sapar.gtfs.timetable.model import Timetable

STEP_S = 300.0
"""Steps of the engine's clock; it looks for runs more often on the way (`Engine.warm`)."""


class Replay:
    """An engine that is handed the fixes of a day slice by slice.

    Args:
        timetable: what the fleet ran by.
        learnt: travel times to begin with, none for a cold start.
        at_s: Unix time from which they are looked at.
    """

    def __init__(
        self, timetable: Timetable, learnt: LearntTimes | None = None, at_s: float = 0.0
    ) -> None:
        self._engine = Engine(timetable)
        if learnt is not None:
            self._engine.load_learnt(learnt, at_s)
        self._parts: list[Visits] = []
        self.fixes = 0
        """Fixes taken, repeats left out."""

    def take(self, fixes: FixColumns) -> None:
        """Take the next fixes: all of them later than the step of those before."""
        ordered = in_order(fixes)
        self.fixes += len(ordered)
        step = np.floor(ordered.time_s / STEP_S)
        cuts = np.flatnonzero(np.diff(step)) + 1
        begins = np.concatenate(([0], cuts)) if len(ordered) else np.zeros(0, np.int64)
        for low, high in zip(begins, [*cuts.tolist(), len(ordered)], strict=False):
            rows = np.arange(low, high)
            self._engine.warm(ordered.take(rows), (float(step[low]) + 1.0) * STEP_S)
            self._parts.append(self._engine.drain_visits())

    def visits(self) -> Visits:
        """Give what was found so far, merged."""
        found = with_plain_starts(self._engine.timetable, join_visits(self._parts))
        self._parts = [merge_visits(found)]
        return self._parts[0]


def visits_of(timetable: Timetable, fixes: FixColumns) -> Visits:
    """Find the stop visits in fixes, in any order and with any repeats."""
    replay = Replay(timetable)
    replay.take(fixes)
    return replay.visits()


def in_order(fixes: FixColumns) -> FixColumns:
    """Sort fixes by time, vehicle and then content; of one vehicle and time the first stays."""
    if not len(fixes):
        return fixes
    _, vehicle = np.unique(np.array(fixes.vehicle_ids, np.str_), return_inverse=True)
    signs = [
        np.unique(np.array([value or "" for value in values], np.str_), return_inverse=True)[1]
        for values in (fixes.block_ids, fixes.route_ids, fixes.trip_ids)
    ]
    numbers = (fixes.bearing_deg, fixes.speed_mps, fixes.longitude, fixes.latitude)
    order = np.lexsort((*signs, *numbers, vehicle, fixes.time_s))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(fixes.time_s[order]) != 0) | (np.diff(vehicle[order]) != 0)
    return fixes.take(order[first])
