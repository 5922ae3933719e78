"""A dry run: a day's stored taps priced by the published tariffs and by a draft, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol

from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.ticketing.pricing.day import price_day
from sapar.ticketing.tariff.model import NO_LIMIT, Tariff
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.tariff.versions import load_tariffs
from sapar.ticketing.types import Fare, Ride

PRICING_CODES: Final = ("double_debit", "no_fare_rule", "no_route", "no_tariff")
"""Codes by which pricing holds a tap; a tap held for another reason is no ride under any tariff."""

LARGEST: Final = 20
"""So many cards with the largest differences are kept, and so many taps without a price."""
_FETCHED_ROWS = 5000
_CLOCK_SLACK = timedelta(days=1)  # a corrected time may lie after the receipt by clocks' drift


@dataclass(slots=True)
class Line:
    """What one category and product come to under the published tariffs and under the draft.

    Attributes:
        taps_now, taps_then: rides that count.
        boardings_now, boardings_then: riders on them.
        charged_now_tiyn, charged_then_tiyn: paid by cards.
    """

    taps_now: int = 0
    taps_then: int = 0
    boardings_now: int = 0
    boardings_then: int = 0
    charged_now_tiyn: int = 0
    charged_then_tiyn: int = 0

    def add(self, fare: Fare, side: int) -> None:
        """Add a ride: to what is now (0), or to what would be (1)."""
        if side:
            self.taps_then += 1
            self.boardings_then += fare.boardings
            self.charged_then_tiyn += fare.charged_tiyn
        else:
            self.taps_now += 1
            self.boardings_now += fare.boardings
            self.charged_now_tiyn += fare.charged_tiyn

    def to_json(self) -> dict[str, int]:
        """Give it as plain values."""
        return {
            "taps_now": self.taps_now,
            "taps_then": self.taps_then,
            "boardings_now": self.boardings_now,
            "boardings_then": self.boardings_then,
            "charged_now_tiyn": self.charged_now_tiyn,
            "charged_then_tiyn": self.charged_then_tiyn,
            "difference_tiyn": self.charged_then_tiyn - self.charged_now_tiyn,
        }


@dataclass(slots=True)
class DryRun:
    """The difference that a draft would have made on one fare day.

    Attributes:
        lines: (rider category, product) → sums.
        funders: (adjustment kind, funder) → what it bears now and then, in tiyn.
        held_now, held_then: code → taps that are no rides of their own.
        cards_dearer, cards_cheaper: cards that would pay more, or less.
        channels: (medium, product) → sums.
        largest: (difference in tiyn, card) of the cards whose day changes most.
        unpriced: taps that the draft alone has no price for: (tap, code), the first of them.
    """

    service_date: date
    taps: int = 0
    cards: int = 0
    cards_dearer: int = 0
    cards_cheaper: int = 0
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    funders: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    held_now: dict[str, int] = field(default_factory=dict)
    held_then: dict[str, int] = field(default_factory=dict)
    channels: dict[tuple[str, str], Line] = field(default_factory=dict)
    largest: list[tuple[int, int]] = field(default_factory=list)
    unpriced: list[tuple[int, str]] = field(default_factory=list)

    def add_card(
        self, card_no: int, rides: Sequence[Ride], now: Sequence[Fare], then: Sequence[Fare]
    ) -> None:
        """Add the fares of one card's day under both."""
        self.cards += 1
        self.taps += len(now)
        difference = sum(fare.charged_tiyn for fare in then) - sum(f.charged_tiyn for f in now)
        self.cards_dearer += difference > 0
        self.cards_cheaper += difference < 0
        for ride, fare, other in zip(rides, now, then, strict=True):
            self._add(ride.medium, fare, 0)
            self._add(ride.medium, other, 1)
            if other.hold not in {None, fare.hold} and len(self.unpriced) < LARGEST:
                self.unpriced.append((ride.tap_no, str(other.hold)))
        if difference:
            self.keep_largest([(difference, card_no)])

    def keep_largest(self, more: Iterable[tuple[int, int]]) -> None:
        """Keep the largest differences of those that there are and some more."""
        both = sorted([*self.largest, *more], key=lambda one: (-abs(one[0]), one[1]))
        self.largest = both[:LARGEST]

    def _add(self, medium: str, fare: Fare, side: int) -> None:
        if fare.hold is not None:
            held = self.held_then if side else self.held_now
            held[fare.hold] = held.get(fare.hold, 0) + 1
            return
        self.lines.setdefault((fare.rider_category, fare.product_id), Line()).add(fare, side)
        self.channels.setdefault((medium, fare.product_id), Line()).add(fare, side)
        for adjustment in fare.adjustments:
            key = (adjustment.kind, adjustment.funder)
            self.funders.setdefault(key, [0, 0])[side] += adjustment.amount_tiyn

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        lines = [
            {"rider_category": category, "product": product_id, **line.to_json()}
            for (category, product_id), line in sorted(self.lines.items())
        ]
        channels = [
            {"medium": medium, "product": product_id, **line.to_json()}
            for (medium, product_id), line in sorted(self.channels.items())
        ]
        funders = [
            {
                "kind": kind,
                "funder": funder,
                "now_tiyn": now,
                "then_tiyn": then,
                "difference_tiyn": then - now,
            }
            for (kind, funder), (now, then) in sorted(self.funders.items())
        ]
        return {
            "service_date": self.service_date.isoformat(),
            "taps": self.taps,
            "cards": self.cards,
            "cards_dearer": self.cards_dearer,
            "cards_cheaper": self.cards_cheaper,
            "lines": lines,
            "channels": channels,
            "funders": funders,
            "held_now": dict(sorted(self.held_now.items())),
            "held_then": dict(sorted(self.held_then.items())),
        }


