"""Assignment: the right run from little, one bus a run, and a reason for everything."""

import numpy as np
import pytest

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.phases import PHASES
from sapar.gtfs.realtime.snapshot import Picture
from tests.gtfs.realtime.test_progress import leg
from tests.gtfs.realtime.town import Bus, day_start, join, town

TOWN = town()


def run(buses: list[Bus], from_s: float, until_s: float, engine: Engine | None = None) -> Engine:
    engine = engine or Engine(TOWN)
    for now_s in np.arange(from_s, until_s, 10.0):
        engine.ingest(join([bus.fix(now_s) for bus in buses]), now_s)
        engine.look(now_s)
    return engine


def trip_of(engine: Engine, vehicle_id: str) -> str | None:
    trip = int(engine.fleet["trip"][engine.fleet.index[vehicle_id]])
    return None if trip < 0 else TOWN.trips.ids[trip]


def picture(engine: Engine) -> Picture:
    assert engine.snapshot is not None
    return engine.snapshot


def phase_of(engine: Engine, vehicle_id: str) -> str:
    seen = picture(engine)
    return PHASES[int(seen.phase[seen.vehicle_ids.index(vehicle_id)])]


def reason_of(engine: Engine, vehicle_id: str) -> str:
    return str(engine.fleet.reasons[engine.fleet.index[vehicle_id]])


def test_two_moving_fixes_are_enough_and_one_is_not() -> None:
    own = leg("A-out-21", 60.0, sign_route="A")
    bus = Bus(TOWN, "b", [own])
    engine = Engine(TOWN)
    when = own.start_s + 200
    engine.ingest(bus.fix(when), when)
    engine.look(when)
    assert trip_of(engine, "b") is None
    engine = run([bus], when, when + 60, engine)
    assert trip_of(engine, "b") == "A-out-21"
    assert "best fit is trip A-out-21" in reason_of(engine, "b")
    assert 0.5 < engine.fleet["confidence"][0] <= 1.0


def test_direction_comes_from_the_path_without_any_sign_on() -> None:
    own = leg("A-back-20", 30.0, sign_route="unknown route")
    engine = run([Bus(TOWN, "b", [own])], own.start_s + 150, own.start_s + 300)
    assert trip_of(engine, "b") == "A-back-20"


def test_an_unknown_sign_on_counts_as_none() -> None:
    own = leg("A-out-21", 20.0, sign_trip="no such trip", sign_block="no such block")
    engine = run([Bus(TOWN, "b", [own])], own.start_s + 150, own.start_s + 300)
    assert trip_of(engine, "b") == "A-out-21"


def test_a_block_says_which_trip_and_the_next_one_is_taken_over() -> None:
    legs = [leg(name, sign_block="A1") for name in ("A-out-21", "A-back-21")]
    bus = Bus(TOWN, "b", legs)
    engine = run([bus], legs[0].start_s + 300, legs[0].start_s + 360)
    assert trip_of(engine, "b") == "A-out-21"
    assert phase_of(engine, "b") == "in_progress"
    engine = run([bus], legs[0].start_s + 360, legs[1].start_s - 60, engine)
    assert trip_of(engine, "b") == "A-back-21"
    assert phase_of(engine, "b") == "layover"
    engine = run([bus], legs[1].start_s - 60, legs[1].start_s + 200, engine)
    assert trip_of(engine, "b") == "A-back-21"
    assert phase_of(engine, "b") == "in_progress"


def test_a_bus_that_waits_for_its_trip_is_predicted_from_its_due_time() -> None:
    own = leg("A-out-21")
    engine = run([Bus(TOWN, "b", [own])], own.start_s - 400, own.start_s - 300)
    seen = picture(engine)
    assert phase_of(engine, "b") == "layover"
    assert seen.with_trip[0]
    updates = seen.updates
    first = updates.begin[-1]
    assert own.start_s <= updates.departure_s[first] <= own.start_s + 60
    assert updates.row[first] == TOWN.trips.st_begin[TOWN.trips.index["A-out-21"]]
    assert TOWN.trips.ids[seen.updates.keys[-1][0]] == "A-out-21"


def test_one_bus_a_run_and_the_other_is_told_why() -> None:
    own = leg("A-out-21", 10.0)
    follower = leg("A-out-21", 100.0)
    engine = run(
        [Bus(TOWN, "first", [own]), Bus(TOWN, "second", [follower], seed=5)],
        own.start_s + 300,
        own.start_s + 420,
    )
    assert trip_of(engine, "first") == "A-out-21"
    assert trip_of(engine, "second") != "A-out-21"
    keys = picture(engine).updates.keys
    assert len(keys) == len(set(keys))
    assert "A-out-21 is run by first" in reason_of(engine, "second")


