"""The demo's course: prepare, start, watch, end, judge."""

from __future__ import annotations

import datetime as dt
import http.client
import shutil
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sapar.cli.demo.cities import DemoCity
from sapar.cli.demo.fares import CARDS, judge_ticketing, prepare_ticketing, validators_path
from sapar.cli.demo.finance import FinanceDay, finance_table, lay_down_yesterday
from sapar.cli.demo.observer import Observer
from sapar.cli.demo.people import people_table, prepare_people
from sapar.cli.demo.validation import validate_samples
from sapar.cli.demo.verdict import compare_stored, in_service, percentile, publish_to_feed_s
from sapar.cli.stack import LocalStack, environment
from sapar.cli.supervisor import Part, Supervisor
from sapar.core.clock import Clock, SystemClock
from sapar.core.db import connect
from sapar.core.errors import Unavailable
from sapar.core.settings import Settings

Say = Callable[[str], None]

_READY_TIMEOUT_S = 180.0
_DRAIN_PATIENCE_S = 40.0
_POLL_S = 0.2
_BEFORE = dt.timedelta(hours=1)  # what was laid down of yesterday came earlier
# How long parts need to read a timetable: a recording must not begin before they have.
_LEAD_S = 10.0
_LEAD_BYTES_PER_S = 150_000


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What was asked for.

    Attributes:
        minutes: wall minutes that buses run, or None until interrupted.
        speed: transit seconds a wall second.
        seed: same seed, same rides and faults.
        workers: ingest workers.
        validate: judge sampled feeds at the end.
        incidents: plant what a control room must see.
        finance_day: lay down yesterday of generated cities for finance to close.
    """

    minutes: float | None
    speed: float
    seed: int
    workers: int = 2
    validate: bool = True
    incidents: bool = False
    finance_day: bool = True


@dataclass(slots=True)
class Demo:
    """A running demo of some cities in `directory`."""

    cities: Sequence[DemoCity]
    options: DemoOptions
    directory: Path
    say: Say
    clock: Clock = field(default_factory=SystemClock)
    interrupted: threading.Event = field(default_factory=threading.Event)
    _orderly: bool = field(default=False, init=False)
    _password: str = field(default="", init=False)
    _finance: list[FinanceDay] = field(default_factory=list, init=False)

    def run(self) -> dict[str, Any]:
        """Run from start to end; give what came of it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        shutil.rmtree(self.directory / "run", ignore_errors=True)
        self.say("starting PostgreSQL with TimescaleDB, and Mosquitto")
        with LocalStack(self.directory) as stack:
            try:
                changes = {
                    "agency": self.cities[0].agency_id,
                    "api_test_key": "TEST",
                    "tap_master_key_file": self.directory / "tap-master.key",
                }
                settings = stack.settings.model_copy(update=changes)
                self._prepare(settings)
                settings = settings.model_copy(update=self._clock_settings())
                return self._supervised(stack, settings)
            finally:
                self._orderly = True

    def _supervised(self, stack: LocalStack, settings: Settings) -> dict[str, Any]:
        supervisor = Supervisor(environment(settings), self.directory / "run" / "logs")
        try:
            return self._course(stack, settings, supervisor)
        finally:
            self._orderly = True
            supervisor.stop()

    def _interrupt(self, *_: object) -> None:
        """End the course in order; before it and after it there is nothing to wait for."""
        self.interrupted.set()
        if not self._orderly:
            raise KeyboardInterrupt

    # -- prepare ------------------------------------------------------------------------------

    def _prepare(self, settings: Settings) -> None:
        from sapar.gtfs.importer import check_feed, import_feed

        conninfo = settings.database_url.get_secret_value()
        self._password = prepare_people(settings)
        for city in self.cities:
            self.say(f"{city.agency_id}: loading the timetable {city.gtfs.name}")
            now = dt.datetime.fromtimestamp(city.start_s, dt.UTC)
            checked = check_feed(city.gtfs, city.agency_id, now)
            with connect(conninfo, autocommit=True) as connection:
                import_feed(
                    connection, checked, activate=True, now=now, progress=lambda _text: None
                )
            self.say(f"{city.agency_id}: registering {len(city.vehicle_ids):,} devices")
            self._register(conninfo, city)
            if city.positions is None:
                self.say(f"{city.agency_id}: validators, a tariff and {CARDS:,} cards")
                self._prepare_ticketing(settings, city)

    def _prepare_ticketing(self, settings: Settings, city: DemoCity) -> None:
        folder, seed = self._folder(city), self.options.seed
        ticketing = prepare_ticketing(settings, city, folder, seed, self.clock)
        if self.options.finance_day:
            self.say(f"{city.agency_id}: yesterday, for finance to close")
            files = folder / "finance"
            self._finance.append(
                lay_down_yesterday(settings, city, files, ticketing, seed, self.clock)
            )

    def _register(self, conninfo: str, city: DemoCity) -> None:
        """Register a tracker for every vehicle and write the passwords for the simulator."""
        from sapar.fleet.credentials import generate_password
        from sapar.fleet.device_import import import_devices

        mounted = dt.datetime.fromtimestamp(city.start_s, dt.UTC) - dt.timedelta(days=2)
        table = ["device,vehicle,kind,from,password"]
        credentials = ["device_id,password,vehicle_id"]
        for vehicle_id in city.vehicle_ids:
            device_id, password = f"tracker-{vehicle_id}", generate_password()
            table.append(f"{device_id},{vehicle_id},tracker,{mounted.isoformat()},{password}")
            credentials.append(f"{device_id},{password},{vehicle_id}")
        with connect(conninfo) as connection:
            plan = import_devices(
                connection, "\n".join(table), default_agency_id=city.agency_id, now=mounted
            )
        if plan.refused:
            row = plan.refused[0]
            raise Unavailable(f"device row {row.line} was refused: {row.message}", code=row.code)
        folder = self._folder(city)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "credentials.csv").write_text("\n".join(credentials) + "\n", encoding="utf-8")

    def _clock_settings(self) -> dict[str, float]:
        """Put the shared clock where the first city's buses begin, once the parts can be ready."""
        city = self.cities[0]
        lead_s = 0.0
        if city.positions is not None:
            lead_s = _LEAD_S + city.gtfs.stat().st_size / _LEAD_BYTES_PER_S
        return {
            "clock_origin_wall_s": self.clock.wall() + lead_s,
            "clock_origin_time_s": city.start_s,
            "clock_rate": self.options.speed,
        }

    # -- course -------------------------------------------------------------------------------

    def _course(
        self, stack: LocalStack, settings: Settings, supervisor: Supervisor
    ) -> dict[str, Any]:
        self._orderly = True
        self.say("starting ingest, ticketing, engine, API and desk")
        supervisor.start(Part("broker-sync", ["broker-sync"]))
        for number in range(self.options.workers):
            supervisor.start(Part(f"ingest-{number}", ["ingest", "--worker", str(number)]))
        supervisor.start(Part("ticketing-0", ["ticketing", "run", "--worker", "0"]))
        for city in self.cities:
            supervisor.start(
                Part(f"engine-{city.agency_id}", ["engine", "--agency", city.agency_id])
            )
        supervisor.start(Part("api", ["api"]))
        supervisor.start(Part("desk", ["desk"]))
        self._until_ready(settings, supervisor)
        wait_s = settings.clock_origin_wall_s - self.clock.wall()
        if wait_s > 0:
            self.say(f"the recording begins in {wait_s:.0f} s")
        for city in self.cities:
            supervisor.start(self._driver(city))
        observers = [self._observer(settings, city) for city in self.cities]
        try:
            for observer in observers:
                observer.start()
            self.say("")
            self.say(urls_table(settings, self.cities))
            self.say(people_table(self._password))
            if self._finance:
                self.say(finance_table(self._finance))
            self._watch(stack, supervisor, max(0.0, wait_s))
            state = [
                (in_service(self._folder(city) / "truth"), observer.seen)
                for city, observer in zip(self.cities, observers, strict=True)
            ]
            services = [(ids, set(seen.vehicles), set(seen.trip_vehicles)) for ids, seen in state]
            ended_s = self.clock.wall()
            self.say("stopping the buses; waiting for their last acknowledgements")
            names = [f"buses-{city.agency_id}" for city in self.cities]
            supervisor.stop(*names, patience_s=_DRAIN_PATIENCE_S)
        finally:
            for observer in observers:
                observer.stop()
        self._orderly = False
        report = self._judge(settings, observers, services, ended_s)
        report["restarts"] = dict(supervisor.restarts)
        return report

    def _watch(self, stack: LocalStack, supervisor: Supervisor, lead_s: float) -> None:
        """Keep everything running until the time is over or somebody interrupts."""
        end_s = float("inf")
        if self.options.minutes is not None:
            end_s = self.clock.monotonic() + lead_s + self.options.minutes * 60.0
        while self.clock.monotonic() < end_s and not self.interrupted.wait(_POLL_S):
            for sentence in supervisor.poll():
                self.say(sentence)
            for name, service in (("PostgreSQL", stack.postgres), ("Mosquitto", stack.broker)):
                if not service.running:
                    self.say(f"{name} ended and is started again")
                    supervisor.restarts[name] += 1
                    service.start()

    def _until_ready(self, settings: Settings, supervisor: Supervisor) -> None:
        deadline = self.clock.monotonic() + _READY_TIMEOUT_S
        while not _answers(settings, "/readyz"):
            for part in supervisor.parts:
                supervisor.check_started(part)
            if self.interrupted.wait(_POLL_S):
                raise Unavailable("interrupted while starting", code="interrupted")
            if self.clock.monotonic() > deadline:
                tails = "\n".join(supervisor.log_tail(part) for part in supervisor.parts)
                raise Unavailable(f"the API is not ready:\n{tails}", code="not_ready")

    def _driver(self, city: DemoCity) -> Part:
        """Make the part that speaks for the city's devices."""
        folder = self._folder(city)
        shared = [
            "--agency", city.agency_id,
            "--gtfs", str(city.gtfs),
            "--credentials", str(folder / "credentials.csv"),
            "--truth", str(folder / "truth"),
            "--seed", str(self.options.seed),
        ]  # fmt: skip
        if city.positions is None:
            arguments = ["simulate", *shared, "--buses", str(len(city.vehicle_ids))]
            arguments += ["--incidents"] if self.options.incidents else []
            arguments += ["--validators", str(validators_path(folder)), "--cards", str(CARDS)]
        else:
            arguments = ["replay", *shared, "--positions", str(city.positions)]
        return Part(f"buses-{city.agency_id}", arguments, ends=True)

    def _observer(self, settings: Settings, city: DemoCity) -> Observer:
        return Observer(
            settings.http_host,
            settings.http_port,
            city.agency_id,
            self._folder(city) / "samples",
            self.clock,
        )

    # -- judge --------------------------------------------------------------------------------

    def _judge(
        self,
        settings: Settings,
        observers: Sequence[Observer],
        services: Sequence[tuple[set[str], set[str], set[str]]],
        ended_s: float,
    ) -> dict[str, Any]:
        self.say("comparing what was published with what is stored")
        truths = [self._folder(city) / "truth" for city in self.cities]
        conninfo = settings.database_url.get_secret_value()
        begun = dt.datetime.fromtimestamp(settings.clock_origin_time_s, dt.UTC) - _BEFORE
        report = compare_stored(conninfo, truths, begun) | judge_ticketing(conninfo)
        for one in self._finance:
            for name, count in one.counts.items():
                report[name] -= count
        if self._finance:
            report["finance_day"] = {one.agency_id: one.report for one in self._finance}
        latencies: list[float] = []
        unseen = 0
        for truth, observer in zip(truths, observers, strict=True):
            found, missing = publish_to_feed_s(truth, observer.seen, ended_s, settings.clock())
            latencies += found
            unseen += missing
        report |= {
            "in_service_vehicles": sum(len(ids) for ids, _, _ in services),
            "vehicles_in_feed": sum(len(ids & seen) for ids, seen, _ in services),
            "trip_updates": sum(len(ids & trips) for ids, _, trips in services),
            "publish_to_feed_s_p50": percentile(latencies, 0.50),
            "publish_to_feed_s_p99": percentile(latencies, 0.99),
            "newest_fixes": len(latencies) + unseen,
            "newest_fixes_unseen": unseen,
            "ticks": sum(observer.seen.ticks for observer in observers),
            "feed_errors": sum(observer.seen.errors for observer in observers),
        }
        if self.options.validate:
            report |= self._validate(observers)
        return report

    def _validate(self, observers: Sequence[Observer]) -> dict[str, Any]:
        errors: dict[str, int] = {}
        for city, observer in zip(self.cities, observers, strict=True):
            self.say(f"{city.agency_id}: validating {observer.seen.samples} sampled ticks")
            samples = self._folder(city) / "samples"
            if samples.is_dir():
                for code, count in validate_samples(city.gtfs, samples).items():
                    errors[code] = errors.get(code, 0) + count
        return {
            "validator_errors": sum(errors.values()),
            "validator_errors_by_rule": errors,
            "validated_ticks": sum(observer.seen.samples for observer in observers),
        }

    def _folder(self, city: DemoCity) -> Path:
        return self.directory / "run" / city.agency_id


def _answers(settings: Settings, path: str) -> bool:
    connection = http.client.HTTPConnection(settings.http_host, settings.http_port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def urls_table(settings: Settings, cities: Sequence[DemoCity]) -> str:
    """Give the places to look at, one a line."""
    base = f"http://{settings.http_host}:{settings.http_port}"
    rows = [("live page", f"{base}/")]
    for city in cities:
        prefix = f"{base}/{city.agency_id}"
        rows += [
            (f"{city.agency_id}", f"{prefix}/"),
            ("  vehicle positions", f"{prefix}/gtfs-rt/vehicle-positions.pb (.json)"),
            ("  trip updates", f"{prefix}/gtfs-rt/trip-updates.pb (.json)"),
            ("  alerts", f"{prefix}/gtfs-rt/alerts.pb (.json)"),
            ("  timetable", f"{prefix}/gtfs.zip"),
        ]
    rows += [
        ("health", f"{base}/healthz  {base}/readyz  {base}/metrics"),
        ("broker", f"mqtt://{settings.device_broker_host}:{settings.device_broker_port}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {url}" for name, url in rows)
