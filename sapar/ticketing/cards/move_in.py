"""Moving in: another system's cards, balances, passes and blocks, as opening journals.

The files are staged and compared with what is there before anything is written. What they hold in
money must be the control total that the old system states, to the tiyn; then cards move in part by
part, each part in a transaction of its own, and a run that was interrupted is simply run again: a
card that is there already adds nothing.

The other side of every opening balance is account 2990, one for each import. It is no income and no
receipt of a bank: it says what the old operator owes us for the balances that we took over, and is
cleared when that money arrives. Its balance is what was moved in, so it is the control total less
the rows that were refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, Refused
from sapar.ticketing.cards.move_in_rows import (
    BLOCK_COLUMNS,
    CARD_COLUMNS,
    PASS_COLUMNS,
    Reader,
    RefusedRow,
    block_line,
    card_line,
    pass_line,
)
from sapar.ticketing.cards.opening import Opening, post_blocks, post_cards, post_passes
from sapar.ticketing.cards.operations import Desk
from sapar.ticketing.tariff.calendar import FareCalendar

_QUERIES = load_queries("sapar.ticketing.cards")
_CHUNK: Final = 20_000
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much (0: not known)."""


@dataclass(frozen=True, slots=True)
class Files:
    """What to move in; amounts in the files are tenge.

    Attributes:
        cards: a card a row; columns `CARD_COLUMNS`.
        passes, blocks: those of cards that are there, or move in now.
    """

    cards: Path
    passes: Path | None = None
    blocks: Path | None = None


@dataclass(slots=True)
class Report:
    """What came of it.

    Attributes:
        added: rows that moved in, by kind.
        unchanged: rows that were there already, by kind.
        moved_tiyn: what the added and the unchanged rows hold.
        file_tiyn: what all rows hold that could be read, refused ones too.
        refused: rows that did not move in.
    """

    added: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    moved_tiyn: int = 0
    file_tiyn: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def refused_tiyn(self) -> int:
        """What the refused rows hold that could be read."""
        return sum(row.amount_tiyn for row in self.refused)


@dataclass(frozen=True, slots=True)
class MoveIn:
    """One import.

    Attributes:
        agency_id: whose cards they become.
        name: names the import, and its account 2990; the same again for a repetition.
        actor: who does it.
        control_tiyn: what the old system says that its cards and passes hold: purses, deposits and
            unearned pass money, less debts.
        categories: rider categories that exist; None: any.
    """

    agency_id: str
    name: str
    actor: str
    control_tiyn: int
    categories: frozenset[str] | None = None


