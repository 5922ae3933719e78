"""What the system knew and had promised at the moment a rider reports something."""

from __future__ import annotations

from typing import Any

import msgspec

from sapar.api.arrivals.answers import ArrivalShown, encode_board
from sapar.api.arrivals.live import Now
from sapar.api.rider.rides import show_ride

_BEFORE_S, _AFTER_S, _CALLS_MAX = 1800.0, 3600.0, 30


class _Board(msgspec.Struct):
    time_s: int
    live: bool
    arrivals: list[ArrivalShown]


def take_evidence(
    now: Now, *, stop_id: str | None, trip_id: str | None, vehicle_id: str | None
) -> dict[str, Any]:
    """Give what is kept with a report, as plain data.

    The board of the stop says what was promised there of the run, or of everything when no run is
    named; `bus` says where it was, on what run, and how old that was. Names only what exists: a
    report about a bus that nobody has heard of is kept as well.
    """
    timetable = now.plan.timetable
    found: dict[str, Any] = {
        "time_s": int(now.time_s),
        "feed_version": timetable.feed_version,
        "live": now.live is not None,
    }
    if now.live is not None:
        found["tick"] = [now.live.tick.term, now.live.tick.tick]
    row = timetable.stops.index.get(stop_id or "")
    if row is not None:
        found["stop_name"] = timetable.stops.names[row]
        found["board"] = _board(now, row, trip_id)
    if vehicle_id:
        found |= _bus(now, trip_id or "", vehicle_id)
    trip = timetable.trips.index.get(trip_id or "")
    if trip is not None:
        route = int(timetable.trips.route_idx[trip])
        found["headsign"] = timetable.trips.headsigns[trip]
        found["route_name"] = timetable.routes.short_names[route]
    return found


def _board(now: Now, stop: int, trip_id: str | None) -> list[dict[str, Any]]:
    plain = encode_board(now, stop, _BEFORE_S, _AFTER_S, _CALLS_MAX)
    board = msgspec.json.decode(plain, type=_Board)
    wanted = [one for one in board.arrivals if not trip_id or one.trip_id == trip_id]
    return [msgspec.to_builtins(one) for one in wanted]


def _bus(now: Now, trip_id: str, vehicle_id: str) -> dict[str, Any]:
    ride = show_ride(now, trip_id, vehicle_id)
    fix = None if now.live is None else now.live.vehicles.get(vehicle_id)
    if fix is None:
        return {"bus": None}
    bus = {**ride["bus"], "phase": fix.phase, "trip_id": fix.trip_id, "route_id": fix.route_id,
           "speed_mps": fix.speed_mps, "next_stop_id": fix.next_stop_id}  # fmt: skip
    return {"bus": bus, "calls": ride["calls"][:10]}
