"""Every real feed loads; the table says what each contains and which warnings it has.

Counts are routes, trips with stop times, stops, stop times, patterns and blocks.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from sapar.gtfs.importer import check_feed
from sapar.gtfs.static import FeedRefused, count_codes, read_feed
from sapar.gtfs.timetable import Timetable, load_timetable

NOW = datetime(2026, 1, 1, tzinfo=UTC)

FEEDS: dict[str, tuple[tuple[int, int, int, int, int, int], dict[str, int]]] = {
    "gtfs/bronx-2020.zip": (
        (45, 8616, 2242, 285801, 195, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "unused_shape": 32,
            "unused_stop": 13,
        },
    ),
    "gtfs/cairns.zip": (
        (22, 1339, 416, 37790, 54, 0),
        {
            "calendar_expired": 1,
            "interpolated_times": 65,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "stop_far_from_shape": 6,
        },
    ),
    "gtfs/cdmx.zip": (
        (145, 1741, 6021, 70714, 345, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "reversed_shape": 4,
            "stop_far_from_shape": 22,
            "stray_file": 1,
            "untrimmed_value": 328,
        },
    ),
    "gtfs/chisinau.zip": (
        (30, 12986, 385, 250280, 80, 0),
        {
            "calendar_expired": 1,
            "empty_optional_file": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "no_shapes": 1,
            "single_stop_trip": 2,
            "stray_file": 4,
            "trip_without_stop_times": 559,
            "untrimmed_value": 24,
        },
    ),
    "gtfs/hart-tampa.zip": (
        (45, 14718, 2349, 435507, 200, 606),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "stop_far_from_shape": 2,
            "untrimmed_value": 1,
        },
    ),
    "gtfs/maglev-gtfs.zip": (
        (6, 15092, 189, 193415, 59, 11),
        {
            "calendar_expired": 1,
            "shape_does_not_fit": 2,
            "stop_far_from_shape": 7,
            "stray_file": 6,
            "unused_shape": 14,
            "unused_stop": 21,
        },
    ),
    "gtfs/newport.zip": (
        (16, 176, 2686, 7765, 58, 1),
        {
            "calendar_expired": 1,
            "no_directions": 1,
            "trip_without_shape": 70,
        },
    ),
    "gtfs/poa.zip": (
        (4, 387, 212, 23040, 4, 0),
        {
            "bad_optional_value": 4,
            "calendar_expired": 1,
            "interpolated_times": 22266,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "service_never_runs": 3,
            "stop_far_from_shape": 1,
            "wrapped_midnight": 10,
        },
    ),
    "gtfs/raba-redding.zip": (
        (13, 282, 375, 7346, 28, 16),
        {
            "fast_travel": 11,
            "interpolated_times": 66,
            "untrimmed_value": 1,
            "unused_stop": 21,
        },
    ),
    "gtfs/sample-feed-1.zip": (
        (5, 11, 9, 28, 9, 2),
        {
            "calendar_expired": 1,
            "empty_optional_file": 1,
            "missing_recommended_column": 1,
            "missing_recommended_file": 1,
            "no_shapes": 1,
            "short_row": 13,
        },
    ),
    "wmata/gtfs.zip": (
        (3, 4167, 347, 232187, 15, 158),
        {
            "missing_recommended_file": 1,
        },
    ),
    "warsaw/gtfs.zip": (
        (332, 41572, 6904, 873306, 2455, 2478),
        {
            "calendar_expired": 1,
            "missing_recommended_column": 1,
            "missing_recommended_file": 1,
            "no_directions": 1,
            "no_shapes": 1,
        },
    ),
    "nyc-traces/gtfs/b63-2010.zip": (
        (1, 735, 115, 41327, 6, 77),
        {
            "calendar_expired": 1,
            "empty_optional_file": 1,
            "missing_recommended_file": 1,
            "stray_file": 5,
            "unused_stop": 1,
        },
    ),
    "nyc-traces/gtfs/m34-2012.zip": (
        (2, 1634, 40, 22479, 4, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
        },
    ),
    "nyc-traces/gtfs/mtabc-e2-2012.zip": (
        (13, 2969, 386, 59927, 48, 598),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
        },
    ),
    "nyc-traces/gtfs/staten-island-2014.zip": (
        (54, 4118, 2034, 203364, 278, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "stop_far_from_shape": 3,
            "unused_shape": 43,
            "unused_stop": 10,
        },
    ),
    "rt-vectors/mobilitydata/bullrunner-gtfs-no-shapes.zip": (
        (6, 15, 125, 473, 6, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "no_directions": 1,
            "no_shapes": 1,
            "untrimmed_column": 1,
            "untrimmed_value": 9,
        },
    ),
    "rt-vectors/mobilitydata/bullrunner-gtfs-timepoints-only-legacy-exact-times-1.zip": (
        (6, 15, 125, 473, 6, 0),
        {
            "calendar_expired": 1,
            "interpolated_times": 330,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "no_directions": 1,
            "no_shapes": 1,
            "untrimmed_value": 9,
        },
    ),
    "rt-vectors/mobilitydata/bullrunner-gtfs.zip": (
        (6, 15, 125, 473, 6, 0),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
            "no_blocks": 1,
            "no_directions": 1,
            "untrimmed_column": 1,
            "untrimmed_value": 9,
        },
    ),
    "rt-vectors/mobilitydata/testagency.zip": (
        (18, 33, 24, 80, 19, 2),
        {
            "bad_optional_value": 2,
            "fast_travel": 12,
            "interpolated_times": 1,
            "missing_recommended_column": 1,
            "missing_recommended_file": 1,
            "no_directions": 1,
            "trip_without_shape": 29,
            "unknown_parent_station": 2,
            "unused_stop": 4,
            "wrapped_midnight": 1,
        },
    ),
    "rt-vectors/mobilitydata/testagency2.zip": (
        (18, 33, 24, 80, 19, 2),
        {
            "bad_optional_value": 2,
            "fast_travel": 12,
            "interpolated_times": 1,
            "missing_recommended_column": 1,
            "missing_recommended_file": 1,
            "not_a_platform": 7,
            "trip_without_shape": 29,
            "unknown_parent_station": 2,
            "unused_stop": 4,
            "wrapped_midnight": 1,
        },
    ),
    "rt-vectors/oba/st_duplicated_trips/40/st.zip": (
        (5, 734, 149, 13314, 8, 20),
        {
            "calendar_expired": 1,
            "empty_optional_file": 1,
            "missing_recommended_file": 1,
            "stop_far_from_shape": 5,
            "unused_route": 4,
            "unused_shape": 27,
            "unused_stop": 60,
        },
    ),
    "rt-vectors/oba/wmata_service_day/1/cut.zip": (
        (2, 24, 164, 1486, 6, 1),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
        },
    ),
    "rt-vectors/oba/wmata_service_day_2/1/cut.zip": (
        (12, 2554, 733, 115357, 34, 93),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
        },
    ),
    "rt-vectors/oba/wmata_service_day_4/1/cut.zip": (
        (14, 2830, 956, 154763, 41, 70),
        {
            "calendar_expired": 1,
            "missing_recommended_file": 1,
        },
    ),
    "rt-vectors/transitland/ct.zip": (
        (9, 176, 109, 3498, 33, 0),
        {
            "calendar_expired": 1,
            "no_blocks": 1,
            "stray_file": 4,
            "unused_route": 3,
            "unused_stop": 18,
        },
    ),
}


@pytest.mark.parametrize("name", FEEDS)
def test_feed_loads_with_its_warnings(name: str, sapar_data: Path) -> None:
    checked = check_feed(sapar_data / name, "city", NOW)
    summary = checked.summary()
    counts = tuple(
        summary[key] for key in ("routes", "trips", "stops", "stop_times", "patterns", "blocks")
    )
    assert (counts, count_codes(checked.warnings)) == FEEDS[name]
    assert_sound(checked.timetable)


def test_the_table_has_every_feed(sapar_data: Path) -> None:
    places = ("gtfs/*.zip", "nyc-traces/gtfs/*.zip", "wmata/gtfs.zip", "warsaw/gtfs.zip")
    found = {
        str(path.relative_to(sapar_data)) for place in places for path in sapar_data.glob(place)
    }
    assert found <= set(FEEDS)


def assert_sound(timetable: Timetable) -> None:
    """What every timetable promises to its readers."""
    trips, times = timetable.trips, timetable.stop_times
    assert trips.st_begin[0] == 0
    assert trips.st_begin[-1] == len(times.stop_idx)
    assert (np.diff(trips.st_begin) > 0).all()
    inside = np.ones(len(times.stop_idx), bool)
    inside[trips.st_begin[:-1]] = False
    assert (times.departure_s >= times.arrival_s).all()
    assert (times.arrival_s[1:] >= times.departure_s[:-1])[inside[1:]].all()
    assert (times.stop_sequence[1:] > times.stop_sequence[:-1])[inside[1:]].all()
    assert (trips.first_s <= trips.last_s).all()
    for pattern in timetable.patterns:
        assert len(pattern.polyline_lat) == len(pattern.polyline_lon) == len(pattern.polyline_m)
        assert (np.diff(pattern.polyline_m) >= 0).all()
        assert (np.diff(pattern.stop_m) >= 0).all()
        assert pattern.stop_m[0] >= 0
        assert pattern.stop_m[-1] <= pattern.length_m
    for trip in range(0, len(trips.ids), 97):
        rows = timetable.trip_rows(trip)
        assert (times.stop_idx[rows] == timetable.trip_pattern(trip).stop_idx).all()
    for array in (times.arrival_s, trips.first_s, timetable.stops.latitude, trips.st_begin):
        assert not array.flags.writeable


def test_a_feed_that_is_none_is_refused(sapar_data: Path) -> None:
    with pytest.raises(FeedRefused) as caught:
        read_feed(sapar_data / "rt-vectors/mobilitydata/badgtfs.zip")
    assert {notice.code for notice in caught.value.notices} == {"missing_file"}


def test_times_after_midnight_of_warsaw(sapar_data: Path) -> None:
    timetable = load_timetable(sapar_data / "warsaw/gtfs.zip", "warsaw")
    late = (timetable.stop_times.arrival_s >= 24 * 3600) | (
        timetable.stop_times.departure_s >= 24 * 3600
    )
    assert int(late.sum()) == 23_869
    assert len(timetable.trips_active(date(2024, 2, 19))) == 41_572
    assert len(timetable.trips_active(date(2024, 2, 20))) == 0
    # 01:30 of the next day: the last trips of the service date are still under way
    at = timetable.service_day_start(date(2024, 2, 20)) + 1.5 * 3600
    assert timetable.service_dates_at(at) == [date(2024, 2, 19), date(2024, 2, 20)]


def test_holiday_timetable_of_wmata(sapar_data: Path) -> None:
    """Presidents' Day runs by calendar_dates: what runs on that Monday is not the Monday service."""
    timetable = load_timetable(sapar_data / "wmata/gtfs.zip", "wmata")
    holiday, monday = date(2026, 2, 16), date(2026, 2, 9)
    running = set(timetable.trips_active(holiday).tolist())
    usual = set(timetable.trips_active(monday).tolist())
    assert running
    assert running.isdisjoint(usual)


def test_poa_is_interpolated_between_its_ends(sapar_data: Path) -> None:
    timetable = load_timetable(sapar_data / "gtfs/poa.zip", "poa")
    assert int((~timetable.stop_times.timed).sum()) == 22_266
    trip = int(np.argmax(np.diff(timetable.trips.st_begin)))
    arrival, departure = timetable.trip_times(trip)
    assert (arrival[1:-1] == departure[1:-1]).all()
    stop_m = timetable.trip_pattern(trip).stop_m
    share = (stop_m - stop_m[0]) / (stop_m[-1] - stop_m[0])
    even = arrival[0] + share * (arrival[-1] - arrival[0])
    assert np.abs(arrival - even).max() <= 1
