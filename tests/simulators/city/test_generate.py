"""The same arguments give the same bytes, and only what is asked for differs."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sapar.cli.city import app
from sapar.core.errors import BadInput
from sapar.simulators.city import build_city, default_service_dates, generate_city, write_city
from tests.simulators.city.conftest import SERVICE_DATES, read_tables


def test_another_process_with_other_hashes_gives_the_same_bytes(aktobe_zip):
    code = (
        "import hashlib; from datetime import date; from sapar.simulators.city import *;"
        f"dates = (date({SERVICE_DATES[0]:%Y, %-m, %-d}), date({SERVICE_DATES[1]:%Y, %-m, %-d}));"
        "feed = generate_city('aktobe', 1, agency_id='aktobe', service_dates=dates);"
        "print(hashlib.sha256(feed).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(aktobe_zip).hexdigest()


def test_two_agencies_share_every_id_and_differ_in_their_address(aktobe, aktobe_tables):
    other = read_tables(write_city(aktobe, agency_id="second", service_dates=SERVICE_DATES))
    assert set(other) == set(aktobe_tables)
    differing = {name for name, rows in other.items() if rows != aktobe_tables[name]}
    assert differing == {"agency", "feed_info"}
    assert other["feed_info"][0]["feed_version"] == aktobe_tables["feed_info"][0]["feed_version"]


def test_another_seed_gives_another_city(aktobe):
    other = build_city("aktobe", 2)
    assert [s.road_m for s in other.stops[:20]] != [s.road_m for s in aktobe.stops[:20]]


def test_dates_and_time_zone_are_as_asked():
    dates = (date(2025, 2, 1), date(2025, 3, 1))
    tables = read_tables(
        generate_city("shymkent", 1, agency_id="a", service_dates=dates, timezone="Asia/Oral")
    )
    assert tables["agency"][0]["agency_timezone"] == "Asia/Oral"
    assert {row["start_date"] for row in tables["calendar"]} == {"20250201"}
    assert {row["end_date"] for row in tables["calendar"]} == {"20250301"}
    assert tables["feed_info"][0]["feed_start_date"] == "20250201"


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_default_dates_reach_back_and_ahead(day):
    first, last = default_service_dates(day)
    assert first == day - timedelta(days=61)
    assert last == day + timedelta(days=300)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agency_id": "Ақтөбе"}, "bad_agency_id"),
        ({"agency_id": ""}, "bad_agency_id"),
        ({"agency_id": "a" * 33}, "bad_agency_id"),
        ({"service_dates": SERVICE_DATES[::-1]}, "bad_dates"),
        ({"timezone": "Asia/Sapar"}, "bad_timezone"),
        ({"timezone": "../etc"}, "bad_timezone"),
    ],
)
def test_bad_arguments_are_named(aktobe, changes, code):
    arguments = {"agency_id": "a", "service_dates": SERVICE_DATES, **changes}
    with pytest.raises(BadInput) as caught:
        write_city(aktobe, **arguments)
    assert caught.value.code == code


def test_unknown_size_is_named():
    with pytest.raises(BadInput) as caught:
        build_city("astana", 1)
    assert caught.value.code == "bad_size"
    assert "shymkent" in caught.value.hint


def test_command_writes_the_same_city(tmp_path, aktobe_zip):
    out = tmp_path / "city.zip"
    done = CliRunner().invoke(app, ["generate", "--date", "2026-03-10", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == aktobe_zip
    assert "peak vehicles" in done.output


def test_command_counts_what_the_feed_holds(tmp_path, aktobe_tables):
    arguments = ["generate", "--date", "2026-03-10", "--json", "--out", str(tmp_path / "city.zip")]
    told = json.loads(CliRunner().invoke(app, arguments).output)
    assert told["service"] == {"first": "2026-01-08", "last": "2027-01-04"}
    assert told["bytes"] == (tmp_path / "city.zip").stat().st_size
    for name, table in (
        ("routes", "routes"),
        ("stops", "stops"),
        ("shape_points", "shapes"),
        ("trips", "trips"),
        ("headway_trips", "frequencies"),
        ("stop_times", "stop_times"),
    ):
        assert told[name] == len(aktobe_tables[table]), name
    assert told["blocks"] == len({t["block_id"] for t in aktobe_tables["trips"]} - {""})


def test_command_reports_bad_arguments(tmp_path):
    out = tmp_path / "city.zip"
    done = CliRunner().invoke(app, ["generate", "--timezone", "Mars/Olympus", "--out", str(out)])
    assert done.exit_code == 1
    assert "Mars/Olympus" in done.output
    assert not out.exists()
