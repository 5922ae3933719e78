"""Predictions taken from the engine's picture at some moments, as columns.

`sample` is the one place that knows how a picture holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]

AHEAD_S = 20 * 60.0
"""Predictions are kept up to so far ahead."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a prediction: what the feed said at a moment about one vehicle at one stop.

    Attributes:
        sampled_s: the moment, Unix seconds.
        slot: the engine's slot of the vehicle.
        trip, day, start_s: the run: row of the trip, ordinal of the service date, start in seconds
            of the service day.
        row: row of the timetable's stop times.
        arrival_s: the published time, whole Unix seconds.
        median_s, low_s, high_s: median and the 10 % and 90 % bounds, rounded to 0.1 s.
        scheduled_s: the timetable's time of arrival for this run, Unix seconds.
        delay_s: how late the vehicle is now, on the run that it is on; NaN where not known.
    """

    sampled_s: Floats
    slot: Ints
    trip: Ints
    day: Ints
    start_s: Ints
    row: Ints
    arrival_s: Floats
    median_s: Floats
    low_s: Floats
    high_s: Floats
    scheduled_s: Floats
    delay_s: Floats

    def __len__(self) -> int:
        return len(self.row)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Samples:
        """Give some of the rows, by mask or by number."""
        return Samples(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def sample(seen: Picture, now_s: float, timetable: Timetable) -> Samples:
    """Take all predictions that the feed of a picture carries, up to `AHEAD_S` ahead of now.

    Stops already reached are left out. Headway service may have two runs of one trip on a vehicle
    under one date; as readers of the feed by trip and date would, the later one in the feed counts.
    """
    updates = seen.updates
    count = updates.count()
    run = np.repeat(np.arange(len(count)), count)
    keep = ~updates.passed & (updates.arrival_s > now_s) & (updates.arrival_s <= now_s + AHEAD_S)
    rows = np.flatnonzero(keep)
    run = run[rows]
    keys = np.array(updates.keys, np.int32).reshape(-1, 3)
    vehicle = updates.vehicle[run]
    taken = Samples(
        np.full(len(rows), now_s),
        seen.slots[vehicle].astype(np.int32),
        keys[run, 0],
        keys[run, 1],
        keys[run, 2],
        updates.row[rows].astype(np.int32),
        updates.arrival_s[rows].astype(np.float64),
        np.round(updates.median_s[rows], 1),
        np.round(updates.low_s[rows], 1),
        np.round(updates.high_s[rows], 1),
        updates.scheduled_s[rows],
        seen.delay_s[vehicle],
    )
    return taken.where(_last_named(taken)) if len(timetable.frequencies.trip_idx) else taken


def _last_named(taken: Samples) -> NDArray[np.int64]:
    """List the rows of which no later one names the same vehicle, trip, date and stop."""
    names = np.stack((taken.slot, taken.day, taken.row), axis=1)[::-1]
    _, first = np.unique(names, axis=0, return_index=True)
    last: NDArray[np.int64] = np.sort(len(names) - 1 - first)
    return last


def join(parts: Sequence[Samples]) -> Samples:
    """Put samples one after the other; at least one."""
    columns: dict[str, Any] = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Samples)
    }
    return Samples(**columns)
