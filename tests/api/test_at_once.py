"""What is answered before there is a task says what the application says, in the same order."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Scope

from sapar.api.document import JSON, Document
from sapar.api.door import AtOnce
from sapar.api.lazy import Lazy
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from tests.api import town
from tests.api.conftest import Instance, running, until

FEED = "/gtfs-rt/vehicle-positions.pb"
_VARIES = (b"date:", b"sapar-tick-age:")


def ask(path: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request as it is sent."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: here", *lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: its head without what varies, and its body."""

    head: list[bytes]
    body: bytes


async def talk(api: Instance, *requests: bytes) -> list[Answer]:
    """Send requests in one piece on one connection; give all answers."""
    port = int(api.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    answers = []
    async with asyncio.timeout(10):
        for request in requests:
            lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
            head = [line for line in lines if not line.startswith(_VARIES)]
            sizes = [int(line[16:]) for line in head if line.startswith(b"content-length: ")]
            sent = not request.startswith(b"HEAD") and not head[0].startswith(b"HTTP/1.1 304")
            body = await reader.readexactly(sizes[0]) if sizes and sent else b""
            answers.append(Answer(head, body))
    writer.close()
    return answers


ORDINARY = [
    ask(FEED),
    ask(FEED, method="HEAD"),
    ask(FEED, "Accept-Encoding: gzip, br"),
    ask(FEED, "Accept-Encoding: br", "Accept-Encoding: gzip"),
    ask(FEED, "Accept-Encoding: gzip;q=0"),
    ask(FEED, "If-None-Match: *"),
    ask(FEED, 'If-None-Match: "other"', "If-None-Match: *"),
    ask(FEED, "If-Modified-Since: Sun, 15 Nov 2026 14:40:00 GMT"),
    ask("/gtfs%2Drt/vehicle-positions.pb"),
    ask(FEED + "?anything=1"),
]
UNUSUAL = [
    ask(FEED, version="1.0"),
    ask(FEED, "Connection: close"),
    ask(FEED, "Content-Length: 3") + b"abc",
    ask(FEED, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
    ask(FEED, "Connection: Upgrade", "Upgrade: h2c"),
    ask(FEED, method="POST"),
    ask("/gtfs-rt/nothing.pb"),
    ask("/api/agencies.json"),
    ask("/healthz"),
]


async def _ready(api: Instance, agency: str) -> None:
    await until(lambda: agency in api.hub.held)
    for encoding in ("identity", "gzip"):  # the plain bytes are made when they are asked for first
        await api.http.get(FEED, headers={"accept-encoding": encoding})


async def test_both_ways_say_the_same(
    town_settings: Settings, engine: MqttClient, agency: str
) -> None:
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=1_794_753_600.5))
    async with running(town_settings) as one, running(town_settings, at_once=False) as other:
        for api in (one, other):
            await _ready(api, agency)
        for request in [*ORDINARY, *UNUSUAL]:
            assert await talk(one, request) == await talk(other, request), request
        # many at once: what is at hand does not overtake what is not
        mixed = [ask("/api/agencies.json"), ask(FEED), ask("/healthz"), *ORDINARY, ask("/gtfs.zip")]
        assert await talk(one, *mixed * 5) == await talk(other, *mixed * 5)
        assert counted(one) == counted(other) != []


def counted(api: Instance) -> list[str]:
    """The counters of the feeds' answers."""
    lines = api.metrics.render().decode().splitlines()
    return [line for line in lines if "sapar_http_requests_total" in line and "gtfs-rt" in line]


async def test_who_does_not_read_is_not_written_to(
    town_settings: Settings, engine: MqttClient, agency: str
) -> None:
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=1_794_753_600.5))
    async with running(town_settings) as api:
        await _ready(api, agency)
        size = len((await talk(api, ask(FEED)))[0].body)
        count = 20_000_000 // size
        port = int(api.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.write(ask(FEED) * count)
        await asyncio.sleep(0.5)
        assert (await api.http.get("/healthz")).status_code == 200
        async with asyncio.timeout(60):
            for _ in range(count):
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(size)
        writer.close()


async def test_a_refusal_is_counted_once(
    town_settings: Settings, engine: MqttClient, agency: str
) -> None:
    limited = town_settings.model_copy(update={"api_rate_per_minute": 3, "api_burst_s": 60.0})
    await town.publish(engine, town.make_tick(agency, 1, 1, wall_s=1_794_753_600.5))
    async with running(limited) as api:
        await until(lambda: agency in api.hub.held)
        statuses = [(await api.http.get("/api/stops/S1-0/arrivals")).status_code for _ in range(6)]
        assert statuses == [200, 200, 200, 429, 429, 429]
        assert 'route="refused",status="429"} 3.0' in api.metrics.render().decode()


def scope_of(path: str, *headers: tuple[bytes, bytes], method: str = "GET") -> Scope:
    """A scope as a server makes it."""
    return {"path": path, "query_string": b"", "headers": list(headers), "method": method}


def document(body: bytes, plain: Lazy[bytes] | None = None) -> Document:
    return Document(JSON, "tag", "", "no-cache", plain or Lazy.of(body), Lazy.here(lambda: b"z"))


@given(st.binary(max_size=300), st.sampled_from(["GET", "HEAD"]))
def test_the_whole_answer_in_one_piece(body: bytes, method: str) -> None:
    at_once = AtOnce(
        lambda path, _: ("/route", document(body)) if path == "/a" else None, Metrics()
    )
    lines = at_once.write(scope_of("/a", method=method), b"date: now\r\n")
    assert lines is not None
    head, _, sent = b"".join(lines).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-type: application/json\r\n")
    assert head.endswith(b"content-length: %d" % len(body))
    assert sent == (body if method == "GET" else b"")
    assert at_once.write(scope_of("/b"), b"") is None


def test_what_is_cheap_is_made_and_what_is_not_goes_the_long_way() -> None:
    slow = document(b"", Lazy.in_thread(lambda: b"slow"))
    at_once = AtOnce(lambda *_: ("/route", slow), Metrics())
    assert at_once.write(scope_of("/a"), b"") is None
    packed = at_once.write(scope_of("/a", (b"accept-encoding", b"gzip")), b"")
    assert packed is not None
    assert packed[-1] == b"z"


@pytest.mark.parametrize("refused", [True, False])
def test_the_gate_is_asked_once(*, refused: bool) -> None:
    asked = []

    def gate(scope: Scope) -> Response | None:
        asked.append(scope["path"])
        return Response(status_code=429) if refused else None

    at_once = AtOnce(lambda *_: None, Metrics(), gate)
    scope = scope_of("/a")
    assert at_once.write(scope, b"") is None
    assert (at_once.refuse(scope) is not None) is refused
    assert asked == ["/a"]
