"""Who gets on a simulated bus: cards of the population that ride its line. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict

import numpy as np

from sapar.simulators.population import Population

_REST_S = 1500.0  # nobody rides again so soon, unless to change
_CHANGE_S = (150.0, 1200.0)
_CHANGES = 0.6
_TRIES = 8


class Riders:
    """Chooses cards for boardings; the choice depends on the seed and the calls alone.

    Args:
        population: who may ride; its line numbers are row numbers of the timetable's routes.
        lines: how many routes there are; seed: same seed, same riders.
    """

    def __init__(self, population: Population, lines: int, seed: int) -> None:
        self.population = population
        self._rng = np.random.default_rng([seed, 23])
        everyone = np.arange(len(population), dtype=np.int32)
        changers = everyone[population.second_line >= 0]
        card = np.concatenate((everyone, changers))
        line = np.concatenate((population.first_line, population.second_line[changers]))
        order = np.argsort(line, kind="stable")
        self._cards = card[order]
        self._begin = np.searchsorted(line[order], np.arange(lines + 1))
        self._last_s: dict[int, float] = {}
        self._waiting: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self._counters: dict[int, int] = {}

    def board(self, line: int, number: int, time_s: float) -> list[tuple[int, int]]:
        """Let `number` people get on a bus of a line at `time_s`.

        Returns:
            (card, riders on its tap); the riders add up to `number` where there are cards enough.
        """
        found = []
        while number > 0:
            card = self._pick(line, time_s)
            if card is None:
                break
            group = self._rng.random() < 0.012
            riders = min(number, int(self._rng.integers(2, 5))) if group else 1
            found.append((card, riders))
            number -= riders
            self._last_s[card] = time_s
            self._plan_change(card, line, time_s)
        return found

    def next_counter(self, card: int) -> int:
        """Count a card's transaction."""
        counter = self._counters.get(card, int(self.population.counter[card])) + 1
        self._counters[card] = counter
        return counter

    def _pick(self, line: int, time_s: float) -> int | None:
        waiting = self._waiting[line]
        if waiting and waiting[0][0] <= time_s:
            return heapq.heappop(waiting)[1]
        begin, end = int(self._begin[line]), int(self._begin[line + 1])
        if begin == end:
            return None
        for _ in range(_TRIES):
            card = int(self._cards[self._rng.integers(begin, end)])
            if time_s - self._last_s.get(card, -np.inf) >= _REST_S:
                return card
        return None

    def _plan_change(self, card: int, line: int, time_s: float) -> None:
        second = int(self.population.second_line[card])
        if second >= 0 and second != line and self._rng.random() < _CHANGES:
            due_s = time_s + float(self._rng.uniform(*_CHANGE_S))
            heapq.heappush(self._waiting[second], (due_s, card))
