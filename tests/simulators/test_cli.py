"""The commands as processes: SIGTERM ends them in good order, errors are one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sapar.core.clock import SystemClock
from tests.simulators.acknowledger import PASSWORD, acknowledger, admit, until
from tests.simulators.network import at, network_zip
from tests.simulators.test_recording import write

SAPAR = [sys.executable, "-c", "from sapar.cli.main import main; main()"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "city.zip").write_bytes(network_zip())
    rows = [f"t{n},{PASSWORD},bus-{n}" for n in range(8)]
    (tmp_path / "devices.csv").write_text("\n".join(["device_id,password,vehicle_id", *rows, ""]))
    return tmp_path


def command(files: Path, name: str, *more: str) -> list[str]:
    common = {
        "--gtfs": "city.zip",
        "--credentials": "devices.csv",
        "--truth": "truth",
        "--agency": name,
    }
    options = [
        part
        for key, value in common.items()
        for part in (key, value if key == "--agency" else str(files / value))
    ]
    return [*SAPAR, *more[:1], *options, *more[1:]]


def environment(broker, start_s: float, rate: float = 10.0) -> dict[str, str]:
    return {
        **os.environ,
        "SAPAR_DEVICE_BROKER_PORT": str(broker.device_port),
        "SAPAR_CLOCK_ORIGIN_WALL_S": str(SystemClock().wall()),
        "SAPAR_CLOCK_ORIGIN_TIME_S": str(start_s),
        "SAPAR_CLOCK_RATE": str(rate),
    }


async def test_simulate_runs_until_sigterm_and_leaves_a_summary(broker, files):
    admit(broker, "cli-a", [f"t{n}" for n in range(8)])
    async with acknowledger(broker, "cli-a") as server:
        process = subprocess.Popen(
            command(files, "cli-a", "simulate", "--buses", "8"), env=environment(broker, at(10))
        )
        try:
            await until(lambda: len(server.times) > 50, 30)
            process.send_signal(signal.SIGTERM)
            await until(lambda: process.poll() is not None, 30)
        finally:
            process.kill()
    assert process.returncode == 0
    summary = json.loads((files / "truth" / "summary.json").read_text())
    assert summary["finished"] is True
    assert summary["unacknowledged"] == 0
    assert summary["published"] >= len(server.times)


async def test_replay_ends_with_its_recording(broker, files):
    admit(broker, "cli-b", [f"t{n}" for n in range(8)])
    path = write(files / "p.gz", *[f"bus-{n % 8},{1000 + n},50.28,57.17,,,,,B" for n in range(40)])
    started = time.monotonic()
    async with acknowledger(broker, "cli-b") as server:
        process = subprocess.Popen(
            command(
                files, "cli-b", "replay", "--positions", str(path), "--speed", "20", "--stop-at-end"
            ),
            env={**os.environ, "SAPAR_DEVICE_BROKER_PORT": str(broker.device_port)},
        )
        try:
            await until(lambda: process.poll() is not None, 40)
        finally:
            process.kill()
    assert process.returncode == 0
    assert len(server.times) == 40
    assert time.monotonic() - started >= 39 / 20


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--sign-on", "trip=3"], "not a sign-on mix"),
        (["--credentials", "absent.csv"], "cannot read credentials"),
    ],
)
def test_an_error_is_a_sentence_and_status_one(broker, files, more, message):
    done = subprocess.run(
        command(files, "cli-c", "simulate", *more),
        env=environment(broker, at(10)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
