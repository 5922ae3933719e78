"""Passages: when which vehicle came to which stop, from its track alone.

A vehicle moves on straight lines between fixes. A *visit* is a stay within `NEAR_M` of a stop;
visits less than `MERGE_S` apart are one passage. The arrival is the first moment within `AT_M`, or
that of the closest approach where the vehicle never came so near. A visit against the direction of
the stop's trips is the stop across the road: no passage. An arrival is *unseen* where the record
begins with the vehicle already at the stop, and where a long step passes so far off that the road
may have bent to the stop in between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, to_plane
from sapar.gtfs.realtime.ragged import argmin_of_groups
from sapar.gtfs.realtime.score.crossings import Crossings, find_crossings
from sapar.gtfs.realtime.score.tracks import Tracks
from sapar.gtfs.timetable.model import Timetable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

MERGE_S = 120.0
_TOUCH_S = 1e-3  # crossings on two steps in a row meet to within rounding
_AGAINST_COS = -0.5
_AGAINST_MIN_M = 40.0  # a shorter move has no direction to speak of
_AGREE_SHARE = (
    0.8  # of a stop's calls that lie inside their trips, for the stop to have a direction
)
_AGREE_LENGTH = 0.5  # mean length of the unit vectors of those calls


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages sorted by vehicle, stop, time.

    Attributes:
        vehicle: row of the tracks' vehicles; stop: row of the timetable's stops.
        arrival_s: Unix seconds.
        unseen: whether the moment of arrival was not seen.
        fix: row in the tracks of the fix before the arrival.
    """

    vehicle: Ints
    stop: Longs
    arrival_s: Floats
    unseen: Bools
    fix: Longs

    def __len__(self) -> int:
        return len(self.vehicle)


def find_passages(tracks: Tracks, timetable: Timetable, wanted: Longs) -> Passages:
    """Find the passages of the wanted pairs of vehicle and stop (`crossings.pair_key`)."""
    stop_x, stop_y = to_plane(timetable.stops.latitude, timetable.stops.longitude, tracks.centre)
    x, y = to_plane(tracks.latitude, tracks.longitude, tracks.centre)
    crossings = find_crossings(tracks, x, y, stop_x, stop_y, wanted)
    if not len(crossings):
        return _none()
    begin = _groups(crossings.vehicle, crossings.stop, crossings.in_s, crossings.out_s, _TOUCH_S)
    return _merge(crossings, begin, _is_against(crossings, begin, timetable, stop_x, stop_y))


def _merge(crossings: Crossings, begin: Longs, against: Bools) -> Passages:
    """Make visits of crossings and passages of visits; `begin` is where the visits begin."""
    keep = np.flatnonzero(~against)
    if not len(keep):
        return _none()
    best = argmin_of_groups(crossings.off_m, begin)[keep]
    at_s = np.minimum.reduceat(crossings.at_s, begin)[keep]
    vague = np.logical_and.reduceat(crossings.vague, begin)[keep]
    last = (np.append(begin[1:], len(crossings)) - 1)[keep]
    begin = begin[keep]
    vehicle, stop = crossings.vehicle[begin], crossings.stop[begin]
    far = ~np.isfinite(at_s)
    arrival_s = np.where(far, crossings.best_s[best], at_s)
    whole = _groups(vehicle, stop, crossings.in_s[begin], crossings.out_s[last], MERGE_S)
    number = np.repeat(np.arange(len(whole)), np.diff(np.append(whole, len(begin))))
    # of several visits the clearest counts: within reach, then within AT_M, then the first
    chosen = np.lexsort((arrival_s, far, vague, number))[whole]
    return Passages(
        vehicle[chosen],
        stop[chosen],
        arrival_s[chosen],
        (crossings.unseen[begin] | vague)[chosen],
        crossings.step[best[chosen]],
    )


def _groups(vehicle: Ints, stop: Longs, in_s: Floats, out_s: Floats, apart_s: float) -> Longs:
    """Give where groups begin: another vehicle or stop, or more than `apart_s` in between."""
    new = (vehicle[1:] != vehicle[:-1]) | (stop[1:] != stop[:-1])
    new |= in_s[1:] - out_s[:-1] > apart_s
    return np.flatnonzero(np.append(True, new))


def _is_against(
    crossings: Crossings, begin: Longs, timetable: Timetable, stop_x: Floats, stop_y: Floats
) -> Bools:
    """Tell which visits drive against the direction of the stop's trips."""
    last = np.append(begin[1:], len(crossings)) - 1
    moved_x = crossings.out_x[last] - crossings.in_x[begin]
    moved_y = crossings.out_y[last] - crossings.in_y[begin]
    moved_m = np.hypot(moved_x, moved_y)
    way_x, way_y = stop_directions(timetable, stop_x, stop_y)
    stop = crossings.stop[begin]
    along_m = moved_x * way_x[stop] + moved_y * way_y[stop]
    result: Bools = (along_m < _AGAINST_COS * moved_m) & (moved_m > _AGAINST_MIN_M)
    return result


def stop_directions(timetable: Timetable, stop_x: Floats, stop_y: Floats) -> tuple[Floats, Floats]:
    """Give each stop's way as a unit vector: from the stop before to the stop after, on average.

    Zero where trips begin or end, or where they disagree.
    """
    stops = timetable.stop_times.stop_idx
    inner = np.ones(len(stops), np.bool_)
    inner[timetable.trips.st_begin[:-1]] = False
    inner[timetable.trips.st_begin[1:] - 1] = False
    row = np.flatnonzero(inner)
    way_x, way_y = (a[stops[row + 1]] - a[stops[row - 1]] for a in (stop_x, stop_y))
    length = np.maximum(np.hypot(way_x, way_y), 1e-9)
    size = len(stop_x)
    sum_x, sum_y = np.zeros(size), np.zeros(size)
    np.add.at(sum_x, stops[row], way_x / length)
    np.add.at(sum_y, stops[row], way_y / length)
    calls, inside = np.bincount(stops, minlength=size), np.bincount(stops[row], minlength=size)
    total = np.hypot(sum_x, sum_y)
    clear = (inside >= _AGREE_SHARE * calls) & (total >= _AGREE_LENGTH * inside) & (total > 0)
    scale = np.where(clear, 1.0 / np.maximum(total, 1e-9), 0.0)
    return sum_x * scale, sum_y * scale


def _none() -> Passages:
    return Passages(
        np.zeros(0, np.int32),
        np.zeros(0, np.int64),
        np.zeros(0),
        np.zeros(0, np.bool_),
        np.zeros(0, np.int64),
    )
