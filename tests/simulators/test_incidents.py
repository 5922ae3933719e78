"""Planted incidents: every kind is there, on buses of its own, and does what it says."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sapar.cli.demo.cities import generated_city
from sapar.contract.messages import Event, Fix
from sapar.gtfs.timetable import Timetable, load_timetable
from sapar.simulators.faults import FaultRates
from sapar.simulators.fleet_run import FleetSettings, Ride
from sapar.simulators.incidents import COLUMNS, KINDS, Incidents

BUSES, SEED = 300, 1
Record = tuple[str, float, Any]


class Device:
    """Keeps what a device would send."""

    def __init__(self, vehicle_id: str, sent: list[Record]) -> None:
        self.credentials = SimpleNamespace(vehicle_id=vehicle_id)
        self.options = SimpleNamespace(encoding="json")
        self.epoch, self._seq, self._sent = 1, 0, sent

    def next_seq(self, _kind: str) -> int:
        self._seq += 1
        return self._seq

    def record(self, _kind: str, record: Any, _note: object) -> SimpleNamespace:
        self._sent.append((self.credentials.vehicle_id, record.time_ms / 1000, record))
        return SimpleNamespace(copies=1)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Timetable, float, tuple[str, ...]]:
    made = generated_city("aktobe", BUSES, SEED, date(2026, 3, 10), tmp_path_factory.mktemp("c"))
    return load_timetable(made.gtfs, "aktobe"), float(int(made.start_s)), made.vehicle_ids


def ride_of(
    city: tuple[Timetable, float, tuple[str, ...]], sent: list[Record], *, incidents: bool = True
) -> Ride:
    timetable, start_s, vehicles = city
    settings = FleetSettings(
        "aktobe", ("nowhere", 1), BUSES, SEED, incidents=incidents,
        faults=replace(FaultRates.none(), noise_m=(3.0, 8.0)),
    )  # fmt: skip
    devices: Any = [Device(vehicle, sent) for vehicle in vehicles]
    return Ride(timetable, settings, start_s, devices)


def test_every_kind_has_a_bus_and_nearly_a_route_of_its_own(city, tmp_path: Path):
    ride = ride_of(city, [])
    assert ride.incidents is not None
    planned = ride.incidents.planned
    assert {incident.kind for incident in planned} == set(KINDS)
    vehicles = [n for i in planned for n in (i.vehicle, i.other) if n >= 0]
    assert len(set(vehicles)) == len(vehicles)
    assert len({incident.route for incident in planned}) == len(planned)
    again = ride_of(city, []).incidents
    assert isinstance(again, Incidents)
    assert again.planned == planned
    ride.incidents.write(tmp_path, ride.vehicle_ids)
    lines = (tmp_path / "incidents.csv").read_text().splitlines()
    assert lines[0] == COLUMNS
    assert len(lines) == len(planned) + 1


def test_each_incident_shows_in_what_its_device_sends_and_others_send_as_ever(city):
    sent: list[Record] = []
    plain: list[Record] = []
    ride, other = ride_of(city, sent), ride_of(city, plain, incidents=False)
    for _ in range(10 * 260):
        ride.advance()
        other.advance()
    assert ride.incidents is not None
    found = {i.kind: i for i in ride.incidents.planned}
    who = {kind: ride.vehicle_ids[i.vehicle] for kind, i in found.items()}

    def fixes(kind: str, records: list[Record] = sent) -> list[Fix]:
        from_s = found[kind].from_s + 30
        return [r for v, t, r in records if v == who[kind] and isinstance(r, Fix) and t >= from_s]

    def events(kind: str) -> list[str]:
        return [r.kind for v, _, r in sent if v == who[kind] and isinstance(r, Event)]

    assert fixes("silent") == fixes("gps_off") == []
    assert events("silent").count("gps_lost") == 0
    assert events("gps_off").count("gps_lost") == 1
    assert events("panic").count("panic") == 1
    assert max(f.speed_mps or 0.0 for f in fixes("speeding")) > 21
    assert all(f.trip_id is f.route_id is f.block_id is None for f in fixes("not_signed_on"))
    wrong = {(f.trip_id, f.route_id) for f in fixes("wrong_sign_on")}
    assert len(wrong) == 1
    assert wrong.pop()[1] != city[0].routes.ids[found["wrong_sign_on"].route]
    apart = [
        np.hypot((a.latitude or 0) - (b.latitude or 0), (a.longitude or 0) - (b.longitude or 0))
        for a, b in zip(fixes("off_route"), fixes("off_route", plain), strict=False)
    ]
    assert np.median(apart) * 111_195 > 200
    assert not [r for v, _, r in sent if v == who["missing"] and isinstance(r, Fix)]
    assert len({(f.latitude, f.longitude) for f in fixes("late")}) > 1  # noise alone
    spread = np.ptp([f.latitude or 0.0 for f in fixes("late")]) * 111_195
    assert spread < 80
    involved = {n for i in found.values() for n in (i.vehicle, i.other) if n >= 0}
    calm = set(ride.vehicle_ids) - {ride.vehicle_ids[n] for n in involved}
    before_s = min(i.from_s for i in found.values() if i.kind != "missing")

    def early(records: list[Record]) -> list[tuple[str, float, float | None]]:
        return [
            (v, t, r.odometer_m)
            for v, t, r in records
            if isinstance(r, Fix) and v in calm and t < before_s
        ]

    assert early(sent) == early(plain)


class Reach:
    """A validator that may lose the network."""

    away = False

    def go_offline(self) -> None:
        self.away = True

    def go_online(self) -> None:
        self.away = False


def test_of_a_bus_that_is_planted_as_silent_no_device_is_heard(city):
    ride = ride_of(city, [])
    assert ride.incidents is not None
    silent = next(i for i in ride.incidents.planned if i.kind == "silent")
    short = replace(silent, from_s=ride.fleet.time_s + 5, until_s=ride.fleet.time_s + 10)
    ride.incidents.planned = [short]
    validators = [Reach() for _ in ride.vehicle_ids]
    aboard: Any = SimpleNamespace(devices=validators, observe=list)
    ride.validators = aboard
    seen = []
    for _ in range(15):
        for _ in range(10):
            ride.advance()
        seen.append([n for n, one in enumerate(validators) if one.away])
    assert seen == [[]] * 4 + [[silent.vehicle]] * 5 + [[]] * 6
