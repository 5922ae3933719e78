"""Long work in slices of a few milliseconds, between which others get their turn.

A thread beside the event loop does not help where the work holds the interpreter: each time that an
answer waits for the network, it must win the interpreter back. Work that stops by itself between
two slices lets all answers that are due through, and nobody waits for longer than one slice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

from sapar.core.clock import Clock

_SLICE_S = 0.002
T = TypeVar("T")
Slices = Generator[None, None, T]
"""Work that stops now and then, and gives its result at the end."""


async def run_between(work: Slices[T], clock: Clock) -> T:
    """Do it in the event loop, some milliseconds in each of its rounds."""
    begun_s = clock.monotonic()
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        if clock.monotonic() - begun_s > _SLICE_S:
            await asyncio.sleep(0)
            begun_s = clock.monotonic()


def batched(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """Give a sequence in pieces of so many."""
    for begin in range(0, len(items), count):
        yield items[begin : begin + count]