async def dry_run(
    pool: Pool,
    agency_id: str,
    draft: Tariff,
    service_date: date,
    progress: Callable[[int], None] = lambda _: None,
) -> DryRun:
    """Price a fare day's stored taps by the published tariffs and by a draft, and compare.

    Nothing is written. Both sides are priced anew from the same taps, so that the difference is the
    tariff's alone: what the deny list moved to others does not show in it.

    Args:
        pool: the database.
        agency_id: whose taps.
        draft: prices every tap of the day, whenever it is to hold from.
        service_date: the fare day.
        progress: told how many taps are done, every few thousand.

    Raises:
        NotFound: there is no such agency.
    """
    published = await load_tariffs(pool, agency_id)
    then = Tariffs([(-NO_LIMIT, draft)])
    result = DryRun(service_date)
    start_s = draft.calendar.start_ms(service_date) / 1000
    values = {
        "agency_id": agency_id,
        "service_date": service_date,
        "received_from": datetime.fromtimestamp(start_s, UTC) - _CLOCK_SLACK,
        "codes": list(PRICING_CODES),
    }
    queries = load_queries("sapar.ticketing.pricing")
    carried = published.has_month_cap or then.has_month_cap
    with translated():
        async with pool.connection() as connection, connection.cursor(name="dry_run") as cursor:
            await connection.execute(queries["plan_for_all_rows"])
            await cursor.execute(queries["rides_of_day"], values)
            async for cards in _batches(cursor):
                sums = await _carry(connection, queries, cards, service_date) if carried else {}
                await asyncio.to_thread(_compare, result, published, then, cards, sums)
                progress(result.taps)
    return result


class _Cursor(Protocol):
    async def fetchmany(self, size: int) -> list[Any]: ...


async def _batches(cursor: _Cursor) -> AsyncIterator[dict[int, list[Ride]]]:
    """Give the rides of whole cards, some thousand rows at a time."""
    rest: list[Any] = []
    while rows := await cursor.fetchmany(_FETCHED_ROWS):
        rest += rows
        unfinished = rows[-1][0]  # its rides may go on in the next rows
        whole = [row for row in rest if row[0] != unfinished]
        rest = [row for row in rest if row[0] == unfinished]
        if whole:
            yield _by_card(whole)
    if rest:
        yield _by_card(rest)


async def _carry(
    connection: AsyncConnection,
    queries: Mapping[str, Any],
    cards: Mapping[int, Sequence[Ride]],
    service_date: date,
) -> dict[int, int]:
    values = {"card_no": list(cards), "service_date": service_date}
    cursor = await connection.execute(queries["charged_before"], values)
    return dict(await cursor.fetchall())


def _by_card(rows: Iterable[Any]) -> dict[int, list[Ride]]:
    return {
        card_no: [_ride(row) for row in of_card]
        for card_no, of_card in groupby(rows, key=itemgetter(0))
    }


def _ride(row: Any) -> Ride:
    _, tap_no, at_ms, route_id, vehicle_id, medium, num_riders, category, passes, accepted = row
    names = tuple(passes or ())
    return Ride(tap_no, at_ms, route_id, vehicle_id, medium, category, names, num_riders, accepted)


def _compare(
    result: DryRun,
    published: Tariffs,
    then: Tariffs,
    cards: Mapping[int, Sequence[Ride]],
    carried: Mapping[int, int],
) -> None:
    for card_no, rides in cards.items():
        carry_tiyn = carried.get(card_no, 0)
        now = price_day(published, rides, carry_tiyn)
        result.add_card(card_no, rides, now, price_day(then, rides, carry_tiyn))
