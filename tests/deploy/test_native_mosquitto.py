"""The private broker: starts, keeps what it should over a stop, reloads, and ends with us."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sapar.core.errors import Unavailable
from sapar.deploy.native import MosquittoBroker, free_port
from tests.deploy.test_native_postgres import ended
from tests.services import start_broker


def publish(port: int, topic: str, text: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["mosquitto_pub", "-p", str(port), "-t", topic, "-m", text, *options],
        capture_output=True,
        check=False,
        timeout=20,
    )


def read_one(port: int, topic: str, *options: str) -> str:
    done = subprocess.run(
        ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", "1", "-W", "10", *options],
        capture_output=True,
        check=True,
        timeout=20,
    )
    return done.stdout.decode().strip()


def configured(directory: Path, *lines: str) -> MosquittoBroker:
    port = free_port()
    broker = MosquittoBroker(directory, [port])
    broker.configure(
        "\n".join([f"listener {port} 127.0.0.1", f"log_dest file {broker.log_path}", *lines, ""])
    )
    return broker


def test_keeps_retained_messages_over_a_stop(service_directory: Path):
    directory = service_directory / "broker"
    broker = configured(
        directory, "allow_anonymous true", "persistence true", f"persistence_location {directory}/"
    )
    port = broker.ports[0]
    broker.start()
    assert publish(port, "kept", "yes", "-r", "-q", "1").returncode == 0
    broker.stop()
    assert not broker.running
    assert not broker.pid_path.exists()
    broker.start()
    assert read_one(port, "kept") == "yes"
    broker.kill()
    assert free_port(port) == port


def test_reload_takes_a_password_file_that_was_replaced(service_directory: Path):
    directory = service_directory / "broker"
    passwords = directory / "passwords"
    broker = configured(directory, "allow_anonymous false", f"password_file {passwords}")
    port = broker.ports[0]
    write_password(passwords, "first")
    broker.start()
    assert int(broker.pid_path.read_text()) == broker.pid
    assert publish(port, "t", "x", "-u", "bus", "-P", "first").returncode == 0
    write_password(passwords, "second")
    broker.reload()
    for _ in range(50):
        if publish(port, "t", "x", "-u", "bus", "-P", "second").returncode == 0:
            break
    assert publish(port, "t", "x", "-u", "bus", "-P", "first").returncode != 0
    assert broker.running
    broker.stop()


def write_password(path: Path, password: str) -> None:
    """Replace the file as an updater would: a new one, of ours, moved over the old."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", fresh, "bus", password], check=True)
    fresh.replace(path)


def test_says_why_it_does_not_start(service_directory: Path):
    broker = configured(service_directory / "broker", "no_such_setting true")
    with pytest.raises(Unavailable, match="no_such_setting"):
        broker.start()


def test_never_runs_as_root(service_directory: Path):
    broker = configured(service_directory / "broker", "allow_anonymous true")
    broker.start()
    status = Path("/proc", str(broker.pid), "status").read_text()
    broker.stop()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_ends_with_the_process_that_started_it(service_directory: Path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.services import start_broker\n"
        "b = start_broker(Path(sys.argv[1]))\nprint(b.process.pid, flush=True)\ntime.sleep(60)"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code, str(service_directory / "broker")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait()
    supervisor.stdout.close()
    assert ended(pid)


def test_two_brokers_side_by_side(service_directory: Path):
    brokers = [start_broker(service_directory / name) for name in ("one", "two")]
    own = [["-u", broker.username, "-P", broker.password] for broker in brokers]
    for number, broker in enumerate(brokers):
        publish(broker.internal_port, "who", str(number), "-r", "-q", "1", *own[number])
    answers = [
        read_one(broker.internal_port, "who", *own[number]) for number, broker in enumerate(brokers)
    ]
    for broker in brokers:
        broker.process.stop()
    assert answers == ["0", "1"]
