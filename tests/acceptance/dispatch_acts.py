"""One act of each kind on a generated city, and how the feeds show that it stands."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Pattern
from tests.acceptance.control_room import ControlRoom

Json = dict[str, Any]
Holds = Callable[[pb.FeedMessage], bool]
TRIP_UPDATES, POSITIONS = "trip-updates", "vehicle-positions"
CANCELED = pb.TripDescriptor.CANCELED
SKIPPED = pb.TripUpdate.StopTimeUpdate.SKIPPED
EXTRA = "extra-1"
_ASIDE_DEG = 0.004  # 450 m


@dataclass(frozen=True)
class Planned:
    """An act that is about to be decided.

    Attributes:
        what: as the desk sends it; shown: a part of what the room says of it.
        feed: the feed that must show it; holds: whether one does.
        ticks: how many newer feeds it may take: one is under way when the act is decided.
    """

    what: Json
    shown: str
    feed: str
    holds: Holds
    ticks: int = 2


async def plan_acts(room: ControlRoom, timetable: Timetable, quiet: list[str]) -> list[Planned]:
    """Think of an act of each kind, each on a route of its own."""
    runs = {
        route: (await room.get(f"/api/dispatch/runs.json?route={route}")) for route in quiet[:2]
    }
    now_s = runs[quiet[0]]["time_s"]
    coming = [
        next(run for run in listed["runs"] if run["first_s"] > now_s + 900)
        for listed in runs.values()
    ]
    ahead = await _stops_ahead(room, timetable, set(quiet[2:]))
    skipping, detoured = list(ahead)[:2]
    return [
        _cancel(coming[0]),
        _extra(timetable, coming[1]),
        _skip(skipping, ahead[skipping][1]),
        _detour(timetable, detoured, *ahead[detoured]),
        await _swap(room, timetable, set(quiet[2:]) - {skipping, detoured}),
    ]


async def _stops_ahead(
    room: ControlRoom, timetable: Timetable, routes: set[str]
) -> dict[str, tuple[Pattern, list[str]]]:
    """Give for some routes the pattern of a bus with a long way to go, and the stops before it."""
    found: dict[str, tuple[Pattern, list[str]]] = {}
    async with asyncio.timeout(60):
        while len(found) < 2:
            for entity in (await room.feed(TRIP_UPDATES)).entity:
                update = entity.trip_update
                trip = timetable.trips.index.get(update.trip.trip_id)
                if trip is None or not update.vehicle.id:
                    continue
                route_id = timetable.routes.ids[timetable.trips.route_idx[trip]]
                stops = [stop.stop_id for stop in update.stop_time_update]
                if route_id in routes and len(stops) >= 8:
                    found.setdefault(route_id, (timetable.trip_pattern(trip), stops[-6:]))
            await asyncio.sleep(0.5)
    return found


def _cancel(run: Json) -> Planned:
    trip_id = run["trip_id"]

    def holds(feed: pb.FeedMessage) -> bool:
        trips = [entity.trip_update.trip for entity in feed.entity]
        return any(t.trip_id == trip_id and t.schedule_relationship == CANCELED for t in trips)

    what = {"kind": "cancel", "trip_id": trip_id, "service_date": run["service_date"]}
    return Planned(what, "cancelled", TRIP_UPDATES, holds)


def _extra(timetable: Timetable, run: Json) -> Planned:
    trip = timetable.trips.index[run["trip_id"]]
    what = {
        "kind": "extra",
        "trip_id": EXTRA,
        "service_date": run["service_date"],
        "copy_of": run["trip_id"],
        "start_s": int(timetable.trips.first_s[trip]) + 420,
    }

    def holds(feed: pb.FeedMessage) -> bool:
        return any(e.trip_update.trip_properties.trip_id == EXTRA for e in feed.entity)

    return Planned(what, "extra run", TRIP_UPDATES, holds)


def _skip(route_id: str, stops: list[str]) -> Planned:
    what = {"kind": "skip", "stop_ids": [stops[2]], "route_id": route_id}
    return Planned(what, "not served", TRIP_UPDATES, lambda feed: stops[2] in skipped(feed))


def _detour(timetable: Timetable, route_id: str, pattern: Pattern, stops: list[str]) -> Planned:
    """Lead a route round two of its stops."""
    first = len(pattern.stop_idx) - len(stops) + 2
    missed = {timetable.stops.ids[n] for n in pattern.stop_idx[first : first + 2]}
    assert missed == set(stops[2:4])
    leave, aside, join = (
        _point(pattern, float(pattern.stop_m[n : n + 2].mean()))
        for n in (first - 1, first, first + 1)
    )
    path = [leave, (aside[0] + _ASIDE_DEG, aside[1] + _ASIDE_DEG), join]

    def holds(feed: pb.FeedMessage) -> bool:
        drawn = any(entity.HasField("trip_modifications") for entity in feed.entity)
        return drawn and missed <= skipped(feed)

    what = {"kind": "detour", "route_id": route_id, "path": path, "direction": pattern.direction}
    return Planned(what, "on a detour", TRIP_UPDATES, holds)


async def _swap(room: ControlRoom, timetable: Timetable, routes: set[str]) -> Planned:
    """Put a bus on the run of another one that is under way on the same line."""
    under_way = [
        bus
        for bus in await room.fleet()
        if bus["phase"] == "in_progress" and bus["route_id"] in routes and bus["confidence"] > 0.9
    ]
    pairs = [
        (one, other)
        for one in under_way
        for other in under_way
        if one is not other
        and timetable.trips.pattern_idx[timetable.trips.index[one["trip_id"]]]
        == timetable.trips.pattern_idx[timetable.trips.index[other["trip_id"]]]
    ]
    (one, other) = pairs[0]
    runs = (await room.get(f"/api/dispatch/runs.json?route={one['route_id']}"))["runs"]
    day = next(run["service_date"] for run in runs if run["trip_id"] == other["trip_id"])
    what = {
        "kind": "swap",
        "vehicle_id": one["id"],
        "service_date": day,
        "trip_id": other["trip_id"],
    }

    def holds(feed: pb.FeedMessage) -> bool:
        found = {e.vehicle.vehicle.id: e.vehicle.trip.trip_id for e in feed.entity}
        return found.get(one["id"]) == other["trip_id"]

    # a pin shows once the bus has been heard and weighed again
    return Planned(what, f"bus {one['id']} takes over", POSITIONS, holds, ticks=8)


def skipped(feed: pb.FeedMessage) -> set[str]:
    """Give the stops that some run leaves out."""
    return {
        stop.stop_id
        for entity in feed.entity
        for stop in entity.trip_update.stop_time_update
        if stop.schedule_relationship == SKIPPED
    }


def quiet_routes(timetable: Timetable, disturbed: set[str]) -> list[str]:
    """List the routes on which nothing is planted, those with most runs first."""
    exact = np.ones(len(timetable.trips.ids), np.bool_)
    exact[timetable.frequencies.trip_idx] = False
    runs = np.bincount(timetable.trips.route_idx[exact], minlength=len(timetable.routes.ids))
    order = [timetable.routes.ids[n] for n in np.argsort(-runs, kind="stable") if runs[n] > 0]
    return [route_id for route_id in order if route_id not in disturbed]


def _point(pattern: Pattern, along_m: float) -> tuple[float, float]:
    lat = np.interp(along_m, pattern.polyline_m, pattern.polyline_lat)
    lon = np.interp(along_m, pattern.polyline_m, pattern.polyline_lon)
    return float(lat), float(lon)
