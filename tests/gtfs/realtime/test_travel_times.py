"""Travel times: the timetable until buses have driven, then the buses; nothing gets lost."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.service_of_stops import StopService
from sapar.gtfs.realtime.travel_times import (
    CAP_S,
    CAP_SHARE,
    HISTORY_DAYS,
    POWER,
    PRIOR_WEIGHT,
    RECENT_S,
    TravelTimes,
)
from sapar.gtfs.realtime.visits import LearntTimes
from tests.gtfs.realtime.lines import EQUAL_STOPS, ONE_STOP, lattice_with, row_of, rows_of
from tests.gtfs.realtime.town import day_start, town

TOWN = town()
LATTICE = build_lattice(build_network(TOWN))
NOON = day_start(TOWN) + 12 * 3600  # a Tuesday
ROW = row_of(LATTICE, "A-out-21", 3)
PLANNED_S = 180.0
DAY_S = 86_400.0


def times() -> TravelTimes:
    return TravelTimes(LATTICE)


def estimate(known: TravelTimes, row: int = ROW, now_s: float = NOON) -> float:
    return float(known.estimate(np.array([row]), now_s)[0][0])


def usual(known: TravelTimes, row: int = ROW, at_s: float = NOON) -> float:
    return float(known.usual(np.array([row]), at_s)[0])


def observe(
    known: TravelTimes, took_s: list[float], at_s: list[float] | None = None, row: int = ROW
) -> None:
    known.observe(
        np.full(len(took_s), row), np.array(took_s), np.array(at_s or [NOON] * len(took_s))
    )


def mean_by_power(values: list[float], weights: list[float]) -> float:
    total = sum(w * v**POWER for v, w in zip(values, weights, strict=True))
    return float((total / sum(weights)) ** (1.0 / POWER))


# -- cold start ---------------------------------------------------------------------------------


def test_without_buses_the_timetable_stands() -> None:
    rows = rows_of(LATTICE, "A-out-21")
    took, weight = times().estimate(rows, NOON)
    assert took[[0, 1, 2, 3, 4, 5, 7]] == pytest.approx([0, 120, 120, 180, 120, 180, 120])
    assert not weight.any()


def test_two_stops_in_one_minute_take_the_time_of_the_way() -> None:
    row = row_of(LATTICE, "A-out-21", 6)
    leg_m = LATTICE.leg_m[LATTICE.leg_of_row[row]]
    assert estimate(times(), row) == pytest.approx(leg_m / 7.0 + 5.0)


def test_the_timetables_of_all_lines_over_a_pair_are_averaged_within_the_hour() -> None:
    lattice = lattice_with("T3,S1,1,08:00:00,08:00:00\nT3,S2,2,08:05:00,08:05:00\n")
    known = TravelTimes(lattice)
    one, other = row_of(lattice, "T1", 1), row_of(lattice, "T3", 1)
    assert known.pair_of_row[one] == known.pair_of_row[other]
    assert known.planned_s[[one, other]] == pytest.approx([240.0, 240.0])
    later = lattice_with("T3,S1,1,12:00:00,12:00:00\nT3,S2,2,12:05:00,12:05:00\n")
    known = TravelTimes(later)
    assert known.planned_s[row_of(later, "T1", 1)] == pytest.approx((180.0 + 240.0) / 2)
    assert known.planned_s[row_of(later, "T3", 1)] == pytest.approx((300.0 + 240.0) / 2)


@pytest.mark.parametrize("extra", [ONE_STOP, EQUAL_STOPS])
def test_awkward_trips_have_times(extra: str) -> None:
    lattice = lattice_with(extra)
    known = TravelTimes(lattice)
    rows = rows_of(lattice, "T3")
    took, _ = known.estimate(rows, NOON)
    assert took[0] == 0.0
    assert (took[1:] > 0).all()
    known.observe(rows, np.full(len(rows), 100.0), np.full(len(rows), NOON))
    assert np.isfinite(known.estimate(rows, NOON)[0]).all()


# -- today's buses ------------------------------------------------------------------------------


@given(st.lists(st.floats(20.0, 300.0), min_size=1, max_size=12))
def test_an_estimate_lies_between_the_plan_and_the_buses(took: list[float]) -> None:
    known = times()
    observe(known, took)
    assert min([PLANNED_S, *took]) - 1e-6 <= estimate(known) <= max([PLANNED_S, *took]) + 1e-6
    assert estimate(known) == pytest.approx(
        mean_by_power([PLANNED_S, *took], [PRIOR_WEIGHT] + [1.0] * len(took))
    )


@given(st.floats(20.0, 300.0), st.integers(1, 8))
def test_each_further_bus_brings_the_estimate_nearer(took: float, buses: int) -> None:
    known = times()
    far = [abs(estimate(known) - took)]
    for _ in range(buses):
        observe(known, [took])
        far.append(abs(estimate(known) - took))
    assert (np.diff(far) <= 1e-9).all()


def test_one_absurd_observation_counts_for_a_slow_bus() -> None:
    absurd, slow = times(), times()
    observe(absurd, [50_000.0])
    observe(slow, [CAP_SHARE * PLANNED_S + CAP_S])
    assert estimate(absurd) == pytest.approx(estimate(slow))
    assert estimate(absurd) < 1.5 * PLANNED_S + CAP_S


def test_what_buses_showed_fades() -> None:
    known = times()
    observe(known, [80.0])
    seen = [estimate(known, now_s=NOON + age) for age in (0, 900, 3600, 7200, 14_400, 36_000)]
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(mean_by_power([PLANNED_S, 80.0], [PRIOR_WEIGHT, 1.0]))
    assert known.estimate(np.array([ROW]), NOON + RECENT_S)[1][0] == pytest.approx(np.exp(-1))
    assert seen[-1] == pytest.approx(PLANNED_S, rel=0.01)


@given(st.lists(st.tuples(st.floats(120, 240), st.floats(0, 3000)), min_size=2, max_size=8))
def test_newer_buses_count_for_more(seen: list[tuple[float, float]]) -> None:
    known = times()
    for took, since in sorted(seen, key=lambda one: one[1]):
        observe(known, [took], [NOON + since])
    now_s = NOON + 3000
    weights = [float(np.exp((since - 3000) / RECENT_S)) for _, since in seen]
    expected = mean_by_power([PLANNED_S, *(took for took, _ in seen)], [PRIOR_WEIGHT, *weights])
    assert estimate(known, now_s=now_s) == pytest.approx(expected, rel=0.02)


@given(
    st.lists(st.tuples(st.floats(30, 300), st.integers(0, 3000)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_a_batch_in_any_order_teaches_the_same(seen, random) -> None:
    one, other = times(), times()
    mixed = random.sample(seen, len(seen))
    for known, batch in ((one, seen), (other, mixed)):
        observe(known, [took for took, _ in batch], [NOON + at for _, at in batch])
    assert estimate(one, now_s=NOON + 3000) == pytest.approx(estimate(other, now_s=NOON + 3000))


def test_no_time_and_first_stops_teach_nothing() -> None:
    known = times()
    observe(known, [0.0, -20.0])
    observe(known, [100.0], row=row_of(LATTICE, "A-out-21", 0))
    assert not len(known.export())
    assert estimate(known) == pytest.approx(PLANNED_S)


def test_a_pair_is_learnt_for_all_trips_over_it() -> None:
    known = times()
    observe(known, [100.0])
    assert estimate(known, row_of(LATTICE, "A-out-30", 3)) == estimate(known)
    assert estimate(known, row_of(LATTICE, "A-back-21", 3)) != estimate(known)


# -- past days ----------------------------------------------------------------------------------


def test_a_day_becomes_the_record_of_its_hour_and_type_of_day() -> None:
    known = times()
    observe(known, [100.0] * 9)
    assert usual(known) == PLANNED_S
    known.begin_day()
    assert usual(known) == pytest.approx((PLANNED_S + 900.0) / 10.0)
    assert usual(known, at_s=NOON + DAY_S) == usual(known)
    for other in (NOON + 3600, NOON - 3600, NOON + 4 * DAY_S, NOON + 5 * DAY_S):
        assert usual(known, at_s=other) == PLANNED_S


def test_days_and_hours_are_those_of_the_agency() -> None:
    known = times()
    assert known.band_of(NOON) == (0, 12)
    assert [known.band_of(NOON + n * DAY_S)[0] for n in range(7)] == [0, 0, 0, 0, 1, 2, 0]
    assert known.band_of(day_start(TOWN) + 30) == (0, 0)


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A-out-21", "A-back-21", "O-24", "N-12", "F-trip"]),
            st.integers(1, 4),
            st.floats(20.0, 600.0),
            st.integers(0, 6 * 24),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_kept_and_given_back_is_what_was_known(
    seen: list[tuple[str, int, float, int]],
) -> None:
    known = times()
    rows = np.array([row_of(LATTICE, trip, call) for trip, call, _, _ in seen])
    last_s = NOON + 6 * DAY_S
    for row, (_, _, took, _) in zip(rows, seen, strict=True):
        observe(known, [took], [last_s], row=int(row))
    kept = known.export()
    again = times()
    again.load(kept, last_s)
    known.begin_day()
    for hour in range(0, 24, 6):
        at_s = last_s + 3600.0 * hour
        assert np.allclose(again.usual(rows, at_s), known.usual(rows, at_s), rtol=1e-9)
    for name in ("weight", "mean_s", "last_s"):
        assert np.allclose(getattr(again.export(), name), getattr(kept, name))
    assert again.export().from_stop_ids == kept.from_stop_ids
    assert again.export().to_stop_ids == kept.to_stop_ids


def test_a_record_ages_once_however_often_it_is_taken_up() -> None:
    known = times()
    observe(known, [100.0])
    at_s = NOON + HISTORY_DAYS * DAY_S
    kept = known.export()
    for _ in range(3):
        again = times()
        again.load(kept, at_s)
        weight = float(np.exp(-1))
        assert usual(again) == pytest.approx((PLANNED_S + 100.0 * weight) / (1.0 + weight))
        kept = again.export()
    assert kept.mean_s[0] == pytest.approx(100.0)
    assert kept.last_s[0] == NOON


def test_a_record_of_stops_that_are_gone_is_left_out() -> None:
    known = times()
    observe(known, [100.0])
    kept = known.export()
    for changed in (
        dataclasses.replace(kept, from_stop_ids=["no such stop"]),
        dataclasses.replace(kept, to_stop_ids=["no such stop"]),
    ):
        again = times()
        again.load(changed, NOON)
        assert not len(again.export())
    swapped = dataclasses.replace(
        kept, from_stop_ids=kept.to_stop_ids, to_stop_ids=kept.from_stop_ids
    )
    again = times()
    again.load(swapped, NOON)
    assert usual(again) == PLANNED_S


def test_a_record_of_nothing_changes_nothing() -> None:
    known = times()
    none = np.zeros(0)
    known.load(
        LearntTimes([], [], none.astype(np.int8), none.astype(np.int8), none, none, none), NOON
    )
    assert estimate(known) == pytest.approx(PLANNED_S)
    assert not len(known.export())


def test_past_days_and_todays_buses_work_together() -> None:
    known = times()
    observe(known, [100.0] * 20, [NOON - DAY_S] * 20)
    known.begin_day()
    before = estimate(known, now_s=NOON + 6 * 3600)  # another hour: only the plan and the fading
    assert before == pytest.approx(PLANNED_S, rel=0.01)
    assert estimate(known) == pytest.approx(usual(known), rel=0.01)
    observe(known, [140.0])
    assert usual(known) < estimate(known) < 140.0


# -- stops that buses pass ----------------------------------------------------------------------


def passes(service: StopService, *off_m: float) -> bool:
    service.observe(np.zeros(len(off_m), np.int64), np.array(off_m))
    return bool(service.unserved(np.array([0]))[0])


def test_a_stop_is_served_until_two_buses_in_a_row_pass_far_off() -> None:
    service = StopService(2)
    assert not service.unserved(np.array([0, 1])).any()
    assert not passes(service, 300.0)
    assert passes(service, 300.0)
    assert not service.unserved(np.array([1]))[0]


@pytest.mark.parametrize("missed", [1, 2, 8])
def test_one_bus_that_comes_near_is_enough_to_believe_in_the_stop_again(missed: int) -> None:
    service = StopService(1)
    assert passes(service, *[300.0] * missed) == (missed > 1)
    assert not passes(service, 20.0)
    assert not passes(service, 300.0)


@given(st.lists(st.booleans(), min_size=2, max_size=30))
def test_a_stop_is_given_up_after_two_misses_in_a_row(near: list[bool]) -> None:
    service = StopService(1)
    for before, one in zip([True, *near], near, strict=False):
        assert passes(service, 10.0 if one else 200.0) == (not one and not before)


def test_an_old_record_does_not_grow_young_again_by_one_new_bus() -> None:
    old = times()
    observe(old, [100.0] * 20)
    at_s = NOON + 42 * DAY_S
    known, again = times(), times()
    known.load(old.export(), at_s)
    observe(known, [180.0], [at_s])
    again.load(known.export(), at_s)
    known.begin_day()
    assert abs(usual(again, at_s=at_s) - usual(known, at_s=at_s)) < 1.0
