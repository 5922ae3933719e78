"""OneBusAway's official client, npm's `onebusaway-sdk`, against a running instance, end to end."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from tests.api.arrivals.scene import add_run, at, bus, new_message
from tests.api.conftest import Instance
from tests.api.onebusaway import forms
from tests.api.onebusaway.conftest import Show

ROOT = Path(__file__).parents[3]
WEB = ROOT / "sapar" / "api" / "web"
NODE_PATH = ROOT / "scripts" / "node-path"
DRIVE = Path(__file__).parent / "drive.mjs"
NOW = at(10, 12)
DAY_MS = 1000 * at(0)

Step = tuple[Any, ...]


async def _drive(url: str, steps: list[Step]) -> list[dict[str, Any]]:
    assert (WEB / "node_modules" / "onebusaway-sdk").is_dir(), "make setup installs the client"
    found = subprocess.run([str(NODE_PATH)], capture_output=True, text=True, check=True)
    node = str(Path(found.stdout.strip()) / "node")
    process = await asyncio.create_subprocess_exec(
        node, str(DRIVE), str(WEB.resolve()), url, "TEST",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, _ = await process.communicate(json.dumps(steps).encode())
    assert process.returncode == 0
    return json.loads(out)


@pytest.fixture
def served(api: Instance, show: Show, agency: str, other: str) -> Instance:
    """An instance with a bus in each of two cities, on the same trip of the same ids."""
    for name, delay_s in ((agency, 60), (other, 240)):
        message = new_message(NOW)
        calls = [(6, "B", NOW + delay_s, NOW + delay_s), (11, "C", NOW + 600, NOW + 600)]
        add_run(message, "m1", calls, vehicle="7")
        add_run(message, "m2", (), relation=pb.TripDescriptor.CANCELED)
        show(message, buses=[bus("7", NOW - 4, "m1", route_id="R1")], of=name)
    return api


async def test_the_official_client_understands_every_answer(
    served: Instance, agency: str, other: str
) -> None:
    here = {"lat": 50.28, "lon": 57.16, "radius": 400}
    run = {"tripId": f"{other}_m1", "serviceDate": DAY_MS}
    steps: list[tuple[Step, forms.Form]] = [
        (("agenciesWithCoverage", "list"), forms.listed(forms.COVERAGE)),
        (("currentTime", "retrieve"), forms.entry(forms.TIME)),
        (("stopsForLocation", "list", here), forms.listed(forms.STOP, ranged=True)),
        (("routesForLocation", "list", here), forms.listed(forms.ROUTE, ranged=True)),
        (("stopsForRoute", "list", f"{agency}_R1"), forms.entry(forms.STOPS_OF_ROUTE)),
        (("arrivalAndDeparture", "list", f"{agency}_B"), forms.entry(forms.BOARD)),
        (("arrivalAndDeparture", "list", f"{other}_B"), forms.entry(forms.BOARD)),
        (("arrivalAndDeparture", "retrieve", f"{other}_B", run), forms.entry(forms.ARRIVAL)),
        (("tripDetails", "retrieve", f"{agency}_m1"), forms.entry(forms.TRIP_DETAILS)),
        (("tripForVehicle", "retrieve", f"{other}_7"), forms.entry(forms.TRIP_OF_VEHICLE)),
        (("searchForStop", "list", {"input": "хан"}), forms.listed(forms.STOP, ranged=True)),
        (("searchForRoute", "list", {"input": "1"}), forms.listed(forms.ROUTE, ranged=True)),
        (
            ("scheduleForStop", "retrieve", f"{agency}_B", {"date": "2026-11-18"}),
            forms.entry(forms.SCHEDULE_OF_STOP),
        ),
        (
            ("scheduleForRoute", "retrieve", f"{agency}_R1", {"date": "2026-11-18"}),
            forms.entry(forms.SCHEDULE_OF_ROUTE),
        ),
        (("vehiclesForAgency", "list", agency), forms.listed(forms.VEHICLE, ranged=True)),
        (("block", "retrieve", f"{agency}_b1"), forms.entry(forms.BLOCK)),
        (("shape", "retrieve", f"{agency}_line"), forms.entry(forms.POLYLINE)),
        (("reportProblemWithStop", "retrieve", f"{agency}_B", {"code": "other"}), {}),
    ]
    answers = await _drive(served.url, [step for step, _ in steps])
    for (step, form), got in zip(steps, answers, strict=True):
        assert "answer" in got, (step, got)
        assert got["answer"]["code"] == 200
        assert forms.differences(got["answer"]["data"], form) == [], step
    data = [got["answer"]["data"] for got in answers]
    assert {stop["id"] for stop in data[2]["list"]} == {f"{agency}_B", f"{other}_B"}
    expected = {}
    for number, name in ((5, agency), (6, other)):
        calls = data[number]["entry"]["arrivalsAndDepartures"]
        by_trip = {call["tripId"]: call for call in calls}
        expected[name] = by_trip[f"{name}_m1"]["predictedArrivalTime"]
        assert by_trip[f"{name}_m2"]["status"] == "CANCELED"
    assert expected == {agency: 1000 * (NOW + 60), other: 1000 * (NOW + 240)}
    assert data[7]["entry"]["predictedArrivalTime"] == expected[other]
    assert data[8]["entry"]["status"]["vehicleId"] == f"{agency}_7"
    assert data[9]["entry"]["tripId"] == f"{other}_m1"
    assert len(data[11]["list"]) == 2


async def test_the_official_client_is_told_what_is_wrong(served: Instance, agency: str) -> None:
    got = await _drive(
        served.url,
        [
            ("stop", "retrieve", f"{agency}_none"),
            ("stopsForLocation", "list", {"lat": 91, "lon": 0}),
            ("tripForVehicle", "retrieve", "nobody"),
        ],
    )
    assert [answer.get("status") for answer in got] == [404, 400, 404]
