"""The scores of the assignment run, count right, and know a good engine from none."""

import json
import shutil
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sapar.cli.bench.traces import is_right, read_trace, route_of_sign
from sapar.cli.main import app
from sapar.gtfs.timetable import load_timetable
from tests.gtfs.realtime.town import day_start, town, town_zip

TOWN = town()


def run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["bench", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


@pytest.mark.timeout(120)
def test_a_simulated_town_is_scored(tmp_path):
    gtfs = tmp_path / "town.zip"
    gtfs.write_bytes(town_zip())
    arguments = [
        "assignment", "--gtfs", str(gtfs), "--at", "2026-03-10T10:00", "--buses", "8",
        "--minutes", "30", "--detours", "0",
    ]  # fmt: skip
    alone = run(*arguments, "--wrong-share", "0")
    signed = run(*arguments, "--sign-on", "trip", "--wrong-share", "0.3")
    assert alone["fixes"] == pytest.approx(signed["fixes"], rel=0.01)
    for report in (alone, signed):
        assert 0.5 < report["right_pattern"] <= 1.0
        assert sum(report["outcomes"].values()) == pytest.approx(1.0, abs=0.002)
        assert report["true_trip"] <= report["true_trip_or_order_kept"] <= report["right_pattern"]
    assert signed["right_pattern"] > 0.9
    assert alone["wrong_sign_ons"]["planted"] == 0
    assert signed["wrong_sign_ons"]["right_bus_hours"] > 0.5


@pytest.mark.timeout(300)
def test_a_recording_without_its_blocks_is_scored(sapar_data):
    folder = sapar_data / "wmata"
    arguments = [
        "assignment", "--gtfs", str(folder / "gtfs.zip"),
        "--positions", str(folder / "positions.csv.gz"), "--minutes", "40",
    ]  # fmt: skip
    known, blanked = run(*arguments, "--blank", ""), run(*arguments)
    assert known["in_service_fixes"] == blanked["in_service_fixes"] > 500
    assert known["true_block"] > 0.9
    assert blanked["true_block"] <= known["true_block"]
    assert 0.0 <= blanked["no_run"] <= 0.5


@pytest.mark.timeout(300)
def test_labelled_traces_are_scored(sapar_data, tmp_path):
    source = sapar_data / "nyc-traces"
    (tmp_path / "traces").mkdir()
    (tmp_path / "gtfs").mkdir()
    shutil.copy(source / "gtfs" / "b63-2010.zip", tmp_path / "gtfs")
    lines = (source / "TRACES.csv").read_text().splitlines()
    kept = [lines[0], *[line for line in lines if line.startswith("5318-")]]
    (tmp_path / "TRACES.csv").write_text("\n".join(kept) + "\n")
    shutil.copy(source / "traces" / kept[1].split(",")[0], tmp_path / "traces")
    report = run("traces", "--folder", str(tmp_path))
    for way in ("positions", "signs"):
        assert report[way]["labelled"] == 121
        assert report[way]["phase_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("label", "phase", "deviated", "right"),
    [
        ("IN_PROGRESS", "in_progress", False, True),
        ("IN_PROGRESS", "off_route", False, False),
        ("IN_PROGRESS", "off_route", True, True),
        ("LAYOVER_", "layover", False, True),
        ("LAYOVER_+DEADHEAD_", "deadhead", False, True),
        ("DEADHEAD_BEFORE", "out_of_service", False, True),
        ("AT_BASE", "depot", False, True),
        ("AT_BASE", "deadhead", False, False),
        ("DEADHEAD_", "in_progress", True, False),
    ],
)
def test_alternatives_of_a_label_are_right(label, phase, deviated, right):
    assert is_right(label, phase, deviated=deviated) is right


def trace(tmp_path, rows: str, covered: bool = True):
    path = tmp_path / "trace.csv"
    path.write_text(rows)
    return read_trace(path, TOWN, covered=covered)


def test_a_trace_is_read_in_local_time_and_spread_over_minutes(tmp_path):
    rows = (
        "lat,lon,timestamp,speed\n"
        "50.28,57.2,2026-03-10 10:00:00 l,10\n50.28,57.2,2026-03-10 10:00:00 l,-15\n"
        "50.28,57.2,2026-03-10 10:01:00 l,0\n"
    )
    read = trace(tmp_path, rows)
    assert np.diff(read.time_s).tolist() == [30.0, 30.0]
    assert read.time_s[0] == day_start(TOWN) + 10 * 3600
    assert read.speed_mps[0] == pytest.approx(4.47, abs=0.01)
    assert np.isnan(read.speed_mps[1])
    assert read.speed_mps[2] == 0.0


def test_a_date_that_the_feed_lacks_becomes_one_of_the_same_weekday(tmp_path):
    rows = "lat,lon,timestamp\n50.28,57.2,2020-02-05 10:00:10\n"
    read = trace(tmp_path, rows, covered=False)
    assert read.shifted_days % 7 == 0
    assert read.shifted_days > 1000


def test_sign_codes_name_routes_of_the_feed(sapar_data):
    feed = load_timetable(sapar_data / "nyc-traces" / "gtfs" / "b63-2010.zip", "x")
    assert route_of_sign(feed, "4630") == "B63"
    assert [route_of_sign(feed, code) for code in ("4670", "12", "", "9999", "63")] == [None] * 5
    express = load_timetable(sapar_data / "nyc-traces" / "gtfs" / "m34-2012.zip", "x")
    assert route_of_sign(express, "1349") == "M34+"
