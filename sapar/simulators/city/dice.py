"""Chance that is the same on every machine and in every version of Python and numpy."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Seeded chance built on `random.Random.random` alone.

    That is the one method whose sequence Python promises never to change for a given seed, so
    every draw below is derived from it. Each part of the city takes dice of its own by name
    (`fork`): a draw more in one part then leaves the others as they were.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random = random.Random(seed)

    def fork(self, name: str) -> Dice:
        """Give independent dice for the part called `name`; the same name, the same dice."""
        return Dice(f"{self._seed}/{name}")

    def unit(self) -> float:
        """Give a number in [0, 1)."""
        return self._random.random()

    def between(self, low: float, high: float) -> float:
        """Give a number in [low, high)."""
        return low + (high - low) * self._random.random()

    def below(self, count: int) -> int:
        """Give a whole number in 0 .. count - 1."""
        return int(self._random.random() * count)

    def chance(self, probability: float) -> bool:
        """Give True with the given probability."""
        return self._random.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Give one of the items, each equally likely."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Give the items in a new order (Fisher-Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.below(last + 1)
            out[last], out[other] = out[other], out[last]
        return out
