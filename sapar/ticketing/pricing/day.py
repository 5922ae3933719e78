"""The fares of one card on one fare day.

A ride is judged in this order; docs/tariff.md tells why:

1. a second debit in the same vehicle within the window: held, unless a person accepted it;
2. the leg price of network, time, medium and category; none: held;
3. a pass, else a free day, else a concession (also "the first two rides are free");
4. a transfer from the ride before;
5. caps, of which one applies: the one that leaves least to pay.
"""

from __future__ import annotations

from collections.abc import Sequence

from sapar.ticketing.pricing.reductions import Chain, Parts, find_transfer, reduced_fare
from sapar.ticketing.tariff.model import LegPrice, Tariff
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.types import Fare, Ride


class _Day:
    """What earlier rides of the day mean for the next one."""

    __slots__ = ("chain", "day_tiyn", "free_rides", "month_tiyn", "windows")

    def __init__(self, carry_tiyn: int) -> None:
        self.day_tiyn = 0  # what a day's caps count: the holder's own charges
        self.month_tiyn = carry_tiyn  # what a month's caps count: taps of one rider
        self.free_rides = 0
        self.chain: Chain | None = None
        self.windows: dict[str, int] = {}  # vehicle → time of the last ride in it that counted


def price_day(tariffs: Tariffs, rides: Sequence[Ride], carry_month_tiyn: int) -> list[Fare]:
    """Give the fares of one card's rides of one fare day, one for each, in their order.

    Each ride is priced by the version that holds at its time. The result is a function of the
    arguments alone, and the fare of a ride one of the rides up to it.

    Args:
        tariffs: the agency's published versions.
        rides: in canonical order.
        carry_month_tiyn: what the card was charged on earlier fare days of the month by taps for
            one rider; it matters where `tariffs.has_month_cap`.
    """
    day = _Day(carry_month_tiyn)
    return [_price(tariffs, day, ride) for ride in rides]


def _price(tariffs: Tariffs, day: _Day, ride: Ride) -> Fare:
    at_ms = ride.at_ms
    tariff = tariffs.tariff_at(at_ms)
    if tariff is None:
        return held("no_tariff", 0, ride.category)
    vehicle_id = ride.vehicle_id
    if vehicle_id is not None and tariff.double_debit_ms and not ride.accepted:
        before_ms = day.windows.get(vehicle_id)
        # the window counts from the ride that counted: repeats do not prolong it
        if before_ms is not None and at_ms - before_ms < tariff.double_debit_ms:
            return held("double_debit", tariff.version_no, ride.category)
    route_id = ride.route_id
    if route_id is None and tariff.hold_unknown_route:
        return held("no_route", tariff.version_no, ride.category)
    network = tariff.network_of(route_id)
    category = ride.category or tariff.default_category
    leg = tariff.find_leg(network, category, ride.medium, at_ms)
    if leg is None:
        return held("no_fare_rule", tariff.version_no, category)
    if _is_plain(tariff, day, ride, leg):
        fare = leg.fare
        day.day_tiyn += leg.own_tiyn
        day.month_tiyn += leg.own_tiyn
        if tariff.transfers:
            day.chain = Chain.begin(ride, leg)
    else:
        found = _reduced(tariff, day, ride, leg, network)
        if found is None:
            return held("no_fare_rule", tariff.version_no, category)
        fare = found
    if vehicle_id is not None:
        day.windows[vehicle_id] = at_ms
    return fare


def _is_plain(tariff: Tariff, day: _Day, ride: Ride, leg: LegPrice) -> bool:
    """Tell whether the ride costs its leg price, whatever else the tariff has."""
    if ride.num_riders != 1 or ride.passes or leg.free_rides > day.free_rides:
        return False
    if tariff.free_days and tariff.calendar.fare_day(ride.at_ms) in tariff.free_days:
        return False
    chain = day.chain
    if chain is not None and tariff.transfers and find_transfer(tariff, chain, ride, leg):
        return False
    own = leg.own_tiyn
    return day.day_tiyn + own <= leg.day_limit_tiyn and day.month_tiyn + own <= leg.month_limit_tiyn


def _reduced(tariff: Tariff, day: _Day, ride: Ride, leg: LegPrice, network: str) -> Fare | None:
    """Price a ride that others ride along on, or that costs less for some reason."""
    others = ride.num_riders - 1
    other = leg
    if others > 0:
        found = tariff.find_leg(network, tariff.group_category, ride.medium, ride.at_ms)
        if found is None:
            return None
        other = found
    parts = Parts(tariff, ride, leg, other, others, network)
    parts.apply_free(day.free_rides)
    day.free_rides += parts.used_free_ride
    day.chain = parts.apply_transfer(day.chain)
    parts.apply_caps(day.day_tiyn, day.month_tiyn)
    day.day_tiyn += parts.own_tiyn
    if not others:
        day.month_tiyn += parts.own_tiyn
    return reduced_fare(parts)


def held(code: str, version_no: int, category: str) -> Fare:
    """Give the fare of a tap that is no ride of its own."""
    return Fare("", category, version_no, 0, 0, (), 0, code, code)
