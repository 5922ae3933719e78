"""Every planted incident is on its list within 10 s, and nothing else of priority 1 or 2 is.

A generated city of 300 buses over a real broker, ingest, database and engine, some times faster
than life. When an alarm is due is worked out here from what the devices sent and the simulator's
truth, not from the engine.
"""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapar.cli.demo.cities import DemoCity, generated_city
from sapar.contract.codec import RecordDecoder
from sapar.contract.messages import Event, Fix
from sapar.contract.topics import find_up_topic, tick_topic, up_filter
from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.db import connect
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.service import own_client, run_engine
from sapar.gtfs.realtime.tick import CONSOLE, decode_tick
from sapar.gtfs.timetable import Timetable, load_timetable
from sapar.ingest.worker import forget_session, run_ingest
from sapar.simulators.device import Credentials
from sapar.simulators.faults import FaultRates
from sapar.simulators.fleet_run import FleetSettings, simulate
from sapar.simulators.plan import fleet_plan
from sapar.simulators.signon import SignOnMix
from sapar.simulators.truth import TruthWriter
from tests.acceptance.incident_rules import Seen, due, of_incident
from tests.simulators.acknowledger import PASSWORD, admit

AGENCY = "incidents"
BUSES, SEED = 300, 1
RATE = 4.0
LASTS_S = 1000.0
WITHIN_S = 10.0
EXACT = {"silent", "gps_off", "panic", "speeding", "not_signed_on", "missing"}
"""Kinds whose moment follows from what was sent; of the others the engine has an estimate."""

pytestmark = pytest.mark.timeout(600)


class PatientClock(ScaledClock):
    """Transit time that waits for the line: on a machine too slow for the rate it is slower.

    It is never more than `LAG_S` ahead of the newest fix and of the newest tick that came through,
    so what is measured against it is the line and not the load of the machine.
    """

    LAG_S = 8.0

    def __init__(self, start_s: float) -> None:
        super().__init__(SystemClock().wall(), start_s - 20.0, RATE)
        self._wall_s, self._time_s = self.wall(), start_s - 20.0
        self.fix_s = self.tick_s = start_s

    def time(self) -> float:
        wall_s = self.wall()
        passed_s = (wall_s - self._wall_s) * self.rate
        self._wall_s = wall_s
        bound_s = min(self.fix_s, self.tick_s) + self.LAG_S
        self._time_s = max(self._time_s, min(self._time_s + passed_s, bound_s))
        return self._time_s


@pytest.fixture
def city(tmp_path: Path) -> DemoCity:
    return generated_city("aktobe", BUSES, SEED, date(2026, 3, 10), tmp_path / "cities")


async def test_every_planted_incident_is_on_its_list(
    city: DemoCity, settings: Settings, broker, tmp_path: Path, record_property: Callable
):
    timetable = load_timetable(city.gtfs, AGENCY)
    own, clock = prepare(city, settings, broker)
    truth = tmp_path / "truth"
    seen = await play(city, timetable, own, clock, truth)
    incidents = read(truth / "incidents.csv")
    assert {i["kind"] for i in incidents} == {
        "late", "early", "off_route", "silent", "speeding", "not_signed_on", "wrong_sign_on",
        "gps_off", "panic", "bunched", "missing",
    }  # fmt: skip
    rows = read(truth / "truth.csv")
    late: dict[str, float] = {}
    for incident in incidents:
        due_s = due(incident, seen, rows, timetable)
        found = of_incident(incident, seen, after_s=float(incident["from_s"]))
        late[incident["kind"]] = np.inf if found is None else seen.first_s[found] - due_s
    gaps = [a for a in seen.alarms.values() if a["kind"] == "gap"]
    missing = next(i for i in incidents if i["kind"] == "missing")
    record_property("seconds after the rule was fulfilled, transit time", json.dumps(late))
    print("transit seconds after the rule was fulfilled:", late)
    slow = {kind: s for kind, s in late.items() if s > WITHIN_S}
    assert slow == {}
    # Told too early would be a rule that is not kept. That two buses are together is foreseen: the
    # headway is that at the next stop.
    bounds = dict.fromkeys(EXACT, -5.0) | {"bunched": -120.0}
    early = {kind: s for kind, s in late.items() if s < bounds.get(kind, -30.0)}
    assert early == {}
    assert any(gap["route_id"] == missing["route_id"] for gap in gaps), gaps
    stray = unexplained(seen, incidents, city, timetable)
    urgent = [a for a in seen.alarms.values() if a["priority"] <= 2]
    print(f"{len(urgent)} alarms of priority 1 and 2, {len(stray)} of them unexplained")
    assert stray == []
    stored = stored_alarms(settings)
    assert {a["key"] for a in urgent} <= stored


# -- the line -------------------------------------------------------------------------------------


