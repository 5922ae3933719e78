"""The line that faults are done to: real services, workers as processes, devices in a thread."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sapar.cli.bench.kill_devices import Fleet, FleetOptions, Identity
from sapar.cli.stack import LocalStack, environment
from sapar.cli.supervisor import Part, Supervisor
from sapar.core.clock import Clock, SystemClock
from sapar.core.db import connect
from sapar.core.errors import Unavailable
from sapar.core.settings import Settings
from sapar.deploy.native import free_port
from sapar.fleet.agencies import ensure_agency
from sapar.fleet.broker import BrokerFiles
from sapar.fleet.credentials import generate_password
from sapar.fleet.device_import import import_devices

_AGENCY = "bench"
_POLL_S = 0.05
_PATIENCE_S = 60.0
_SETTLED_S = 2.0
_PORTS_FROM = 10_000
_EXAMPLES = 5


@dataclass
class Line:
    """Database, broker, broker-sync, ingest workers and devices, as they run in production.

    Use it as a context manager from the main thread; what it starts ends with that thread.

    Args:
        directory: holds the services' files.
        fleet_options: who speaks.
        changes: settings over the defaults.
        workers: how many ingest workers.
        durable: see `LocalStack`.
        say: shows progress.
    """

    directory: Path
    fleet_options: FleetOptions
    changes: dict[str, Any] = field(default_factory=dict)
    workers: int = 2
    durable: bool = True
    say: Callable[[str], None] = lambda _text: None
    clock: Clock = field(default_factory=SystemClock)
    stack: LocalStack = field(init=False)
    fleet: Fleet = field(init=False)
    metrics_ports: list[int] = field(init=False, default_factory=list)
    _supervisors: list[Supervisor] = field(init=False, default_factory=list)
    _exit: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Start everything and wait until every device was acknowledged once."""
        with ExitStack() as exit_stack:
            self._start(exit_stack)
            self._exit = exit_stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything."""
        self._exit.__exit__(exc_type, exc, traceback)

    def _start(self, exit_stack: ExitStack) -> None:
        ports = steady_ports()
        changes = {"broker_port": next(ports), "device_broker_port": next(ports), **self.changes}
        self.stack = LocalStack(self.directory, changes, durable=self.durable)
        self.stack.postgres.port = next(ports)
        self.say("starting PostgreSQL with TimescaleDB, and Mosquitto")
        exit_stack.enter_context(self.stack)
        settings = self.stack.settings
        passwords = self._register(settings)
        self.fleet = Fleet(settings, _AGENCY, passwords, self.fleet_options, self.clock)
        exit_stack.callback(self._stop_parts)
        self._start_part(settings, Part("broker-sync", ["broker-sync"]))
        for number in range(self.workers):
            self.metrics_ports.append(next(ports))
            own = settings.model_copy(update={"metrics_port": self.metrics_ports[-1]})
            self._start_part(own, Part(f"ingest-{number}", ["ingest", "--worker", str(number)]))
        self.until(lambda: self._admitted(settings, len(passwords)), "the broker admits no device")
        self.until(self._workers_started, "ingest does not start")
        self.say(f"{len(passwords)} devices connect")
        exit_stack.enter_context(self.fleet)
        self.until(lambda: self.fleet.flowing, "devices are not acknowledged")

    def _register(self, settings: Settings) -> dict[str, str]:
        """Register all devices, each mounted in a vehicle; give their passwords."""
        use = self.fleet_options
        names = [f"resending-{number}" for number in range(use.resending)]
        names += [f"plain-{number}" for number in range(use.plain)]
        passwords = {name: generate_password() for name in names}
        table = "\n".join(
            ["device,vehicle,password"]
            + [f"{name},vehicle-{name},{password}" for name, password in passwords.items()]
        )
        with connect(settings.database_url.get_secret_value()) as connection:
            ensure_agency(connection, _AGENCY, name="Benchmark", timezone="Asia/Aqtobe")
            plan = import_devices(
                connection, table, default_agency_id=_AGENCY, now=self.clock.now()
            )
        if plan.refused:
            raise Unavailable(f"a device was refused: {plan.refused[0].message}")
        return passwords

    def _start_part(self, settings: Settings, part: Part) -> None:
        supervisor = Supervisor(environment(settings), self.directory / "logs")
        supervisor.start(part)
        self._supervisors.append(supervisor)

    def _stop_parts(self) -> None:
        for supervisor in self._supervisors:
            supervisor.stop()

    def _admitted(self, settings: Settings, count: int) -> bool:
        users = BrokerFiles.of(settings).device_passwords.read_bytes().count(b"\n")
        return users == count

    def _workers_started(self) -> bool:
        return all("ingest_started" in s.log_tail(s.parts[0]) for s in self._supervisors[1:])

    # -- what a fault needs -------------------------------------------------------------------

    @property
    def conninfo(self) -> str:
        """The database, as a libpq URL."""
        return self.stack.settings.database_url.get_secret_value()

    def worker_pid(self, number: int) -> int | None:
        """Give the process id of a worker that runs; None while it waits for its restart."""
        process = self._supervisors[1 + number].parts[0].process
        return process.pid if process is not None and process.poll() is None else None

    def metric(self, worker: int, name: str) -> float:
        """Read a metric without labels from a worker."""
        url = f"http://127.0.0.1:{self.metrics_ports[worker]}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        return float(next(li for li in text.splitlines() if li.startswith(f"{name} ")).split()[1])

    def poll(self) -> None:
        """Start parts that ended again; raise what went wrong with the devices."""
        for supervisor in self._supervisors:
            for sentence in supervisor.poll():
                self.say(sentence)
        self.fleet.check()

    def wait(self, duration_s: float) -> None:
        """Let the line run for some wall seconds."""
        end_s = self.clock.monotonic() + duration_s
        while self.clock.monotonic() < end_s:
            self.poll()
            time.sleep(_POLL_S)

    def until(
        self, done: Callable[[], bool], complaint: str, patience_s: float = _PATIENCE_S
    ) -> None:
        """Let the line run until something holds.

        Raises:
            Unavailable: it does not come about in time.
        """
        end_s = self.clock.monotonic() + patience_s
        while not done():
            if self.clock.monotonic() > end_s:
                raise Unavailable(complaint, code="bench_stuck")
            self.wait(_POLL_S)

    @property
    def restarts(self) -> int:
        """How often parts were started again."""
        return sum(supervisor.restarts.total() for supervisor in self._supervisors)

    # -- the end ------------------------------------------------------------------------------

    def finish(self) -> dict[str, Any]:
        """Let the devices get rid of what they hold, then compare what was sent with what is there.

        Both sides are sets of (device, epoch, seq, time), not counts.

        Returns:
            `published, stored, lost, extra, duplicates, acknowledged, acknowledged_but_not_stored`
            and examples for the devices that resend, `unacknowledged` records that all devices
            still hold, `refused` by code, `plain_published, plain_lost, plain_lost_share`, and
            `fixes_per_s, messages_per_s` of all devices (what waits for the broker is sent in
            batches, so there are fewer messages than fixes).
        """
        self.say("no more fixes; waiting for the last acknowledgements")
        start_s = self.clock.monotonic()
        self.fleet.finish()
        self.until(self.fleet.check, "devices do not end", self.fleet_options.drain_s + 30.0)
        drained_s = self.clock.monotonic() - start_s
        self._settle()
        report = self._compare(self.stored())
        fleet = self.fleet
        return report | {
            "unacknowledged": fleet.left,
            "resent": fleet.count("resent"),
            "fixes_per_s": round(len(fleet.book.sent) / fleet.producing_s),
            "messages_per_s": round(fleet.count("messages") / fleet.producing_s),
            "drained_s": round(drained_s, 1),
        }

    def _settle(self) -> None:
        """Wait until plain trackers' last messages have gone through the workers, too."""
        count, since_s = -1, self.clock.monotonic()
        while self.clock.monotonic() - since_s < _SETTLED_S:
            self.wait(0.2)
            now = self._count()
            if now != count:
                count, since_s = now, self.clock.monotonic()

    def _count(self) -> int:
        with connect(self.conninfo) as connection:
            row = connection.execute("SELECT count(*) FROM fix").fetchone()
        assert row is not None
        return int(row[0])

    def stored(self) -> dict[Identity, int]:
        """Give what is stored: rows by identity."""
        with connect(self.conninfo) as connection:
            rows = connection.execute(
                "SELECT device_id, epoch, seq, (extract(epoch FROM time) * 1000)::bigint, count(*)"
                " FROM fix JOIN device USING (device_no) GROUP BY 1, 2, 3, 4"
            )
            return {(name, epoch, seq, ms): count for name, epoch, seq, ms, count in rows}

    def _compare(self, stored: dict[Identity, int]) -> dict[str, Any]:
        book, fleet = self.fleet.book, self.fleet
        plain_names = set(fleet.plain_ids)
        sent, plain_sent = book.sent_by(fleet.resending_ids), book.sent_by(fleet.plain_ids)
        there = {identity for identity in stored if identity[0] not in plain_names}
        missing, extra = sent - there, stored.keys() - book.sent
        plain_lost = len(plain_sent - stored.keys())
        return {
            "published": len(sent),
            "stored": len(there),
            "lost": len(missing),
            "extra": len(extra),
            "duplicates": sum(stored.values()) - len(stored),
            "acknowledged": len(book.stored),
            "acknowledged_but_not_stored": len(book.stored - stored.keys()),
            "missing_examples": sorted(missing)[:_EXAMPLES],
            "extra_examples": sorted(extra)[:_EXAMPLES],
            "refused": dict(book.refused),
            "plain_published": len(plain_sent),
            "plain_lost": plain_lost,
            "plain_lost_share": round(plain_lost / len(plain_sent), 4) if plain_sent else None,
        }


def holds(report: dict[str, Any]) -> bool:
    """Tell whether a report shows the promise kept: the sets are equal, and each record once."""
    broken = ("lost", "extra", "duplicates", "acknowledged_but_not_stored", "unacknowledged")
    return not any(report[name] for name in broken) and not report["refused"]


def steady_ports() -> Iterator[int]:
    """Give free ports that no outgoing connection is ever given.

    While a service is down its clients knock at its port; where that lies in the range of outgoing
    connections, one of them may be given the very port as its own, finds itself at the other end,
    and the service cannot come back.
    """
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    for port in range(_PORTS_FROM, int(text.split()[0])):
        if free_port(port) == port:
            yield port
