"""Answers that take long: the work has its way when nobody listens any more."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator
from typing import cast

from sapar.api.finance.lines import Progress, with_progress


async def test_work_goes_on_when_nobody_listens() -> None:
    waiting: list[weakref.ref[asyncio.Event]] = []
    done = []

    async def work(progress: Progress) -> int:
        event = asyncio.Event()  # nobody else holds it, nor the task that waits for it
        waiting.append(weakref.ref(event))
        progress(1, 2)
        await event.wait()
        done.append(True)
        return 2

    told = cast("AsyncGenerator[dict[str, int]]", with_progress(work))
    assert await anext(told) == {"done": 1, "of": 2}
    await told.aclose()
    del told
    gc.collect()
    event = waiting[0]()
    assert event is not None
    event.set()
    await asyncio.sleep(0.01)
    assert done == [True]
