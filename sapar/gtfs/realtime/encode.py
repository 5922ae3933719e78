"""A picture of the fleet as the bodies of a tick: three GTFS-realtime 2.0 feeds, and JSON.

Entity ids are stable: the vehicle id in the positions, the run (trip, date, start) in the updates.
Every feed is a FULL_DATASET with `feed_version`. Bearing and speed are published only as sent.
"""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.alerts import Alert, fill_alert
from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.fleet_state import NO
from sapar.gtfs.realtime.snapshot import LAYOVER, NO_SIGNAL, PHASES, Picture, RunKey
from sapar.gtfs.realtime.wire import (
    SCHEDULED,
    UNSCHEDULED,
    Template,
    Templates,
    Update,
    encode_updates,
)
from sapar.gtfs.timetable.model import Timetable

_INCOMING_M = 150.0
_AT_STOP_M = 30.0
_STANDING_MPS = 1.5  # TransitClock: below this a heading means nothing; here, the bus stands


class Encoder:
    """Encodes pictures of one timetable; keeps what does not change from tick to tick."""

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable = timetable
        self._days = days
        self._templates = Templates(timetable)
        self._trips: dict[RunKey, tuple[bytes, bytes]] = {}
        self._positions_trips: dict[RunKey, bytes] = {}
        self._vehicles: dict[str, bytes] = {}

    def header(self, time_s: int) -> pb.FeedHeader:
        """Make the header of the feeds at a time."""
        return pb.FeedHeader(
            gtfs_realtime_version="2.0", incrementality=pb.FeedHeader.FULL_DATASET,
            timestamp=time_s, feed_version=self._timetable.feed_version,
        )

    def vehicle_positions(self, picture: Picture) -> bytes:
        """Encode the VehiclePositions feed."""
        message = pb.FeedMessage(header=self.header(picture.header_s))
        for row in np.flatnonzero(picture.in_feed):
            self._add_position(message, picture, int(row))
        return message.SerializeToString(deterministic=True)

    def trip_updates(self, picture: Picture) -> bytes:
        """Encode the TripUpdates feed."""
        updates = picture.updates
        encoded, arrivals, departures = [], [], []
        for vehicle, key, source, number in zip(
            updates.vehicle.tolist(), updates.keys, updates.source.tolist(),
            updates.number.tolist(), strict=True,
        ):
            times = updates.predictions[source]
            low = int(times.begin[number])
            high = int(times.begin[number + 1]) if number + 1 < len(times.begin) else len(times.row)
            first = int(times.row[low]) - int(self._timetable.trips.st_begin[key[0]])
            encoded.append(self._update(picture, vehicle, key, first))
            arrivals.append(times.arrival_s[low:high])
            departures.append(times.departure_s[low:high])
        header = self.header(picture.header_s).SerializeToString(deterministic=True)
        none = np.zeros(0, np.int64)
        return encode_updates(
            header, encoded,
            np.concatenate(arrivals) if arrivals else none,
            np.concatenate(departures) if departures else none,
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
        rows = range(len(picture.slots))
        return msgspec.json.encode({
            "time_s": picture.header_s,
            "heard": picture.heard,
            "expected": picture.expected,
            "vehicles": [self._fleet_row(picture, row) for row in rows],
        })

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
            trip_id=trips.ids[key[0]], route_id=routes.ids[int(trips.route_idx[key[0]])],
            start_date=_date_text(key[1]),
            schedule_relationship=pb.TripDescriptor.UNSCHEDULED if kind == FREQUENCY_LOOSE
            else pb.TripDescriptor.SCHEDULED,
        )
        # start_time must be the first scheduled time (E023); a feed may leave that empty
        if kind or self._timetable.stop_times.timed[int(trips.st_begin[key[0]])]:
            descriptor.start_time = _time_text(key[2])
        if trips.direction[key[0]] >= 0:
            descriptor.direction_id = int(trips.direction[key[0]])
        return descriptor

    def _update(self, picture: Picture, row: int, key: RunKey, first: int) -> Update:
        entity_id, trip = self._trip_bytes(key)
        loose = self._days.kind[key[0]] == FREQUENCY_LOOSE
        template: Template = self._templates.get(key[0], UNSCHEDULED if loose else SCHEDULED)
        return Update(
            entity_id, trip, self._vehicle_bytes(picture.vehicle_ids[row]),
            int(picture.time_s[row]), template, first,
        )

    def _trip_bytes(self, key: RunKey) -> tuple[bytes, bytes]:
        found = self._trips.get(key)
        if found is None:
            if len(self._trips) > 50_000:  # some days' runs: start over rather than grow for ever
                self._trips.clear()
            descriptor = self.trip_descriptor(key)
            found = (self.run_id(key).encode(), descriptor.SerializeToString(deterministic=True))
            self._trips[key] = found
        return found

    def _vehicle_bytes(self, vehicle_id: str) -> bytes:
        found = self._vehicles.get(vehicle_id)
        if found is None:
            found = pb.VehicleDescriptor(id=vehicle_id, label=vehicle_id).SerializeToString(
                deterministic=True
            )
            self._vehicles[vehicle_id] = found
        return found

    def _position_trip(self, key: RunKey) -> bytes:
        """Give the run as the positions describe it.

        Rule E019 reads the start of an exact_times=1 trip wrongly in positions (it formats the
        minutes as seconds modulo 360) and so refuses nearly every right one that comes with a
        trip_id. Route, direction, date and start name the run as well, and the specification
        allows them in its place.
        """
        if self._days.kind[key[0]] != FREQUENCY_EXACT:
            return self._trip_bytes(key)[1]
        found = self._positions_trips.get(key)
        if found is None:
            descriptor = self.trip_descriptor(key)
            descriptor.ClearField("trip_id")
            found = descriptor.SerializeToString(deterministic=True)
            self._positions_trips[key] = found
        return found

    def _add_position(self, message: pb.FeedMessage, picture: Picture, row: int) -> None:
        vehicle_id = picture.vehicle_ids[row]
        entity = message.entity.add(id=vehicle_id)
        vehicle = entity.vehicle
        vehicle.vehicle.id = vehicle_id
        vehicle.vehicle.label = vehicle_id
        position = vehicle.position
        position.latitude = picture.latitude[row]
        position.longitude = picture.longitude[row]
        if not np.isnan(picture.bearing_deg[row]):
            position.bearing = picture.bearing_deg[row] % 360.0
        if not np.isnan(picture.speed_mps[row]):
            position.speed = picture.speed_mps[row]
        vehicle.timestamp = int(picture.time_s[row])
        if picture.with_trip[row]:
            key = (int(picture.trip[row]), int(picture.day[row]), int(picture.start_s[row]))
            vehicle.trip.ParseFromString(self._position_trip(key))
            self._add_stop(vehicle, picture, row)

    def _add_stop(self, vehicle: pb.VehiclePosition, picture: Picture, row: int) -> None:
        stop_row = int(picture.stop_row[row])
        times, stops = self._timetable.stop_times, self._timetable.stops
        vehicle.current_stop_sequence = int(times.stop_sequence[stop_row])
        vehicle.stop_id = stops.ids[int(times.stop_idx[stop_row])]
        ahead, speed = picture.stop_ahead_m[row], picture.speed_mps[row]
        standing = np.isnan(speed) or speed < _STANDING_MPS
        if picture.phase[row] == LAYOVER or (abs(ahead) <= _AT_STOP_M and standing):
            vehicle.current_status = pb.VehiclePosition.STOPPED_AT
        elif ahead <= _INCOMING_M:
            vehicle.current_status = pb.VehiclePosition.INCOMING_AT
        else:
            vehicle.current_status = pb.VehiclePosition.IN_TRANSIT_TO

    def _fleet_row(self, picture: Picture, row: int) -> dict[str, object]:
        trip = int(picture.trip[row])
        trips, times = self._timetable.trips, self._timetable.stop_times
        known = trip != NO
        stop = int(picture.stop_row[row])
        phase = int(picture.phase[row])
        return {
            "id": picture.vehicle_ids[row], "label": picture.vehicle_ids[row],
            "lat": round(float(picture.latitude[row]), 6),
            "lon": round(float(picture.longitude[row]), 6),
            "bearing": _number(picture.bearing_deg[row]),
            "speed_mps": _number(picture.speed_mps[row]),
            "time_s": round(float(picture.time_s[row]), 1),
            "phase": PHASES[phase],
            "route_id": self._timetable.routes.ids[int(trips.route_idx[trip])] if known else None,
            "trip_id": trips.ids[trip] if known else None,
            "headsign": trips.headsigns[trip] if known else None,
            "delay_s": _number(picture.delay_s[row], 0),
            "confidence": _number(picture.confidence[row], 2),
            "stale": phase == NO_SIGNAL,
            "next_stop_id": self._timetable.stops.ids[int(times.stop_idx[stop])] if known else None,
            "reason": picture.reasons[row],
        }


def _number(value: float, digits: int = 1) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)


def _date_text(ordinal: int) -> str:
    return date.fromordinal(ordinal).strftime("%Y%m%d")


def _time_text(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
