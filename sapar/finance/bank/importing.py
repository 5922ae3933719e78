"""Import of a statement: its new lines stored and posted, all of it or nothing."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.bank.accounts import Doer
from sapar.finance.bank.model import Format, Line
from sapar.finance.bank.overlap import Known, Plan, Stored, plan
from sapar.finance.bank.postings import Posting, ledger_accounts, post_new
from sapar.finance.bank.table import NOTHING_GIVEN, Given
from sapar.finance.bank.taking import TakenFile, take
from sapar.ticketing.ledger.accounts import Accounts

_QUERIES = load_queries("sapar.finance.bank")
_PREVIEW: Final = 20


class ShownLine(msgspec.Struct, frozen=True):
    """A new line, for a look at what an import will bring."""

    booked_on: date
    amount_tiyn: int
    counterparty_name: str
    reference: str
    purpose: str


class Imported(msgspec.Struct, frozen=True):
    """What came of an import, or would come of it (`dry_run`).

    Attributes:
        account: the account's short name.
        format: that the file was found to have.
        lines, receipts_tiyn, payments_tiyn: what the file shows; both sums are positive.
        new_lines, new_tiyn: what of it was not there before; the sum is signed.
        opening_posted_tiyn: what was posted as opening balance against 2990.
        repeated: this very file came before, as statement `statement_no`; nothing was done.
        unmatched_lines, unmatched_tiyn: what no match explains on the account, afterwards.
        warnings: what a person should know.
        preview: the first of the new lines.
        statement_no: None after a dry run.
    """

    account: str
    iban: str
    format: Format
    from_date: date
    to_date: date
    opening_tiyn: int
    closing_tiyn: int
    lines: int
    receipts_tiyn: int
    payments_tiyn: int
    new_lines: int
    new_tiyn: int
    opening_posted_tiyn: int
    repeated: bool
    dry_run: bool
    unmatched_lines: int
    unmatched_tiyn: int
    warnings: list[str]
    preview: list[ShownLine]
    statement_no: int | None


async def import_statement(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    data: bytes,
    file_name: str,
    *,
    doer: Doer,
    now: datetime,
    account: str | None = None,
    given: Given = NOTHING_GIVEN,
    dry_run: bool = False,
) -> Imported:
    """Read a statement and store and post what of it is new, in one transaction.

    The same file, an overlapping one, or the same days in another format add nothing twice (see
    `overlap`). Each new line posts Dr 1010 Cr 2910, a payment the other way round; 1010 is then the
    closing balance, 2910 what no match explains.

    Args:
        connection: not in a transaction.
        accounts: of the ledger.
        agency_id: whose account it is.
        data: the file; its format is told from what is in it.
        file_name: kept with it.
        doer: who imports it.
        now: by the clock of the part that imports.
        account: short name or IBAN; None: the one that the file names, or, for a table, the only
            one with a mapping.
        given: what is said of a table beside it; goes before the mapping.
        dry_run: find all out and change nothing.

    Raises:
        BrokenFile: (a BadInput with `line`) the file is broken, or does not balance
            (`statement_does_not_balance`).
        BadInput: `wrong_account`, `account_needed`, `too_large`.
        NotFound: the agency has no such account.
        Refused: `statement_gap`, `statement_contradicts` (see `overlap.plan`).
    """
    file = await take(connection, agency_id, data, file_name, account, given)
    digest = hashlib.sha256(data).digest()
    names = {"bank_account_no": file.entry.bank_account_no, "digest": digest}
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["lock_account"], names)
            row = await found.fetchone()
            assert row is not None  # accounts are never deleted
            found = await connection.execute(_QUERIES["find_same_file"], names)
            same = await found.fetchone()
            if same is not None:
                return await _told(connection, file, None, dry_run=dry_run, statement_no=same[0])
            known = None if row[0] is None else Known(*row[:4])
            planned, stored = await _planned(connection, agency_id, file, known)
            if dry_run:
                return await _told(connection, file, planned, dry_run=True, statement_no=None)
            keys = [(agency_id, code, owner) for code, owner in ledger_accounts(file.entry.account)]
            numbers = await accounts.numbers(keys)
            posting = Posting(
                agency_id, file.entry.account, ZoneInfo(row[4]), now, doer.person,
                *(numbers[key] for key in keys),
            )  # fmt: skip
            statement_no = await _keep(connection, file, planned, digest, posting)
            await post_new(connection, posting, file, planned, stored, statement_no)
            await _record(connection, agency_id, file, planned, statement_no, doer, now)
            return await _told(connection, file, planned, dry_run=False, statement_no=statement_no)


async def _planned(
    connection: AsyncConnection, agency_id: str, file: TakenFile, known: Known | None
) -> tuple[Plan, list[Stored]]:
    values = {
        "bank_account_no": file.entry.bank_account_no,
        "from_date": file.statement.from_date,
        "to_date": file.statement.to_date,
    }
    found = await connection.execute(_QUERIES["list_stored"], values)
    stored = [
        Stored(
            Line(
                booked_on=row[0], amount_tiyn=row[1], counterparty_bin=row[2],
                counterparty_iban=row[3], reference=row[4], bank_reference=row[5], purpose=row[6],
            ),
            row[7],
        )
        async for row in found
    ]  # fmt: skip
    found = await connection.execute(_QUERIES["sum_before"], values)
    row = await found.fetchone()
    before = row[0] if row else 0
    planned = await asyncio.to_thread(plan, file.statement, file.form, known, stored, before)
    if known is None:  # what was posted to 1010 before any statement came is a part of its opening
        names = {"agency_id": agency_id, "account": file.entry.account}
        found = await connection.execute(_QUERIES["sum_ledger"], names)
        row = await found.fetchone()
        planned.opening_moved_tiyn -= row[0] if row else 0
    return planned, stored


async def _keep(
    connection: AsyncConnection, file: TakenFile, planned: Plan, digest: bytes, posting: Posting
) -> int:
    """Store the statement and what is known of the account now; give the statement's number."""
    statement, kept = file.statement, planned.known
    values = {
        "bank_account_no": file.entry.bank_account_no,
        "from_date": statement.from_date,
        "to_date": statement.to_date,
        "opening_tiyn": statement.opening_tiyn,
        "closing_tiyn": statement.closing_tiyn,
        "format": file.form,
        "file_name": file.name,
        "digest": digest,
        "file": file.kept,
        "line_count": len(statement.lines),
        "new_line_count": len(planned.new),
        "now": posting.now,
        "person": posting.actor,
    }
    found = await connection.execute(_QUERIES["insert_statement"], values)
    row = await found.fetchone()
    assert row is not None
    await connection.execute(
        _QUERIES["update_account"], kept._asdict() | {"bank_account_no": values["bank_account_no"]}
    )
    return int(row[0])


