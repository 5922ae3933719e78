"""A running `sapar demo` as a dispatcher meets it: over HTTP, in its feeds, and with its truth."""

import asyncio
import csv
import json
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.transit import gtfs_realtime_pb2 as pb

from sapar.api.access.guard import CSRF_HEADER
from sapar.deploy.native import state_directory
from sapar.gtfs.timetable import Timetable, load_timetable
from tests.acceptance.incident_rules import SHOWN_AS
from tests.acceptance.test_demo import start

Json = dict[str, Any]
Incident = dict[str, str]
See = Callable[[Incident, Json], Awaitable[None]]
ENDS_WITHIN_S = 300


@dataclass
class ControlRoom:
    """A demo with planted incidents.

    Attributes:
        process: what `sapar demo` runs as; url, password: as it told them.
        folder: of the demo's data; http: a client, signed in as a dispatcher.
    """

    process: subprocess.Popen[str]
    url: str
    password: str
    folder: Path
    http: httpx.AsyncClient

    async def sign_in(self) -> None:
        """Sign in, as a person does."""
        asked = {"name": "aigerim", "password": self.password}
        answer = await self.http.post("/api/session", json=asked)
        assert answer.status_code == 200, answer.text
        self.http.headers[CSRF_HEADER] = answer.json()["csrf"]

    async def get(self, path: str) -> Json:
        """Ask for something."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        found: Json = answer.json()
        return found

    async def post(self, path: str, body: Json) -> Json:
        """Do something."""
        answer = await self.http.post(path, json=body)
        assert answer.status_code in {200, 201}, (path, answer.text)
        done: Json = answer.json()
        return done

    async def feed(self, name: str) -> pb.FeedMessage:
        """Give a feed as the public gets it."""
        return pb.FeedMessage.FromString((await self.http.get(f"/gtfs-rt/{name}.pb")).content)

    async def ticks_until(self, name: str, holds: Callable[[pb.FeedMessage], bool]) -> int:
        """Wait until a feed is as it should be; give how many newer ones that took, at most 20."""
        seen: list[int] = []
        while len(seen) <= 20:
            feed = await self.feed(name)
            if not seen or feed.header.timestamp != seen[-1]:
                seen.append(feed.header.timestamp)
            if holds(feed):
                break
            await asyncio.sleep(0.1)
        return len(seen) - 1

    async def fleet(self) -> list[Json]:
        """List the vehicles as pages get them."""
        vehicles: list[Json] = (await self.get("/api/fleet.json"))["vehicles"]
        return vehicles

    async def incidents(self) -> list[Incident]:
        """Give what is planted, once the buses have begun."""
        path = self.folder / "run" / "aktobe" / "truth" / "incidents.csv"
        async with asyncio.timeout(60):
            while not path.is_file():
                await asyncio.sleep(0.2)
        with path.open(newline="") as handle:
            return list(csv.DictReader(handle))

    def timetable(self) -> Timetable:
        """Read the city's timetable."""
        [path] = (self.folder / "cities").glob("*.zip")
        return load_timetable(path, "aktobe")

    def end(self) -> Json:
        """Interrupt the demo; give its verdict."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=ENDS_WITHIN_S)
        assert self.process.returncode == 0, err[-3000:]
        verdict: Json = json.loads(out.strip().splitlines()[-1])
        return verdict


def open_room(checkout: Path, buses: int, speed: float) -> ControlRoom:
    """Start a demo with planted incidents and read what it tells whoever started it."""
    process = start(
        checkout, "--incidents", "--no-finance-day", "--buses", buses, "--speed", speed, "--json"
    )
    told: dict[str, str] = {}
    assert process.stderr is not None
    for line in process.stderr:
        for name in ("live page", "password"):
            if line.strip().startswith(name):
                told[name] = line.split()[-1].rstrip("/")
        if "password" in told:
            break
    assert told.keys() == {"live page", "password"}, process.poll()
    folder = state_directory(checkout) / "demo"
    url = told["live page"]
    return ControlRoom(
        process, url, told["password"], folder, httpx.AsyncClient(base_url=url, timeout=30)
    )


async def shown(room: ControlRoom, incidents: list[Incident], see: See) -> dict[str, Json]:
    """Wait until each incident stands on the list of alarms, and look at it then.

    Some end by themselves: a bus that is off its line for minutes has no route to be off.

    Returns:
        The alarms by kind of incident.
    """
    found: dict[str, Json] = {}
    async with asyncio.timeout(400):
        while len(found) < len(incidents):
            listed = (await room.get("/api/dispatch/alarms"))["alarms"]
            for incident in incidents:
                for alarm in listed:
                    if incident["kind"] not in found and is_of(alarm, incident):
                        found[incident["kind"]] = alarm
                        await see(incident, alarm)
            await asyncio.sleep(0.5)
    return found


def is_of(alarm: Json, incident: Incident) -> bool:
    """Tell whether an alarm is an incident's."""
    kind = SHOWN_AS.get(incident["kind"], incident["kind"])
    if alarm["kind"] != kind:
        return False
    if kind == "no_vehicle":
        same_start = alarm["values"]["start_s"] == float(incident["from_s"])
        return bool(same_start and alarm["route_id"] == incident["route_id"])
    if kind == "bunched":
        who = {incident["vehicle_id"], incident["other_vehicle_id"]}
        return set(alarm["key"].partition(":")[2].split("+")) == who
    return bool(alarm["vehicle_id"] == incident["vehicle_id"])
