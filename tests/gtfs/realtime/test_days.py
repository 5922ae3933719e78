"""Service dates: past midnight, a change of the clocks, headways, and who is expected."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, Days
from sapar.gtfs.realtime.ragged import argmin_of_groups, expand, number_in_group
from sapar.gtfs.timetable.model import service_day_start
from tests.gtfs.realtime.town import DAY, day_start, town

TOWN = town()


def test_after_midnight_yesterdays_runs_are_still_there() -> None:
    days = Days(TOWN)
    days.look(day_start(TOWN) + 25 * 3600)
    dates = {date.fromordinal(int(day)) for day in np.unique(days.runs.day)}
    assert {DAY, date(2026, 3, 11)} <= dates
    late = days.runs.where(
        (days.runs.first_s <= day_start(TOWN) + 25 * 3600)
        & (days.runs.last_s > day_start(TOWN) + 25 * 3600)
    )
    assert {date.fromordinal(int(day)) for day in late.day} == {DAY}
    assert (late.start_s > 24 * 3600).all()


def test_runs_of_a_block_are_in_order_and_of_all_dates() -> None:
    days = Days(TOWN)
    days.look(day_start(TOWN) + 12 * 3600)
    runs = days.of_block(TOWN.blocks.index["A0"])
    assert (np.diff(runs.first_s) > 0).all()
    assert len(runs) % len(TOWN.block_trips(TOWN.blocks.index["A0"])) == 0


def test_kinds_of_service() -> None:
    days = Days(TOWN)
    assert days.kind[TOWN.trips.index["F-trip"]] == FREQUENCY_LOOSE
    assert days.kind[TOWN.trips.index["X-trip"]] == FREQUENCY_EXACT
    assert days.kind[TOWN.trips.index["A-out-0"]] == 0


def test_expected_counts_what_is_in_service() -> None:
    days = Days(TOWN)
    noon = day_start(TOWN) + 12 * 3600 + 1
    days.look(noon)
    # line A: 12:00 out and 11:40 .. no return trip lasts 20 min; O 12:00; N 12:00; headways below
    now_s = noon - day_start(TOWN)
    by_times = 0
    for trip in TOWN.trips_active(DAY):
        if days.kind[trip] == 0:
            until_s = TOWN.trips.last_s[trip]
            later = [
                TOWN.trips.first_s[other]
                for other in TOWN.trips_active(DAY)
                if TOWN.trips.block_idx[other] == TOWN.trips.block_idx[trip] >= 0
                and 0 < TOWN.trips.first_s[other] - until_s <= 1800
            ]
            by_times += TOWN.trips.first_s[trip] <= now_s < min(later, default=until_s)
    # F: 550 s every 600 s, started at 12:00; X: every 720 s, started at 12:00
    assert days.expected(noon) == by_times + 2
    assert days.expected(day_start(TOWN) + 4 * 3600) == 0


def test_the_night_the_clocks_change_keeps_times_of_day() -> None:
    almaty = ZoneInfo("Asia/Almaty")  # UTC+6 to UTC+5 on 2024-03-01
    for day, hours in ((date(2024, 2, 29), 6), (date(2024, 3, 2), 5)):
        noon = datetime(day.year, day.month, day.day, 12 - hours, tzinfo=UTC).timestamp()
        assert service_day_start(day, almaty) == noon - 12 * 3600


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9))))
def test_expand_writes_out_every_range(ranges: list[tuple[int, int]]) -> None:
    low = np.array([r[0] for r in ranges], np.int64)
    high = low + np.array([r[1] for r in ranges], np.int64)
    values, owner, begin = expand(low, high)
    wanted = [(v, n) for n, (a, c) in enumerate(ranges) for v in range(a, a + c)]
    assert list(zip(values.tolist(), owner.tolist(), strict=True)) == wanted
    assert all(begin[n] == sum(c for _, c in ranges[:n]) for n in range(len(ranges)))


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), max_size=8))
def test_argmin_of_groups_is_the_first_least(groups: list[list[int]]) -> None:
    begin = np.cumsum([0, *(len(g) for g in groups)])[:-1]
    flat = np.array([v for g in groups for v in g], np.float64)
    wanted = [int(b) + g.index(min(g)) for b, g in zip(begin, groups, strict=True)]
    assert argmin_of_groups(flat, begin.astype(np.int64)).tolist() == wanted


@given(st.lists(st.integers(0, 4)).map(sorted))
def test_number_in_group_counts_within_equal_values(groups: list[int]) -> None:
    wanted = [groups[:n].count(g) for n, g in enumerate(groups)]
    assert number_in_group(np.array(groups, np.int64)).tolist() == wanted
