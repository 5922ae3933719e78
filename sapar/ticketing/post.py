"""A batch of taps into the database: evidence, judgements, fares and journals in one transaction.

The steps: lock the devices' sequences → sort out repeats → lock the cards → read what the judging
of these cards and days needs → judge → write taps, exceptions and gaps → post. Because every
transaction judges the card's whole day from what is stored, and holds the card's lock, the last one
leaves what any other order would have left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, translated
from sapar.core.log import get_logger
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.business_days import read_closed_days
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.taps import store
from sapar.ticketing.taps.cards import Liabilities, load_histories
from sapar.ticketing.taps.carriers import Carriers
from sapar.ticketing.taps.evidence import Evidence
from sapar.ticketing.taps.gaps import SeqState, receive
from sapar.ticketing.taps.journals import Changes
from sapar.ticketing.taps.judge import IDENTITY_CONFLICT, REJECTED, UNKNOWN_CARD, DayKey
from sapar.ticketing.taps.reading import Busy, read_days, read_scene
from sapar.ticketing.taps.scene import Scene
from sapar.ticketing.tariff.tariffs import Tariffs
from sapar.ticketing.types import CardRow, Journal, Posted, TapIn

Activations = Callable[
    [AsyncConnection, Sequence[CardRow], Sequence[Evidence]], Awaitable[list[Journal]]
]

_DAYS_AT_ONCE = 1000
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Tools:
    """What a process makes once, to post taps with.

    Attributes:
        clock: transit time, for when exceptions and gaps were opened.
        accounts: numbers of accounts.
        tariffs: the published tariffs of an agency.
        carriers: who runs what.
        liabilities: who bears the rides of cards that were ever blocked.
        activations: journals that move pending top-ups of these cards to their purses.
    """

    clock: Clock
    accounts: Accounts
    tariffs: Callable[[str], Tariffs]
    carriers: Callable[[], Carriers]
    liabilities: Liabilities
    activations: Activations


@dataclass(slots=True)
class _Fresh:
    """The taps of a batch that are not stored yet, and what is stored beside them."""

    taps: list[TapIn] = field(default_factory=list)
    stored: dict[store.Identity, list[store.StoredTap]] = field(default_factory=dict)


async def post_taps(
    connection: AsyncConnection, tools: Tools, taps: Sequence[TapIn], *, patient: bool = True
) -> Posted:
    """Store taps, judge them and post their fares; all of it or nothing.

    Args:
        connection: in autocommit, used by nobody else meanwhile.
        tools: see `Tools`.
        taps: in any order, with repeats of each other or of what is stored; a tap whose content is
            stored already may come unverified.
        patient: wait for devices and cards that another transaction holds. Without patience their
            taps are put off: the caller posts them with a later batch, which comes to the same.

    Returns:
        What each came to, as committed, and which were put off.

    Raises:
        Unavailable: the database does not answer, or a deadlock was broken; try again.
        DatabaseRefused: the database refused a row although every check passed.
    """
    if not taps:
        return Posted()
    with translated():
        if not patient:
            try:
                return await _post_taps(connection, tools, taps, patient=False)
            except Busy:
                _log.debug("posting_patiently", taps=len(taps))
        return await _post_taps(connection, tools, taps, patient=True)


async def _post_taps(
    connection: AsyncConnection, tools: Tools, taps: Sequence[TapIn], *, patient: bool
) -> Posted:
    posted = Posted()
    async with connection.transaction():
        keys = {(one.device.device_no, one.tap.epoch) for one in taps}
        states = await store.lock_sequences(connection, keys, patient=patient)
        if len(states) < len(keys):
            free = [(one.device.device_no, one.tap.epoch) in states for one in taps]
            posted.put_off += [one for one, mine in zip(taps, free, strict=True) if not mine]
            taps = [one for one, mine in zip(taps, free, strict=True) if mine]
        fresh = await _sort_out_repeats(connection, taps, posted)
        if fresh.taps:
            await _hold_days_open(connection, fresh.taps)
            scene = await read_scene(
                connection, tools.tariffs, fresh.taps, fresh.stored, patient=patient
            )
            posted.put_off += scene.put_off
            if scene.new:
                await judge_and_write(connection, tools, scene, posted)
                await _note_received(connection, tools, scene, fresh, states)
                await post_scene(connection, tools, scene, posted)
    return posted


async def judge_again(connection: AsyncConnection, tools: Tools, days: Iterable[DayKey]) -> int:
    """Judge stored taps again, after what is known of their cards has changed.

    Args:
        connection: in a transaction of the caller's, who changed the cards in it, or in autocommit.
        tools: see `Tools`.
        days: cards and fare days.

    Returns:
        How many journals were posted.
    """
    posted = Posted()
    with translated():
        async with connection.transaction():
            wanted = set(days)
            agencies = await store.find_agencies(connection, [card_no for card_no, _ in wanted])
            await read_closed_days(connection, agencies, date.max)
            scene = await read_days(connection, tools.tariffs, wanted)
            if scene.stored:
                await judge_and_write(connection, tools, scene, posted)
                await post_scene(connection, tools, scene, posted)
    return posted.journals


async def judge_span(
    connection: AsyncConnection,
    tools: Tools,
    agency_id: str,
    since: datetime,
    until: datetime | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Judge all taps of a span of time again: a tariff was published for it, a carrier corrected.

    Args:
        connection: in autocommit; some hundred cards are one transaction.
        tools: see `Tools`, as things are now.
        agency_id: whose taps.
        since: event time of the first.
        until: event time after the last; None: all since.
        progress: told how many of how many cards' days are done.

    Returns:
        How many journals were posted.
    """
    with translated():
        days = await store.list_days(connection, agency_id, since, until)
    posted = 0
    for start in range(0, len(days), _DAYS_AT_ONCE):
        posted += await judge_again(connection, tools, days[start : start + _DAYS_AT_ONCE])
        progress(min(start + _DAYS_AT_ONCE, len(days)), len(days))
    return posted


