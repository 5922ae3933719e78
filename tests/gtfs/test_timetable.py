"""The timetable of small feeds: calendars, blocks, frequencies, patterns, times."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from sapar.gtfs.timetable import Timetable, load_timetable
from tests.gtfs.feeds import BASE, appended, edited, tiny_feed


@pytest.fixture
def timetable() -> Timetable:
    return load_timetable(tiny_feed(), "aqtobe")


def test_columns(timetable: Timetable) -> None:
    assert timetable.agency_id == "aqtobe"
    assert timetable.feed_version == "2026-1"
    assert timetable.timezone.key == "Asia/Aqtobe"
    assert timetable.languages == ("kk",)
    assert timetable.stops.index == {"S1": 0, "S2": 1, "S3": 2}
    assert timetable.routes.short_names == ["1"]
    assert timetable.routes.colors == ["00FF7A"]
    assert timetable.routes.text_colors == [""]
    assert timetable.trips.headsigns == ["Vokzal", "Bazar"]
    assert timetable.trips.shape_ids == ["H1", "H2"]
    assert timetable.trips.direction.tolist() == [0, 1]
    assert timetable.trips.first_s.tolist() == [8 * 3600, 24 * 3600 + 600]
    assert timetable.trips.last_s.tolist() == [8 * 3600 + 360, 24 * 3600 + 960]


def test_times_past_midnight_and_between(timetable: Timetable) -> None:
    arrival, departure = timetable.trip_times(1)
    assert arrival.tolist() == departure.tolist()
    assert arrival[0] == 87_000
    assert arrival[2] == 87_360
    # the stop between is half way along, give or take its place on the line
    assert 87_150 <= arrival[1] <= 87_210
    assert timetable.stop_times.timed.tolist() == [True, True, True, True, False, True]


def test_arrays_cannot_be_written(timetable: Timetable) -> None:
    arrays = (
        timetable.stops.longitude,
        timetable.trips.pattern_idx,
        timetable.stop_times.departure_s,
        timetable.patterns[0].stop_m,
        timetable.patterns[0].polyline_lat,
        timetable.trip_times(0)[0],
        timetable.block_trips(0),
    )
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_block_trips_are_in_order_of_time(timetable: Timetable) -> None:
    assert timetable.block_trips(timetable.blocks.index["B1"]).tolist() == [0, 1]
    other = load_timetable(edited("trips.txt", "1,B1,H2", "1,,H2"), "aqtobe")
    assert other.block_trips(0).tolist() == [0]
    assert other.trips.block_idx.tolist() == [0, -1]


def test_weekdays_and_exceptions() -> None:
    calendar = BASE["calendar.txt"].replace("1,1,1,1,1,1,1", "1,1,1,1,1,0,0")
    dates = (
        "service_id,date,exception_type\n"
        "DAILY,20260321,2\nDAILY,20260322,1\nDAILY,20260323,2\nEXTRA,20260323,1\n"
    )
    content = tiny_feed(
        {
            "calendar.txt": calendar,
            "calendar_dates.txt": dates,
            "trips.txt": BASE["trips.txt"].replace("T2,R1,DAILY", "T2,R1,EXTRA"),
        }
    )
    timetable = load_timetable(content, "aqtobe")
    running = {day: timetable.trips_active(date(2026, 3, day)).tolist() for day in range(20, 25)}
    assert running == {20: [0], 21: [], 22: [0], 23: [1], 24: [0]}
    assert timetable.trips_active(date(2025, 12, 31)).tolist() == []
    assert timetable.service_span == (date(2026, 1, 1), date(2026, 12, 31))


def test_only_calendar_dates() -> None:
    dates = "service_id,date,exception_type\nDAILY,20260501,1\nDAILY,20260503,1\n"
    timetable = load_timetable(
        tiny_feed({"calendar.txt": None, "calendar_dates.txt": dates}), "aqtobe"
    )
    assert timetable.trips_active(date(2026, 5, 1)).tolist() == [0, 1]
    assert timetable.trips_active(date(2026, 5, 2)).tolist() == []
    assert timetable.service_span == (date(2026, 5, 1), date(2026, 5, 3))


def test_service_span_skips_days_taken_away() -> None:
    dates = "service_id,date,exception_type\nDAILY,20260101,2\nDAILY,20261231,2\n"
    timetable = load_timetable(tiny_feed({"calendar_dates.txt": dates}), "aqtobe")
    assert timetable.service_span == (date(2026, 1, 2), date(2026, 12, 30))


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        # trips are thought to end by 31:00, so until 7 in the morning yesterday may be under way
        (datetime(2026, 5, 2, 0, 16), [date(2026, 5, 1), date(2026, 5, 2)]),
        (datetime(2026, 5, 2, 6, 59), [date(2026, 5, 1), date(2026, 5, 2)]),
        (datetime(2026, 5, 2, 7, 1), [date(2026, 5, 2)]),
        (datetime(2026, 5, 2, 23, 59), [date(2026, 5, 2)]),
    ],
)
def test_service_dates_at(timetable: Timetable, local: datetime, expected: list[date]) -> None:
    unix_s = local.replace(tzinfo=timetable.timezone).astimezone(UTC).timestamp()
    assert timetable.service_dates_at(unix_s) == expected


def test_service_dates_of_a_trip_that_runs_for_two_days() -> None:
    long = edited("stop_times.txt", "24:16:00,24:16:00", "49:00:00,49:00:00")
    timetable = load_timetable(long, "aqtobe")
    at = timetable.service_day_start(date(2026, 5, 3)) + 1800
    assert timetable.service_dates_at(at) == [date(2026, 5, day) for day in (1, 2, 3)]


def test_service_day_starts_in_the_last_hour_of_the_day_before() -> None:
    """When clocks go forward the service day begins at 23:00; the calendar date is still there."""
    content = edited("agency.txt", "Asia/Aqtobe", "Europe/Warsaw")
    timetable = load_timetable(content, "warsaw")
    at = datetime(2026, 3, 28, 23, 30, tzinfo=timetable.timezone).timestamp()
    assert timetable.service_dates_at(at) == [date(2026, 3, 28), date(2026, 3, 29)]


def test_frequencies() -> None:
    rows = "trip_id,start_time,end_time,headway_secs,exact_times\n"
    rows += "T2,10:00:00,12:00:00,600,1\nT1,08:00:00,10:00:00,300,\nT3,08:00:00,10:00:00,300,\n"
    content = appended("trips.txt", "T3,R1,DAILY,,0,,\n", {"frequencies.txt": rows})
    frequencies = load_timetable(content, "aqtobe").frequencies
    assert frequencies.trip_idx.tolist() == [0, 1]
    assert frequencies.start_s.tolist() == [28_800, 36_000]
    assert frequencies.headway_s.tolist() == [300, 600]
    assert frequencies.exact.tolist() == [False, True]


def test_trips_without_stop_times_are_left_out() -> None:
    trips = BASE["trips.txt"].replace("T1,R1", "T0,R1,DAILY,,0,,\nT1,R1")
    timetable = load_timetable(tiny_feed({"trips.txt": trips}), "aqtobe")
    assert timetable.trips.ids == ["T1", "T2"]
    assert timetable.trips.index == {"T1": 0, "T2": 1}


def test_patterns_are_shared_by_stops_shape_and_direction() -> None:
    more = "".join(
        f"T3,S{stop},{stop},09:0{stop}:00,09:0{stop}:00\n"
        f"T4,S{stop},{stop},10:0{stop}:00,10:0{stop}:00\n"
        for stop in (1, 2, 3)
    )
    trips = "T3,R1,DAILY,,0,,H1\nT4,R1,DAILY,,0,,\n"
    content = appended("stop_times.txt", more, {"trips.txt": BASE["trips.txt"] + trips})
    timetable = load_timetable(content, "aqtobe")
    assert timetable.trips.pattern_idx.tolist() == [0, 1, 0, 2]
    assert [pattern.has_shape for pattern in timetable.patterns] == [True, True, False]
    assert timetable.patterns[2].polyline_lat.tolist() == [50.28, 50.282, 50.284]
    assert (timetable.patterns[2].stop_m == timetable.patterns[2].polyline_m).all()


def test_rows_may_come_in_any_order() -> None:
    header, *rows = BASE["stop_times.txt"].splitlines(keepends=True)
    shape_header, *points = BASE["shapes.txt"].splitlines(keepends=True)
    turned = tiny_feed(
        {
            "stop_times.txt": header + "".join(rows[::-1]),
            "shapes.txt": shape_header + "".join(points[::-1]),
        }
    )
    one, other = load_timetable(tiny_feed(), "x"), load_timetable(turned, "x")
    assert (one.stop_times.arrival_s == other.stop_times.arrival_s).all()
    assert all(
        np.array_equal(a.polyline_m, b.polyline_m) and np.array_equal(a.stop_m, b.stop_m)
        for a, b in zip(one.patterns, other.patterns, strict=True)
    )


def test_a_shape_drawn_backwards_is_turned_round() -> None:
    timetable = load_timetable(edited("trips.txt", "H2", "H1"), "aqtobe")
    backwards = timetable.trip_pattern(1)
    assert backwards.has_shape
    assert backwards.shape_reversed
    assert backwards.polyline_lat[0] == 50.284
    assert backwards.stop_offset_m.max() < 30


def test_the_feed_s_own_distances_place_stops() -> None:
    shapes = (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"
        "H1,50.28,57.16,1,0\nH1,50.284,57.17,2,10\nH2,50.284,57.17,1,\nH2,50.28,57.16,2,\n"
    )
    header, *rows = BASE["stop_times.txt"].splitlines()
    distances = ["0", "5.2", "10", "", "", ""]
    times = "\n".join(
        [f"{header},shape_dist_traveled", *map(",".join, zip(rows, distances, strict=True))]
    )
    timetable = load_timetable(tiny_feed({"shapes.txt": shapes, "stop_times.txt": times}), "x")
    pattern = timetable.trip_pattern(0)
    assert np.allclose(pattern.stop_m / pattern.length_m, [0, 0.52, 1])


def test_wrong_distances_of_the_feed_are_not_believed() -> None:
    shapes = (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"
        "H1,50.28,57.16,1,0\nH1,50.284,57.17,2,10\nH2,50.284,57.17,1,\nH2,50.28,57.16,2,\n"
    )
    header, *rows = BASE["stop_times.txt"].splitlines()
    distances = ["0", "9.5", "10", "", "", ""]
    times = "\n".join(
        [f"{header},shape_dist_traveled", *map(",".join, zip(rows, distances, strict=True))]
    )
    timetable = load_timetable(tiny_feed({"shapes.txt": shapes, "stop_times.txt": times}), "x")
    pattern = timetable.trip_pattern(0)
    assert np.allclose(pattern.stop_m / pattern.length_m, [0, 0.5, 1], atol=0.02)


def test_bounding_box_leaves_unused_stops_out(timetable: Timetable) -> None:
    assert timetable.bounding_box == (50.28, 57.16, 50.284, 57.17)
    far = load_timetable(appended("stops.txt", "S4,Depot,10,10\n"), "aqtobe")
    assert far.bounding_box == timetable.bounding_box
