"""Long work in slices of a few milliseconds, between which others get their turn.

A thread beside the event loop does not help where the work holds the interpreter: each time that an
answer waits for the network, it must win the interpreter back. Work that stops by itself between
two slices lets all answers that are due through, and nobody waits for longer than one slice.
Where many are due, a slice is followed by a rest, so that nobody queues behind the whole of the
work. Work that is late takes longer slices and no rests, so that it is never starved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

from sapar.core.clock import Clock

_SLICE_S, _SLICE_MAX_S = 0.002, 0.01
_BUSY = 0.2  # of a slice: others who take longer than this are many
_REST = 9.0  # where many wait, nothing follows a slice for so many times as long as it took
_LATE_S = 1.0  # from then on a slice is as long as it may be
T = TypeVar("T")
Slices = Generator[None, None, T]
"""Work that stops now and then, and gives its result at the end."""


async def run_between(work: Slices[T], clock: Clock) -> T:
    """Do it in the event loop, a few milliseconds at a time."""
    begun_s = first_s = clock.monotonic()
    slice_s = _SLICE_S
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        paused_s = clock.monotonic()
        took_s = paused_s - begun_s
        if took_s > slice_s:
            await asyncio.sleep(0)
            begun_s = clock.monotonic()
            if begun_s - first_s > _LATE_S:
                slice_s = _SLICE_MAX_S
            elif begun_s - paused_s > _BUSY * took_s:
                await asyncio.sleep(_REST * took_s)
                begun_s = clock.monotonic()


def batched(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """Give a sequence in pieces of so many."""
    for begin in range(0, len(items), count):
        yield items[begin : begin + count]
