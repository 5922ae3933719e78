"""Errors in feeds, counted by the package gtfs-rt-validator over ticks as they are made."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import lru_cache
from pathlib import Path

from gtfs_rt_validator.api import Inputs, Mode, Request, prepare_feed, validate
from gtfs_rt_validator.geometry import buffer
from gtfs_rt_validator.results import FAILING_SEVERITY
from gtfs_rt_validator.rules.registry import severity_for
from gtfs_rt_validator.runner import MessageResult
from gtfs_rt_validator.runner.sources import Source

from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES, VEHICLE_POSITIONS, Tick

_ROLES = {TRIP_UPDATES: "tu", VEHICLE_POSITIONS: "vp", ALERTS: "sa"}
_BATCH = 10  # ticks in a batch: a compromise of memory and of what each run costs anew

_curve_of = lru_cache(maxsize=4096)(buffer._buffer_curve)  # noqa: SLF001


def _remembered_curve(shape: list[tuple[float, float]], distance: float) -> object:
    return _curve_of(tuple(shape), distance)


class FeedErrors:
    """Takes ticks in order and counts the findings of severity error, by rule.

    Rules that compare a feed with the one before see every pair of ticks: a batch begins with the
    last tick of the batch before, whose own findings are not counted again.

    Args:
        gtfs: the timetable that the feeds speak of.
    """

    def __init__(self, gtfs: Path) -> None:
        # rule E029 draws the band around a trip's shape anew for every position, 0.2 s each; the
        # band depends on the shape alone, so it is kept
        buffer._buffer_curve = _remembered_curve  # noqa: SLF001
        self._feed = prepare_feed(gtfs, mode=Mode.MODERN)
        self._waiting: list[Tick] = []
        self._counted_until_s = -1.0
        self.errors: Counter[str] = Counter()
        """Findings so far, those of `finish` included once it was called."""

    def add(self, tick: Tick) -> None:
        """Take the next tick."""
        self._waiting.append(tick)
        if len(self._waiting) > _BATCH:
            self._run()

    def finish(self) -> Counter[str]:
        """Judge what still waits; give the findings of all ticks."""
        if self._waiting and self._waiting[-1].time_s > self._counted_until_s:
            self._run()
        return self.errors

    def _run(self) -> None:
        ticks = self._waiting
        fresh = {
            f"{tick.tick}.{name}"
            for tick in ticks
            if tick.time_s > self._counted_until_s
            for name in _ROLES
        }

        def count(message: MessageResult) -> None:
            if message.source.name not in fresh:
                return
            for rule_id, occurrences in message.notices.grouped().items():
                if severity_for(rule_id) == FAILING_SEVERITY:
                    self.errors[rule_id] += len(occurrences)

        cycles = tuple(
            tuple(
                Source(f"{tick.tick}.{name}", role, None, tick.bodies[name].plain)
                for name, role in _ROLES.items()
            )
            for tick in ticks
        )
        at = dt.datetime.fromtimestamp(ticks[-1].time_s, dt.UTC)
        inputs = Inputs(cycles, directory_replay=False)
        result = validate(Request(Mode.MODERN, self._feed, inputs, at=at), sink=count)
        failures = sum(len(found) for found in result.run.system_errors.grouped().values())
        if failures or result.run.files_skipped:
            self.errors["not_validated"] += failures + result.run.files_skipped
        self._counted_until_s = ticks[-1].time_s
        self._waiting = ticks[-1:]
