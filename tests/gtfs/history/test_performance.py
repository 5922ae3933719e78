"""A day in figures equals the same figures worked out one visit at a time."""

from bisect import bisect_left
from collections import defaultdict
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.core.clock import ManualClock
from sapar.core.db import Pool, connect
from sapar.gtfs.history.nightly import Nightly
from sapar.gtfs.history.performance import (
    DELAY_BINS,
    DELAY_FIRST_MIN,
    RATIO_BINS,
    DayPerformance,
    days_between,
    hour_edges,
    planned_starts,
)
from sapar.gtfs.history.visits import join_visits, no_visits
from sapar.gtfs.realtime.visits import Visits
from tests.gtfs.history.support import AGENCY, store
from tests.gtfs.history.test_nightly import RECEIVED, clock, driven, own, steps
from tests.gtfs.realtime.town import DAY, town

__all__ = ["clock", "driven", "own"]  # fixtures
TOWN = town()
START_S = TOWN.service_day_start(DAY)
LOOSE = set(TOWN.frequencies.trip_idx[~TOWN.frequencies.exact].tolist())
HEADWAY = set(TOWN.frequencies.trip_idx.tolist())


def drive(trip: int, start_s: int, vehicle: str, late_s: float, skip: int, unseen: int) -> Visits:
    """Visits of one run, all of it late by the same; every `skip`-th stop missing."""
    begin, end = (int(TOWN.trips.st_begin[trip + n]) for n in (0, 1))
    rows = [row for row in range(begin, end) if not skip or (row - begin) % skip != skip - 1]
    times = TOWN.stop_times
    shift = START_S + start_s - int(times.arrival_s[begin]) + late_s
    count = len(rows)
    return Visits(
        [vehicle] * count,
        np.full(count, trip, np.int32),
        np.full(count, DAY.toordinal(), np.int32),
        np.full(count, start_s, np.int32),
        np.array(rows, np.int64),
        np.array([shift + times.arrival_s[row] - 7.0 for row in rows]),
        np.array([shift + times.departure_s[row] + 3.0 for row in rows]),
        np.array([unseen == 0 or n % unseen != 0 for n in range(count)]),
    )


RUNS = planned_starts(TOWN, DAY)


@st.composite
def days(draw: st.DrawFn) -> Visits:
    chosen = draw(st.lists(st.integers(0, len(RUNS[0]) - 1), min_size=1, max_size=40, unique=True))
    parts = [
        drive(
            int(RUNS[0][n]),
            int(RUNS[1][n]),
            f"bus {draw(st.integers(0, 5))}",
            draw(st.integers(-1200, 4000)) + 0.5,
            draw(st.sampled_from([0, 0, 3, 5])),
            draw(st.sampled_from([0, 0, 4])),
        )
        for n in chosen
    ]
    return join_visits(parts)


def hour(time_s: float) -> int:
    return datetime.fromtimestamp(time_s, TOWN.timezone).hour


def line(trip: int) -> tuple[str, int]:
    return TOWN.routes.ids[TOWN.trips.route_idx[trip]], int(TOWN.trips.direction[trip])


def is_last(trip: int, row: int) -> bool:
    return row == int(TOWN.trips.st_begin[trip + 1]) - 1


def plan() -> dict[tuple[str, int, int], list[float]]:
    """Planned departures by route, direction and stop."""
    found = defaultdict(list)
    for trip, start_s in zip(*RUNS, strict=True):
        begin, end = (int(TOWN.trips.st_begin[trip + n]) for n in (0, 1))
        shift = START_S + start_s - TOWN.stop_times.arrival_s[begin]
        for row in range(begin, end - 1):
            key = (*line(trip), int(TOWN.stop_times.stop_idx[row]))
            found[key].append(float(shift + TOWN.stop_times.departure_s[row]))
    return {key: sorted(times) for key, times in found.items()}


PLAN = plan()


