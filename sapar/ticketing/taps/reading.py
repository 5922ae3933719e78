"""Reading what judging a batch needs, under the locks of its cards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from sapar.core.db import AsyncConnection
from sapar.core.errors import Fault
from sapar.ticketing.ledger.posting import lock_cards
from sapar.ticketing.taps import store
from sapar.ticketing.taps.clocks import SYNCHRONIZED, correct_clocks
from sapar.ticketing.taps.evidence import Evidence
from sapar.ticketing.taps.judge import DayKey
from sapar.ticketing.taps.scene import Scene, TariffsOf, month_end, month_of
from sapar.ticketing.types import CardRow, TapIn


class Busy(Exception):
    """What another transaction holds is needed together with what this one holds: wait for it."""


async def read_scene(
    connection: AsyncConnection,
    tariffs: TariffsOf,
    taken: Sequence[TapIn],
    stored: Mapping[store.Identity, Sequence[store.StoredTap]],
    *,
    patient: bool = True,
) -> Scene:
    """Lock the cards of new taps and read what judging them needs.

    Args:
        connection: in the transaction that holds the sequences' locks.
        tariffs: the tariffs of an agency.
        taken: taps that are not stored, each content once.
        stored: what is stored under their identities.
        patient: wait for cards that others hold; else their taps are put off.

    Raises:
        Busy: without patience: stored taps change, too, and their cards are to be locked in order.
    """
    put_off: Sequence[TapIn] = ()
    free: dict[int, CardRow] | None = None
    if not patient:
        free = await _lock_free_cards(connection, tariffs, taken)
        taken, put_off = _split(taken, free)
        if not taken:
            return Scene({}, tariffs, put_off=put_off)
    new = _new_evidence(taken, await store.next_tap_numbers(connection, len(taken)), tariffs)
    moved = await correct_clocks(connection, new)
    _set_days(tariffs, new, moved, taken)
    identities = _conflicting(new, stored)
    versions = await store.load_versions(connection, sorted(identities)) if identities else []
    others = {tap.card_no for tap in (*versions, *moved)}
    if free is None:
        cards = await _lock_cards(connection, tariffs, taken, others)
    elif others <= free.keys():
        cards = free
    else:
        raise Busy
    _name_cards(cards, taken, new)
    stored_taps = {tap.tap_no: tap for tap in (*versions, *moved)}
    await _see_as_locked(connection, stored_taps)
    scene = Scene(cards, tariffs, taken, new, stored_taps, identities, put_off=put_off)
    await _read_rivals(connection, scene)
    days = {(tap.card_no, tap.service_date) for tap in scene.everything()}
    days |= {(tap.card_no, tap.judged.service_date) for tap in moved if tap.judged}
    await _read_days(connection, scene, days)
    return scene


def _conflicting(
    new: Sequence[Evidence], stored: Mapping[store.Identity, Sequence[store.StoredTap]]
) -> set[store.Identity]:
    """Give the identities under which there are several contents."""
    counts: dict[store.Identity, int] = {}
    for tap in new:
        counts[tap.identity] = counts.get(tap.identity, len(stored.get(tap.identity, ()))) + 1
    return {identity for identity, count in counts.items() if count > 1}


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


async def read_touched(
    connection: AsyncConnection, tariffs: TariffsOf, taps: Sequence[Evidence]
) -> Scene:
    """Lock the cards of stored taps of which more is known now, and read what changes with them.

    Args:
        connection: in the transaction that holds the locks of the taps' sequences.
        tariffs: the tariffs of an agency.
        taps: with the seals, times and words of people by which they are to be judged.
    """
    identities = {tap.identity for tap in taps}
    stored = {tap.tap_no: tap for tap in await store.load_versions(connection, sorted(identities))}
    stored |= {tap.tap_no: tap for tap in taps}
    cards = await lock_cards(connection, {tap.card_no for tap in stored.values()})
    await _see_as_locked(connection, stored)
    scene = Scene(cards, tariffs, stored=stored, identities=identities, touched=taps)
    days: set[DayKey] = set()
    for tap in stored.values():
        tap.service_date = tariffs(scene.agency_of(tap)).fare_day(tap.event_ms)
    await _read_rivals(connection, scene)
    for tap in scene.everything():
        days.add((tap.card_no, tap.service_date))
        if tap.judged is not None:
            days.add((tap.card_no, tap.judged.service_date))
    await _read_days(connection, scene, days)
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


def _references(taken: Iterable[TapIn]) -> dict[str, set[str]]:
    """Give the references of the taps' cards, by agency."""
    refs: dict[str, set[str]] = {}
    for one in taken:
        refs.setdefault(one.device.agency_id, set()).add(one.tap.card_ref)
    return refs


async def _lock_cards(
    connection: AsyncConnection, tariffs: TariffsOf, taken: Sequence[TapIn], others: set[int]
) -> dict[int, CardRow]:
    """Lock the cards of new taps, and others.

    Mostly one statement finds and locks them all, in order. Where a card is new to us, or others
    belong in the order too, the locks are let go and taken in two steps.
    """
    refs = _references(taken)
    if not others:
        cards = await store.lock_known_cards(connection, refs)
        if cards:
            return cards
    return await lock_cards(connection, others | await _number_cards(connection, tariffs, refs))


async def _lock_free_cards(
    connection: AsyncConnection, tariffs: TariffsOf, taken: Sequence[TapIn]
) -> dict[int, CardRow]:
    """Lock the cards of new taps that nobody else holds, those that are new to us made first."""
    refs = _references(taken)
    cards, unknown = await store.lock_free_cards(connection, refs)
    if unknown:
        await _number_cards(connection, tariffs, unknown)
        cards, _ = await store.lock_free_cards(connection, refs)
    return cards


async def _number_cards(
    connection: AsyncConnection, tariffs: TariffsOf, refs: Mapping[str, Collection[str]]
) -> set[int]:
    """Give the numbers of cards; what is new to us is made, as unknown."""
    numbers: set[int] = set()
    for agency_id in sorted(refs):
        last = tariffs(agency_id).versions[-1:]
        category = last[0][1].default_category if last else ""
        wanted = sorted(refs[agency_id])
        numbers |= await store.find_card_numbers(connection, agency_id, wanted, category)
    return numbers


def _split(
    taken: Sequence[TapIn], cards: Mapping[int, CardRow]
) -> tuple[Sequence[TapIn], Sequence[TapIn]]:
    """Part the taps of these cards from the others."""
    refs = {(card.agency_id, card.card_ref) for card in cards.values()}
    ours: list[TapIn] = []
    left: list[TapIn] = []
    for one in taken:
        (ours if (one.device.agency_id, one.tap.card_ref) in refs else left).append(one)
    return ours, left


def _name_cards(
    cards: Mapping[int, CardRow], taken: Sequence[TapIn], new: Sequence[Evidence]
) -> None:
    """Tell new taps their cards' numbers."""
    of_ref = {(card.agency_id, card.card_ref): card.card_no for card in cards.values()}
    for one, tap in zip(taken, new, strict=True):
        tap.card_no = of_ref[one.device.agency_id, one.tap.card_ref]


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
        elif not capped or capped[-1][0] != card_no or month_of(capped[-1][1]) != month_of(day):
            spans[card_no, day] = month_end(day)
            capped.append((card_no, day))
    rows = await store.load_days(connection, [(*key, last) for key, last in spans.items()])
    for tap in rows:
        scene.stored.setdefault(tap.tap_no, tap)
    if capped:
        carried = await store.load_carried(connection, capped)
        scene.carried = {(no, month_of(day)): charged for (no, day), charged in carried.items()}
