"""`sapar bench history`: what a stored history of travel times is worth for predictions.

Buses of a synthetic city drive for some weeks. From the stop visits of all days but the last,
travel times are learnt as `sapar history learn` does. The fixes of the last day go through two
engines, one that knows them and one that begins cold; both learn from the day itself as it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from sapar.cli.bench.month import DrivenDay, Streets
from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.core.settings import Settings
from sapar.gtfs.history.learning import Learner
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.score.buckets import Score
from sapar.gtfs.realtime.score.playback import Playback
from sapar.gtfs.realtime.score.tracks import build_tracks
from sapar.gtfs.realtime.score.verdict import Verdict, judge
from sapar.gtfs.realtime.visits import LearntTimes
from sapar.gtfs.timetable import Timetable, load_timetable
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city

Say = Callable[[str], None]

LAST_DAY = date(2026, 3, 18)
"""A Wednesday without a holiday near it."""
FIX_S = 20.0
"""Seconds between two fixes of a bus."""
_STEP_S = 20.0
_NOISE_M = 6.0
_WAITS_S = 240.0  # a bus is seen at its first stop so long before it leaves
_METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """What to simulate.

    Attributes:
        days: days of history and the one that is scored, at least 2.
        city: size of the city; buses: about so many, all of some lines.
        hours: only so many hours of the last day from 06:00, for a short look.
        seed: same seed, same month.
    """

    days: int = 28
    city: CitySize = CitySize.AKTOBE
    buses: int = 60
    hours: float | None = None
    seed: int = 1


def bench_history(options: HistoryOptions, say: Say) -> dict[str, Any]:
    """Simulate, learn, and score the last day.

    Raises:
        BadInput: the options leave nothing to learn from or to score.
    """
    if options.days < 2:
        raise BadInput("a history needs a day before the last one", code="too_few_days")
    say(f"building a city of {options.city.value}'s size")
    timetable = _city(options.city)
    streets = Streets(timetable, options.buses, LAST_DAY, options.seed)
    learner = Learner(timetable.timezone, Settings().learn_half_life_days)
    observations = 0
    for ago in range(options.days - 1, 0, -1):
        driven = streets.drive(LAST_DAY - timedelta(days=ago))
        observations += learner.learn(driven.visits(timetable))
    learnt = learner.result()
    say(f"{observations:,} ways driven on {options.days - 1} days: {len(learnt):,} travel times")
    last = fixes_of(timetable, streets.drive(LAST_DAY), options.seed)
    fixes = _first_hours(last, options.hours)
    cold = _scored(timetable, fixes, None, say)
    taught = _scored(timetable, fixes, learnt, say)
    return {
        "city": options.city.value,
        "days": options.days,
        "buses": len(set(fixes.vehicle_ids)),
        "lines": len(streets.lines),
        "observations": observations,
        "travel_times": len(learnt),
        "positions": len(fixes),
        "predictions": taught.methods["sapar"].scored,
        **_compared(cold, taught),
    }


def _compared(cold: Verdict, taught: Verdict) -> dict[str, Any]:
    """Give both engines and the baseline side by side, and the gain."""
    columns = {
        "schedule_plus_delay": _figures(taught, "schedule_plus_delay", "schedule_plus_delay"),
        "cold": _figures(cold, "sapar", "sapar_median"),
        "with_history": _figures(taught, "sapar", "sapar_median"),
    }
    before, after = columns["cold"], columns["with_history"]
    by_bucket = {
        minutes: round(100.0 * (after["buckets"][minutes] - share), 2)
        for minutes, share in before["buckets"].items()
    }
    return columns | {
        "gain_points": round(100.0 * (after["overall"] - before["overall"]), 2),
        "gain_points_by_bucket": by_bucket,
        "gain_mae_s": round(before["median_mae_s"] - after["median_mae_s"], 2),
    }


def _figures(verdict: Verdict, published: str, median: str) -> dict[str, Any]:
    score: Score = verdict.methods[published]
    held = score.interval_80_coverage
    return {
        "overall": round(score.overall, 4),
        "buckets": {bucket.minutes: round(bucket.share, 4) for bucket in score.buckets},
        "mae_s": round(score.mae_s, 2),
        "median_mae_s": round(verdict.methods[median].mae_s, 2),
        "bias_s": round(verdict.methods[median].bias_s, 2),
        "coverage": round(verdict.coverage.coverage, 4),
    } | ({} if held is None else {"interval_80_coverage": round(held, 4)})


def _city(size: CitySize) -> Timetable:
    built = build_city(size, 1)
    feed = write_city(
        built,
        agency_id=size.value,
        service_dates=default_service_dates(LAST_DAY),
        timezone=built.profile.timezone,
    )
    return load_timetable(feed, size.value)


def _scored(
    timetable: Timetable, fixes: FixColumns, learnt: LearntTimes | None, say: Say
) -> Verdict:
    """Play a day through an engine of its own."""
    say(f"{len(fixes):,} positions, {'cold' if learnt is None else 'with history'}")
    engine = Engine(timetable)
    if learnt is not None:
        engine.load_learnt(learnt, float(fixes.time_s[0]))
    played = Playback(engine, _STEP_S).play(fixes)
    if played.samples is None:
        raise BadInput("nothing was predicted on the last day", code="nothing_predicted")
    return judge(played.samples, played.slot_ids, build_tracks(fixes, timetable), timetable)


def _first_hours(fixes: FixColumns, hours: float | None) -> FixColumns:
    if hours is None:
        return fixes
    midnight_s = fixes.time_s[0] - fixes.time_s[0] % 3600.0
    return fixes.take(np.flatnonzero(fixes.time_s < midnight_s + 3600.0 * hours))


def fixes_of(timetable: Timetable, driven: DrivenDay, seed: int) -> FixColumns:
    """Give what the buses' devices send: a fix in `FIX_S`, signed on to the trip, in time order."""
    runs = list(_runs(driven))
    parts = [_fixes_of_run(timetable, driven, low, high) for low, high in runs]
    time_s, lat, lon = (np.concatenate([part[n] for part in parts]) for n in range(3))
    counts = [len(part[0]) for part in parts]
    first = [low for low, _ in runs]
    bus, trip = np.repeat(driven.bus[first], counts), np.repeat(driven.trip[first], counts)
    order = np.lexsort((bus, time_s))
    rng = np.random.default_rng([seed, 23])
    error = rng.normal(0.0, _NOISE_M, (2, len(order))) / _METRES_PER_DEGREE
    ids = timetable.trips.ids
    unknown = np.full(len(order), np.nan)
    return FixColumns(
        [f"v{n}" for n in bus[order].tolist()],
        time_s[order],
        lat[order] + error[0],
        lon[order] + error[1] / np.cos(np.radians(lat[order])),
        unknown,
        unknown,
        [ids[n] for n in trip[order].tolist()],
        [None] * len(order),
        [None] * len(order),
    )


