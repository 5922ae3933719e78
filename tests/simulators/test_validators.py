"""Validators on simulated buses over a real broker: whoever gets on taps, and the truth says so."""

import asyncio
import csv
from collections import Counter, defaultdict
from dataclasses import replace

import msgspec
import pytest
from nacl.signing import VerifyKey

from sapar.contract.messages import ShiftReport
from sapar.contract.seal import canonical_bytes, canonical_shift, decode_seal, ed25519_holds
from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.errors import BadInput
from sapar.simulators.device import Credentials
from sapar.simulators.faults import FaultRates
from sapar.simulators.fleet_run import FleetSettings, simulate
from sapar.simulators.population import make_population
from sapar.simulators.taps_faults import EXPECTED, TapFaults
from sapar.simulators.taps_seal import make_ed25519_key
from sapar.simulators.truth import PUBLISHED_COLUMNS, TruthWriter
from sapar.simulators.validators import TAP_COLUMNS, ValidatorSettings
from sapar.simulators.validators_file import read_totals, read_validators, write_validators
from sapar.simulators.validators_riders import Riders
from tests.simulators.acknowledger import PASSWORD, acknowledger, admit
from tests.simulators.network import at, network

BUSES = 8
FARES = {"adult": ("single", 8000), "pupil": ("single", 4000)}
TOTALS = (1_000, 5_000_000)
FAULTS = TapFaults(0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.04, 0.5, 4.0, 4.0)


def credentials(kind):
    return [Credentials(f"{kind}-{n}", PASSWORD, f"bus-{n}") for n in range(BUSES)]


async def test_every_tap_is_published_and_told(broker, tmp_path):
    trackers, validators = credentials("tracker"), credentials("validator")
    admit(broker, "sim-taps", [one.device_id for one in (*trackers, *validators)])
    keys = {one.device_id: make_ed25519_key(1, one.device_id) for one in validators}
    people = make_population(3000, len(network().routes.ids), seed=5)
    aboard = ValidatorSettings(
        validators, keys, people, FAULTS, FARES, shift_s=600.0,
        totals={one.device_id: TOTALS for one in validators},
    )  # fmt: skip
    options = FleetSettings(
        "sim-taps",
        ("127.0.0.1", broker.device_port),
        buses=BUSES,
        seed=5,
        faults=replace(FaultRates.none(), offline_per_hour=20.0),
        duration_s=1800.0,
    )
    clock = ScaledClock(SystemClock().wall(), at(8), 150.0)
    async with acknowledger(broker, "sim-taps") as server:
        with TruthWriter(tmp_path) as truth:
            summary = await simulate(
                network(), options, trackers, truth, clock, asyncio.Event(), aboard
            )
    assert summary["unacknowledged"] == 0
    rows = read(tmp_path / "taps.csv", TAP_COLUMNS)
    told = {identity(row) for row in rows if row["fault"] != "lost"}
    arrived = {(key[0], key[2], key[3]) for key in server.times if key[1] == "tap"}
    assert arrived == told
    assert len(told) > 60
    published = read(tmp_path / "published.csv", PUBLISHED_COLUMNS)
    expected = {
        (identity(row), row["variant"]): row["expected"] for row in rows if row["fault"] != "lost"
    }
    assert expected == {
        (identity(row), row["variant"]): row["expected"]
        for row in published
        if row["kind"] == "tap"
    }
    reports = {key for key in server.records if key[1] == "event"}
    assert reports == {
        (row["device_id"], "event", int(row["epoch"]), int(row["seq"]))
        for row in published
        if row["kind"] == "event"
    }
    faults = Counter(row["fault"] for row in rows)
    assert {"forged", "unsigned", "denied", "conflict"} <= set(faults)
    check_rows(rows)
    check_seals(rows, server, keys)
    check_shifts(rows, server, keys)


def read(path, columns):
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == columns.split(",")
    return rows


def identity(row):
    return (row["device_id"], int(row["epoch"]), int(row["seq"]))


def check_rows(rows):
    """Numbers are used once, gaps are what was lost, and what is expected follows from the fault."""
    seqs = defaultdict(list)
    for row in rows:
        if row["variant"] == "0":
            seqs[row["device_id"], row["epoch"]].append(int(row["seq"]))
        if row["fault"] != "lost":
            harmless = row["fault"] == "conflict" and row["variant"] == "0"
            code = "stored" if harmless else EXPECTED.get(row["fault"], "stored")
            assert row["expected"] == code
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())
    assert any(int(epoch) % 100_000 for _, epoch in seqs)


