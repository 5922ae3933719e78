"""The fleet as the console looks at it: buses with a run, their places, posts and headways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.console.passages import Passages
from sapar.gtfs.realtime.console.plan_places import Places, PlanPlaces, places_of_buses
from sapar.gtfs.realtime.console.posts import Posts
from sapar.gtfs.realtime.console.spacing import Headways, headways_of
from sapar.gtfs.realtime.days import FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import NO, FleetState
from sapar.gtfs.realtime.network import Network
from sapar.gtfs.realtime.snapshot import Picture

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class View:
    """Buses with a run; columns are aligned with `rows`.

    Attributes:
        rows: rows of the picture; slots: of the fleet.
        trip, day, start_s, route, group: the run, its route and its (route, direction).
        waiting: whether it has not left its first stop.
        first_s: first departure of the run, Unix time.
        place: where it is; plan_stops: how many stops it is ahead of the plan, NaN for no plan.
        expected_s: when it is expected at its next call.
        plan_s: planned headway at that call.
        headways: the real ones.
    """

    rows: Longs
    slots: Longs
    trip: Ints
    day: Ints
    start_s: Ints
    route: Ints
    group: Longs
    waiting: Bools
    first_s: Floats
    place: Places
    plan_stops: Floats
    expected_s: Floats
    plan_s: Floats
    headways: Headways


def view_of(
    picture: Picture,
    fleet: FleetState,
    network: Network,
    days: Days,
    posts: Posts,
    passages: Passages,
    plan: PlanPlaces,
    now_s: float,
) -> View:
    """Look at a picture of the moment; `passages` have noted the fleet."""
    rows = np.flatnonzero(picture.trip != NO)
    slots = picture.slots[rows]
    trip, day, start_s = picture.trip[rows], picture.day[rows], picture.start_s[rows]
    trips, times = network.timetable.trips, network.timetable.stop_times
    begin = trips.st_begin[trip]
    waiting = ~fleet.flags("departed")[slots]
    base_s = fleet.floats("base_s")[slots]
    stop_row = np.where(waiting, begin, picture.stop_row[rows])
    place = places_of_buses(network.row_m, begin, stop_row, picture.stop_ahead_m[rows], waiting)
    by_plan = plan.at(trip, picture.time_s[rows] - base_s)
    plan_stops = place.stops(begin) - by_plan.stops(begin)
    plan_stops[days.kind[trip] == FREQUENCY_LOOSE] = np.nan
    way_s = times.arrival_s[stop_row] - times.departure_s[np.maximum(stop_row - 1, begin)]
    coming_s = np.maximum(picture.time_s[rows] + (1.0 - place.share) * np.maximum(way_s, 0), now_s)
    first_s = base_s + trips.first_s[trip]
    due_s = np.maximum(first_s, now_s)
    expected = _expected(picture, rows, stop_row)
    expected = np.where(np.isnan(expected), np.where(place.first, due_s, coming_s), expected)
    post = posts.of_row[stop_row].astype(np.int64)
    headways = headways_of(
        slots, post, expected,
        passages.last_s, passages.last_slot, passages.before_s, passages.before_slot,
    )  # fmt: skip
    plan_s = posts.planned_s(stop_row, trip, day, start_s)
    return View(
        rows, slots, trip, day, start_s, trips.route_idx[trip], posts.group_of_trip[trip],
        waiting, first_s, place, plan_stops, expected, plan_s, headways,
    )  # fmt: skip


def _expected(picture: Picture, rows: Longs, stop_row: Longs) -> Floats:
    """Give when the forecast has buses at calls, or leave the first one; NaN without one."""
    wanted = np.full(len(picture.slots), NO, np.int64)
    wanted[rows] = stop_row
    updates = picture.updates
    vehicle = np.repeat(updates.vehicle, updates.count())
    at = np.flatnonzero((updates.row == wanted[vehicle]) & ~updates.passed)
    time_s = np.full(len(picture.slots), np.nan)
    row = updates.row[at]
    first = np.append(True, vehicle[1:] != vehicle[:-1])[at] if len(vehicle) else row > 0
    leaves = first & (updates.departure_s[at] > updates.arrival_s[at])
    # the current run of a vehicle comes last and stays
    time_s[vehicle[at]] = np.where(leaves, updates.departure_s[at], updates.median_s[at])
    return time_s[rows]