async def move_in(
    connection: AsyncConnection,
    desk: Desk,
    plan: MoveIn,
    files: Files,
    *,
    dry_run: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Report:
    """Move cards in, or with `dry_run` say what would happen.

    Args:
        connection: in autocommit, in no transaction.
        desk: clock, accounts, and what judges rides of cards anew that were unknown so far.
        plan: see `MoveIn`.
        files: what to read.
        dry_run: write nothing.
        progress: see `Progress`.

    Raises:
        BadInput: a file cannot be read, or there is no such agency.
        Refused: the files do not hold the control total (`control_total`); nothing is written.
    """
    report = Report()
    with translated():
        found = await connection.execute(_QUERIES["zone_of_agency"], {"agency_id": plan.agency_id})
        row = await found.fetchone()
        if row is None:
            raise BadInput(f"there is no agency {plan.agency_id!r}", code="unknown_agency")
        zone, now = ZoneInfo(row[0]), desk.clock.now()
        await _stage_all(connection, plan, files, zone, now, report, progress)
        if report.file_tiyn != plan.control_tiyn:
            raise _off_total(plan, report)
        await _sort_out(connection, plan, now, report)
        if not dry_run:
            at_ms = round(now.timestamp() * 1000)
            opening = Opening(
                connection, desk, plan.agency_id, plan.name, plan.actor, at_ms,
                FareCalendar(zone).fare_day(at_ms), zone,
            )  # fmt: skip
            await _carry(opening, "cards", partial(post_cards, opening), report, progress)
            await _carry(opening, "passes", partial(post_passes, opening), report, progress)
            if report.added["blocks"]:
                await post_blocks(opening)
    report.refused.sort()
    return report


def _off_total(plan: MoveIn, report: Report) -> Refused:
    unread = sum(1 for row in report.refused if row.amount_tiyn == 0)
    return Refused(
        f"the files hold {report.file_tiyn / 100:.2f} tenge, the control total is"
        f" {plan.control_tiyn / 100:.2f}; {unread} rows could not be read",
        code="control_total",
        hint="Nothing was moved in. Compare the export with the old system, row counts first.",
    )


async def _stage_all(
    connection: AsyncConnection,
    plan: MoveIn,
    files: Files,
    zone: ZoneInfo,
    now: datetime,
    report: Report,
    progress: Progress,
) -> None:
    """Copy the files into temporary tables of this connection."""
    await connection.execute(_QUERIES["make_staging"])
    readers = (
        (files.cards, Reader("cards", CARD_COLUMNS, card_line)),
        (files.passes, Reader("passes", PASS_COLUMNS, partial(pass_line, zone=zone))),
        (files.blocks, Reader("blocks", BLOCK_COLUMNS, partial(block_line, zone=zone, now=now))),
    )
    for path, reader in readers:
        kind = reader.kind
        if path is None:
            continue
        rows = _usable(kind, reader.rows(path), plan, report)
        async with (
            connection.cursor() as cursor,
            cursor.copy(_QUERIES[f"stage_{kind}"]) as copy,
        ):
            done = 0
            for chunk in _chunks(rows):
                await copy.write(b"".join(_encode(row)[1:-1] + b"\n" for row in chunk))
                done += len(chunk)
                progress(f"reading {kind}", done, 0)
        await connection.execute(_QUERIES[f"index_{kind}"])


def _usable(kind: str, rows: Iterable[Any], plan: MoveIn, report: Report) -> Iterator[Any]:
    """Pass the rows on that can be used, and add up what all of them hold."""
    for row in rows:
        if isinstance(row, RefusedRow):
            report.refused.append(row)
            continue
        report.file_tiyn += row.amount_tiyn
        unknown = plan.categories is not None and kind == "cards"
        if unknown and row.category not in (plan.categories or ()):
            message = f"the tariff has no rider category {row.category!r}"
            report.refused.append(
                RefusedRow(kind, row.line, "unknown_category", message, row.amount_tiyn)
            )
            continue
        yield row


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk


async def _sort_out(
    connection: AsyncConnection, plan: MoveIn, now: datetime, report: Report
) -> None:
    """Take rows out of the staging tables that are refused or there already."""
    names = {"agency_id": plan.agency_id, "name": plan.name, "now": now}
    for kind in ("cards", "passes", "blocks"):
        found = await connection.execute(_QUERIES[f"refuse_{kind}"], names)
        for line, code, message, amount in await found.fetchall():
            report.refused.append(RefusedRow(kind, line, code, message, amount))
        found = await connection.execute(_QUERIES[f"skip_{kind}"], names)
        row = await found.fetchone()
        count, amount = row or (0, 0)
        report.unchanged[kind] = count
        report.moved_tiyn += amount
        found = await connection.execute(_QUERIES[f"sum_{kind}"])
        row = await found.fetchone()
        count, amount = row or (0, 0)
        report.added[kind] = count
        report.moved_tiyn += amount


async def _carry(
    opening: Opening,
    kind: str,
    post_chunk: Callable[[Sequence[tuple[Any, ...]]], Any],
    report: Report,
    progress: Progress,
) -> None:
    """Move staged rows in, a chunk a transaction, in the order of the file."""
    after, done = 0, 0
    names = {"agency_id": opening.agency_id, "count": _CHUNK}
    while True:
        async with opening.connection.transaction():
            found = await opening.connection.execute(
                _QUERIES[f"next_{kind}"], names | {"after": after}
            )
            rows = await found.fetchall()
            if not rows:
                return
            await post_chunk(rows)
        after, done = rows[-1][0], done + len(rows)
        progress(f"moving {kind} in", done, report.added[kind])
