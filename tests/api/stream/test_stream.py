"""The stream as consoles get it: a real server, broker and database."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sapar.api.stream import channel as channels
from sapar.api.stream.states import apply_delta
from sapar.api.stream.streams import Streams
from sapar.core.db import connect
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.realtime.tick import Tick, make_body
from tests.api import town
from tests.api.access_help import sign_in
from tests.api.conftest import Instance, Start, until

PATH = "/api/dispatch/stream"
Event = tuple[str, str, Any]


class Console:
    """Reads events and keeps what they say, as a page does."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.known: dict[str, Any] = {}
        self.last_id = ""
        self.names: list[str] = []

    async def next(self) -> Event:
        """The next event, applied."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(20):
            async for line in self._lines:
                if not line:
                    if "event" in fields:
                        break
                    fields = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
        if not fields:
            return "end", "", None
        name, data = fields["event"], json.loads(fields["data"])
        self.last_id = fields.get("id", self.last_id)
        self.names.append(name)
        if name == "snapshot":
            self.known = data
        elif name == "delta":
            self.known = apply_delta(self.known, data)
        return name, fields.get("id", ""), data

    async def until(self, *names: str) -> Event:
        """The next event of these names."""
        while True:
            event = await self.next()
            if event[0] in names:
                return event

    async def reach(self, event_id: str) -> None:
        """Read on until at a tick."""
        while self.last_id != event_id:
            await self.next()


@asynccontextmanager
async def console(
    http: httpx.AsyncClient, query: str = "", last_id: str = "", encoding: str = "identity"
) -> AsyncIterator[Console]:
    headers = {"accept-encoding": encoding} | ({"last-event-id": last_id} if last_id else {})
    async with http.stream("GET", PATH + query, headers=headers, timeout=30) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert ("content-encoding" in response.headers) == (encoding == "gzip")
        yield Console(response.aiter_lines())


def tick(agency: str, number: int, **more: Any) -> Tick:
    """A tick with a console's body in which one bus leads and one alarm stands."""
    time_s = town.TRANSIT_S + 2 * number
    made = town.make_tick(agency, 1, number, wall_s=time.time(), time_s=time_s, **more)
    rows = [
        {"id": "200", "route_id": "R1", "share": number / 100},
        {"id": "201", "route_id": "R2", "share": 0.5},
    ]
    alarms = [{"key": f"late:{number}", "priority": 3, "route_id": "R2", "vehicle_id": "201"}]
    if number % 2:
        alarms.append({"key": "panic", "priority": 1, "route_id": "R10", "vehicle_id": "202"})
    body = {"time_s": time_s, "buses": rows, "ghosts": [], "alarms": alarms, "routes": []}
    made.bodies["console"] = make_body(json.dumps(body).encode())
    return made


def fleet_of(made: Tick) -> list[dict[str, Any]]:
    return list(json.loads(made.bodies["fleet"].plain())["vehicles"])


@pytest.fixture
async def viewer(api: Instance) -> httpx.AsyncClient:
    await sign_in(api.http, api.conninfo)
    return api.http


@pytest.fixture
def streams(api: Instance) -> Streams:
    """The instance's streams, to look at what they keep."""
    owners = (getattr(watcher, "__self__", None) for watcher in api.hub._watchers)
    return next(owner for owner in owners if isinstance(owner, Streams))


async def send(engine: MqttClient, api: Instance, made: Tick) -> None:
    await town.publish(engine, made)
    await until(
        lambda: (
            (held := api.hub.held.get(made.agency_id)) is not None and held.tick.order >= made.order
        )
    )


async def test_without_a_role_there_is_no_stream(api: Instance, engine: MqttClient, agency: str):
    await send(engine, api, tick(agency, 1))
    assert (await api.http.get(PATH)).status_code == 401


async def test_no_tick_yet_is_said_plainly(viewer: httpx.AsyncClient):
    answer = await viewer.get(PATH)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_tick"


