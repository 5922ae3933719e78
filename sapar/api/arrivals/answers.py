"""A stop's board and a vehicle as JSON for passengers. docs/api.md describes every member."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.api.arrivals import board as b
from sapar.api.arrivals.around import Crowd, Fix, Notice
from sapar.api.arrivals.board import Arrival, make_board
from sapar.api.arrivals.decode import NO_ROW, SCHEDULED, Live
from sapar.api.arrivals.live import Now
from sapar.api.arrivals.places import WHEELCHAIR, RouteShown, StopShown
from sapar.core.geometry import distance_m
from sapar.gtfs.realtime.describe import date_text, time_text

_ENCODER = msgspec.json.Encoder()
_NO_PICKUP = 1


class VehicleShown(msgspec.Struct, frozen=True, gc=False):
    """The bus of an arrival."""

    vehicle_id: str
    label: str
    lat: float
    lon: float
    bearing: float | None
    time_s: float
    on_this_trip: bool


class ArrivalShown(msgspec.Struct, frozen=True, gc=False):
    """One arrival."""

    state: str
    trip_id: str
    start_date: str
    start_time: str
    route_id: str | None
    direction: int | None
    headsign: str
    stop_sequence: int | None
    first_stop: bool
    last_stop: bool
    boarding: bool
    scheduled_arrival_s: int | None
    scheduled_departure_s: int | None
    headway_s: int | None
    arrival_s: int | None
    departure_s: int | None
    earliest_s: int | None
    latest_s: int | None
    delay_s: int | None
    passed_s: int | None
    no_signal_since_s: int | None
    stops_away: int | None
    distance_m: int | None
    vehicle: VehicleShown | None
    occupancy: str | None
    occupancy_percent: int | None
    wheelchair: str
    added: bool
    detour: bool
    alert_ids: list[str]


class AlertShown(msgspec.Struct, frozen=True, gc=False):
    """An alert, in every language that it is written in."""

    alert_id: str
    cause: str
    effect: str
    header: dict[str, str]
    description: dict[str, str]
    url: dict[str, str]
    periods: list[tuple[int | None, int | None]]
    route_ids: list[str]
    stop_ids: list[str]
    trip_ids: list[str]


class BoardShown(msgspec.Struct, frozen=True, gc=False):
    """The answer for one stop."""

    agency_id: str
    timezone: str
    time_s: int
    live: bool
    feed_version: str
    stop: StopShown
    routes: list[RouteShown]
    arrivals: list[ArrivalShown]
    alerts: list[AlertShown]


def encode_board(now: Now, stop: int, before_s: float, after_s: float, limit: int) -> bytes:
    """Give a stop's board."""
    live, places = now.live, now.places
    time_s = now.time_s
    found = make_board(places.index, live, now.memory, stop, (time_s, before_s, after_s))[:limit]
    shown = places.stops[stop]
    notices = [] if live is None else touching(live.notices, shown, found)
    routes = sorted({call.route for call in found if call.route >= 0})
    return _ENCODER.encode(
        BoardShown(
            now.agency.agency_id,
            now.plan.timetable.timezone.key,
            int(time_s),
            live is not None,
            now.plan.timetable.feed_version,
            shown,
            [places.routes[route] for route in routes],
            [_arrival(now, call, notices) for call in found],
            [show_alert(notice) for notice in notices],
        )
    )


def touching(notices: list[Notice], stop: StopShown, calls: list[Arrival]) -> list[Notice]:
    """List the alerts about a stop, its routes, the trips on its board, or everything."""
    routes = set(stop.route_ids)
    trips = {call.trip_id for call in calls}
    return [
        notice
        for notice in notices
        if notice.everywhere
        or stop.stop_id in notice.stops
        or notice.routes & routes
        or notice.trips & trips
    ]


