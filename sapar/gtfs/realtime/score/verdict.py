"""The scores of a recording: what the engine said, beside what two simple methods would have said.

The baselines predict the same stops at the same moments as the engine: `schedule` says the
timetable's time, `schedule_plus_delay` adds how late the vehicle is now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.score.buckets import Score, score
from sapar.gtfs.realtime.score.coverage import Coverage, coverage, wanted_pairs
from sapar.gtfs.realtime.score.matching import Asked, match
from sapar.gtfs.realtime.score.passages import find_passages
from sapar.gtfs.realtime.score.samples import Samples
from sapar.gtfs.realtime.score.tracks import Tracks
from sapar.gtfs.timetable.model import Timetable

METHODS = ("sapar", "sapar_median", "schedule", "schedule_plus_delay")
"""What is scored: the published times, their medians, and the baselines."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores by method, see `METHODS`, and the coverage that they share."""

    methods: dict[str, Score]
    coverage: Coverage


def judge(samples: Samples, slot_ids: list[str], tracks: Tracks, timetable: Timetable) -> Verdict:
    """Score predictions against a record.

    Args:
        samples: what was predicted.
        slot_ids: the vehicle in each of the engine's slots.
        tracks: what was recorded, with nothing blanked; at least one fix.
        timetable: what both speak of.
    """
    asked = _asked(samples, slot_ids, tracks, timetable)
    passages = find_passages(tracks, timetable, wanted_pairs(tracks, asked, timetable))
    stops = len(timetable.stops.ids)

    def scored(promised_s: Floats, bounds: tuple[Floats, Floats] | None = None) -> Score:
        some = np.flatnonzero(np.isfinite(promised_s))
        if not len(some):
            return score(promised_s[:0], promised_s[:0], np.zeros(0, np.int8), promised_s[:0])
        part = asked.where(some)
        fate = match(part, promised_s[some], passages, stops)
        held = None if bounds is None else (bounds[0][some], bounds[1][some])
        return score(part.sampled_s, promised_s[some], fate.state, fate.actual_s, held)

    methods = (
        scored(samples.arrival_s, (samples.low_s, samples.high_s)),
        scored(samples.median_s),
        scored(samples.scheduled_s),
        scored(samples.scheduled_s + samples.delay_s),
    )
    return Verdict(
        dict(zip(METHODS, methods, strict=True)), coverage(asked, passages, tracks, timetable)
    )


def _asked(samples: Samples, slot_ids: list[str], tracks: Tracks, timetable: Timetable) -> Asked:
    code = {vehicle_id: number for number, vehicle_id in enumerate(tracks.vehicle_ids)}
    of_slot = np.array([code.get(vehicle_id, -1) for vehicle_id in slot_ids], np.int32)
    vehicle = of_slot[samples.slot]
    fix = tracks.latest(vehicle, samples.sampled_s)
    return Asked(
        samples.sampled_s,
        vehicle,
        timetable.stop_times.stop_idx[samples.row],
        samples.row == timetable.trips.st_begin[samples.trip],
        np.where(fix >= 0, tracks.run_spans()[1][fix], -np.inf),
    )
