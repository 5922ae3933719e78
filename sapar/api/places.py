"""Places for work that costs the database a connection of its own: so many at once, not more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sapar.core.errors import Unavailable

AT_ONCE: Final = 8
"""So many in one instance; the pool's connections come on top."""
WAIT_S: Final = 10.0
"""So long work waits for a place before it is told to come back."""


class Places:
    """Places that are taken and given back; who comes when all are taken waits for a while."""

    def __init__(self, at_once: int = AT_ONCE, wait_s: float = WAIT_S) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._wait_s = wait_s

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            Unavailable: none became free in time (`busy`).
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable(
                "There is too much to do at once.", code="busy", hint="Ask again in a moment."
            ) from None
        try:
            yield
        finally:
            self._free.release()
