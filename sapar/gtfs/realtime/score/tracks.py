"""Recorded fixes as tracks: by vehicle and time, without single jumps, cut at the gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, to_plane
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

GAP_S = 150.0
"""A longer silence breaks the record: what happened in it is not known."""
SPEED_MAX_MPS = 40.0
"""A step that implies more is a jump; it breaks the record as well."""
NONE, UNKNOWN = -1, -2
"""No id was recorded; an id was, which the timetable does not have."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Fixes sorted by vehicle, then time; a vehicle has one fix a moment at most.

    Attributes:
        vehicle_ids: the vehicles; `vehicle` is a row of it.
        time_s: Unix seconds; latitude, longitude: degrees.
        trip, block: rows of the timetable, `NONE` or `UNKNOWN`.
        run: number of the unbroken stretch that a fix belongs to; rising.
    """

    vehicle_ids: list[str]
    vehicle: Ints
    time_s: Floats
    latitude: Floats
    longitude: Floats
    trip: Ints
    block: Ints
    run: Longs

    def __len__(self) -> int:
        return len(self.vehicle)

    @property
    def centre(self) -> tuple[float, float]:
        """Median place, the origin of a local plane."""
        return float(np.median(self.latitude)), float(np.median(self.longitude))

    def run_spans(self) -> tuple[Floats, Floats]:
        """Give, for every fix, the first and the last time of its unbroken stretch."""
        begin = np.flatnonzero(np.append(True, self.run[1:] != self.run[:-1]))
        size = np.diff(np.append(begin, len(self.run)))
        first, last = self.time_s[begin], self.time_s[begin + size - 1]
        return np.repeat(first, size), np.repeat(last, size)

    def latest(self, vehicle: Ints, time_s: Floats) -> Longs:
        """Give the row of each vehicle's newest fix at a time; -1 where it has none by then."""
        origin = float(self.time_s.min())
        key = joint_key(self.vehicle, self.time_s - origin)
        at = np.searchsorted(key, joint_key(vehicle, time_s - origin), "right") - 1
        known = (vehicle >= 0) & (at >= 0)
        known &= self.vehicle[np.maximum(at, 0)] == vehicle
        return np.where(known, at, -1)


_SPAN_S = 1e7  # longer than any record that is scored at once


def joint_key(group: NDArray[np.integer], time_s: Floats) -> Floats:
    """Make one number of group and time, which sorts by group, then time.

    Times must lie within ± 5e6 s; with 1e7 groups the key is still exact to 0.02 s.
    """
    key: Floats = group * _SPAN_S + time_s
    return key


def build_tracks(fixes: FixColumns, timetable: Timetable) -> Tracks:
    """Sort fixes into tracks; of several fixes of a vehicle at one moment the first counts.

    A jump is a fix that lies too far both from the one before and from the one after; it is left
    out, and the stretches are numbered without it.
    """
    vehicle_ids = sorted(set(fixes.vehicle_ids))
    code = {vehicle_id: number for number, vehicle_id in enumerate(vehicle_ids)}
    vehicle = np.array([code[v] for v in fixes.vehicle_ids], np.int32)
    order = np.lexsort((fixes.time_s, vehicle))
    vehicle, time_s = vehicle[order], fixes.time_s[order]
    new = np.append(True, (vehicle[1:] != vehicle[:-1]) | (time_s[1:] != time_s[:-1]))
    rows = order[new[: len(order)]]
    tracks = Tracks(
        vehicle_ids,
        vehicle[new[: len(order)]],
        fixes.time_s[rows],
        fixes.latitude[rows],
        fixes.longitude[rows],
        _rows_of(fixes.trip_ids, timetable.trips.index)[rows],
        _rows_of(fixes.block_ids, timetable.blocks.index)[rows],
        np.zeros(len(rows), np.int64),
    )
    for _ in range(2):  # without the jumps first, then numbered
        tracks = _cut(tracks)
    return tracks


def _rows_of(ids: list[str | None], index: dict[str, int]) -> Ints:
    return np.array([index.get(i, UNKNOWN) if i else NONE for i in ids], np.int32)


def _cut(tracks: Tracks) -> Tracks:
    """Number the unbroken stretches and leave the jumps out."""
    if not len(tracks):
        return tracks
    x, y = to_plane(tracks.latitude, tracks.longitude, tracks.centre)
    same = tracks.vehicle[1:] == tracks.vehicle[:-1]
    step_s = np.maximum(np.diff(tracks.time_s), 1e-9)
    fast = same & (np.hypot(np.diff(x), np.diff(y)) > SPEED_MAX_MPS * step_s)
    linked = same & ~fast & (step_s <= GAP_S)
    keep = ~(np.append(False, fast) & np.append(fast, False))
    run = np.cumsum(np.append(True, ~linked))
    return Tracks(
        tracks.vehicle_ids,
        tracks.vehicle[keep],
        tracks.time_s[keep],
        tracks.latitude[keep],
        tracks.longitude[keep],
        tracks.trip[keep],
        tracks.block[keep],
        run[keep],
    )
