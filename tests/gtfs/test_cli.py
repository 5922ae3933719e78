"""`sapar gtfs` as a person or a script uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sapar.cli.gtfs import app
from tests.gtfs.feeds import edited, tiny_feed

runner = CliRunner()


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.zip"
    path.write_bytes(tiny_feed())
    return path


@pytest.fixture
def configured(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", "aqtobe")


def run(*arguments: object, status: int = 0) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result.stdout


def run_json(*arguments: object, status: int = 0) -> dict:
    return json.loads(run(*arguments, "--json", status=status))


def test_check_needs_no_database(feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAPAR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    answer = run_json("check", feed)
    assert answer["ok"] is True
    assert answer["feed_version"] == "2026-1"
    assert answer["trips"] == 2
    assert answer["stop_times"] == 6
    codes = {warning["code"]: warning["count"] for warning in answer["warnings"]}
    assert codes["interpolated_times"] == 1
    text = run("check", feed)
    assert "warning interpolated_times: 1 in stop_times.txt" in text
    assert "row 6: has no time" in text


def test_check_exits_with_1_on_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(edited("stop_times.txt", "T1,S2", "T1,S9"))
    answer = run_json("check", path, status=1)
    assert answer["ok"] is False
    assert answer["code"] == "feed_refused"
    assert answer["refusals"] == [
        {
            "code": "unknown_stop",
            "file": "stop_times.txt",
            "field": "stop_id",
            "count": 1,
            "examples": [{"row": 3, "reason": "'S9' does not exist"}],
        }
    ]
    result = runner.invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "stop_times.txt:3 stop_id: 'S9' does not exist [unknown_stop]" in result.stderr


def test_import_list_activate_drop(feed: Path, tmp_path: Path, configured: None) -> None:
    first = run_json("import", feed)
    assert (first["version"], first["new"], first["active"]) == (1, True, True)
    assert first["changes"]["trips"]["added"]["count"] == 2
    assert "nothing imported" in run("import", feed)

    other = tmp_path / "other.zip"
    other.write_bytes(edited("stops.txt", "Park", "Sayabaq"))
    text = run("import", other, "--no-activate")
    assert "stops: 0 added, 0 removed, 1 changed" in text
    assert "imported as version 2, not active" in text

    listed = run_json("list")["versions"]
    assert [(v["agency_id"], v["version_no"], v["active"]) for v in listed] == [
        ("aqtobe", 1, True),
        ("aqtobe", 2, False),
    ]
    assert "version 2 of aqtobe is now active" in run("activate", 2)
    assert run_json("activate", 2)["switched"] is False
    assert "* aqtobe   2" in run("list")
    assert run_json("drop", 2, status=1)["code"] == "version_active"
    assert "version 1 of aqtobe is deleted" in run("drop", 1)
    assert run_json("activate", 1, status=1)["code"] == "no_version"


def test_refused_import_changes_nothing(feed: Path, tmp_path: Path, configured: None) -> None:
    run("import", feed)
    bad = tmp_path / "bad.zip"
    bad.write_bytes(edited("trips.txt", "T1,R1", "T1,R9"))
    assert run_json("import", bad, status=1)["refusals"][0]["code"] == "unknown_route"
    assert len(run_json("list")["versions"]) == 1


def test_agency_by_option(feed: Path, configured: None) -> None:
    assert run_json("import", feed, "--agency", "shymkent")["agency"] == "shymkent"
    assert run_json("list", "--agency", "aqtobe")["versions"] == []


def test_no_database_is_said_plainly(feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAPAR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert run_json("import", feed, status=1)["code"] == "database_unavailable"
