"""All that judging a batch needs, read under the locks of its cards, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec

from sapar.core.db import AsyncConnection
from sapar.core.errors import Fault
from sapar.ticketing.ledger.entries import debited
from sapar.ticketing.ledger.posting import lock_cards
from sapar.ticketing.pricing import price_day
from sapar.ticketing.taps import store
from sapar.ticketing.taps.cards import CardHistory
from sapar.ticketing.taps.carriers import Carriers
from sapar.ticketing.taps.clocks import SYNCHRONIZED, correct_clocks
from sapar.ticketing.taps.evidence import Evidence, Judgement
from sapar.ticketing.taps.judge import (
    COUNTER_REUSED,
    IDENTITY_CONFLICT,
    UNKNOWN_CARD,
    DayKey,
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
        for card_no, by_date in days.items():
            self._judge_card(card_no, by_date, losers, histories[card_no], carriers)
        self.changed = [
            tap for tap in self.stored.values() if tap.judged != self.judged[tap.tap_no]
        ]

    def _judge_card(
        self,
        card_no: int,
        by_date: Mapping[date, Sequence[Evidence]],
        losers: Mapping[int, str],
        history: CardHistory,
        carriers: Carriers,
    ) -> None:
        agency_id = history.row.agency_id
        tariffs = self.tariffs(agency_id)

        def carrier_of(tap: Evidence) -> int | None:
            return carriers.find(agency_id, tap.vehicle_id, tap.route_id, tap.event_ms)

        carried, month = 0, None
        for day in sorted(by_date):
            if tariffs.has_month_cap and _month(day) != month:
                month = _month(day)
                carried = self.carried.get((card_no, month), 0)
            answers = judge_day(
                by_date[day],
                losers,
                history,
                lambda rides, before: price_day(tariffs, rides, before),
                carried,
                carrier_of,
            )
            for tap in by_date[day]:
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


async def read_scene(
    connection: AsyncConnection,
    tariffs: TariffsOf,
    taken: Sequence[TapIn],
    stored: Mapping[store.Identity, Sequence[store.StoredTap]],
) -> Scene:
    """Lock the cards of new taps and read what judging them needs.

    Args:
        connection: in the transaction that holds the sequences' locks.
        tariffs: the tariffs of an agency.
        taken: taps that are not stored, each content once.
        stored: what is stored under their identities.
    """
    new = _new_evidence(taken, await store.next_tap_numbers(connection, len(taken)), tariffs)
    moved = await correct_clocks(connection, new)
    _set_days(tariffs, new, moved, taken)
    counts: dict[store.Identity, int] = {}
    for tap in new:
        counts[tap.identity] = counts.get(tap.identity, len(stored.get(tap.identity, ()))) + 1
    identities = {identity for identity, count in counts.items() if count > 1}
    versions = await store.load_versions(connection, sorted(identities)) if identities else []
    others = {tap.card_no for tap in (*versions, *moved)}
    cards = await _lock_cards(connection, tariffs, taken, new, others)
    stored_taps = {tap.tap_no: tap for tap in (*versions, *moved)}
    await _see_as_locked(connection, stored_taps)
    scene = Scene(cards, tariffs, taken, new, stored_taps, identities)
    await _read_rivals(connection, scene)
    days = {(tap.card_no, tap.service_date) for tap in scene.everything()}
    days |= {(tap.card_no, tap.judged.service_date) for tap in moved if tap.judged}
    await _read_days(connection, scene, days)
    return scene


async def _see_as_locked(connection: AsyncConnection, stored: Mapping[int, Evidence]) -> None:
    """Read anew how taps are judged and posted that were read before their cards were locked."""
    if not stored:
        return
    identities = {tap.identity for tap in stored.values()}
    for now in await store.load_versions(connection, sorted(identities)):
        tap = stored.get(now.tap_no)
        if tap is not None:
            tap.judged, tap.revision = now.judged, now.revision


async def read_days(
    connection: AsyncConnection, tariffs: TariffsOf, days: Iterable[DayKey]
) -> Scene:
    """Lock cards and read their stored taps of some fare days, to judge them again."""
    wanted = set(days)
    cards = await lock_cards(connection, {card_no for card_no, _ in wanted})
    scene = Scene(cards, tariffs)
    await _read_days(connection, scene, wanted)
    while days := _misplaced(scene) - wanted:
        wanted |= days
        await _read_days(connection, scene, wanted)
    return scene


def _misplaced(scene: Scene) -> set[DayKey]:
    """Put stored taps on the fare days that the tariffs give them now, and name those days."""
    days: set[DayKey] = set()
    for tap in scene.stored.values():
        day = scene.tariffs(scene.agency_of(tap)).fare_day(tap.event_ms)
        if day != tap.service_date:
            tap.service_date = day
            days.add((tap.card_no, day))
    return days


async def _lock_cards(
    connection: AsyncConnection,
    tariffs: TariffsOf,
    taken: Sequence[TapIn],
    new: Sequence[Evidence],
    others: set[int],
) -> dict[int, CardRow]:
    """Lock the cards of new taps, and others; tell the new taps their cards' numbers.

    Mostly one statement finds and locks them all, in order. Where a card is new to us, or others
    belong in the order too, the locks are let go and taken in two steps.
    """
    refs: dict[str, set[str]] = {}
    for one in taken:
        refs.setdefault(one.device.agency_id, set()).add(one.tap.card_ref)
    cards: dict[int, CardRow] = {}
    if not others:
        cards = await store.lock_known_cards(connection, refs)
    if not cards:
        numbers = set(others)
        for agency_id in sorted(refs):
            last = tariffs(agency_id).versions[-1:]
            category = last[0][1].default_category if last else ""
            wanted = sorted(refs[agency_id])
            numbers |= await store.find_card_numbers(connection, agency_id, wanted, category)
        cards = await lock_cards(connection, numbers)
    of_ref = {(card.agency_id, card.card_ref): card.card_no for card in cards.values()}
    for one, tap in zip(taken, new, strict=True):
        tap.card_no = of_ref[one.device.agency_id, one.tap.card_ref]
    return cards


def _new_evidence(
    taken: Sequence[TapIn],
    numbers: Sequence[int],
    tariffs: TariffsOf,
) -> list[Evidence]:
    """Make evidence of new taps; their cards' numbers are not known yet."""
    found: list[Evidence] = []
    fare_day = {one.device.agency_id: tariffs(one.device.agency_id).fare_day for one in taken}
    for one, number in zip(taken, numbers, strict=True):
        device, tap = one.device, one.tap
        found.append(
            Evidence(
                number,
                device.device_no,
                tap.epoch,
                tap.seq,
                one.digest,
                tap.time_ms,
                0,
                tap.counter,
                one.vehicle_id,
                tap.route_id,
                tap.medium,
                tap.num_riders,
                tap.outcome == "allow",
                tap.denylist_version,
                tap.charged_tiyn,
                tap.clock_src in SYNCHRONIZED,
                tap.boot_no,
                tap.uptime_ms,
                one.received_ms,
                one.sealed,
                tap.time_ms,
                fare_day[device.agency_id](tap.time_ms),
            )
        )
    return found


