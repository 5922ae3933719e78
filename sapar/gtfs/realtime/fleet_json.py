"""The live page's fleet as JSON: every vehicle heard of lately, with the reason for its run."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.aboard import Drivers
from sapar.gtfs.realtime.crowding import OCCUPANCY_NONE, Loads
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.realtime.phases import NO_SIGNAL, PHASES
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.timetable.model import Timetable


class _Vehicle(msgspec.Struct, frozen=True, gc=False):
    """A vehicle of the page; docs/api.md describes the members."""

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
    confidence: float | None
    stale: bool
    next_stop_id: str | None
    next_stop_time_s: int | None
    reason: str
    reason_code: str
    reason_values: dict[str, str | float]
    load_percent: int | None
    driver_id: str | None
    depot: str | None


class _Fleet(msgspec.Struct, frozen=True):
    time_s: int
    heard: int
    expected: int
    vehicles: list[_Vehicle]


_ENCODER = msgspec.json.Encoder()


def encode_fleet(
    picture: Picture,
    timetable: Timetable,
    loads: Loads | None = None,
    drivers: Drivers | None = None,
    homes: Mapping[str, str] | None = None,
) -> bytes:
    """Encode the vehicles of a picture, with passengers, drivers and depots where known."""
    loads, drivers = loads or Loads(), drivers or Drivers()
    load_percent = loads.percent(picture.vehicle_ids, picture.header_s).tolist()
    trips, routes, stops = timetable.trips, timetable.routes, timetable.stops
    trip = np.maximum(picture.trip, 0)
    stop = timetable.stop_times.stop_idx[np.maximum(picture.stop_row, 0)]
    known = (picture.trip != NO).tolist()

    def named(names: list[str], numbers: NDArray[np.int32]) -> list[str | None]:
        pairs = zip(numbers.tolist(), known, strict=True)
        return [names[number] if on else None for number, on in pairs]

    phases = picture.phase.tolist()
    vehicles = map(
        _Vehicle,
        picture.vehicle_ids,
        picture.vehicle_ids,
        np.round(picture.latitude, 6).tolist(),
        np.round(picture.longitude, 6).tolist(),
        _numbers(picture.bearing_deg, 1),
        _numbers(picture.speed_mps, 1),
        np.round(picture.time_s, 1).tolist(),
        [PHASES[phase] for phase in phases],
        named(routes.ids, trips.route_idx[trip]),
        named(trips.ids, trip),
        named(trips.headsigns, trip),
        _numbers(picture.delay_s, 0),
        _numbers(picture.confidence, 2),
        [phase == NO_SIGNAL for phase in phases],
        named(stops.ids, stop),
        _next_times(picture, timetable),
        map(str, picture.reasons),
        [reason.code for reason in picture.reasons],
        [reason.values for reason in picture.reasons],
        [None if percent == OCCUPANCY_NONE else percent for percent in load_percent],
        drivers.of(picture.vehicle_ids, picture.header_s),
        [(homes or {}).get(vehicle_id) for vehicle_id in picture.vehicle_ids],
    )
    fleet = _Fleet(picture.header_s, picture.heard, picture.expected, list(vehicles))
    return _ENCODER.encode(fleet)


def _next_times(picture: Picture, timetable: Timetable) -> list[int | None]:
    """Give when the trip updates expect each vehicle at its next stop, or to leave its first."""
    updates = picture.updates
    vehicle = np.repeat(updates.vehicle, updates.count())
    at = np.flatnonzero((updates.row == picture.stop_row[vehicle]) & ~updates.passed)
    row = updates.row[at]
    trip = picture.trip[vehicle[at]]
    first = row == timetable.trips.st_begin[trip]
    times: list[int | None] = [None] * len(picture.vehicle_ids)
    # the current run of a vehicle comes last and stays, should it drive the same trip again later
    for number, time_s in zip(
        vehicle[at].tolist(),
        np.where(first, updates.departure_s[at], updates.arrival_s[at]).tolist(),
        strict=True,
    ):
        times[number] = time_s
    return times


def _numbers(values: Floats, digits: int) -> list[float | None]:
    """Give rounded numbers, None for NaN."""
    numbers: list[float] = np.round(values, digits).tolist()
    return [None if math.isnan(number) else number for number in numbers]
