"""Every refusal: what triggers it, and that file, row, field and reason are named."""

import io
import stat
import struct
import zipfile

import pytest

from sapar.gtfs.static import FeedRefused, read_feed
from sapar.gtfs.static.rules import REFUSALS
from tests.gtfs.feeds import BASE, appended, edited, tiny_feed, zip_files


def with_member(info: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO(tiny_feed())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, content)
    return buffer.getvalue()


def with_name(name: str) -> bytes:
    """A zip with one more member whose stored name is `name`, exactly."""
    plain = b"#" * len(name.encode())
    return with_member(zipfile.ZipInfo(plain.decode())).replace(plain, name.encode())


def symlink() -> bytes:
    info = zipfile.ZipInfo("pathways.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return with_member(info, b"/etc/passwd")


def bomb() -> bytes:
    return tiny_feed({"attributions.txt": b"\0" * (8 * 2**20)})


def duplicate() -> bytes:
    return with_member(zipfile.ZipInfo("STOPS.txt"), b"stop_id\n")


def encrypted() -> bytes:
    """Set the encryption flag of the first member in the central directory."""
    data = bytearray(tiny_feed())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def bzip2() -> bytes:
    return zip_files(dict(BASE), zipfile.ZIP_BZIP2)


def corrupt() -> bytes:
    data = zip_files(dict(BASE), zipfile.ZIP_STORED)
    return data.replace(b"08:03:00", b"08:04:00")


def declared_size(size: int) -> bytes:
    """Let the central directory declare another unpacked size for the first member."""
    data = bytearray(tiny_feed())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def overlapping() -> bytes:
    """Let the first member claim more packed bytes than the zip has."""
    data = bytearray(tiny_feed())
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 24] = struct.pack("<I", len(data) * 2)
    return bytes(data)


def in_folder() -> bytes:
    return zip_files({f"gtfs/{name}": text for name, text in BASE.items()})


def many_members() -> bytes:
    return tiny_feed({f"extra{n}.txt": "" for n in range(1000)})


FREQUENCIES = "trip_id,start_time,end_time,headway_secs\n"

