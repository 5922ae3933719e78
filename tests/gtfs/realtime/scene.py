"""Buses put on runs by hand, and what is predicted of them."""

from dataclasses import dataclass, field

import numpy as np

from sapar.gtfs.realtime.beliefs import Ground
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.departures import Departures
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.forecast import Forecast, Forecaster
from sapar.gtfs.realtime.lattice import Lattice
from sapar.gtfs.realtime.service_of_stops import StopService
from sapar.gtfs.realtime.travel_times import TravelTimes
from sapar.gtfs.realtime.uncertainty import Uncertainty
from sapar.gtfs.realtime.updates import RunKey, Updates, passed_calls, updates_of
from tests.gtfs.realtime.town import DAY


@dataclass
class Scene:
    """Buses put on runs by hand, and a forecast of them."""

    lattice: Lattice
    now_s: float = 0.0
    claims: dict[RunKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fleet = FleetState()
        timetable = self.lattice.network.timetable
        self.base_s = timetable.service_day_start(DAY)
        self.days = Days(timetable)
        self.days.look(self.base_s + 12 * 3600)
        stops = len(timetable.stops.ids)
        self.ground = Ground(
            self.lattice,
            self.days.links,
            TravelTimes(self.lattice),
            Departures(stops),
            StopService(stops),
            Uncertainty(),
        )
        self.forecaster = Forecaster(self.ground)

    def put(
        self, trip_id: str, call: int, share: float = 0.0, delay_s: float = 0.0, name: str = "b"
    ) -> None:
        """A bus heard of just now, on the way to a call; to call 0: it waits for its start."""
        fleet, lattice, timetable = self.fleet, self.lattice, self.lattice.network.timetable
        slot = int(fleet.slots_of([name])[0])
        trip = timetable.trips.index[trip_id]
        row = int(lattice.first_row[trip]) + call
        leg = lattice.leg_of_row[row]
        along = float(lattice.m[lattice.leg_begin[leg]] + share * lattice.leg_m[leg])
        due_s = lattice.network.scheduled_s(np.array([trip], np.int32), np.array([along]))
        self.now_s = self.base_s + float(due_s[0]) + delay_s
        start_s = int(timetable.stop_times.arrival_s[lattice.first_row[trip]])
        for column, value in (
            ("trip", trip),
            ("day", DAY.toordinal()),
            ("start_s", start_s),
            ("base_s", self.base_s),
            ("next_row", row),
            ("along_m", along),
            ("departed", call > 0),
            ("delay_s", delay_s if call else max(0.0, delay_s)),
            ("time_s", self.now_s),
        ):
            fleet[column][slot] = value
        self.claims[fleet.run_key(slot)] = slot

    def forecast(self) -> Forecast:
        return self.forecaster.forecast(self.fleet, self.fleet.all_slots(), self.now_s)

    def updates(self) -> Updates:
        slots = self.fleet.all_slots()
        return updates_of(
            self.forecast(),
            passed_calls(self.fleet, self.ground, self.days, slots, self.now_s),
            self.ground,
            self.forecaster.lean,
            slots,
            slots,
            np.ones(len(slots), np.bool_),
            self.claims,
            self.now_s,
        )

    def trips(self, found: Updates) -> list[str]:
        return [self.lattice.network.timetable.trips.ids[key[0]] for key in found.keys]


def runs_of(found: Updates | Forecast) -> list[slice]:
    return [
        slice(int(low), int(low + count))
        for low, count in zip(found.begin, found.count(), strict=True)
    ]