async def _record(
    connection: AsyncConnection,
    agency_id: str,
    file: TakenFile,
    planned: Plan,
    statement_no: int,
    doer: Doer,
    now: datetime,
) -> None:
    statement = file.statement
    after: dict[str, Any] = {
        "account": file.entry.account,
        "file": file.name,
        "format": file.form,
        "from": statement.from_date.isoformat(),
        "to": statement.to_date.isoformat(),
        "opening_tiyn": statement.opening_tiyn,
        "closing_tiyn": statement.closing_tiyn,
        "lines": len(statement.lines),
        "new_lines": len(planned.new),
        "warnings": planned.warnings,
    }
    await record(
        connection, at=now, person=doer.person, user_id=doer.user_id, agency_id=agency_id,
        action="bank_statement.import", target=f"bank statement {statement_no}", before=None,
        after=after,
    )  # fmt: skip


async def _told(
    connection: AsyncConnection,
    file: TakenFile,
    planned: Plan | None,
    *,
    dry_run: bool,
    statement_no: int | None,
) -> Imported:
    """Tell what was, or would be, done; `planned` is None when the file came before."""
    statement = file.statement
    new = [statement.lines[place] for place in planned.new] if planned else []
    names = {"bank_account_no": file.entry.bank_account_no}
    found = await connection.execute(_QUERIES["sum_unmatched"], names)
    row = await found.fetchone()
    unmatched, unmatched_tiyn = row or (0, 0)
    if dry_run:
        unmatched += len(new)
        unmatched_tiyn += sum(line.amount_tiyn for line in new)
    return Imported(
        account=file.entry.account,
        iban=file.entry.iban,
        format=file.form,
        from_date=statement.from_date,
        to_date=statement.to_date,
        opening_tiyn=statement.opening_tiyn,
        closing_tiyn=statement.closing_tiyn,
        lines=len(statement.lines),
        receipts_tiyn=sum(line.amount_tiyn for line in statement.lines if line.amount_tiyn > 0),
        payments_tiyn=-sum(line.amount_tiyn for line in statement.lines if line.amount_tiyn < 0),
        new_lines=len(new),
        new_tiyn=sum(line.amount_tiyn for line in new),
        opening_posted_tiyn=planned.opening_moved_tiyn if planned else 0,
        repeated=planned is None,
        dry_run=dry_run,
        unmatched_lines=unmatched,
        unmatched_tiyn=unmatched_tiyn,
        warnings=planned.warnings if planned else [],
        preview=[
            ShownLine(
                line.booked_on, line.amount_tiyn, line.counterparty_name, line.reference,
                line.purpose,
            )
            for line in new[:_PREVIEW]
        ],
        statement_no=statement_no,
    )  # fmt: skip
