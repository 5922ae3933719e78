"""What lowers the price of one ride: passes, free days, concessions, transfers, caps."""

from __future__ import annotations

from typing import NamedTuple

from sapar.ticketing.tariff.model import NO_LIMIT, LegPrice, Tariff, TransferRule
from sapar.ticketing.types import Adjustment, AdjustmentKind, Fare, Ride


class Chain(NamedTuple):
    """Rides that may change free of charge, up to the last one.

    Attributes:
        leg_group: of the last ride.
        route_id, vehicle_id, at_ms: of the last ride.
        first_ms: time of the first ride.
        first_no: its number.
        transfers: how many rides of the chain were transfers.
    """

    leg_group: str
    route_id: str | None
    vehicle_id: str | None
    at_ms: int
    first_ms: int
    first_no: int
    transfers: int

    @classmethod
    def begin(cls, ride: Ride, leg: LegPrice) -> Chain:
        """Give the chain that a ride begins."""
        at_ms = ride.at_ms
        return cls(leg.leg_group, ride.route_id, ride.vehicle_id, at_ms, at_ms, ride.tap_no, 0)


class Parts:
    """The price of one ride while it is lowered: the card holder's part and the others' part.

    Passes, free rides, transfers and caps are the holder's; who rides along on the tap pays the
    leg price, unless nobody pays on that day.

    Args:
        leg: the holder's price.
        other: the price of each other rider on the tap.
        others: how many they are.
        network: of the ride.
    """

    __slots__ = (
        "adjustments", "leg", "network", "nominal_tiyn", "other", "others", "others_tiyn",
        "own_tiyn", "ride", "tariff", "used_free_ride", "why",
    )  # fmt: skip

    def __init__(
        self, tariff: Tariff, ride: Ride, leg: LegPrice, other: LegPrice, others: int, network: str
    ) -> None:
        self.tariff = tariff
        self.ride = ride
        self.leg = leg
        self.other = other
        self.others = others
        self.network = network
        self.nominal_tiyn = leg.nominal_tiyn + others * other.nominal_tiyn
        self.own_tiyn = leg.nominal_tiyn
        self.others_tiyn = others * other.nominal_tiyn
        self.adjustments: dict[tuple[AdjustmentKind, str], int] = {}
        self.why = [leg.fare.rule if not others else f"{leg.fare.rule} + {others} {other.category}"]
        self.used_free_ride = False

    def lower(self, kind: AdjustmentKind, funder: str, amount_tiyn: int) -> None:
        """Note a part that the card does not pay."""
        if amount_tiyn:
            key = (kind, funder)
            self.adjustments[key] = self.adjustments.get(key, 0) + amount_tiyn

    def apply_free(self, free_rides: int) -> None:
        """Apply the first that there is: a pass, a free day, the category's concession."""
        product_id = best_pass(self.tariff, self.ride.passes, self.network)
        if product_id is not None:
            # a pass is its holder's; who rides along pays, or has a free day
            self.lower("pass", product_id, self.own_tiyn)
            self.own_tiyn = 0
            self.why.append(f"pass {product_id}")
        funder = self._free_day_funder()
        if funder is not None:
            if self.own_tiyn + self.others_tiyn:
                self.lower("free_day", funder, self.own_tiyn + self.others_tiyn)
            self.own_tiyn = self.others_tiyn = 0
            self.why.append("free day")
            return
        if self.others:
            self._concede_others()
        if product_id is None:
            self._concede_own(free_rides)

    def _free_day_funder(self) -> str | None:
        tariff = self.tariff
        if not tariff.free_days:
            return None
        networks = tariff.free_days.get(tariff.calendar.fare_day(self.ride.at_ms))
        if networks is None:
            return None
        return networks.get(self.network, networks.get(""))

    def _concede_others(self) -> None:
        other = self.other
        self.lower("concession", other.funder, self.others * (other.nominal_tiyn - other.own_tiyn))
        self.others_tiyn = self.others * other.own_tiyn

    def _concede_own(self, free_rides: int) -> None:
        leg = self.leg
        self.lower("concession", leg.funder, leg.nominal_tiyn - leg.own_tiyn)
        self.own_tiyn = leg.own_tiyn
        if free_rides < leg.free_rides:
            self.lower("concession", leg.free_funder, leg.own_tiyn)
            self.own_tiyn = 0
            self.used_free_ride = True
            self.why.append(f"free ride {free_rides + 1}")

    def apply_transfer(self, chain: Chain | None) -> Chain | None:
        """Lower the price to the transfer's, if this is one; give the chain as it now stands."""
        if not self.tariff.transfers:
            return None
        ride, leg = self.ride, self.leg
        rule = find_transfer(self.tariff, chain, ride, leg) if chain is not None else None
        if chain is None or rule is None:
            return Chain.begin(ride, leg)
        saved = self.own_tiyn
        if rule.product_id:
            price = self.tariff.find_price(rule.product_id, leg.category, ride.medium)
            saved = 0 if price is None else max(0, saved - price)
        self.lower("transfer", rule.funder, saved)
        self.own_tiyn -= saved
        self.why.append(f"transfer of {chain.first_no}")
        return chain._replace(
            leg_group=leg.leg_group,
            route_id=ride.route_id,
            vehicle_id=ride.vehicle_id,
            at_ms=ride.at_ms,
            transfers=chain.transfers + 1,
        )

    def apply_caps(self, day_tiyn: int, month_tiyn: int) -> None:
        """Lower the price to what the caps leave, given what they have counted so far.

        A tap for several riders stands outside a month's caps: its part for the holder cannot be
        told from the sum by which the month is carried from day to day.
        """
        left, binding = NO_LIMIT, None
        for cap in self.leg.caps:
            if cap.period == "day":
                room = cap.amount_tiyn - day_tiyn
            elif self.others:
                continue
            else:
                room = cap.amount_tiyn - month_tiyn
            if room < left:
                left, binding = room, cap
        left = max(0, left)
        if binding is not None and self.own_tiyn > left:
            self.lower("cap", binding.funder, self.own_tiyn - left)
            self.own_tiyn = left
            self.why.append(f"cap {binding.cap_id}")


