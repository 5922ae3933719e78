"""A whole is the sum of its parts, whatever their order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import Fault
from sapar.finance.settlement.split import apportion, round_half_up, split

parts = st.dictionaries(st.text(max_size=5), st.integers(-(10**12), 10**12), max_size=12)
weights = st.dictionaries(st.text(max_size=5), st.integers(0, 10**9), min_size=1).filter(
    lambda found: sum(found.values()) > 0
)


@given(parts, st.integers(1, 10**6))
def test_parts_sum_to_the_rounded_whole(numerators, denominator):
    shares = apportion(numerators, denominator)
    assert sum(shares.values()) == round_half_up(sum(numerators.values()), denominator)


@given(parts, st.integers(1, 10**6))
def test_each_part_is_its_fraction_rounded_up_or_down(numerators, denominator):
    for key, share in apportion(numerators, denominator).items():
        assert abs(share * denominator - numerators[key]) < denominator


@given(st.integers(-(10**15), 10**15), weights, st.randoms())
def test_a_split_is_exact_and_has_no_order(whole, weighed, chance):
    shares = split(whole, weighed)
    assert sum(shares.values()) == whole
    items = list(weighed.items())
    chance.shuffle(items)
    assert split(whole, dict(items)) == shares


@given(st.integers(0, 10**12), weights)
def test_more_weight_never_gets_less(whole, weighed):
    shares = split(whole, weighed)
    ordered = sorted(weighed, key=lambda key: weighed[key])
    for lighter, heavier in pairwise(ordered):
        assert weighed[lighter] == weighed[heavier] or shares[lighter] <= shares[heavier]


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (0, 3, 0)],
)
def test_halves_go_away_from_zero(numerator, denominator, rounded):
    assert round_half_up(numerator, denominator) == rounded


def test_nothing_is_split_by_no_weights():
    with pytest.raises(Fault):
        split(100, {"a": 0})
