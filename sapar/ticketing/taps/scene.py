"""All that judging a batch needs, read under the locks of its cards, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec

from sapar.ticketing.ledger.entries import debited
from sapar.ticketing.pricing import price_day
from sapar.ticketing.taps import store
from sapar.ticketing.taps.cards import CardHistory
from sapar.ticketing.taps.carriers import Carriers
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.taps.judge import (
    COUNTER_REUSED,
    IDENTITY_CONFLICT,
    UNKNOWN_CARD,
    judge_day,
    list_counter_losers,
    list_identity_losers,
)
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.types import Adjustment, CardRow, Fare, TapIn

_decode = msgspec.json.Decoder(tuple[Adjustment, ...]).decode

TariffsOf = Callable[[str], Tariffs]

Month = tuple[int, int]
"""Year and month of fare days."""


class _Rules:
    """What the taps of an agency are judged by."""

    __slots__ = ("carrier_of", "has_month_cap", "price_day")

    def __init__(self, tariffs: Tariffs, carriers: Carriers, agency_id: str) -> None:
        def carrier_of(tap: Evidence) -> int | None:
            return carriers.find(agency_id, tap.vehicle_id, tap.route_id, tap.event_ms)

        self.has_month_cap = tariffs.has_month_cap
        self.price_day = partial(price_day, tariffs)
        self.carrier_of = carrier_of


@dataclass(slots=True)
class Scene:
    """Cards that are locked, and every tap of theirs that this batch may change.

    Attributes:
        cards: the locked cards by number.
        tariffs: the tariffs of an agency.
        taken, new: the new taps as received and as evidence, in one order.
        stored: the stored taps that may change, by number.
        identities, counters: which were touched; others keep the judgement they have.
        carried: (card, month) → charged in it before the first day judged, in tiyn.
        judged, fares: what each tap came to, new and stored ones.
        changed: the stored taps whose judgement is another now.
        put_off: new taps of cards that another transaction holds; they are not among `taken`.
        touched: stored taps by which others move: their seal was proved, or a person has ruled.
    """

    cards: dict[int, CardRow]
    tariffs: TariffsOf
    taken: Sequence[TapIn] = ()
    new: Sequence[Evidence] = ()
    stored: dict[int, Evidence] = field(default_factory=dict)
    identities: set[store.Identity] = field(default_factory=set)
    counters: set[tuple[int, int]] = field(default_factory=set)
    carried: Mapping[tuple[int, Month], int] = field(default_factory=dict)
    judged: dict[int, Judgement] = field(default_factory=dict)
    fares: dict[int, Fare | None] = field(default_factory=dict)
    changed: list[Evidence] = field(default_factory=list)
    put_off: Sequence[TapIn] = ()
    touched: Sequence[Evidence] = ()

    def everything(self) -> Iterable[Evidence]:
        """Give new and stored taps."""
        yield from self.new
        yield from self.stored.values()

    def agency_of(self, evidence: Evidence) -> str:
        """Give the agency of a tap: its card's."""
        return self.cards[evidence.card_no].agency_id

    def earliest_ms(self) -> dict[int, int]:
        """Give the earliest tap of each card that is judged."""
        found: dict[int, int] = {}
        for tap in self.everything():
            if tap.event_ms < found.get(tap.card_no, 1 << 62):
                found[tap.card_no] = tap.event_ms
        return found

    def judge(self, histories: Mapping[int, CardHistory], carriers: Carriers) -> None:
        """Judge card by card and day by day; note what changed."""
        losers = self._losers()
        days: dict[int, dict[date, list[Evidence]]] = {}
        for tap in self.everything():
            days.setdefault(tap.card_no, {}).setdefault(tap.service_date, []).append(tap)
        rules = {
            agency_id: _Rules(self.tariffs(agency_id), carriers, agency_id)
            for agency_id in {card.agency_id for card in self.cards.values()}
        }
        for card_no, by_date in days.items():
            history = histories[card_no]
            self._judge_card(card_no, by_date, losers, history, rules[history.row.agency_id])
        self.changed = [
            tap for tap in self.stored.values() if tap.judged != self.judged[tap.tap_no]
        ]

    def _judge_card(
        self,
        card_no: int,
        by_date: Mapping[date, Sequence[Evidence]],
        losers: Mapping[int, str],
        history: CardHistory,
        rules: _Rules,
    ) -> None:
        carried, month = 0, None
        for day in sorted(by_date) if len(by_date) > 1 else by_date:
            if rules.has_month_cap and month_of(day) != month:
                month = month_of(day)
                carried = self.carried.get((card_no, month), 0)
            taps = by_date[day]
            answers = judge_day(taps, losers, history, rules.price_day, carried, rules.carrier_of)
            for tap in taps:
                judgement, self.fares[tap.tap_no] = answers[tap.tap_no]
                self.judged[tap.tap_no] = judgement
                if tap.num_riders == 1:  # groups are outside the month's cap
                    carried += judgement.charged_tiyn

    def _losers(self) -> dict[int, str]:
        """Say which taps another beats, and by what: anew where a rival is new, else as it is."""
        identities, counters = self.identities, self.counters
        found = {
            tap.tap_no: tap.judged.code
            for tap in self.stored.values()
            if tap.judged is not None and tap.judged.code in {IDENTITY_CONFLICT, COUNTER_REUSED}
        }
        if identities:
            rivals = [tap for tap in self.everything() if tap.identity in identities]
            for tap in rivals:
                found.pop(tap.tap_no, None)
            found |= dict.fromkeys(list_identity_losers(rivals), IDENTITY_CONFLICT)
        if not counters:
            return found
        rivals = [tap for tap in self.everything() if (tap.card_no, tap.counter) in counters]
        out = {no for no, code in found.items() if code == IDENTITY_CONFLICT}
        for tap in rivals:
            if tap.tap_no not in out:
                found.pop(tap.tap_no, None)
        found |= dict.fromkeys(list_counter_losers(rivals, out), COUNTER_REUSED)
        return found

    def moves(self, evidence: Evidence) -> bool:
        """Tell whether a tap's judgement moves money or boardings that are not posted so."""
        now = self.judged[evidence.tap_no]
        if evidence.judged is None:
            return now.status == "posted"
        return now != evidence.judged and _posted_part(now) != _posted_part(evidence.judged)

    def riding(self, cards: Sequence[CardRow]) -> list[Evidence]:
        """Give the taps of cards that are rides now."""
        wanted = {card.card_no for card in cards}
        return [
            tap
            for tap in self.everything()
            if tap.card_no in wanted and self.judged[tap.tap_no].status == "posted"
        ]


def _posted_part(judgement: Judgement) -> tuple[Any, ...]:
    """Give what the entries follow from, and no more: where it is another, so are they."""
    if judgement.status != "posted":
        return ()
    charged, code = judgement.charged_tiyn, judgement.code
    payers: dict[Any, int] = {}
    for adjustment in _decode(judgement.adjustments):
        payer = debited(adjustment)
        if payer is not None:
            payers[payer] = payers.get(payer, 0) + adjustment.amount_tiyn
    return (
        judgement.carrier_no,
        judgement.product_id,
        charged,
        bool(charged) and code == UNKNOWN_CARD,
        bool(charged or payers) and code is not None,
        payers,
    )


def month_of(day: date) -> Month:
    """Give the month of a fare day."""
    return day.year, day.month


def month_end(day: date) -> date:
    """Give the last day of the month."""
    first = day.replace(day=1) + timedelta(days=31)
    return first.replace(day=1) - timedelta(days=1)