async def test_a_box_that_is_none_is_answered_422(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str
):
    await send(engine, api, tick(agency, 1))
    answer = await viewer.get(PATH + "?box=1,2,3")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_box"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_snapshot_then_deltas_make_the_fleet_of_each_tick(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str, encoding: str
):
    ticks = [tick(agency, number) for number in range(1, 5)]
    await send(engine, api, ticks[0])
    async with console(viewer, encoding=encoding) as page:
        name, event_id, data = await page.next()
        assert (name, event_id) == ("snapshot", "1-1")
        assert data["fleet"] == json.loads(ticks[0].bodies["fleet"].plain())
        assert data["console"] == json.loads(ticks[0].bodies["console"].plain())
        assert (await page.until("age"))[2]["age_s"] < 20
        for made in ticks[1:]:
            await send(engine, api, made)
            name, event_id, _ = await page.until("snapshot", "delta")
            assert name == "delta"
            assert event_id == f"1-{made.tick}"
            assert page.known["fleet"] == json.loads(made.bodies["fleet"].plain())
            told = json.loads(made.bodies["console"].plain())
            assert sorted(map(str, page.known["console"]["alarms"])) == sorted(
                map(str, told["alarms"])
            )
            assert page.known["console"]["buses"] == told["buses"]
        answer = await viewer.get("/api/fleet.json")
        assert page.known["fleet"] == answer.json()


async def test_a_page_resumes_where_it_was_or_begins_anew(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str
):
    await send(engine, api, tick(agency, 1))
    async with console(viewer) as page:
        await page.reach("1-1")
        known = page.known
    for number in (2, 3, 4, 5, 6):
        await send(engine, api, tick(agency, number))
    async with console(viewer, last_id="1-1") as page:
        page.known = known
        assert (await page.next())[:2] == ("delta", "1-6")
        assert page.known["fleet"]["vehicles"] == fleet_of(tick(agency, 6))
        known = page.known
    async with console(viewer, last_id="1-6") as page:
        page.known = known
        assert (await page.next())[0] != "snapshot"  # it has everything
        await send(engine, api, tick(agency, 7))
        assert (await page.until("snapshot", "delta"))[:2] == ("delta", "1-7")
    for unknown in ("0-1", "nonsense"):
        async with console(viewer, last_id=unknown) as page:
            assert (await page.until("snapshot", "delta"))[0] == "snapshot"
    async with console(viewer, last_id="9-9") as page:
        # from the future: told nothing older at once, but all may have begun anew
        assert (await page.next())[0] in {"age", "desk"}
        assert (await page.until("snapshot", "delta"))[:2] == ("snapshot", "1-7")


async def test_what_is_too_long_ago_is_told_by_a_snapshot(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str
):
    for number in range(1, channels.KEPT_TICKS + 3):
        await send(engine, api, tick(agency, number))
    async with console(viewer, last_id="1-1") as page:
        assert (await page.next())[0] == "snapshot"


async def test_a_filter_lets_through_what_it_names_and_tells_what_left(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str
):
    await send(engine, api, tick(agency, 1))
    bus = next(row for row in fleet_of(tick(agency, 1)) if row["id"] == "200")
    box = f"{bus['lat'] - 1e-4},{bus['lon'] - 1e-4},{bus['lat'] + 1e-4},{bus['lon'] + 1e-4}"
    async with (
        console(viewer, "?route=R1&route=R2") as by_route,
        console(viewer, f"?box={box}") as by_box,
    ):
        await by_route.reach("1-1")
        routes = {row["route_id"] for row in by_route.known["fleet"]["vehicles"]}
        assert routes == {"R1", "R2"}
        # a panic rings everywhere, whatever a console shows
        keys = {row["key"] for row in by_route.known["console"]["alarms"]}
        assert keys == {"late:1", "panic"}
        await by_box.reach("1-1")
        assert [row["id"] for row in by_box.known["fleet"]["vehicles"]] == ["200"]
        assert by_box.known["fleet"]["heard"] == 24
        moved = [row | {"lat": 51.0} for row in fleet_of(tick(agency, 1)) if row["id"] == "200"]
        await send(engine, api, tick(agency, 2, vehicles=moved))
        _, _, delta = await by_box.until("delta")
        assert delta["gone"] == ["200"]
        assert by_box.known["fleet"]["vehicles"] == []
        assert by_box.known["console"]["buses"] == []


async def test_pages_are_told_which_list_changed(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str
):
    await send(engine, api, tick(agency, 1))
    async with console(viewer) as page:
        await page.reach("1-1")
        await page.until("age")

        def notify(payload: str) -> None:
            with connect(api.conninfo, autocommit=True) as connection:
                connection.execute("SELECT pg_notify('sapar_desk', %s)", (payload,))

        async def told() -> str:
            while True:  # a notice may be older than the connection that listens
                await asyncio.to_thread(notify, "other-town alerts")
                await asyncio.to_thread(notify, f"{agency} nonsense")
                await asyncio.to_thread(notify, f"{agency} acts")
                event = await page.until("desk", "age")
                if event[0] == "desk":
                    return str(event[2]["what"])

        while (what := await told()) != "acts":
            assert what != "nonsense"


