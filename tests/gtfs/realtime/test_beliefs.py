"""Beliefs: forward only, weighed by every fix, sorted, few, and in step with the blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.beliefs import (
    KEPT,
    STEP_M,
    STEP_S,
    Beliefs,
    Ground,
    advance,
    distinct,
    due_for_a_look,
    kept,
    replaced,
)
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.departures import Departures
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.intake import Round
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.margins import margins
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.service_of_stops import StopService
from sapar.gtfs.realtime.travel_times import TravelTimes
from sapar.gtfs.realtime.uncertainty import Uncertainty
from tests.gtfs.realtime.lines import row_of, rows_of
from tests.gtfs.realtime.town import DAY, day_start, town

TOWN = town()
LATTICE = build_lattice(build_network(TOWN))
DAYS = Days(TOWN)
BASE_S = day_start(TOWN)
DAYS.look(BASE_S + 12 * 3600)
STOPS = len(TOWN.stops.ids)
GROUND = Ground(
    LATTICE,
    DAYS.links,
    TravelTimes(LATTICE),
    Departures(STOPS),
    StopService(STOPS),
    Uncertainty(),
)
WORSE_MAX = 14.0


def believe(rows: list[int], score: list[float] | None = None, slot: int = 0) -> Beliefs:
    row = np.array(rows, np.int64)
    start_s = TOWN.stop_times.arrival_s[LATTICE.first_row[LATTICE.trip_of_row[row]]]
    n = len(row)
    return Beliefs(
        np.full(n, slot),
        row,
        np.full(n, DAY.toordinal(), np.int32),
        start_s.astype(np.int32),
        np.full(n, BASE_S),
        np.array(score or [0.0] * n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
    )


def place(row: int, share: float) -> tuple[float, float]:
    """A place on the way to the stop of a row."""
    leg = LATTICE.leg_of_row[row]
    points = slice(LATTICE.leg_begin[leg], LATTICE.leg_begin[leg + 1])
    m = LATTICE.m[points]
    along = m[0] + share * (m[-1] - m[0])
    return (
        float(np.interp(along, m, LATTICE.x[points])),
        float(np.interp(along, m, LATTICE.y[points])),
    )


def fleet_at(time_s: float, *places: tuple[float, float]) -> FleetState:
    fleet = FleetState()
    slots = fleet.slots_of([f"b{n}" for n in range(len(places))])
    for name in ("x", "tracked_x"):
        fleet[name][slots] = [x for x, _ in places]
    for name in ("y", "tracked_y"):
        fleet[name][slots] = [y for _, y in places]
    for name in ("time_s", "tracked_s"):
        fleet[name][slots] = time_s
    return fleet


def fixes_at(time_s: float, *places: tuple[float, float]) -> Round:
    n = len(places)
    nan = np.full(n, np.nan)
    x, y = np.array([p[0] for p in places]), np.array([p[1] for p in places])
    return Round(np.arange(n), np.full(n, time_s), nan, nan, x, y, nan, nan)


def due_s(row: int) -> float:
    return BASE_S + float(TOWN.stop_times.arrival_s[row])


def best(beliefs: Beliefs) -> int:
    return int(beliefs.row[np.argmax(beliefs.score)])


# -- one step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trip_id", ["A-out-21", "A-back-20", "O-24", "N-12"])
def test_a_bus_that_drives_its_run_is_believed_on_the_leg_it_is_on(trip_id: str) -> None:
    rows = rows_of(LATTICE, trip_id)
    at = place(int(rows[0]), 0.0)
    beliefs, time_s = believe([int(rows[0])]), due_s(int(rows[0]))
    fleet = fleet_at(time_s, at)
    for row in rows[1:]:
        for share in (0.25, 0.5, 0.75, 0.98):
            at, time_s = place(int(row), share), time_s + 25.0
            beliefs = advance(beliefs, fleet, GROUND, fixes_at(time_s, at))
            fleet = fleet_at(time_s, at)
            if share < 0.9 and LATTICE.leg_m[LATTICE.leg_of_row[row]] > 400.0:
                assert best(beliefs) == row


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["A-out-21", "O-24", "N-12"]),
    st.integers(0, 4),
    st.lists(st.tuples(st.floats(-900, 900), st.floats(-900, 900)), min_size=1, max_size=6),
)
def test_beliefs_never_go_back_and_stay_in_order(trip_id, call, moves) -> None:
    row = row_of(LATTICE, trip_id, call)
    at, time_s = place(row, 0.5), due_s(row)
    beliefs, fleet = believe([row]), fleet_at(due_s(row), place(row, 0.5))
    for east, north in moves:
        at, time_s = (at[0] + east, at[1] + north), time_s + 30.0
        before = beliefs.row.min()
        first = (beliefs.start_s.min(), before)
        beliefs = advance(beliefs, fleet, GROUND, fixes_at(time_s, at))
        fleet = fleet_at(time_s, at)
        assert 0 < len(beliefs) <= KEPT
        assert all(
            key >= first
            for key in zip(beliefs.start_s.tolist(), beliefs.row.tolist(), strict=True)
            if key[0] == first[0]
        )
        assert (beliefs.start_s >= first[0]).all()
        assert beliefs.score[0] == 0.0
        assert (np.diff(beliefs.score) <= 0).all()
        assert (beliefs.score > -WORSE_MAX).all()
        assert (beliefs.fit <= 0).all()
        assert np.isfinite(beliefs.along_m).all()
        keys = list(zip(beliefs.row.tolist(), beliefs.start_s.tolist(), strict=True))
        assert len(keys) == len(set(keys))


def test_from_the_last_call_the_block_goes_on_with_the_start_of_its_next_run() -> None:
    last = int(rows_of(LATTICE, "A-out-21")[-1])
    stop = place(last, 1.0)
    fleet = fleet_at(due_s(last) - 20.0, place(last, 0.8))
    beliefs = advance(believe([last]), fleet, GROUND, fixes_at(due_s(last), stop))
    back = rows_of(LATTICE, "A-back-21")
    assert best(beliefs) == back[0]
    at = int(np.argmax(beliefs.score))
    assert beliefs.start_s[at] == TOWN.stop_times.arrival_s[back[0]]
    assert beliefs.day[at] == DAY.toordinal()
    assert beliefs.base_s[at] == BASE_S


def test_after_the_last_run_of_a_block_comes_nothing() -> None:
    last = int(rows_of(LATTICE, "N-12")[-1])
    fleet = fleet_at(due_s(last) - 20.0, place(last, 0.8))
    beliefs = advance(believe([last]), fleet, GROUND, fixes_at(due_s(last), place(last, 1.0)))
    assert beliefs.row.tolist() == [last]


def test_a_bus_that_has_not_moved_stays() -> None:
    row = row_of(LATTICE, "A-out-21", 2)
    at = place(row, 0.5)
    fleet = fleet_at(due_s(row), at)
    beliefs = advance(believe([row]), fleet, GROUND, fixes_at(due_s(row) + 30.0, at))
    assert best(beliefs) == row


def test_driving_against_the_line_is_held_against_a_belief() -> None:
    there, back = row_of(LATTICE, "A-out-21", 2), row_of(LATTICE, "A-back-20", 6)
    beliefs = believe([there, back])
    low, high = place(there, 0.3), place(there, 0.7)
    time_s = due_s(there)
    for start, end, right in ((low, high, there), (high, low, back)):
        found = advance(beliefs, fleet_at(time_s, start), GROUND, fixes_at(time_s + 30, end))
        assert best(found) == right


def test_only_the_vehicles_of_the_round_are_given() -> None:
    row = row_of(LATTICE, "A-out-21", 2)
    at = place(row, 0.5)
    both = Beliefs.joined([believe([row], slot=1), believe([row], slot=0)])
    assert both.slot.tolist() == [0, 1]
    fleet = fleet_at(due_s(row), at, at)
    found = advance(both, fleet, GROUND, fixes_at(due_s(row) + 20, at))
    assert set(found.slot.tolist()) == {0}
    nobody = fixes_at(due_s(row))
    assert not len(advance(both, fleet, GROUND, nobody))
    assert not len(advance(Beliefs.none(), fleet, GROUND, fixes_at(due_s(row), at)))


def test_buses_together_are_believed_as_each_alone() -> None:
    rows = [row_of(LATTICE, name, 2) for name in ("A-out-21", "O-24", "N-12")]
    table = Beliefs.joined([believe([row], slot=n) for n, row in enumerate(rows)])
    before, after = [place(r, 0.2) for r in rows], [place(r, 0.6) for r in rows]
    time_s = due_s(rows[0])
    together = advance(table, fleet_at(time_s, *before), GROUND, fixes_at(time_s + 30, *after))
    for slot in range(len(rows)):
        fixes = fixes_at(time_s + 30, *after).where(np.arange(3) == slot)
        alone = advance(table, fleet_at(time_s, *before), GROUND, fixes)
        mine = together.where(together.slot == slot)
        for name in Beliefs.__slots__:
            assert np.array_equal(getattr(mine, name), getattr(alone, name)), name


def test_a_sign_on_weighs_until_it_is_doubted() -> None:
    rows = [row_of(LATTICE, name, 2) for name in ("A-out-21", "A-out-22")]
    at, time_s = place(rows[0], 0.3), due_s(rows[0])
    scores = []
    for doubted in (False, True):
        fleet = fleet_at(time_s, at)
        fleet["sign_trip"][0] = TOWN.trips.index["A-out-22"]
        fleet["sign_doubted"][0] = doubted
        found = advance(believe(rows), fleet, GROUND, fixes_at(time_s + 20, place(rows[0], 0.5)))
        but_for_lateness = (found.score + found.timing).tolist()
        by_row = dict(zip(found.row.tolist(), but_for_lateness, strict=True))
        scores.append(by_row[rows[0]] - by_row[rows[1]])
    assert scores[0] < -0.5
    assert scores[1] == pytest.approx(0.0)


# -- the table ------------------------------------------------------------------------------------


def test_the_best_is_set_to_nought_and_the_hopeless_is_dropped() -> None:
    rows = rows_of(LATTICE, "A-out-21")[:4].tolist()
    found = kept(believe(rows, [-5.0, -3.0, -3.0 - WORSE_MAX, -4.0]))
    assert found.row.tolist() == [rows[1], rows[3], rows[0]]
    assert found.score.tolist() == [0.0, -1.0, -2.0]


def test_a_vehicle_keeps_so_many_beliefs_and_each_its_own() -> None:
    many = believe(list(range(100)), [-0.01 * n for n in range(100)])
    few = believe([5, 6], [-50.0, -51.0], slot=3)
    found = kept(Beliefs.joined([many, few]))
    assert np.bincount(found.slot).tolist() == [KEPT, 0, 0, 2]
    assert found.score[found.slot == 3].tolist() == [0.0, -1.0]
    assert found.row[found.slot == 0].tolist() == list(range(KEPT))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(-20, 0)), max_size=30))
def test_of_equal_beliefs_the_best_is_kept(given_beliefs) -> None:
    parts = [believe([row], [score], slot) for slot, row, score in given_beliefs]
    found = distinct(Beliefs.joined([Beliefs.none(), *parts]))
    expected: dict[tuple[int, int], float] = {}
    for slot, row, score in given_beliefs:
        expected[slot, row] = max(expected.get((slot, row), -np.inf), score)
    got = dict(
        zip(
            zip(found.slot.tolist(), found.row.tolist(), strict=True),
            found.score.tolist(),
            strict=True,
        )
    )
    assert got == expected
    assert len(found) == len(expected)


def test_beliefs_of_some_vehicles_are_exchanged() -> None:
    table = Beliefs.joined([believe([1, 2], slot=s) for s in range(3)])
    new = believe([7], slot=1)
    found = replaced(table, np.array([1]), new)
    assert found.slot.tolist() == [0, 0, 1, 2, 2]
    assert found.row.tolist() == [1, 2, 7, 1, 2]
    gone = replaced(found, np.array([2, 9]), Beliefs.none())
    assert gone.slot.tolist() == [0, 0, 1]


def test_a_margin_is_what_the_best_belief_elsewhere_lacks() -> None:
    out = rows_of(LATTICE, "A-out-21")
    away = row_of(LATTICE, "N-12", 3)
    back = row_of(LATTICE, "A-back-21", 4)
    for others, expected in (
        ([], WORSE_MAX),
        ([int(out[3])], WORSE_MAX),  # the next call is not elsewhere
        ([int(out[7])], 3.0),
        ([away], 3.0),
        ([back], 3.0),
    ):
        rows = [int(out[2]), *others]
        slots, first, margin = margins(believe(rows, [0.0] + [-3.0] * len(others)), GROUND)
        assert slots.tolist() == [0]
        assert first.tolist() == [0]
        assert margin[0] == expected, others


def test_a_fix_is_looked_at_after_some_time_or_way() -> None:
    fleet = fleet_at(1000.0, *[(0.0, 0.0)] * 3)
    places = [(0.0, 0.0), (STEP_M, 0.0), (STEP_M - 1.0, 0.0)]
    assert due_for_a_look(fleet, fixes_at(1001.0, *places)).tolist() == [False, True, False]
    assert due_for_a_look(fleet, fixes_at(1000.0 + STEP_S, *places)).all()
    assert due_for_a_look(fleet_at(-np.inf, (np.nan, np.nan)), fixes_at(0.0, (0.0, 0.0))).all()
