"""What stays when the timetable or the leader changes, a bus is parked, or the clock is put back."""

import io
import zipfile
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.gtfs.realtime.engine import CLOCK_BACK_S, Engine
from sapar.gtfs.timetable import Timetable, load_timetable
from tests.gtfs.realtime.test_assignment import phase_of, picture, reason_of, run, trip_of
from tests.gtfs.realtime.test_progress import leg, shifted
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, join, town, town_zip

TOWN = town()
DAY_S = 86_400


def edited_town(edit: Callable[[str, str], str]) -> Timetable:
    """The town with its files edited: `edit` gets a file's name and text."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(town_zip("v2"))) as source,
        zipfile.ZipFile(buffer, "w") as target,
    ):
        for name in source.namelist():
            target.writestr(name, edit(name, source.read(name).decode()))
    return load_timetable(buffer.getvalue(), "town")


def with_far_stop(name: str, text: str) -> str:
    added = {
        "stops.txt": "far,Far,50.9,57.9\n",
        "trips.txt": "N,daily,FAR,Far,,,\n",
        "stop_times.txt": "FAR,08:00:00,08:00:00,n0,1\nFAR,10:00:00,10:00:00,far,2\n",
    }
    return text + added.get(name, "")


def only_line_n(name: str, text: str) -> str:
    if name not in {"trips.txt", "stop_times.txt"}:
        return text
    column = 2 if name == "trips.txt" else 0
    lines = text.splitlines(keepends=True)
    kept = [row for row in lines[1:] if row.split(",")[column].startswith(("N-", "F-", "X-"))]
    return "".join([lines[0], *kept])


def test_a_timetable_of_a_larger_area_moves_no_bus() -> None:
    bus = Bus(TOWN, "b", [own := leg("A-out-21")], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 300)
    before = float(engine.fleet["along_m"][0])
    engine.replace_timetable(edited_town(with_far_stop), own.start_s + 300)
    engine = run([bus], own.start_s + 300, own.start_s + 400, engine)
    assert engine.verdicts["jump"] == 0
    assert engine.fleet["along_m"][0] > before
    assert phase_of(engine, "b") == "in_progress"


@pytest.mark.parametrize("edit", [only_line_n, with_far_stop])
def test_a_trip_that_is_done_means_the_same_trip_in_a_new_timetable(
    edit: Callable[[str, str], str],
) -> None:
    own = leg("N-12", sign_route="N")
    bus = Bus(TOWN, "b", [own], noise_m=3.0)
    engine = run([bus], own.start_s - 60, own.start_s + 900)
    assert reason_of(engine, "b") == "finished trip N-12"
    timetable = edited_town(edit)
    engine.replace_timetable(timetable, own.start_s + 900)
    assert timetable.trips.ids[int(engine.fleet["done_trip"][0])] == "N-12"
    engine = run([bus], own.start_s + 900, own.start_s + 960, engine)
    assert trip_of(engine, "b") is None


def test_a_trip_that_no_longer_runs_today_is_not_kept() -> None:
    bus = Bus(TOWN, "b", [own := leg("A-out-21")], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 300)
    today = DAY.strftime("%Y%m%d")
    other = edited_town(lambda name, text: text.replace("20240101", f"{int(today) + 1}"))
    engine.replace_timetable(other, own.start_s + 300)
    assert engine.fleet["trip"][0] == -1
    assert "changed trip A-out-21" in reason_of(engine, "b")


@pytest.mark.parametrize("device_on", [True, False])
def test_a_bus_parked_on_its_line_begins_the_next_day_on_a_trip_of_that_day(
    device_on: bool,
) -> None:
    bus = Bus(TOWN, "b", [own := leg("A-out-21", sign_route="A")], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 400)
    assert trip_of(engine, "b") == "A-out-21"
    if device_on:
        claimed = set()
        for since in range(400, DAY_S + 400, 120):
            fix = bus.fix(own.start_s + 400)
            fix.time_s[:] = own.start_s + since
            engine.ingest(fix, own.start_s + since)
            engine.look(own.start_s + since)
            claimed.add(trip_of(engine, "b"))
            if since > 400 + 1860 + 1800:
                assert not picture(engine).updates.keys
        assert claimed == {"A-out-21", None}
    else:
        engine.look(own.start_s + DAY_S)
    tomorrow = Bus(TOWN, "b", [Leg("A-out-21", own.start_s + DAY_S, None, "A")], noise_m=3.0)
    engine = run([tomorrow], own.start_s + DAY_S + 400, own.start_s + DAY_S + 600, engine)
    assert trip_of(engine, "b") == "A-out-21"
    assert date.fromordinal(engine.fleet.run_key(0)[1]) == date(2026, 3, 11)
    assert abs(engine.fleet["delay_s"][0]) < 60


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["A-out-21", "N-12"]), st.integers(0, 2**32 - 1))
def test_a_standing_bus_does_not_go_back_by_noise(trip_id: str, seed: int) -> None:
    bus = Bus(TOWN, "b", [own := leg(trip_id)], noise_m=3.0)
    engine = run([bus], own.start_s + 60, own.start_s + 300)
    random = np.random.default_rng(seed)
    key, along = engine.fleet.run_key(0), float(engine.fleet["along_m"][0])
    for since in range(300, 900, 5):
        fix = bus.fix(own.start_s + 300)
        fix.time_s[:] = own.start_s + since
        now_s = own.start_s + since
        engine.ingest(shifted(fix, *random.normal(0.0, 20.0, 2)), now_s)
        engine.look(now_s)
        if engine.fleet.run_key(0) == key:
            assert engine.fleet["along_m"][0] >= along
        key, along = engine.fleet.run_key(0), float(engine.fleet["along_m"][0])


@pytest.mark.parametrize("sign", [{"sign_trip": "F-trip"}, {"sign_route": "F"}])
def test_the_start_of_a_headway_run_stays_while_the_bus_is_in_doubt(sign: dict[str, str]) -> None:
    start = day_start(TOWN) + 12 * 3600 + 137
    delay_s = start - day_start(TOWN) - 6 * 3600
    bus = Bus(TOWN, "b", [leg("F-trip", delay_s, **sign)])
    engine = run([bus], start + 60, start + 200)
    key = engine.fleet.run_key(0)
    random = np.random.default_rng(1)
    for since in range(200, 700, 5):  # stands; the noise adds up to a way driven
        fix = bus.fix(start + 200)
        fix.time_s[:] = start + since
        engine.ingest(shifted(fix, *random.normal(0.0, 25.0, 2)), start + since)
        engine.look(start + since)
        assert engine.fleet.run_key(0) == key


def test_a_bus_that_lives_through_a_change_of_leader_shares_its_run_with_nobody() -> None:
    start = day_start(TOWN) + 12 * 3600 + 137
    legs = [leg("F-trip", start - day_start(TOWN) - 6 * 3600 + n, sign_route="F") for n in (0, 90)]
    buses = [Bus(TOWN, f"b{n}", [legs[n]], seed=n) for n in range(2)]
    one = run(buses, start + 160, start + 260)
    tick = one.tick(start + 260, 0.0, 1, 1)
    two = run(buses, start + 160, start + 260)
    first, second = two.fleet.run_key(0), two.fleet.run_key(1)
    for name in ("day", "start_s", "base_s"):  # the standby has them the other way round
        two.fleet[name][:2] = two.fleet[name][:2][::-1].copy()
    two.adopt(tick.bodies["vehicle-positions"].plain())
    assert (two.fleet.run_key(0), two.fleet.run_key(1)) == (first, second)
    for name in ("day", "start_s", "base_s"):  # ... or the other one on the run of the first
        two.fleet[name][1] = two.fleet[name][0]
    alone = run(buses[:1], start + 160, start + 260).tick(start + 270, 0.0, 1, 2)
    two.adopt(alone.bodies["vehicle-positions"].plain())
    assert two.fleet.run_key(0) == first
    assert two.fleet["trip"][1] == -1
    two.ingest(join([bus.fix(start + 270) for bus in buses]), start + 270)
    keys = two.look(start + 271).updates.keys
    assert len(keys) == len(set(keys)) == 2


def test_a_clock_that_is_put_back_stops_the_feeds_for_a_minute_at_most() -> None:
    engine = Engine(TOWN)
    noon = day_start(TOWN) + 12 * 3600
    engine.tick(noon + 3600, 0.0, 1, 1)
    assert not engine.is_due(noon + 3600)
    assert not engine.is_due(noon + 3600 - CLOCK_BACK_S)
    assert engine.is_due(noon)
    own = leg("A-out-21")
    run([Bus(TOWN, "b", [own])], own.start_s + 100, own.start_s + 200, engine)
    assert trip_of(engine, "b") == "A-out-21"
    assert engine.tick(own.start_s + 200, 0.0, 1, 2).time_s == own.start_s + 200
