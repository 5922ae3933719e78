"""The chart of accounts, the numbers of card accounts, and a cache of all other numbers.

An account is (agency, code, owner). Accounts of a card need no row: their number follows from the
card's, and their balances stand on the card. All others have a row in `account` and a negative
number, drawn once; the number alone tells the asset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from sapar.core.db import AsyncConnection, connect_async, load_queries, translated
from sapar.core.errors import Fault

_QUERIES = load_queries("sapar.ticketing.ledger")

AccountKey = tuple[str, int, str]
"""(agency_id, code, owner); the owner is '' where the chart has one account for all."""

Side = Literal["asset", "liability", "income", "expense", "memo"]


class AccountType(NamedTuple):
    """A line of the chart of accounts.

    Attributes:
        code: its number.
        name: what it holds.
        side: an asset, an expense and boardings performed grow by debits, all others by credits.
        owner: what there is one account for; '' when there is one in all.
        rule: what must hold for its balance.
        asset: `KZT` in tiyn, or `BRD`, boardings.
    """

    code: int
    name: str
    side: Side
    owner: str
    rule: str
    asset: Literal["KZT", "BRD"] = "KZT"


_LINES = (
    AccountType(1010, "Bank account", "asset", "bank account", "the statement's balance"),
    AccountType(1020, "Processor in transit", "asset", "processor", "zero after the payout"),
    AccountType(1110, "Agent receivable", "asset", "agent", "at most the agent's credit limit"),
    AccountType(1210, "Card debt", "asset", "card", "never below zero, only if the purse is zero"),
    AccountType(1220, "Budget receivable", "asset", "funder", "claims that are not paid yet"),
    AccountType(1230, "Carrier receivable", "asset", "carrier", "never below zero"),
    AccountType(1310, "Card stock", "asset", "card type", "never below zero"),
    AccountType(2110, "Card purse", "liability", "card", "never below zero"),
    AccountType(2120, "Card deposit", "liability", "card", "nothing or the deposit"),
    AccountType(2130, "Pending top-up", "liability", "card", "never below zero; ages"),
    AccountType(2140, "Unearned pass money", "liability", "pass product", "zero when settled"),
    AccountType(2210, "Fare clearing", "liability", "carrier", "zero a day after settlement"),
    AccountType(2220, "Late fare clearing", "liability", "carrier", "zero after the settlement"),
    AccountType(2310, "Carrier payable", "liability", "carrier", "what is owed and not paid"),
    AccountType(2320, "Carrier hold", "liability", "carrier", "ages"),
    AccountType(2410, "Agent deposit", "liability", "agent", "never below zero"),
    AccountType(2420, "Agent commission payable", "liability", "agent", "never below zero"),
    AccountType(2510, "Refund payable", "liability", "channel", "ages"),
    AccountType(2520, "City payable", "liability", "city", "what is owed and not paid"),
    AccountType(2910, "Unidentified receipts", "liability", "bank account", "ages to zero"),
    AccountType(2920, "Unattributable taps", "liability", "carrier", "ages to zero"),
    AccountType(2990, "Opening balances", "liability", "import", "the control total of an import"),
    AccountType(4110, "Card sales", "income", "", "grows by credits"),
    AccountType(4120, "Operator commission", "income", "carrier", "grows by credits"),
    AccountType(5110, "Cap rebates", "expense", "funder", "grows by debits"),
    AccountType(5120, "Transfer discounts", "expense", "funder", "grows by debits"),
    AccountType(5130, "Goodwill", "expense", "", "grows by debits"),
    AccountType(5140, "Debt written off", "expense", "", "grows by debits"),
    AccountType(5150, "Agent commission", "expense", "agent", "grows by debits"),
    AccountType(5160, "Bank and processor fees", "expense", "", "grows by debits"),
    AccountType(5170, "Fraud and deny-list loss", "expense", "", "grows by debits"),
    AccountType(9110, "Boardings performed", "memo", "carrier", "the accepted boardings", "BRD"),
    AccountType(9210, "Boardings by product", "memo", "product", "the same, as credits", "BRD"),
)
CHART: Final[Mapping[int, AccountType]] = {line.code: line for line in _LINES}
"""All accounts by code (docs/ticketing.md explains them)."""

PURSE, DEBT, DEPOSIT, PENDING = 2110, 1210, 2120, 2130
CARD_SLOTS: Final[Mapping[int, int]] = {PURSE: 0, DEBT: 1, DEPOSIT: 2, PENDING: 3}
"""Code of a card account to its place: the number is card_no * 8 + place."""
CARD_CODES: Final = (PURSE, DEBT, DEPOSIT, PENDING)
"""Codes of card accounts by place."""
BOARDINGS_BELOW: Final = -1_000_000_000
"""Accounts with smaller numbers count boardings."""


def card_account(card_no: int, code: int) -> int:
    """Give the number of a card's account; `code` is one of `CARD_CODES`."""
    return card_no * 8 + CARD_SLOTS[code]


