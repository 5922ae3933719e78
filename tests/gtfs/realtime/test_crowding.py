"""How full buses are, and how the traffic runs around them."""

import numpy as np
import pytest

from sapar.gtfs.realtime.crowding import (
    CONGESTION,
    CONGESTION_UNKNOWN,
    OCCUPANCY_NONE,
    RUNNING_SMOOTHLY,
    SEVERE_CONGESTION,
    STOP_AND_GO,
    Loads,
    Paces,
    congestion_level,
    occupancy_status,
)
from tests.gtfs.realtime.town import town


@pytest.mark.parametrize(
    ("percent", "status"),
    [
        *((0, 0), (4, 0), (5, 1), (19, 1), (20, 2), (49, 2), (50, 3), (69, 3)),
        *((70, 4), (89, 4), (90, 5), (130, 5)),
    ],
)
def test_occupancy_follows_the_bands(percent: int, status: int) -> None:
    assert occupancy_status(np.array([percent])).tolist() == [status]


def test_loads_are_by_what_each_vehicle_takes_and_age() -> None:
    loads = Loads()
    loads.capacity = {"small": 20}
    assert loads.percent(["small"], 0.0).tolist() == [OCCUPANCY_NONE]
    loads.take("small", 100.0, 10)
    loads.take("big", 100.0, 10)
    loads.take("big", 90.0, 70)  # late, and no news
    assert loads.percent(["big", "small", "other"], 200.0).tolist() == [12, 50, OCCUPANCY_NONE]
    assert loads.percent(["big"], 2000.0).tolist() == [OCCUPANCY_NONE]


def test_congestion_is_worse_the_slower_a_bus_is_than_the_timetable() -> None:
    paces = np.array([np.nan, 1.3, 0.6, 0.59, 0.4, 0.39, 0.2, 0.1, 0.0])
    assert congestion_level(paces).tolist() == [
        CONGESTION_UNKNOWN,
        RUNNING_SMOOTHLY,
        RUNNING_SMOOTHLY,
        STOP_AND_GO,
        STOP_AND_GO,
        CONGESTION,
        CONGESTION,
        SEVERE_CONGESTION,
        SEVERE_CONGESTION,
    ]


@pytest.mark.parametrize("speed", [1.0, 0.5, 0.3, 0.1])
def test_the_pace_of_a_bus_is_its_speed_by_the_timetables(speed: float) -> None:
    timetable = town()
    trip = timetable.trips.index["A-out-20"]
    begin = int(timetable.trips.st_begin[trip])
    arrivals, _ = timetable.trip_times(trip)
    stop_m = timetable.trip_pattern(trip).stop_m
    paces, run, found = Paces(timetable), np.array([[trip, 1, 0]]), []
    for time_s in np.arange(0.0, 800.0, 10.0):
        due = float(arrivals[0]) + speed * time_s
        along = float(np.interp(due, arrivals + np.arange(len(arrivals)) * 1e-3, stop_m))
        number = min(int(np.searchsorted(stop_m, along)), len(stop_m) - 1)
        row, ahead = np.array([begin + number]), np.array([stop_m[number] - along])
        found += paces.look(np.array([5]), run, row, ahead, np.array([time_s])).tolist()
    assert all(np.isnan(pace) for pace in found[:15])
    assert np.isfinite(found[16:]).all()
    assert found[30] == pytest.approx(speed, abs=0.05)
    tomorrow = run + np.array([0, 1, 0])
    other = paces.look(np.array([5]), tomorrow, row, ahead, np.array([900.0]))
    assert np.isnan(other).all()
