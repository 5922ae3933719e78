"""A load generator for HTTP/1.1 that is cheap enough: bytes prepared, answers only counted.

Closed, every connection asks again as soon as it has its answer; at a rate, requests are due at
even intervals whether answers come or not, and the time of one counts from when it was due.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np

from sapar.core.clock import SystemClock

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask.

    Attributes:
        host, port: whom.
        paths: what, each as often as it stands here, in random order.
        seconds: for how long.
        rate: requests a second; 0: as many as there are answers.
        connections: kept open.
        headers: further lines of each request.
    """

    host: str
    port: int
    paths: Sequence[str]
    seconds: float
    rate: float = 0.0
    connections: int = 32
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it: requests a second, milliseconds, answers that were not 200, bytes a body."""

    per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    answers: int
    bytes_each: int


@dataclass
class _Tally:
    waits_s: list[float] = field(default_factory=list)
    failed: int = 0
    bytes: int = 0


class _Asker(asyncio.Protocol):
    """One connection: one request at a time."""

    def __init__(self, load: _Loading) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._left = 0
        self._due_s = 0.0
        self._length = 0
        self._good = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready to ask."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.ready(self)

    def ask(self, request: bytes, due_s: float) -> None:
        """Send a request that was due at a moment."""
        assert self._transport is not None
        self._due_s = due_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Count what comes; at the end of an answer be ready again."""
        if self._left:
            self._left -= len(data)
        else:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                return
            head = self._head[:end].lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self._good = head.startswith(b"http/1.1 200")
            self._left = length - (len(self._head) - end - len(_END))
            self._length = length
            self._head = b""
        if self._left <= 0:
            self._load.answered(self, self._due_s, self._length, good=self._good)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A connection that ends is a failure."""
        self._load.lost()


class _Loading:
    """One run of the generator."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._clock = SystemClock()
        self._idle: list[_Asker] = []
        self._waiting: deque[float] = deque()
        self._ending = False
        shuffled = [_request(load, path) for path in load.paths]
        random.Random(7).shuffle(shuffled)
        self._requests = shuffled
        self._next = 0
        self.tally = _Tally()

    async def run(self) -> Measured:
        """Open the connections, ask for as long as wanted, and count."""
        loop = asyncio.get_running_loop()
        for _ in range(self._load.connections):
            await loop.create_connection(lambda: _Asker(self), self._load.host, self._load.port)
        began = self._clock.monotonic()
        if self._load.rate:
            await self._at_rate(began)
        else:
            await asyncio.sleep(self._load.seconds)
        took_s = self._clock.monotonic() - began
        self._ending = True
        waits = np.array(self.tally.waits_s or [float("nan")])
        answers = len(self.tally.waits_s)
        return Measured(
            round(answers / took_s, 1),
            round(1000 * float(np.percentile(waits, 50)), 2),
            round(1000 * float(np.percentile(waits, 99)), 2),
            self.tally.failed + len(self._waiting),
            answers,
            self.tally.bytes // max(1, answers),
        )

    async def _at_rate(self, began: float) -> None:
        count = int(self._load.rate * self._load.seconds)
        sent = 0
        while sent < count:
            now = self._clock.monotonic()
            due = min(count, int((now - began) * self._load.rate) + 1)
            for number in range(sent, due):
                self._waiting.append(began + number / self._load.rate)
            sent = due
            self._dispatch()
            await asyncio.sleep(max(0.0, began + sent / self._load.rate - self._clock.monotonic()))
        await asyncio.sleep(0.2)

    def _dispatch(self) -> None:
        while self._waiting and self._idle:
            self._ask(self._idle.pop(), self._waiting.popleft())

    def ready(self, asker: _Asker) -> None:
        """Take a connection that can ask."""
        if self._ending:
            return
        if self._load.rate:
            self._idle.append(asker)
            self._dispatch()
        else:
            self._ask(asker, self._clock.monotonic())

    def answered(self, asker: _Asker, due_s: float, length: int, *, good: bool) -> None:
        """Take an answer."""
        if self._ending:
            return
        self.tally.waits_s.append(self._clock.monotonic() - due_s)
        self.tally.failed += not good
        self.tally.bytes += length
        self.ready(asker)

    def lost(self) -> None:
        """Count a connection that ended before the end."""
        self.tally.failed += not self._ending

    def _ask(self, asker: _Asker, due_s: float) -> None:
        self._next = (self._next + 1) % len(self._requests)
        asker.ask(self._requests[self._next], due_s)


def _request(load: Load, path: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {load.host}", *load.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def run_load(load: Load) -> Measured:
    """Run the generator in a process of its own."""
    with _process(load) as pipe:
        found = pipe.recv()
    assert isinstance(found, Measured)
    return found


@contextmanager
def _process(load: Load) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_body, args=(load, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.join(5)
        process.kill()


def _body(load: Load, results: Connection) -> None:
    results.send(asyncio.run(_Loading(load).run()))
