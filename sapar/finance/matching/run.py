"""A run of the rules over all that is open for an agency."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from sapar.access import audit
from sapar.core.db import AsyncConnection, Pool, connect_async, translated
from sapar.core.errors import Fault
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching import store
from sapar.finance.matching.findings import keep_matching_findings
from sapar.finance.matching.model import Found, Plan
from sapar.finance.matching.plan import plan_matches
from sapar.finance.matching.postings import Booking
from sapar.ticketing.ledger.accounts import Accounts

Progress = Callable[[int, int], None]
"""Told how many matches are written, and of how many."""

_BATCH = 5000


class MatchingRun(msgspec.Struct, frozen=True):
    """What a run came to.

    Attributes:
        lines: that were open when it began.
        items: likewise.
        matches: that it made.
        matched_lines: in them.
        by_rule: matches of each rule.
        value_tiyn: of all open lines, whatever their signs.
        matched_tiyn: of those that it matched.
        hints: lines that stay open though something fits.
        doubled: lines that stay open and equal one that is matched.
    """

    lines: int
    items: int
    matches: int
    matched_lines: int
    by_rule: dict[str, int]
    value_tiyn: int
    matched_tiyn: int
    hints: int
    doubled: int


async def run_matching(
    pool: Pool,
    agency_id: str,
    actor: str,
    now: datetime,
    progress: Progress = lambda _done, _of: None,
    *,
    user_id: int | None = None,
) -> MatchingRun:
    """Match all that the rules can, post it, and bring hints and exceptions up to date.

    What came of it is one line of the audit log, also where it found nothing.

    Runs of an agency come one after the other; a second one finds nothing to do. A run that is
    broken off keeps what it wrote, and the next one goes on.

    Args:
        pool: names the database; the run has connections of its own, and so holds none of the pool.
        agency_id: whose lines and items.
        actor: in whose name, `sapar` when nobody asked.
        now: transit time.
        progress: told of what is written.
        user_id: of the person, for the audit log.

    Raises:
        NotFound: there is no such agency.
        Unavailable: the database does not answer.
    """
    if not isinstance(pool.conninfo, str):
        raise Fault("matching needs a pool that was opened with a URL")
    accounts = Accounts(pool.conninfo)
    connection = await connect_async(pool.conninfo)
    try:
        await store.hold_matching(connection, agency_id)
        return await _run(connection, accounts, agency_id, Who(actor, user_id), now, progress)
    finally:
        await connection.close()


async def _run(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    by: Who,
    now: datetime,
    progress: Progress,
) -> MatchingRun:
    town = await store.read_town(connection, agency_id)
    lines = await store.read_lines(connection, agency_id)
    items = await store.read_items(connection, agency_id)
    plan = await asyncio.to_thread(
        plan_matches,
        lines,
        items,
        town.settings,
        town.today(now).toordinal(),
        twins=await store.read_twins(connection, agency_id, town.settings),
        undone=await store.read_undone(connection, agency_id),
        own=town.own,
    )
    counts = len(lines), len(items), sum(abs(line.amount) for line in lines)
    del lines, items
    written: list[store.Written] = []
    made: dict[int, int] = {}
    progress(0, len(plan.matches))
    for found in _batches(plan.matches):
        bookings = [*_bookings(found, made)]
        with translated():
            async with connection.transaction():
                done = await store.write_matches(
                    connection, accounts, town, bookings, actor=by.name, now=now
                )
        for one in done:
            if one.booking.remainder is not None and one.remainder_no is not None:
                made[one.booking.remainder.item_no] = one.remainder_no
        written += done
        progress(len(written), len(plan.matches))
    run = _summary(counts, plan, written)
    await _tell(connection, town, plan, made, now, (by, run))
    return run


def _batches(matches: Sequence[Found]) -> Iterator[list[Found]]:
    for _, wave in groupby(matches, key=lambda found: found.wave):
        found = list(wave)
        for start in range(0, len(found), _BATCH):
            yield found[start : start + _BATCH]


def _bookings(matches: Iterable[Found], made: Mapping[int, int]) -> Iterator[Booking]:
    """Give what is to be written, remainders by the numbers that they have got.

    One whose remainder was not written is left to the next run.
    """
    for found in matches:
        first = min(found.lines, key=lambda line: line.line_no)
        if any(item.item_no < 0 and item.item_no not in made for item in found.items):
            continue
        items = [
            item if item.item_no > 0 else msgspec.structs.replace(item, item_no=made[item.item_no])
            for item in found.items
        ]
        yield Booking(
            f"match:{first.line_no}:{first.uses + 1}",
            found.rule,
            found.lines,
            items,
            found.residual,
            found.residual_account,
            found.remainder,
        )


async def _tell(
    connection: AsyncConnection,
    town: store.Town,
    plan: Plan,
    made: Mapping[int, int],
    now: datetime,
    done: tuple[Who, MatchingRun],
) -> None:
    by, run = done
    hints = {}
    for line_no, hint in plan.hints.items():
        items = tuple(number if number > 0 else made.get(number, 0) for number in hint.items)
        if all(items):
            hints[line_no] = hint._replace(items=items)
    with translated():
        async with connection.transaction():
            await store.keep_hints(connection, town.agency_id, hints)
            await keep_matching_findings(connection, town, now)
            await audit.record(
                connection,
                at=now,
                person=by.name,
                user_id=by.user_id,
                agency_id=town.agency_id,
                action="match.run",
                target=f"matching {town.agency_id}",
                before=None,
                after=msgspec.to_builtins(run),
            )


def _summary(
    counts: tuple[int, int, int], plan: Plan, written: Sequence[store.Written]
) -> MatchingRun:
    lines = [line for one in written for line in one.booking.lines]
    return MatchingRun(
        lines=counts[0],
        items=counts[1],
        matches=len(written),
        matched_lines=len(lines),
        by_rule=dict(sorted(Counter(one.booking.rule for one in written).items())),
        value_tiyn=counts[2],
        matched_tiyn=sum(abs(line.amount) for line in lines),
        hints=len(plan.hints),
        doubled=len(plan.doubled),
    )
