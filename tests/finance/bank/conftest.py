"""A city with an account at a bank, and what imports statements into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from sapar.core.db import AsyncConnection, connect, connect_async
from sapar.finance.bank.accounts import BankAccount, Doer, add_account, list_accounts, set_mapping
from sapar.finance.bank.importing import Imported, import_statement
from sapar.ticketing.ledger.accounts import Accounts
from tests.finance.bank.strategies import IBAN
from tests.finance.bank.writers import CSV_MAPPING, XLSX_MAPPING

AGENCY = "qala"
ACCOUNT = "kaspi"
DOER = Doer("aigerim")
NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


@dataclass
class Desk:
    """Imports as `aigerim`, on the first of April."""

    connection: AsyncConnection
    conninfo: str
    accounts: Accounts
    account: str = ACCOUNT

    async def take(self, data: bytes, name: str = "file", **options) -> Imported:
        return await import_statement(
            self.connection, self.accounts, AGENCY, data, name, doer=DOER, now=NOW,
            **({"account": self.account} | options),
        )  # fmt: skip

    async def stands(self) -> BankAccount:
        found = await list_accounts(self.connection, AGENCY)
        return next(one for one in found if one.account == self.account)

    async def query(self, sql: str) -> list:
        return await (await self.connection.execute(sql)).fetchall()


@pytest.fixture
def city(database: str) -> str:
    """The libpq URL of a database with the city."""
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, %s, 'Asia/Almaty')",
            (AGENCY, AGENCY),
        )
    return database


async def open_account(connection: AsyncConnection, account: str, iban: str) -> None:
    await add_account(
        connection, AGENCY, account=account, iban=iban, name=account, doer=DOER, now=NOW
    )
    await set_mapping(connection, AGENCY, account, "csv", CSV_MAPPING, doer=DOER, now=NOW)
    await set_mapping(connection, AGENCY, account, "xlsx", XLSX_MAPPING, doer=DOER, now=NOW)


@pytest.fixture
async def desk(city: str) -> AsyncIterator[Desk]:
    """A desk with one account, which has mappings for tables."""
    connection = await connect_async(city)
    await open_account(connection, ACCOUNT, IBAN)
    yield Desk(connection, city, Accounts(city))
    await connection.close()
