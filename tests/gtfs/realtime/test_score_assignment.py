"""Scores of the assignment: what counts as right, and that it cannot be had for nothing."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.score.assignment import (
    FOUND_WITHIN_S,
    HEADWAY_MAX_S,
    NO_RUN,
    NO_RUN_DETOUR,
    NO_RUN_NEW,
    NO_RUN_STARTED,
    ORDER_KEPT,
    OTHER_DIRECTION,
    OTHER_ROUTE,
    OTHER_TRIP,
    RIGHT_TRIP,
    SHIFT_MAX_S,
    Samples,
    SignLooks,
    WrongSign,
    order_kept,
    outcomes,
    score_signs,
    summarise,
)
from tests.gtfs.realtime.town import town

TOWN = town()
OUT = [f"A-out-{n}" for n in range(10, 20)]  # one every 20 minutes


def sample(pairs: Sequence[tuple[str, str | None]], **columns: object) -> Samples:
    """Samples of one look, a bus each: (true trip, trip by the engine)."""
    count = len(pairs)
    index, first = TOWN.trips.index, TOWN.trips.first_s
    true = np.array([index[a] for a, _ in pairs], np.int32)
    trip = np.array([index[b] if b else -1 for _, b in pairs], np.int32)
    values: dict[str, object] = {
        "look": np.zeros(count, np.int64),
        "vehicle": np.arange(count),
        "weight": np.ones(count),
        "true_trip": true,
        "true_start_s": first[true] * 1.0,
        "trip": trip,
        "start_s": np.where(trip >= 0, first[np.maximum(trip, 0)] * 1.0, np.nan),
        "headway_s": np.full(count, 600.0),
        "heard_s": np.full(count, 1000.0),
        "driven_s": np.full(count, 1000.0),
        "detour": np.zeros(count, np.bool_),
    }
    return Samples(**{**values, **columns})  # type: ignore[arg-type]


def test_the_true_run_needs_its_trip_and_its_start():
    found = outcomes(TOWN, sample([("F-trip", "F-trip")], headway_s=np.array([np.inf])))
    assert found.tolist() == [RIGHT_TRIP]
    later = sample([("F-trip", "F-trip")], headway_s=np.array([np.inf]), start_s=np.array([1e6]))
    assert outcomes(TOWN, later).tolist() == [OTHER_TRIP]


def test_a_fleet_shifted_by_one_trip_keeps_its_order():
    shifted = list(itertools.pairwise(OUT))
    assert (outcomes(TOWN, sample(shifted)) == ORDER_KEPT).all()
    # twice the shift is beyond half an hour here, order or not
    far = list(zip(OUT, OUT[2:], strict=False))
    assert (outcomes(TOWN, sample(far)) == OTHER_TRIP).all()


def test_only_a_headway_route_goes_by_order():
    shifted = list(itertools.pairwise(OUT))
    rare = sample(shifted, headway_s=np.full(len(shifted), HEADWAY_MAX_S + 1))
    assert (outcomes(TOWN, rare) == OTHER_TRIP).all()


def test_two_buses_that_swap_places_cost_one_and_two_on_one_run_cost_one():
    swapped = [(OUT[0], OUT[0]), (OUT[1], OUT[2]), (OUT[2], OUT[1]), (OUT[3], OUT[3])]
    assert order_kept(TOWN, sample(swapped)).sum() == 3
    same = [(OUT[0], OUT[1]), (OUT[1], OUT[1])]
    kept = order_kept(TOWN, sample(same))
    assert kept.tolist() == [False, True]  # of two that are as long, the one with the true run


def test_what_became_of_the_others_is_told_apart():
    pairs: list[tuple[str, str | None]] = [
        (OUT[0], "A-back-10"),
        (OUT[1], "O-10"),
        *[(name, None) for name in OUT[2:6]],
    ]
    found = outcomes(
        TOWN,
        sample(
            pairs,
            heard_s=np.array([1e3, 1e3, 1e3, 10.0, 1e3, 1e3]),
            driven_s=np.array([1e3, 1e3, 1e3, 1e3, 10.0, np.nan]),
            detour=np.array([False, False, True, False, False, False]),
        ),
    )
    assert found.tolist() == [
        OTHER_DIRECTION, OTHER_ROUTE, NO_RUN_DETOUR, NO_RUN_NEW, NO_RUN_STARTED, NO_RUN,
    ]  # fmt: skip
    report = summarise(found, np.array([1.0, 1, 2, 1, 1, 4]))
    assert report["fixes"] == 10
    assert report["right_pattern"] == 0.0
    assert report["outcomes"]["no run"] == 0.4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_the_largest_subset_in_order_counts(labels):
    pairs = [(OUT[n], OUT[label]) for n, label in enumerate(labels)]
    samples = sample(pairs)
    shift_s = np.abs(samples.start_s - samples.true_start_s)
    best = max(
        len(rows)
        for size in range(len(labels) + 1)
        for rows in itertools.combinations(range(len(labels)), size)
        if all(shift_s[r] <= SHIFT_MAX_S for r in rows)
        and all(labels[a] < labels[b] for a, b in itertools.pairwise(rows))
    )
    assert order_kept(TOWN, samples).sum() == best


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)), st.lists(st.integers(-1, 1), min_size=8, max_size=8))
def test_the_order_of_the_samples_does_not_matter(order, shifts):
    pairs = [(OUT[n + 1], OUT[n + 1 + shift]) for n, shift in enumerate(shifts)]
    straight = order_kept(TOWN, sample(pairs))
    mixed = order_kept(TOWN, sample([pairs[n] for n in order]))
    assert straight.sum() == mixed.sum()


def looks(conflict_s: tuple[float, float] | None, until_s: float = 3600.0) -> SignLooks:
    """One bus looked at every 15 s, in conflict between two times."""
    time_s = np.arange(0.0, until_s, 15.0)
    low, high = conflict_s or (np.inf, np.inf)
    return SignLooks(
        time_s,
        np.zeros(len(time_s), np.int64),
        np.ones(len(time_s), np.bool_),
        (time_s >= low) & (time_s < high),
    )


SPELL = [WrongSign(0, "other_route", 600.0, 1500.0)]


@pytest.mark.parametrize(
    ("conflict_s", "found", "alarms"),
    [
        ((720.0, 1500.0), 1, 0),
        ((600.0 + FOUND_WITHIN_S + 30.0, 1500.0), 0, 0),
        (None, 0, 0),
        ((0.0, 300.0), 0, 1),
        ((720.0, 1800.0), 1, 0),  # it takes a while to believe a sign-on that is put right
    ],
)
def test_wrong_sign_ons_are_found_in_time_or_not(conflict_s, found, alarms):
    score = score_signs(SPELL, looks(conflict_s))
    assert (score["planted"], score["found"], score["false_alarms"]) == (1, found, alarms)
    assert score["right_bus_hours"] == pytest.approx(0.75, abs=0.02)


def test_a_spell_too_short_to_judge_does_not_count():
    score = score_signs([WrongSign(0, "other_trip", 600.0, 700.0)], looks(None))
    assert score["planted"] == 0
    assert score["recall"] is None
