"""Every warning: what triggers it, where it points, and that the feed still loads."""

from datetime import UTC, datetime

import pytest

from sapar.gtfs.importer import check_feed
from sapar.gtfs.static.report import Finding
from sapar.gtfs.static.rules import WARNINGS
from tests.gtfs.feeds import BASE, appended, edited, tiny_feed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FREQUENCIES = "trip_id,start_time,end_time,headway_secs,exact_times\n"
NO_SHAPES = BASE["trips.txt"].replace("H1", "").replace("H2", "")

# code, file, row, zip
CASES: list[tuple[str, str, int | None, bytes]] = [
    ("stray_file", "", None, tiny_feed({"._fare_attributes.txt": b"\0\5\26\7"})),
    ("stray_file", "", None, tiny_feed({"__MACOSX/._stops.txt": b"\0\5\26\7"})),
    ("missing_recommended_file", "feed_info.txt", None, tiny_feed({"feed_info.txt": None})),
    ("missing_recommended_column", "feed_info.txt", 1, edited("feed_info.txt", "feed_version", "x")),
    ("empty_optional_file", "shapes.txt", None, tiny_feed({"shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"})),
    ("untrimmed_column", "stops.txt", 1, edited("stops.txt", ",stop_name", ", stop_name")),
    ("untrimmed_value", "stops.txt", None, edited("stops.txt", "Park", " Park ")),
    ("short_row", "stops.txt", 2, edited("stops.txt", "stop_lon\n", "stop_lon,stop_url\n")),
    ("extra_empty_fields", "stops.txt", 3, edited("stops.txt", "57.1650", "57.1650,,")),
    ("missing_recommended_value", "stops.txt", 3, edited("stops.txt", "Park", "")),
    ("bad_optional_value", "trips.txt", 2, edited("trips.txt", "Vokzal,0", "Vokzal,2")),
    ("bad_optional_value", "routes.txt", 2, edited("routes.txt", "00ff7a", "#0f7")),
    ("bad_unused_stop_position", "stops.txt", 5, appended("stops.txt", "S4,Depot,,\n")),
    ("unused_stop", "stops.txt", 5, appended("stops.txt", "S4,Depot,50.29,57.17\n")),
    ("unused_route", "routes.txt", 3, appended("routes.txt", "R2,A,2,,3,\n")),
    (
        "unknown_parent_station",
        "stops.txt",
        5,
        tiny_feed({"stops.txt": BASE["stops.txt"].replace("stop_lon\n", "stop_lon,parent_station\n").replace("0\n", "0,\n") + "S4,Depot,50.29,57.17,X\n"}),
    ),
    (
        "not_a_platform",
        "stop_times.txt",
        2,
        tiny_feed({"stops.txt": BASE["stops.txt"].replace("stop_lon\n", "stop_lon,location_type\n").replace("57.1600\n", "57.1600,1\n")}),
    ),
    ("unknown_agency", "routes.txt", 2, edited("routes.txt", "R1,A", "R1,B")),
    ("unnamed_route", "routes.txt", 2, edited("routes.txt", "1,Bazar - Vokzal", ",")),
    ("trip_without_stop_times", "trips.txt", 4, appended("trips.txt", "T3,R1,DAILY,,0,,\n")),
    ("single_stop_trip", "stop_times.txt", 8, appended("stop_times.txt", "T3,S1,1,09:00:00,09:00:00\n", {"trips.txt": BASE["trips.txt"] + "T3,R1,DAILY,,0,,H1\n"})),
    ("no_shapes", "shapes.txt", None, tiny_feed({"shapes.txt": None, "trips.txt": NO_SHAPES})),
    ("trip_without_shape", "trips.txt", 2, edited("trips.txt", "H1", "")),
    ("unknown_shape", "trips.txt", 2, edited("trips.txt", "H1", "H9")),
    ("short_shape", "shapes.txt", 6, appended("shapes.txt", "H3,50.28,57.16,1\n")),
    ("unused_shape", "shapes.txt", None, appended("shapes.txt", "H3,50.28,57.16,1\nH3,50.29,57.16,2\n")),
    ("no_directions", "trips.txt", None, edited("trips.txt", "direction_id", "way")),
    ("no_blocks", "trips.txt", None, edited("trips.txt", "block_id", "bus")),
    ("overlapping_block", "trips.txt", None, edited("stop_times.txt", "08:06:00,08:06:00", "24:12:00,24:12:00")),
    ("decreasing_time", "stop_times.txt", 4, edited("stop_times.txt", "08:06:00,08:06:00", "08:02:00,08:02:00")),
    ("wrapped_midnight", "stop_times.txt", 7, tiny_feed({"stop_times.txt": BASE["stop_times.txt"].replace("24:10:00", "23:58:00").replace("24:16:00", "00:04:00")})),
    ("departure_before_arrival", "stop_times.txt", 3, edited("stop_times.txt", "08:03:30", "08:02:30")),
    ("interpolated_times", "stop_times.txt", 6, tiny_feed()),
    ("service_never_runs", "calendar.txt", None, edited("calendar.txt", "1,1,1,1,1,1,1", "0,0,0,0,0,0,0")),
    ("calendar_expired", "calendar.txt", None, edited("calendar.txt", "20261231", "20260531")),
    ("calendar_not_started", "calendar.txt", None, edited("calendar.txt", "20260101", "20260602")),
    ("empty_frequency", "frequencies.txt", 2, tiny_feed({"frequencies.txt": FREQUENCIES + "T1,10:00:00,09:00:00,600,0\n"})),
    ("overlapping_frequencies", "frequencies.txt", 3, tiny_feed({"frequencies.txt": FREQUENCIES + "T1,08:00:00,10:00:00,600,0\nT1,09:00:00,11:00:00,600,0\n"})),
    ("fast_travel", "stop_times.txt", None, edited("stop_times.txt", "08:06:00,08:06:00", "08:03:31,08:03:31", {"stops.txt": BASE["stops.txt"].replace("57.1700", "57.1750")})),
    ("stop_far_from_shape", "stops.txt", None, edited("stops.txt", "50.2820", "50.2840")),
    ("reversed_shape", "shapes.txt", None, edited("trips.txt", "H2", "H1")),
    ("shape_does_not_fit", "shapes.txt", None, tiny_feed({"shapes.txt": BASE["shapes.txt"].replace("50.2", "50.3")})),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "file", "row", "content"),
    CASES,
    ids=[f"{number}-{case[0]}-{case[1]}" for number, case in enumerate(CASES)],
)
def test_warning(code: str, file: str, row: int | None, content: bytes) -> None:
    checked = check_feed(content, "city", NOW)
    found: list[Finding] = [f for notice in checked.warnings for f in notice.examples]
    assert (code, file, row) in [(f.code, f.file, f.row) for f in found]
    assert all(f.reason for f in found)


def test_every_warning_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(WARNINGS)


def test_bom_and_crlf_and_odd_columns_are_no_findings() -> None:
    stops = "\ufeff" + BASE["stops.txt"].replace("\n", "\r\n")
    checked = check_feed(tiny_feed({"stops.txt": stops}), "city", NOW)
    assert [notice.code for notice in checked.warnings] == ["interpolated_times"]
    assert checked.timetable.stops.names == ["Bazar", "Park", "Vokzal"]


def test_values_that_differ_by_spaces_are_the_same_id() -> None:
    checked = check_feed(edited("stop_times.txt", "T1,S2", "T1 ,S2"), "city", NOW)
    assert len(checked.timetable.trip_times(0)[0]) == 3


def test_calendar_is_judged_in_the_zone_of_the_agency() -> None:
    """20:00 UTC on 31 December is 01:00 of the new year in Aqtobe."""
    late = check_feed(tiny_feed(), "city", datetime(2026, 12, 31, 20, tzinfo=UTC))
    early = check_feed(tiny_feed(), "city", datetime(2026, 12, 31, 18, tzinfo=UTC))
    assert "calendar_expired" in [notice.code for notice in late.warnings]
    assert "calendar_expired" not in [notice.code for notice in early.warnings]
