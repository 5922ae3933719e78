"""Taking matches apart: a reversal, once, with a reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sapar.access import audit
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.matching import store
from sapar.finance.matching.findings import keep_matching_findings
from sapar.finance.matching.items import cancel_item
from sapar.finance.matching.postings import NOTHING
from sapar.finance.said import refuse_card_number
from sapar.ticketing.ledger.operations import Operation, operate, reversal_of
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.matching")
_TEXT_MAX = 2000


class Undone(msgspec.Struct, frozen=True):
    """A match that was taken apart.

    Attributes:
        journal_no: the reversal; None when the match had moved nothing.
    """

    match_no: int
    journal_no: int | None


async def undo_match(
    connection: AsyncConnection,
    agency_id: str,
    match_no: int,
    *,
    reason: str,
    by: Who,
    now: datetime,
) -> Undone:
    """Take a match apart: its journal is reversed, its lines and items are open again.

    What it left to be paid is cancelled. The rules do not put these lines and items together again;
    a person may.

    Args:
        connection: not in a transaction.
        agency_id: whose match.
        match_no: which one.
        reason: the person's words.
        by: the person.
        now: transit time.

    Raises:
        BadInput: `no_reason`: there is none, or it is too long; `pan_like`: a bank card's number.
        NotFound: the agency has no such match.
        Refused: `already_undone`; `remainder_matched`: what it left to be paid was paid, undo that
            match first.
    """
    if not reason.strip() or len(reason) > _TEXT_MAX:
        raise BadInput("say why the match is undone", code="no_reason")
    refuse_card_number(reason)
    operation = Operation(agency_id, "match_undo", f"match:undo:{match_no}", {"match": match_no})
    undo = _Undo(connection, agency_id, match_no, reason, by, now)
    if await undo.has_journal():
        try:
            outcome = await operate(connection, operation, lambda: undo.do(operation))
        except _NotNow as exc:
            raise exc.refusal from exc
        if outcome.repeated:
            raise Refused(f"match {match_no} was undone before", code="already_undone")
        return Undone(match_no, outcome.journal_no)
    async with connection.transaction():
        await undo.do(None)
    return Undone(match_no, None)


class _NotNow(Exception):
    """Refused as things stand: the match may be undone later, so its key must not remember it."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _Undo:
    """A match while it is taken apart."""

    def __init__(
        self,
        connection: AsyncConnection,
        agency_id: str,
        match_no: int,
        reason: str,
        by: Who,
        now: datetime,
    ) -> None:
        self._connection, self._agency_id, self._match_no = connection, agency_id, match_no
        self._reason, self._by, self._now = reason, by, now

    async def has_journal(self) -> bool:
        """Whether there is something to reverse; refuses what a key must not remember."""
        with translated():
            async with self._connection.transaction():
                row = await self._lock()
                await self._remainder(row[0])
        return row[1] is not None

    async def _lock(
        self,
    ) -> tuple[Any, ...]:
        names = {"agency_id": self._agency_id, "match_no": self._match_no}
        found = await self._connection.execute(_QUERIES["lock_match"], names)
        row = await found.fetchone()
        if row is None:
            raise NotFound(f"no match {self._match_no}")
        if row[2] is not None:
            raise Refused(f"match {self._match_no} was undone by {row[3]}", code="already_undone")
        return row

    async def _remainder(self, source_key: str) -> int | None:
        found = await self._connection.execute(
            _QUERIES["find_remainder"],
            {"agency_id": self._agency_id, "source_key": store.remainder_key(source_key)},
        )
        row = await found.fetchone()
        if row is None:
            return None
        if row[1] is not None:
            raise Refused(
                f"what match {self._match_no} left to be paid was paid in match {row[1]}",
                code="remainder_matched",
                hint=f"Undo match {row[1]} first.",
            )
        return int(row[0])

    async def do(self, operation: Operation | None) -> Journal:
        """Check and write, inside a transaction; without an operation nothing is reversed."""
        connection, agency_id = self._connection, self._agency_id
        with translated():
            await store.lock_matching(connection, agency_id)
            row = await self._lock()
            source_key, journal_no, _, _, day, lines_tiyn, items_tiyn, rule = row
            try:
                rest = await self._remainder(source_key)
            except Refused as exc:
                raise _NotNow(exc) from exc
            if rest is not None:
                await cancel_item(connection, agency_id, rest, now=self._now)
            journal = NOTHING
            if operation is not None and journal_no is not None:
                reversal = await reversal_of(
                    connection,
                    journal_no,
                    operation,
                    service_date=day,
                    at_ms=int(self._now.timestamp() * 1000),
                    actor=self._by.name,
                    rule=f"undo of match {self._match_no}",
                )
                (journal,) = await post(connection, [reversal], {})
            names = {
                "match_no": self._match_no, "now": self._now, "actor": self._by.name,
                "reason": self._reason, "journal_no": journal.journal_no,
            }  # fmt: skip
            for name in ("undo_match", "release_lines", "release_items"):
                await connection.execute(_QUERIES[name], names)
        town = await store.read_town(connection, agency_id)
        await keep_matching_findings(connection, town, self._now)
        await audit.record(
            connection,
            at=self._now,
            person=self._by.name,
            user_id=self._by.user_id,
            agency_id=agency_id,
            action="match.undo",
            target=f"match {self._match_no}",
            before={"rule": rule, "lines_tiyn": lines_tiyn, "items_tiyn": items_tiyn},
            after=None,
            reason=self._reason,
        )
        return journal
