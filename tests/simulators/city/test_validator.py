"""The canonical rules, by the gtfs-validator package: no errors, and only the warnings we explain.

The small city is judged whole. The two large ones are judged with one trip of each kind on each
route: every stop, shape, route, name and fare is there, a fiftieth of the stop times.
"""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sapar.simulators.city import build_city, write_city
from tests.simulators.city.conftest import SERVICE_DATES

DAY = "2026-03-10"

EXPLAINED = {"mixed_case_recommended_field"}
"""Warnings that docs/synthetic-city.md explains."""


def judge(feed: Path, out: Path) -> dict[str, set[str]]:
    """Validate a zip; gives the notice codes by severity."""
    program = [sys.executable, "-m", "gtfs_validator.cli"]
    command = [*program, "-i", str(feed), "-o", str(out), "-d", DAY, "-c", "KZ"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "system_errors.json").read_text())["notices"] == []
    report = json.loads((out / "report.json").read_text())
    assert report["summary"]["counts"]["Trips"] > 0
    codes: dict[str, set[str]] = {"ERROR": set(), "WARNING": set(), "INFO": set()}
    for notice in report["notices"]:
        codes[notice["severity"]].add(notice["code"])
    return codes


def thin(feed: bytes) -> bytes:
    """Keep one trip of each headsign, shape and service day, and all trips by headway."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(feed)) as source, zipfile.ZipFile(out, "w") as target:
        tables = {name: source.read(name).decode().splitlines() for name in source.namelist()}
        kept, kinds = {"trip_id"}, set()
        for row in tables["trips.txt"][1:]:
            _, service, trip_id, headsign, _, block_id, shape_id, *_ = row.split(",")
            kind = (service, headsign, shape_id)
            if not block_id or kind not in kinds:
                kept.add(trip_id)
                kinds.add(kind)
        for name, rows in tables.items():
            column = {"trips.txt": 2, "stop_times.txt": 0}.get(name)
            if column is not None:
                rows = [row for row in rows if row.split(",", 3)[column] in kept]
            target.writestr(name, "\n".join(rows) + "\n")
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_aktobe_is_free_of_errors(aktobe_zip, tmp_path):
    (tmp_path / "city.zip").write_bytes(aktobe_zip)
    codes = judge(tmp_path / "city.zip", tmp_path / "out")
    assert codes["ERROR"] == set()
    assert codes["WARNING"] <= EXPLAINED


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", ["shymkent", "almaty"])
def test_large_cities_are_free_of_errors(size, tmp_path):
    feed = write_city(build_city(size, 1), agency_id=size, service_dates=SERVICE_DATES)
    (tmp_path / "city.zip").write_bytes(thin(feed))
    codes = judge(tmp_path / "city.zip", tmp_path / "out")
    assert codes["ERROR"] == set()
    assert codes["WARNING"] <= EXPLAINED


def test_the_judge_finds_errors(aktobe_zip, tmp_path):
    """A feed with a dangling stop does not pass."""
    with (
        zipfile.ZipFile(io.BytesIO(thin(aktobe_zip))) as source,
        zipfile.ZipFile(tmp_path / "city.zip", "w") as target,
    ):
        for name in source.namelist():
            text = source.read(name).decode()
            target.writestr(
                name, text.replace(",0001,", ",9999,") if name == "stop_times.txt" else text
            )
    assert "foreign_key_violation" in judge(tmp_path / "city.zip", tmp_path / "out")["ERROR"]
