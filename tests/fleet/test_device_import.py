"""Devices from a CSV: every refusal names its line; the same file twice changes nothing."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import BadInput
from sapar.fleet.credentials import password_matches
from sapar.fleet.device_import import (
    RefusedRow,
    import_devices,
    plan_import,
    read_csv,
    render_passwords_csv,
)
from sapar.fleet.devices import DeviceRow, NewDevice, get_device, list_devices, list_mountings
from sapar.fleet.registry import AgencyEntry

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
AGENCIES = {
    "aktobe": AgencyEntry("aktobe", "Aktobe", "Asia/Aqtobe"),
    "almaty": AgencyEntry("almaty", "Almaty", "Asia/Almaty"),
}


def rows_of(text: str, default: str | None = "aktobe") -> list[tuple[int, NewDevice | RefusedRow]]:
    return list(read_csv(text, AGENCIES, default))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_common_spreadsheet_export_is_read(separator, line_end, mark):
    lines = [
        ["Device", "Vehicle", "Kind", "From", "Note"],
        ["bus-1", "101", "", "", "x"],
        ["", "", "", "", ""],
        ["val-1", "101", "Validator", "2026-08-01T06:00", ""],
    ]
    text = mark + line_end.join(separator.join(line) for line in lines if any(line)) + line_end
    assert rows_of(text) == [
        (2, NewDevice("aktobe", "bus-1", "101")),
        (
            3,
            NewDevice(
                "aktobe",
                "val-1",
                "101",
                "validator",
                datetime(2026, 8, 1, 6, tzinfo=AGENCIES["aktobe"].zone),
            ),
        ),
    ]


def test_times_are_local_to_the_rows_own_city():
    text = (
        "agency,device,from\naktobe,a,2024-02-29T12:00\nalmaty,b,2024-02-29T12:00\n"
        "almaty,c,2024-03-01T12:00\nalmaty,d,2024-03-01T12:00Z\n"
    )
    times = [
        row.mounted_from.astimezone(UTC).hour
        for _, row in rows_of(text, None)
        if isinstance(row, NewDevice) and row.mounted_from is not None
    ]
    # Almaty moved from UTC+6 to UTC+5 on 2024-03-01
    assert times == [7, 6, 7, 12]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("aktobe,bus/1,101,,,", "device_id"),
        ("aktobe,,101,,,", "device_id"),
        ("atyrau,bus-1,101,,,", "unknown_agency"),
        (",bus-1,101,,,", "agency_id"),
        ("aktobe,bus-1,101,tram,,", "kind"),
        ("aktobe,bus-1,101,,yesterday,", "from"),
        ("aktobe,bus-1,101,,,short", "password"),
        ("aktobe,bus-1,101,,,,,extra", "csv_row"),
        ("aktobe,ok,104,,,", "duplicate_row"),
        ('aktobe,"bus-1" x,101,,,', "csv_row"),
        (f"aktobe,bus-1,{'9' * 65},,,", "vehicle_id"),
    ],
)
def test_every_refused_row_names_line_and_reason_and_holds_up_no_other(connection, line, code):
    text = (
        f"agency,device,vehicle,kind,from,password\naktobe,ok,101,,,\n{line}\nalmaty,last,102,,,\n"
    )
    plan = import_devices(connection, text, default_agency_id=None, now=NOW)
    assert [(row.line, row.code) for row in plan.refused] == [(3, code)]
    assert plan.refused[0].message
    assert [row.device_id for row in list_devices(connection)] == ["ok", "last"]


@pytest.mark.parametrize("header", ["", "vehicle\n", "device,device\n", "agency vehicle device\n"])
def test_a_file_without_a_usable_header_is_refused_whole(connection, header):
    with pytest.raises(BadInput) as refused:
        import_devices(connection, header + "x,y\n", default_agency_id="aktobe", now=NOW)
    assert refused.value.code == "csv_header"


def test_the_same_file_again_changes_nothing(connection):
    text = "device,vehicle\nbus-1,101\nbus-2,102\nshelf,\n"
    first = import_devices(connection, text, default_agency_id="aktobe", now=NOW)
    assert (len(first.added), len(first.generated)) == (3, 3)
    before = list_devices(connection)
    again = import_devices(connection, text, default_agency_id="aktobe", now=NOW)
    assert (again.added, again.moved, again.refused) == ([], [], [])
    assert len(again.unchanged) == 3
    assert list_devices(connection) == before


def test_a_file_moves_devices_and_keeps_where_they_were(connection):
    one = "device,vehicle,from\nbus-1,101,\nbus-2,102,\nshelf,,\n"
    import_devices(connection, one, default_agency_id="aktobe", now=NOW)
    two = "device,vehicle,from\nbus-1,102,2026-08-01T08:00Z\nbus-2,103,\nshelf,104,\n"
    plan = import_devices(connection, two, default_agency_id="aktobe", now=NOW)
    assert [device.device_id for device in plan.moved] == ["bus-1", "bus-2", "shelf"]
    moved = datetime(2026, 8, 1, 8, tzinfo=UTC)
    numbers = {row.device_id: row.device_no for row in list_devices(connection)}
    assert list_mountings(connection, numbers["bus-1"]) == [
        ("101", None, moved),
        ("102", moved, None),
    ]
    assert list_mountings(connection, numbers["bus-2"])[1] == ("103", NOW, None)
    assert list_mountings(connection, numbers["shelf"]) == [("104", NOW, None)]
    back = "device,vehicle,from\nbus-1,109,2026-08-01T07:00Z\nbus-2,109,2026-08-01T12:00Z\n"
    plan = import_devices(connection, back, default_agency_id="aktobe", now=NOW)
    assert [row.code for row in plan.refused] == ["mounting_order", "mounting_order"]


def test_devices_that_bring_their_password_keep_it(connection):
    text = "device,password\nold-1,correct-horse-battery\n"
    plan = import_devices(connection, text, default_agency_id="aktobe", now=NOW)
    assert plan.generated == []
    (stored,) = connection.execute("SELECT password_hash FROM device").fetchone()
    assert password_matches("correct-horse-battery", stored)
    text = "device,kind\nold-1,validator\n"
    plan = import_devices(connection, text, default_agency_id="aktobe", now=NOW)
    assert [row.code for row in plan.refused] == ["kind_differs"]


def test_thousands_are_imported_in_one_transaction_within_seconds(connection):
    lines = [f"almaty,bus-{n:05},{n}\n" for n in range(5000)]
    seen: list[tuple[int, int]] = []
    started = time.monotonic()
    plan = import_devices(
        connection,
        "agency,device,vehicle\n" + "".join(lines),
        default_agency_id=None,
        now=NOW,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert time.monotonic() - started < 20
    assert seen[-1] == (10_000, 10_000)
    assert len(plan.added) == len(list_devices(connection, "almaty")) == 5000
    handed_out = list(csv.DictReader(io.StringIO(render_passwords_csv(plan.generated))))
    assert len({row["password"] for row in handed_out}) == 5000
    assert handed_out[7]["username"] == "almaty.bus-00007"
    connection.rollback()
    assert list_devices(connection) == []


def test_get_device_after_import(connection):
    text = "device,vehicle,from\nbus-1,101,2026-08-01T06:00+05:00\n"
    import_devices(connection, text, default_agency_id="aktobe", now=NOW)
    row = get_device(connection, "aktobe", "bus-1")
    assert row.mounted_from == datetime(2026, 8, 1, 1, tzinfo=UTC)
    assert row.is_mounted


names = st.sampled_from(["bus-1", "bus-2", "bus-3"])
vehicles = st.sampled_from([None, "101", "102"])


@given(
    rows=st.lists(st.builds(NewDevice, st.just("aktobe"), names, vehicles), max_size=8),
    old=st.dictionaries(names, vehicles, max_size=3),
)
def test_every_row_has_exactly_one_fate(rows, old):
    existing = {
        ("aktobe", name): DeviceRow(
            n,
            "aktobe",
            name,
            "tracker",
            NOW,
            None,
            vehicle,
            NOW - timedelta(days=1) if vehicle else None,
            None,
        )
        for n, (name, vehicle) in enumerate(old.items())
    }
    plan = plan_import(enumerate(rows, 2), existing, NOW, lambda: "p" * 32)
    fates = [*plan.added, *plan.moved, *plan.unchanged]
    assert len(fates) + len(plan.refused) == len(rows)
    assert len({device.device_id for device in fates}) == len(fates)
    assert {device.device_id for device in plan.added}.isdisjoint(old)
    assert all(device.mounted_from == NOW for device in plan.moved)
    assert set(plan.ended) <= set(plan.moved)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    for line, row in rows_of("device,vehicle\n" + text):
        assert line >= 2
        assert isinstance(row, NewDevice | RefusedRow)
