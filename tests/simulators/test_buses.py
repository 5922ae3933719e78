"""The motion model: buses stay on their line, never go back, and come out the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.core.geometry import distance_m, project_on_segments, to_plane
from sapar.simulators.buses import BusFleet, Phase, Sight
from sapar.simulators.passengers import Passengers
from sapar.simulators.plan import fleet_plan
from tests.simulators.network import at, network

ON_LINE = (Phase.DRIVING, Phase.DWELLING)


def fleet(seed: int = 1, hour: float = 10.0, buses: int = 12) -> BusFleet:
    return BusFleet(network(), fleet_plan(network(), at(hour), buses, seed), seed)


def everyone(ride: BusFleet) -> Sight:
    return ride.look(np.arange(ride.count, dtype=np.int32))


def off_line_m(ride: BusFleet, sight: Sight, row: int) -> float:
    """Distance of a vehicle from the shape of its trip."""
    pattern = network().trip_pattern(ride.table.runs[sight.run[row]].trip_idx)
    reference = (float(sight.latitude[row]), float(sight.longitude[row]))
    x, y = to_plane(pattern.polyline_lat, pattern.polyline_lon, reference)
    return float(project_on_segments(0.0, 0.0, x[:-1], y[:-1], x[1:], y[1:])[1].min())


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000), hour=st.floats(6.3, 24.0))
def test_buses_are_on_their_shape_and_only_go_forward(seed, hour):
    ride = fleet(seed, hour)
    before = everyone(ride)
    for _ in range(60):
        for _ in range(10):
            ride.step()
        now = everyone(ride)
        for row in range(ride.count):
            if now.phase[row] in ON_LINE:
                assert off_line_m(ride, now, row) < 1.0
                if before.phase[row] in ON_LINE and before.run[row] == now.run[row]:
                    assert now.along_m[row] >= before.along_m[row]
        assert (now.odometer_m >= before.odometer_m).all()
        assert (now.riders >= 0).all()
        moved = distance_m(before.latitude, before.longitude, now.latitude, now.longitude)
        assert (moved <= 17.0 * 10 + 1).all()
        before = now


def test_the_same_seed_gives_the_same_ride_to_the_last_bit():
    def ride(seed: int) -> list[bytes]:
        bus = fleet(seed)
        seen = []
        for _ in range(300):
            bus.step()
            sight = everyone(bus)
            seen += [sight.latitude.tobytes(), sight.longitude.tobytes(), sight.riders.tobytes()]
        return seen

    assert ride(5) == ride(5)
    assert ride(5) != ride(6)


def test_buses_serve_their_block_run_after_run_about_on_time():
    ride = fleet(buses=9)
    first = ride.run.copy()
    delays = []
    for _ in range(3600):
        ride.step()
        if ride.time_s % 60 == 0:
            delay = everyone(ride).delay_s
            delays += delay[~np.isnan(delay)].tolist()
    # a run lasts ten minutes and comes every twenty
    assert (ride.run - first >= 2).all()
    assert -40 < np.median(delays) < 180
    assert max(delays) < 900


def test_looking_ahead_within_a_step_agrees_with_the_step():
    ride = fleet()
    for _ in range(200):
        ahead = ride.look(np.arange(ride.count, dtype=np.int32), 0.9)
        ride.step()
        now = everyone(ride)
        gap = distance_m(ahead.latitude, ahead.longitude, now.latitude, now.longitude)
        assert gap.max() < 6.0


def test_the_longer_since_the_last_bus_the_longer_the_stop():
    """Bunching comes from this: a late bus finds more people and gets later."""
    calls = np.arange(400, dtype=np.int32)
    nobody, left = np.zeros(400, np.int32), np.full(400, 5)

    def second_bus(after_s: float) -> tuple[float, float]:
        people = Passengers(400, seed=1)
        people.exchange(calls, nobody, left, 1000.0, 8 * 3600.0)
        riders, dwell_s = people.exchange(calls, nobody, left, 1000.0 + after_s, 8 * 3600.0)
        return float(riders.mean()), float(dwell_s.mean())

    soon, late = second_bus(60.0), second_bus(900.0)
    assert late[0] > 5 * soon[0]
    assert late[1] > 2 * soon[1]


def test_everybody_leaves_at_the_last_stop():
    people = Passengers(3, seed=1)
    riders, dwell_s = people.exchange(
        np.arange(3, dtype=np.int32),
        np.array([0, 5, 90], np.int32),
        np.zeros(3, np.int32),
        0.0,
        0.0,
    )
    assert riders.tolist() == [0, 0, 0]
    assert dwell_s[0] == 0
    assert dwell_s[1] < dwell_s[2]


def test_parked_vehicles_wake_before_duty_and_rest_after():
    ride = fleet(hour=5.5, buses=6)
    assert not ride.powered().any()
    while ride.time_s < at(6.2):
        ride.step()
    assert ride.in_service().sum() >= 4


def test_a_time_without_service_is_refused():
    with pytest.raises(BadInput) as refusal:
        BusFleet(network(), fleet_plan(network(), at(24 * 400), 5, 1), 1)
    assert refusal.value.code == "no_service"
