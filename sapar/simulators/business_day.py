"""A business day of a city as it truly was: who rode, who sold top-ups, what went wrong. Pure.

It is laid down once, before the buses of a demo begin, so that finance has a day to close. All of
it follows from the seed. What goes wrong is planted with an exact worth: a validator loses a few
taps, an agent brings less than it sold, a processor keeps more than was agreed, and the bank shows
a line that nothing explains.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sapar.contract.messages import Tap
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.population import Boardings, Population, boardings_of_day
from sapar.simulators.taps import MadeTap, rank_within

TAPS: Final = 4_000
"""Taps of the day, about; fewer where few buses are."""
TAPS_OF_A_BUS: Final = 80
BUSES: Final = 60
"""So many buses carry those who ride that day."""
LOST_TAPS: Final = 7
_HEADWAY_S: Final = 480.0
_AMOUNTS_KZT: Final = (500, 1_000, 1_500, 2_000, 3_000, 5_000)
_WEIGHTS: Final = (22, 34, 12, 18, 9, 5)
_OPENS_S, _SHUTS_S = 7 * 3600, 22 * 3600


class Seller(NamedTuple):
    """Who sells top-ups, and how its money comes to the bank on the same day.

    Attributes:
        seller_id, name: in our books; payer: as the bank writes it.
        party: an agent has cash, a processor has it on an account.
        bin, iban: of the payer.
        share_bp: basis points of its sales that it keeps.
        sales: how many top-ups a day.
        short_tiyn: what it brings less than it should.
    """

    seller_id: str
    name: str
    payer: str
    party: Literal["agent", "processor"]
    bin: str
    iban: str
    share_bp: int
    sales: int
    short_tiyn: int = 0


class Sale(NamedTuple):
    """A top-up as its seller knows it; `at_ms` in Unix milliseconds."""

    seller_id: str
    reference: str
    card_ref: str
    amount_tiyn: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """What happened.

    Attributes:
        taps: what validators recorded, in order of time, not sealed; lost ones among them.
        lost: (device, sequence number) of those that no server will hear of.
        sales: top-ups, in order of time.
    """

    taps: list[MadeTap]
    lost: frozenset[tuple[int, int]]
    sales: list[Sale]

    def list_lost(self) -> list[Tap]:
        """Give the taps that are lost."""
        return [one.tap for one in self.taps if (one.device, one.tap.seq) in self.lost]

    def sold_tiyn(self, seller_id: str) -> int:
        """Give what a seller sold."""
        return sum(sale.amount_tiyn for sale in self.sales if sale.seller_id == seller_id)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Where and with whom the day happens.

    Attributes:
        midnight_ms: Unix milliseconds of the local midnight that it begins with.
        people: who may ride; their counters are what the cards show after the day.
        may_ride: by card, whether it has money enough.
        route_ids: by the people's line numbers.
        epochs: of the validators, one each.
        fares: what validators take, as (product, tiyn a rider) by category.
        sellers: who sells top-ups.
        name: of the day, in references.
        seed: same seed, same day.
    """

    midnight_ms: int
    people: Population
    may_ride: NDArray[np.bool_]
    route_ids: Sequence[str]
    epochs: Sequence[int]
    fares: Mapping[str, tuple[str, int]]
    sellers: Sequence[Seller]
    name: str
    seed: int = 1
    taps: int = field(default=TAPS)


def make_business_day(plan: DayPlan) -> BusinessDay:
    """Let people ride and top up for a day."""
    boardings = _boardings(plan)
    taps = _taps(plan, boardings)
    return BusinessDay(taps, _lose(taps, len(plan.epochs)), _sales(plan, boardings.card))


