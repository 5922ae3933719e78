"""Departures from first stops: when due or when ready, with what was learnt of the terminal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.departures import SHORT_BREAK_S, Departures

DUE_S = 1_773_100_000.0
STOP = np.array([0])


def leaves(known: Departures, ready_s: float = -np.inf, stop: int = 0) -> float:
    return float(known.leaving(np.array([stop]), np.array([DUE_S]), np.array([ready_s]))[0])


def see(known: Departures, late_s: float, spare_s: float = 300.0, stop: int = 0) -> None:
    known.observe(
        np.array([stop]),
        np.array([DUE_S]),
        np.array([DUE_S - spare_s]),
        np.array([DUE_S + late_s]),
    )


def ready(known: Departures, break_s: float, way_m: float = 0.0, stop: int = 0) -> float:
    found = known.ready(np.array([stop]), np.array([DUE_S]), np.array([break_s]), np.array([way_m]))
    return float(found[0]) - DUE_S


def turn(known: Departures, took_s: float, break_s: float, due_s: float = DUE_S) -> None:
    """See a bus that ended its run at `DUE_S`, and left for one due at `due_s`."""
    known.observe_turns(
        STOP,
        np.array([due_s]),
        np.array([DUE_S]),
        np.array([DUE_S + took_s]),
        np.array([break_s]),
        np.zeros(1),
    )


def test_a_bus_with_time_to_spare_leaves_soon_after_it_is_due() -> None:
    assert 0 <= leaves(Departures(1)) - DUE_S <= 60


@given(st.floats(-3600.0, 3600.0))
def test_a_bus_leaves_neither_before_it_is_ready_nor_before_it_is_due(ready_s: float) -> None:
    known = Departures(1)
    assert leaves(known, DUE_S + ready_s) >= DUE_S + max(0.0, ready_s)
    if ready_s > known.offset_s:
        assert leaves(known, DUE_S + ready_s) == DUE_S + ready_s


@pytest.mark.parametrize("usual_s", [5.0, 60.0, 110.0])
def test_how_long_after_the_due_time_is_learnt(usual_s: float) -> None:
    known = Departures(1)
    random = np.random.default_rng(1)
    for late_s in random.normal(usual_s, 15.0, 200):
        see(known, late_s)
    assert known.offset_s == pytest.approx(usual_s, abs=12.0)


@given(st.lists(st.floats(-3600.0, 7200.0), max_size=80))
def test_what_is_added_to_the_due_time_stays_within_bounds(late: list[float]) -> None:
    known = Departures(1)
    for late_s in late:
        see(known, late_s)
    assert 0.0 <= known.offset_s <= 150.0


def test_a_bus_that_came_late_or_was_not_seen_to_leave_teaches_nothing() -> None:
    known = Departures(1)
    before = known.offset_s
    for _ in range(20):
        see(known, 140.0, spare_s=10.0)
        see(known, 140.0, spare_s=-300.0)
        see(known, np.nan)
    assert known.offset_s == before
    assert not known.passes(STOP)[0]


def test_a_terminal_where_buses_do_not_wait_is_noticed_and_only_that() -> None:
    known = Departures(2)
    see(known, -240.0)
    assert not known.passes(STOP)[0]
    for _ in range(5):
        see(known, -240.0)
    assert known.passes(np.array([0, 1])).tolist() == [True, False]
    assert leaves(known, DUE_S - 200.0) == DUE_S - 200.0
    assert leaves(known, DUE_S - 200.0, stop=1) > DUE_S
    for _ in range(20):
        see(known, 20.0)
    assert not known.passes(STOP)[0]


@given(st.floats(0.0, 7200.0), st.floats(0.0, 5000.0))
def test_a_turn_round_takes_time_and_more_where_the_way_is_longer(
    break_s: float, way_m: float
) -> None:
    known = Departures(1)
    assert 0 < ready(known, break_s, way_m) <= 35.0 + 1.15 * break_s + 1e-6
    assert ready(known, break_s, way_m) <= ready(known, break_s, way_m + 500.0)


def test_a_long_break_is_cut_short_when_a_bus_is_late() -> None:
    assert ready(Departures(1), 1200.0) == pytest.approx(40.0)
    assert ready(Departures(1), 120.0) == pytest.approx(35.0 + 1.15 * 120.0)


@pytest.mark.parametrize("break_s", [120.0, 600.0])
def test_turn_rounds_are_learnt_by_stop_and_kind_of_break(break_s: float) -> None:
    known = Departures(2)
    rule = ready(known, break_s)
    other = 600.0 if break_s <= SHORT_BREAK_S else 120.0
    rule_other = ready(known, other)
    for _ in range(40):
        turn(known, 1.5 * rule, break_s)
    assert ready(known, break_s) == pytest.approx(1.5 * rule, rel=0.1)
    assert ready(known, break_s, stop=1) == pytest.approx(rule)
    assert ready(known, other) == pytest.approx(rule_other)


def test_a_turn_round_with_time_to_spare_teaches_nothing() -> None:
    known = Departures(1)
    rule = ready(known, 600.0)
    for _ in range(10):
        turn(known, 300.0, 600.0, due_s=DUE_S + 280.0)
        turn(known, -20.0, 600.0)
        turn(known, np.nan, 600.0)
    assert ready(known, 600.0) == rule


def test_one_endless_turn_round_counts_for_a_long_one() -> None:
    known = Departures(1)
    rule = ready(known, 600.0)
    turn(known, 90_000.0, 600.0)
    assert ready(known, 600.0) < 4 * rule


@given(st.floats(-7200.0, 7200.0))
def test_a_departure_is_still_to_come(leave_s: float) -> None:
    known = Departures(1)
    now_s = DUE_S
    found = float(known.still(np.array([now_s + leave_s]), now_s)[0])
    assert found >= now_s + 10.0
    assert found <= max(now_s + leave_s, now_s + 70.0)
    if leave_s > 10.0:
        assert found == now_s + leave_s


def test_the_later_a_bus_is_the_longer_it_may_take() -> None:
    late = np.array([DUE_S, DUE_S - 60.0, DUE_S - 300.0, DUE_S - 3600.0])
    found = Departures(1).still(late, DUE_S)
    assert found.tolist() == sorted(found.tolist())
