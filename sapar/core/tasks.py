"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

_PATIENCE_S = 1.0


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until all have ended; what they end with is dropped.

    Once is not always enough: libraries wait by `asyncio.wait_for`, which before Python 3.12
    answers a cancel with its result when both come in one step of the loop. Such a task would go
    on for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=_PATIENCE_S)
        await asyncio.gather(*done, return_exceptions=True)
