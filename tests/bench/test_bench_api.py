"""The API's benchmark runs and counts right; its speeds are for people, never for tests."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sapar.cli.bench.http_load import Load, run_load
from sapar.cli.main import app


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        good = b"GET /good " in head
        status = b"200 OK" if good else b"404 Not Found"
        body = b"x" * 1000 if good else b""
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
        await writer.drain()
        writer.write(body)  # in a packet of its own, as servers do
        await writer.drain()


async def test_the_generator_counts_what_is_answered() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        closed = await asyncio.to_thread(
            run_load, Load("127.0.0.1", port, ["/good"], 0.5, connections=4)
        )
        assert closed.failed == 0
        assert closed.answers > 4
        assert closed.bytes_each == 1000
        wrong = await asyncio.to_thread(
            run_load, Load("127.0.0.1", port, ["/bad"], 0.2, connections=2)
        )
        assert wrong.failed == wrong.answers > 0
        paced = await asyncio.to_thread(
            run_load, Load("127.0.0.1", port, ["/good"], 1.0, rate=50, connections=4)
        )
        assert paced.answers + paced.failed == 50
        assert paced.p99_ms >= paced.p50_ms > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_benchmark_prints_its_figures() -> None:
    if shutil.which("nginx") is None and not Path("/usr/sbin/nginx").exists():
        pytest.skip("nginx-light is not installed; the benchmark says how")
    arguments = [
        "--city", "aktobe", "--vehicles", "40", "--seconds", "1", "--rounds", "1",
        "--consoles", "0", "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(app, ["bench", "api", *arguments])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert 50_000 < report["feed_bytes"] < 70_000
    assert report["nginx_per_s"] > 0
    assert report["feed_per_s"] > 0
    assert report["arrivals_per_s"] > 0
    assert report["arrivals_bytes"] > 1000
    assert report["feed_ratio_to_nginx"] > 0
    assert report["failed"] == 0
