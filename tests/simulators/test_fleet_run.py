"""A whole simulated fleet over a real broker: the truth files agree with what arrived."""

import asyncio
import csv
import json
from dataclasses import replace

import pytest

from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.errors import BadInput
from sapar.simulators.device import Credentials
from sapar.simulators.faults import FaultRates
from sapar.simulators.fleet_run import FleetSettings, simulate
from sapar.simulators.swarm import SwarmOptions, read_credentials
from sapar.simulators.truth import PUBLISHED_COLUMNS, STORED, TRUTH_COLUMNS, TruthWriter
from tests.simulators.acknowledger import PASSWORD, acknowledger, admit, until
from tests.simulators.network import at, network

FAULTS = replace(FaultRates(), offline_per_hour=20.0, duplicate=0.05, conflict=0.01)


async def test_what_the_truth_says_was_published_is_what_arrived(broker, tmp_path):
    who = [Credentials(f"t{n}", PASSWORD, f"bus-{n}") for n in range(12)]
    admit(broker, "sim-a", [one.device_id for one in who])
    clock = ScaledClock(SystemClock().wall(), at(10), 20.0)
    options = FleetSettings(
        "sim-a",
        ("127.0.0.1", broker.device_port),
        buses=12,
        seed=2,
        faults=FAULTS,
        duration_s=120.0,
    )
    async with acknowledger(broker, "sim-a") as server:
        with TruthWriter(tmp_path) as truth:
            summary = await simulate(network(), options, who, truth, clock, asyncio.Event())
    with (tmp_path / "published.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == PUBLISHED_COLUMNS.split(",")
    readable = {
        (row["device_id"], row["kind"], int(row["epoch"]), int(row["seq"]))
        for row in rows
        if row["expected"] not in {"decode_error", "missing_field"}
    }
    assert set(server.times) == readable
    identities = [(r["device_id"], r["kind"], r["seq"], r["variant"]) for r in rows]
    assert len(set(identities)) == len(rows) == summary["published"]
    assert sum(r["expected"] == STORED for r in rows) == summary["published_valid"]
    assert summary["unacknowledged"] == 0
    assert summary["finished"] is True
    assert summary["vehicles"] == 12
    assert 10 <= len(summary["in_service"]) <= 12
    assert summary["faults"]["duplicate"] > 0
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    _check_live(rows)
    with (tmp_path / "truth.csv").open(newline="") as handle:
        truth_rows = list(csv.DictReader(handle))
    assert list(truth_rows[0]) == TRUTH_COLUMNS.split(",")
    assert {row["vehicle_id"] for row in truth_rows} == {f"bus-{n}" for n in range(12)}
    trips = network().trips.index
    assert all(row["trip_id"] in trips for row in truth_rows)


def _check_live(rows) -> None:
    """A live fix is newer than everything good that its vehicle published before."""
    newest: dict[str, int] = {}
    for row in rows:
        if row["kind"] != "gps" or row["expected"] != STORED:
            assert row["live"] == "0"
            continue
        if row["live"] == "1":
            if row["variant"] == "0":
                assert int(row["time_ms"]) > newest.get(row["vehicle_id"], 0)
            newest[row["vehicle_id"]] = int(row["time_ms"])
    assert len(newest) == 12


async def test_asked_to_stop_it_drains_and_ends(broker, tmp_path):
    who = [Credentials(f"t{n}", PASSWORD, f"bus-{n}") for n in range(6)]
    admit(broker, "sim-b", [one.device_id for one in who])
    clock = ScaledClock(SystemClock().wall(), at(10), 5.0)
    options = FleetSettings(
        "sim-b",
        ("127.0.0.1", broker.device_port),
        buses=6,
        seed=2,
        swarm=SwarmOptions(plain_share=0.5),
    )
    stop = asyncio.Event()
    async with acknowledger(broker, "sim-b") as server, asyncio.TaskGroup() as group:

        async def stop_when_all_have_spoken() -> None:
            await until(lambda: len(server.times) > 12)
            stop.set()

        with TruthWriter(tmp_path) as truth:
            group.create_task(stop_when_all_have_spoken())
            async with asyncio.timeout(120):
                summary = await simulate(network(), options, who, truth, clock, stop)
    assert summary["unacknowledged"] == 0
    assert summary["published"] > 12
    assert set(summary["plain_devices"]) < {one.device_id for one in who}
    assert summary["plain_devices"]


async def test_too_few_devices_are_refused(tmp_path):
    options = FleetSettings("sim-c", ("127.0.0.1", 1), buses=6, seed=2)
    clock = ScaledClock(SystemClock().wall(), at(10), 5.0)
    with TruthWriter(tmp_path) as truth, pytest.raises(BadInput) as refusal:
        await simulate(
            network(), options, [Credentials("t", "x", "1")], truth, clock, asyncio.Event()
        )
    assert refusal.value.code == "few_devices"


def test_credentials_are_read_from_a_file(tmp_path):
    path = tmp_path / "credentials.csv"
    path.write_text("device_id,password,vehicle_id\nd1,p1,022\n")
    assert read_credentials(path) == [Credentials("d1", "p1", "022")]
    for text in ("device_id,vehicle_id\nd1,1\n", "device_id,password,vehicle_id\n"):
        path.write_text(text)
        with pytest.raises(BadInput):
            read_credentials(path)
    with pytest.raises(BadInput):
        read_credentials(tmp_path / "absent.csv")
