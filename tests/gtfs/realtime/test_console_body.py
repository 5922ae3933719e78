"""The console body of an engine on the town: ladder places, ghosts, headways, alarms, take-over."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.acts import Act, Cancel
from sapar.gtfs.realtime.console.console import TAPS_OLD_S, TAPS_ON_S
from sapar.gtfs.realtime.console.model import Alarm, read_alarms
from sapar.gtfs.realtime.console.posts import PLAN_MAX_S, Posts
from sapar.gtfs.realtime.console.rules import Rule
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.tick import CONSOLE, FLEET
from sapar.gtfs.timetable import Timetable, load_timetable
from tests.gtfs.realtime.dispatch_days import buses
from tests.gtfs.realtime.town import DAY, Bus, day_start, join, town, town_zip

NOON_S = 12 * 3600


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


class Drive:
    """An engine and buses; a body a tick."""

    def __init__(self, timetable: Timetable, found: list[Bus], from_s: float, **more) -> None:
        self.engine = Engine(timetable, **more)
        self.buses, self.base = found, day_start(timetable)
        self.now_s = self.base + from_s
        self.number = 0

    def run(self, seconds: float, step_s: float = 10.0, silent: tuple[str, ...] = ()) -> dict:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += step_s
            heard = [bus for bus in self.buses if bus.vehicle_id not in silent]
            if heard:
                self.engine.ingest(join([bus.fix(self.now_s) for bus in heard]), self.now_s)
            self.number += 1
            self.tick = self.engine.tick(self.now_s, self.now_s, 1, self.number)
            self.engine.drain_visits()
        body = self.tick.bodies.get(CONSOLE)
        return {} if body is None else json.loads(body.plain())


@pytest.fixture
def drive(timetable: Timetable) -> Drive:
    return Drive(timetable, buses(timetable, DAY, NOON_S, {}), NOON_S)


def test_buses_are_on_the_rung_where_they_are(drive: Drive, timetable: Timetable):
    body = drive.run(400)
    fleet = {v["id"]: v for v in json.loads(drive.tick.bodies[FLEET].plain())["vehicles"]}
    assert len(body["buses"]) > 3
    for bus in body["buses"]:
        seen = fleet[bus["id"]]
        assert (bus["trip_id"], bus["route_id"]) == (seen["trip_id"], seen["route_id"])
        assert 0.0 <= bus["share"] <= 1.0
        trip = timetable.trips.index[bus["trip_id"]]
        stops = [timetable.stops.ids[s] for s in timetable.trip_pattern(trip).stop_idx]
        assert bus["next_stop_id"] in stops
        if bus["prev_stop_id"] is not None:
            assert stops[stops.index(bus["next_stop_id"], 1) - 1] == bus["prev_stop_id"]
    on_a = next(bus for bus in body["buses"] if bus["route_id"] == "A")
    # the buses of block A are 60 s late, half a stop or so
    assert -1.0 < on_a["plan_share"] < 0.0
    assert on_a["block_id"] in {"A0", "A1"}
    assert next(bus for bus in body["buses"] if bus["route_id"] == "F")["plan_share"] is None


def test_headways_of_a_line_by_headway_are_those_of_its_buses(drive: Drive):
    body = drive.run(2400)
    under_way = [b for b in body["buses"] if b["prev_stop_id"] is not None]
    found = [b for b in under_way if b["route_id"] == "F" and b["headway_s"] is not None]
    assert found
    for bus in found:
        assert bus["plan_headway_s"] == 600
        assert abs(bus["headway_s"] - 720) < 90, bus
        assert bus["ahead_id"].startswith("F-")
    (route,) = [r for r in body["routes"] if r["route_id"] == "F"]
    assert route["regularity"] > 0.9
    assert 30 < route["excess_wait_s"] < 90  # 720 driven for 600 planned: 60 s


def test_a_silent_bus_becomes_a_ghost_with_its_reason(drive: Drive):
    drive.run(400)
    body = drive.run(200, silent=("A0",))
    (ghost,) = [g for g in body["ghosts"] if g["block_id"] == "A0"]
    assert (ghost["reason"], ghost["vehicle_id"]) == ("silent", "A0")
    (alarm,) = [a for a in body["alarms"] if a["vehicle_id"] == "A0"]
    assert (alarm["kind"], alarm["priority"]) == ("silent", 2)
    assert alarm["values"]["silent_s"] == pytest.approx(200, abs=15)
    body = drive.run(60)
    assert [a for a in body["alarms"] if a["kind"] == "silent"] == []
    assert [g for g in body["ghosts"] if g["block_id"] == "A0"] == []


def test_a_device_without_a_position_says_so_and_is_not_silent_besides(drive: Drive):
    drive.run(400)
    drive.engine.console.lose_gps("A0", drive.now_s)
    body = drive.run(200, silent=("A0",))
    assert [a["kind"] for a in body["alarms"] if a["vehicle_id"] == "A0"] == ["gps_off"]
    body = drive.run(60)
    assert [a for a in body["alarms"] if a["vehicle_id"] == "A0"] == []


def test_a_bus_that_people_tap_in_has_a_silent_tracker_and_is_not_silent(drive: Drive):
    drive.run(400)
    console, last_s = drive.engine.console, drive.now_s
    console.hear_tap("A0", last_s + TAPS_ON_S - 1)  # of a rider who got on before it fell silent
    console.hear_tap("A1", last_s + 500)  # its tracker speaks
    body = drive.run(200, silent=("A0",))
    assert [a["kind"] for a in body["alarms"] if a["vehicle_id"] == "A0"] == ["silent"]
    console.hear_tap("A0", last_s + TAPS_ON_S)
    console.hear_tap("A0", last_s)  # an older one that came late
    body = drive.run(10, silent=("A0",))
    (alarm,) = [a for a in body["alarms"] if a["vehicle_id"] == "A0"]
    assert (alarm["kind"], alarm["values"]["lost_s"]) == ("gps_off", pytest.approx(210, abs=15))
    assert not [a for a in body["alarms"] if a["vehicle_id"] == "A1" and a["kind"] == "gps_off"]
    body = drive.run(TAPS_OLD_S, silent=("A0",))  # whether it is still there nobody knows
    assert "gps_off" not in {a["kind"] for a in body["alarms"] if a["vehicle_id"] == "A0"}
    body = drive.run(60)
    assert [a for a in body["alarms"] if a["vehicle_id"] == "A0"] == []


def test_depots_are_told_beside_their_buses(drive: Drive):
    drive.run(200)
    drive.engine.use_depots({"A0": "north", "elsewhere": "south"}, [(50.28, 57.2)])
    drive.run(10)
    fleet = json.loads(drive.tick.bodies[FLEET].plain())["vehicles"]
    assert {v["id"]: v["depot"] for v in fleet if v["depot"]} == {"A0": "north"}


def test_a_cancelled_run_is_a_ghost_that_nobody_is_called_for(drive: Drive, timetable: Timetable):
    trip = next(
        t for t in timetable.trips.ids if t.startswith("N-") and _starts(timetable, t) == NOON_S
    )
    what = Cancel(trip_id=trip, service_date=DAY)
    drive.engine.acts = (
        Act("act-1", what, drive.base + NOON_S, None, "d", "r", "OTHER_CAUSE", 0.0),
    )
    body = drive.run(400)
    (ghost,) = [g for g in body["ghosts"] if g["trip_id"] == trip]
    assert ghost["reason"] == "cancelled"
    assert not [a for a in body["alarms"] if a["trip_id"] == trip]


def _starts(timetable: Timetable, trip_id: str) -> int:
    return int(timetable.trips.first_s[timetable.trips.index[trip_id]])


@settings(max_examples=15)
@given(
    st.sets(st.sampled_from(["A0", "A1", "O1", "F-0", "F-1", "X-0", "X-1"])),
    st.integers(0, 3000),
)
def test_ghosts_are_the_planned_runs_that_no_heard_vehicle_holds(absent, after_s):
    """Against a loop over the timetable."""
    timetable = town()
    found = [b for b in buses(timetable, DAY, NOON_S, {}) if b.vehicle_id not in absent]
    if not found:
        return
    drive = Drive(timetable, found, NOON_S + after_s)
    body = drive.run(300)
    fleet, now_s = drive.engine.fleet, drive.now_s
    held = set()
    busy_blocks = set()
    for slot in range(len(fleet)):
        trip = int(fleet["trip"][slot])
        if trip >= 0 and now_s - fleet["time_s"][slot] <= 90:
            held.add((timetable.trips.ids[trip], int(fleet["day"][slot])))
            block = int(timetable.trips.block_idx[trip])
            busy_blocks.add(timetable.blocks.ids[block] if block >= 0 else None)
    expected = set()
    for day in timetable.service_dates_at(now_s):
        start = timetable.service_day_start(day)
        for trip in timetable.trips_active(day).tolist():
            if timetable.trips.ids[trip] in {"F-trip", "X-trip"}:
                continue
            begin_s = start + timetable.trips.first_s[trip] + 90
            end_s = start + timetable.trips.last_s[trip]
            name = (timetable.trips.ids[trip], day.toordinal())
            block = int(timetable.trips.block_idx[trip])
            block_id = timetable.blocks.ids[block] if block >= 0 else None
            late = block_id is not None and block_id in busy_blocks
            if begin_s <= now_s < end_s and name not in held and not late:
                expected.add(name[0])
    assert {ghost["trip_id"] for ghost in body["ghosts"]} == expected


def test_the_plan_is_the_difference_to_the_run_before(timetable: Timetable):
    """Against a search over all runs of the day at a stop."""
    days = Days(timetable)
    days.look(day_start(timetable) + NOON_S)
    posts = Posts(timetable, days)
    trips, times = timetable.trips, timetable.stop_times
    by_post: dict[int, list[int]] = {}
    for trip in timetable.trips_active(DAY).tolist():
        if days.kind[trip] == 0:
            for row in range(*timetable.trip_rows(trip).indices(len(times.arrival_s))[:2]):
                first = row == trips.st_begin[trip]
                at = times.departure_s[row] if first else times.arrival_s[row]
                by_post.setdefault(int(posts.of_row[row]), []).append(int(at))
    for trip_id in ("A-out-20", "A-back-3", "O-7", "N-0"):
        trip = trips.index[trip_id]
        rows = np.arange(trips.st_begin[trip], trips.st_begin[trip + 1])
        one = np.full(len(rows), trip, np.int32)
        day = np.full(len(rows), DAY.toordinal(), np.int32)
        planned = posts.planned_s(rows, one, day, np.zeros(len(rows), np.int32))
        for row, found in zip(rows.tolist(), planned.tolist(), strict=True):
            at = int(times.arrival_s[row])
            before = [t for t in by_post[int(posts.of_row[row])] if t < at]
            gap = at - max(before) if before else None
            if gap is None or gap > PLAN_MAX_S:
                assert np.isnan(found)
            else:
                assert found == gap


def test_alarms_survive_a_new_leader_and_a_new_timetable(drive: Drive, timetable: Timetable):
    rules = [Rule(kind="late", raise_at=20.0, clear_at=5.0, on_delay_s=30.0, priority=3)]
    drive.engine.console.use_rules(rules)
    before = {a["key"]: a["since_s"] for a in drive.run(600)["alarms"] if a["kind"] == "late"}
    assert before
    heir = Drive(timetable, drive.buses, NOON_S)
    heir.engine.console.use_rules(rules)
    heir.now_s = drive.now_s - 60
    heir.run(50)  # a standby that has placed the buses
    heir.engine.console.adopt(
        read_alarms(drive.tick.bodies[CONSOLE].plain()), heir.engine.fleet, heir.now_s
    )
    after = {a["key"]: a["since_s"] for a in heir.run(10)["alarms"] if a["kind"] == "late"}
    assert after == before
    heir.engine.replace_timetable(load_timetable(town_zip("v2"), "town"), heir.now_s)
    again = {a["key"]: a["since_s"] for a in heir.run(10)["alarms"] if a["kind"] == "late"}
    assert again == before


def test_without_a_console_the_feeds_are_the_same(timetable: Timetable):
    ticks = []
    for console in (True, False):
        found = buses(timetable, DAY, NOON_S, {})
        drive = Drive(timetable, found, NOON_S, with_console=console)
        drive.run(600)
        ticks.append(drive.tick)
    with_console, without = (dict(tick.bodies) for tick in ticks)
    with_console.pop(CONSOLE)
    assert with_console == without


def test_a_driver_who_signs_on_to_another_run_is_told_of(timetable: Timetable):
    found = buses(timetable, DAY, NOON_S, {})
    drive = Drive(timetable, found, NOON_S)
    drive.run(200)
    (bus,) = [b for b in found if b.vehicle_id == "O1"]
    bus.legs = [replace(leg, sign_trip="A-out-21") for leg in bus.legs]
    told = {a["kind"]: a for a in drive.run(250)["alarms"] if a["vehicle_id"] == "O1"}
    assert told["wrong_sign_on"]["values"]["signed_trip"] == "A-out-21"
    assert told["wrong_sign_on"]["priority"] == 2


def test_keys_name_runs_by_date(drive: Drive):
    body = drive.run(400)
    missing = [a for a in body["alarms"] if a["kind"] == "no_vehicle"]
    assert missing
    for alarm in missing:
        assert alarm["key"] == f"no_vehicle:{alarm['trip_id']}:{DAY.isoformat()}"
        assert date.fromisoformat(alarm["key"].split(":")[-1]) == DAY


def test_a_panic_rings_before_it_is_stored_and_until_it_is_closed(drive: Drive):
    drive.run(100)
    console = drive.engine.console
    console.hear_panic("A0", drive.now_s, 50.1, 57.1)

    def panics(body: dict) -> list[dict]:
        return [a for a in body["alarms"] if a["kind"] == "panic"]

    (alarm,) = panics(drive.run(10))
    assert (alarm["key"], alarm["priority"], alarm["values"]["lat"]) == ("panic:A0", 1, 50.1)
    console.use_panics([Alarm("panic:A0", "panic", 1, 5, "A0", values={"emergency": 7})])
    (alarm,) = panics(drive.run(10))
    assert (alarm["key"], alarm["values"]) == ("panic:A0", {"emergency": 7})
    console.use_panics([])
    assert panics(drive.run(10)) == []
    console.hear_panic("O1", drive.now_s, None, None)
    assert len(panics(drive.run(60))) == 1
    assert panics(drive.run(700)) == []  # nobody stored it: it was no record of a device