def _arrival(now: Now, call: Arrival, notices: list[Notice]) -> ArrivalShown:
    routes = now.plan.timetable.routes
    route_id = routes.ids[call.route] if call.route >= 0 else None
    first, last, boarding, sequence = place_on_trip(now, call)
    vehicle, crowd, away, metres = _bus(now, call)
    arrival_s, departure_s, earliest_s, latest_s, delay_s = _predicted(now, call, first=first)
    about = [n.alert_id for n in notices if call.trip_id in n.trips or (route_id or "") in n.routes]
    return ArrivalShown(
        call.state,
        call.trip_id,
        date_text(call.day),
        time_text(call.start_s),
        route_id,
        call.direction if call.direction >= 0 else None,
        call.headsign,
        sequence,
        first,
        last,
        boarding,
        None if call.headway_s else call.planned_arrival_s or None,
        None if call.headway_s else call.planned_departure_s or None,
        call.headway_s or None,
        arrival_s,
        departure_s,
        earliest_s,
        latest_s,
        delay_s,
        call.passed_s or None,
        int(call.heard_s) if call.state == b.NO_SIGNAL else None,
        away,
        metres,
        vehicle,
        None if crowd is None else crowd.band,
        None if crowd is None else crowd.percent,
        WHEELCHAIR[now.plan.details.trip(call.trip_id).wheelchair],
        call.added,
        call.detoured,
        about,
    )


def place_on_trip(now: Now, call: Arrival) -> tuple[bool, bool, bool, int | None]:
    """Tell whether the trip begins here, ends here, takes passengers on; and stop_sequence."""
    if call.trip < 0 or call.row < 0:
        return False, False, True, None
    trips, times = now.plan.timetable.trips, now.plan.timetable.stop_times
    first = call.row == int(trips.st_begin[call.trip])
    last = call.row == int(trips.st_begin[call.trip + 1]) - 1
    boarding = not last and int(times.pickup[call.row]) != _NO_PICKUP
    return first, last, boarding, int(times.stop_sequence[call.row])


def _predicted(
    now: Now, call: Arrival, *, first: bool
) -> tuple[int | None, int | None, int | None, int | None, int | None]:
    """Give arrival, departure, earliest, latest and delay of a live arrival.

    Where the run begins, what counts is when it leaves.
    """
    if call.state != b.LIVE:
        return None, None, None, None, None
    expected_s = call.departure_s if first else call.arrival_s
    planned_s = call.planned_departure_s if first else call.planned_arrival_s
    delay_s = expected_s - planned_s if planned_s and not call.headway_s else None
    earliest_s = latest_s = None
    if call.unsure_s >= 0:
        earliest_s = max(expected_s - call.unsure_s, int(now.time_s))
        latest_s = expected_s + call.unsure_s
    return call.arrival_s, call.departure_s, earliest_s, latest_s, delay_s


def _bus(
    now: Now, call: Arrival
) -> tuple[VehicleShown | None, Crowd | None, int | None, int | None]:
    """Give (vehicle, crowding, stops away, metres away) of an arrival, as far as known."""
    live = now.live
    fix = live.vehicles.get(call.vehicle_id) if live is not None and call.vehicle_id else None
    if live is None or fix is None or call.state in {b.CANCELLED, b.LEFT_OUT}:
        return None, None, None, None
    on_this = fix.trip_id == call.trip_id
    shown = VehicleShown(fix.id, fix.label, fix.lat, fix.lon, fix.bearing, fix.time_s, on_this)
    crowd = live.crowds.get(fix.id) if on_this else None
    away, metres = how_far(now, call) if on_this and call.state == b.LIVE else (None, None)
    return shown, crowd, away, metres


def how_far(now: Now, call: Arrival) -> tuple[int | None, int | None]:
    """Give how many stops, and metres along the line, the bus of a live arrival is away."""
    live = now.live
    if live is None or call.run < 0 or call.trip < 0:
        return None, None
    next_row = int(live.first_row[call.run])
    if next_row == NO_ROW or next_row > call.row:
        return None, None
    timetable = now.plan.timetable
    begin = int(timetable.trips.st_begin[call.trip])
    along = timetable.trip_pattern(call.trip).stop_m
    to_next_m = _to_next_m(now, live.vehicles[call.vehicle_id], next_row)
    metres = float(along[call.row - begin] - along[next_row - begin]) + to_next_m
    return call.row - next_row, round(metres)