def test_a_relief_takes_over_from_a_silent_bus() -> None:
    own = leg("A-out-21", 10.0)
    engine = run([Bus(TOWN, "first", [own])], own.start_s + 100, own.start_s + 200)
    engine = run([Bus(TOWN, "relief", [own], seed=9)], own.start_s + 200, own.start_s + 500, engine)
    assert trip_of(engine, "relief") == "A-out-21"
    assert trip_of(engine, "first") is None
    assert "taken over by relief" in reason_of(engine, "first")
    seen = picture(engine)
    holders = {seen.vehicle_ids[row] for row in seen.updates.vehicle}
    assert holders == {"relief"}


def test_a_silent_bus_leaves_the_feeds_but_not_the_fleet() -> None:
    own = leg("A-out-21")
    engine = run([Bus(TOWN, "b", [own])], own.start_s + 100, own.start_s + 200)
    assert picture(engine).in_feed.all()
    engine.look(own.start_s + 300)
    seen = picture(engine)
    assert not seen.in_feed.any()
    assert not seen.updates.keys
    assert phase_of(engine, "b") == "no_signal"
    assert not len(engine.look(own.start_s + 3000).slots)


@pytest.mark.parametrize("sign", [{"sign_route": "A"}, {"sign_trip": "A-out-21"}])
def test_a_bus_that_leaves_its_line_loses_trip_and_predictions(sign: dict[str, str]) -> None:
    own = leg("A-out-21", 0.0, **sign)
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 240)
    assert phase_of(engine, "b") == "in_progress"
    for n in range(240, 900, 10):
        fix = bus.fix(own.start_s + 240)
        fix.time_s[:] = own.start_s + n
        fix.latitude[:] -= 0.0001 * min((n - 240) / 10, 40)  # south, where there is no line
        engine.ingest(fix, own.start_s + n)
        engine.look(own.start_s + n)
        if n == 450:
            assert phase_of(engine, "b") == "off_route"
            assert not picture(engine).with_trip[0]
    assert not picture(engine).updates.keys
    assert phase_of(engine, "b") not in {"in_progress", "layover"}
    if "sign_route" in sign:
        assert trip_of(engine, "b") is None
        assert "left the line of trip A-out-21" in reason_of(engine, "b")


def test_the_result_does_not_depend_on_the_order_of_vehicles() -> None:
    legs = [
        leg("A-out-21", 30.0, sign_route="A"),
        leg("A-out-21", 35.0, sign_route="A"),
        leg("O-24", 10.0, sign_route="O"),
    ]
    results = []
    for order in ((0, 1, 2), (2, 1, 0)):
        buses = [Bus(TOWN, f"b{n}", [legs[n]], seed=n) for n in order]
        engine = run(buses, legs[0].start_s + 300, legs[0].start_s + 420)
        results.append(
            {f"b{n}": (trip_of(engine, f"b{n}"), reason_of(engine, f"b{n}")) for n in range(3)}
        )
    assert results[0] == results[1]


def test_warming_up_ends_where_living_through_it_ends() -> None:
    own = leg("A-out-21", 40.0, sign_block="A1")
    bus = Bus(TOWN, "b", [own])
    fixes = join([bus.fix(own.start_s + n) for n in range(0, 400, 10)])
    engine = Engine(TOWN)
    engine.warm(fixes, own.start_s + 395)
    engine.look(own.start_s + 395)
    assert trip_of(engine, "b") == "A-out-21"
    _, lat, lon = bus.at(own.start_s + 390)
    network_along = float(engine.fleet["along_m"][0])
    pattern = TOWN.trip_pattern(TOWN.trips.index["A-out-21"])
    got = (
        np.interp(network_along, pattern.polyline_m, pattern.polyline_lat),
        np.interp(network_along, pattern.polyline_m, pattern.polyline_lon),
    )
    assert np.allclose(got, (lat, lon), atol=4e-4)


def test_start_times_of_headway_runs_are_taken_over_from_another_engine() -> None:
    start = day_start(TOWN) + 12 * 3600 + 137
    bus = Bus(TOWN, "b", [leg("F-trip", start - day_start(TOWN) - 6 * 3600, sign_route="F")])
    one = run([bus], start + 60, start + 200)
    two = run([bus], start + 120, start + 200)
    two.fleet["start_s"][0] += 60  # as a standby that saw the bus later might have it
    two.fleet["base_s"][0] += 60.0
    tick = one.tick(start + 200, 0.0, 1, 1)
    two.adopt(tick.bodies["vehicle-positions"].plain())
    assert two.fleet.run_key(0) == one.fleet.run_key(0)
    assert two.fleet["base_s"][0] == one.fleet["base_s"][0]
