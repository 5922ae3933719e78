"""On-delay, dead band and off-delay: laws against a plain state machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from sapar.gtfs.realtime.console.latch import Latch, step
from sapar.gtfs.realtime.console.rules import (
    BUNCHED,
    DEFAULT_RULES,
    KINDS,
    LATE,
    Rule,
    RuleTable,
    check_rule,
    default_rules,
)

RAISED, HELD, GONE = 2, 1, 0
looks = st.lists(
    st.tuples(
        st.integers(1, 40), st.dictionaries(st.integers(0, 4), st.sampled_from([HELD, RAISED]))
    ),
    max_size=40,
)
delays = st.sampled_from([0.0, 10.0, 45.0, 90.0])


def play(seen, on_delay_s, off_delay_s):
    """The alarms after each look."""
    latch, now_s, found = Latch.empty(), 0.0, []
    for after_s, levels in seen:
        now_s += after_s
        keys = np.array(list(levels), np.int64)
        latch = step(
            latch,
            keys,
            np.array([level == RAISED for level in levels.values()], np.bool_),
            np.full(len(keys), on_delay_s),
            np.full(len(keys), off_delay_s),
            now_s,
        )
        assert (np.diff(latch.keys) > 0).all()
        found.append(dict(zip(latch.keys[latch.on].tolist(), latch.since_s[latch.on], strict=True)))
    return found


def plain(seen, key, on_delay_s, off_delay_s):
    """One condition, as the rule says it."""
    on, since, held, now_s, found = False, None, None, 0.0, []
    for after_s, levels in seen:
        now_s += after_s
        level = levels.get(key, GONE)
        if on:
            if level != GONE:
                held = now_s
            elif now_s - held >= off_delay_s:
                on, since = False, None
        else:
            since = (now_s if since is None else since) if level == RAISED else None
            if since is not None and now_s - since >= on_delay_s:
                on, held = True, now_s
        found.append(since if on else None)
    return found


@given(looks, delays, delays)
def test_each_condition_is_as_if_it_were_alone(seen, on_delay_s, off_delay_s):
    found = play(seen, on_delay_s, off_delay_s)
    for key in range(5):
        alone = plain(seen, key, on_delay_s, off_delay_s)
        assert [alarms.get(key) for alarms in found] == alone


@given(looks, delays, delays, st.integers(0, 40))
def test_a_condition_counts_from_when_it_passed_its_threshold(
    seen, on_delay_s, off_delay_s, before_s
):
    """As if there had been a look at that moment too, if it was after the last one."""
    latch, fine, now_s = Latch.empty(), Latch.empty(), 0.0
    for after_s, levels in seen:
        passed_s = now_s + max(1, after_s - before_s)
        now_s += after_s
        keys = np.array(list(levels), np.int64)
        raised = np.array([level == RAISED for level in levels.values()], np.bool_)
        more = (np.full(len(keys), on_delay_s), np.full(len(keys), off_delay_s))
        latch = step(latch, keys, raised, *more, now_s, np.full(len(keys), passed_s))
        fine = step(fine, keys, raised, *more, passed_s) if passed_s < now_s else fine
        fine = step(fine, keys, raised, *more, now_s)
        both = [(one.keys.tolist(), one.on.tolist(), one.since_s.tolist()) for one in (latch, fine)]
        assert both[0] == both[1]


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([20.0, 50.0]))
def test_what_flickers_faster_than_the_on_delay_never_rings(flicker, on_delay_s):
    seen = [(9, {1: RAISED} if on and number % 2 else {}) for number, on in enumerate(flicker)]
    assert all(alarms == {} for alarms in play(seen, on_delay_s, 30.0))


@given(st.lists(st.sampled_from([HELD, RAISED]), min_size=1, max_size=60))
def test_inside_the_dead_band_an_alarm_neither_ends_nor_begins(levels):
    rings = play([(5, {1: RAISED}), *((5, {1: level}) for level in levels)], 0.0, 0.0)
    assert all(alarms == {1: 5.0} for alarms in rings)
    never = play([(5, {1: HELD})] * len(levels), 0.0, 0.0)
    assert all(alarms == {} for alarms in never)


@given(looks, delays, delays)
def test_alarms_taken_over_go_on_with_their_beginning(seen, on_delay_s, off_delay_s):
    kept = Latch.of_alarms(np.array([3, 1]), np.array([-50.0, -9.0]), np.full(2, 60.0), 0.0)
    after = step(
        kept,
        np.array([1]),
        np.array([False]),
        np.array([on_delay_s]),
        np.array([off_delay_s]),
        10.0,
    )
    assert after.keys[after.on].tolist() == [1, 3]
    assert after.since_s.tolist() == [-9.0, -50.0]


# -- rules --------------------------------------------------------------------------------------


@given(st.floats(0, 1000), st.floats(0, 1), st.booleans())
def test_a_value_past_the_threshold_is_past_the_dead_band(value, share, other_route):
    rules = [*DEFAULT_RULES, Rule(kind="late", route_id="B", raise_at=10.0, clear_at=5.0)]
    table = RuleTable(rules, ["A", "B"])
    route = np.array([int(other_route)])
    for kind in (LATE, BUNCHED):
        raised, held = table.past(kind, route, np.array([value if kind == LATE else share]))
        assert held[0] or not raised[0]
    raised, _ = table.past(LATE, route, np.array([value]))
    assert raised[0] == (value >= (10.0 if other_route else 360.0))


def test_unknown_values_and_routes_are_past_nothing():
    table = RuleTable([*DEFAULT_RULES, Rule(kind="late", route_id="Z", raise_at=1, clear_at=1)], [])
    assert not table.past(LATE, np.array([-1]), np.array([np.nan]))[1][0]
    assert table.past(LATE, np.array([-1]), np.array([360.0]))[0][0]


def test_a_rule_that_is_switched_off_raises_nothing():
    off = Rule(kind="late", raise_at=1.0, clear_at=1.0, enabled=False)
    table = RuleTable([*DEFAULT_RULES, off], ["A"])
    assert not table.past(LATE, np.array([0]), np.array([9999.0]))[1][0]


def test_there_is_a_sensible_rule_for_every_kind():
    assert [rule.kind for rule in DEFAULT_RULES] == list(KINDS)
    for rule in [*DEFAULT_RULES, *default_rules(Settings())]:
        check_rule(rule)
    assert default_rules(Settings()) == list(DEFAULT_RULES)


@pytest.mark.parametrize(
    "change",
    [{"kind": "x"}, {"clear_at": 9.0}, {"raise_at": float("nan")}, {"priority": 0}],
)
def test_nonsense_is_refused(change):
    values = {"kind": "late", "raise_at": 5.0, "clear_at": 5.0} | change
    with pytest.raises(BadInput):
        check_rule(Rule(**values))
