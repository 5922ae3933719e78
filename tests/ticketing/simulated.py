"""Days of the simulator's taps in the town, and a way to post them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec

from sapar.core.clock import SystemClock
from sapar.core.db import connect_async
from sapar.simulators.population import CARD_SHARES, make_population
from sapar.simulators.taps import MadeTap, ValidatorFleet, taps_of_day
from sapar.simulators.taps_faults import EXPECTED, TapFaults, plant
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.liability import load_liabilities
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.post import Tools, post_taps
from sapar.ticketing.taps.carriers import Carriers, load_carriers
from sapar.ticketing.tariff import Tariffs
from sapar.ticketing.types import Posted, TapIn
from tests.ticketing.world import MORNING_MS, World, add_cards, town_tariffs


def batches(items: Sequence[TapIn], sizes: Iterable[int]) -> Iterable[list[TapIn]]:
    """Cut items into batches of these sizes, the last one repeated."""
    at, size = 0, 1
    turns = iter(sizes)
    while at < len(items):
        size = next(turns, size)
        yield list(items[at : at + size])
        at += size


def planted_day(
    world: World, seed: int, taps_max: int, faults: TapFaults, cards: int = 2000
) -> list[MadeTap]:
    """Give a day of the simulator's taps, and issue the cards that ride.

    One tap in six is for a group. Two of 250 cards are known to nobody, and one in twenty is a guest's, which has no fare.
    """
    lines = len(world.devices) // 2
    people = make_population(cards, lines, seed, {**CARD_SHARES, "guest": 0.05})
    fleet = ValidatorFleet([f"route-{line}" for line in range(lines)], buses=2)
    made = taps_of_day(people, fleet, MORNING_MS - 8 * 3_600_000, taps_max=taps_max)
    in_groups = [
        one._replace(tap=msgspec.structs.replace(one.tap, num_riders=2 + number % 3))
        if number % 6 == 0
        else one
        for number, one in enumerate(made)
    ]
    planted = plant(in_groups, seed, faults).taps
    riding = sorted({one.card for one in planted})
    add_cards(
        world,
        [(people.card_ref(card), people.category_of(card)) for card in riding if card % 250 > 1],
    )
    return planted


def sealed_code(one: MadeTap) -> str | None:
    """Give why the seal of a planted tap does not count."""
    return EXPECTED[one.fault] if one.fault in {"forged", "stranger", "unsigned"} else None


def simulated_day(
    world: World, seed: int, taps_max: int, faults: TapFaults, cards: int = 2000
) -> list[TapIn]:
    """Give a day of taps as they come out of verification, in order of time."""
    return [
        world.tap_in(f"validator-{one.device}", one.tap, sealed_code(one))
        for one in planted_day(world, seed, taps_max, faults, cards)
    ]


def tools_of(conninfo: str, carriers: Carriers, *, more: bool = False) -> Tools:
    """Make what a process posts with; `more` is a tariff with a monthly cap and a pass."""
    tariffs = town_tariffs(more=more)

    def find_tariffs(_agency_id: str) -> Tariffs:
        return tariffs

    return Tools(
        clock=SystemClock(),
        accounts=Accounts(conninfo),
        tariffs=find_tariffs,
        carriers=lambda: carriers,
        liabilities=load_liabilities,
        activations=activate_pending,
    )


@asynccontextmanager
async def posting(world: World):
    """Give a function that posts batches over a connection of its own."""
    connection = await connect_async(world.conninfo)
    async with connection:
        tools = tools_of(world.conninfo, await load_carriers(connection))

        async def post(taps: Sequence[TapIn]) -> Posted:
            return await post_taps(connection, tools, taps)

        yield post
