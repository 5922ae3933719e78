"""Journals of bank lines: a receipt is Dr 1010 Cr 2910, a payment Dr 2910 Cr 1010."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from sapar.core.db import AsyncConnection, load_queries
from sapar.finance.bank.overlap import Plan, Stored
from sapar.finance.bank.taking import TakenFile
from sapar.ticketing.ledger.business_days import ClosedDays, read_closed_days
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.bank")
BANK, SUSPENSE, OPENING = 1010, 2910, 2990
_CHUNK: Final = 5000


@dataclass(frozen=True, slots=True)
class Posting:
    """What all journals of an import share."""

    agency_id: str
    account: str
    zone: ZoneInfo
    now: datetime
    actor: str
    bank: int
    suspense: int
    equity: int

    def journal(self, kind: str, key: str, on: date, tiyn: int, other: int, rule: str) -> Journal:
        """Make a journal: what came in is a debit of 1010."""
        begins = datetime.combine(on, time(), self.zone)
        return Journal(
            agency_id=self.agency_id,
            kind=kind,
            service_date=on,
            event_at_ms=round(begins.timestamp()) * 1000,
            received_ms=round(self.now.timestamp() * 1000),
            entries={self.bank: tiyn, other: -tiyn},
            rule=rule,
            actor=self.actor,
            source_key=f"bank:{self.account}:{key}",
            content_hash=hashlib.sha256(f"{kind} {key} {tiyn}".encode()).digest(),
        )


def ledger_accounts(account: str) -> list[tuple[int, str]]:
    """Give code and owner of the three ledger accounts that an import moves."""
    return [(BANK, account), (SUSPENSE, account), (OPENING, f"bank {account}")]


async def post_new(
    connection: AsyncConnection,
    posting: Posting,
    file: TakenFile,
    planned: Plan,
    stored: Sequence[Stored],
    statement_no: int,
) -> None:
    """Post the opening balance and a journal for each new line, and store the lines."""
    statement = file.statement
    days = await read_closed_days(connection, {posting.agency_id}, statement.from_date)
    if planned.opening_moved_tiyn:
        opening = posting.journal(
            "bank_opening", f"opening:{statement.from_date}", statement.from_date,
            planned.opening_moved_tiyn, posting.equity, "opening balance of the account",
        )  # fmt: skip
        await post(connection, [opening], {}, days=days)
    equals = Counter((one.line.booked_on, one.line.amount_tiyn) for one in stored)
    keys = []
    for place in planned.new:
        line = statement.lines[place]
        equals[line.booked_on, line.amount_tiyn] += 1
        ordinal = equals[line.booked_on, line.amount_tiyn]
        keys.append(f"{line.booked_on}:{line.amount_tiyn}:{ordinal}")
    for begin in range(0, len(keys), _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        rows = list(zip(planned.new[chunk], keys[chunk], strict=True))
        await _post_lines(connection, posting, file, rows, statement_no, days)


async def _post_lines(
    connection: AsyncConnection,
    posting: Posting,
    file: TakenFile,
    rows: Sequence[tuple[int, str]],
    statement_no: int,
    days: ClosedDays,
) -> None:
    """Post and store lines: (place in the statement, key)."""
    lines = file.statement.lines
    journals = [
        posting.journal(
            "bank_line", key, lines[place].booked_on, lines[place].amount_tiyn, posting.suspense,
            "receipt" if lines[place].amount_tiyn > 0 else "payment",
        )
        for place, key in rows
    ]  # fmt: skip
    await post(connection, journals, {}, days=days)
    async with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_lines"]) as copy:
        for (place, key), journal in zip(rows, journals, strict=True):
            line = lines[place]
            await copy.write_row((
                posting.agency_id, file.entry.bank_account_no, statement_no, place + 1, key,
                line.booked_on, line.value_on, line.amount_tiyn, line.counterparty_name,
                line.counterparty_bin, line.counterparty_iban, line.reference,
                line.bank_reference, line.purpose, journal.journal_no,
            ))  # fmt: skip
