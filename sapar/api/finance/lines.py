"""Answers that take long: lines of JSON, progress on the way, the result or the error last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from sapar.core.errors import SaparError

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_TELL_S = 0.3

Progress = Callable[[int, int], None]

_running: set[asyncio.Future[Any]] = set()
"""Work that may have nobody left who listens: the event loop itself holds no task."""


def answer_lines(told: AsyncIterator[Any]) -> Response:
    """Answer with a line for each thing that is told; what fails on the way is the last line."""

    async def lines() -> AsyncIterator[bytes]:
        try:
            async for one in told:
                yield msgspec.json.encode(one) + b"\n"
        except SaparError as exc:  # the answer has begun, so its status cannot tell
            error = {"code": exc.code, "message": exc.message, "hint": exc.hint}
            yield msgspec.json.encode({"error": error}) + b"\n"

    return StreamingResponse(lines(), 200, _HEADERS, "application/x-ndjson")


async def with_progress(work: Callable[[Progress], Awaitable[Any]]) -> AsyncIterator[Any]:
    """Do a piece of work that tells its progress.

    The work goes on to its end when nobody listens any more: it is not torn in the middle.

    Yields:
        `{"done", "of"}` on the way, at last `{"result"}`.
    """
    newest: list[tuple[int, int]] = []
    task = asyncio.ensure_future(work(lambda done, of: newest.append((done, of))))
    _running.add(task)
    task.add_done_callback(_running.discard)
    while not task.done():
        await asyncio.wait([task], timeout=_TELL_S)
        if newest and not task.done():
            done, of = newest[-1]
            newest.clear()
            yield {"done": done, "of": of}
    yield {"result": task.result()}
