"""A file as it is taken: whose it is, read and believed before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sapar.core.db import AsyncConnection
from sapar.core.errors import BadInput
from sapar.finance.bank.accounts import AccountEntry, find_accounts, get_account, mapping_of
from sapar.finance.bank.cards import file_to_keep, without_cards
from sapar.finance.bank.formats import guess, parse
from sapar.finance.bank.model import Format, Statement, check, clean
from sapar.finance.bank.table import Given

FILE_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that was read and believed.

    Attributes:
        data: as it came.
        entry: the account of ours that it is about.
        statement: of that account, checked, without cards' numbers.
        kept: the file as it may be stored, or None.
    """

    data: bytes
    name: str
    form: Format
    entry: AccountEntry
    statement: Statement
    kept: bytes | None


async def take(
    connection: AsyncConnection,
    agency_id: str,
    data: bytes,
    name: str,
    account: str | None,
    given: Given,
) -> TakenFile:
    """Read a file; see `importing.import_statement` for the arguments and what is raised."""
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"the file has more than {FILE_BYTES_MAX >> 20} MiB", code="too_large")
    form = guess(data)
    if account is None:
        entries = await find_accounts(connection, agency_id)
    else:
        entries = [await get_account(connection, agency_id, account)]
    if form in {"csv", "xlsx"}:
        entry = _only(entries, form) if account is None else entries[0]
        mapping = mapping_of(entry, form)
    else:
        entry, mapping = None, None
    # a large file takes seconds, in which others are served
    statements = await asyncio.to_thread(parse, data, form, mapping, given)
    if entry is None:
        entry = _named(entries, statements)
    statement = next((one for one in statements if one.account in {entry.iban, ""}), None)
    if statement is None:
        raise _wrong_account(statements, [entry])
    return await asyncio.to_thread(_believed, data, name, form, entry, statement)


def _believed(
    data: bytes, name: str, form: Format, entry: AccountEntry, statement: Statement
) -> TakenFile:
    checked = check(statement)
    lines = tuple(map(without_cards, checked.lines))
    held = lines != checked.lines
    kept = file_to_keep(data, form, lines, text_held_cards=held)
    return TakenFile(data, clean(name), form, entry, replace(checked, lines=lines), kept)


def _only(entries: Sequence[AccountEntry], form: str) -> AccountEntry:
    mapped = [entry for entry in entries if mapping_of(entry, form)]
    if len(mapped) != 1:
        raise BadInput(
            f"a table does not say whose it is, and {len(mapped)} accounts have a mapping for"
            f" {form}",
            code="account_needed",
            hint="Name the account; sapar ticketing bank mapping set says how to read its tables.",
        )
    return mapped[0]


def _named(entries: Sequence[AccountEntry], statements: Sequence[Statement]) -> AccountEntry:
    """Give the account of ours that a file is about."""
    if len(entries) == 1:
        return entries[0]
    there = {one.account for one in statements}
    ours = [entry for entry in entries if entry.iban in there]
    if not ours:
        raise _wrong_account(statements, entries)
    if len(ours) > 1:
        raise BadInput(
            f"the file has {len(ours)} of our accounts:"
            f" {', '.join(entry.account for entry in ours)}",
            code="account_needed",
            hint="Import it once for each, naming the account.",
        )
    return ours[0]


def _wrong_account(statements: Sequence[Statement], entries: Sequence[AccountEntry]) -> BadInput:
    there = ", ".join(one.account for one in statements)
    ours = ", ".join(f"{entry.account} ({entry.iban})" for entry in entries) or "none"
    return BadInput(
        f"the file is about {there}, our account is {ours}",
        code="wrong_account",
        hint="Register an account with sapar ticketing bank accounts add.",
    )
