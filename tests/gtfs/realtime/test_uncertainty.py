"""Bounds of predictions: they hold the median, and four arrivals in five."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.uncertainty import EDGES_S, SAMPLE_MAX, SAMPLE_S, Uncertainty

NOW = 1_773_100_000.0
PER_ROUND = 40
AHEAD_S = np.array([90.0, 270.0, 480.0, 900.0])
"""A time to go in each class."""


def live(
    known: Uncertainty,
    rounds: int,
    spread: float,
    shift_s: float = 0.0,
    kind: int = 0,
    ahead_s: float = 480.0,
    seed: int = 1,
) -> tuple[float, float]:
    """Predict and arrive; give the shares below and above the bounds in the last third."""
    random = np.random.default_rng(seed)
    below, above, count = 0, 0, 0
    kinds = np.full(PER_ROUND, kind, np.int8)
    slots = np.arange(PER_ROUND)
    for number in range(rounds):
        now_s = NOW + SAMPLE_S * number
        row = slots * 10_000 + number  # a call is reached once
        median = now_s + ahead_s + random.uniform(-5, 5, PER_ROUND)
        low, high = known.bounds(median, kinds, now_s)
        known.note(slots, row, median, kinds, now_s)
        arrival = median + shift_s + random.laplace(0.0, spread, PER_ROUND)
        arrival = np.maximum(arrival, now_s + 1.0)
        known.learn(slots, row, arrival)
        if number >= 2 * rounds // 3:
            below += int((arrival < low).sum())
            above += int((arrival > high).sum())
            count += PER_ROUND
    return below / count, above / count


@given(st.lists(st.tuples(st.floats(-600, 5000), st.integers(0, 1)), min_size=1, max_size=20))
def test_the_bounds_hold_the_median_and_nothing_before_now(stops) -> None:
    median = NOW + np.array([stop[0] for stop in stops])
    kind = np.array([stop[1] for stop in stops], np.int8)
    low, high = Uncertainty().bounds(median, kind, NOW)
    assert (low <= median).all()
    assert (median <= high).all()
    assert (low >= np.minimum(median, NOW)).all()


def test_the_bounds_are_wider_further_ahead_and_for_waiting_buses() -> None:
    median = NOW + np.array([60.0, 300.0, 900.0, 1800.0])
    running = np.subtract(*Uncertainty().bounds(median, np.zeros(4, np.int8), NOW)[::-1])
    waiting = np.subtract(*Uncertainty().bounds(median, np.ones(4, np.int8), NOW)[::-1])
    assert (np.diff(running) > 0).all()
    assert (waiting[1:] > running[1:]).all()


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("spread", [30.0, 60.0, 120.0])
def test_one_arrival_in_ten_comes_to_lie_on_either_side(kind: int, spread: float) -> None:
    below, above = live(Uncertainty(), 250, spread, kind=kind)
    assert below == pytest.approx(0.10, abs=0.03)
    assert above == pytest.approx(0.10, abs=0.03)


@pytest.mark.parametrize("shift_s", [-40.0, 40.0])
def test_a_bias_moves_the_bounds_and_not_their_rate(shift_s: float) -> None:
    below, above = live(Uncertainty(), 250, 50.0, shift_s)
    assert below == pytest.approx(0.10, abs=0.03)
    assert above == pytest.approx(0.10, abs=0.03)


@pytest.mark.parametrize("band", range(len(AHEAD_S)))
def test_each_class_learns_for_itself(band: int) -> None:
    known = Uncertainty()
    live(known, 20, 100.0, ahead_s=float(AHEAD_S[band]))
    assert np.searchsorted(EDGES_S, AHEAD_S[band]) == band
    touched = np.zeros((2, len(AHEAD_S)), np.bool_)
    touched[0, band] = True
    assert ((known.below != 1.0) == touched).all()
    assert ((known.above != 1.0) == touched).all()


def test_factors_stay_within_bounds_whatever_happens() -> None:
    for spread in (0.0, 5000.0):
        known = Uncertainty()
        live(known, 200, spread)
        for factors in (known.below, known.above):
            assert (factors >= 0.3).all()
            assert (factors <= 4.0).all()


def test_predictions_are_remembered_once_a_minute_and_only_some() -> None:
    known = Uncertainty()
    many = np.arange(3 * SAMPLE_MAX)
    median = np.full(len(many), NOW + 300.0)
    kind = np.zeros(len(many), np.int8)
    known.note(many, many, median, kind, NOW)
    known.note(many, many, median + 1e-3, kind, NOW + SAMPLE_S / 2)
    known.learn(many, many, median)
    learnt = np.log(known.below[0, 1]) / (-0.01 * 0.1)
    assert 0 < round(learnt) <= SAMPLE_MAX


@pytest.mark.parametrize("ahead_s", [-30.0, 0.0, 1300.0])
def test_what_is_past_or_far_ahead_is_not_remembered(ahead_s: float) -> None:
    known = Uncertainty()
    one = np.array([3])
    known.note(one, one, np.array([NOW + ahead_s]), np.zeros(1, np.int8), NOW)
    known.learn(one, one, np.array([NOW + 4000.0]))
    assert (known.above == 1.0).all()


def test_arrivals_of_others_and_before_the_prediction_teach_nothing() -> None:
    known = Uncertainty()
    kind = np.zeros(1, np.int8)
    known.note(np.array([3]), np.array([7]), np.array([NOW + 300.0]), kind, NOW)
    for slot, row, at_s in ((4, 7, NOW + 999), (3, 8, NOW + 999), (3, 7, NOW - 10)):
        known.learn(np.array([slot]), np.array([row]), np.array([at_s]))
    assert (known.above == 1.0).all()
    known.learn(np.array([3]), np.array([7]), np.array([NOW + 999]))
    assert known.above[0, 1] > 1.0
    assert known.below[0, 1] < 1.0


def test_a_prediction_that_never_came_true_is_forgotten() -> None:
    known = Uncertainty()
    kind, one = np.zeros(1, np.int8), np.array([3])
    known.note(one, one, np.array([NOW + 300.0]), kind, NOW)
    known.note(one, one + 1, np.array([NOW + 3300.0]), kind, NOW + 3000.0)
    known.learn(one, one, np.array([NOW + 3100.0]))
    assert (known.above == 1.0).all()
