"""How a stream that has no end of its own ends: its reader goes, or the server is asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from starlette.types import Receive, Send

_LAST_WORD_S = 1.0  # less than the server's grace: a reader that does not read gets no last word


async def stream_until_gone(
    headers: Iterable[tuple[bytes, bytes]],
    write: Callable[[Send], Awaitable[None]],
    receive: Receive,
    send: Send,
    stopping: asyncio.Event,
) -> None:
    """Answer 200 with what `write` sends, until it ends, the reader goes, or all has to stop.

    A server that stops waits for its answers, and a stream would be waited for in vain: it would
    be cut when the grace is over, and so would the answers that need a little longer. So it ends
    by itself as soon as `stopping` is set, with the end of a whole answer; its reader asks again.
    """
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
    writing = asyncio.ensure_future(write(send))
    ends = [
        writing,
        asyncio.ensure_future(_until_gone(receive)),
        asyncio.ensure_future(stopping.wait()),
    ]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    if stopping.is_set() and writing.cancelled():
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_S):
                await end_body(send)


async def end_body(send: Send) -> None:
    """Say that the answer is whole."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
