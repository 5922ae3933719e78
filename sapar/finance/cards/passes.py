"""Passes that a desk sells: what the tariff in force has, at its price and for its days. Pure."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from sapar.core.errors import Refused
from sapar.ticketing.cards.requests import SellPass
from sapar.ticketing.tariff.model import Tariff

MEDIUM = "card"
"""What a pass is on: a card's price is asked."""


class PassOffer(msgspec.Struct, frozen=True):
    """A pass that may be sold to a card now.

    Attributes:
        product_id: fare product of the tariff.
        price_tiyn: for the card's category.
        valid_from_ms, valid_to_ms: from, inclusive, and to, exclusive.
        first_day, last_day: the same as fare days, both inclusive.
    """

    product_id: str
    price_tiyn: int
    valid_from_ms: int
    valid_to_ms: int
    first_day: date
    last_day: date


def offer_passes(tariff: Tariff | None, category: str, now_ms: int) -> list[PassOffer]:
    """Give the passes of a tariff for a rider category: of this month and of the next one.

    This month's begins today: rides of the days before were paid, and stay so. A pass of so many
    days is offered from today and from tomorrow on. A product without a price for the category is
    not offered.
    """
    if tariff is None:
        return []
    today = tariff.calendar.fare_day(now_ms)
    offers = []
    for product_id, product in sorted(tariff.passes.items()):
        price = tariff.prices.get(product_id, {}).get((category, MEDIUM))
        if price is None:
            continue
        if product.period == "month":
            following = _month(today)[1]
            spans = [(today, following), _month(following)]
        else:
            firsts = (today, today + timedelta(days=1))
            spans = [(first, first + timedelta(days=product.days)) for first in firsts]
        for first, after in spans:
            offers.append(
                PassOffer(
                    product_id,
                    price,
                    tariff.calendar.start_ms(first),
                    tariff.calendar.start_ms(after),
                    first,
                    after - timedelta(days=1),
                )
            )
    return offers


def check_offered(offers: list[PassOffer], request: SellPass) -> None:
    """Refuse a pass that is not offered like this now.

    Raises:
        Refused: `not_offered`.
    """
    asked = (
        request.product_id, request.price_tiyn, request.valid_from_ms, request.valid_to_ms,
    )  # fmt: skip
    for one in offers:
        if asked == (one.product_id, one.price_tiyn, one.valid_from_ms, one.valid_to_ms):
            return
    raise Refused(
        "The tariff in force offers no such pass to this card.",
        code="not_offered",
        hint="Open the card again: category or tariff have changed.",
    )


def _month(day: date) -> tuple[date, date]:
    """Give the first day of a day's month, and of the next one."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)