def _runs(driven: DrivenDay) -> Iterator[tuple[int, int]]:
    """Give the rows of each run: from, up to and not including."""
    cuts = np.flatnonzero(np.diff(driven.run)) + 1
    edges = [0, *cuts.tolist(), len(driven.run)]
    return pairwise(edges)


def _fixes_of_run(
    timetable: Timetable, driven: DrivenDay, low: int, high: int
) -> tuple[Floats, Floats, Floats]:
    """Give times and places along a run; the bus waits at its first stop before it leaves."""
    arrival, departure = driven.arrival_s[low:high], driven.departure_s[low:high]
    pattern = timetable.trip_pattern(int(driven.trip[low]))
    begin_s = max(float(arrival[0]), float(departure[0]) - _WAITS_S)
    phase = (7.0 * float(driven.bus[low])) % FIX_S
    at = np.arange(np.ceil((begin_s - phase) / FIX_S) * FIX_S + phase, arrival[-1], FIX_S)
    times = np.stack((arrival, departure), axis=1).ravel()[:-1]
    places = np.repeat(pattern.stop_m, 2)[:-1]
    along = np.interp(at, times, places)
    return (
        at,
        np.interp(along, pattern.polyline_m, pattern.polyline_lat),
        np.interp(along, pattern.polyline_m, pattern.polyline_lon),
    )