def _set_days(
    tariffs: TariffsOf,
    new: Sequence[Evidence],
    moved: Sequence[Evidence],
    taken: Sequence[TapIn],
) -> None:
    """Put taps whose time was corrected on the fare day that it lies on."""
    agencies = {one.device.device_no: one.device.agency_id for one in taken}
    for tap in (*new, *moved):
        if tap.event_ms != tap.device_ms or tap.judged is not None:
            tap.service_date = tariffs(agencies[tap.device_no]).fare_day(tap.event_ms)


async def _read_rivals(connection: AsyncConnection, scene: Scene) -> None:
    """Read the stored taps that share a card counter with one of the scene."""
    for tap in scene.everything():
        if tap.counter is not None and tap.sealed is None:
            scene.counters.add((tap.card_no, tap.counter))
    if scene.counters:
        for rival in await store.load_counters(connection, list(scene.counters)):
            scene.stored.setdefault(rival.tap_no, rival)


async def _read_days(connection: AsyncConnection, scene: Scene, days: set[DayKey]) -> None:
    """Read all taps of the fare days, and of the month's later ones where a cap spans them."""
    spans: dict[tuple[int, date], date] = {}
    capped: list[DayKey] = []
    for card_no, day in sorted(days):
        card = scene.cards.get(card_no)
        if card is None:
            raise Fault(f"card {card_no} is not there")
        if not scene.tariffs(card.agency_id).has_month_cap:
            spans[card_no, day] = day
        elif not capped or capped[-1][0] != card_no or _month(capped[-1][1]) != _month(day):
            spans[card_no, day] = _month_end(day)
            capped.append((card_no, day))
    rows = await store.load_days(connection, [(*key, last) for key, last in spans.items()])
    for tap in rows:
        scene.stored.setdefault(tap.tap_no, tap)
    if capped:
        carried = await store.load_carried(connection, capped)
        scene.carried = {(no, _month(day)): charged for (no, day), charged in carried.items()}


def _month(day: date) -> Month:
    return day.year, day.month


def _month_end(day: date) -> date:
    first = day.replace(day=1) + timedelta(days=31)
    return first.replace(day=1) - timedelta(days=1)
