"""Long work in slices of a few milliseconds, between which others get their turn.

A thread beside the event loop does not help where the work holds the interpreter: each time that an
answer waits for the network, it must win the interpreter back. Work that stops by itself between
two slices lets all answers that are due through, and nobody waits for longer than one slice.
Where so many are due that a round takes long, a slice grows with it, so that work is never starved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

from sapar.core.clock import Clock

_SLICE_S, _SLICE_MAX_S = 0.002, 0.05
_OTHERS = 4  # times as long as a slice, at most, do others take before it grows
T = TypeVar("T")
Slices = Generator[None, None, T]
"""Work that stops now and then, and gives its result at the end."""


async def run_between(work: Slices[T], clock: Clock) -> T:
    """Do it in the event loop, some milliseconds in each of its rounds."""
    begun_s, slice_s = clock.monotonic(), _SLICE_S
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result
        paused_s = clock.monotonic()
        if paused_s - begun_s > slice_s:
            await asyncio.sleep(0)
            begun_s = clock.monotonic()
            slice_s = min(max(_SLICE_S, (begun_s - paused_s) / _OTHERS), _SLICE_MAX_S)


def batched(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """Give a sequence in pieces of so many."""
    for begin in range(0, len(items), count):
        yield items[begin : begin + count]
