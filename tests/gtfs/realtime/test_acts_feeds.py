"""Days on which dispatch acts: what stands in the feeds, tick after tick, and the real validator."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from google.transit import gtfs_realtime_pb2 as pb
from gtfs_rt_validator.api import PreparedFeed

from sapar.gtfs.realtime.acts import Acts, Cancel, Skip
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.tick import ALERTS, TRIP_UPDATES, VEHICLE_POSITIONS, Tick
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime import judge
from tests.gtfs.realtime.dispatch_days import (
    act,
    around,
    as_decided,
    buses,
    busy_acts,
    detour,
    detoured,
    drive,
    message,
    updates,
)
from tests.gtfs.realtime.town import DAY, day_start, town, town_zip

TRIP, STOP = pb.TripDescriptor, pb.TripUpdate.StopTimeUpdate
CHANGE = date(2024, 2, 29)
"""The service day in whose night Asia/Almaty put its clocks back from UTC+6 to UTC+5."""


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedFeed:
    path = tmp_path_factory.mktemp("town") / "gtfs.zip"
    path.write_bytes(town_zip())
    return judge.prepare(path)


@pytest.fixture(scope="module")
def busy(timetable: Timetable) -> list[Tick]:
    """Ninety minutes from 12:00 in which dispatch does everything that it can."""
    start = day_start(timetable) + 12 * 3600
    led = detoured(timetable, start)
    engine = Engine(timetable)
    return drive(
        engine,
        buses(timetable, DAY, 12 * 3600, led),
        start,
        start + 5400,
        as_decided(busy_acts(start, DAY)),
    )


def test_no_rule_of_severity_error_fires_while_dispatch_acts(
    prepared: PreparedFeed, timetable: Timetable, busy: list[Tick]
) -> None:
    start = day_start(timetable) + 12 * 3600
    acts = busy_acts(start, DAY)
    events = [a.created_s for a in acts] + [a.until_s for a in acts if a.until_s is not None]
    for ticks in around(busy, events):
        found = judge.errors(prepared, ticks)
        # Rule E003 is of 2015 and knows no new trips but ADDED, which has been withdrawn since; a
        # NEW trip must have an id that the timetable does not have.
        new = [text for text in found.pop("E003", []) if "extra-7" not in text]
        assert new == []
        assert found == {}


def test_a_cancelled_run_is_cancelled_and_promised_no_more(
    timetable: Timetable, busy: list[Tick]
) -> None:
    start = day_start(timetable) + 12 * 3600
    for tick in busy[: 4500 // 5]:  # the run would end at 12:54, and is spoken of until 13:24
        found = updates(tick, "A-out-23")
        if tick.time_s < start + 300:
            assert all(u.trip.schedule_relationship == TRIP.SCHEDULED for u in found)
            continue
        (cancelled,) = found
        assert cancelled.trip.schedule_relationship == TRIP.CANCELED
        assert cancelled.trip.start_date == "20260310"
        assert not cancelled.stop_time_update
        positions = message(tick, VEHICLE_POSITIONS).entity
        assert all(entity.vehicle.trip.trip_id != "A-out-23" for entity in positions)


def test_one_start_of_headway_service_is_cancelled_and_no_other(
    timetable: Timetable, busy: list[Tick]
) -> None:
    at = int((1500 + 900) / 5)
    found = updates(busy[at], "X-trip")
    cancelled = [u for u in found if u.trip.schedule_relationship == TRIP.CANCELED]
    assert [u.trip.start_time for u in cancelled] == ["13:12:00"]
    assert len(found) > 1


def test_a_closed_stop_is_skipped_by_its_route_for_its_period(
    timetable: Timetable, busy: list[Tick]
) -> None:
    start = day_start(timetable) + 12 * 3600
    inside, outside = 0, 0
    for tick in busy[::6]:
        for entity in message(tick, TRIP_UPDATES).entity:
            for stop in entity.trip_update.stop_time_update:
                if stop.stop_id != "a6":
                    continue
                if stop.schedule_relationship == STOP.SKIPPED:
                    assert not stop.HasField("arrival")
                    assert start + 1800 <= tick.time_s < start + 3600
                    inside += 1
                else:
                    over = not start + 1800 <= tick.time_s < start + 3600
                    assert over or not start + 1800 <= stop.arrival.time < start + 3600
                    outside += 1
    assert inside > 20
    assert outside > 20


def test_headway_service_leaves_a_closed_stop_out_as_it_may_not_skip_it(
    timetable: Timetable, busy: list[Tick]
) -> None:
    start = day_start(timetable) + 12 * 3600
    seen = {True: 0, False: 0}
    for tick in busy[::6]:
        closed = start + 600 <= tick.time_s < start + 3000
        for update in updates(tick, "F-trip"):
            stops = update.stop_time_update
            assert all(stop.schedule_relationship == STOP.UNSCHEDULED for stop in stops)
            times = [s.arrival.time for s in stops if s.stop_id == "f2"]
            seen[closed] += len(times)
            if closed:
                assert all(time >= start + 3000 for time in times)
    assert seen[False] > 10


def test_a_run_says_that_it_skips_a_stop_before_a_bus_has_taken_it(
    timetable: Timetable, busy: list[Tick]
) -> None:
    (before,) = updates(busy[120], "O-28")  # it starts at 13:00, and it is 12:10
    assert not before.vehicle.id
    assert [s.stop_id for s in before.stop_time_update][:3] == ["o0", "o1", "o2"]
    kinds = [s.schedule_relationship for s in before.stop_time_update]
    assert kinds == [STOP.NO_DATA, STOP.NO_DATA, STOP.SKIPPED, *[STOP.NO_DATA] * 3]
    at = int((3600 + 120) / 5)  # 13:02, on its way
    (under_way,) = updates(busy[at], "O-28")
    assert under_way.vehicle.id == "O1"
    skipped = [s for s in under_way.stop_time_update if s.schedule_relationship == STOP.SKIPPED]
    assert [s.stop_id for s in skipped] == ["o2"]


def test_a_detour_gives_modifications_shape_alert_and_an_update_for_either_reader(
    timetable: Timetable, busy: list[Tick]
) -> None:
    start = day_start(timetable) + 12 * 3600
    tick = busy[int(1500 / 5)]  # 12:25, a bus is on its way to the detour
    entities = message(tick, TRIP_UPDATES).entity
    changes = [e.trip_modifications for e in entities if e.HasField("trip_modifications")]
    shapes = {e.shape.shape_id: e.shape for e in entities if e.HasField("shape")}
    assert len(changes) == len(shapes) == 2  # there and back
    for change in changes:
        (selected,) = change.selected_trips
        assert selected.shape_id in shapes
        (part,) = change.modifications
        ends = (part.start_stop_selector.stop_id, part.end_stop_selector.stop_id)
        assert ends in {("a3", "a4"), ("a4", "a3")}
        assert part.service_alert_id == "detour-1"
        assert change.service_dates[0] == "20260310"
        assert all(trip.startswith("A-") for trip in selected.trip_ids)
    out = next(c for c in changes if "A-out-22" in c.selected_trips[0].trip_ids)
    assert "A-out-20" not in out.selected_trips[0].trip_ids  # it was through before the detour
    alert = next(e.alert for e in message(tick, ALERTS).entity if e.id == "detour-1")
    assert alert.effect == pb.Alert.DETOUR
    assert {t.language for t in alert.header_text.translation} == {"kk", "ru", "en"}
    assert any("Stop a3" in t.text for t in alert.description_text.translation)
    plain, changed = None, None
    for entity in entities:
        update = entity.trip_update
        if update.trip.trip_id == "A-out-22" and update.trip.start_date:
            plain = update
        if update.trip.modified_trip.affected_trip_id == "A-out-22":
            changed = update
    assert plain is not None
    assert changed is not None
    assert not changed.trip.HasField("trip_id")
    skipped = [s.stop_id for s in plain.stop_time_update if s.schedule_relationship == STOP.SKIPPED]
    assert skipped == ["a3", "a4"]
    numbered = {s.stop_id: s.stop_sequence for s in changed.stop_time_update}
    assert "a3" not in numbered
    assert numbered["a5"] == 4
    after = busy[int(4830 / 5)]
    assert after.time_s > start + 4800
    assert not any(e.HasField("trip_modifications") for e in message(after, TRIP_UPDATES).entity)
    assert "detour-1" not in {e.id for e in message(after, ALERTS).entity}


def test_extra_runs_are_copies_where_they_can_be_and_new_where_not(
    timetable: Timetable, busy: list[Tick]
) -> None:
    entities = message(busy[130], TRIP_UPDATES).entity
    copies = [
        e.trip_update
        for e in entities
        if e.trip_update.trip.schedule_relationship == TRIP.DUPLICATED
    ]
    assert [c.trip_properties.trip_id for c in copies] == ["O-x1", "O-x2"]
    assert copies[0].trip.trip_id == "O-26"
    assert copies[1].trip.trip_id != "O-26"  # one copy of a trip at a time (rule S003)
    assert copies[0].trip_properties.start_time == "12:33:20"
    base = day_start(timetable) + 12 * 3600 + 2000
    assert [s.arrival.time - base for s in copies[0].stop_time_update] == [
        0,
        120,
        240,
        360,
        480,
        600,
    ]
    (new,) = (
        e.trip_update for e in entities if e.trip_update.trip.schedule_relationship == TRIP.NEW
    )
    assert new.trip.trip_id == "extra-7"
    assert new.trip_properties.trip_headsign == "Stop a3"
    assert [s.arrival.scheduled_time for s in new.stop_time_update] == [
        s.arrival.time for s in new.stop_time_update
    ]


@pytest.mark.parametrize("act_id", ["detour-1", "cancel-1", "skip-1", "skip-3", "copy-1", "new-1"])
def test_an_act_is_in_the_feeds_with_the_next_tick_and_gone_with_the_one_after_it_is_undone(
    timetable: Timetable, act_id: str
) -> None:
    start = day_start(timetable) + 12 * 3600
    wanted = next(a for a in busy_acts(start - 1800, DAY) if a.act_id == act_id)
    found = buses(timetable, DAY, 12 * 3600, {})
    three: list[list[Tick]] = []
    choices: tuple[Acts, Acts] = ((), (wanted,))
    for acts in choices:
        engine = Engine(timetable)
        at = start + 1200
        schedule: dict[float, Acts] = {at: acts}
        ticks = drive(engine, found, at - 300, at + 10, _from(schedule))
        three.append(ticks[-3:])
        found = buses(timetable, DAY, 12 * 3600, {})
    (plain_before, plain, plain_after), (before, during, after) = three
    for name in (TRIP_UPDATES, ALERTS):
        assert before.bodies[name].plain() == plain_before.bodies[name].plain()
        assert after.bodies[name].plain() == plain_after.bodies[name].plain()
    assert during.bodies[TRIP_UPDATES].plain() != plain.bodies[TRIP_UPDATES].plain()


def _from(schedule: dict[float, Acts]) -> Callable[[float], Acts]:
    return lambda now_s: schedule.get(now_s, ())


def test_nothing_breaks_in_the_night_when_the_zone_changes(tmp_path: Path) -> None:
    """Asia/Almaty, 1 March 2024: at midnight it was 23:00 again."""
    zip_bytes = town_zip(timezone="Asia/Almaty")
    (tmp_path / "gtfs.zip").write_bytes(zip_bytes)
    prepared, timetable = judge.prepare(tmp_path / "gtfs.zip"), town("Asia/Almaty")
    base, late = day_start(timetable, CHANGE), 23 * 3600 + 900
    started = base + late
    acts = (
        detour(started + 600),
        act("cancel-1", Cancel(trip_id="A-out-58", service_date=CHANGE), started + 300),
        act("skip-1", Skip(stop_ids=["a6"], route_id="A"), started + 900),
    )
    engine = Engine(timetable)
    ticks = drive(
        engine,
        buses(timetable, CHANGE, late, detoured(timetable, started)),
        started,
        started + 2 * 3600,
        as_decided(acts),
    )
    change = 1_709_229_600.0  # 2024-02-29T18:00:00Z, midnight by the old clock
    assert started < change < started + 2 * 3600
    events = [change, change + 3600, *(a.created_s for a in acts)]
    for group in around(ticks, events):
        assert judge.errors(prepared, group) == {}
    after = [tick for tick in ticks if tick.time_s > change + 600]
    dates = {
        e.trip_update.trip.start_date
        for tick in after[::12]
        for e in message(tick, TRIP_UPDATES).entity
        if e.trip_update.vehicle.id == "A0"
    }
    assert "20240229" in dates
