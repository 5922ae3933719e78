"""Travel times learnt from stop visits: what is an observation, and what it counts."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.history.learning import DayVisits, Learner, observations
from sapar.gtfs.realtime.travel_times import CAP_S, CAP_SHARE

ZONE = ZoneInfo("Asia/Aqtobe")
MONDAY_NOON = 1_773_039_600.0  # 2026-03-09 12:00 in Aktobe


def day(at_s: float, took_s: float = 100.0, **changes: object) -> DayVisits:
    """A run of three stops a minute and a half apart by the timetable."""
    arrival = at_s + np.array([0.0, took_s + 30.0, 2 * took_s + 30.0])
    columns: dict = {
        "runs": np.zeros(3, np.int64),
        "stop_number": np.arange(3),
        "stop_ids": ["a", "b", "c"],
        "arrival_s": arrival,
        "departure_s": arrival + np.array([30.0, 10.0, 10.0]),
        "scheduled_arrival_s": at_s + np.array([0.0, 90.0, 180.0]),
        "scheduled_departure_s": at_s + np.array([0.0, 90.0, 180.0]),
        "seen": np.ones(3, np.bool_),
    }
    return DayVisits(**{**columns, **changes})


def test_a_way_runs_from_leaving_the_first_stop_and_then_from_arrival_to_arrival():
    before, rows, took = observations(day(MONDAY_NOON))
    assert (before.tolist(), rows.tolist(), took.tolist()) == ([0, 1], [1, 2], [100.0, 100.0])


@pytest.mark.parametrize(
    "changes",
    [
        {"runs": np.array([0, 1, 2])},
        {"stop_number": np.array([0, 2, 4])},
        {"seen": np.array([True, False, True])},
        {"arrival_s": np.full(3, np.nan)},
        {"arrival_s": MONDAY_NOON + np.array([0.0, -5.0, -5.0])},
    ],
)
def test_other_runs_missed_stops_guesses_and_no_times_teach_nothing(changes):
    _, rows, _ = observations(day(MONDAY_NOON, **changes))
    assert len(rows) == 0


def test_a_breakdown_counts_no_more_than_the_cap():
    learner = Learner(ZONE, 15.0)
    assert learner.learn(day(MONDAY_NOON, 3000.0)) == 2
    assert learner.result().mean_s.tolist() == [CAP_SHARE * 90.0 + CAP_S] * 2


def test_records_name_stops_type_of_day_and_local_hour():
    learner = Learner(ZONE, 15.0)
    learner.learn(day(MONDAY_NOON))
    learner.learn(day(MONDAY_NOON + 5 * 86_400 + 3600.0))
    learner.learn(day(MONDAY_NOON + 6 * 86_400))
    learnt = learner.result()
    bands = set(
        zip(learnt.from_stop_ids, learnt.to_stop_ids, learnt.day_type, learnt.hour, strict=True)
    )
    assert bands == {
        ("a", "b", 0, 12),
        ("b", "c", 0, 12),
        ("a", "b", 1, 13),
        ("b", "c", 1, 13),
        ("a", "b", 2, 12),
        ("b", "c", 2, 12),
    }


def test_an_observation_counts_half_after_its_half_life():
    learner = Learner(ZONE, 7.0)
    learner.learn(day(MONDAY_NOON, 90.0))
    learner.learn(day(MONDAY_NOON + 7 * 86_400, 120.0))
    learnt = learner.result()
    assert learnt.weight.tolist() == pytest.approx([1.5, 1.5], rel=1e-4)
    assert learnt.mean_s.tolist() == pytest.approx([110.0, 110.0], rel=1e-4)
    assert (learnt.last_s > MONDAY_NOON + 7 * 86_400).all()


@given(order=st.permutations(range(5)))
def test_days_may_be_learnt_in_any_order(order):
    def learnt(numbers):
        learner = Learner(ZONE, 5.0)
        for n in numbers:
            learner.learn(day(MONDAY_NOON + n * 86_400, 80.0 + 7 * n))
        return learner.result()

    one, two = learnt(range(5)), learnt(order)
    assert one.from_stop_ids == two.from_stop_ids
    assert one.weight.tolist() == pytest.approx(two.weight.tolist())
    assert one.mean_s.tolist() == pytest.approx(two.mean_s.tolist())
