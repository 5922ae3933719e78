"""Which taps count, and what each costs: a function of all taps of the cards. Pure.

Of several versions of one identity (device, epoch, seq) the one with the earliest device time
counts, of several taps with one card counter the earliest. Both rules look at content alone, so the
answer is the same in whatever order the versions came. What a person accepted comes before all
others, what was accepted last first; what a person rejected is no rival of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Protocol

from sapar.ticketing.taps.evidence import (
    ACCEPT,
    REJECT,
    Evidence,
    Judgement,
    denied_judgement,
    held_judgement,
    ride_judgement,
)
from sapar.ticketing.types import Adjustment, AdjustmentKind, Fare, Ride

IDENTITY_CONFLICT, COUNTER_REUSED = "identity_conflict", "counter_reused"
_ORDER = attrgetter("order")
IGNORED_LIST, UNKNOWN_CARD = "validator_ignored_list", "unknown_card"
REJECTED = "rejected"
"""Code of a tap that a person has rejected: nobody needs to look at it any more."""


def list_identity_losers(versions: Iterable[Evidence]) -> set[int]:
    """Give the tap numbers that another version of the same identity beats.

    Args:
        versions: all stored and new taps of the identities in question.
    """
    best: dict[tuple[int, int, int], Evidence] = {}
    losers: set[int] = set()
    for tap in versions:
        if tap.sealed is not None or tap.ruling == REJECT:
            continue
        other = best.get(tap.identity)
        if other is None:
            best[tap.identity] = tap
        elif other.tap_no != tap.tap_no:
            first = min(other, tap, key=lambda one: (one.word, one.device_ms, one.digest))
            losers.add((tap if first is other else other).tap_no)
            best[tap.identity] = first
    return losers


def list_counter_losers(taps: Iterable[Evidence], beaten: set[int]) -> set[int]:
    """Give the tap numbers whose (card, counter) an earlier tap has used.

    Args:
        taps: all taps of the counters in question.
        beaten: tap numbers that count for nothing already.
    """
    best: dict[tuple[int, int], Evidence] = {}
    losers: set[int] = set()
    for tap in taps:
        if tap.counter is None or tap.sealed is not None or tap.tap_no in beaten:
            continue
        if tap.ruling == REJECT:
            continue
        key = (tap.card_no, tap.counter)
        other = best.get(key)
        if other is None:
            best[key] = tap
        elif other.tap_no != tap.tap_no:
            first = min(other, tap, key=lambda one: (one.word, one.order))
            losers.add((tap if first is other else other).tap_no)
            best[key] = first
    return losers


class CardFacts(Protocol):
    """What pricing and liability ask of a card."""

    @property
    def unknown(self) -> bool:
        """Whether nobody has issued the card."""

    def category_at(self, at_ms: int) -> str:
        """Give the rider category at a time."""

    def passes_at(self, at_ms: int) -> tuple[str, ...]:
        """Give the products of the passes that are valid at a time."""

    def liability_of(self, tap: Evidence) -> tuple[str, str] | None:
        """Say who bears the ride of a card on the deny list and why; None where it is not on it."""


PriceDay = Callable[[Sequence[Ride], int], list[Fare]]
"""Prices the rides of one card on one fare day, given what the month's earlier days charged."""


def judge_day(
    taps: Iterable[Evidence],
    losers: Mapping[int, str],
    card: CardFacts,
    price_day: PriceDay,
    carried_tiyn: int,
    carrier_of: Callable[[Evidence], int | None],
) -> dict[int, tuple[Judgement, Fare | None]]:
    """Judge all taps of one card on one fare day.

    Args:
        taps: every stored or new tap of the card on that day, in any order.
        losers: tap number → by which code another one beats it.
        card: the card's history.
        price_day: the tariff.
        carried_tiyn: charged on the earlier days of the month, for monthly caps.
        carrier_of: who runs the vehicle or the route at that time.

    Returns:
        tap number → judgement, and the fare of a ride.
    """
    found: dict[int, tuple[Judgement, Fare | None]] = {}
    riding: list[Evidence] = []
    for tap in taps:
        code = tap.sealed or losers.get(tap.tap_no)
        if tap.ruling == REJECT:
            code = REJECTED
        if code is not None:
            found[tap.tap_no] = (held_judgement(code, tap.event_ms, tap.service_date), None)
        elif not tap.allowed:
            found[tap.tap_no] = (denied_judgement(tap.event_ms, tap.service_date), None)
        else:
            riding.append(tap)
    if not riding:
        return found
    if len(riding) > 1:
        riding.sort(key=_ORDER)
    category_at, passes_at = card.category_at, card.passes_at
    rides = [
        Ride(
            tap.tap_no,
            tap.event_ms,
            tap.route_id,
            tap.vehicle_id,
            tap.medium,
            category_at(tap.event_ms),
            passes_at(tap.event_ms),
            tap.num_riders,
            tap.ruling == ACCEPT,
        )
        for tap in riding
    ]
    for tap, fare in zip(riding, price_day(rides, carried_tiyn), strict=True):
        borne = _borne(tap, fare, card)
        judgement = ride_judgement(borne, tap.event_ms, tap.service_date, carrier_of(tap))
        found[tap.tap_no] = (judgement, None if borne.hold is not None else borne)
    return found


def _borne(tap: Evidence, fare: Fare, card: CardFacts) -> Fare:
    """Move what a card on the deny list does not pay to whoever bears it."""
    if fare.hold is not None:
        return fare
    if card.unknown:
        return fare._replace(disputed=UNKNOWN_CARD)
    answer = card.liability_of(tap)
    if answer is None:
        return fare
    bearer, reason = answer
    rule = f"{fare.rule}; {reason}"
    if bearer == "card":
        return fare._replace(rule=rule)
    if bearer == "hold":
        return fare._replace(rule=rule, disputed=IGNORED_LIST)
    kind: AdjustmentKind = "fraud" if bearer == "scheme" else "unproved"
    moved = (Adjustment(kind, bearer, fare.charged_tiyn),) if fare.charged_tiyn else ()
    return fare._replace(rule=rule, charged_tiyn=0, adjustments=(*fare.adjustments, *moved))


DayKey = tuple[int, date]
"""A card's number and a fare day: the unit of judging."""
