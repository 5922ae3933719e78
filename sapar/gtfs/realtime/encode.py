"""A picture of the fleet as the bodies of a tick: three GTFS-realtime 2.0 feeds, and JSON.

Entity ids are stable: the vehicle id in the positions, the run (trip, date, start) in the updates.
Every feed is a FULL_DATASET with `feed_version`. Bearing and speed are published only as sent.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any, NamedTuple

import msgspec
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.realtime.alerts import Alert, fill_alert
from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.snapshot import LAYOVER, NO_SIGNAL, PHASES, Picture, RunKey
from sapar.gtfs.realtime.wire import (
    SCHEDULED,
    UNSCHEDULED,
    Frame,
    Templates,
    encode_updates,
    make_frame,
)
from sapar.gtfs.timetable.model import Timetable

_INCOMING_M = 150.0
_AT_STOP_M = 30.0
_KEPT_MAX = 50_000  # some days' runs: start over rather than grow for ever
_STANDING_MPS = 1.5  # TransitClock: below this a heading means nothing; here, the bus stands


class Encoder:
    """Encodes pictures of one timetable; keeps what does not change from tick to tick."""

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable = timetable
        self._days = days
        self._templates = Templates(timetable)
        self._trips: dict[RunKey, bytes] = {}
        self._positions_trips: dict[RunKey, bytes] = {}
        self._frames: dict[tuple[RunKey, str], Frame] = {}

    def header(self, time_s: int) -> pb.FeedHeader:
        """Make the header of the feeds at a time."""
        return pb.FeedHeader(
            gtfs_realtime_version="2.0",
            incrementality=pb.FeedHeader.FULL_DATASET,
            timestamp=time_s,
            feed_version=self._timetable.feed_version,
        )

    def vehicle_positions(self, picture: Picture) -> bytes:
        """Encode the VehiclePositions feed."""
        message = pb.FeedMessage(header=self.header(picture.header_s))
        for vehicle in _shown(picture, self._timetable):
            self._add_position(message, vehicle)
        return message.SerializeToString(deterministic=True)

    def trip_updates(self, picture: Picture) -> bytes:
        """Encode the TripUpdates feed."""
        updates = picture.updates
        now, later = updates.predictions
        number = np.where(updates.source == 0, updates.number, len(now.begin) + updates.number)
        begin = np.concatenate((now.begin, later.begin + len(now.row)))[number]
        count = np.concatenate((now.count(), later.count()))[number]
        row, _, _ = expand(begin, begin + count)
        trips = np.array([key[0] for key in updates.keys], np.int64)
        stop_rows = np.concatenate((now.row, later.row))
        first = stop_rows[begin] - self._timetable.trips.st_begin[trips]
        header = self.header(picture.header_s).SerializeToString(deterministic=True)
        return encode_updates(
            header,
            [
                self._frame(key, picture.vehicle_ids[vehicle])
                for key, vehicle in zip(updates.keys, updates.vehicle.tolist(), strict=True)
            ],
            first.tolist(),
            picture.time_s[updates.vehicle].astype(np.int64),
            np.concatenate((now.arrival_s, later.arrival_s))[row],
            np.concatenate((now.departure_s, later.departure_s))[row],
        )

    def alerts(self, alerts: list[Alert], header_s: int) -> bytes:
        """Encode the Alerts feed: the alerts that are not over yet."""
        message = pb.FeedMessage(header=self.header(header_s))
        for alert in alerts:
            if not alert.is_over(header_s):
                fill_alert(message.entity.add(), alert, self._timetable)
        return message.SerializeToString(deterministic=True)

    def fleet(self, picture: Picture) -> bytes:
        """Encode the live page's fleet as JSON: every vehicle heard of lately."""
        columns = self._fleet_columns(picture)
        return msgspec.json.encode(
            {
                "time_s": picture.header_s,
                "heard": picture.heard,
                "expected": picture.expected,
                "vehicles": [
                    dict(zip(columns, row, strict=True))
                    for row in zip(*columns.values(), strict=True)
                ],
            }
        )

    def _fleet_columns(self, picture: Picture) -> dict[str, list[Any]]:
        """Give the fields of the page's vehicles, each as a list over all of them."""
        trips, routes, stops = self._timetable.trips, self._timetable.routes, self._timetable.stops
        trip = np.maximum(picture.trip, 0)
        stop = self._timetable.stop_times.stop_idx[np.maximum(picture.stop_row, 0)]
        known = (picture.trip != NO).tolist()

        def named(names: list[str], numbers: NDArray[np.int32]) -> list[str | None]:
            pairs = zip(numbers.tolist(), known, strict=True)
            return [names[number] if on else None for number, on in pairs]

        phases = picture.phase.tolist()
        return {
            "id": picture.vehicle_ids,
            "label": picture.vehicle_ids,
            "lat": np.round(picture.latitude, 6).tolist(),
            "lon": np.round(picture.longitude, 6).tolist(),
            "bearing": _numbers(picture.bearing_deg, 1),
            "speed_mps": _numbers(picture.speed_mps, 1),
            "time_s": np.round(picture.time_s, 1).tolist(),
            "phase": [PHASES[phase] for phase in phases],
            "route_id": named(routes.ids, trips.route_idx[trip]),
            "trip_id": named(trips.ids, trip),
            "headsign": named(trips.headsigns, trip),
            "delay_s": _numbers(picture.delay_s, 0),
            "confidence": _numbers(picture.confidence, 2),
            "stale": [phase == NO_SIGNAL for phase in phases],
            "next_stop_id": named(stops.ids, stop),
            "reason": picture.reasons,
        }

    def run_id(self, key: RunKey) -> str:
        """Name a run: trip and service date, and the start where it runs by headway."""
        trip_id = self._timetable.trips.ids[key[0]]
        name = f"{trip_id}@{_date_text(key[1])}"
        return f"{name}@{_time_text(key[2])}" if self._days.kind[key[0]] else name

    def trip_descriptor(self, key: RunKey) -> pb.TripDescriptor:
        """Describe a run as the trip updates do."""
        trips, routes = self._timetable.trips, self._timetable.routes
        kind = int(self._days.kind[key[0]])
        descriptor = pb.TripDescriptor(
            trip_id=trips.ids[key[0]],
            route_id=routes.ids[int(trips.route_idx[key[0]])],
            start_date=_date_text(key[1]),
            schedule_relationship=pb.TripDescriptor.UNSCHEDULED
            if kind == FREQUENCY_LOOSE
            else pb.TripDescriptor.SCHEDULED,
        )
        # start_time must be the first scheduled time (E023); a feed may leave that empty
        if kind or self._timetable.stop_times.timed[int(trips.st_begin[key[0]])]:
            descriptor.start_time = _time_text(key[2])
        if trips.direction[key[0]] >= 0:
            descriptor.direction_id = int(trips.direction[key[0]])
        return descriptor

    def _frame(self, key: RunKey, vehicle_id: str) -> Frame:
        found = self._frames.get((key, vehicle_id))
        if found is None:
            if len(self._frames) > _KEPT_MAX:
                self._frames.clear()
            loose = self._days.kind[key[0]] == FREQUENCY_LOOSE
            descriptor = pb.VehicleDescriptor(id=vehicle_id, label=vehicle_id)
            found = make_frame(
                self.run_id(key),
                self._trip_bytes(key),
                descriptor.SerializeToString(deterministic=True),
                self._templates.get(key[0], UNSCHEDULED if loose else SCHEDULED),
            )
            self._frames[key, vehicle_id] = found
        return found

    def _trip_bytes(self, key: RunKey) -> bytes:
        found = self._trips.get(key)
        if found is None:
            if len(self._trips) > _KEPT_MAX:
                self._trips.clear()
            found = self.trip_descriptor(key).SerializeToString(deterministic=True)
            self._trips[key] = found
        return found

    def _position_trip(self, key: RunKey) -> bytes:
        """Give the run as the positions describe it.

        Rule E019 reads the start of an exact_times=1 trip wrongly in positions (it formats the
        minutes as seconds modulo 360) and so refuses nearly every right one that comes with a
        trip_id. Route, direction, date and start name the run as well, and the specification
        allows them in its place.
        """
        if self._days.kind[key[0]] != FREQUENCY_EXACT:
            return self._trip_bytes(key)
        found = self._positions_trips.get(key)
        if found is None:
            descriptor = self.trip_descriptor(key)
            descriptor.ClearField("trip_id")
            if len(self._positions_trips) > _KEPT_MAX:
                self._positions_trips.clear()
            found = descriptor.SerializeToString(deterministic=True)
            self._positions_trips[key] = found
        return found

    def _add_position(self, message: pb.FeedMessage, vehicle: _Shown) -> None:
        entity = message.entity.add(id=vehicle.vehicle_id)
        shown = entity.vehicle
        shown.vehicle.id = vehicle.vehicle_id
        shown.vehicle.label = vehicle.vehicle_id
        position = shown.position
        position.latitude = vehicle.latitude
        position.longitude = vehicle.longitude
        if not math.isnan(vehicle.bearing_deg):
            position.bearing = vehicle.bearing_deg % 360.0
        if not math.isnan(vehicle.speed_mps):
            position.speed = vehicle.speed_mps
        shown.timestamp = int(vehicle.time_s)
        if vehicle.with_trip:
            shown.trip.MergeFromString(self._position_trip(vehicle.run))
            self._add_stop(shown, vehicle)

    def _add_stop(self, shown: pb.VehiclePosition, vehicle: _Shown) -> None:
        shown.current_stop_sequence = vehicle.stop_sequence
        shown.stop_id = self._timetable.stops.ids[vehicle.stop]
        standing = not vehicle.speed_mps >= _STANDING_MPS
        if vehicle.phase == LAYOVER or (abs(vehicle.stop_ahead_m) <= _AT_STOP_M and standing):
            shown.current_status = pb.VehiclePosition.STOPPED_AT
        elif vehicle.stop_ahead_m <= _INCOMING_M:
            shown.current_status = pb.VehiclePosition.INCOMING_AT
        else:
            shown.current_status = pb.VehiclePosition.IN_TRANSIT_TO


