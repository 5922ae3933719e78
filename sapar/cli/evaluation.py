"""What `sapar evaluate` does: read, learn, play, score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sapar.cli.feed_errors import FeedErrors
from sapar.cli.predictions_file import write_predictions
from sapar.cli.recordings import blanked, read_fixes
from sapar.core.clock import SystemClock
from sapar.core.errors import BadInput
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.buckets import Score
from sapar.gtfs.realtime.score.playback import Playback, Played, learn
from sapar.gtfs.realtime.score.tracks import build_tracks
from sapar.gtfs.realtime.score.verdict import Verdict, judge
from sapar.gtfs.timetable import Timetable, load_timetable

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done."""
_AGENCY = "evaluated"


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What to evaluate.

    Attributes:
        gtfs, positions: timetable and recording; history: earlier recordings to learn from.
        blank: columns that the engine is not shown.
        predictions: where to write them, None for nowhere.
        validate: whether the feeds are validated.
        step_s: seconds of the recording between two ticks.
        minutes: only so much of the recording, None for all.
    """

    gtfs: Path
    positions: Path
    history: tuple[Path, ...] = ()
    blank: tuple[str, ...] = ()
    predictions: Path | None = None
    validate: bool = True
    step_s: float = 5.0
    minutes: float | None = None


def run_evaluation(options: EvaluateOptions, progress: Progress) -> dict[str, Any]:
    """Evaluate; give the report that `sapar evaluate --json` prints.

    Raises:
        BadInput: a file or an option is not as it should be, or nothing was predicted.
    """
    progress("reading", 0.0)
    timetable = load_timetable(options.gtfs, _AGENCY)
    fixes = read_fixes(options.positions)
    if options.minutes is not None:
        last_s = fixes.time_s[0] + 60.0 * options.minutes
        fixes = fixes.take(np.flatnonzero(fixes.time_s <= last_s))
    shown = blanked(fixes, options.blank)
    engine = _taught(timetable, options, float(fixes.time_s[0]), progress)
    stage = _Stage(engine, FeedErrors(options.gtfs) if options.validate else None)
    played = stage.play(shown, options.step_s, progress)
    progress("scoring", 0.0)
    if played.samples is None:
        raise BadInput(
            "the engine predicted nothing: no vehicle was found on a trip",
            code="nothing_predicted",
            hint="do the positions belong to the timetable, and to days on which it runs?",
        )
    if options.predictions is not None:
        write_predictions(options.predictions, played.samples, played.slot_ids, timetable)
    verdict = judge(played.samples, played.slot_ids, build_tracks(fixes, timetable), timetable)
    return _report(played, verdict, len(fixes), stage)


def _taught(
    timetable: Timetable, options: EvaluateOptions, begin_s: float, progress: Progress
) -> Engine:
    """Give an engine that knows no vehicle, and the travel times of the history."""
    engine = Engine(timetable)
    if not options.history:
        return engine
    teacher = Engine(timetable)
    parts = sorted((read_fixes(path) for path in options.history), key=lambda f: f.time_s[0])
    for number, fixes in enumerate(parts):
        progress("learning", number / len(parts))
        if fixes.time_s[-1] >= begin_s:
            raise BadInput(
                "a history reaches into the recording that is to be scored",
                code="history_not_before",
                hint="give recordings that end before it begins",
            )
        learn(teacher, blanked(fixes, options.blank), options.step_s)
    engine.load_learnt(teacher.learnt(), begin_s)
    return engine


class _Stage:
    """An engine whose ticks are validated; the validator's time is not the engine's."""

    def __init__(self, engine: Engine, errors: FeedErrors | None) -> None:
        self._engine = engine
        self._errors = errors
        self._clock = SystemClock()
        self._numbers = count(1)
        self._aside_s = 0.0
        self.took_s = 0.0
        """Seconds that the engine was busy."""

    def play(self, fixes: FixColumns, step_s: float, progress: Progress) -> Played:
        """Play a recording, with a tick at each sample where feeds are validated."""
        started_s = self._clock.monotonic()
        played = Playback(self._engine, step_s).play(
            fixes, self._tick if self._errors else None, lambda share: progress("playing", share)
        )
        self.took_s = self._clock.monotonic() - started_s - self._aside_s
        return played

    def validator_errors(self) -> dict[str, int] | None:
        """Give the findings of severity error by rule; None where nothing was validated."""
        return None if self._errors is None else dict(sorted(self._errors.finish().items()))

    def _tick(self, now_s: float) -> None:
        assert self._errors is not None
        tick = self._engine.tick(now_s, now_s, 1, next(self._numbers))
        started_s = self._clock.monotonic()
        self._errors.add(tick)
        self._aside_s += self._clock.monotonic() - started_s


def _report(played: Played, verdict: Verdict, positions: int, stage: _Stage) -> dict[str, Any]:
    found = np.sort(played.found_s)
    median_s = float(
        found[(len(found) - 1) // 2]
    )  # a vehicle never found counts as infinitely late
    errors = stage.validator_errors()
    main = verdict.methods["sapar"]
    coverage = asdict(verdict.coverage)
    return {
        "vehicles": len(found),
        "positions": positions,
        "positions_per_s": round(positions / max(stage.took_s, 1e-9), 1),
        "matched_share": round(played.matched / positions, 4),
        "assignment_s_p50": median_s if np.isfinite(median_s) else None,
        "eta": {name: _score(score, coverage) for name, score in verdict.methods.items()},
        "never_came_share": round(main.never_came_share, 4),
        "coverage": round(verdict.coverage.coverage, 4),
        "interval_80_coverage": _rounded(main.interval_80_coverage),
        "validator_errors": None if errors is None else sum(errors.values()),
        "validator_errors_by_rule": errors,
    }


def _score(score: Score, coverage: dict[str, Any]) -> dict[str, Any]:
    values = asdict(score)
    if values["interval_80_coverage"] is None:
        del values["interval_80_coverage"]
    return {name: _rounded(value) for name, value in (values | coverage).items()}


def _rounded(value: Any) -> Any:
    """Round numbers to four digits, in whatever holds them."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
