"""Smaller faults, one after another on one running line: nobody loses anything by them.

Only a broker that goes away can lose what plain trackers sent: it acknowledges more than it keeps,
also when it is restarted in good order. By all other faults not even they lose a record.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr

from sapar.cli.bench.kill_devices import FleetOptions
from sapar.cli.bench.kill_line import Line, holds, steady_ports
from sapar.cli.stack import environment
from sapar.core.db import connect, migrate
from sapar.core.settings import Settings
from sapar.deploy.native import PostgresCluster
from tests.services import walkable_directory

RECEIVE_MAX = 150
OUTAGE_S = 5.0
FLEET = FleetOptions(resending=80, plain=20, rate_per_s=400.0, ack_timeout_s=3.0, drain_s=30.0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    changes = {"ingest_receive_max": RECEIVE_MAX}
    with (
        walkable_directory() as directory,
        Line(directory, FLEET, changes, durable=False, say=print) as running,
    ):
        running.wait(1.0)
        yield running


def database_stops(line: Line) -> None:
    line.stack.postgres.stop()
    taken = acknowledged_at_last(line)
    waiting = []
    for _ in range(int(OUTAGE_S)):
        line.wait(1.0)
        waiting.append(max(line.metric(n, "sapar_ingest_in_flight_messages") for n in (0, 1)))
    # 2,000 messages came in meanwhile: they wait at the broker, not in the workers' memory
    assert 0 < max(waiting) <= RECEIVE_MAX
    assert len(line.fleet.book.stored) == taken, "acknowledged without a database"
    line.stack.postgres.start()


def acknowledged_at_last(line: Line) -> int:
    """Wait until nothing more is acknowledged: what was committed before may be under way yet."""
    for _ in range(30):
        before = len(line.fleet.book.stored)
        line.wait(1.0)
        if len(line.fleet.book.stored) == before:
            return before
    raise AssertionError("acknowledged without a database")


def database_is_killed(line: Line) -> None:
    line.stack.postgres.kill()
    line.wait(1.0)
    line.stack.postgres.start()


def worker_freezes(line: Line) -> None:
    pid = line.worker_pid(0)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        line.wait(1.0)
        sent, stored = len(line.fleet.book.sent), len(line.fleet.book.stored)
        line.wait(2.0)
        line.until(lambda: len(line.fleet.book.stored) > stored, "the other worker does not go on")
        sent, stored = len(line.fleet.book.sent) - sent, len(line.fleet.book.stored) - stored
        assert sent > stored, "the frozen worker's share did not wait"
    finally:
        os.kill(pid, signal.SIGCONT)


def worker_is_killed(line: Line) -> None:
    pid = line.worker_pid(1)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def worker_is_asked_to_stop(line: Line) -> None:
    pid = line.worker_pid(0)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    line.until(lambda: line.worker_pid(0) not in {None, pid}, "the worker is not started again")


def broker_restarts(line: Line) -> None:
    line.stack.broker.stop()
    line.wait(0.5)
    line.stack.broker.start()


@pytest.mark.parametrize(
    "fault",
    [
        database_stops,
        database_is_killed,
        worker_freezes,
        worker_is_killed,
        worker_is_asked_to_stop,
        broker_restarts,
    ],
)
def test_what_was_sent_before_and_during_a_fault_is_stored(
    line: Line, fault: Callable[[Line], None]
):
    fault(line)
    line.wait(0.5)
    book = line.fleet.book
    sent = book.sent_by(line.fleet.resending_ids)
    line.until(lambda: sent <= book.stored, "devices are not acknowledged", 40.0)
    if fault is not broker_restarts:
        plain = book.sent_by(line.fleet.plain_ids)
        line.until(lambda: plain <= line.stored().keys(), "plain trackers lost records", 20.0)
    acknowledged = book.stored.copy()
    stored = line.stored()
    assert sent <= stored.keys()
    assert acknowledged <= stored.keys()
    assert set(stored.values()) == {1}
    assert not book.refused


def test_in_the_end_the_sets_are_equal(line: Line):
    report = line.finish()
    print(report)
    assert holds(report)
    assert report["published"] == report["stored"] > 1000
    assert report["plain_published"] > 300
    # what the broker's restart cost those who cannot resend is shown, not promised
    assert report["plain_lost"] < 0.1 * report["plain_published"]


def until(condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_a_worker_that_is_started_before_its_database_waits_for_it(service_directory):
    ports = steady_ports()
    cluster = PostgresCluster(service_directory / "postgres", port=next(ports), durable=False)
    migrate(cluster.start())
    cluster.stop()
    settings = Settings(
        database_url=SecretStr(cluster.conninfo()),
        broker_port=next(ports),
        broker_password=SecretStr("none"),
        broker_dir=service_directory,
    )
    log_path = service_directory / "ingest.log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "sapar.cli.main", "ingest"],
            stdout=log,
            stderr=log,
            env={**os.environ, **environment(settings)},
        ) as process,
    ):
        try:
            until(lambda: b"connecting" in log_path.read_bytes() or process.poll() is not None)
            cluster.start()
            until(lambda: b"ingest_started" in log_path.read_bytes())
            with connect(cluster.conninfo()) as connection:
                row = connection.execute(
                    "SELECT count(*) > 0 FROM pg_stat_activity"
                    " WHERE application_name = 'sapar-ingest'"
                ).fetchone()
            assert row == (True,)
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(60.0)
            cluster.stop()
