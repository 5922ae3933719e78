"""The live page's JSON: its next stops and their times are those of the trip updates."""

import json
from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.tick import FLEET, TRIP_UPDATES
from sapar.gtfs.realtime.why import CODES, NO_FIT, Reason, reason
from tests.gtfs.realtime.test_assignment import TOWN, run
from tests.gtfs.realtime.test_progress import leg
from tests.gtfs.realtime.town import Bus

LEGS = [leg(name, sign_block="A1") for name in ("A-out-21", "A-back-21")]
START_S = LEGS[0].start_s


def shown(until_s: float) -> tuple[dict[str, Any], dict[str, pb.TripUpdate]]:
    """Give the only bus of the page, and the updates by trip, after a ride until a moment."""
    engine = run([Bus(TOWN, "b", LEGS)], START_S + 60, until_s)
    bodies = engine.tick(until_s, until_s, 1, 1).bodies
    feed = pb.FeedMessage.FromString(bodies[TRIP_UPDATES].plain())
    [vehicle] = json.loads(bodies[FLEET].plain())["vehicles"]
    return vehicle, {entity.trip_update.trip.trip_id: entity.trip_update for entity in feed.entity}


def test_a_bus_under_way_has_the_arrival_that_passengers_are_told() -> None:
    vehicle, updates = shown(START_S + 300)
    assert vehicle["phase"] == "in_progress"
    times = {
        stop.stop_id: stop.arrival.time for stop in updates[vehicle["trip_id"]].stop_time_update
    }
    assert vehicle["next_stop_time_s"] == times[vehicle["next_stop_id"]]
    assert vehicle["next_stop_time_s"] >= START_S + 300
    assert len(updates) > 1  # the run back is there too, and does not count


def test_a_bus_at_its_first_stop_has_the_time_when_it_leaves() -> None:
    vehicle, updates = shown(LEGS[1].start_s - 60)
    assert (vehicle["phase"], vehicle["trip_id"]) == ("layover", "A-back-21")
    first = updates["A-back-21"].stop_time_update[0]
    assert vehicle["next_stop_id"] == first.stop_id
    assert vehicle["next_stop_time_s"] == first.departure.time
    assert vehicle["next_stop_time_s"] == pytest.approx(LEGS[1].start_s, abs=60)


def test_a_silent_bus_has_no_time() -> None:
    engine = run([Bus(TOWN, "b", LEGS)], START_S + 60, START_S + 300)
    bodies = engine.tick(START_S + 900, START_S + 900, 1, 1).bodies
    [vehicle] = json.loads(bodies[FLEET].plain())["vehicles"]
    assert vehicle["phase"] == "no_signal"
    assert vehicle["next_stop_time_s"] is None


def test_every_vehicle_has_all_members() -> None:
    vehicle, _ = shown(START_S + 300)
    assert set(vehicle) == {
        "id", "label", "lat", "lon", "bearing", "speed_mps", "time_s", "phase", "route_id",
        "trip_id", "headsign", "delay_s", "confidence", "stale", "next_stop_id",
        "next_stop_time_s", "reason", "reason_code", "reason_values", "load_percent", "driver_id",
        "depot",
    }  # fmt: skip
    assert 0.5 < vehicle["confidence"] <= 1.0


def test_the_reason_comes_as_a_sentence_and_as_a_code_with_values() -> None:
    vehicle, _ = shown(START_S + 300)
    values = vehicle["reason_values"]
    assert vehicle["reason_code"] in {"waits", "on_line"}
    assert (values["by"], values["trip"]) == ("block", "A-out-21")
    assert vehicle["reason"] == str(Reason(vehicle["reason_code"], values))


@pytest.mark.parametrize("by", ["signed", "block", "fit", "dispatch"])
@pytest.mark.parametrize("timing", ["on_time", "late", "early"])
def test_every_reason_has_its_sentence(by: str, timing: str) -> None:
    for code in CODES:
        said = reason(code, by=by, timing=timing, trip="T7", bus="B7", off_m=3, fit=0.5, minutes=4)
        assert "{" not in str(said)
    late = reason("on_line", by="fit", timing="late", trip="T7", off_m=3, fit=0.5, minutes=4)
    assert str(late) == "best fit is trip T7: 3 m from its line, path fits 0.50, 4 min late"
    assert str(NO_FIT) == "no trip fits where it is and was"


def test_passengers_and_driver_are_told_while_they_are_known() -> None:
    until_s = START_S + 300
    engine = run([Bus(TOWN, "b", LEGS)], START_S + 60, until_s)
    engine.loads.take("b", until_s - 60, 40)
    engine.drivers.take("b", until_s - 60, "D7")
    engine.drivers.take("b", until_s - 90, "an older word")

    def told(now_s: float) -> tuple[int | None, str | None]:
        body = engine.tick(now_s, now_s, 1, 1).bodies[FLEET].plain()
        [vehicle] = json.loads(body)["vehicles"]
        return vehicle["load_percent"], vehicle["driver_id"]

    assert told(until_s) == (50, "D7")
    assert told(until_s + 900) == (None, "D7")
