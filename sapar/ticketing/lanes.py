"""Posting over several connections side by side: one works while another waits for the database.

What a transaction finds held by another, a card or a device's sequence, it puts off: these taps go
into the lane's next transaction. Nothing is decided by the order in which taps are posted, so this
comes to the same; it only keeps lanes, and workers, from waiting for each other's commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from sapar.core.errors import Unavailable
from sapar.core.log import get_logger
from sapar.ticketing.intake import TapBatch
from sapar.ticketing.line import Line, Poster
from sapar.ticketing.types import Posted, TapIn
from sapar.uplink.letters import DeadLetter

_RETRY_S = 0.5
_PUT_OFF_S: Final = 0.05  # so long taps that were put off wait for a batch to go with
_PUT_OFF_MAX: Final = 8  # so often a batch's taps are put off; then its lane waits for them
_log = get_logger()

T = TypeVar("T")

Settle = Callable[[Posted, Sequence[DeadLetter]], Awaitable[None]]
"""Told what a transaction committed, and which letters are stored."""

Done = Callable[[TapBatch], None]
"""Told that all of a batch is committed; in the order in which batches came."""


@dataclass(slots=True, eq=False)
class _Open:
    """A batch, those of its taps that are not committed, and how often it was posted."""

    batch: TapBatch
    left: list[TapIn]
    tries: int = 0


class Lanes:
    """Posts judged batches over several connections.

    Args:
        line: posts, and stores dead letters.
        posters: one a lane.
        settle: told of each transaction.
        done: told of each batch.
    """

    def __init__(self, line: Line, posters: Sequence[Poster], settle: Settle, done: Done) -> None:
        self._line = line
        self._posters = posters
        self._settle = settle
        self._done = done
        self._queue: asyncio.Queue[_Open | None] = asyncio.Queue(maxsize=1)
        self._order: deque[_Open] = deque()

    async def put(self, batch: TapBatch, taps: Sequence[TapIn], known: Posted) -> None:
        """Hand over a judged batch; waits while all lanes are busy.

        Args:
            batch: whose letters are to be stored, too.
            taps: to be posted.
            known: what the batch's other taps came to: they are stored.
        """
        opened = _Open(batch, list(taps))
        self._order.append(opened)
        if known.repeats:
            await self._settle(known, ())
        await self._queue.put(opened)

    async def finish(self) -> None:
        """Let `run` return once all that was handed over is committed."""
        for _ in self._posters:
            await self._queue.put(None)

    async def run(self) -> None:
        """Post until `finish` is called, or until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for poster in self._posters:
                tasks.create_task(self._run_lane(poster), name="lane")

    async def _run_lane(self, poster: Poster) -> None:
        waiting: list[_Open] = []
        while True:
            patient = bool(waiting) and waiting[0].tries >= _PUT_OFF_MAX
            try:
                async with asyncio.timeout(_PUT_OFF_S if waiting else None):
                    opened = await self._queue.get()
            except TimeoutError:
                patient = True
            else:
                if opened is None:
                    await self._post(poster, waiting, patient=True)
                    return
                await self._store_letters(opened.batch)
                waiting.append(opened)
            waiting = await self._post(poster, waiting, patient=patient)

    async def _store_letters(self, batch: TapBatch) -> None:
        if batch.dead:
            await until_available(partial(self._line.write_letters, batch.dead), batch)
            await self._settle(Posted(), batch.dead)

    async def _post(
        self, poster: Poster, waiting: Sequence[_Open], *, patient: bool
    ) -> list[_Open]:
        """Post what is left of these batches; give those of which something still is."""
        if not waiting:
            return []
        taps = [tap for one in waiting for tap in one.left]
        posted, dead = Posted(), list[DeadLetter]()
        if taps:
            action = partial(self._line.post, poster, taps, patient=patient)
            posted, dead = await until_available(action, waiting[-1].batch)
        put_off = {id(tap) for tap in posted.put_off}
        for one in waiting:
            one.left = [tap for tap in one.left if id(tap) in put_off] if put_off else []
            one.tries += 1
        while self._order and self._order[0].tries and not self._order[0].left:
            self._done(self._order.popleft().batch)
        if taps:
            await self._settle(posted, dead)
        return [one for one in waiting if one.left]


async def until_available(action: Callable[[], Awaitable[T]], batch: TapBatch) -> T:
    """Repeat an action until the database answers."""
    while True:
        try:
            return await action()
        except Unavailable as exc:
            _log.warning("database_unavailable", reason=exc.message, messages=len(batch.messages))
            await asyncio.sleep(_RETRY_S)
