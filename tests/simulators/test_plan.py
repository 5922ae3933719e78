"""Plans: who drives what."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.timetable import load_timetable
from sapar.simulators.plan import Run, fleet_plan, list_duties, list_runs
from tests.simulators.network import DAY, at, network


def runs_of(plan) -> list[Run]:
    return [run for duties in plan.vehicles for duty in duties for run in duty.runs]


@given(hour=st.floats(6.5, 24.0), seed=st.integers(0, 99), buses=st.integers(1, 30))
def test_every_run_is_driven_once_and_no_vehicle_is_in_two_places(hour, seed, buses):
    plan = fleet_plan(network(), at(hour), buses, seed)
    assert len(plan.vehicles) <= buses
    runs = runs_of(plan)
    instances = {(run.trip_idx, run.service_date, run.start_s) for run in runs}
    assert len(instances) == len(runs)
    for duties in plan.vehicles:
        chain = [run for duty in duties for run in duty.runs]
        assert all(a.end_s <= b.begin_s + 300 for a, b in pairwise(chain))


def test_as_many_buses_as_asked_are_in_service_when_the_timetable_has_them():
    for buses in (1, 5, 9):
        plan = fleet_plan(network(), at(10.1), buses, seed=1)
        assert (len(plan.vehicles), plan.in_service) == (buses, buses)


def test_a_block_is_one_vehicle():
    timetable = network()
    duties = list_duties(timetable, at(10))
    of_block = [
        {int(timetable.trips.block_idx[run.trip_idx]) for run in duty.runs} for duty in duties
    ]
    blocks = [next(iter(found)) for found in of_block if found != {-1}]
    assert all(len(found) == 1 for found in of_block)
    assert sorted(blocks) == sorted(set(blocks))
    assert len(blocks) == 6


def test_headway_runs_leave_on_the_headway_and_need_cycle_over_headway_vehicles():
    timetable = network()
    runs = [run for run in list_runs(timetable, at(9), at(12)) if run.frequency]
    starts = sorted(run.start_s for run in runs if timetable.trips.ids[run.trip_idx] == "F0")
    assert {b - a for a, b in pairwise(starts)} == {600}
    assert all(run.start_s == run.begin_s - timetable.service_day_start(DAY) for run in runs)
    duties = [d for d in list_duties(timetable, at(10), 3600) if d.runs[0].frequency]
    under_way = [duty for duty in duties if duty.covers(at(10.5))]
    # ten minutes there, ten minutes back, every ten minutes a bus from each end
    assert 2 <= len(under_way) <= 5


def test_trips_after_midnight_belong_to_the_day_before():
    runs = list_runs(network(), at(25), at(25.2))
    assert runs
    assert {run.service_date for run in runs} == {DAY}
    assert all(run.start_s > 24 * 3600 for run in runs)


def test_the_same_seed_chooses_the_same_vehicles_and_another_seed_others():
    same = [fleet_plan(network(), at(10), 6, seed=3) for _ in range(2)]
    assert same[0] == same[1]
    assert any(fleet_plan(network(), at(10), 6, seed=s) != same[0] for s in range(4, 8))


@pytest.mark.parametrize(
    ("path", "buses", "expected"), [("warsaw/gtfs.zip", 800, 800), ("wmata/gtfs.zip", 15, 15)]
)
def test_real_timetables_give_a_full_fleet(sapar_data, path, buses, expected):
    timetable = load_timetable(sapar_data / path, "real")
    days = {"warsaw/gtfs.zip": 1_708_356_600, "wmata/gtfs.zip": 1_771_263_000}
    plan = fleet_plan(timetable, days[path], buses, seed=1)
    assert plan.in_service == expected