async def _hold_days_open(connection: AsyncConnection, taps: Sequence[TapIn]) -> None:
    """Keep days from being closed before any card is locked: whoever closes them does likewise."""
    await read_closed_days(connection, {one.device.agency_id for one in taps}, date.max)


async def _sort_out_repeats(
    connection: AsyncConnection, taps: Sequence[TapIn], posted: Posted
) -> _Fresh:
    """Find the taps that are not stored, and note what the others came to."""
    identities = [(one.device.device_no, one.tap.epoch, one.tap.seq) for one in taps]
    fresh = _Fresh(stored=await store.find_stored(connection, set(identities)))
    seen: set[tuple[store.Identity, bytes]] = set()
    for identity, one in zip(identities, taps, strict=True):
        known = fresh.stored.get(identity, ())
        version = next((other for other in known if other.digest == one.digest), None)
        if version is not None:
            posted.repeats += 1
            posted.note(identity, version.status, version.code)
        elif (identity, one.digest) in seen:
            posted.repeats += 1
        else:
            seen.add((identity, one.digest))
            fresh.taps.append(one)
    return fresh


async def judge_and_write(
    connection: AsyncConnection, tools: Tools, scene: Scene, posted: Posted
) -> None:
    """Judge, and write new taps, changed judgements and exceptions."""
    histories = await load_histories(
        connection, scene.cards.values(), scene.earliest_ms(), tools.liabilities
    )
    scene.judge(histories, tools.carriers())
    now = tools.clock.now()
    held: list[tuple[str, Evidence, str]] = []
    settled: list[tuple[int, str]] = []
    for evidence in (*scene.new, *scene.changed):
        before = evidence.judged.code if evidence.judged else None
        after = scene.judged[evidence.tap_no].code
        if before is not None and before != after:
            settled.append((evidence.tap_no, before))
        if after not in {None, UNKNOWN_CARD, REJECTED, before}:
            held.append((scene.agency_of(evidence), evidence, after))
    for evidence in scene.new:
        judgement = scene.judged[evidence.tap_no]
        posted.new += 1
        posted.conflicts += judgement.code == IDENTITY_CONFLICT
        posted.note(evidence.identity, judgement.status, judgement.code)
    for evidence in (*scene.new, *scene.changed):
        evidence.revision += scene.moves(evidence)
    if scene.new:
        await store.copy_taps(connection, zip(scene.new, scene.taken, strict=True), scene.judged)
    if scene.changed:
        await store.update_taps(connection, scene.changed, scene.judged)
    if settled:
        await store.close_exceptions(connection, settled, now)
    if held:
        await store.open_exceptions(connection, held, now)


async def _note_received(
    connection: AsyncConnection,
    tools: Tools,
    scene: Scene,
    fresh: _Fresh,
    states: dict[store.DeviceEpoch, SeqState],
) -> None:
    """Note which sequence numbers came for the first time under a good seal."""
    seqs: dict[store.DeviceEpoch, set[int]] = {}
    for evidence in scene.new:
        known = fresh.stored.get(evidence.identity, ())
        if evidence.sealed is None and all(other.sealed is not None for other in known):
            seqs.setdefault((evidence.device_no, evidence.epoch), set()).add(evidence.seq)
    await receive_numbers(connection, tools, states, seqs)


async def receive_numbers(
    connection: AsyncConnection,
    tools: Tools,
    states: Mapping[store.DeviceEpoch, SeqState],
    seqs: Mapping[store.DeviceEpoch, Collection[int]],
) -> None:
    """Note numbers that came for the first time under a good seal: their gaps close.

    Args:
        connection: in the transaction that holds the locks of the sequences.
        tools: see `Tools`.
        states: the locked sequences.
        seqs: the numbers of each.
    """
    if not seqs:
        return
    keys = sorted(seqs)
    gaps = await store.load_gaps(connection, keys)
    voids = await store.load_voids(connection, [key for key in keys if states[key].voided])
    after = {
        key: receive(states[key], gaps.get(key, ()), voids.get(key, ()), seqs[key]) for key in keys
    }
    await store.write_sequences(
        connection,
        {key: state for key, (state, _) in after.items()},
        {key: gaps.get(key, ()) for key in keys},
        {key: left for key, (_, left) in after.items()},
        tools.clock.now(),
    )


async def post_scene(
    connection: AsyncConnection, tools: Tools, scene: Scene, posted: Posted
) -> None:
    """Draft the journals and post them; last, for it locks the hot accounts."""
    moved = [one.tap_no for one in scene.changed if scene.moves(one) and one.revision > 1]
    before = await store.load_posted(connection, moved) if moved else {}
    since = min(judgement.service_date for judgement in scene.judged.values())
    agencies = {card.agency_id for card in scene.cards.values()}
    days = await read_closed_days(connection, agencies, since)
    changes = Changes(scene, before, tools.carriers(), days)
    numbers = await tools.accounts.numbers(changes.account_keys())
    journals = changes.draft(numbers)
    pending = [card for card in scene.cards.values() if card.has_pending]
    if pending:
        journals += await tools.activations(connection, pending, scene.riding(pending))
    posted.journals = len(await post(connection, journals, scene.cards, days=days))