def _boardings(plan: DayPlan) -> Boardings:
    """Let some cards ride all of their day, so that their transfers and counters are whole."""
    everybody = boardings_of_day(plan.people, 0)
    rides = np.bincount(everybody.card, minlength=len(plan.people))
    # a card's counter after the day is what the population says, and it never was below zero
    riders = np.flatnonzero(plan.may_ride & (rides > 0) & (plan.people.counter >= rides))
    riders = np.random.default_rng([plan.seed, 31]).permutation(riders)
    wanted = min(plan.taps, TAPS_OF_A_BUS * len(plan.epochs))
    chosen = riders[: int(np.searchsorted(np.cumsum(rides[riders]), wanted)) + 1]
    rows = np.isin(everybody.card, chosen)
    return Boardings(
        everybody.second[rows], everybody.card[rows], everybody.line[rows], everybody.riders[rows]
    )


def _taps(plan: DayPlan, boardings: Boardings) -> list[MadeTap]:
    device = _devices(len(plan.epochs), len(plan.route_ids), boardings)
    seq = rank_within(device) + 1
    rides = np.bincount(boardings.card, minlength=len(plan.people))
    counter = (
        plan.people.counter[boardings.card]
        - rides[boardings.card]
        + rank_within(boardings.card)
        + 1
    )
    time_ms = plan.midnight_ms + np.round(boardings.second * 1000.0).astype(np.int64)
    made = []
    for number, card, line, riders, at_ms, own_seq, own_counter in zip(
        device.tolist(), boardings.card.tolist(), boardings.line.tolist(),
        boardings.riders.tolist(), time_ms.tolist(), seq.tolist(), counter.tolist(), strict=True,
    ):  # fmt: skip
        product, fare_tiyn = plan.fares.get(plan.people.category_of(card), (None, None))
        tap = Tap(
            epoch=plan.epochs[number],
            seq=own_seq,
            time_ms=at_ms,
            card_ref=plan.people.card_ref(card),
            num_riders=riders,
            counter=own_counter,
            route_id=plan.route_ids[line],
            boot_no=1,
            uptime_ms=at_ms - plan.midnight_ms,
            clock_src="gnss",
            product_id=product,
            charged_tiyn=None if fare_tiyn is None else fare_tiyn * riders,
        )
        made.append(MadeTap(number, tap, card, at_ms))
    return made


def _devices(devices: int, lines: int, boardings: Boardings) -> Ints:
    """Give the validator that each boarding is tapped at: the buses of a line come in turn."""
    of_a_line = max(1, devices // lines)
    turn = (boardings.second / _HEADWAY_S).astype(np.int64) % of_a_line
    found: Ints = ((boardings.line + lines * turn) % devices).astype(np.int32)
    return found


def _lose(taps: Sequence[MadeTap], devices: int) -> frozenset[tuple[int, int]]:
    """Let the busiest validator lose the range that is worth most, not at an end of its day."""
    counts = np.bincount([one.device for one in taps], minlength=devices)
    device = int(np.argmax(counts))
    worth = [one.tap.charged_tiyn or 0 for one in taps if one.device == device]
    many = min(LOST_TAPS, len(worth) // 3)
    begins = range(1, max(2, len(worth) - many))
    first = max(begins, key=lambda begin: sum(worth[begin : begin + many]))
    return frozenset((device, first + 1 + number) for number in range(many))


def _sales(plan: DayPlan, riding: Ints) -> list[Sale]:
    draw = random.Random(plan.seed * 769 + 3)
    cards = sorted(set(riding.tolist()))
    sales = []
    for seller in plan.sellers:
        moments = sorted(draw.randrange(_OPENS_S, _SHUTS_S) for _ in range(seller.sales))
        for number, second in enumerate(moments, start=1):
            [kzt] = draw.choices(_AMOUNTS_KZT, _WEIGHTS)
            card = cards[draw.randrange(len(cards))]
            sales.append(
                Sale(
                    seller.seller_id,
                    f"{seller.seller_id}-{plan.name}-{number:04}",
                    plan.people.card_ref(card),
                    kzt * 100,
                    plan.midnight_ms + second * 1000,
                )
            )
    return sorted(sales, key=lambda sale: (sale.at_ms, sale.reference))
