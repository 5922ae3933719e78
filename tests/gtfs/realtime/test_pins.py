"""Vehicles that dispatch put on runs: they get them, others give way, and all ends in time."""

from sapar.gtfs.realtime.acts import Act, Swap
from sapar.gtfs.realtime.engine import Engine
from tests.gtfs.realtime.test_assignment import reason_of, run, trip_of
from tests.gtfs.realtime.test_progress import leg
from tests.gtfs.realtime.town import DAY, Bus, town

TOWN = town()


def swap(vehicle_id: str, trip_id: str | None = None, block_id: str | None = None) -> Act:
    what = Swap(vehicle_id=vehicle_id, service_date=DAY, trip_id=trip_id, block_id=block_id)
    return Act(f"swap-{vehicle_id}", what)


def test_a_pinned_bus_gets_its_run_and_the_bus_that_had_it_gives_way() -> None:
    own = leg("A-out-21", 10.0)
    first, second = Bus(TOWN, "first", [own]), Bus(TOWN, "second", [own], seed=5)
    engine = run([first, second], own.start_s + 100, own.start_s + 200)
    held = next(v for v in ("first", "second") if trip_of(engine, v) == "A-out-21")
    other = "second" if held == "first" else "first"
    engine.acts = (swap(other, trip_id="A-out-21"),)
    engine = run([first, second], own.start_s + 200, own.start_s + 400, engine)
    assert trip_of(engine, other) == "A-out-21"
    assert reason_of(engine, other).startswith("put on by dispatch")
    assert trip_of(engine, held) != "A-out-21"
    assert float(engine.fleet["confidence"][engine.fleet.index[other]]) > 0.5


def test_a_pin_beats_the_sign_on_without_a_false_alarm() -> None:
    own = leg("A-out-21", 10.0, sign_trip="A-out-22")
    bus = Bus(TOWN, "b", [own])
    engine = Engine(TOWN)
    engine.acts = (swap("b", block_id="A1"),)
    engine = run([bus], own.start_s + 100, own.start_s + 700, engine)
    assert trip_of(engine, "b") == "A-out-21"
    assert not engine.fleet["sign_doubted"][0]


def test_a_pinned_bus_stays_on_its_run_off_the_line_and_goes_when_the_pin_does() -> None:
    own = leg("A-out-21", 10.0)
    engine = Engine(TOWN)
    engine.acts = (swap("b", trip_id="O-24"),)
    bus = Bus(TOWN, "b", [own])
    engine = run([bus], own.start_s + 60, own.start_s + 300, engine)
    assert trip_of(engine, "b") == "O-24"
    engine.acts = ()
    engine = run([bus], own.start_s + 300, own.start_s + 420, engine)
    assert trip_of(engine, "b") == "A-out-21"


def test_a_pin_to_a_trip_ends_with_it_and_one_to_a_block_goes_on() -> None:
    out, back = leg("A-out-21", 10.0), leg("A-back-21", 10.0)
    for act, after in ((swap("b", block_id="A1"), True), (swap("b", trip_id="A-out-21"), False)):
        engine = Engine(TOWN)
        engine.acts = (act,)
        bus = Bus(TOWN, "b", [out, back])
        engine = run([bus], out.start_s + 60, out.start_s + 600, engine)
        assert trip_of(engine, "b") == "A-out-21"
        engine = run([bus], out.start_s + 600, back.start_s + 300, engine)
        assert reason_of(engine, "b").startswith("put on by dispatch") == after
        assert trip_of(engine, "b") == "A-back-21"


def test_a_pin_waits_until_its_run_is_near() -> None:
    own = leg("A-out-21", 10.0)
    engine = Engine(TOWN)
    engine.acts = (swap("b", trip_id="A-out-25"),)
    engine = run([Bus(TOWN, "b", [own])], own.start_s + 60, own.start_s + 300, engine)
    assert trip_of(engine, "b") == "A-out-21"