@given(days())
@settings(max_examples=40, deadline=None)
def test_departures_are_counted_by_lateness(visits: Visits):
    expected: dict[tuple[str, int, int], list[int]] = defaultdict(lambda: [0] * DELAY_BINS)
    for n in range(len(visits)):
        trip, row = int(visits.trip[n]), int(visits.row[n])
        if trip in LOOSE or not visits.seen[n]:
            continue
        first = TOWN.stop_times.arrival_s[TOWN.trips.st_begin[trip]]
        shift = START_S + float(visits.start_s[n]) - float(first)
        if is_last(trip, row):
            due = shift + TOWN.stop_times.arrival_s[row]
            late_s = visits.arrival_s[n] - due
        else:
            due = shift + TOWN.stop_times.departure_s[row]
            late_s = visits.departure_s[n] - due
        place = min(max(int(late_s // 60) - DELAY_FIRST_MIN + 1, 0), DELAY_BINS - 1)
        expected[*line(trip), hour(due)][place] += 1
    found = {
        (row.route_id, row.direction, row.hour): row.delay_bins
        for row in DayPerformance(TOWN, DAY, visits).service_hours()
        if any(row.delay_bins)
    }
    assert found == dict(expected)


@given(days())
@settings(max_examples=40, deadline=None)
def test_headways_are_held_against_the_planned_ones(visits: Visits):
    passages: dict[tuple[str, int, int], list[float]] = defaultdict(list)
    for n in range(len(visits)):
        trip, row = int(visits.trip[n]), int(visits.row[n])
        if not is_last(trip, row):
            key = (*line(trip), int(TOWN.stop_times.stop_idx[row]))
            passages[key].append(float(visits.departure_s[n]))
    bins: dict[tuple[str, int, int], list[int]] = defaultdict(lambda: [0] * RATIO_BINS)
    sums: dict[tuple[str, int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (route, direction, stop), times in passages.items():
        for one, other in pairwise(sorted(times)):
            if other - one >= 3 * 3600:
                continue
            middle = (one + other) / 2
            key = (route, direction, hour(middle))
            planned = PLAN[route, direction, stop]
            at = min(max(bisect_left(planned, middle), 1), len(planned) - 1)
            ratio = (other - one) / (planned[at] - planned[at - 1])
            bins[key][min(int(ratio * 10), RATIO_BINS - 1)] += 1
            sums[key][0] += other - one
            sums[key][1] += (other - one) ** 2
    found = list(DayPerformance(TOWN, DAY, visits).service_hours())
    assert {
        (r.route_id, r.direction, r.hour): r.ratio_bins for r in found if any(r.ratio_bins)
    } == dict(bins)
    for each in found:
        key = (each.route_id, each.direction, each.hour)
        assert [each.headway_s, each.headway_sq] == pytest.approx(sums.get(key, [0.0, 0.0]))


def test_the_timetables_own_headways_are_summed_by_the_hour():
    sums: dict[tuple[str, int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (route, direction, _), times in PLAN.items():
        for one, other in pairwise(times):
            if other - one < 3 * 3600:
                key = (route, direction, hour((one + other) / 2))
                sums[key][0] += other - one
                sums[key][1] += (other - one) ** 2
    found = {
        (r.route_id, r.direction, r.hour): [r.plan_s, r.plan_sq]
        for r in DayPerformance(TOWN, DAY, no_visits()).service_hours()
        if r.plan_s
    }
    assert found.keys() == sums.keys()
    for key, expected in sums.items():
        assert found[key] == pytest.approx(expected)


@given(days())
@settings(max_examples=40, deadline=None)
def test_runs_are_timed_from_first_departure_to_last_arrival(visits: Visits):
    runs: dict[tuple[str, int, int], dict[int, int]] = defaultdict(dict)
    for n in range(len(visits)):
        if visits.seen[n]:
            run = (visits.vehicle_ids[n], int(visits.trip[n]), int(visits.start_s[n]))
            runs[run][int(visits.row[n])] = n
    expected: dict[tuple[str, int, int], list[tuple[int, int]]] = defaultdict(list)
    for (_, trip, _), rows in runs.items():
        first = int(TOWN.trips.st_begin[trip])
        last = int(TOWN.trips.st_begin[trip + 1]) - 1
        if first in rows and last in rows:
            left_s = visits.departure_s[rows[first]]
            took = round(float(visits.arrival_s[rows[last]] - left_s))
            planned = int(TOWN.stop_times.arrival_s[last] - TOWN.stop_times.departure_s[first])
            expected[*line(trip), hour(left_s)].append((took, planned))
    found = {
        (row.route_id, row.direction, row.hour): sorted(
            zip(row.actual_s, row.planned_s, strict=True)
        )
        for row in DayPerformance(TOWN, DAY, visits).run_times()
    }
    assert found == {key: sorted(values) for key, values in expected.items()}


@given(days())
@settings(max_examples=40, deadline=None)
def test_times_between_neighbouring_stops_are_kept_one_by_one(visits: Visits):
    at = {
        (visits.vehicle_ids[n], int(visits.trip[n]), int(visits.start_s[n]), int(visits.row[n])): n
        for n in range(len(visits))
        if visits.seen[n]
    }
    expected = defaultdict(list)
    for (vehicle, trip, start_s, row), n in at.items():
        after = at.get((vehicle, trip, start_s, row + 1))
        if after is None or is_last(trip, row):
            continue
        seconds = float(visits.arrival_s[after] - visits.departure_s[n])
        if seconds > 0:
            stops = TOWN.stop_times.stop_idx[row : row + 2].tolist()
            key = (TOWN.stops.ids[stops[0]], TOWN.stops.ids[stops[1]], hour(visits.departure_s[n]))
            expected[key].append(int(np.rint(seconds)))
    found = list(DayPerformance(TOWN, DAY, visits).segment_times())
    assert {(r.from_stop_id, r.to_stop_id, r.hour): r.seconds for r in found} == {
        key: sorted(values) for key, values in expected.items()
    }
    assert all(row.length_m > 50.0 for row in found)


def test_hours_are_local_also_in_the_night_that_has_one_twice():
    """Asia/Almaty went back by an hour at the end of 2024-02-29."""
    almaty = town(timezone="Asia/Almaty")
    edges, hours = hour_edges(almaty, date(2024, 2, 29))
    for edge, local in zip(edges.tolist(), hours.tolist(), strict=True):
        assert datetime.fromtimestamp(edge + 1, almaty.timezone).hour == local
    assert hours.tolist().count(23) == 3  # the evening before, and 23 o'clock twice


def test_the_days_of_a_span():
    assert days_between(date(2024, 2, 28), date(2024, 3, 1)) == [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    ]
    assert days_between(DAY, date(2020, 1, 1)) == []


async def test_a_night_keeps_the_days_figures_and_a_second_one_changes_nothing(
    own, pool: Pool, clock: ManualClock, database: str, driven
):
    store(database, driven, RECEIVED)
    assert await Nightly(pool, own, clock, AGENCY).run() == [DAY]
    counts = steps(database)["figures"][1]
    assert counts["service_hour"] > 20
    assert counts["run_time"] > 0
    assert counts["segment_time"] > 5
    first = _tables(database)
    assert await Nightly(pool, own, clock, AGENCY).run([DAY], again=True) == [DAY]
    assert _tables(database) == first


def _tables(database: str) -> dict[str, list[tuple]]:
    with connect(database) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5").fetchall()
            for table in ("service_hour", "run_time", "segment_time")
        }
