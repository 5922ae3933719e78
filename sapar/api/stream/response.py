"""A stream as an answer, on ASGI itself: one task writes, others wait for what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache, partial
from itertools import count

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from sapar.api.stream.channel import KEEP_ALIVE, Channel, Order, Reader
from sapar.api.stream.ending import end_body, stream_until_gone
from sapar.api.stream.filters import Filter
from sapar.api.stream.frames import GZIP_START, Frame, make_event, make_frame
from sapar.core.errors import SaparError

KEEP_ALIVE_S = 5.0
_CHECKS = 12  # so many times nothing but signs of life, or ticks, until the session is looked at
_RETRY = make_frame(b"retry: 1000\n\n")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx passes on at once what it otherwise collects
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"accept-encoding"),
]


class StreamResponse(Response):
    """The stream of a channel for one reader.

    A reader that does not read stops this task alone: the server's write buffer fills, `send`
    waits, and what happens meanwhile is not kept for it. When it reads again it gets what leads
    from its tick to the newest: deltas, or the whole state.

    Args:
        channel: the agency's.
        wanted: what the reader wants to see.
        order: the tick that it has already.
        packed: it takes gzip.
        may_stay: raises when the reader may not look any longer; asked again and again.
        stopping: set when the server is asked to stop.
    """

    def __init__(
        self,
        channel: Channel,
        wanted: Filter,
        order: Order | None,
        *,
        packed: bool,
        may_stay: Callable[[], Awaitable[object]],
        stopping: asyncio.Event,
    ) -> None:
        super().__init__(media_type="text/event-stream")
        self._channel, self._wanted = channel, wanted
        self._order, self._packed = order, packed
        self._may_stay, self._stopping = may_stay, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer until the reader goes, or may stay no longer, or the server stops."""
        headers = [*_HEADERS, (b"content-encoding", b"gzip")] if self._packed else _HEADERS
        reader = await self._channel.join(self._wanted, self._order)
        try:
            write = partial(self._write, reader)
            await stream_until_gone(headers, write, receive, send, self._stopping)
        finally:
            self._channel.leave(reader)

    async def _write(self, reader: Reader, send: Send) -> None:
        await send(self._body([_RETRY], GZIP_START if self._packed else b""))
        for turn in count(1):
            reader.wake.clear()
            if turn % _CHECKS == 0 and not await self._stays():
                break
            await send(self._body(await self._due(reader)))
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await reader.wake.wait()
            except TimeoutError:
                reader.accept_older()
                await send(self._body([KEEP_ALIVE]))
        await end_body(send)

    async def _stays(self) -> bool:
        try:
            await self._may_stay()
        except SaparError:
            return False
        return True

    async def _due(self, reader: Reader) -> list[Frame]:
        notices, reader.notices = reader.notices, set()
        frames = await self._channel.due(reader)
        told = [desk_frame(what) for what in sorted(notices)]
        return [*frames, self._channel.age_frame(), *told]

    def _body(self, frames: list[Frame], start: bytes = b"") -> Message:
        body = start + b"".join([frame.bytes_for(packed=self._packed) for frame in frames])
        return {"type": "http.response.body", "body": body, "more_body": True}


@cache
def desk_frame(what: str) -> Frame:
    """Make the event that tells of a changed list."""
    return make_event("desk", {"what": what})
