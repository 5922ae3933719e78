"""How many messages a second go from the broker into committed rows."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sapar.cli.stack import LocalStack, environment
from sapar.cli.supervisor import Part, Supervisor
from sapar.contract.topics import up_filter
from sapar.core.clock import SystemClock
from sapar.core.db import connect
from sapar.core.errors import Unavailable
from sapar.core.settings import Settings
from sapar.deploy.native import free_port, hold_directory, state_directory
from sapar.ingest.worker import forget_session
from sapar.simulators.load import LoadPublisher, LoadReport, LoadSettings

_AGENCY = "bench"
_MESSAGES_PER_S = 12_000  # a round is sized by this, so that it takes about as long as asked
_STEADY_PER_S = 1000.0
_BATCH_RECORDS = 10
_PATIENCE_S = 120.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class _Round:
    """One measurement: messages, records, wall seconds, CPU seconds of workers and database."""

    messages: int
    records: int
    duration_s: float
    worker_cpu_s: float = 0.0
    database_cpu_s: float = 0.0


@dataclass
class IngestBench:
    """The benchmark.

    Args:
        seconds: about so long for each figure.
        workers: ingest workers; devices: who speaks.
        say: shows progress.
    """

    seconds: float
    workers: int
    devices: int
    say: Callable[[str], None]
    _clock: SystemClock = field(default_factory=SystemClock)
    _epoch: int = 0
    _expected: int = 0

    def run(self) -> dict[str, Any]:
        """Measure; give the figures."""
        directory = state_directory(Path.cwd()) / "bench"
        settings = {"track_commit_timestamp": "on"}
        changes = {"broker_log_denials": False}  # its log would take a fifth of the broker's time
        with (
            hold_directory(directory),
            LocalStack(directory, changes, postgres_settings=settings) as stack,
        ):
            _register(stack.settings, self.devices)
            ports = [free_port() for _ in range(self.workers)]
            return self._measure(stack, ports)

    def _measure(self, stack: LocalStack, ports: list[int]) -> dict[str, Any]:
        rounds: list[_Round] = []
        nulls: list[_Round] = []
        count = int(_MESSAGES_PER_S * self.seconds / 2)
        for number in (1, 2):
            self.say(f"round {number}: a subscriber that does nothing")
            nulls.append(self._null_round(stack.settings, count))
            self.say(f"round {number}: ingest, one fix a message")
            rounds.append(self._ingest_round(stack, ports, count, 1))
        self.say(f"ingest, {_BATCH_RECORDS} fixes a message")
        batched = self._ingest_round(stack, ports, count // 4, _BATCH_RECORDS)
        self.say(f"latency at {_STEADY_PER_S:.0f} messages a second")
        steady_epoch = self._epoch + 1
        steady = int(_STEADY_PER_S * self.seconds / 2)
        self._ingest_round(stack, ports, steady, 1, rate_per_s=_STEADY_PER_S)
        report = _speeds(rounds, nulls, batched)
        return report | _stored(stack.settings, self._expected, steady_epoch)

    def _null_round(self, settings: Settings, count: int) -> _Round:
        """Let `mosquitto_sub -q 1` take `count` messages and throw them away."""
        command = [
            "mosquitto_sub", "-h", settings.broker_host, "-p", str(settings.broker_port),
            "-u", settings.broker_username, "-P", settings.broker_password.get_secret_value(),
            "-V", "mqttv5", "-q", "1", "-t", up_filter("gps"), "-C", str(count),
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as subscriber:
            self._clock_sleep(0.5)
            start_s = self._clock.monotonic()
            self._publish(settings, count, 1, None)
            subscriber.wait(_PATIENCE_S)
            return _Round(count, count, self._clock.monotonic() - start_s)

    def _ingest_round(
        self,
        stack: LocalStack,
        ports: list[int],
        count: int,
        records: int,
        *,
        rate_per_s: float | None = None,
    ) -> _Round:
        settings = stack.settings
        log_dir = settings.data_dir / "logs"
        supervisors = []
        for number, port in enumerate(ports):
            own = settings.model_copy(update={"metrics_port": port})
            supervisor = Supervisor(environment(own), log_dir)
            supervisor.start(Part(f"ingest-{number}", ["ingest", "--worker", str(number)]))
            supervisors.append(supervisor)
        parts = [supervisor.parts[0] for supervisor in supervisors]
        try:
            self._until(lambda: _stored_records(ports) == 0, "ingest does not start")
            self._clock_sleep(1.0)
            pids = [part.process.pid for part in parts if part.process is not None]
            worker_cpu_s = sum(map(cpu_s, pids))
            database_cpu_s = _children_cpu_s(stack.postgres.pid)
            start_s = self._clock.monotonic()
            report = self._publish(settings, count, records, rate_per_s)
            self._expected += report.records
            self._until(
                lambda: (_stored_records(ports) or 0) >= report.records, "records are missing"
            )
            return _Round(
                count,
                report.records,
                self._clock.monotonic() - start_s,
                sum(map(cpu_s, pids)) - worker_cpu_s,
                _children_cpu_s(stack.postgres.pid) - database_cpu_s,
            )
        finally:
            for supervisor in supervisors:
                supervisor.stop()
            for number in range(len(ports)):
                asyncio.run(forget_session(settings.model_copy(update={"ingest_worker": number})))

    def _publish(
        self, settings: Settings, count: int, records: int, rate_per_s: float | None
    ) -> LoadReport:
        self._epoch += 1
        load = LoadSettings(
            agency_id=_AGENCY,
            device_ids=[f"d{number}" for number in range(self.devices)],
            epoch=self._epoch,
            records_per_message=records,
            messages=count,
            rate_per_s=rate_per_s,
            chunk=1000 if rate_per_s is None else 10,
        )
        report = asyncio.run(LoadPublisher(settings, load, self._clock).run())
        if report.acknowledged != count:
            raise Unavailable(f"the broker took {report.acknowledged} of {count} messages")
        return report

    def _until(self, done: Callable[[], bool], complaint: str) -> None:
        deadline = self._clock.monotonic() + _PATIENCE_S
        while not done():
            if self._clock.monotonic() > deadline:
                raise Unavailable(complaint, code="bench_stuck")
            self._clock_sleep(0.02)

    def _clock_sleep(self, duration_s: float) -> None:
        asyncio.run(self._clock.sleep(duration_s))


def _register(settings: Settings, count: int) -> None:
    from sapar.fleet.agencies import ensure_agency

    with connect(settings.database_url.get_secret_value()) as connection:
        ensure_agency(connection, _AGENCY, name="Benchmark", timezone="Asia/Aqtobe")
        connection.execute(
            "INSERT INTO device (agency_id, device_id, password_hash)"
            " SELECT %s, 'd' || n, '' FROM generate_series(0, %s) n",
            (_AGENCY, count - 1),
        )


def _stored_records(ports: list[int]) -> int | None:
    """Sum the workers' own counters of new records; None while one does not answer."""
    total = 0
    for port in ports:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        for line in text.splitlines():
            if line.startswith('sapar_ingest_records_total{kind="gps"}'):
                total += int(float(line.split()[-1]))
    return total