def prepare(city: DemoCity, settings: Settings, broker) -> tuple[Settings, PatientClock]:
    clock = PatientClock(city.start_s)
    conninfo = settings.database_url.get_secret_value()
    with connect(conninfo, autocommit=True) as connection:
        checked = check_feed(city.gtfs, AGENCY)
        import_feed(connection, checked, activate=True, now=clock.now(), progress=lambda _: None)
        for vehicle in city.vehicle_ids:
            connection.execute(
                "WITH d AS (INSERT INTO device (agency_id, device_id, password_hash)"
                " VALUES (%s, %s, 'x') RETURNING device_no)"
                " INSERT INTO mounting SELECT device_no, %s, tstzrange('2020-01-01', NULL) FROM d",
                (AGENCY, f"t{vehicle}", vehicle),
            )
    admit(broker, AGENCY, [f"t{vehicle}" for vehicle in city.vehicle_ids])
    own = settings.model_copy(
        update={
            "agency": AGENCY,
            "tick_interval_s": 0.5,
            "nightly_in_engine": False,
        }
    )
    return own, clock


async def play(
    city: DemoCity, timetable: Timetable, own: Settings, clock: PatientClock, truth: Path
) -> Seen:
    """Run everything until the fleet has driven for `LASTS_S`."""
    seen = Seen()
    who = [Credentials(f"t{v}", PASSWORD, v) for v in city.vehicle_ids]
    fleet = FleetSettings(
        AGENCY,
        ("127.0.0.1", own.device_broker_port),
        buses=BUSES,
        seed=SEED,
        duration_s=LASTS_S,
        faults=replace(FaultRates.none(), noise_m=(3.0, 8.0)),
        mix=SignOnMix(trip=0.5, block=0.45, route=0.05, none=0.0),
        incidents=True,
    )
    parts: list[Coroutine[Any, Any, Any]] = [
        run_ingest(own, clock, Metrics()),
        run_engine(own, clock, Metrics(), AGENCY),
        listen(own, seen, clock),
    ]
    async with running(parts), writer_of(truth) as writer:
        while clock.time() < city.start_s:
            await asyncio.sleep(0.1)
        await simulate(timetable, fleet, who, writer, clock, asyncio.Event())
    await forget_session(own)
    return seen


@asynccontextmanager
async def running(parts: list[Coroutine[Any, Any, Any]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def writer_of(folder: Path) -> AsyncIterator[TruthWriter]:
    with TruthWriter(folder) as writer:
        yield writer


async def listen(own: Settings, seen: Seen, clock: PatientClock) -> None:
    fixes, events = RecordDecoder(Fix), RecordDecoder(Event)
    async with own_client(own, "test-incidents") as client:
        for topic in (up_filter("gps", AGENCY), up_filter("event", AGENCY), tick_topic(AGENCY)):
            await client.subscribe(topic, 0)
        while True:
            for message in await client.read():
                said = find_up_topic(message.topic)
                if said is None:
                    clock.tick_s = max(clock.tick_s, take_tick(seen, message.payload))
                    continue
                vehicle = said.device_id[1:]
                if said.kind == "gps":
                    sent = [f for f in fixes.decode(message.payload) if isinstance(f, Fix)]
                    seen.fixes[vehicle] += sent
                    clock.fix_s = max([clock.fix_s, *(f.time_ms / 1000 for f in sent)])
                for event in events.decode(message.payload) if said.kind == "event" else []:
                    if isinstance(event, Event):
                        seen.events.setdefault((vehicle, event.kind), event.time_ms / 1000)


def take_tick(seen: Seen, payload: bytes) -> float:
    tick = decode_tick(payload)
    body = json.loads(tick.bodies[CONSOLE].plain())
    for alarm in body["alarms"]:
        seen.first_s.setdefault(alarm["key"], tick.time_s)
        seen.alarms[alarm["key"]] = alarm
    for bus in body["buses"]:
        if bus["plan_headway_s"] is not None:
            seen.plan_s[bus["id"]] = bus["plan_headway_s"]
    return tick.time_s


def stored_alarms(settings: Settings) -> set[str]:
    with connect(settings.database_url.get_secret_value()) as connection:
        return {row[0] for row in connection.execute("SELECT key FROM alarm").fetchall()}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


# -- what is right ----------------------------------------------------------------------------------


def unexplained(
    seen: Seen, incidents: list[dict[str, str]], city: DemoCity, timetable: Timetable
) -> list[dict[str, Any]]:
    """Alarms of priority 1 and 2 that no incident, and no run that nobody drives, accounts for."""
    involved = {i[name] for i in incidents for name in ("vehicle_id", "other_vehicle_id")} - {""}
    plan = fleet_plan(timetable, float(int(city.start_s)), BUSES, SEED)
    absent = {i["vehicle_id"] for i in incidents if i["kind"] == "missing"}
    driven = {
        timetable.trips.ids[run.trip_idx]
        for vehicle, duties in zip(city.vehicle_ids, plan.vehicles, strict=True)
        if vehicle not in absent
        for duty in duties
        for run in duty.runs
    }
    empty_routes = {
        timetable.routes.ids[timetable.trips.route_idx[timetable.trips.index[a["trip_id"]]]]
        for a in seen.alarms.values()
        if a["kind"] == "no_vehicle" and a["trip_id"] not in driven
    }
    stray = []
    for alarm in seen.alarms.values():
        known = alarm["vehicle_id"] in involved or alarm["values"].get("ahead") in involved
        if alarm["kind"] == "no_vehicle":
            known = known or alarm["trip_id"] not in driven
        if alarm["kind"] == "gap":
            known = known or alarm["route_id"] in empty_routes
        if alarm["priority"] <= 2 and not known:
            stray.append(alarm)
    return stray
