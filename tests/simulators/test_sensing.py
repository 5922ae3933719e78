"""Records with faults: what is planted is refused with the code it was planted for."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sapar.contract.checks import RULES_BY_KIND, Area, CheckContext, find_refusal
from sapar.contract.codec import Undecodable, decoder_for
from sapar.contract.messages import Fix
from sapar.core.clock import ManualClock
from sapar.core.errors import BadInput
from sapar.core.geometry import distance_m
from sapar.simulators.device import Credentials
from sapar.simulators.faults import PLANTED, FaultRates
from sapar.simulators.fleet_run import FleetSettings, Ride
from sapar.simulators.outbox import Entry, join
from sapar.simulators.replay import timetable_area
from sapar.simulators.signon import SignOnMix
from sapar.simulators.swarm import SwarmOptions, make_devices
from sapar.simulators.truth import STORED, Note
from tests.simulators.network import at, network

OFTEN: dict[str, Any] = dict.fromkeys(
    (*PLANTED, "jump", "duplicate", "conflict", "gap", "wrong_sign_on"), 0.02
)
MANY = replace(
    FaultRates(),
    **OFTEN,
    power_on_absurd=0.3,
)


def make_ride(rates: FaultRates, *, agency: str = "city", seed: int = 4, mix=None) -> Ride:
    settings = FleetSettings(
        agency, ("127.0.0.1", 1), buses=12, seed=seed, faults=rates, mix=mix or SignOnMix()
    )
    who = [Credentials(f"d{n}", "secret", f"bus-{n}") for n in range(12)]
    devices = make_devices(
        settings.address,
        agency,
        who,
        clock=ManualClock(at(10)),
        seed=seed,
        options=SwarmOptions(msgpack_share=0.5),
    )
    return Ride(network(), settings, at(10), devices, slices=5)


def drive(ride: Ride, seconds: int) -> list[str]:
    return [row for _ in range(seconds * 5) for row in ride.advance()]


def entries(ride: Ride):
    return [(device, entry) for device in ride.devices for entry in device.outbox]


def read_fix(entry: Entry) -> Fix:
    fix = decoder_for("gps").decode(entry.payload)[0]
    assert isinstance(fix, Fix)
    return fix


def verdicts(device, entry, area: Area, now_s: float) -> list[str]:
    """What the contract says of an entry's records."""
    payload = entry.payload
    if entry.records > 1:
        payload = join([payload], device.options.encoding, entry.records)
    context = CheckContext(round(now_s * 1000), area, 300_000, 90 * 86_400_000)
    found = []
    for record in decoder_for(entry.kind).decode(payload):
        if isinstance(record, Undecodable):
            found.append(record.code)
            continue
        refusal = find_refusal(record, RULES_BY_KIND[entry.kind], context)
        found.append(STORED if refusal is None else refusal.code)
    return found


def test_every_record_has_the_verdict_that_the_truth_says():
    ride = make_ride(MANY)
    drive(ride, 900)
    area = timetable_area(network())
    seen: Counter[str] = Counter()
    for device, entry in entries(ride):
        assert isinstance(entry.note, Note)
        found = verdicts(device, entry, area, ride.fleet.time_s)
        assert found == [entry.note.expected] * entry.note.variants
        seen[entry.note.expected] += 1
    assert set(seen) == {STORED, *PLANTED}
    for name in PLANTED:
        assert ride.faults.counts[name] == seen[name]


def test_without_faults_every_fix_is_good_and_lies_where_the_bus_is():
    ride = make_ride(FaultRates.none())
    drive(ride, 60)
    assert {entry.note.fault for _, entry in entries(ride)} == {""}
    last = ride.fleet.look(np.arange(ride.fleet.count, dtype=np.int32))
    for number, device in enumerate(ride.devices):
        fixes = [e for e in device.outbox if e.kind == "gps"]
        fix = read_fix(fixes[-1])
        assert fix.latitude is not None
        assert fix.longitude is not None
        away = distance_m(
            fix.latitude, fix.longitude, last.latitude[number], last.longitude[number]
        )
        assert away < 17.0 * 5 + 1
        assert 11 <= len(fixes) <= 13


def test_each_number_is_used_once_and_rises():
    ride = make_ride(MANY)
    drive(ride, 120)
    for device in ride.devices:
        for kind in ("gps", "event", "shift"):
            seqs = sorted(e.seq for e in device.outbox if e.kind == kind)
            assert seqs == list(range(1, len(seqs) + 1))


def test_the_same_seed_gives_the_same_truth_and_the_same_bytes():
    def run(seed: int) -> tuple[list[str], list[bytes]]:
        ride = make_ride(MANY, seed=seed)
        return drive(ride, 120), [entry.payload for _, entry in entries(ride)]

    assert run(4) == run(4)
    assert run(4) != run(5)


def test_faults_do_not_change_where_the_buses_drive():
    assert drive(make_ride(MANY), 120) == drive(make_ride(FaultRates.none()), 120)


def test_two_agencies_with_the_same_vehicles_never_send_the_same_bytes():
    one, other = make_ride(MANY, agency="one"), make_ride(MANY, agency="two")
    assert drive(one, 60) == drive(other, 60)
    payloads = [[entry.payload for _, entry in entries(ride)] for ride in (one, other)]
    assert not set(payloads[0]) & set(payloads[1])


def test_sign_ons_follow_the_mix_and_name_what_the_bus_drives():
    timetable = network()
    ride = make_ride(FaultRates.none(), mix=SignOnMix(trip=1, block=0, route=0, none=0))
    drive(ride, 6)
    for number, device in enumerate(ride.devices):
        fix = read_fix(next(e for e in device.outbox if e.kind == "gps"))
        run = ride.fleet.find_run(int(ride.fleet.run[number]))
        assert run is not None
        assert fix.trip_id == timetable.trips.ids[run.trip_idx]
        assert fix.block_id is None
    silent = make_ride(FaultRates.none(), mix=SignOnMix(trip=0, block=0, route=0, none=1))
    drive(silent, 6)
    for device in silent.devices:
        fix = read_fix(next(e for e in device.outbox if e.kind == "gps"))
        assert (fix.trip_id, fix.route_id, fix.block_id) == (None, None, None)


def test_a_mix_is_read_from_text():
    assert SignOnMix.parse("trip=0.5, none=0.5") == SignOnMix(0.5, 0.0, 0.0, 0.5)
    for wrong in ("trip=0.5", "bus=1", "trip=x", "trip=2,none=-1", ""):
        with pytest.raises(BadInput):
            SignOnMix.parse(wrong)


def test_offline_spells_begin_and_end():
    ride = make_ride(replace(FaultRates.none(), offline_per_hour=60.0, offline_s=(20.0, 40.0)))
    away = []
    for _ in range(300):
        drive(ride, 1)
        away.append(sum(not device.in_reach for device in ride.devices))
    assert max(away) > 2
    assert min(away[30:]) < max(away)
    assert ride.faults.counts["offline"] > 20