async def stalled(api: Instance, cookies: httpx.Cookies, small: int = 8192) -> socket.socket:
    """A console that asks and then never reads."""
    address = urlsplit(api.url)
    assert address.hostname
    assert address.port
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, small)
    raw.connect((address.hostname, address.port))
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    request = f"GET {PATH} HTTP/1.1\r\nhost: {address.netloc}\r\ncookie: {cookie}\r\n\r\n"
    raw.sendall(request.encode())
    return raw


def many(count: int, number: int) -> list[dict[str, Any]]:
    row: dict[str, Any] = {"phase": "in_progress", "route_id": "R1", "reason": str(number) * 300}
    return [{"id": f"b{n}", "lat": 50.0 + number / 1000, "lon": 57.0, **row} for n in range(count)]


def queued_bytes(held: Sequence[channels.Reader]) -> int:
    return sum(len(delta.frame.plain) for reader in held for delta in reader.view.deltas)


async def test_a_reader_that_stops_reading_slows_nobody_and_costs_no_memory(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str, streams: Streams
):
    await send(engine, api, tick(agency, 1, vehicles=many(3000, 1)))
    raw = await stalled(api, viewer.cookies)
    try:
        async with console(viewer) as page:
            await page.reach("1-1")
            stuck = streams.channel(agency)
            await until(lambda: len(stuck.readers) == 2)
            for number in range(2, 16):
                await send(engine, api, tick(agency, number, vehicles=many(3000, number)))
                await page.reach(f"1-{number}")
            assert set(page.names) == {"snapshot", "delta", "age", "desk"} - (
                set() if "desk" in page.names else {"desk"}
            )
            assert page.names.count("snapshot") == 1
            # the one that does not read was written to once or twice and then left alone
            behind = [reader for reader in stuck.readers if reader.order != (1, 15)]
            assert len(behind) == 1
            assert len(behind[0].view.deltas) <= 3
            assert len(behind[0].notices) <= 6
            size_one = 3000 * 800
            assert queued_bytes(behind) < 4 * size_one
            # when it reads again it is led to the newest tick, not through all it missed
            got = await asyncio.to_thread(drain, raw, b"id: 1-15\n")
            assert got.count(b"event: delta") + got.count(b"event: snapshot") < 12
            assert len(got) < 10 * size_one
    finally:
        raw.close()
    await until(lambda: not streams.channel(agency).readers)


def drain(raw: socket.socket, wanted: bytes) -> bytes:
    raw.settimeout(20)
    got = bytearray()
    while wanted not in got:
        part = raw.recv(1 << 20)
        assert part
        got += part
    return bytes(got)


async def test_readers_of_one_filter_share_their_bytes(
    viewer: httpx.AsyncClient, api: Instance, engine: MqttClient, agency: str, streams: Streams
):
    await send(engine, api, tick(agency, 1))
    one, two, other = "?route=R1&route=R2", "?route=R2&route=R1", "?route=R1"
    async with console(viewer, one) as a, console(viewer, two) as b, console(viewer, other) as c:
        for page in (a, b, c):
            await page.reach("1-1")
        readers = streams.channel(agency).readers
        assert len(readers) == 3
        assert len({id(reader.view) for reader in readers}) == 2


async def test_a_session_that_ends_ends_its_stream(
    viewer: httpx.AsyncClient,
    api: Instance,
    engine: MqttClient,
    agency: str,
    town_settings: Settings,
):
    await send(engine, api, tick(agency, 1))
    async with console(viewer) as page:
        await page.reach("1-1")
        with connect(api.conninfo, autocommit=True) as connection:
            connection.execute("DELETE FROM session")
        for number in range(2, 40):
            await send(engine, api, tick(agency, number))
            if (await page.until("delta", "end"))[0] == "end":
                return
        pytest.fail("the stream goes on without a session")


async def test_two_instances_lead_to_the_same_state(start: Start, engine: MqttClient, agency: str):
    async with start() as one, start() as two:
        await sign_in(one.http, one.conninfo)
        two.http.cookies.update(one.http.cookies)
        for api in (one, two):
            await send(engine, api, tick(agency, 1))
        async with console(one.http) as page:
            await page.reach("1-1")
            known = page.known
        for api in (one, two):
            await send(engine, api, tick(agency, 2))
        async with console(two.http, last_id="1-1") as page:
            page.known = known
            assert (await page.next())[:2] == ("delta", "1-2")
            assert page.known["fleet"]["vehicles"] == fleet_of(tick(agency, 2))
