"""The buses, how full they are, and the alerts of a tick. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as pb

from sapar.api.arrivals.slices import Slices, batched
from sapar.core.errors import BadInput

_OCCUPANCY = {number: name.lower() for name, number in pb.VehiclePosition.OccupancyStatus.items()}


class Fix(msgspec.Struct, frozen=True, gc=False):
    """A vehicle as the fleet's body has it; docs/api.md describes the members."""

    id: str
    label: str
    lat: float
    lon: float
    bearing: float | None
    speed_mps: float | None
    time_s: float
    phase: str
    route_id: str | None
    trip_id: str | None
    headsign: str | None
    delay_s: float | None
    stale: bool
    next_stop_id: str | None
    next_stop_time_s: int | None = None


class _Fleet(msgspec.Struct, frozen=True):
    vehicles: list[msgspec.Raw]


_FLEET = msgspec.json.Decoder(_Fleet)
_FIX = msgspec.json.Decoder(Fix)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Crowd:
    """How full a vehicle is: name of the band, and percent where it is known."""

    band: str
    percent: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert: the feed's entity, what it touches as ids, and whether it is about everything."""

    alert_id: str
    alert: pb.Alert
    stops: frozenset[str]
    routes: frozenset[str]
    trips: frozenset[str]
    everywhere: bool


def read_message(body: bytes | None) -> pb.FeedMessage:
    """Read a feed; one that is not there is empty.

    Raises:
        BadInput: it is no feed.
    """
    if body is None:
        return pb.FeedMessage()
    try:
        return pb.FeedMessage.FromString(body)
    except DecodeError as exc:
        raise BadInput(f"not a feed: {exc}", code="decode_error") from exc


def read_vehicles(body: bytes | None) -> Slices[dict[str, Fix]]:
    """Read the fleet's body; give its vehicles by id."""
    found: dict[str, Fix] = {}
    if body is not None:
        for some in batched(_FLEET.decode(body).vehicles, _AT_ONCE):
            yield
            for raw in some:
                fix = _FIX.decode(raw)
                found[fix.id] = fix
    return found


def read_crowds(message: pb.FeedMessage) -> dict[str, Crowd]:
    """Give how full vehicles are, by id, from their positions."""
    found = {}
    for entity in message.entity:
        position = entity.vehicle
        if position.HasField("occupancy_status"):
            percent = (
                position.occupancy_percentage if position.HasField("occupancy_percentage") else None
            )
            found[position.vehicle.id] = Crowd(_OCCUPANCY[position.occupancy_status], percent)
    return found


def read_notices(message: pb.FeedMessage, now_s: int) -> list[Notice]:
    """List the alerts that are in force at a moment."""
    found = []
    for entity in message.entity:
        alert = entity.alert
        if not entity.HasField("alert") or not _in_force(alert, now_s):
            continue
        stops = frozenset(s.stop_id for s in alert.informed_entity if s.stop_id)
        routes = frozenset(
            s.route_id for s in alert.informed_entity if s.route_id and not s.stop_id
        )
        trips = frozenset(s.trip.trip_id for s in alert.informed_entity if s.trip.trip_id)
        if trips:  # the route beside a trip says where it belongs, not that all of it is touched
            routes -= {s.route_id for s in alert.informed_entity if s.trip.trip_id}
        everywhere = any(
            not (s.stop_id or s.route_id or s.trip.trip_id) for s in alert.informed_entity
        )
        found.append(Notice(entity.id, alert, stops, routes, trips, everywhere))
    return found


def _in_force(alert: pb.Alert, now_s: int) -> bool:
    return not alert.active_period or any(
        (not p.start or p.start <= now_s) and (not p.end or p.end > now_s)
        for p in alert.active_period
    )