class _Shown(NamedTuple):
    """One row of VehiclePositions as plain numbers: reading arrays one by one is slow."""

    vehicle_id: str
    latitude: float
    longitude: float
    bearing_deg: float
    speed_mps: float
    time_s: float
    phase: int
    with_trip: bool
    run: RunKey
    stop_sequence: int
    stop: int
    stop_ahead_m: float


def _shown(picture: Picture, timetable: Timetable) -> list[_Shown]:
    """List the rows of VehiclePositions."""
    rows = np.flatnonzero(picture.in_feed)
    stop_row = np.maximum(picture.stop_row[rows], 0)
    times = timetable.stop_times
    keys = zip(
        *(getattr(picture, n)[rows].tolist() for n in ("trip", "day", "start_s")), strict=True
    )
    return list(
        map(
            _Shown,
            [picture.vehicle_ids[row] for row in rows],
            *(
                getattr(picture, name)[rows].tolist()
                for name in (
                    "latitude",
                    "longitude",
                    "bearing_deg",
                    "speed_mps",
                    "time_s",
                    "phase",
                    "with_trip",
                )
            ),
            keys,
            times.stop_sequence[stop_row].tolist(),
            times.stop_idx[stop_row].tolist(),
            picture.stop_ahead_m[rows].tolist(),
        )
    )


def _numbers(values: Floats, digits: int) -> list[float | None]:
    """Give rounded numbers, None for NaN."""
    numbers: list[float] = np.round(values, digits).tolist()
    return [None if math.isnan(number) else number for number in numbers]


def _date_text(ordinal: int) -> str:
    return date.fromordinal(ordinal).strftime("%Y%m%d")


def _time_text(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
