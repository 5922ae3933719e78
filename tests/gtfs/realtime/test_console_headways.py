"""Headways, their regularity, and what advice is worth: laws, oracles and a small simulation."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.console.holding import hold_gain_s, hold_s, turn_gain_s
from sapar.gtfs.realtime.console.passages import excess_wait_s
from sapar.gtfs.realtime.console.spacing import BREAK_S, headways_of
from sapar.gtfs.realtime.fleet_state import NO

POSTS, NOW_S = 5, 10_000.0
buses = st.lists(st.tuples(st.integers(0, POSTS - 1), st.integers(0, 900)), min_size=1, max_size=12)
passages = st.lists(
    st.tuples(st.integers(0, 15), st.integers(1, 9000), st.integers(0, 15), st.integers(1, 3000)),
    min_size=POSTS,
    max_size=POSTS,
)


def find(bus, passed):
    slots = np.arange(len(bus), dtype=np.int64)
    post = np.array([p for p, _ in bus], np.int64)
    expected = NOW_S + np.array([s for _, s in bus], np.float64)
    last_slot = np.array([slot for slot, _, _, _ in passed], np.int64)
    last_s = NOW_S - np.array([ago for _, ago, _, _ in passed], np.float64)
    before_slot = np.array([slot for _, _, slot, _ in passed], np.int64)
    before_s = last_s - np.array([ago for _, _, _, ago in passed], np.float64)
    return headways_of(slots, post, expected, last_s, last_slot, before_s, before_slot)


@given(buses, passages)
def test_the_bus_ahead_is_the_one_that_calls_there_just_before(bus, passed):
    found = find(bus, passed)
    for row, (post, in_s) in enumerate(bus):
        others = [
            (s, other) for other, (p, s) in enumerate(bus) if p == post and (s, other) < (in_s, row)
        ]
        slot, ago, before_slot, before_ago = passed[post]
        if others:
            s, ahead = max(others)
            headway = float(in_s - s)
        elif slot != row:
            ahead, headway = slot, float(in_s + ago)
        else:
            ahead, headway = before_slot, float(in_s + ago + before_ago)
        if headway > BREAK_S:
            assert (found.ahead[row], np.isnan(found.headway_s[row])) == (NO, True)
        else:
            assert (found.ahead[row], found.headway_s[row]) == (ahead, headway)


@given(buses, passages)
def test_headways_are_never_negative_and_the_one_behind_is_the_nearest(bus, passed):
    found = find(bus, passed)
    known = ~np.isnan(found.headway_s)
    assert (found.headway_s[known] >= 0).all()
    for row in range(len(bus)):
        followers = [r for r in range(len(bus)) if found.ahead[r] == row]
        if followers:
            assert found.behind_s[row] == min(found.headway_s[r] for r in followers)
            assert found.behind[row] in followers
        else:
            assert np.isnan(found.behind_s[row])


headways = st.lists(st.integers(30, 3000), min_size=1, max_size=20)


def sums(values):
    array = np.array(values, np.float64)
    return np.array([array.sum()]), np.array([(array**2).sum()])


@given(headways, st.integers(60, 1800))
def test_excess_wait_is_that_of_riders_who_come_at_random(driven, planned):
    """Against the integral: a rider comes at every second and waits for the next bus."""
    h, h2 = sums(driven)
    p, p2 = sums([planned] * len(driven))
    waits = np.concatenate([np.arange(length) + 0.5 for length in driven])
    planned_waits = np.arange(planned) + 0.5
    expected = waits.mean() - planned_waits.mean()
    assert np.isclose(excess_wait_s(h, h2, p, p2)[0], expected)


@given(st.integers(60, 1800), st.integers(1, 20))
def test_as_planned_there_is_no_excess_and_unevenness_only_adds(planned, count):
    p, p2 = sums([planned] * count)
    assert np.isclose(excess_wait_s(p, p2, p, p2)[0], 0.0)
    uneven = [planned // 2, planned * 2 - planned // 2] * count
    h, h2 = sums(uneven)
    q, q2 = sums([planned] * (2 * count))
    assert excess_wait_s(h, h2, q, q2)[0] >= 0.0


def waiting(departures, riders):
    """Mean wait of riders for the first departure after they come."""
    at = np.searchsorted(departures, riders)
    return (departures[at] - riders).mean()


@given(st.integers(30, 500), st.integers(600, 1500))
def test_a_hold_saves_what_it_promises(ahead, behind):
    """A stop where riders come at random, with and without the hold."""
    plan = np.array([600.0])
    a, b = np.array([float(ahead)]), np.array([float(behind)])
    held = hold_s(a, b, plan)
    if held[0] == 0:
        assert ahead >= 0.75 * 600 or min((behind - ahead) / 2, 600 - ahead) < 30
        return
    riders = np.random.default_rng(1).uniform(0, ahead + behind, 40_000)
    before = waiting(np.array([ahead, ahead + behind], np.float64), riders)
    after = waiting(np.array([ahead + held[0], ahead + behind], np.float64), riders)
    gain = hold_gain_s(a, b, held)[0]
    assert gain > 0
    assert np.isclose(before - after, gain, atol=6.0)


@given(st.integers(30, 1500), st.integers(30, 1500), st.integers(0, 120))
def test_half_the_difference_is_the_best_hold(ahead, behind, other):
    a, b = np.array([float(ahead)]), np.array([float(behind)])
    best = np.maximum((b - a) / 2, 0.0)
    gain = hold_gain_s(a, b, best)[0]
    assert gain >= hold_gain_s(a, b, np.array([float(other)]))[0] - 1e-9


@given(
    st.integers(600, 3000),
    st.floats(0.1, 0.9),
    st.integers(20, 600),
    st.integers(20, 600),
)
def test_a_turn_saves_what_it_promises(gap, share, left_ahead, left_behind):
    """Both directions side by side, riders of each coming at random over what is touched."""
    first = gap * share
    gain = turn_gain_s(
        np.array([float(gap)]), np.array([first]),
        np.array([float(left_ahead)]), np.array([float(left_behind)]),
    )[0]  # fmt: skip
    random = np.random.default_rng(2)
    here = random.uniform(0, gap, 20_000)
    both = float(left_ahead + left_behind)
    there = random.uniform(0, both, 20_000)
    saved = waiting(np.array([float(gap)]), here) - waiting(np.array([first, float(gap)]), here)
    lost = waiting(np.array([both]), there) - waiting(np.array([float(left_ahead), both]), there)
    expected = (saved * gap - lost * both) / (gap + both)
    assert np.isclose(gain, expected, atol=0.02 * (gap + both))
