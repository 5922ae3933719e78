"""Our accounts at banks, and how the tables of each are read."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, json_value, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.bank.mapping import Mapping, check_mapping
from sapar.finance.bank.model import iban_of

_QUERIES = load_queries("sapar.finance.bank")
_ID: Final = re.compile(r"[a-z0-9-]{1,32}")

TableFormat = Literal["csv", "xlsx"]


class Doer(NamedTuple):
    """Who does something, for the audit log; `user_id` is None for a command."""

    person: str
    user_id: int | None = None


class BankAccount(msgspec.Struct, frozen=True):
    """An account at a bank, and how it stands.

    Attributes:
        account: its short name; owner of the ledger accounts 1010 and 2910.
        opening_on, opening_tiyn: from where all of its lines are known; None: no statement yet.
        closing_on, closing_tiyn: the newest balance that the bank has shown.
        ledger_tiyn: balance of 1010; equal to `closing_tiyn`, or the books are wrong.
        suspense_tiyn: what 2910 holds, as the bank would show it: receipts are positive.
        unmatched_lines, unmatched_tiyn: lines that no match explains; the sum equals
            `suspense_tiyn`, or something else was posted to 2910.
        mappings: the table formats that have a mapping.
    """

    bank_account_no: int
    account: str
    iban: str
    name: str
    currency: str
    opening_on: date | None
    opening_tiyn: int | None
    closing_on: date | None
    closing_tiyn: int | None
    ledger_tiyn: int
    suspense_tiyn: int
    unmatched_lines: int
    unmatched_tiyn: int
    mappings: list[str]

    @property
    def agrees(self) -> bool:
        """Whether the ledger says what the bank and the lines say."""
        return (
            self.ledger_tiyn == (self.closing_tiyn or 0)
            and self.suspense_tiyn == self.unmatched_tiyn
        )


class AccountEntry(NamedTuple):
    """An account as an import finds it; `mappings` by format, as stored."""

    bank_account_no: int
    account: str
    iban: str
    mappings: dict[str, Any] | None


async def add_account(
    connection: AsyncConnection,
    agency_id: str,
    *,
    account: str,
    iban: str,
    name: str,
    doer: Doer,
    now: datetime,
) -> int:
    """Register an account at a bank; give its number.

    Raises:
        BadInput: `bad_account`: the short name is not of `a-z0-9-`, the IBAN or name is none.
        Refused: `account_exists`.
    """
    number = iban_of(iban)
    if not _ID.fullmatch(account):
        raise BadInput("a short name has 1 to 32 of a-z, 0-9 and -", code="bad_account")
    if number is None or not is_iban(number) or not name.strip():
        raise BadInput(
            f"{iban!r} is no IBAN, or the name is empty",
            code="bad_account",
            hint="A Kazakh IBAN (ИИК) is KZ, two check digits and 16 letters or digits.",
        )
    values = {
        "agency_id": agency_id, "bank_account_id": account, "iban": number,
        "name": name.strip(), "now": now, "person": doer.person,
    }  # fmt: skip
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["insert_account"], values)
            row = await found.fetchone()
            if row is None:
                raise Refused(
                    f"the account {account} or its IBAN is registered", code="account_exists"
                )
            await record(
                connection, at=now, person=doer.person, user_id=doer.user_id, agency_id=agency_id,
                action="bank_account.add", target=f"bank account {account}", before=None,
                after={"iban": number, "name": name.strip()},
            )  # fmt: skip
    return int(row[0])


def is_iban(number: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616: modulo 97)."""
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", number):
        return False
    turned = number[4:] + number[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


async def list_accounts(connection: AsyncConnection, agency_id: str) -> list[BankAccount]:
    """List an agency's accounts by short name, with what bank and ledger say of each."""
    with translated():
        found = await connection.execute(_QUERIES["list_accounts"], {"agency_id": agency_id})
        return [BankAccount(*row) for row in await found.fetchall()]


async def get_account(connection: AsyncConnection, agency_id: str, account: str) -> AccountEntry:
    """Find an account by its short name or IBAN.

    Raises:
        NotFound: the agency has none such.
    """
    entries = await find_accounts(connection, agency_id, account)
    if not entries:
        raise NotFound(
            f"no bank account {account}",
            hint="Register it: sapar ticketing bank accounts add.",
        )
    return entries[0]


async def find_accounts(
    connection: AsyncConnection, agency_id: str, account: str | None = None
) -> list[AccountEntry]:
    """Give one account, or all of an agency when none is named."""
    values = {"agency_id": agency_id, "account": account}
    with translated():
        found = await connection.execute(_QUERIES["find_accounts"], values)
        return [AccountEntry(*row) for row in await found.fetchall()]


async def set_mapping(
    connection: AsyncConnection,
    agency_id: str,
    account: str,
    form: TableFormat,
    mapping: Mapping,
    *,
    doer: Doer,
    now: datetime,
) -> None:
    """Keep how an account's tables of one format are read.

    Raises:
        BadInput: no table can be read by it (`bad_mapping`).
        NotFound: the agency has no such account.
    """
    written = msgspec.to_builtins(check_mapping(mapping))
    entry = await get_account(connection, agency_id, account)
    values = {"bank_account_no": entry.bank_account_no, "format": form}
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["find_mapping"], values)
            before = await found.fetchone()
            more = {"mapping": json_value(written), "now": now, "person": doer.person}
            await connection.execute(_QUERIES["set_mapping"], values | more)
            await record(
                connection, at=now, person=doer.person, user_id=doer.user_id, agency_id=agency_id,
                action="bank_mapping.set", target=f"bank account {entry.account} {form}",
                before=before[0] if before else None, after=written,
            )  # fmt: skip


async def get_mapping(
    connection: AsyncConnection, agency_id: str, account: str, form: TableFormat
) -> Mapping:
    """Give how an account's tables are read.

    Raises:
        NotFound: the agency has no such account, or it no such mapping.
    """
    entry = await get_account(connection, agency_id, account)
    mapping = mapping_of(entry, form)
    if mapping is None:
        raise NotFound(f"the account {entry.account} has no mapping for {form}")
    return mapping


def mapping_of(entry: AccountEntry, form: str) -> Mapping | None:
    """Give an account's mapping for a format, if it has one."""
    stored = (entry.mappings or {}).get(form)
    return None if stored is None else msgspec.convert(stored, Mapping)