def check_seals(rows, server, keys):
    bad = {identity(row) for row in rows if row["fault"] in {"forged", "stranger", "unsigned"}}
    for (device, kind, epoch, seq), tap in server.records.items():
        if kind == "tap":
            good = tap.signature is not None and ed25519_holds(
                canonical_bytes("sim-taps", device, tap),
                decode_seal(tap.signature) or b"",
                VerifyKey(keys[device].public_key),
            )
            assert good == ((device, epoch, seq) not in bad)


def check_shifts(rows, server, keys):
    """Every number stands in one sealed report, which counts what the truth says was taken."""
    made = {identity(row): row for row in rows if row["variant"] == "0"}
    reports = [
        (device, record.time_ms, msgspec.convert(record.data, ShiftReport))
        for (device, kind, _, _), record in server.records.items()
        if kind == "event" and record.kind == "shift_report"
    ]
    covered, checked = [], 0
    for device, time_ms, report in reports:
        canonical = canonical_shift("sim-taps", device, time_ms, report)
        key = VerifyKey(keys[device].public_key)
        assert ed25519_holds(canonical, decode_seal(report.signature or "") or b"", key)
        if report.first_seq is None or report.last_seq is None:
            continue
        numbers = [
            (device, report.epoch, seq) for seq in range(report.first_seq, report.last_seq + 1)
        ]
        covered += numbers
        assert report.denied + sum(one.taps for one in report.products) == len(numbers)
        of_shift = [made[one] for one in numbers]
        if any(row["fault"] == "lost" for row in of_shift):
            continue  # the truth does not say whether it would have been denied
        assert report.denied == sum(row["fault"] == "denied" for row in of_shift)
        taken: Counter[str | None] = Counter()
        for row in of_shift:
            product, fare = FARES.get(row["category"], (None, 0))
            riders = int(row["riders"]) - (row["fault"] == "forged")  # one more since the seal
            taken[product] += fare * riders * (row["fault"] != "denied")
        counted = {one.product_id: one.sum_tiyn for one in report.products}
        assert +Counter(counted) == +taken
        checked += 1
    firsts = {device: (report.epoch, report.shift_no) for device, _, report in reports}
    for device, _, report in reports:
        firsts[device] = min(firsts[device], (report.epoch, report.shift_no))
    for device, _, report in reports:
        if (report.epoch, report.shift_no) == firsts[device]:
            own = sum(one.taps for one in report.products)
            assert (report.total_taps - own) == TOTALS[0]
    assert sorted(covered) == sorted(made)
    assert len(reports) > 2 * BUSES
    assert checked > BUSES


async def test_every_bus_needs_a_validator(broker, tmp_path):
    trackers = credentials("tracker")
    aboard = ValidatorSettings(credentials("validator")[:3], {}, make_population(10, 4, 1))
    options = FleetSettings("sim-few", ("127.0.0.1", broker.device_port), buses=BUSES, seed=1)
    clock = ScaledClock(SystemClock().wall(), at(8), 1.0)
    with TruthWriter(tmp_path) as truth, pytest.raises(BadInput, match="validators"):
        await simulate(network(), options, trackers, truth, clock, asyncio.Event(), aboard)


def test_riders_rest_between_rides_and_change_lines():
    people = make_population(4000, 3, seed=2)
    riders = Riders(people, 3, seed=2)
    last: dict[int, tuple[int, int]] = {}
    changed = 0
    for minute in range(120):
        for line in range(3):
            for card, number in riders.board(line, 3, minute * 60.0):
                assert line in {people.first_line[card], people.second_line[card]}
                assert 1 <= number <= 3
                if card in last and minute - last[card][0] < 25:
                    assert line != last[card][1]
                    changed += 1
                last[card] = (minute, line)
    assert changed > 10
    first = riders.next_counter(7)
    assert riders.next_counter(7) == first + 1


def test_the_validators_file_reads_back(tmp_path):
    path = tmp_path / "validators.csv"
    who = credentials("validator")
    keys = {one.device_id: make_ed25519_key(1, one.device_id) for one in who}
    write_validators(path, who, keys)
    assert read_validators(path) == (who, keys)
    assert set(read_totals(path).values()) == {(0, 0)}
    write_validators(path, who, keys, {who[2].device_id: (71, 568_000)})
    assert read_validators(path) == (who, keys)
    assert {name: total for name, total in read_totals(path).items() if total != (0, 0)} == {
        who[2].device_id: (71, 568_000)
    }
    path.write_text("device_id,password\na,b\n", encoding="utf-8")
    assert read_totals(path) == {"a": (0, 0)}
    with pytest.raises(BadInput, match="cannot read validators"):
        read_validators(path)
    path.write_text(path.read_text().splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match="lists no validator"):
        read_validators(path)
