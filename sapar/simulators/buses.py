"""How the buses move: all vehicles of a plan at once, in small steps of transit time. Pure.

A bus waits at its terminal until departure, drives the line of its trip at the timetable's pace
times the traffic, stops where somebody gets on or off, stays longer the more people came since the
bus before it (so that a late bus gets later and the one behind catches up), turns at the terminal,
and takes its next run. The same seed and the same steps give the same positions to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats, distance_m
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Bools, Ints
from sapar.simulators.course import DRIVE_MPS, Course
from sapar.simulators.passengers import Passengers
from sapar.simulators.plan import FleetPlan, Run
from sapar.simulators.roads import build_roads
from sapar.simulators.traffic import Traffic, TrafficSettings

STEP_S = 1.0
"""Length of a step of the motion model, seconds of transit time."""

_ACCELERATION_MPS2 = 1.1
_BRAKING_MPS2 = 1.1
_DEADHEAD_MPS = (5.0, 14.0)
_READY_S = 600.0  # a bus stands ready at its terminal this long before departure
_HOLD_S = 30.0  # at most this early away from a stop, where a timetable is kept
_TURN_S = 40.0


class Phase(IntEnum):
    """What a vehicle is doing."""

    PARKED = 0
    LAYOVER = 1
    DRIVING = 2
    DWELLING = 3
    DEADHEAD = 4
    DONE = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """Where vehicles truly are at one moment; arrays have an entry per vehicle asked for.

    Attributes:
        vehicle: number of the vehicle in the plan; time_s: Unix seconds of transit time.
        latitude, longitude: degrees; bearing_deg: of the line; speed_mps: metres a second.
        along_m: distance along the trip's pattern; phase: `Phase`; doors_open: at a stop.
        run: row of the run being driven or waited for, -1 when there is none.
        delay_s: against the timetable, NaN unless on the line.
        odometer_m: driven since the start; riders: on board.
    """

    time_s: float
    vehicle: Ints
    latitude: Floats
    longitude: Floats
    bearing_deg: Floats
    speed_mps: Floats
    along_m: Floats
    phase: NDArray[np.int8]
    doors_open: Bools
    run: Ints
    delay_s: Floats
    odometer_m: Floats
    riders: Ints


class BusFleet:
    """The moving vehicles.

    Args:
        timetable, plan: what they drive; the plan's `at_s` is where time starts.
        seed: same seed, same ride.
        traffic: sizes of the deviations from the timetable.

    Raises:
        BadInput: the plan has no vehicle.
    """

    def __init__(
        self,
        timetable: Timetable,
        plan: FleetPlan,
        seed: int,
        traffic: TrafficSettings | None = None,
    ) -> None:
        self.timetable, self.time_s = timetable, plan.at_s
        self.roads, self.table = build_roads(timetable, plan)
        count = len(plan.vehicles)
        self.count = count
        self._rng = np.random.default_rng([seed, 3])
        self._traffic = Traffic(len(timetable.routes.ids), count, seed, traffic)
        self._passengers = Passengers(self.roads.call_count, seed)
        self._course = Course(timetable, self.roads, self.table)
        self._midnight_s = timetable.service_day_start(timetable.service_dates_at(plan.at_s)[-1])
        self.phase = np.full(count, Phase.PARKED, np.int8)
        self.run = self.table.begin[:-1].copy()
        self.along_m = np.zeros(count)
        self.speed_mps = np.zeros(count)
        self.odometer_m = np.floor(self._rng.random(count) * 300_000_000.0)
        self.riders = np.zeros(count, np.int32)
        # what planted incidents change, see `sapar.simulators.incidents`
        self.haste = np.ones(count)
        self.unheld = np.zeros(count, np.bool_)
        self.absent = np.zeros(count, np.bool_)
        self._boarded = np.zeros(count, np.int32)
        self._next_stop = np.ones(count, np.int32)
        self._until_s = np.zeros(count)
        self._from = np.zeros((count, 2))
        self._way_m = np.zeros(count)
        self._place_all()

    # -- what others ask ----------------------------------------------------------------------

    def find_run(self, row: int) -> Run | None:
        """Give the run of a row as `Sight.run` names it, or None for -1."""
        return None if row < 0 else self.table.runs[row]

    def in_service(self) -> Bools:
        """Tell for each vehicle whether it is on a trip or in a layover before its next one."""
        ready = self.table.begin_s[self.run] <= self.time_s + _READY_S
        waiting = np.isin(self.phase, (Phase.LAYOVER, Phase.DEADHEAD)) & ready
        return (waiting | np.isin(self.phase, (Phase.DRIVING, Phase.DWELLING))) & ~self.absent

    def powered(self) -> Bools:
        """Tell for each vehicle whether its device is on: from ten minutes before duty on."""
        return ~np.isin(self.phase, (Phase.PARKED, Phase.DONE)) & ~self.absent

    def look(self, vehicle: Ints, ahead_s: float = 0.0) -> Sight:
        """See some vehicles `ahead_s` (less than a step) after the fleet's time."""
        phase, row = self.phase[vehicle], self.run[vehicle]
        moving = phase == Phase.DRIVING
        limit = self._course.stop_m(self.run[vehicle], self._next_stop[vehicle])
        along = self.along_m[vehicle]
        gone = np.where(moving, np.minimum(self.speed_mps[vehicle] * ahead_s, limit - along), 0.0)
        along = along + np.maximum(gone, 0.0)
        pattern = self.table.pattern[row]
        lat, lon = self._positions(vehicle, along)
        active = ~np.isin(phase, (Phase.PARKED, Phase.DONE))
        delay = np.where(
            np.isin(phase, (Phase.DRIVING, Phase.DWELLING)),
            self.time_s + ahead_s - self._course.scheduled_s(row, self._next_stop[vehicle], along),
            np.nan,
        )
        return Sight(
            time_s=self.time_s + ahead_s,
            vehicle=vehicle,
            latitude=lat,
            longitude=lon,
            bearing_deg=self.roads.bearing(pattern, along),
            speed_mps=np.where(np.isin(phase, (2, 4)), self.speed_mps[vehicle], 0.0),
            along_m=along,
            phase=phase.copy(),
            doors_open=phase == Phase.DWELLING,
            run=np.where(active, row, -1).astype(np.int32),
            delay_s=delay,
            odometer_m=self.odometer_m[vehicle] + np.maximum(gone, 0.0),
            riders=self.riders[vehicle].copy(),
        )

    def take_boarded(self) -> Ints:
        """Give how many people got on each vehicle since this was last asked."""
        boarded, self._boarded = self._boarded, np.zeros(self.count, np.int32)
        return boarded

    # -- time goes on -------------------------------------------------------------------------

    def step(self) -> None:
        """Let `STEP_S` seconds pass."""
        self._traffic.advance(STEP_S)
        self._wake()
        self._depart()
        self._leave_stops()
        self._drive()
        self._deadhead()
        self.time_s += STEP_S

    def _wake(self) -> None:
        """Parked vehicles go to their terminal ten minutes before their duty."""
        begin_s = self.table.begin_s[self.run]
        due = (self.phase == Phase.PARKED) & (begin_s - _READY_S <= self.time_s)
        self._await_departure(np.flatnonzero(due))

    def _depart(self) -> None:
        leaving = np.flatnonzero((self.phase == Phase.LAYOVER) & (self._until_s <= self.time_s))
        first = np.zeros(len(leaving), np.int32)
        self._serve(leaving, first)
        self.phase[leaving] = Phase.DRIVING
        self.along_m[leaving] = self._course.stop_m(self.run[leaving], first)
        self._next_stop[leaving] = 1

    def _leave_stops(self) -> None:
        done = (self.phase == Phase.DWELLING) & (self._until_s <= self.time_s)
        ends = self._next_stop >= self.table.stops[self.run]
        going = np.flatnonzero(done & ~ends)
        self.phase[going] = Phase.DRIVING
        self._turn(np.flatnonzero(done & ends))

    def _drive(self) -> None:
        vehicle = np.flatnonzero(self.phase == Phase.DRIVING)
        if not len(vehicle):
            return
        run, next_stop = self.run[vehicle], self._next_stop[vehicle]
        to_stop_m = self._course.stop_m(run, next_stop) - self.along_m[vehicle]
        pace = self._course.pace_mps(run, next_stop)
        haste = self.haste[vehicle]
        wanted = np.clip(pace * self._factor(vehicle) * haste, *DRIVE_MPS)
        speed = self.speed_mps[vehicle]
        speed = speed + np.clip(
            wanted - speed, -_BRAKING_MPS2 * STEP_S, _ACCELERATION_MPS2 * STEP_S
        )
        brake = np.sqrt(2.0 * _BRAKING_MPS2 * np.maximum(to_stop_m, 0.0)) + 0.5
        speed = np.where(haste > 0, np.clip(speed, 0.5, np.maximum(brake, 1.0)), 0.0)
        gone = np.minimum(speed * STEP_S, np.maximum(to_stop_m, 0.0))
        self.speed_mps[vehicle] = speed
        self.along_m[vehicle] += gone
        self.odometer_m[vehicle] += gone
        self._arrive(vehicle[to_stop_m - gone <= 1e-6])

    def _arrive(self, vehicle: NDArray[np.intp]) -> None:
        """Open the doors where somebody gets on or off; others drive on."""
        stop = self._next_stop[vehicle].copy()
        dwell_s = self._serve(vehicle, stop)
        self._next_stop[vehicle] += 1
        last = stop == self.table.stops[self.run[vehicle]] - 1
        dwell_s = np.where(last, np.maximum(dwell_s, 12.0), dwell_s)
        until = self.time_s + STEP_S + dwell_s
        held = self.table.exact[self.run[vehicle]] & ~last & ~self.unheld[vehicle]
        scheduled = self._course.departure_s(self.run[vehicle], stop)
        until = np.where(held, np.maximum(until, scheduled - _HOLD_S), until)
        stands = until > self.time_s + STEP_S
        self._until_s[vehicle] = until
        self.phase[vehicle[stands]] = Phase.DWELLING
        self.speed_mps[vehicle[stands]] = 0.0

    def _serve(self, vehicle: NDArray[np.intp], stop: Ints) -> Floats:
        """Let passengers off and on at stop number `stop`; give the dwell in seconds."""
        run = self.run[vehicle]
        call = self.roads.call_key[self.roads.stop_begin[self.table.pattern[run]] + stop]
        left = self.table.stops[run] - 1 - stop
        self.riders[vehicle], dwell_s = self._passengers.exchange(
            call, self.riders[vehicle], left, self.time_s, self.time_s - self._midnight_s
        )
        self._boarded[vehicle] += self._passengers.boarded
        return dwell_s

    def _turn(self, vehicle: NDArray[np.intp]) -> None:
        """Runs are over: take the next one of the vehicle, or end the duty."""
        lat, lon = self._positions(vehicle, self.along_m[vehicle])
        self.speed_mps[vehicle] = 0.0
        self.riders[vehicle] = 0
        more = self.run[vehicle] + 1 < self.table.begin[vehicle + 1]
        self.phase[vehicle[~more]] = Phase.DONE
        vehicle, lat, lon = vehicle[more], lat[more], lon[more]
        self.run[vehicle] += 1
        self.along_m[vehicle] = 0.0
        self._next_stop[vehicle] = 1
        start_lat, start_lon = self._course.start(self.run[vehicle])
        way_m = distance_m(lat, lon, start_lat, start_lon)
        far = way_m > 30.0
        self._from[vehicle] = np.column_stack((lat, lon))
        self._way_m[vehicle] = way_m
        self.phase[vehicle[far]] = Phase.DEADHEAD
        self._await_departure(vehicle[~far])

    def _deadhead(self) -> None:
        """Empty drives go straight, as fast as the next departure asks for."""
        vehicle = np.flatnonzero(self.phase == Phase.DEADHEAD)
        left_m = self._way_m[vehicle] - self.along_m[vehicle]
        left_s = np.maximum(self.table.begin_s[self.run[vehicle]] - self.time_s - _TURN_S, 1.0)
        speed = np.clip(left_m / left_s, *_DEADHEAD_MPS)
        gone = np.minimum(speed * STEP_S, left_m)
        self.speed_mps[vehicle] = speed
        self.along_m[vehicle] += gone
        self.odometer_m[vehicle] += gone
        self._await_departure(vehicle[left_m - gone <= 1e-6])

    def _await_departure(self, vehicle: NDArray[np.intp]) -> None:
        """Stand at the start of the run until its departure, a little late as people are."""
        late_s = np.minimum(self._rng.exponential(15.0, len(vehicle)), 90.0)
        self.phase[vehicle] = Phase.LAYOVER
        self.along_m[vehicle] = 0.0
        self.speed_mps[vehicle] = 0.0
        self._until_s[vehicle] = np.maximum(
            self.table.begin_s[self.run[vehicle]] + late_s, self.time_s + _TURN_S
        )

    # -- where they are -----------------------------------------------------------------------

    def _positions(self, vehicle: NDArray[np.integer], along_m: Floats) -> tuple[Floats, Floats]:
        on_line = np.isin(self.phase[vehicle], (Phase.DRIVING, Phase.DWELLING, Phase.DONE))
        start_lat, start_lon = self._course.start(self.run[vehicle])
        lat, lon = self.roads.place(self.table.pattern[self.run[vehicle]], along_m)
        empty = self.phase[vehicle] == Phase.DEADHEAD
        part = np.where(empty, along_m / np.maximum(self._way_m[vehicle], 1.0), 1.0)
        way_lat = self._from[vehicle, 0] + (start_lat - self._from[vehicle, 0]) * part
        way_lon = self._from[vehicle, 1] + (start_lon - self._from[vehicle, 1]) * part
        return np.where(on_line, lat, way_lat), np.where(on_line, lon, way_lon)

    def _factor(self, vehicle: NDArray[np.intp]) -> Floats:
        """Traffic, and the driver who hurries when late and dawdles when early."""
        lat, lon = self._positions(vehicle, self.along_m[vehicle])
        everyone = np.zeros(self.count)
        everyone[vehicle] = lat
        lons = np.zeros(self.count)
        lons[vehicle] = lon
        traffic = self._traffic.speed_factor(
            everyone, lons, self.table.route[self.run], self.time_s - self._midnight_s
        )[vehicle]
        delay = self.time_s - self._course.scheduled_s(
            self.run[vehicle], self._next_stop[vehicle], self.along_m[vehicle]
        )
        hurry = np.where(
            self.table.exact[self.run[vehicle]], np.clip(delay / 900.0, -0.15, 0.12), 0.0
        )
        result: Floats = traffic * (1.0 + hurry)
        return result

    def _place_all(self) -> None:
        """Put every vehicle where it would be at the start: on its line, a bit late, or waiting."""
        late_s = np.clip(self._rng.normal(60.0, 80.0, self.count), -40.0, 400.0)
        for vehicle in range(self.count):
            self._place(vehicle, float(late_s[vehicle]))
        self._from = np.column_stack(self._course.start(self.run))

    def _place(self, vehicle: int, late_s: float) -> None:
        begin, end = int(self.table.begin[vehicle]), int(self.table.begin[vehicle + 1])
        ends = [self.table.runs[row].end_s for row in range(begin, end)]
        row = next((begin + i for i, s in enumerate(ends) if s + late_s > self.time_s), end - 1)
        self.run[vehicle] = row
        run = self.table.runs[row]
        one = np.array([vehicle])
        if self.time_s < run.begin_s + max(late_s, 0.0):
            if row > begin or run.begin_s - self.time_s <= _READY_S:
                self._await_departure(one)
            return
        first = int(self.table.row[row])
        last = first + int(self.table.stops[row])
        arrivals = self.timetable.stop_times.arrival_s[first:last] + self.table.offset_s[row]
        stop_m = self.roads.stop_m[self.roads.stop_begin[self.table.pattern[row]] :][: last - first]
        along = float(np.interp(self.time_s - late_s, arrivals, stop_m))
        self.along_m[vehicle] = along
        stop = int(np.searchsorted(stop_m, along, side="right"))
        self._next_stop[vehicle] = min(max(stop, 1), last - first - 1)
        self.phase[vehicle] = Phase.DRIVING
        self.speed_mps[vehicle] = 5.0
        self.riders[vehicle] = int(self._rng.integers(5, 40))
