"""`sapar devices` and `sapar agencies` as a person runs them."""

import csv
import json
import stat
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from sapar.cli import agencies, devices
from sapar.fleet.credentials import password_matches

Run = Callable[..., Result]


@pytest.fixture
def run(connection, database, monkeypatch) -> Run:
    monkeypatch.setenv("SAPAR_DATABASE_URL", database)
    monkeypatch.setenv("SAPAR_AGENCY", "aktobe")
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments: str, app=devices.app, **options) -> Result:
        result = CliRunner().invoke(app, arguments, **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


def test_add_prints_the_password_once(run, connection):
    result = run("add", "bus-1", "--vehicle", "1042", "--from", "2026-08-01T06:00")
    assert result.exit_code == 0
    username, password = [line.partition(": ")[2] for line in result.stdout.splitlines()]
    assert username == "aktobe.bus-1"
    row = connection.execute("SELECT password_hash FROM device").fetchone()
    assert password_matches(password, row[0])
    shown = run("show", "bus-1").stdout
    assert password not in shown
    assert "1042 from 2026-08-01T01:00:00+00:00 to now" in shown.replace("\n", " ")


def test_errors_are_one_sentence_and_a_hint(run):
    run("add", "bus-1")
    for arguments, message in (
        (("add", "bus-1"), "exists already"),
        (("add", "bus-1", "--agency", "atyrau"), "sapar agencies add atyrau"),
        (("add", "bus/2"), "is not a name"),
        (("add", "bus-2", "--kind", "tram"), "neither tracker nor validator"),
        (("add", "bus-2", "--from", "tomorrow"), "is not a time"),
        (("revoke", "bus-9"), "there is no device"),
        (("show", "bus-9"), "there is no device"),
        (("import", "/nonexistent.csv"), "cannot read"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert message in result.stderr
        assert "Traceback" not in result.output


def test_the_life_of_a_device(run):
    run("add", "bus-1", "--vehicle", "1042")
    assert "is in 1043 from" in run("mount", "bus-1", "--vehicle", "1043").stdout
    assert "already" in run("mount", "bus-1", "--vehicle", "1043").stdout
    assert "is out" in run("unmount", "bus-1").stdout
    assert "was in no vehicle" in run("unmount", "bus-1").stdout
    assert "password: " in run("password", "bus-1").stdout
    assert "is revoked" in run("revoke", "bus-1").stdout
    assert "was revoked before" in run("revoke", "bus-1").stdout
    (device,) = json.loads(run("list", "--json").stdout)
    assert device["revoked_at"] is not None
    assert [
        m["vehicle_id"] for m in json.loads(run("show", "bus-1", "--json").stdout)["mountings"]
    ] == [
        "1042",
        "1043",
    ]
    assert "revoked" in run("list").stdout
    assert "revoked" in run("show", "bus-1").stdout


def test_import_reports_rows_and_hands_passwords_over(run, tmp_path):
    source, out = tmp_path / "devices.csv", tmp_path / "passwords.csv"
    source.write_text("device,vehicle\nbus-1,101\nbus/2,102\nbus-3,103\n")
    result = run("import", str(source), "--passwords-out", str(out))
    assert result.exit_code == 1
    assert "line 3: device_id:" in result.stderr
    assert "2 added, 0 moved, 0 unchanged, 1 refused" in result.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open() as file:
        assert [row["device"] for row in csv.DictReader(file)] == ["bus-1", "bus-3"]
    again = run("import", str(source), "--passwords-out", str(out))
    assert "Name a new file" in again.stderr
    assert again.exit_code == 1
    source.write_text("device,vehicle\nbus-1,101\nbus-3,103\n")
    unchanged = run("import", str(source), "--passwords-out", str(tmp_path / "none.csv"))
    assert unchanged.exit_code == 0
    assert "0 added, 0 moved, 2 unchanged, 0 refused" in unchanged.stderr
    assert not (tmp_path / "none.csv").exists(), "no password, no file"


def test_import_prints_passwords_when_no_file_is_named(run):
    result = run("import", "-", input="device\nbus-1\n")
    assert result.exit_code == 0
    header, row = result.stdout.splitlines()
    assert header == "agency,device,vehicle,username,password"
    assert row.startswith("aktobe,bus-1,,aktobe.bus-1,")


def test_a_rehearsal_changes_nothing(run, tmp_path):
    source = tmp_path / "devices.csv"
    source.write_text("device;vehicle\nbus-1;101\n")
    result = run("import", str(source), "--dry-run", "--passwords-out", str(tmp_path / "p.csv"))
    assert result.exit_code == 0
    assert "1 would be added" in result.stderr
    assert json.loads(run("list", "--json").stdout) == []
    assert not (tmp_path / "p.csv").exists()


def test_a_file_that_is_not_utf8_is_refused(run, tmp_path):
    source = tmp_path / "devices.csv"
    source.write_bytes("device\nавтобус\n".encode("cp1251"))
    result = run("import", str(source))
    assert result.exit_code == 1
    assert "not UTF-8" in result.stderr


def test_agencies(run):
    assert run("add", "shymkent", "--timezone", "Asia/Almaty", app=agencies.app).exit_code == 0
    listed = json.loads(run("list", "--json", app=agencies.app).stdout)
    assert [entry["agency_id"] for entry in listed] == ["aktobe", "almaty", "shymkent"]
    assert "not known yet" in run("list", app=agencies.app).stdout
    refused = run("add", "Shymkent", app=agencies.app)
    assert refused.exit_code == 1
    assert "is not a name" in refused.stderr


def test_an_unreachable_database_is_one_sentence(run, monkeypatch):
    monkeypatch.setenv("SAPAR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = run("list")
    assert result.exit_code == 1
    assert "the database does not answer" in result.stderr