# code, file, row, field, zip
CASES: list[tuple[str, str, int | None, str, bytes]] = [
    ("not_a_zip", "", None, "", b"PK is not enough"),
    ("not_a_zip", "", None, "", b""),
    ("zip_too_large", "", None, "", b"\0" * (256 * 2**20 + 1)),
    ("too_many_members", "", None, "", many_members()),
    ("unpacked_too_large", "", None, "", declared_size(2**31 + 1)),
    ("ratio_too_high", "attributions.txt", None, "", bomb()),
    ("overlapping_members", "", None, "", overlapping()),
    ("duplicate_member", "STOPS.txt", None, "", duplicate()),
    ("unsafe_name", "'/etc/stops.txt'", None, "", with_name("/etc/stops.txt")),
    ("unsafe_name", "'../stops.txt'", None, "", with_name("../stops.txt")),
    ("unsafe_name", "'a/../../stops.txt'", None, "", with_name("a/../../stops.txt")),
    ("unsafe_name", r"'..\\stops.txt'", None, "", with_name("..\\stops.txt")),
    ("unsafe_name", "'C:stops.txt'", None, "", with_name("C:stops.txt")),
    ("unsafe_name", r"'levels.txt\x00.exe'", None, "", with_name("levels.txt\0.exe")),
    ("not_a_regular_file", "pathways.txt", None, "", symlink()),
    ("encrypted_member", "agency.txt", None, "", encrypted()),
    ("unknown_compression", "agency.txt", None, "", bzip2()),
    ("corrupt_member", "stop_times.txt", None, "", corrupt()),
    ("corrupt_member", "agency.txt", None, "", declared_size(10)),
    ("files_in_folder", "stops.txt", None, "", in_folder()),
    ("missing_file", "stop_times.txt", None, "", tiny_feed({"stop_times.txt": None})),
    ("missing_file", "calendar.txt", None, "", tiny_feed({"calendar.txt": None})),
    ("empty_file", "trips.txt", None, "", tiny_feed({"trips.txt": ""})),
    (
        "empty_file",
        "trips.txt",
        None,
        "",
        tiny_feed({"trips.txt": "trip_id,route_id,service_id\n"}),
    ),
    (
        "empty_file",
        "calendar.txt",
        None,
        "",
        tiny_feed({"calendar.txt": BASE["calendar.txt"].splitlines()[0] + "\n"}),
    ),
    (
        "missing_column",
        "stop_times.txt",
        1,
        "departure_time",
        edited("stop_times.txt", "departure_time", "leaves"),
    ),
    ("missing_column", "agency.txt", 1, "agency_url", edited("agency.txt", "agency_url", "url")),
    ("duplicate_column", "stops.txt", 1, "stop_id", edited("stops.txt", "stop_name", "stop_id")),
    (
        "not_utf8",
        "stops.txt",
        3,
        "",
        tiny_feed({"stops.txt": BASE["stops.txt"].replace("Park", "Парк").encode("cp1251")}),
    ),
    ("not_utf8", "stops.txt", 1, "", tiny_feed({"stops.txt": BASE["stops.txt"].encode("utf-16")})),
    ("nul_character", "stops.txt", 3, "", edited("stops.txt", "Park", "Pa\0rk")),
    ("unreadable_row", "stops.txt", 3, "", edited("stops.txt", "Park", '"Park" 5')),
    ("unreadable_row", "stops.txt", 4, "", edited("stops.txt", "Vokzal", '"Vokzal')),
    ("unreadable_row", "stops.txt", 1, "", edited("stops.txt", "stop_name", '"stop_name')),
    ("unreadable_row", "stops.txt", 3, "", edited("stops.txt", "Park", "x" * 200_000)),
    ("too_many_fields", "stops.txt", 3, "", edited("stops.txt", "Park", "Park, main gate")),
    ("missing_value", "stops.txt", 3, "stop_id", edited("stops.txt", "S2", "")),
    ("missing_value", "routes.txt", 2, "route_type", edited("routes.txt", ",3,", ",,")),
    ("missing_value", "calendar.txt", 2, "monday", edited("calendar.txt", "DAILY,1,", "DAILY,,")),
    ("missing_value", "agency.txt", 2, "agency_timezone", edited("agency.txt", "Asia/Aqtobe", "")),
    ("missing_value", "trips.txt", 3, "service_id", edited("trips.txt", "T2,R1,DAILY", "T2,R1,")),
    ("bad_value", "routes.txt", 2, "route_type", edited("routes.txt", ",3,", ",bus,")),
    ("bad_value", "routes.txt", 2, "route_type", edited("routes.txt", ",3,", ",1703,")),
    ("bad_value", "stop_times.txt", 3, "stop_sequence", edited("stop_times.txt", "S2,2", "S2,2.5")),
    ("bad_value", "stop_times.txt", 3, "stop_sequence", edited("stop_times.txt", "S2,2", "S2,-2")),
    (
        "bad_value",
        "stop_times.txt",
        3,
        "arrival_time",
        edited("stop_times.txt", "08:03:00", "8.03"),
    ),
    (
        "bad_value",
        "stop_times.txt",
        3,
        "arrival_time",
        edited("stop_times.txt", "08:03:00", "08:63:00"),
    ),
    (
        "bad_value",
        "stop_times.txt",
        3,
        "arrival_time",
        edited("stop_times.txt", "08:03:00", "-1:03:00"),
    ),
    ("bad_value", "calendar.txt", 2, "start_date", edited("calendar.txt", "20260101", "20260230")),
    ("bad_value", "calendar.txt", 2, "monday", edited("calendar.txt", "DAILY,1,", "DAILY,yes,")),
    (
        "bad_value",
        "shapes.txt",
        3,
        "shape_pt_lat",
        edited("shapes.txt", "50.2840", "50,2840".replace(",", "!")),
    ),
    ("bad_value", "shapes.txt", 3, "shape_pt_lat", edited("shapes.txt", "50.2840", "nan")),
    (
        "bad_value",
        "calendar_dates.txt",
        2,
        "exception_type",
        tiny_feed({"calendar_dates.txt": "service_id,date,exception_type\nDAILY,20260501,3\n"}),
    ),
    (
        "bad_value",
        "frequencies.txt",
        2,
        "headway_secs",
        tiny_feed({"frequencies.txt": FREQUENCIES + "T1,08:00:00,10:00:00,0\n"}),
    ),
    ("duplicate_key", "stops.txt", 5, "stop_id", appended("stops.txt", "S1,Again,50.28,57.16\n")),
    ("duplicate_key", "routes.txt", 3, "route_id", appended("routes.txt", "R1,A,2,,3,\n")),
    ("duplicate_key", "trips.txt", 4, "trip_id", appended("trips.txt", "T1,R1,DAILY,,0,,\n")),
    (
        "duplicate_key",
        "stop_times.txt",
        8,
        "trip_id,stop_sequence",
        appended("stop_times.txt", "T1,S3,2,08:05:00,08:05:00\n"),
    ),
    (
        "duplicate_key",
        "calendar.txt",
        3,
        "service_id",
        appended("calendar.txt", "DAILY,0,0,0,0,0,0,0,20270101,20271231\n"),
    ),
    (
        "duplicate_key",
        "calendar_dates.txt",
        3,
        "service_id,date",
        tiny_feed(
            {
                "calendar_dates.txt": "service_id,date,exception_type\n"
                "DAILY,20260501,1\nDAILY,20260501,2\n"
            }
        ),
    ),
    (
        "duplicate_key",
        "shapes.txt",
        6,
        "shape_id,shape_pt_sequence",
        appended("shapes.txt", "H1,50.29,57.18,2\n"),
    ),
    (
        "duplicate_key",
        "agency.txt",
        3,
        "agency_id",
        appended("agency.txt", "A,Other,https://example.org,Asia/Aqtobe,kk\n"),
    ),
    ("unknown_route", "trips.txt", 2, "route_id", edited("trips.txt", "T1,R1", "T1,R9")),
    (
        "unknown_service",
        "trips.txt",
        3,
        "service_id",
        edited("trips.txt", "T2,R1,DAILY", "T2,R1,NO"),
    ),
    ("unknown_trip", "stop_times.txt", 4, "trip_id", edited("stop_times.txt", "T1,S3", "T9,S3")),
    (
        "unknown_trip",
        "frequencies.txt",
        2,
        "trip_id",
        tiny_feed({"frequencies.txt": FREQUENCIES + "T9,08:00:00,10:00:00,600\n"}),
    ),
    ("unknown_stop", "stop_times.txt", 3, "stop_id", edited("stop_times.txt", "T1,S2", "T1,S9")),
    ("bad_stop_position", "stop_times.txt", 3, "stop_id", edited("stops.txt", "50.2820", "")),
    ("bad_stop_position", "stop_times.txt", 3, "stop_id", edited("stops.txt", "50.2820", "91")),
    ("bad_stop_position", "stop_times.txt", 3, "stop_id", edited("stops.txt", "50.2820", "N50")),
    (
        "bad_stop_position",
        "stop_times.txt",
        3,
        "stop_id",
        edited("stops.txt", "50.2820,57.1650", "0,0"),
    ),
    ("bad_shape_position", "shapes.txt", 3, "", edited("shapes.txt", "57.1700", "571.7")),
    (
        "untimed_trip_end",
        "stop_times.txt",
        4,
        "arrival_time",
        edited("stop_times.txt", "08:06:00,08:06:00", ","),
    ),
    ("bad_timezone", "agency.txt", 2, "agency_timezone", edited("agency.txt", "Aqtobe", "Aktobe")),
    (
        "bad_timezone",
        "agency.txt",
        2,
        "agency_timezone",
        edited("agency.txt", "Asia/Aqtobe", "../Asia"),
    ),
    (
        "several_timezones",
        "agency.txt",
        3,
        "agency_timezone",
        appended("agency.txt", "B,Other,https://example.org,Europe/Warsaw,pl\n"),
    ),
    (
        "no_stop_times",
        "stop_times.txt",
        None,
        "",
        tiny_feed(
            {"stop_times.txt": BASE["stop_times.txt"].replace("T1,", "T8,").replace("T2,", "T9,")}
        ),
    ),
]


