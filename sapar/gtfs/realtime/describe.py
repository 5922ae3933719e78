"""How feeds name runs and vehicles: stable ids and descriptors, kept as bytes from tick to tick."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.positions import (
    Standing,
    VehicleFrame,
    make_standing,
    make_vehicle_frame,
)
from sapar.gtfs.realtime.updates import RunKey
from sapar.gtfs.realtime.wire import length_field
from sapar.gtfs.timetable.model import Timetable

_KEPT_MAX = 50_000  # some days' runs: start over rather than grow for ever


class Descriptions:
    """The names of one timetable's runs and stops, and of the vehicles that drive them."""

    def __init__(self, timetable: Timetable, days: Days) -> None:
        self._timetable = timetable
        self._days = days
        self._trips: dict[RunKey, bytes] = {}
        self._positions_trips: dict[RunKey, bytes] = {}
        self._vehicles: dict[str, VehicleFrame] = {}
        self._standings: dict[int, Standing] = {}

    def run_id(self, key: RunKey) -> str:
        """Name a run: trip and service date, and the start where it runs by headway."""
        trip_id = self._timetable.trips.ids[key[0]]
        name = f"{trip_id}@{date_text(key[1])}"
        return f"{name}@{time_text(key[2])}" if self._days.kind[key[0]] else name

    def trip_descriptor(self, key: RunKey) -> pb.TripDescriptor:
        """Describe a run as the trip updates do."""
        trips, routes = self._timetable.trips, self._timetable.routes
        descriptor = pb.TripDescriptor(
            trip_id=trips.ids[key[0]],
            route_id=routes.ids[int(trips.route_idx[key[0]])],
            start_date=date_text(key[1]),
            schedule_relationship=pb.TripDescriptor.UNSCHEDULED
            if self.is_loose(key)
            else pb.TripDescriptor.SCHEDULED,
        )
        start = self.start_time(key)
        if start is not None:
            descriptor.start_time = start
        if trips.direction[key[0]] >= 0:
            descriptor.direction_id = int(trips.direction[key[0]])
        return descriptor

    def start_time(self, key: RunKey) -> str | None:
        """Give start_time: the first scheduled time (rule E023), None where the feed has none."""
        begin = int(self._timetable.trips.st_begin[key[0]])
        if self._days.kind[key[0]] or self._timetable.stop_times.timed[begin]:
            return time_text(key[2])
        return None

    def is_loose(self, key: RunKey) -> bool:
        """Tell whether a run follows no timetable: headway service without exact times."""
        return bool(self._days.kind[key[0]] == FREQUENCY_LOOSE)

    def trip(self, key: RunKey) -> bytes:
        """Give a run's TripDescriptor in the trip updates."""
        found = self._trips.get(key)
        if found is None:
            found = self.trip_descriptor(key).SerializeToString(deterministic=True)
            if len(self._trips) > _KEPT_MAX:
                self._trips.clear()
            self._trips[key] = found
        return found

    def position_trip(self, key: RunKey) -> bytes:
        """Give a run's TripDescriptor in the vehicle positions, as the field of the position.

        Rule E019 reads the start of an exact_times=1 trip wrongly in positions (it formats the
        minutes as seconds modulo 360) and so refuses nearly every right one that comes with a
        trip_id. Route, direction, date and start name the run as well, and the specification
        allows them in its place.
        """
        found = self._positions_trips.get(key)
        if found is None:
            descriptor = self.trip_descriptor(key)
            if self._days.kind[key[0]] == FREQUENCY_EXACT:
                descriptor.ClearField("trip_id")
            found = length_field(b"\x0a", descriptor.SerializeToString(deterministic=True))
            if len(self._positions_trips) > _KEPT_MAX:
                self._positions_trips.clear()
            self._positions_trips[key] = found
        return found

    def vehicle(self, vehicle_id: str) -> VehicleFrame:
        """Give a vehicle's id and descriptor in the positions."""
        found = self._vehicles.get(vehicle_id)
        if found is None:
            found = make_vehicle_frame(vehicle_id, vehicle_descriptor(vehicle_id))
            if len(self._vehicles) > _KEPT_MAX:
                self._vehicles.clear()
            self._vehicles[vehicle_id] = found
        return found

    def standing(self, row: int) -> Standing:
        """Give a stop of a trip, by its stop-time row, as the positions name it."""
        found = self._standings.get(row)
        if found is None:
            times, stops = self._timetable.stop_times, self._timetable.stops
            found = make_standing(
                int(times.stop_sequence[row]), stops.ids[int(times.stop_idx[row])]
            )
            if len(self._standings) > _KEPT_MAX:
                self._standings.clear()
            self._standings[row] = found
        return found


def vehicle_descriptor(vehicle_id: str) -> bytes:
    """Describe a vehicle: its id is also what is shown, devices know no other name."""
    descriptor = pb.VehicleDescriptor(id=vehicle_id, label=vehicle_id)
    return descriptor.SerializeToString(deterministic=True)


@lru_cache(maxsize=256)
def date_text(ordinal: int) -> str:
    """Write a date as GTFS does, YYYYMMDD."""
    return date.fromordinal(ordinal).strftime("%Y%m%d")


def time_text(seconds: int) -> str:
    """Write seconds of a service day as GTFS does, HH:MM:SS, past 24 hours where need be."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
