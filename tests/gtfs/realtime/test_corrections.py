"""Mistakes that a tracker must not make, or must mend within minutes."""

import numpy as np
import pytest

from sapar.gtfs.realtime.engine import Engine
from tests.gtfs.realtime.test_assignment import TOWN, reason_of, run, trip_of
from tests.gtfs.realtime.test_progress import leg
from tests.gtfs.realtime.town import Bus, Leg


def trips_of(legs: list[Leg], until_s: int) -> tuple[Engine, list[tuple[int, str | None]]]:
    """Drive a bus for a while, a fix every ten seconds; give its trip after each."""
    bus, engine, seen = Bus(TOWN, "b", legs), Engine(TOWN), []
    for since in range(0, until_s, 10):
        now_s = legs[0].start_s + since
        engine.ingest(bus.fix(now_s), now_s)
        engine.look(now_s)
        seen.append((since, trip_of(engine, "b")))
    return engine, seen


def test_after_a_loop_the_bus_is_on_the_next_run_not_on_the_same_again() -> None:
    _, seen = trips_of([leg(n, sign_block="O1") for n in ("O-24", "O-25")], 1500)
    assert {trip for since, trip in seen if since > 950} == {"O-25"}


@pytest.mark.parametrize(
    ("sign", "within_s"),
    [
        ({"sign_route": "N"}, 300),
        ({"sign_block": "O1"}, 300),
        # the bus passes near the first stop of the trip that it is not on: that takes longer
        ({"sign_trip": "O-24"}, 420),
    ],
)
def test_a_wrong_sign_on_is_corrected_within_minutes(sign: dict[str, str], within_s: int) -> None:
    _, seen = trips_of([leg("A-out-21", 60.0, **sign)], 800)
    assert {trip for since, trip in seen if since >= within_s} == {"A-out-21"}


def test_a_trip_half_an_hour_later_is_corrected_on_a_line_without_shape() -> None:
    _, seen = trips_of([leg("N-12", 60.0, sign_trip="N-13")], 600)
    assert {trip for since, trip in seen if since >= 300} == {"N-12"}


def test_a_late_start_is_not_put_at_the_end_of_its_line() -> None:
    engine, _ = trips_of([leg("N-12", 1500.0)], 10)
    assert engine.fleet["off_m"][0] < 500


def test_a_relief_is_on_its_run_or_on_none_and_the_relieved_bus_has_none() -> None:
    own = leg("A-out-21", 10.0)
    engine = run([Bus(TOWN, "first", [own])], own.start_s + 100, own.start_s + 200)
    relief, seen = Bus(TOWN, "relief", [own], seed=9), set()
    for since in range(200, 500, 10):
        run([relief], own.start_s + since, own.start_s + since + 5, engine)
        seen.add(trip_of(engine, "relief"))
    assert seen == {None, "A-out-21"}
    assert trip_of(engine, "first") is None


def test_a_bus_off_its_line_for_good_does_not_hold_its_trip_as_if_it_fitted() -> None:
    own = leg("A-out-21")
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 240)
    for since in range(240, 1400, 10):
        fix = bus.fix(own.start_s + 240)
        fix.time_s[:] = own.start_s + since
        fix.latitude[:] -= 0.0001 * min((since - 240) / 10, 40)
        engine.ingest(fix, own.start_s + since)
        seen = engine.look(own.start_s + since)
    assert not seen.updates.keys
    assert trip_of(engine, "b") is None or "path fits 1.00" not in reason_of(engine, "b")


def test_two_buses_that_want_one_run_are_settled_alike_in_any_order() -> None:
    legs = [leg("A-out-21", delay, sign_route="A") for delay in (30.0, 35.0)]
    results = []
    for order in ((0, 1), (1, 0)):
        buses = [Bus(TOWN, f"b{n}", [legs[n]], seed=n) for n in order]
        engine = run(buses, legs[0].start_s + 300, legs[0].start_s + 420)
        results.append([trip_of(engine, f"b{n}") for n in range(2)])
    assert results[0] == results[1]
    assert len(set(results[0])) == 2


def test_places_are_finite() -> None:
    engine, _ = trips_of([leg("A-out-21", sign_block="A1")], 300)
    assert np.isfinite(engine.fleet.floats("along_m")[:1]).all()
