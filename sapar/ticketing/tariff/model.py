"""A tariff ready for pricing: every question about a ride is one look-up. Amounts are tiyn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.types import Fare

NO_LIMIT = 1 << 62
"""A limit that no sum of fares reaches."""

SCHEME: Literal["scheme"] = "scheme"
CARRIER: Literal["carrier"] = "carrier"


@dataclass(frozen=True, slots=True)
class Service:
    """Days of a row of calendar.txt and its exceptions; dates are proleptic ordinals."""

    weekdays: tuple[bool, ...] = (False,) * 7
    first: int = 1
    last: int = 0
    added: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()

    def runs_on(self, ordinal: int) -> bool:
        """Tell whether a day is one of the service's."""
        if ordinal in self.added:
            return True
        regular = self.first <= ordinal <= self.last and self.weekdays[(ordinal - 1) % 7]
        return regular and ordinal not in self.removed

    @property
    def days(self) -> frozenset[int]:
        """All its days."""
        regular = (day for day in range(self.first, self.last + 1) if self.weekdays[(day - 1) % 7])
        return (frozenset(regular) - self.removed) | self.added


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A row of timeframes.txt: seconds of the local calendar day, the end not included."""

    start_s: int
    end_s: int
    service: Service

    def holds(self, ordinal: int, second: int) -> bool:
        """Tell whether a local day and second of it lie within."""
        return self.start_s <= second < self.end_s and self.service.runs_on(ordinal)


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on what a card is charged in a fare day or a calendar month of fare days.

    A day's cap counts the holder's own charges; a month's those of taps for one rider.
    """

    cap_id: str
    period: Literal["day", "month"]
    amount_tiyn: int
    funder: str


@dataclass(frozen=True, slots=True)
class LegPrice:
    """What one rider pays for one ride, before anything that depends on other rides.

    Attributes:
        nominal_tiyn: the price that the carrier is owed: the base category's where a funder makes
            up the difference, else the category's own.
        own_tiyn: the category's own price, at most the nominal one.
        funder: who bears the difference; empty when there is none.
        timeframe: group of timeframes.txt in which the price holds, or empty: always.
        free_rides: how many rides a day cost nothing, at `free_funder`'s expense.
        caps: those that hold for the category, and the smallest amount of each period.
        fare: the fare of one rider whom nothing else concerns; it is handed out as it is.
    """

    product_id: str
    leg_group: str
    category: str
    nominal_tiyn: int
    own_tiyn: int
    funder: str
    timeframe: str
    free_rides: int
    free_funder: str
    caps: tuple[Cap, ...]
    day_limit_tiyn: int
    month_limit_tiyn: int
    fare: Fare


@dataclass(frozen=True, slots=True)
class TransferRule:
    """A row of fare_transfer_rules.txt.

    Attributes:
        count: how many transfers in a row it spans, `NO_LIMIT` when any number.
        duration_ms: at most this long after the validation before, or after the first of the
            chain (`from_first`).
        product_id: what the transfer costs, or empty: nothing.
        funder: who bears what it saves.
    """

    count: int
    duration_ms: int
    from_first: bool
    product_id: str
    funder: str


@dataclass(frozen=True, slots=True)
class PassProduct:
    """A product that is paid once for all rides of a period.

    Attributes:
        period: `month`: the calendar month; `days`: `days` fare days from the first.
        networks: where it holds; empty: everywhere.
        priority: the smallest one of several passes is used.
    """

    product_id: str
    period: Literal["month", "days"]
    days: int
    networks: frozenset[str]
    priority: int


@dataclass(frozen=True)
class Tariff:
    """One version of a city's tariff.

    Attributes:
        version_no: its number in the agency, 0 for files that are not stored.
        categories: rider category → its name.
        base_categories: category whose difference a funder makes up → the category it differs from.
        route_networks: route → network; any other route is of `default_network`.
        hold_unknown_route: a tap that names no route is held instead.
        legs: (network, category, medium) → prices, the first that holds at the time counts.
        transfers: (leg group, leg group) → rules by rising count; the empty group stands for
            every group that the rules do not name.
        transfer_groups: the groups that `transfers` names, of the leg before and of the next.
        prices: product → (category, medium) → price.
        free_days: fare day → network (empty: all) → funder.
    """

    version_no: int
    name: str
    digest: str
    currency: str
    calendar: FareCalendar
    default_category: str
    group_category: str
    double_debit_ms: int
    default_network: str
    hold_unknown_route: bool
    same_route_transfer: bool
    categories: Mapping[str, str]
    base_categories: Mapping[str, str]
    route_networks: Mapping[str, str]
    media: tuple[str, ...]
    legs: Mapping[tuple[str, str, str], tuple[LegPrice, ...]]
    prices: Mapping[str, Mapping[tuple[str, str], int]]
    timeframes: Mapping[str, tuple[Timeframe, ...]] = field(default_factory=dict)
    transfers: Mapping[tuple[str, str], tuple[TransferRule, ...]] = field(default_factory=dict)
    transfer_groups: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    caps: tuple[Cap, ...] = ()
    free_days: Mapping[date, Mapping[str, str]] = field(default_factory=dict)
    passes: Mapping[str, PassProduct] = field(default_factory=dict)

    @cached_property
    def has_month_cap(self) -> bool:
        """Whether fares depend on what earlier days of the month were charged."""
        return any(cap.period == "month" for cap in self.caps)

    def network_of(self, route_id: str | None) -> str:
        """Give the network of a route; the default one for a route that no network has."""
        if route_id is None:
            return self.default_network
        return self.route_networks.get(route_id, self.default_network)

    def find_leg(self, network: str, category: str, medium: str, at_ms: int) -> LegPrice | None:
        """Give the price of a rider of a category, None when the tariff has none for it."""
        options = self.legs.get((network, category, medium), ())
        for leg in options:
            if not leg.timeframe or self.in_timeframe(leg.timeframe, at_ms):
                return leg
        return None

    def in_timeframe(self, group: str, at_ms: int) -> bool:
        """Tell whether a moment lies in a group of timeframes."""
        ordinal, second = self.calendar.local(at_ms)
        return any(frame.holds(ordinal, second) for frame in self.timeframes[group])

    def find_transfers(self, from_group: str, to_group: str) -> tuple[TransferRule, ...]:
        """Give the rules for changing between two leg groups."""
        before, after = self.transfer_groups
        key = (from_group if from_group in before else "", to_group if to_group in after else "")
        return self.transfers.get(key, ())

    def find_price(self, product_id: str, category: str, medium: str = "") -> int | None:
        """Give what a product costs a category, paid with a medium; None when it has no price.

        Without a medium (a pass sold at a desk) the first medium that has a price answers.
        """
        prices = self.prices.get(product_id, {})
        for name in (medium,) if medium else self.media:
            if (category, name) in prices:
                return prices[category, name]
        return None