def asset_of(account_no: int) -> Literal["KZT", "BRD"]:
    """Give the asset that an account counts."""
    return "BRD" if account_no < BOARDINGS_BELOW else "KZT"


class Accounts:
    """Numbers of accounts that are not of a card, made when first asked for.

    Missing ones are made over a connection and in a transaction of their own, so that nobody waits
    for the transaction that needs them, and they stay when it is rolled back.

    Args:
        conninfo: the database.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._numbers: dict[AccountKey, int] = {}

    async def numbers(self, keys: Iterable[AccountKey]) -> Mapping[AccountKey, int]:
        """Give the numbers of (at least) these accounts; the mapping is the cache itself.

        Raises:
            Fault: a code is not in the chart, or is of a card.
            DatabaseRefused: the agency does not exist.
        """
        missing = sorted(set(keys).difference(self._numbers))
        if missing:
            await self._load(missing)
        return self._numbers

    async def _load(self, keys: list[AccountKey]) -> None:
        for _, code, _ in keys:
            if code not in CHART or code in CARD_SLOTS:
                raise Fault(f"{code} is no account with a number of its own")
        columns: dict[str, list[Any]] = {
            "agency_id": [key[0] for key in keys],
            "code": [key[1] for key in keys],
            "owner": [key[2] for key in keys],
            "boardings": [code for code, line in CHART.items() if line.asset == "BRD"],
        }
        for agency_id, code, owner, account_no in await self._find_or_create(columns, len(keys)):
            self._numbers[agency_id, code, owner] = account_no

    async def _find_or_create(self, columns: dict[str, list[Any]], count: int) -> list[Any]:
        connection = await connect_async(self._conninfo)
        try:
            return await _rows(connection, columns, count)
        finally:
            await connection.close()

    def inside(self, connection: AsyncConnection) -> Accounts:
        """Give the same numbers to a transaction that will be taken back.

        What is missing is made in it, and is gone with it.
        """
        return _Inside(self._conninfo, self._numbers, connection)


class _Inside(Accounts):
    """See `Accounts.inside`."""

    def __init__(
        self, conninfo: str, known: Mapping[AccountKey, int], connection: AsyncConnection
    ) -> None:
        super().__init__(conninfo)
        self._numbers = dict(known)
        self._connection = connection

    async def _find_or_create(self, columns: dict[str, list[Any]], count: int) -> list[Any]:
        return await _rows(self._connection, columns, count)


async def _rows(
    connection: AsyncConnection, columns: dict[str, list[Any]], count: int
) -> list[Any]:
    with translated():
        found = await connection.execute(_QUERIES["find_accounts"], columns)
        rows = await found.fetchall()
        if len(rows) < count:
            await connection.execute(_QUERIES["create_accounts"], columns)
            found = await connection.execute(_QUERIES["find_accounts"], columns)
            rows = await found.fetchall()
    return rows