def cpu_s(pid: int) -> float:
    """User and system CPU seconds of a process, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _children_cpu_s(pid: int | None) -> float:
    """CPU seconds of a process's living children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(cpu_s(int(child)) for child in children)


def _speeds(rounds: list[_Round], nulls: list[_Round], batched: _Round) -> dict[str, Any]:
    ours = [round_.messages / round_.duration_s for round_ in rounds]
    theirs = [round_.messages / round_.duration_s for round_ in nulls]
    millions = sum(round_.records for round_ in rounds) / 1e6
    return {
        "messages_per_s": round(statistics.mean(ours)),
        "null_subscriber_messages_per_s": round(statistics.mean(theirs)),
        "ratio": round(statistics.mean(a / b for a, b in zip(ours, theirs, strict=True)), 3),
        "ratios": [round(a / b, 3) for a, b in zip(ours, theirs, strict=True)],
        "batched_fixes_per_s": round(batched.records / batched.duration_s),
        "cpu_s_per_million": round(sum(r.worker_cpu_s for r in rounds) / millions, 2),
        "database_cpu_s_per_million": round(sum(r.database_cpu_s for r in rounds) / millions, 2),
    }


def _stored(settings: Settings, expected: int, steady_epoch: int) -> dict[str, Any]:
    """Count what is stored, and take the latency of the steady round from commit timestamps."""
    with connect(settings.database_url.get_secret_value()) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT (device_no, epoch, seq)) FROM fix"
        ).fetchone()
        assert row is not None
        latency = connection.execute(
            "SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY ms) FROM (SELECT"
            " extract(epoch FROM pg_xact_commit_timestamp(xmin) - time) * 1000 AS ms FROM fix"
            " WHERE epoch = %s) steady",
            (steady_epoch,),
        ).fetchone()
        assert latency is not None
    total, distinct = row
    return {
        "publish_to_commit_ms_p50": round(float(latency[0][0]), 1),
        "publish_to_commit_ms_p99": round(float(latency[0][1]), 1),
        "lost": expected - distinct,
        "duplicates": total - distinct,
    }
