"""Lanes: what is put off goes with a later batch, and no batch is done before all of it is."""

import asyncio
import random
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from sapar.ticketing.intake import TapBatch
from sapar.ticketing.lanes import Lanes
from sapar.ticketing.line import Line
from sapar.ticketing.types import Posted, TapIn


def tap(number: int) -> TapIn:
    return cast("TapIn", (number,))


class Database:
    """Posts what nobody else holds."""

    def __init__(self, seed: int, holding: float) -> None:
        self.chance, self.holding = random.Random(seed), holding
        self.posted: list[int] = []
        self.patient = 0

    async def post(self, taps, patient: bool) -> Posted:
        await asyncio.sleep(self.chance.choice([0, 0, 0.001]))
        self.patient += patient
        held = [not patient and self.chance.random() < self.holding for _ in taps]
        self.posted += [one[0] for one, off in zip(taps, held, strict=True) if not off]
        return Posted(put_off=[one for one, off in zip(taps, held, strict=True) if off])


def line() -> Line:
    """A line that only posts."""

    async def post(poster, taps, *, patient):
        return await poster(taps, patient), []

    return cast("Line", SimpleNamespace(post=post))


async def run_lanes(sizes: list[int], lanes: int, database: Database) -> list[int]:
    """Post batches of these sizes; give the order in which batches were done."""
    done: list[int] = []
    batches: list[Any] = [TapBatch() for _ in sizes]
    numbers = iter(range(sum(sizes)))
    mine = [[tap(next(numbers)) for _ in range(size)] for size in sizes]

    async def settle(_posted: Posted, _dead: object) -> None:
        await asyncio.sleep(0)

    def finished(batch: TapBatch) -> None:
        place = next(n for n, other in enumerate(batches) if other is batch)
        assert {one[0] for one in mine[place]} <= set(database.posted)
        done.append(place)

    tested = Lanes(line(), [database.post] * lanes, settle, finished)

    async def hand_over() -> None:
        for batch, taps in zip(batches, mine, strict=True):
            await tested.put(batch, taps, Posted())
        await tested.finish()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(hand_over())
        tasks.create_task(tested.run())
    return done


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 30), max_size=12),
    st.integers(1, 4),
    st.integers(0, 999),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_every_tap_is_posted_once_and_batches_are_done_in_order(sizes, lanes, seed, holding):
    database = Database(seed, holding)
    assert asyncio.run(run_lanes(sizes, lanes, database)) == list(range(len(sizes)))
    assert sorted(database.posted) == list(range(sum(sizes)))


def test_what_is_always_held_is_waited_for_in_the_end():
    """Batches keep coming, and another holds everything all the time."""
    database = Database(1, 1.0)
    asyncio.run(run_lanes([1] * 40, 1, database))
    assert database.patient > 2
    assert len(database.posted) == 40