def best_pass(tariff: Tariff, passes: tuple[str, ...], network: str) -> str | None:
    """Give the pass that a ride in a network uses: the smallest priority, then the first name."""
    usable = [
        (found.priority, product_id)
        for product_id in passes
        if (found := tariff.passes.get(product_id)) is not None
        and (not found.networks or network in found.networks)
    ]
    return min(usable)[1] if usable else None


def find_transfer(tariff: Tariff, chain: Chain, ride: Ride, leg: LegPrice) -> TransferRule | None:
    """Give the rule by which a ride is a transfer of the chain, None when it is not."""
    if not tariff.same_route_transfer and _is_return(chain, ride):
        return None
    for rule in tariff.find_transfers(chain.leg_group, leg.leg_group):
        # of several the smallest count that still holds is the one that is meant (GTFS)
        if rule.count > chain.transfers:
            since_ms = chain.first_ms if rule.from_first else chain.at_ms
            return rule if ride.at_ms - since_ms <= rule.duration_ms else None
    return None


def _is_return(chain: Chain, ride: Ride) -> bool:
    """Tell whether the ride is on the route of the one before.

    Where a route is not known the vehicle answers: what is missing is not held against the rider.
    """
    if ride.route_id is not None and chain.route_id is not None:
        return ride.route_id == chain.route_id
    return ride.vehicle_id is not None and ride.vehicle_id == chain.vehicle_id


def reduced_fare(parts: Parts) -> Fare:
    """Close the account of a ride: nominal = charged + adjustments."""
    leg = parts.leg
    return Fare(
        leg.product_id,
        leg.category,
        parts.tariff.version_no,
        parts.nominal_tiyn,
        parts.own_tiyn + parts.others_tiyn,
        tuple(
            Adjustment(kind, funder, amount) for (kind, funder), amount in parts.adjustments.items()
        ),
        parts.ride.num_riders,
        ", ".join(parts.why),
    )
