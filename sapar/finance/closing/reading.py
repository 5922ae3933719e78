"""Totals and balances of a business day, from the ledger at rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from sapar.core.db import AsyncConnection, load_queries
from sapar.finance.closing.balances import Statement, code_of
from sapar.finance.closing.totals import (
    Account,
    Group,
    Movement,
    Totals,
    account_of,
    add_groups,
)
from sapar.ticketing.ledger.accounts import CARD_CODES

_QUERIES = load_queries("sapar.finance.closing")


async def read_accounts(
    connection: AsyncConnection, agency_id: str
) -> tuple[dict[int, Account], dict[Account, int]]:
    """Give accounts by number, and all balances, those of cards as four sums."""
    names = {"agency_id": agency_id}
    cursor = await connection.execute(_QUERIES["list_accounts"], names)
    rows = await cursor.fetchall()
    accounts = {number: (code, owner) for number, code, owner, _ in rows}
    balances = {(code, owner): balance for _, code, owner, balance in rows}
    cursor = await connection.execute(_QUERIES["sum_cards"], names)
    sums = await cursor.fetchone()
    assert sums is not None
    balances |= {(code, ""): total for code, total in zip(CARD_CODES, sums, strict=True)}
    return accounts, balances


async def read_totals(
    connection: AsyncConnection, agency_id: str, day: date, accounts: Mapping[int, Account]
) -> Totals:
    """Give the totals of all journals with a business date."""
    names = {"agency_id": agency_id, "day": day}
    totals = Totals()
    cursor = await connection.execute(_QUERIES["group_taps"], names)
    add_groups(totals, day, (Group._make(row) for row in await cursor.fetchall()), accounts)
    cursor = await connection.execute(_QUERIES["sum_others"], names)
    for _, number, debits, credits_, _ in await cursor.fetchall():
        movement = totals.accounts.setdefault(account_of(number, accounts), Movement())
        movement.debits += debits
        movement.credits += credits_
    cursor = await connection.execute(_QUERIES["count_kinds"], names)
    totals.kinds = dict(await cursor.fetchall())
    return totals


async def read_anchor(
    connection: AsyncConnection, agency_id: str
) -> tuple[int, dict[Account, int]]:
    """Give the balances that were signed last, and the last journal in them; zero before."""
    cursor = await connection.execute(_QUERIES["find_anchor"], {"agency_id": agency_id})
    row = await cursor.fetchone()
    if row is None:
        return 0, {}
    return row[0], {code_of(name): balance for name, balance in row[1].items()}


async def read_moved(
    connection: AsyncConnection, agency_id: str, after: int, accounts: Mapping[int, Account]
) -> dict[Account, int]:
    """Give what all journals after a number have moved on each account."""
    cursor = await connection.execute(
        _QUERIES["group_moved"], {"agency_id": agency_id, "after": after}
    )
    moved: dict[Account, int] = {}
    async for form, amounts, count in cursor:
        for number, amount in zip(form, amounts, strict=True):
            account = account_of(number, accounts)
            moved[account] = moved.get(account, 0) + amount * count
    return moved


async def read_statements(connection: AsyncConnection, agency_id: str) -> list[Statement]:
    """Give the newest statement of each bank account beside its 1010."""
    cursor = await connection.execute(_QUERIES["list_bank_balances"], {"agency_id": agency_id})
    return [Statement._make(row) for row in await cursor.fetchall()]
