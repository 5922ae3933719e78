"""What happens in a month of a small town, before finance looks at it: rides and top-ups, as truth.

Eight buses of two carriers on four routes, cards of three categories, two shops and a wallet that
sell top-ups. All of it follows from a seed; what goes wrong is planted by `faults.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sapar.contract.messages import Tap
from tests.ticketing import oracle
from tests.ticketing.world import World

ZONE = ZoneInfo("Asia/Aqtobe")
FIRST = date(2026, 4, 1)
DAYS = 30
DEVICES = 8
CARDS = 240
RIDES_A_DAY = 44
"""Taps of one validator on one day, about."""

CATEGORIES = ("adult", "adult", "adult", "student", "pupil")
SHOP, KIOSK, WALLET = "shop", "kiosk", "wallet"
"""A shop that settles the next day, a kiosk that does so too, and a wallet that withholds a fee."""


class Sale(NamedTuple):
    """A top-up as its seller knows it."""

    seller: str
    reference: str
    card_ref: str
    amount_tiyn: int
    at: datetime


class Recorded(NamedTuple):
    """A tap as its validator recorded it."""

    device: str
    tap: Tap


@dataclass(frozen=True)
class Day:
    """A day's truth: what was sold, and what each validator recorded, in its order."""

    service_date: date
    sales: list[Sale]
    taps: dict[str, list[Tap]]

    def all_taps(self) -> Iterator[Recorded]:
        """Give all taps with their validators."""
        for device, taps in self.taps.items():
            for tap in taps:
                yield Recorded(device, tap)


def days_of_month() -> list[date]:
    """Give the dates of the month."""
    return [FIRST + timedelta(days=number) for number in range(DAYS)]


def local(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """Give a moment of a local day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZONE).astimezone(UTC)


def card_ref(number: int) -> str:
    """Name a card."""
    return f"card-{number:03d}"


def category_of(number: int) -> str:
    """Give a card's category."""
    return CATEGORIES[number % len(CATEGORIES)]


class Town:
    """Makes one day after another; each validator and card counts on from the day before."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = random.Random(seed)
        self._seq = dict.fromkeys(world.devices, 0)
        self._counter = [0] * CARDS

    def day(self, service_date: date) -> Day:
        """Give the next day."""
        return Day(service_date, list(self._sales(service_date)), dict(self._rides(service_date)))

    def _sales(self, service_date: date) -> Iterator[Sale]:
        sellers: tuple[tuple[str, int], ...] = ((SHOP, 6), (KIOSK, 8), (WALLET, 10))
        for seller, many in sellers:
            for number in range(many):
                yield Sale(
                    seller,
                    f"{seller}-{service_date:%m%d}-{number:02d}",
                    card_ref(self._random.randrange(CARDS)),
                    self._random.choice((500_00, 1_000_00, 2_000_00, 3_000_00)),
                    local(service_date, 8 + number, self._random.randrange(60)),
                )

    def _rides(self, service_date: date) -> Iterator[tuple[str, list[Tap]]]:
        """Every card rides at most once in the morning and once in the afternoon."""
        devices = sorted(self._world.devices)
        morning = self._random.sample(range(CARDS), CARDS - 20)
        evening = self._random.sample(range(CARDS), CARDS - 60)
        planned: dict[str, list[tuple[datetime, int]]] = {device: [] for device in devices}
        for riders, hour in ((morning, 7), (evening, 15)):
            for place, card in enumerate(riders):
                at = local(service_date, hour) + timedelta(seconds=place * 75)
                planned[devices[place % len(devices)]].append((at, card))
        made: dict[str, list[Tap]] = {device: [] for device in devices}
        in_time = sorted((at, card, name) for name, rides in planned.items() for at, card in rides)
        for at, card, device in in_time:  # a card counts in the order in which it rides
            made[device].append(self._tap(device, at, card))
        yield from made.items()

    def _tap(self, device: str, at: datetime, card: int) -> Tap:
        self._seq[device] += 1
        self._counter[card] += 1
        return self._world.tap(
            device,
            self._seq[device],
            round(at.timestamp() * 1000),
            card_ref(card),
            counter=self._counter[card],
            clock_src="gnss",
            product_id=oracle.PRODUCT,
            charged_tiyn=oracle.PRICES[category_of(card)].own,
        )
