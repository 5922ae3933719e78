"""Laws of the parts: chance, ways through streets, running times, timetables with blocks."""

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.simulators.city import build_city
from sapar.simulators.city.dice import Dice
from sapar.simulators.city.lines import LineKind
from sapar.simulators.city.network import find_way, free_times_s
from sapar.simulators.city.service import LAST_ARRIVAL_S, Span
from sapar.simulators.city.table import clock_text
from sapar.simulators.city.timetabling import RoundTrip, plan_circle, plan_round_trips
from sapar.simulators.city.timing import Course, Day, RunTimes, call_times
from tests.simulators.city.conftest import seconds
from tests.simulators.city.duties import peak


@given(st.text(max_size=8), st.lists(st.integers(), max_size=30))
def test_shuffling_keeps_the_items(seed, items):
    assert sorted(Dice(seed).shuffled(items)) == sorted(items)


@given(st.text(max_size=8), st.integers(0, 20))
def test_a_fork_does_not_depend_on_earlier_draws(seed, draws):
    dice = Dice(seed)
    for _ in range(draws):
        dice.unit()
    assert dice.fork("a").unit() == Dice(seed).fork("a").unit()


def test_dice_never_change():
    dice = Dice("sapar")
    assert [dice.below(100) for _ in range(6)] == [80, 61, 84, 87, 36, 64]


@given(st.integers(0, 30 * 3600))
def test_clock_text_reads_back(time_s):
    assert seconds(clock_text(time_s)) == time_s


def test_ways_are_the_cheapest_and_follow_the_streets(aktobe):
    streets = aktobe.streets
    cost = free_times_s(streets)
    cheapest = _all_costs(streets, cost, start=0)
    dice = Dice("ways")
    for goal in {dice.below(len(streets.xy_m)) for _ in range(40)}:
        arcs = find_way(streets, 0, goal, cost.tolist())
        assert arcs is not None
        assert sum(cost[arc // 2] for arc in arcs) == pytest.approx(cheapest[goal])
        nodes = [0, *(streets.head(arc) for arc in arcs)]
        assert [streets.tail(arc) for arc in arcs] == nodes[:-1]
        assert nodes[-1] == goal
        assert all(streets.edge_of(arc).one_way in (0, -1 if arc % 2 else 1) for arc in arcs)


def _all_costs(streets, cost, start):
    """Cheapest cost to every node by repeated relaxation (Bellman-Ford)."""
    best = np.full(len(streets.xy_m), np.inf)
    best[start] = 0.0
    for _ in streets.xy_m:
        before = best.copy()
        for node, arcs in enumerate(streets.arcs_from):
            for arc, other in arcs:
                best[other] = min(best[other], best[node] + cost[arc // 2])
        if np.array_equal(before, best):
            break
    return best


def test_there_is_no_way_over_banned_streets(aktobe):
    streets = aktobe.streets
    around = {arc // 2 for arc, _ in streets.arcs_from[0]}
    cost = free_times_s(streets).tolist()
    assert find_way(streets, 0, 5, cost, around) is None
    assert find_way(streets, 3, 3, cost) == []


def test_streets_bend_and_the_river_has_few_bridges(aktobe):
    streets = aktobe.streets
    bent = sum(len(edge.points_m) > 2 for edge in streets.edges)
    assert bent > 0.3 * len(streets.edges)
    for pattern in aktobe.patterns:
        straight_m = math.dist(pattern.stops[0].road_m, pattern.stops[-1].road_m)
        assert pattern.shape_m[-1] > 1.05 * straight_m


@settings(deadline=None)
@given(data=st.data())
def test_times_strictly_increase_whenever_a_trip_leaves(aktobe, data):
    pattern = data.draw(st.sampled_from(aktobe.patterns))
    first = data.draw(st.integers(0, len(pattern.stops) - 2))
    last = data.draw(st.integers(first + 1, len(pattern.stops) - 1))
    day = data.draw(st.sampled_from(list(Day)))
    start_s = data.draw(st.integers(0, 26 * 3600))
    arrival, departure = call_times(Course(pattern, first, last), day, np.array([start_s]))
    assert arrival[0, 0] == departure[0, 0] == start_s
    assert arrival[0, -1] == departure[0, -1]
    assert (arrival <= departure).all()
    assert (departure[:, :-1] < arrival[:, 1:]).all()
    speed_kmh = np.diff(pattern.stop_m[first : last + 1]) / np.diff(arrival[0]) * 3.6
    assert (speed_kmh < 60).all()
    assert RunTimes(Course(pattern, first, last), day).run_s(start_s) == pytest.approx(
        arrival[0, -1] - start_s, abs=15
    )


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_round_trips_chain_into_blocks(aktobe, data):
    through = [s for s in aktobe.services if s.line.kind is not LineKind.CIRCULAR]
    service = data.draw(st.sampled_from(through))
    day = data.draw(st.sampled_from(list(Day)))
    vehicles = data.draw(st.integers(1, 40))
    span = Span(data.draw(st.integers(330, 420)) * 60, data.draw(st.integers(1260, 1530)) * 60)
    out, back = (
        RunTimes(Course(p, 0, len(p.stops) - 1), day)
        for p in (service.pattern(0), service.pattern(1))
    )
    runs = plan_round_trips([RoundTrip(out, back)], day, span, vehicles)
    assert min(run.start_s for run in runs) >= span.first_s
    assert max(run.end_s for run in runs) <= span.end_s
    blocks = defaultdict(list)
    for run in runs:
        blocks[run.block].append(run)
    for block in blocks.values():
        block.sort(key=lambda run: run.start_s)
        for a, b in pairwise(block):
            assert b.start_s - a.end_s >= 295
            assert a.course.pattern.direction != b.course.pattern.direction
    if day is Day.WEEKDAY and vehicles >= 4:
        spans = [(block[0].start_s, block[-1].end_s) for block in blocks.values()]
        assert peak(spans) == pytest.approx(vehicles, abs=max(2, 0.15 * vehicles))


def test_a_circle_keeps_its_vehicles(aktobe):
    ring = next(s for s in aktobe.services if s.line.kind is LineKind.CIRCULAR)
    pattern = ring.pattern(0)
    circle = RunTimes(Course(pattern, 0, len(pattern.stops) - 1), Day.WEEKDAY)
    runs = plan_circle(circle, Day.WEEKDAY, Span(330 * 60, LAST_ARRIVAL_S), 8)
    spans: dict[int, tuple[int, int]] = {}
    for run in sorted(runs, key=lambda run: run.start_s):
        first_s, last_s = spans.get(run.block, (run.start_s, run.start_s - 300))
        assert run.start_s - last_s >= 295
        spans[run.block] = (first_s, run.end_s)
    assert peak(list(spans.values())) == pytest.approx(8, abs=1)


@pytest.mark.parametrize("seed", range(3, 15))
def test_every_seed_gives_a_city(seed):
    city = build_city("aktobe", seed)
    assert len(city.services) == 30
    assert city.peak_vehicles == pytest.approx(300, rel=0.01)
    assert any(
        leg.end_s > 25 * 3600
        for service in city.services
        for legs in service.runs.values()
        for leg in legs
    )
