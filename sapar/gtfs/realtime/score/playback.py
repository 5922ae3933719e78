"""An engine over a recording, in simulated time: fixes go in as they became known, no sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.samples import Samples, join, sample

SAMPLE_S = 60.0
"""Predictions are sampled so often."""
_SILENCE_S = 3600.0  # after this long without a fix nobody is in any feed: time may jump


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the clock.

    Attributes:
        now_s: its end, Unix seconds.
        low, high: fixes low to high (exclusive) became known in it.
        is_sample: whether predictions are sampled at its end.
    """

    now_s: float
    low: int
    high: int
    is_sample: bool


def steps(time_s: Floats, step_s: float, sample_s: float = SAMPLE_S) -> Iterator[Step]:
    """Cut a recording into steps of `step_s`; samples lie on multiples of `sample_s`.

    Both count from the first fix. The last step ends with the last fix or soon after it. Where
    nothing was recorded for `_SILENCE_S` the clock jumps to the next fix.

    `time_s` are the times of the fixes, rising.
    """
    start_s = float(time_s[0])
    total_s = float(time_s[-1]) - start_s
    ticks = np.arange(0.0, total_s + step_s, step_s)
    samples = np.arange(0.0, total_s + 1e-9, sample_s)
    ends = np.union1d(ticks, samples)
    high = np.searchsorted(time_s, start_s + ends, side="right")
    low = np.append(0, high[:-1])
    quiet_s = start_s + ends - time_s[np.maximum(high - 1, 0)]
    awake = quiet_s <= _SILENCE_S
    is_sample = np.isin(ends, samples)
    for number in np.flatnonzero(awake).tolist():
        yield Step(
            float(start_s + ends[number]),
            int(low[number]),
            int(high[number]),
            bool(is_sample[number]),
        )


@dataclass(frozen=True)
class Played:
    """What came of a recording.

    Attributes:
        samples: the predictions; None where there was never one.
        matched: how many fixes were of a vehicle that had a run at the end of their step.
        found_s: seconds from each vehicle's first fix to its first run, infinity for never.
        slot_ids: the vehicle in each of the engine's slots.
    """

    samples: Samples | None
    matched: int
    found_s: Floats
    slot_ids: list[str]


class Playback:
    """Plays fixes through an engine and keeps what scores need.

    Args:
        engine: takes the fixes.
        step_s: seconds between two looks at the fleet.
    """

    def __init__(self, engine: Engine, step_s: float) -> None:
        self._engine = engine
        self._step_s = step_s
        self._first_s: Floats = np.zeros(0)
        self._run_s: Floats = np.zeros(0)
        self._matched = 0
        self._samples: list[Samples] = []

    def play(
        self,
        fixes: FixColumns,
        look: Callable[[float], None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Played:
        """Play fixes, sorted by time, at least one.

        Args:
            fixes: the recording.
            look: makes the picture at a sample, in place of `Engine.look`: a tick, say.
            progress: told the share that is done, at each sample.
        """
        for step in steps(fixes.time_s, self._step_s):
            taken = fixes.take(np.arange(step.low, step.high))
            if len(taken):
                self._engine.ingest(taken, step.now_s)
            if step.is_sample and look is not None:
                look(step.now_s)
            else:
                self._engine.look(step.now_s)
            self._count(taken, step.now_s)
            if step.is_sample:
                self._sample(step.now_s)
                if progress is not None:
                    progress(step.high / len(fixes))
        return Played(
            join(self._samples) if self._samples else None,
            self._matched,
            self._run_s - self._first_s,
            list(self._engine.fleet.ids),
        )

    def _count(self, taken: FixColumns, now_s: float) -> None:
        """Note which vehicles have a run, and since when."""
        seen = self._engine.snapshot
        assert seen is not None
        new = len(self._engine.fleet.ids) - len(self._first_s)
        if new:
            never = np.full(new, np.inf)
            self._first_s = np.append(self._first_s, never)
            self._run_s = np.append(self._run_s, never)
        index = self._engine.fleet.index
        slots = np.array([index[vehicle_id] for vehicle_id in taken.vehicle_ids], np.int64)
        np.minimum.at(self._first_s, slots, taken.time_s)
        has_run = np.zeros(len(self._first_s), np.bool_)
        has_run[seen.slots[seen.trip != NO]] = True
        self._matched += int(has_run[slots].sum())
        self._run_s[has_run] = np.minimum(self._run_s[has_run], now_s)

    def _sample(self, now_s: float) -> None:
        seen = self._engine.snapshot
        assert seen is not None
        self._engine.drain_visits()  # whoever plays a recording has no use for them
        taken = sample(seen, now_s, self._engine.timetable)
        if len(taken):
            self._samples.append(taken)


def learn(engine: Engine, fixes: FixColumns, step_s: float) -> None:
    """Play fixes, sorted by time, so that the engine learns how long buses take."""
    for step in steps(fixes.time_s, step_s):
        if step.high > step.low:
            engine.ingest(fixes.take(np.arange(step.low, step.high)), step.now_s)
        engine.look(step.now_s)
        engine.drain_visits()
