"""Stop visits: merged, named, and the same from fixes in any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.history.replay import in_order, visits_of
from sapar.gtfs.history.visits import (
    join_visits,
    merge_visits,
    no_visits,
    rows_of,
    take_visits,
    with_plain_starts,
)
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable import Timetable
from tests.gtfs.history.support import block_legs, drive
from tests.gtfs.realtime.town import DAY, Bus, day_start, join, town


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


def visits(*rows: tuple[str, int, int, float, float]) -> Visits:
    """Visits of (vehicle, trip, row, arrival, departure) on the town's day."""
    return Visits(
        [row[0] for row in rows],
        np.array([row[1] for row in rows], np.int32),
        np.full(len(rows), DAY.toordinal(), np.int32),
        np.zeros(len(rows), np.int32),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]),
        np.ones(len(rows), np.bool_),
    )


def test_a_later_row_counts_and_fills_what_it_does_not_know_from_earlier_ones():
    nan = np.nan
    merged = merge_visits(
        visits(
            ("b", 0, 1, 10.0, nan),
            ("a", 0, 2, 20.0, 25.0),
            ("b", 0, 1, nan, 15.0),
            ("b", 0, 1, 11.0, nan),
        )
    )
    assert merged.vehicle_ids == ["a", "b"]
    assert merged.arrival_s.tolist() == [20.0, 11.0]
    assert merged.departure_s.tolist() == [25.0, 15.0]


def test_nothing_merged_is_nothing():
    assert len(merge_visits(join_visits([no_visits(), no_visits()]))) == 0
    assert len(join_visits([])) == 0


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 3)), max_size=30
    )
)
def test_merging_again_changes_nothing_and_keys_are_unique(rows):
    found = visits(*[(v, t, r, float(n), np.nan) for n, (v, t, r) in enumerate(rows)])
    once = merge_visits(found)
    again = merge_visits(once)
    keys = list(zip(once.vehicle_ids, once.trip.tolist(), once.row.tolist(), strict=True))
    assert len(keys) == len(set(keys)) == len(set(rows))
    assert again.vehicle_ids == once.vehicle_ids
    assert again.arrival_s.tolist() == once.arrival_s.tolist()
    newest = {row: float(n) for n, row in enumerate(rows)}
    assert once.arrival_s.tolist() == [newest[key] for key in keys]


def test_rows_speak_in_names_and_milliseconds(timetable: Timetable):
    trip = timetable.trips.index["A-out-1"]
    row = int(timetable.trips.st_begin[trip]) + 2
    start = day_start(timetable)
    (written,) = rows_of(timetable, visits(("bus 1", trip, row, start + 100.5, np.nan)))
    date, trip_id, start_s, sequence, vehicle, number, stop, route, arrival, departure, *rest = (
        written
    )
    assert (date, trip_id, start_s, sequence, vehicle) == (
        DAY,
        "A-out-1",
        6 * 3600 - 2400,
        3,
        "bus 1",
    )
    assert (number, stop, route) == (2, "a2", "A")
    assert arrival == round((start + 100.5) * 1000)
    assert departure is None
    scheduled = round((start + float(timetable.stop_times.arrival_s[row])) * 1000)
    assert rest == [scheduled, scheduled, True]


def test_a_headway_run_counts_its_schedule_from_its_own_start(timetable: Timetable):
    trip = timetable.trips.index["F-trip"]
    row = int(timetable.trips.st_begin[trip]) + 1
    found = visits(("bus 1", trip, row, 0.0, 0.0))
    found.start_s[:] = 40_000
    assert with_plain_starts(timetable, found).start_s.tolist() == [40_000]
    (written,) = rows_of(timetable, found)
    assert written[2] == 40_000
    assert written[10] == round((day_start(timetable) + 40_110) * 1000)


def test_a_visit_without_any_time_is_no_row(timetable: Timetable):
    assert list(rows_of(timetable, visits(("bus 1", 0, 0, np.nan, np.nan)))) == []


@pytest.fixture(scope="module")
def driven(timetable: Timetable) -> FixColumns:
    buses = [
        Bus(timetable, f"bus {n}", block_legs(timetable, f"A{n}", 6 * 3600, 8 * 3600), seed=n)
        for n in range(2)
    ]
    return join([drive(bus, 6 * 3600 - 300, 8 * 3600, 20.0) for bus in buses])


@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), repeats=st.integers(0, 100))
def test_fixes_in_any_order_with_any_repeats_give_the_same_visits(
    timetable: Timetable, driven: FixColumns, seed: int, repeats: int
):
    random = np.random.default_rng(seed)
    rows = np.concatenate(
        [random.permutation(len(driven)), random.integers(0, len(driven), repeats)]
    )
    shuffled = driven.take(random.permutation(rows))
    assert list(rows_of(timetable, visits_of(timetable, shuffled))) == expected(timetable, driven)


def expected(timetable: Timetable, driven: FixColumns) -> list:
    if not _EXPECTED:
        _EXPECTED.extend(rows_of(timetable, visits_of(timetable, driven)))
        assert len(_EXPECTED) > 40
    return _EXPECTED


_EXPECTED: list = []


def test_of_one_vehicle_and_moment_one_fix_stays_whatever_came_first(driven: FixColumns):
    doubled = join([driven, driven.take(np.arange(len(driven))[::-1])])
    kept = in_order(doubled)
    assert len(kept) == len(driven)
    other = FixColumns(**{**_fields(driven), "latitude": driven.latitude + 1e-4})
    one, two = in_order(join([driven, other])), in_order(join([other, driven]))
    assert one.latitude.tolist() == two.latitude.tolist()
    assert (np.diff(one.time_s) >= 0).all()


def _fields(fixes: FixColumns) -> dict:
    return {name: getattr(fixes, name) for name in FixColumns.__slots__}


def test_some_rows_can_be_taken():
    found = visits(("a", 0, 1, 1.0, 2.0), ("b", 1, 2, 3.0, 4.0))
    assert take_visits(found, np.array([1])).vehicle_ids == ["b"]