@pytest.mark.parametrize(
    ("code", "file", "row", "field", "content"),
    CASES,
    ids=[f"{number}-{case[0]}-{case[1]}" for number, case in enumerate(CASES)],
)
def test_refusal(code: str, file: str, row: int | None, field: str, content: bytes) -> None:
    with pytest.raises(FeedRefused) as caught:
        read_feed(content)
    places = [(found.code, found.file, found.row, found.field) for found in caught.value.refusals]
    assert (code, file, row, field) in places
    assert all(found.reason for found in caught.value.refusals)
    assert code in str(caught.value)


def test_every_refusal_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(REFUSALS)


def test_base_feed_has_no_refusal_and_one_warning() -> None:
    feed = read_feed(tiny_feed())
    assert [notice.code for notice in feed.warnings] == ["interpolated_times"]


def test_all_bad_rows_are_counted_and_the_first_named() -> None:
    rows = "".join(f"T1,S9,{n},09:00:00,09:00:00\n" for n in range(10, 110))
    with pytest.raises(FeedRefused) as caught:
        read_feed(appended("stop_times.txt", rows))
    (notice,) = caught.value.notices
    assert (notice.code, notice.count) == ("unknown_stop", 100)
    assert [found.row for found in notice.examples] == [8, 9, 10, 11, 12]


def test_rows_are_counted_as_an_editor_does() -> None:
    """Quoted line ends and blank lines count, CRLF counts once."""
    stops = (
        "stop_id,stop_name,stop_lat,stop_lon\r\n"
        '"S1","Bazar\r\nwest side\n(closed)",50.28,57.16\r\n'
        "\r\n"
        "S2,Park,50.282,57.165\r\n"
        "S3,Vokzal,50.284,57.17,\r\n"
        "S3,Vokzal,50.284,57.17\r\n"
    )
    with pytest.raises(FeedRefused) as caught:
        read_feed(tiny_feed({"stops.txt": stops}))
    assert [(f.code, f.row) for f in caught.value.refusals] == [("duplicate_key", 8)]


def test_rows_of_a_long_file_are_counted_through() -> None:
    stops = [f"X{n},Stop {n},50.3,57.2\n" for n in range(3500)]
    stops[1200] = "\n"
    stops[2100] = 'X2100,"two\nlines",50.3,57.2\n'
    stops[3400] = "X0,again,50.3,57.2\n"
    # 4 lines of the base come first; a quoted line end above shifts what follows by one
    with pytest.raises(FeedRefused) as caught:
        read_feed(appended("stops.txt", "".join(stops)))
    assert [(f.code, f.row) for f in caught.value.refusals] == [("duplicate_key", 4 + 3401 + 1)]


def test_a_path_that_is_no_file(tmp_path) -> None:
    with pytest.raises(FeedRefused, match="not_a_zip"):
        read_feed(tmp_path / "absent.zip")
