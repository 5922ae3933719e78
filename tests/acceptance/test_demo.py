"""`sapar demo` as a user runs it: real services, real parts, and a verdict on every record."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

PATIENCE_S = 300
pytestmark = pytest.mark.timeout(PATIENCE_S + 60)


@pytest.fixture
def checkout(service_directory: Path) -> Path:
    """A folder to run in, so that the demo's data lie apart from those of this checkout."""
    folder = service_directory / "checkout"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def start(checkout: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sapar.cli.main", "demo", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> dict:
    """Wait for the end and give the last line, which is the verdict."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.strip().splitlines()[-1])


def processes_in(checkout: Path) -> list[str]:
    """Command lines of all processes that work in or on the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (path / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if path.name != str(os.getpid()) and str(checkout) in line + environment:
            found.append(line)
    return found


def assert_clean(report: dict) -> None:
    """What must hold for every demo."""
    assert report["lost"] == 0, report
    assert report["duplicates"] == 0, report
    assert report["rejected"] == report["planted"], report
    assert report["validator_errors"] == 0, report
    assert report["feed_errors"] == 0, report


def test_two_cities_with_the_same_numbers_side_by_side(checkout):
    """Both cities have vehicles 0001 to 0040 and routes of the same names."""
    process = start(
        checkout, "--minutes", 0.7, "--buses", 40, "--agencies", "aktobe,west", "--json"
    )
    report = finish(process)
    assert_clean(report)
    assert report["published"] > 400
    assert report["ledger_balanced"], report["ledger_imbalances"]
    assert report["taps"] > 0
    assert report["journals"] > report["taps"]
    assert {city: one["lost_taps"] for city, one in report["finance_day"].items()} == {
        "aktobe": 7, "west": 7,
    }  # fmt: skip
    assert report["in_service_vehicles"] > 60
    assert report["vehicles_in_feed"] >= 0.95 * report["in_service_vehicles"]
    assert report["trip_updates"] >= 0.85 * report["in_service_vehicles"]
    assert report["restarts"] == {}
    assert processes_in(checkout) == []


def test_a_recording_ten_times_faster(checkout, sapar_data):
    folder = sapar_data / "wmata"
    process = start(
        checkout, "--gtfs", folder / "gtfs.zip", "--positions", folder / "positions.csv.gz",
        "--speed", 10, "--minutes", 0.7, "--json",
    )  # fmt: skip
    report = finish(process)
    assert_clean(report)
    assert report["published"] > 100
    assert report["vehicles_in_feed"] >= 0.95 * report["in_service_vehicles"] > 5
    assert report["trip_updates"] >= 0.9 * report["in_service_vehicles"]


def parts_of(process: subprocess.Popen[str]) -> dict[str, int]:
    """Process ids of the demo's parts, by the words of their command line."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for child in children:
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError:
            continue  # it has just ended
        if b"sapar.cli.main" in words:
            at = words.index(b"sapar.cli.main")
            found[b" ".join(words[at + 1 : at + 4]).decode()] = int(child)
    return found


def engine_of(process: subprocess.Popen[str]) -> int | None:
    """The engine's process id, None while there is none."""
    found = (pid for words, pid in parts_of(process).items() if words.startswith("engine"))
    return next(found, None)


def test_a_crashed_part_is_started_again_and_an_interrupt_leaves_nothing(checkout):
    process = start(checkout, "--buses", 20, "--no-finance-day", "--json")
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "broker " in line:
            break
    url = next(line.split()[-1] for line in said if "live page" in line)
    with urllib.request.urlopen(f"{url}readyz", timeout=10) as answer:
        assert answer.status == 200
    engine = engine_of(process)
    assert engine is not None
    os.kill(engine, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while engine_of(process) in {None, engine}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(5)  # one that ends at once would be started a second time
    process.send_signal(signal.SIGINT)
    report = finish(process)
    assert "finance_day" not in report
    assert report["restarts"] == {"engine-aktobe": 1}
    assert report["lost"] == report["duplicates"] == 0
    assert processes_in(checkout) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}readyz", timeout=2)


def test_an_interrupt_while_the_timetable_is_loaded_ends_it_at_once(checkout):
    process = start(checkout, "--buses", 20)
    assert process.stderr is not None
    for line in process.stderr:
        if "loading the timetable" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode not in {0, None}
    assert "starting ingest" not in err
    assert processes_in(checkout) == []


def test_a_recording_without_its_timetable_is_refused_with_a_hint(checkout, tmp_path):
    process = start(checkout, "--positions", tmp_path / "p.csv.gz")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Give both --gtfs and --positions" in err
