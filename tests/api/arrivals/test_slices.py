"""Long work in slices: the same result either way, and others get their turn in between."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.api.arrivals.slices import Slices, batched, run_between
from sapar.core.clock import ManualClock, SystemClock
from sapar.core.errors import BadInput
from tests.api.arrivals.through import run_through


def add_up(numbers: list[int]) -> Slices[int]:
    total = 0
    for number in numbers:
        total += number
        yield
    return total


@given(st.lists(st.integers()))
def test_both_ways_give_the_same(numbers: list[int]) -> None:
    assert run_through(add_up(numbers)) == sum(numbers)
    assert asyncio.run(run_between(add_up(numbers), SystemClock())) == sum(numbers)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_pieces_are_the_whole(items: list[int], count: int) -> None:
    pieces = list(batched(items, count))
    assert [item for piece in pieces for item in piece] == items
    assert all(0 < len(piece) <= count for piece in pieces)


async def test_others_get_their_turn() -> None:
    clock, turns = SystemClock(), 0

    def busy() -> Slices[int]:
        for _ in range(5):
            until_s = clock.monotonic() + 0.005
            while clock.monotonic() < until_s:
                pass
            yield
        return turns

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    assert await run_between(busy(), clock) >= 4
    task.cancel()


async def test_work_that_is_late_is_not_starved_by_many_who_ask() -> None:
    clock, steps_s = ManualClock(0.0), []

    def work() -> Slices[None]:
        for _ in range(1000):
            clock.advance(0.001)
            steps_s.append(clock.monotonic())
            yield

    async def others() -> None:
        while True:
            clock.advance(0.1)
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await run_between(work(), clock)
    task.cancel()
    turns = sum(after - before > 0.05 for before, after in pairwise(steps_s))
    assert 80 < turns < 120  # ten milliseconds between two of them, not two in each of 500


async def test_an_error_reaches_who_waits() -> None:
    def broken() -> Slices[int]:
        yield
        raise BadInput("no feed")

    with pytest.raises(BadInput, match="no feed"):
        await run_between(broken(), SystemClock())
