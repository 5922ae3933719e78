"""A stop's board as server-sent events: the whole board whenever it changes. It is small."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sapar.access.errors import TooSoon
from sapar.api.arrivals.live import LiveStates, Now
from sapar.api.stream.ending import end_body, stream_until_gone
from sapar.core.errors import SaparError

KEEP_ALIVE_S = 10.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


class OpenStreams:
    """How many streams are open, in all and to each network; past a bound none is opened.

    Every open stream costs its board each tick, so opening them is not all that must be bounded.

    Args:
        most: in this instance.
        most_to_one: to one network, which may be a whole mobile operator's.
    """

    def __init__(self, most: int = 5000, most_to_one: int = 100) -> None:
        self._most, self._most_to_one = most, most_to_one
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, network: str) -> Iterator[None]:
        """Count a stream as long as it is open."""
        self._open[network] += 1
        try:
            yield
        finally:
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    def check(self, network: str) -> None:
        """Refuse one more.

        Raises:
            TooSoon: there are too many.
        """
        if self._open[network] >= self._most_to_one or self._open.total() >= self._most:
            raise TooSoon(
                "Too many streams are open.", 10.0, hint="Close some, or ask for the board itself."
            )


class BoardStream(Response):
    """The stream of one board.

    A reader that does not read keeps this task alone waiting; what it missed is never queued, it
    gets the newest board when it reads again.

    Args:
        states: says when there is a newer state.
        agency_id: whose stop it is.
        now: the state to begin with.
        board: gives the board's JSON at a state, None when the stop is gone.
        opened: counts it while it is open.
        stopping: set when the server is asked to stop.
    """

    def __init__(
        self,
        states: LiveStates,
        agency_id: str,
        now: Now,
        board: Callable[[Now], bytes | None],
        opened: AbstractContextManager[None],
        stopping: asyncio.Event,
    ) -> None:
        super().__init__(media_type="text/event-stream")
        self._opened, self._stopping = opened, stopping
        self._states, self._agency_id = states, agency_id
        self._now, self._board = now, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer until the reader goes, or the server stops."""
        with self._opened:
            await stream_until_gone(_HEADERS, self._write, receive, send, self._stopping)

    async def _write(self, send: Send) -> None:
        now, told = self._now, b""
        await _say(send, b"retry: 2000\n\n")
        while True:
            body = self._board(now)
            if body is None:
                break
            said = _without_time(body)
            if said != told:
                told = said
                await _say(send, _event(now, body))
            newer = await self._states.after(now, KEEP_ALIVE_S)
            if newer is None:
                await _say(send, b": keep-alive\n\n")
                try:
                    newer = await self._states.get(self._agency_id)
                except SaparError:
                    break
            now = newer
        await end_body(send)


def _event(now: Now, body: bytes) -> bytes:
    tick = None if now.held is None else now.held.tick
    name = b"" if tick is None else b"id: %d-%d\n" % (tick.term, tick.tick)
    return b"%sevent: arrivals\ndata: %s\n\n" % (name, body)


def _without_time(body: bytes) -> bytes:
    """Leave out when it was said: only what is said counts as a change."""
    head, _, rest = body.partition(b'"time_s":')
    return head + rest.partition(b",")[2]


async def _say(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
