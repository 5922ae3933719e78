"""The runs of a day: by stop times, on the headway's grid, and headway runs matched to slots."""

from datetime import date
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.history.planned import match_in_order, planned_runs
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import DAY, town


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@given(
    few=st.lists(st.integers(0, 60), max_size=5).map(sorted),
    many=st.lists(st.integers(0, 60), min_size=5, max_size=9).map(sorted),
)
def test_matching_keeps_the_order_and_costs_the_least(few, many):
    rows = match_in_order(np.array(few, np.int64), np.array(many, np.int64)).tolist()
    assert rows == sorted(set(rows))
    cost = sum(abs(f - many[row]) for f, row in zip(few, rows, strict=True))
    least = min(
        sum(abs(f - many[row]) for f, row in zip(few, chosen, strict=True))
        for chosen in combinations(range(len(many)), len(few))
    )
    assert cost == least


def test_each_run_of_the_day_is_planned_once(timetable: Timetable):
    runs = planned_runs(timetable, DAY, [])
    assert len({run.name for run in runs}) == len(runs)
    assert all(run.planned for run in runs)
    by_trip = {timetable.trips.ids[run.trip]: run for run in runs}
    assert by_trip["A-out-3"].start_s == 6 * 3600
    loose = [run for run in runs if run.loose]
    assert len(loose) == (25 - 6) * 6
    exact = [run for run in runs if run.trip == timetable.trips.index["X-trip"]]
    assert [run.start_s for run in exact] == list(range(6 * 3600, 25 * 3600, 720))


def test_no_service_no_runs(timetable: Timetable):
    assert planned_runs(timetable, date(2000, 1, 1), []) == []


def test_headway_runs_found_take_their_slots_and_the_rest_is_missing(timetable: Timetable):
    trip = timetable.trips.index["F-trip"]
    found = [(trip, 21_700), (trip, 22_210), (trip, 25_000)]
    runs = [run for run in planned_runs(timetable, DAY, found) if run.trip == trip]
    assert len(runs) == 114
    starts = {run.start_s for run in runs}
    assert {21_700, 22_210, 25_000} <= starts
    assert {21_600, 22_200} & starts == set()
    assert len(starts - {s for _, s in found}) == 111


def test_headway_runs_beyond_the_plan_are_named_so(timetable: Timetable):
    trip = timetable.trips.index["F-trip"]
    found = [(trip, 6 * 3600 + 300 * n) for n in range(130)]
    runs = [run for run in planned_runs(timetable, DAY, found) if run.trip == trip]
    assert len(runs) == 130
    assert sum(not run.planned for run in runs) == 130 - 114
