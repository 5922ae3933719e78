"""The people of a city and their cards: who they are, which lines they ride and when. Pure.

A card is a number; everything about it follows from the seed. Shares of the kinds of riders follow
a published day of a city of 1.5 million people, the peaks those of working days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import Ints

CITY_CARDS = 1_300_000
"""Cards of a city of the size of Almaty."""

CARD_SHARES: Mapping[str, float] = {
    "adult": 0.58,
    "pensioner": 0.15,
    "student": 0.17,
    "pupil": 0.10,
}
"""Shares of the cards by rider category; 42 % are concessions."""

_REF_BYTES = 16
_WORK_HOURS = {"pensioner": (10.0, 2.0, 3.0), "pupil": (7.6, 0.3, 5.5), "student": (8.3, 1.2, 6.0)}
_ADULT_HOURS = (7.9, 0.9, 9.3)  # mean and spread of the way out, hours until the way back


@dataclass(frozen=True, slots=True)
class Population:
    """Cards and the habits of their holders; arrays have an entry per card.

    Attributes:
        seed: same seed, same people.
        categories: names of the rider categories; category: index into them.
        first_line, second_line: line numbers of the way out, in this order; the second is -1 for
            who does not change.
        out_s, back_s: usual second of the local day of the way out and of the way back.
        keenness: how likely the holder rides on a working day.
        counter: what the card's own transaction counter stands at.
    """

    seed: int
    categories: tuple[str, ...]
    category: NDArray[np.int8]
    first_line: NDArray[np.int16]
    second_line: NDArray[np.int16]
    out_s: NDArray[np.float32]
    back_s: NDArray[np.float32]
    keenness: NDArray[np.float32]
    counter: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.category)

    def category_of(self, card: int) -> str:
        """Give the rider category of a card."""
        return self.categories[int(self.category[card])]

    def card_ref(self, card: int) -> str:
        """Give the keyed hash that a card is known by; the seed is the key."""
        key = self.seed.to_bytes(8, "big")
        number = card.to_bytes(8, "big")
        return hashlib.blake2b(number, key=key, digest_size=_REF_BYTES).hexdigest()


def make_population(
    cards: int, lines: int, seed: int, shares: Mapping[str, float] = CARD_SHARES
) -> Population:
    """Make people.

    Args:
        cards: how many.
        lines: how many lines there are to ride.
        seed: same seed, same people.
        shares: of the rider categories; they add up to 1.
    """
    rng = np.random.default_rng([seed, 21])
    names = tuple(shares)
    weights = np.array([shares[name] for name in names])
    category = rng.choice(len(names), cards, p=weights / weights.sum()).astype(np.int8)
    popular = 1.0 / np.arange(1, lines + 1) ** 0.6
    popular = rng.permutation(popular / popular.sum())
    first = rng.choice(lines, cards, p=popular).astype(np.int16)
    second = rng.choice(lines, cards, p=popular).astype(np.int16)
    second[(rng.random(cards) > 0.28) | (second == first)] = -1
    hours = np.array([_WORK_HOURS.get(name, _ADULT_HOURS) for name in names])[category]
    out_h = np.clip(rng.normal(hours[:, 0], hours[:, 1]), 5.6, 21.0)
    back_h = np.clip(out_h + rng.normal(hours[:, 2], 1.1), out_h + 0.7, 23.2)
    return Population(
        seed=seed,
        categories=names,
        category=category,
        first_line=first,
        second_line=second,
        out_s=(out_h * 3600.0).astype(np.float32),
        back_s=(back_h * 3600.0).astype(np.float32),
        keenness=rng.beta(0.8, 1.9, cards).astype(np.float32),
        counter=rng.integers(0, 5000, cards, dtype=np.int32),
    )


@dataclass(frozen=True, slots=True)
class Boardings:
    """Everybody who gets on during a day, in order of time; arrays have an entry per boarding.

    Attributes:
        second: of the local day; card: who; line: on what; riders: how many on the tap.
    """

    second: Floats
    card: Ints
    line: Ints
    riders: Ints

    def __len__(self) -> int:
        return len(self.second)


def boardings_of_day(population: Population, day: int, share: float = 1.0) -> Boardings:
    """Let people ride for one day.

    Args:
        population: who may.
        day: number of the day; another day, another draw.
        share: of the usual traffic, e.g. 0.5 on a Sunday.
    """
    rng = np.random.default_rng([population.seed, 22, day])
    rides = rng.random(len(population)) < population.keenness * share
    rider = np.flatnonzero(rides).astype(np.int32)
    first, second = population.first_line[rider], population.second_line[rider]
    out_s = population.out_s[rider] + rng.normal(0.0, 420.0, len(rider))
    back_s = population.back_s[rider] + rng.normal(0.0, 900.0, len(rider))
    back_s = np.maximum(back_s, out_s + 2400.0)
    changes = second >= 0
    returns = rng.random(len(rider)) < 0.86
    walk_s = rng.uniform(360.0, 1500.0, (2, len(rider)))
    everyone = np.ones(len(rider), np.bool_)
    home = np.where(changes, second, first)
    legs = [
        (everyone, out_s, first),
        (changes, out_s + walk_s[0], second),
        (returns, back_s, home),
        (returns & changes, back_s + walk_s[1], first),
    ]
    time_s = np.concatenate([when[some] for some, when, _ in legs])
    line = np.concatenate([which[some] for some, _, which in legs])
    card = np.concatenate([rider[some] for some, _, _ in legs])
    time_s = np.clip(time_s, 5.0 * 3600.0, 24.0 * 3600.0 - 1.0)
    order = np.lexsort((card, time_s))
    group = rng.random(len(order)) < 0.012
    riders = np.where(group, 1 + rng.integers(1, 4, len(order)), 1)
    return Boardings(
        time_s[order], card[order].astype(np.int32), line[order].astype(np.int32),
        riders.astype(np.int32),
    )  # fmt: skip
