"""When buses leave their first stops: by the timetable, or after a turn-round; learnt as they go.

A bus with time to spare leaves some seconds after the due minute; how many is learnt for the agency
as a running median. At some terminals buses do not wait at the stop that the timetable names: they
pass it and wait elsewhere. The share of such departures is learnt for each first stop. Buses that
wait on the way because they are early are the matter of `holding`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.holding import Holding

Longs = NDArray[np.int64]

SHORT_BREAK_S = 210.0
"""A break planned no longer than this is hardly a layover."""
_OFFSET_S = 22.0  # median after the due time, to begin with
_OFFSET_STEP_S = 3.0
_OFFSET_MOST_S = 150.0
_OVERDUE_LEAST_S, _OVERDUE_SHARE, _OVERDUE_MOST_S = 10.0, 0.1, 60.0
_TURN_S, _TURN_PER_M = 40.0, 0.42  # turn-round of a late bus: least, and for the way between stops
_SHORT_S, _SHORT_SHARE = 35.0, 1.15
_SLACK_S = 60.0  # with more time than this before it is due, a bus can wait
_EARLY_S = 90.0  # leaving so long before it is due is no waiting
_EARLY_SHARE, _EARLY_WEIGHT = 0.15, 2.0
_PASSES_SHARE = 0.5
_READY_WEIGHT = 1.5  # of how many buses' worth the rules above are
_READY_FADE = 0.9  # what earlier turn-rounds count for with each new one
_READY_MOST = 2.0


class Departures:
    """What is known of leaving first stops.

    Args:
        stops: number of stops of the timetable.
    """

    def __init__(self, stops: int) -> None:
        self.offset_s = _OFFSET_S
        self.holding = Holding(stops)
        self._early = np.full(stops, _EARLY_SHARE * _EARLY_WEIGHT)
        self._count = np.full(stops, _EARLY_WEIGHT)
        # by kind of break: short, long
        self._turn_sum, self._turn_weight = np.zeros((2, stops)), np.zeros((2, stops))

    def observe(self, stop: Longs, due_s: Floats, arrived_s: Floats, left_s: Floats) -> None:
        """Learn from buses that came to the first stop of a trip and left it."""
        spare = due_s - arrived_s > _SLACK_S
        for number in np.flatnonzero(spare & np.isfinite(left_s)).tolist():
            late_s = float(left_s[number] - due_s[number])
            early = late_s < -_EARLY_S
            self._early[stop[number]] += early
            self._count[stop[number]] += 1.0
            step = np.sign(late_s - self.offset_s) * _OFFSET_STEP_S
            self.offset_s = float(np.clip(self.offset_s + step, 0.0, _OFFSET_MOST_S))

    def passes(self, stop: Longs) -> NDArray[np.bool_]:
        """Tell at which first stops buses do not wait until they are due."""
        result: NDArray[np.bool_] = self._early[stop] / self._count[stop] > _PASSES_SHARE
        return result

    def observe_turns(
        self,
        stop: Longs,
        due_s: Floats,
        ended_s: Floats,
        left_s: Floats,
        break_s: Floats,
        way_m: Floats,
    ) -> None:
        """Learn from buses that came late from the run before and so left when they could."""
        rule = self._rule(break_s, way_m)
        took = np.minimum(left_s - ended_s, _READY_MOST * rule + 60.0)
        kind = (break_s > SHORT_BREAK_S).astype(np.int64)
        late = (due_s - ended_s < rule) & (took > 0)
        for n in np.flatnonzero(late & np.isfinite(took)).tolist():
            at = (kind[n], stop[n])
            self._turn_sum[at] = self._turn_sum[at] * _READY_FADE + took[n] / rule[n]
            self._turn_weight[at] = self._turn_weight[at] * _READY_FADE + 1.0

    def ready(self, stop: Longs, ended_s: Floats, break_s: Floats, way_m: Floats) -> Floats:
        """Give when buses could leave after a run that ended at `ended_s`.

        Args:
            stop: where they leave from.
            ended_s: arrival at the last stop of the run before.
            break_s: what the timetable plans between the two.
            way_m: between the last stop and the next first one.
        """
        kind = (break_s > SHORT_BREAK_S).astype(np.int64)
        share = (_READY_WEIGHT + self._turn_sum[kind, stop]) / (
            _READY_WEIGHT + self._turn_weight[kind, stop]
        )
        return ended_s + self._rule(break_s, way_m) * share

    @staticmethod
    def _rule(break_s: Floats, way_m: Floats) -> Floats:
        short = _SHORT_S + _SHORT_SHARE * break_s
        turn = _TURN_S + _TURN_PER_M * way_m
        return np.where(break_s <= SHORT_BREAK_S, short, np.minimum(turn, short))

    def leaving(self, stop: Longs, due_s: Floats, ready_s: Floats) -> Floats:
        """Give when buses leave that are due at `due_s` and ready at `ready_s`."""
        planned = np.where(self.passes(stop), -np.inf, due_s + self.offset_s)
        return np.maximum(planned, ready_s)

    def still(self, leave_s: Floats, now_s: float) -> Floats:
        """Put off departures that should have been by now: the later, the longer it may take."""
        overdue = np.maximum(now_s - leave_s, 0.0)
        wait = _OVERDUE_LEAST_S + np.minimum(_OVERDUE_SHARE * overdue, _OVERDUE_MOST_S)
        return np.where(leave_s > now_s + _OVERDUE_LEAST_S, leave_s, now_s + wait)
