"""Processes that write into the ledger side by side, and what each of them measures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from queue import Empty
from time import process_time
from typing import Any

from sapar.cli.bench.ledger_town import AGENCY
from sapar.cli.process import rare_collections
from sapar.core.clock import SystemClock
from sapar.core.db import AsyncConnection, connect_async, open_pool, translated
from sapar.core.errors import Fault
from sapar.core.log import configure_logging
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import RegistryWatcher
from sapar.ticketing.intake import TapBatch, TapIntake
from sapar.ticketing.keys import KeyWatcher
from sapar.ticketing.lanes import Lanes
from sapar.ticketing.ledger.accounts import Accounts, card_account
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.line import ConnectionPoster, Line, Poster
from sapar.ticketing.reference import open_post
from sapar.ticketing.types import Journal, Posted, TapIn
from sapar.uplink.letters import DeadLetter

_PATIENCE_S = 900.0
_START_S = 120.0
_NO_TIME = date(2020, 1, 1)


@dataclass(slots=True)
class Measured:
    """What one writer measured.

    Attributes:
        begin_s, end_s: on the machine's monotonic clock, which all processes share.
        items: taps or transfers written.
        repeats: taps that were stored before.
        batch_s: duration of each transaction.
        put_off: how often a tap was put off to a later transaction.
        cpu_s: CPU seconds of this process, which a busy machine distorts least.
    """

    begin_s: float
    end_s: float
    items: int = 0
    repeats: int = 0
    batch_s: list[float] = field(default_factory=list)
    put_off: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """What a writer does: `kind` is `taps`, `transfers` or `plain`.

    Attributes:
        settings: where the database is.
        messages: what `taps` posts.
        count: so many `transfers`.
        seconds: `plain` transfers begin for so long.
        cards: how many cards there are.
        carriers: owners of the accounts that transfers go to, drawn evenly.
        seed: chooses cards.
    """

    kind: str
    settings: Settings
    messages: Sequence[Message] = ()
    count: int = 0
    seconds: float = 0.0
    cards: int = 1
    carriers: tuple[str, ...] = ("carrier-1",)
    seed: int = 1


def run_writers(works: Sequence[Work]) -> list[Measured]:
    """Run writers in processes of their own; all begin at the same moment.

    Raises:
        Fault: a writer failed.
    """
    context = get_context("spawn")
    barrier, answers = context.Barrier(len(works)), context.Queue()
    processes = [context.Process(target=_main, args=(work, barrier, answers)) for work in works]
    for process in processes:
        process.start()
    found: list[Measured] = []
    try:
        for _ in works:
            answer = answers.get(timeout=_PATIENCE_S)
            if isinstance(answer, str):
                raise Fault(f"a writer failed: {answer}")
            found.append(answer)
    except Empty:
        raise Fault("a writer does not answer") from None
    finally:
        for process in processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
    return found


def _main(work: Work, barrier: Barrier, answers: Any) -> None:
    configure_logging(work.settings, "bench")
    rare_collections()
    kinds = {"taps": _write_taps, "transfers": _write_transfers, "plain": _write_plain}
    try:
        measured = asyncio.run(kinds[work.kind](work, lambda: _wait(barrier)))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the benchmark must hear of it
        barrier.abort()
        answers.put(f"{type(exc).__name__}: {exc}")
    else:
        answers.put(measured)


def _wait(barrier: Barrier) -> None:
    barrier.wait(_START_S)


async def _write_taps(work: Work, begin: Callable[[], None]) -> Measured:
    """Post taps as a worker does: decode, prove the seals of the next batch, post this one."""
    settings, clock, metrics = work.settings, SystemClock(), Metrics()
    conninfo = settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(conninfo, name="bench"))
        registry = RegistryWatcher(pool, settings, clock)
        await registry.refresh()
        keys = KeyWatcher(pool, settings)
        await keys.refresh()
        posting = await stack.enter_async_context(open_post(settings, clock, pool, registry))
        posters = [ConnectionPoster(conninfo, posting) for _ in range(settings.ticketing_lanes)]
        for poster in posters:
            stack.push_async_callback(poster.close)
        line = Line(settings, clock, metrics, pool, keys)
        stack.callback(line.close)
        intake = TapIntake(settings, clock, metrics)
        begin()
        measured, cpu_s = Measured(clock.monotonic(), 0.0), process_time()
        lanes = _measured_lanes(line, posters, measured, clock)

        async def judge() -> None:
            at = 0
            while at < len(work.messages):
                batch = TapBatch()
                at += intake.take(work.messages[at:], registry.current, batch)
                if batch.dead:
                    raise Fault(f"{len(batch.dead)} of the benchmark's taps were refused")
                await lanes.put(batch, *await line.judge(batch.candidates))
            await lanes.finish()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(judge())
            tasks.create_task(lanes.run())
        measured.end_s = clock.monotonic()
        measured.cpu_s = process_time() - cpu_s
        return measured


def _measured_lanes(
    line: Line, posters: Sequence[Poster], measured: Measured, clock: SystemClock
) -> Lanes:
    """Make the lanes of a worker that count what they post, and time each transaction."""

    def timed(poster: Poster) -> Poster:
        async def post_timed(taps: Sequence[TapIn], patient: bool) -> Posted:
            start_s = clock.monotonic()
            posted = await poster(taps, patient)
            measured.batch_s.append(clock.monotonic() - start_s)
            return posted

        return post_timed

    async def settle(posted: Posted, dead: Sequence[DeadLetter]) -> None:
        if dead:
            raise Fault(f"a tap was not posted: {dead[0].detail}")
        measured.items += posted.new
        measured.repeats += posted.repeats
        measured.put_off += len(posted.put_off)

    return Lanes(line, [timed(poster) for poster in posters], settle, lambda _batch: None)


async def _write_transfers(work: Work, begin: Callable[[], None]) -> Measured:
    """Post journals of two entries, card to carrier, and nothing else.

    As a worker posts taps: in its lanes, batches of its size, and what is on a card that another
    transaction holds put off to the lane's next batch.
    """
    clock, rng = SystemClock(), random.Random(work.seed)
    conninfo = work.settings.database_url.get_secret_value()
    keys = {(AGENCY, 2210, owner) for owner in work.carriers}
    numbers = await Accounts(conninfo).numbers(keys)
    to = [numbers[key] for key in sorted(keys)]
    size = work.settings.ticketing_batch_max
    batches = iter(range(0, work.count, size))

    async def post_batches(connection: AsyncConnection, measured: Measured) -> None:
        waiting: list[Journal] = []  # on cards that another transaction held, as in a worker's lane
        for first in batches:  # the lanes draw from one store
            start_s = clock.monotonic()
            journals = waiting + [
                _transfer(
                    1 + int(rng.random() * work.cards),
                    to[int(rng.random() * len(to))],
                    f"{work.seed}/{n}",
                )
                for n in range(first, min(first + size, work.count))
            ]
            waiting = await _post_free(connection, journals, measured, patient=False)
            measured.batch_s.append(clock.monotonic() - start_s)
        if waiting:
            await _post_free(connection, waiting, measured, patient=True)

    async with AsyncExitStack() as stack:
        lanes = [await connect_async(conninfo) for _ in range(work.settings.ticketing_lanes)]
        for connection in lanes:
            stack.push_async_callback(connection.close)
        begin()
        measured, cpu_s = Measured(clock.monotonic(), 0.0), process_time()
        async with asyncio.TaskGroup() as tasks:
            for connection in lanes:
                tasks.create_task(post_batches(connection, measured))
        measured.end_s = clock.monotonic()
        measured.cpu_s = process_time() - cpu_s
        return measured


async def _post_free(
    connection: AsyncConnection, journals: Sequence[Journal], measured: Measured, *, patient: bool
) -> list[Journal]:
    """Post what is on cards that nobody holds, patiently on all; give the rest."""
    with translated():
        async with connection.transaction():
            numbers = [journal.card_no or 0 for journal in journals]
            cards = await lock_cards(connection, numbers, patient=patient)
            free = [journal for journal in journals if journal.card_no in cards]
            await post(connection, free, cards)
    measured.items += len(free)
    measured.put_off += len(journals) - len(free)
    return [journal for journal in journals if journal.card_no not in cards]


def _transfer(card_no: int, account_no: int, key: str) -> Journal:
    return Journal(
        agency_id=AGENCY,
        kind="transfer",
        service_date=_NO_TIME,
        event_at_ms=0,
        received_ms=0,
        entries={card_account(card_no, 2110): 1, account_no: -1},
        rule="bench",
        actor="bench",
        source_key=key,
        content_hash=b"bench",
        card_no=card_no,
    )


async def _write_plain(work: Work, begin: Callable[[], None]) -> Measured:
    """Call a function a transfer, each its own transaction; for a time, as it is the slow one."""
    clock, rng = SystemClock(), random.Random(work.seed)
    connection = await connect_async(work.settings.database_url.get_secret_value())
    async with connection:
        begin()
        measured = Measured(clock.monotonic(), 0.0)
        with translated():
            while (start_s := clock.monotonic()) < measured.begin_s + work.seconds:
                await connection.execute(
                    "SELECT plain_create_transfer(%s, %s, 1)",
                    (rng.randrange(work.cards) + 1, -1 - rng.randrange(len(work.carriers))),
                )
                measured.batch_s.append(clock.monotonic() - start_s)
                measured.items += 1
        measured.end_s = clock.monotonic()
        return measured