def _to_next_m(now: Now, fix: Fix, next_row: int) -> float:
    """Give the metres between a bus and the stop that it comes to: once a tick, not once a call."""
    key = ("to_next", fix.id, next_row)
    found = now.notes.get(key)
    if not isinstance(found, float):
        timetable = now.plan.timetable
        stop = int(timetable.stop_times.stop_idx[next_row])
        place = timetable.stops.latitude[stop], timetable.stops.longitude[stop]
        found = now.notes[key] = float(np.asarray(distance_m(fix.lat, fix.lon, *place)))
    return found


def show_alert(notice: Notice) -> AlertShown:
    """Give an alert as JSON has it."""
    alert = notice.alert
    return AlertShown(
        notice.alert_id,
        pb.Alert.Cause.Name(alert.cause).lower(),
        pb.Alert.Effect.Name(alert.effect).lower(),
        _words(alert.header_text),
        _words(alert.description_text),
        _words(alert.url),
        [(p.start or None, p.end or None) for p in alert.active_period],
        sorted(notice.routes),
        sorted(notice.stops),
        sorted(notice.trips),
    )


def _words(text: pb.TranslatedString) -> dict[str, str]:
    return {t.language: t.text for t in text.translation}


def encode_vehicle(now: Now, live: Live, vehicle_id: str) -> bytes:
    """Give a vehicle in service with the calls ahead of it."""
    fix = live.vehicles[vehicle_id]
    crowd = live.crowds.get(vehicle_id)
    body: dict[str, Any] = {
        "agency_id": now.agency.agency_id,
        "time_s": live.header_s,
        "vehicle_id": fix.id,
        "label": fix.label,
        "lat": fix.lat,
        "lon": fix.lon,
        "bearing": fix.bearing,
        "speed_mps": fix.speed_mps,
        "position_time_s": fix.time_s,
        "stale": fix.stale,
        "route_id": fix.route_id,
        "trip_id": fix.trip_id,
        "headsign": fix.headsign,
        "delay_s": fix.delay_s,
        "next_stop_id": fix.next_stop_id,
        "occupancy": None if crowd is None else crowd.band,
        "occupancy_percent": None if crowd is None else crowd.percent,
        "wheelchair": WHEELCHAIR[now.plan.details.trip(fix.trip_id or "").wheelchair],
        "calls": _calls_ahead(now, live, vehicle_id, fix.trip_id),
    }
    return _ENCODER.encode(body)


def _calls_ahead(
    now: Now, live: Live, vehicle_id: str, trip_id: str | None
) -> list[dict[str, Any]]:
    """List the calls that a vehicle's current run has yet to make."""
    runs = [
        number
        for number, run in enumerate(live.runs)
        if run.vehicle_id == vehicle_id and run.trip_id == trip_id
    ]
    if not runs:
        return []
    calls, timetable = live.calls, now.plan.timetable
    at = np.flatnonzero(
        (calls.run == runs[-1])
        & (calls.relation == SCHEDULED)
        & (calls.row >= live.first_row[runs[-1]])
    )
    found = []
    for place in at[np.argsort(calls.row[at])].tolist():
        stop = int(timetable.stop_times.stop_idx[calls.row[place]])
        arrival_s, unsure_s = int(calls.arrival_s[place]), int(calls.unsure_s[place])
        found.append(
            {
                "stop_id": timetable.stops.ids[stop],
                "name": timetable.stops.names[stop],
                "arrival_s": arrival_s,
                "departure_s": int(calls.departure_s[place]),
                "earliest_s": max(arrival_s - unsure_s, live.header_s) if unsure_s >= 0 else None,
                "latest_s": arrival_s + unsure_s if unsure_s >= 0 else None,
            }
        )
    return found
