"""The tracker over whole fleets: one bus a run, forward only, and wrong sign-ons found out."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.fleet_state import SOURCE_BLOCK, SOURCE_FIT, SOURCE_TRIP
from tests.gtfs.realtime.test_assignment import picture, reason_of, run, trip_of
from tests.gtfs.realtime.test_progress import leg, shifted
from tests.gtfs.realtime.town import Bus, Leg, day_start, join, town

TOWN = town()
BASE_S = day_start(TOWN)
NOON = BASE_S + 12 * 3600


def drive(bus: Bus, seconds: range, engine: Engine | None = None) -> tuple[Engine, list]:
    """Let one bus report from its start on; give its trip and delay at each look."""
    engine = engine or Engine(TOWN)
    start = bus.legs[0].start_s
    seen = []
    for since in seconds:
        engine.ingest(bus.fix(start + since), start + since)
        engine.look(start + since)
        seen.append((since, trip_of(engine, bus.vehicle_id), float(engine.fleet["delay_s"][0])))
    return engine, seen


@dataclass
class Witness:
    """Looks at an engine after every look, and finds what must never be."""

    engine: Engine

    def __post_init__(self) -> None:
        self.places: dict[tuple, tuple[int, float]] = {}
        self.reached: dict[tuple, int] = defaultdict(lambda: -1)

    def look(self, now_s: float) -> None:
        fleet = self.engine.fleet
        seen = self.engine.look(now_s)
        claims = self.engine._tracker.claims
        holders = [fleet.run_key(s) for s in range(len(fleet)) if fleet["trip"][s] >= 0]
        assert len(holders) == len(set(holders))
        assert claims == {fleet.run_key(s): s for s in range(len(fleet)) if fleet["trip"][s] >= 0}
        updates = seen.updates
        assert len(updates.keys) == len(set(updates.keys))
        for slot in range(len(fleet)):
            if fleet["trip"][slot] < 0:
                continue
            trip = int(fleet["trip"][slot])
            row, along = int(fleet["next_row"][slot]), float(fleet["along_m"][slot])
            assert TOWN.trips.st_begin[trip] <= row < TOWN.trips.st_begin[trip + 1]
            key = (slot, *fleet.run_key(slot), float(fleet["claimed_s"][slot]))
            before = self.places.get(key, (-1, -np.inf))
            assert row >= before[0]
            assert along >= before[1]
            if fleet["time_s"][slot] > fleet["claimed_s"][slot]:
                self.places[key] = (row, along)
        self._check_updates(now_s)

    def _check_updates(self, now_s: float) -> None:
        seen = picture(self.engine)
        updates, fleet = seen.updates, self.engine.fleet
        assert (updates.low_s <= updates.median_s).all()
        assert (updates.median_s <= updates.high_s).all()
        for number, (low, count) in enumerate(zip(updates.begin, updates.count(), strict=True)):
            rows = slice(low, low + count)
            slot = int(seen.slots[updates.vehicle[number]])
            assert now_s - fleet["time_s"][slot] <= 90.0
            assert (updates.arrival_s[rows][1:] > updates.departure_s[rows][:-1]).all()
            assert (updates.departure_s[rows] >= updates.arrival_s[rows]).all()
            ahead = updates.row[rows][~updates.passed[rows]]
            assert (updates.departure_s[rows][~updates.passed[rows]] >= now_s - 0.5).all()
            key = (slot, updates.keys[number], float(fleet["claimed_s"][slot]))
            if updates.keys[number] == fleet.run_key(slot) and len(ahead):
                assert ahead.min() >= self.reached[key]  # no stop is predicted a second time
                if fleet["time_s"][slot] > fleet["claimed_s"][slot]:
                    self.reached[key] = int(ahead.min())


fleets = st.lists(
    st.tuples(
        st.sampled_from(["A-out-21", "A-out-22", "A-back-20", "O-24", "O-25", "N-12", "F", "X"]),
        st.integers(-60, 400),  # delay
        st.sampled_from(["trip", "block", "route", "none", "other trip"]),
        st.integers(0, 40),  # falls silent at this step ...
        st.integers(1, 20),  # ... for so many
    ),
    min_size=1,
    max_size=5,
)


def bus_of(number: int, what: tuple[str, int, str, int, int]) -> Bus:
    name, delay_s, by, _, _ = what
    if name in ("F", "X"):
        start, trip_id, route, block = NOON + delay_s, f"{name}-trip", name, None
    else:
        trip = TOWN.trips.index[name]
        start = BASE_S + float(TOWN.trips.first_s[trip]) + delay_s
        trip_id, route = name, TOWN.routes.ids[TOWN.trips.route_idx[trip]]
        at = TOWN.trips.block_idx[trip]
        block = TOWN.blocks.ids[at] if at >= 0 else None
    signs: dict[str, dict[str, str | None]] = {
        "trip": {"sign_trip": trip_id},
        "block": {"sign_block": block},
        "route": {"sign_route": route},
        "none": {},
        "other trip": {"sign_trip": "A-out-23"},
    }
    return Bus(TOWN, f"b{number}", [Leg(trip_id, start, **signs[by])], seed=number + 1)


@settings(max_examples=12, deadline=None)
@given(fleets, st.integers(0, 2**31))
def test_no_fleet_whatsoever_breaks_the_rules(fleet: list, seed: int) -> None:
    buses = [bus_of(number, what) for number, what in enumerate(fleet)]
    random = np.random.default_rng(seed)
    engine = Engine(TOWN)
    witness = Witness(engine)
    late = []
    for step in range(45):
        now_s = NOON - 60 + 15.0 * step
        fixes = [
            bus.fix(now_s - float(random.integers(0, 10)))
            for bus, (_, _, _, silent, steps) in zip(buses, fleet, strict=True)
            if not silent <= step < silent + steps
        ]
        if random.random() < 0.1 and fixes:
            late.append(fixes.pop())
        elif late:
            fixes.append(late.pop())
        if fixes:
            engine.ingest(join(fixes), now_s)
        witness.look(now_s)


def test_two_buses_one_behind_the_other_hold_a_run_each() -> None:
    legs = [leg("O-24", 0.0, sign_route="O"), leg("O-24", 250.0, sign_route="O")]
    buses = [Bus(TOWN, f"b{n}", [legs[n]], seed=n) for n in range(2)]
    engine = run(buses, legs[0].start_s + 260, legs[0].start_s + 420)
    assert trip_of(engine, "b0") == "O-24"
    assert trip_of(engine, "b1") not in (None, "O-24")


def test_the_run_signed_on_to_names_its_source() -> None:
    for sign, source in (
        ({"sign_trip": "A-out-21"}, SOURCE_TRIP),
        ({"sign_block": "A1"}, SOURCE_BLOCK),
        ({"sign_route": "A"}, SOURCE_FIT),
    ):
        engine, _ = drive(Bus(TOWN, "b", [leg("A-out-21", 30.0, **sign)]), range(60, 200, 10))
        assert trip_of(engine, "b") == "A-out-21"
        assert engine.fleet["source"][0] == source


# -- wrong sign-ons -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drives", "sign", "within_s"),
    [
        ("A-out-21", {"sign_trip": "A-back-21"}, 60),  # the other direction, a run later
        ("A-out-21", {"sign_trip": "A-out-22"}, 300),  # 20 minutes later
        ("N-12", {"sign_trip": "N-14"}, 300),  # an hour later
        ("A-out-21", {"sign_route": "N"}, 300),  # another route
        ("A-out-21", {"sign_block": "O1"}, 300),
        ("A-out-21", {"sign_block": "A0"}, 300),  # the other block
    ],
)
def test_a_wrong_sign_on_is_found_from_the_path(
    drives: str, sign: dict[str, str], within_s: int
) -> None:
    _, seen = drive(Bus(TOWN, "b", [leg(drives, 60.0, **sign)]), range(0, 600, 10))
    assert {trip for since, trip, _ in seen if since >= within_s} == {drives}


def test_a_contradiction_is_noted_at_once_and_believed_after_a_minute() -> None:
    bus = Bus(TOWN, "b", [leg("N-12", 60.0, sign_trip="N-13")])
    engine = Engine(TOWN)
    doubted = []
    start = bus.legs[0].start_s
    for since in range(0, 300, 10):
        engine.ingest(bus.fix(start + since), start + since)
        engine.look(start + since)
        conflict = float(engine.fleet["sign_conflict_s"][0])
        doubted.append(bool(engine.fleet["sign_doubted"][0]))
        assert not doubted[-1] or start + since - conflict > 60.0
    assert not any(doubted[:7])
    assert all(doubted[15:])


@pytest.mark.parametrize("delay_s", [-60.0, 0.0, 300.0, 900.0])
@pytest.mark.parametrize("sign", [{"sign_trip": "N-12"}, {"sign_route": "N"}])
def test_a_right_sign_on_is_not_doubted(delay_s: float, sign: dict[str, str]) -> None:
    bus = Bus(TOWN, "b", [leg("N-12", delay_s, **sign)])
    engine = Engine(TOWN)
    start = bus.legs[0].start_s
    for since in range(30, 600, 15):
        engine.ingest(bus.fix(start + since), start + since)
        engine.look(start + since)
        assert not engine.fleet["sign_doubted"][0]
    assert trip_of(engine, "b") == "N-12"


def test_a_new_sign_on_is_believed_again() -> None:
    wrong, right = (leg("N-12", 60.0, sign_trip=trip) for trip in ("N-13", "N-12"))
    engine, seen = drive(Bus(TOWN, "b", [wrong]), range(0, 300, 10))
    assert engine.fleet["sign_doubted"][0]
    engine, seen = drive(Bus(TOWN, "b", [right]), range(300, 400, 10), engine)
    assert not engine.fleet["sign_doubted"][0]
    assert np.isinf(engine.fleet["sign_conflict_s"][0])
    assert {trip for _, trip, _ in seen} == {"N-12"}


# -- who runs it ----------------------------------------------------------------------------------


def test_a_relief_takes_the_run_of_a_bus_that_broke_down() -> None:
    own = leg("N-12", 10.0)
    engine = run([Bus(TOWN, "first", [own])], own.start_s + 30, own.start_s + 200)
    relief = Bus(TOWN, "relief", [own], seed=9)
    at: dict[int, str | None] = {}
    for since in range(200, 600, 10):
        run([relief], own.start_s + since, own.start_s + since + 1, engine)
        at[since] = trip_of(engine, "relief")
    assert next(since for since, trip in at.items() if trip == "N-12") <= 200 + 200
    assert at[590] == "N-12"
    assert set(at.values()) <= {None, "N-12"}  # not another run while it waits for its own
    assert trip_of(engine, "first") is None


def test_a_bus_that_is_taken_from_a_run_says_by_whom() -> None:
    own = leg("N-12", 10.0)
    engine = run([Bus(TOWN, "first", [own])], own.start_s + 30, own.start_s + 200)
    spare = Bus(TOWN, "spare", [leg("N-12", 10.0, sign_route="N")], seed=9)
    engine = run([spare], own.start_s + 400, own.start_s + 600, engine)
    assert trip_of(engine, "spare") == "N-12"
    assert trip_of(engine, "first") is None
    assert reason_of(engine, "first") == "its trip was taken over by spare"


# -- blocks and headways --------------------------------------------------------------------------


def test_the_next_run_of_a_block_begins_at_its_own_start() -> None:
    legs = [leg(name, sign_block="A1") for name in ("A-out-21", "A-back-21", "A-out-23")]
    bus = Bus(TOWN, "b", legs)
    engine = Engine(TOWN)
    keys: list[tuple[int, int, int]] = []
    for since in range(60, 2700, 10):
        now_s = legs[0].start_s + since
        engine.ingest(bus.fix(now_s), now_s)
        engine.look(now_s)
        key = engine.fleet.run_key(0)
        if key[0] >= 0 and (not keys or keys[-1] != key):
            keys.append(key)
    assert [TOWN.trips.ids[key[0]] for key in keys] == [own.trip_id for own in legs]
    for key in keys:
        assert key[2] == TOWN.trips.first_s[key[0]]
    assert len({day for _, day, _ in keys}) == 1


@pytest.mark.parametrize("route", ["F", "X"])
@pytest.mark.parametrize("by", ["trip", "route", "nothing"])
def test_a_headway_run_keeps_its_start_from_end_to_end(route: str, by: str) -> None:
    start = NOON + 137
    sign = {
        "trip": {"sign_trip": f"{route}-trip"},
        "route": {"sign_route": route},
        "nothing": {"sign_route": "unknown"},
    }[by]
    bus = Bus(TOWN, "b", [Leg(f"{route}-trip", start, **sign)])
    engine = Engine(TOWN)
    keys = set()
    for since in range(-60, 530, 10):
        engine.ingest(bus.fix(start + since), start + since)
        engine.look(start + since)
        if engine.fleet["trip"][0] >= 0:
            keys.add(engine.fleet.run_key(0))
    assert len(keys) == 1
    trip, _, start_s = keys.pop()
    assert TOWN.trips.ids[trip] == f"{route}-trip"
    assert abs(start_s - (start - BASE_S)) <= 720
    if route == "X":
        assert (start_s - 6 * 3600) % 720 == 0


def test_headway_buses_close_together_have_starts_of_their_own() -> None:
    buses = [
        Bus(TOWN, f"b{n}", [Leg("F-trip", NOON + 20 * n, sign_route="F")], seed=n) for n in range(4)
    ]
    engine = run(buses, NOON + 100, NOON + 300)
    keys = [engine.fleet.run_key(slot) for slot in range(4)]
    assert len(set(keys)) == 4
    assert {TOWN.trips.ids[key[0]] for key in keys} == {"F-trip"}


# -- progress -------------------------------------------------------------------------------------


def test_a_loop_line_goes_on_with_the_next_run_of_its_block() -> None:
    legs = [leg(name, sign_block="O1") for name in ("O-24", "O-25")]
    engine, seen = drive(Bus(TOWN, "b", legs), range(60, 1500, 10))
    trips = [trip for _, trip, _ in seen if trip]
    assert trips == sorted(trips)
    assert {trip for since, trip, _ in seen if since > 950} == {"O-25"}
    assert abs(engine.fleet["delay_s"][0]) < 40


def test_a_bus_that_starts_late_is_at_its_first_stop_and_nowhere_else() -> None:
    engine, _ = drive(Bus(TOWN, "b", [leg("N-12", 1500.0)]), range(-60, 0, 10))
    assert trip_of(engine, "b") == "N-12"
    assert engine.fleet["next_row"][0] == TOWN.trips.st_begin[TOWN.trips.index["N-12"]]
    assert not engine.fleet["departed"][0]
    assert engine.fleet["off_m"][0] < 60


def test_a_loop_ends_where_it_began_and_not_before() -> None:
    own = leg("O-24", 0.0)
    engine = Engine(TOWN)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    ends = []
    for since in range(0, 600, 10):
        engine.ingest(bus.fix(own.start_s + since), own.start_s + since)
        engine.look(own.start_s + since)
        if trip_of(engine, "b") == "O-24":
            ends.append(int(engine.fleet["next_row"][0]))
    rows = TOWN.trip_rows(TOWN.trips.index["O-24"])
    assert ends == sorted(ends)
    assert ends[:3] == [rows.start] * 3 or ends[3] == rows.start + 1
    half = len(ends) // 2
    assert rows.start + 1 < ends[half] < rows.stop - 1
    assert ends[-1] == rows.stop - 1


def test_a_trip_without_shape_is_followed_along_its_stops() -> None:
    bus = Bus(TOWN, "b", [leg("N-12", 30.0, sign_route="N")], noise_m=15.0)
    _, seen = drive(bus, range(60, 700, 10))
    assert {trip for since, trip, _ in seen if since > 80} == {"N-12"}
    assert all(abs(delay - 30.0) < 40.0 for since, _, delay in seen if since > 80)


def test_a_detour_of_a_few_stops_keeps_the_run() -> None:
    own = leg("N-12", 0.0)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine = Engine(TOWN)
    for since in range(0, 640, 10):
        off = 250.0 if 200 <= since < 330 else 0.0
        fix = shifted(bus.fix(own.start_s + since), 0.0, off)
        engine.ingest(fix, own.start_s + since)
        engine.look(own.start_s + since)
        assert trip_of(engine, "b") == "N-12"
    assert abs(engine.fleet["delay_s"][0]) < 40


def test_a_gap_is_bridged() -> None:
    own = leg("A-out-21", 20.0)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine, _ = drive(bus, range(60, 200, 10))
    engine, seen = drive(bus, range(560, 640, 10), engine)
    assert {trip for _, trip, _ in seen} == {"A-out-21"}
    assert abs(seen[-1][2] - 20.0) < 40
    visits = engine.drain_visits()
    inner = visits.arrival_s[visits.row > TOWN.trips.st_begin[TOWN.trips.index["A-out-21"]] + 2]
    assert (inner[np.isfinite(inner)] > 0).all()
