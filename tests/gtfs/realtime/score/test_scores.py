"""Matching and scores on rows that can be counted by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.score.buckets import WINDOWS, Score, score
from sapar.gtfs.realtime.score.matching import (
    ARRIVAL_UNSEEN,
    FIRST_STOP,
    NEVER_CAME,
    RECORD_ENDED,
    SCORED,
    UNKNOWN_VEHICLE,
    Asked,
    Matched,
    match,
)
from sapar.gtfs.realtime.score.passages import Passages

T0 = 1_773_100_000.0
STOPS = 10


def asked(rows: list[tuple[float, int, int]], until_s: float = 1e6, first: bool = False) -> Asked:
    """Predictions of (sampled, vehicle, stop); the records go on until a moment."""
    count = len(rows)
    return Asked(
        T0 + np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows], np.int32),
        np.array([row[2] for row in rows], np.int32),
        np.full(count, first),
        np.full(count, T0 + until_s),
    )


def passages(rows: list[tuple[int, int, float]], unseen: bool = False) -> Passages:
    """Passages of (vehicle, stop, arrival)."""
    rows = sorted(rows)
    return Passages(
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        T0 + np.array([row[2] for row in rows]),
        np.full(len(rows), unseen),
        np.zeros(len(rows), np.int64),
    )


def matched(of: Asked, promised: list[float], truth: Passages) -> Matched:
    return match(of, T0 + np.array(promised, float), truth, STOPS)


def test_the_passage_closest_to_the_promise_is_taken():
    truth = passages([(0, 3, 100.0), (0, 3, 900.0), (1, 3, 310.0), (0, 4, 300.0)])
    found = matched(asked([(0, 0, 3), (0, 0, 3)]), [300.0, 800.0], truth)
    assert found.state.tolist() == [SCORED, SCORED]
    assert (found.actual_s - T0).tolist() == [100.0, 900.0]


def test_of_predictions_made_at_once_the_second_is_not_given_the_first_passage():
    truth = passages([(0, 3, 100.0), (0, 3, 900.0)])
    found = matched(asked([(0, 0, 3), (0, 0, 3)]), [120.0, 90.0], truth)
    assert (found.actual_s - T0).tolist() == [900.0, 100.0]


@pytest.mark.parametrize(
    ("arrival", "state"),
    [(-29.0, SCORED), (-31.0, NEVER_CAME), (2100.0, SCORED), (2101.0, NEVER_CAME)],
)
def test_passages_count_in_a_span_around_the_sample(arrival: float, state: int):
    found = matched(asked([(0, 0, 3)]), [60.0], passages([(0, 3, arrival)]))
    assert found.state.tolist() == [state]


def test_what_is_not_judged():
    here = passages([(0, 3, 100.0)])
    assert matched(asked([(0, 0, 3)], first=True), [60.0], here).state[0] == FIRST_STOP
    assert matched(asked([(0, -1, 3)]), [60.0], here).state[0] == UNKNOWN_VEHICLE
    unseen = passages([(0, 3, 100.0)], unseen=True)
    assert matched(asked([(0, 0, 3)]), [60.0], unseen).state[0] == ARRIVAL_UNSEEN
    elsewhere = passages([(0, 4, 100.0)])
    assert matched(asked([(0, 0, 3)], until_s=659.0), [60.0], elsewhere).state[0] == RECORD_ENDED
    assert matched(asked([(0, 0, 3)], until_s=660.0), [60.0], elsewhere).state[0] == NEVER_CAME
    assert matched(asked([(0, 0, 3)]), [60.0], passages([])).state[0] == NEVER_CAME


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.integers(0, 2), st.integers(0, 4)), min_size=1),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.floats(-100, 3000))),
    st.integers(0, 1000),
)
def test_an_arrival_is_always_a_passage_of_the_vehicle_and_stop(
    rows: list[tuple[float, int, int]], truth: list[tuple[int, int, float]], ahead: int
):
    of = asked(rows)
    found = matched(of, [row[0] + ahead for row in rows], passages(truth))
    for n, (sampled, vehicle, stop) in enumerate(rows):
        own = [t for v, s, t in truth if (v, s) == (vehicle, stop)]
        if found.state[n] == SCORED:
            actual = float(found.actual_s[n] - T0)
            assert min(abs(actual - t) for t in own) < 0.01
            assert sampled - 30.1 <= actual <= sampled + 2100.1
        else:
            assert found.state[n] == NEVER_CAME


def scored(rows: Sequence[tuple[float, float | None]]) -> Score:
    """Score predictions made at T0 of (promised, actual or None for never came)."""
    actual = np.array([np.nan if row[1] is None else T0 + row[1] for row in rows], np.float64)
    return score(
        np.full(len(rows), T0),
        T0 + np.array([row[0] for row in rows], float),
        np.where(np.isnan(actual), NEVER_CAME, SCORED).astype(np.int8),
        actual,
    )


@pytest.mark.parametrize(
    ("promised", "actual", "accurate"),
    [
        (100, 70, 1), (100, 69, 0), (80, 170, 1), (80, 171, 0),
        (300, 240, 1), (300, 239, 0), (100, 250, 1), (100, 251, 0),
        (500, 440, 1), (500, 439, 0), (350, 560, 1), (350, 561, 0),
        (800, 710, 1), (800, 709, 0), (630, 900, 1), (629, 900, 0),
    ],
)  # fmt: skip
def test_windows_grow_with_the_time_until_the_arrival(promised: int, actual: int, accurate: int):
    assert sum(bucket.accurate for bucket in scored([(promised, actual)]).buckets) == accurate


def test_a_bus_that_never_came_is_wrong_where_it_was_promised():
    found = scored([(100, 100), (100, None), (300, 300), (700, None), (1000, None), (1100, 1000)])
    shares = [bucket.share for bucket in found.buckets]
    assert shares == [0.5, 1.0, 0.0, 0.0]
    assert found.overall == pytest.approx(0.375)
    assert found.overall_without_never_came == pytest.approx(0.5)
    assert found.never_came_share == pytest.approx(2 / 4)
    assert found.scored == 2
    assert found.states == {"scored": 3, "never_came": 3}


def test_errors_and_bounds():
    sampled, promised = np.full(3, T0), T0 + np.array([100.0, 300.0, 2000.0])
    actual = T0 + np.array([110.0, 280.0, 2000.0])
    state = np.full(3, SCORED, np.int8)
    found = score(sampled, promised, state, actual, (promised - 5, promised + 15))
    assert (found.mae_s, found.bias_s, found.median_abs_s) == (15.0, -5.0, 15.0)
    assert found.interval_80_coverage == 0.5
    assert score(sampled, promised, state, actual).interval_80_coverage is None


def test_windows_follow_each_other_and_hold_every_second_once():
    seconds = np.arange(0.0, 900.5, 0.5)
    assert (np.sum([window.holds(seconds) for window in WINDOWS], axis=0) == 1).all()
    assert [window.minutes for window in WINDOWS] == ["0-3", "3-6", "6-10", "10-15"]


def test_nothing_to_score_scores_nothing():
    empty = np.zeros(0)
    found = score(empty, empty, np.zeros(0, np.int8), empty, (empty, empty))
    assert (found.overall, found.mae_s, found.scored, found.interval_80_coverage) == (0, 0, 0, 0)
