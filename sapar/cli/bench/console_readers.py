"""Consoles for the benchmark: a process of readers that parse all that they get."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import httpx
import msgspec

from sapar.api.stream.states import apply_delta
from sapar.core.clock import SystemClock

_PATH = "/api/dispatch/stream"


@dataclass
class Reading:
    """What one console got.

    Attributes:
        seen: tick's id to monotonic seconds at which its event was parsed.
        bytes: on the wire, compressed where it was; without chunk headers.
        snapshots: how many it was given.
    """

    seen: dict[str, float] = field(default_factory=dict)
    bytes: int = 0
    snapshots: int = 0
    known: dict[str, Any] = field(default_factory=dict)


def run_consoles(
    url: str, cookie: tuple[str, str], count: int, packed: bool, results: Connection
) -> None:
    """Read with so many consoles until told to stop; the body of a process.

    The first console also applies what it gets, to be compared with the last tick.
    """
    readings = [Reading() for _ in range(count)]
    asyncio.run(_read_all(url, cookie, readings, packed, results))
    results.send([(reading.seen, reading.bytes, reading.snapshots) for reading in readings])
    results.send(readings[0].known)


async def _read_all(
    url: str, cookie: tuple[str, str], readings: list[Reading], packed: bool, results: Connection
) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, cookies=dict([cookie]), timeout=30, limits=limits
    ) as http:
        tasks = [
            asyncio.create_task(_read(http, reading, packed, apply=number == 0))
            for number, reading in enumerate(readings)
        ]
        await asyncio.to_thread(results.recv)  # the word to stop
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError) and error is not None:
            raise error


async def _read(http: httpx.AsyncClient, reading: Reading, packed: bool, *, apply: bool) -> None:
    clock = SystemClock()
    headers = {"accept-encoding": "gzip" if packed else "identity"}
    async with http.stream("GET", _PATH, headers=headers) as response:
        response.raise_for_status()
        async for text in _events(response, reading, packed=packed):
            fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if b": " in line)
            name, event_id = fields.get(b"event"), fields.get(b"id", b"").decode()
            if name not in {b"snapshot", b"delta"}:
                continue
            data = msgspec.json.decode(fields[b"data"])
            reading.seen[event_id] = clock.monotonic()
            reading.snapshots += name == b"snapshot"
            if apply:
                reading.known = data if name == b"snapshot" else apply_delta(reading.known, data)


async def _events(
    response: httpx.Response, reading: Reading, *, packed: bool
) -> AsyncIterator[bytes]:
    opener = zlib.decompressobj(zlib.MAX_WBITS | 16)
    waiting: list[bytes] = []
    async for chunk in response.aiter_raw():
        reading.bytes += len(chunk)
        text = opener.decompress(chunk) if packed else chunk
        waiting.append(text)
        if b"\n\n" in text or text.startswith(b"\n"):
            *events, rest = b"".join(waiting).split(b"\n\n")
            waiting = [rest]
            for event in events:
                yield event
