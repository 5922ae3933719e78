"""Answers that were made from a tick, and for how long those of the ticks before will do.

Right after a tick every answer would be a first one. Those who ask then would wait for each
other's, for what takes a hundred times as long as to give an answer that is there. So new answers
have a share of the time. Once it is spent, an answer of one of the two ticks before is given, where
there is one: it is seconds old, as it would have been a moment earlier, and its headers say so.
What was put off in that way is made as soon as there is time, and no more once a tick has come.
After an outage nothing of before it is given: meanwhile others were told what is planned.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from sapar.api.document import Document
from sapar.core.clock import Clock

_SHARE, _SAVED_S = 0.45, 0.005
_OWED_S = 0.05  # at most: who has to be answered anew is, and others wait for that no longer
_DOCUMENTS_MAX = 8192
_BYTES_MAX = 256 * 2**20  # Almaty's stops, each asked for once
_TICKS_BACK = 2


class Budget:
    """The time that one process has for new answers where older ones will do.

    Args:
        clock: measures.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left_s = _SAVED_S
        self._since_s = clock.monotonic()

    def is_spent(self) -> bool:
        """Tell whether new answers have had their share of the time until now."""
        self._save_up()
        return self._left_s <= 0

    def charged(self, make: Callable[[], Document]) -> Document:
        """Make an answer, and count the time that it takes."""
        self._save_up()
        begun_s = self._clock.monotonic()
        try:
            return make()
        finally:
            took_s = self._clock.monotonic() - begun_s
            self._left_s = max(-_OWED_S, self._left_s - took_s)

    def _save_up(self) -> None:
        now_s = self._clock.monotonic()
        self._left_s = min(_SAVED_S, self._left_s + _SHARE * (now_s - self._since_s))
        self._since_s = now_s


class Kept:
    """The answers made from one tick, by what was asked. Of each, only the newest is kept.

    Args:
        budget: of the process.
        before: those of the tick before, of the same timetable; what it put off is forgotten.
        good_s: an answer whose tick is older than this says nothing about now, wall seconds.
    """

    def __init__(
        self, budget: Budget, before: Kept | None = None, good_s: float = math.inf
    ) -> None:
        self._budget = budget
        self._good_s = good_s
        if before is not None:
            before._later.clear()  # noqa: SLF001 -- it holds what holds `before`
        older = [] if before is None else before._generations[:_TICKS_BACK]  # noqa: SLF001 -- its own
        self._generations: list[dict[object, Document]] = [{}, *older]
        self._bytes = sum(map(_bytes_of, older))
        self._later: dict[object, Callable[[], Document]] = {}

    def find(self, key: object) -> Document | None:
        """Give an answer made from this very tick."""
        return self._generations[0].get(key)

    def put_off(self, key: object, make: Callable[[], Document]) -> Document | None:
        """Give an answer of a tick before while time for new ones is spent; make one later.

        None when there is none, or there is time: then it is made now.
        """
        for older in self._generations[1:]:
            if key in older:
                age_s = older[key].age_s
                if not self._budget.is_spent() or (age_s and age_s() > self._good_s):
                    return None
                self._later[key] = make
                return older[key]
        return None

    def find_or_make(self, key: object, make: Callable[[], Document]) -> Document:
        """Give an answer that may be of a tick before."""
        return self.find(key) or self.put_off(key, make) or self.make(key, make)

    async def catch_up(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Make what was put off, as far as there is time, until it `is_over` with this tick."""
        while self._later and not self._budget.is_spent() and not is_over():
            key, make = self._later.popitem()
            if self.find(key) is None:
                self.make(key, make)
            await asyncio.sleep(0)

    def make(self, key: object, make: Callable[[], Document]) -> Document:
        """Make an answer and keep it for those who ask the same."""
        document = self._budget.charged(make)
        for older in self._generations[1:]:
            if key in older:
                self._bytes -= _length(older.pop(key))
        self._bytes += _length(document)
        while self._is_full() and len(self._generations) > 1:
            self._bytes -= _bytes_of(self._generations.pop())
        if self._is_full():
            self._generations[0].clear()
            self._bytes = _length(document)
        self._generations[0][key] = document
        return document

    def _is_full(self) -> bool:
        return self._bytes > _BYTES_MAX or sum(map(len, self._generations)) >= _DOCUMENTS_MAX


def _bytes_of(generation: dict[object, Document]) -> int:
    return sum(map(_length, generation.values()))


def _length(document: Document) -> int:
    return len(document.plain.ready or b"")
