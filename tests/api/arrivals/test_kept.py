"""Answers of a tick and of those before: never too old, never put off without need or for ever."""

import gc
import weakref
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sapar.api.arrivals.kept import Budget, Kept
from sapar.api.document import JSON, Document
from sapar.api.lazy import Lazy
from sapar.core.clock import ManualClock

COST_S = 0.004


def answer(text: str) -> Document:
    return Document(JSON, text, "", "", Lazy.of(text.encode()))


class World:
    """Ticks, and answers that take time to make."""

    def __init__(self) -> None:
        self.clock = ManualClock(0.0)
        self.budget = Budget(self.clock)
        self.tick = 0
        self.kept = Kept(self.budget)

    def next_tick(self) -> None:
        self.tick += 1
        self.kept = Kept(self.budget, self.kept)

    def making(self, key: int) -> Callable[[], Document]:
        tick = self.tick

        def make() -> Document:
            self.clock.advance(COST_S)
            return answer(f"{tick}:{key}")

        return make

    def ask(self, key: int) -> int:
        """Give how many ticks old the answer is."""
        tick, _, name = self.kept.find_or_make(key, self.making(key)).tag.partition(":")
        assert name == str(key)
        return self.tick - int(tick)


@given(st.lists(st.one_of(st.integers(0, 5), st.just("tick"), st.just("wait")), max_size=60))
def test_an_answer_is_at_most_two_ticks_old(steps: list[int | str]) -> None:
    world = World()
    for step in steps:
        if step == "tick":
            world.next_tick()
        elif step == "wait":
            world.clock.advance(0.01)
        else:
            spent = world.budget.is_spent()
            age = world.ask(int(step))
            assert age == 0 or (age <= 2 and spent)


def test_with_time_to_spare_every_answer_is_new() -> None:
    world = World()
    for _ in range(5):
        for key in range(3):
            world.clock.advance(0.02)
            assert world.ask(key) == 0
        world.next_tick()


def test_new_answers_have_their_share_of_the_time() -> None:
    world = World()
    for key in range(200):
        world.ask(key)
    world.next_tick()
    world.clock.advance(1.0)
    began_s, new = world.clock.monotonic(), 0
    for key in range(200):
        world.clock.advance(0.001)
        new += world.ask(key) == 0
    took_s = world.clock.monotonic() - began_s
    assert 0.35 < COST_S * new / took_s < 0.55


async def test_what_was_put_off_is_made_in_quiet_times() -> None:
    world = World()
    for key in range(20):
        world.ask(key)
    world.next_tick()
    world.clock.advance(1.0)
    assert {0, 1} == {world.ask(key) for key in range(20)}
    for _ in range(50):
        world.clock.advance(0.01)
        await world.kept.catch_up()
    assert all(world.kept.find(key) is not None for key in range(20))


def test_an_answer_of_three_ticks_ago_is_never_given() -> None:
    world = World()
    for ticks, age in ((2, 2), (3, 0)):
        world.clock.advance(60)
        assert world.ask(1) == 0
        for _ in range(ticks):
            world.next_tick()
        for other in range(100, 120):
            world.ask(other)
        assert world.budget.is_spent()
        assert world.ask(1) == age


def test_what_is_kept_is_bounded() -> None:
    world = World()
    big = b"x" * (64 << 20)
    for key in range(6):
        world.kept.make(key, lambda: Document(JSON, "", "", "", Lazy.of(big)))
    assert sum(world.kept.find(key) is not None for key in range(6)) <= 4


def test_another_timetable_begins_with_nothing() -> None:
    world = World()
    world.ask(1)
    kept = Kept(world.budget)
    assert kept.find(1) is None
    assert kept.put_off(1, world.making(1)) is None


async def test_nothing_is_made_of_a_tick_that_is_over() -> None:
    world = World()
    for key in range(20):
        world.ask(key)
    world.next_tick()
    assert {world.ask(key) for key in range(20)} >= {1}
    world.clock.advance(1.0)
    before = world.clock.monotonic()
    await world.kept.catch_up(lambda: world.clock.monotonic() > before)
    assert world.clock.monotonic() == before + COST_S


def test_what_was_put_off_goes_with_its_tick() -> None:
    """It holds the state, which holds it: the collector would find them only much later."""
    world = World()
    world.ask(1)
    world.next_tick()
    for other in range(100, 120):
        world.ask(other)

    def putting_off(kept: Kept) -> weakref.ref[Kept]:
        assert kept.put_off(1, lambda: kept.make(1, world.making(1))) is not None
        return weakref.ref(kept)

    gc.disable()
    try:
        state = putting_off(world.kept)
        world.next_tick()
        assert state() is None
    finally:
        gc.enable()
