"""A town with cards, and journals for them."""

from collections.abc import Mapping
from datetime import date

from sapar.core.db import AsyncConnection, connect
from sapar.ticketing.ledger.accounts import DEBT, DEPOSIT, PENDING, PURSE, Accounts, card_account
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.types import Journal

AGENCY = "town"
DAY = date(2026, 3, 18)
AT_MS = 1_773_800_000_000
CLEARING = (AGENCY, 2210, "blue")
PROCESSOR = (AGENCY, 1020, "kaspi")
PERFORMED = (AGENCY, 9110, "blue")
PRODUCT = (AGENCY, 9210, "local")
KEYS = (CLEARING, PROCESSOR, PERFORMED, PRODUCT)


def make_town(conninfo: str, cards: int = 10, purse_tiyn: int = 0) -> None:
    """Make the agency, and cards 1, 2, … (with a purse that nothing explains, if asked for)."""
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, %s, 'Asia/Aqtobe')",
            (AGENCY, AGENCY),
        )
        connection.execute(
            "INSERT INTO card (agency_id, card_ref, status, category, category_from, purse_tiyn)"
            " SELECT %s, 'c' || n, 'active', 'adult', '2026-01-01Z', %s"
            " FROM generate_series(1, %s) n",
            (AGENCY, purse_tiyn, cards),
        )


def journal(entries: Mapping[int, int], /, **changes: object) -> Journal:
    """A journal about nothing in particular."""
    values: dict = {
        "agency_id": AGENCY,
        "kind": "adjustment",
        "service_date": DAY,
        "event_at_ms": AT_MS,
        "received_ms": AT_MS + 1500,
        "entries": dict(entries),
        "rule": "test",
        "actor": "test",
    }
    return Journal(**(values | changes))


def purse(card_no: int) -> int:
    return card_account(card_no, PURSE)


def debt(card_no: int) -> int:
    return card_account(card_no, DEBT)


def deposit(card_no: int) -> int:
    return card_account(card_no, DEPOSIT)


def pending(card_no: int) -> int:
    return card_account(card_no, PENDING)


def fare(accounts: Mapping, card_no: int, tap_no: int, amount: int = 12_000, **changes) -> Journal:
    """The journal of a tap: the purse pays the carrier, and a boarding is counted."""
    entries = {
        purse(card_no): amount,
        accounts[CLEARING]: -amount,
        accounts[PERFORMED]: 1,
        accounts[PRODUCT]: -1,
    }
    known = {"kind": "fare", "tap_no": tap_no, "revision": 1, "card_no": card_no}
    return journal(entries, **(known | changes))


def top_up(accounts: Mapping, card_no: int, key: str, amount: int = 100_000, **changes) -> Journal:
    entries = {accounts[PROCESSOR]: amount, purse(card_no): -amount}
    known = {"kind": "top_up", "source_key": key, "content_hash": b"x" * 32, "card_no": card_no}
    return journal(entries, **(known | changes))


async def numbers(conninfo: str, *keys) -> dict:
    """Account numbers by key."""
    return dict(await Accounts(conninfo).numbers({*KEYS, *keys}))


async def post_all(connection: AsyncConnection, journals: list[Journal]) -> list[Journal]:
    """Post in a transaction of its own."""
    async with connection.transaction():
        cards = await lock_cards(
            connection, {n >> 3 for j in journals for n in j.entries if n >= 0}
        )
        return await post(connection, journals, cards)


async def rows(connection: AsyncConnection, query, *values) -> list[tuple]:
    found = await connection.execute(query, values)
    return await found.fetchall()
