"""A connection as clients may abuse it: what is answered at once changes nothing for the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from sapar.api.document import JSON, Document
from sapar.api.door import AtOnce
from sapar.api.lazy import Lazy
from sapar.cli import http_protocol
from sapar.cli.http_protocol import make_protocol
from sapar.core.metrics import Metrics
from tests.services import listener

AT_HAND = b"GET /at-hand HTTP/1.1\r\nHost: here\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n"
SLOWER = b"GET /slower HTTP/1.1\r\nHost: here\r\n\r\n"


async def slow(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer for longer than an idle connection is kept."""
    headers = [(b"content-length", b"8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"begin", "more_body": True})
    await asyncio.sleep(4.0 if scope["path"] == "/slower" else 1.5)
    await send({"type": "http.response.body", "body": b"end"})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """Serve one document that is at hand, and all else slowly; give the port."""
    document = Document(JSON, "tag", "", "no-cache", Lazy.of(b"hello"))
    at_once = AtOnce(
        lambda path, _: ("/at-hand", document) if path == "/at-hand" else None, Metrics()
    )
    listening_on = listener()
    config = uvicorn.Config(
        slow, log_level="critical", ws="none", lifespan="off", server_header=False,
        http=make_protocol(at_once), timeout_keep_alive=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening_on]))
    try:
        yield listening_on.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def test_who_is_answered_slowly_is_not_idle() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(AT_HAND + SLOW)
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            assert (await reader.readuntil(b"end")).endswith(b"\r\n\r\nbeginend")
            assert await reader.read() == b""  # idle now, and let go
        writer.close()


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /at-hand HTTP/1.1\r\nX: ",
        b"GET /",
        b"POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ",
    ],
)
async def test_a_head_without_an_end_is_not_kept(begin: bytes) -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        sent = 0
        try:
            async with asyncio.timeout(60):
                while sent < 40_000_000:
                    writer.write(b"x" * 50_000)
                    await writer.drain()
                    sent += 50_000
        except ConnectionError:
            pass
        assert sent < 20_000_000  # what fits into the buffers on the way
        writer.close()
        reader.feed_eof()


async def test_long_heads_and_bodies_are_taken() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /at-hand HTTP/1.1\r\nX: " + b"x" * 50_000 + b"\r\n\r\n")
        async with asyncio.timeout(30):
            await reader.readuntil(b"hello")
            length = 2_000_000
            writer.write(b"POST /slow HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % length)
            writer.write(b"x" * length + AT_HAND)
            await reader.readuntil(b"beginend")
            await reader.readuntil(b"hello")
        writer.close()


@pytest.mark.parametrize("begin", [b"", b"GET /at-h", AT_HAND + b"GET /at-hand HTTP/1.1\r\nHo"])
async def test_who_says_half_is_let_go(begin: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "_HEAD_S", 0.5)
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        ended = asyncio.create_task(reader.read())
        async with asyncio.timeout(30):
            while not ended.done():
                if begin:  # a sign now and then does not help
                    writer.write(b"x")
                await asyncio.sleep(0.1)
        await asyncio.gather(ended, return_exceptions=True)
        writer.close()


async def test_a_head_in_parts_and_a_slow_answer_take_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # less than the slow answer takes, and much more than this machine may halt in the midst of a head
    monkeypatch.setattr(http_protocol, "_HEAD_S", 3.0)
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(30):
            for part in (AT_HAND[:9], AT_HAND[9:], SLOWER[:20], SLOWER[20:] + AT_HAND[:9]):
                writer.write(part)
                await asyncio.sleep(0.1)
            await reader.readuntil(b"hello")
            await reader.readuntil(b"beginend")  # after 4 s, with half a request behind it
            writer.write(AT_HAND[9:])
            await reader.readuntil(b"hello")
        writer.close()
