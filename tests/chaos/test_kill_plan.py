"""The plan of kills: seeded, complete, in order."""

from hypothesis import given
from hypothesis import strategies as st

from sapar.cli.bench.kill_plan import DOWN_MAX_S, DOWN_MIN_S, count_kills, plan_kills

COUNTS = st.integers(0, 30)


@given(st.integers(), st.floats(1, 500), st.integers(1, 5), COUNTS, COUNTS, COUNTS)
def test_a_plan_holds_every_kill_within_its_time(seed, duration_s, workers, a, b, c):
    plan = plan_kills(seed, duration_s, workers, a, b, c)
    assert plan == plan_kills(seed, duration_s, workers, a, b, c)
    assert [kill.at_s for kill in plan] == sorted(kill.at_s for kill in plan)
    assert [count_kills(plan, t) for t in ("worker", "postgres", "broker")] == [a, b, c]
    for kill in plan:
        assert 0 <= kill.at_s <= duration_s
        assert DOWN_MIN_S <= kill.down_s <= DOWN_MAX_S
        assert (0 <= kill.worker < workers) == (kill.target == "worker")


def test_another_seed_is_another_plan():
    assert plan_kills(1, 60, 2, 20, 3, 3) != plan_kills(2, 60, 2, 20, 3, 3)


def test_both_workers_have_their_turn():
    assert {kill.worker for kill in plan_kills(1, 60, 2, 20, 0, 0)} == {0, 1}
