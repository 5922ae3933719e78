"""A service counter for tests: cards, operations on them, and rides that were posted."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sapar.core.clock import ManualClock
from sapar.core.db import AsyncConnection, connect
from sapar.fleet.agencies import ensure_agency
from sapar.ticketing.cards.operations import Desk, Outcome, carry_out
from sapar.ticketing.cards.requests import AnyRequest, Paid
from sapar.ticketing.ledger.accounts import CARD_CODES, Accounts, card_account
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.types import CardRow, Journal

AGENCY = "aktobe"
NOON_MS = 1_785_567_600_000  # 2026-08-01 12:00 in Aqtobe
DAY = date(2026, 8, 1)
AGENT = Paid(by="agent", name="kassa24")


def prepare(conninfo: str) -> None:
    with connect(conninfo) as connection:
        ensure_agency(connection, AGENCY, timezone="Asia/Aqtobe")
        connection.execute(
            "INSERT INTO carrier (agency_id, carrier_id, name) VALUES (%s, 'park-1', 'Park 1')",
            (AGENCY,),
        )


@dataclass
class ServicePoint:
    """Operations and rides on one database."""

    connection: AsyncConnection
    accounts: Accounts
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON_MS / 1000))
    rejudged: list[set] = field(default_factory=list)
    rides: int = 0

    async def do(self, request: type, card_ref: str = "A", **values: Any) -> Outcome:
        """Carry an operation out under a key of its own, unless one is given."""
        key = values.pop("key", None) or f"key-{next_number()}"
        asked: AnyRequest = request(
            agency_id=AGENCY, key=key, actor="teller", card_ref=card_ref, **values
        )
        return await carry_out(self.connection, self.desk, asked)

    @property
    def desk(self) -> Desk:
        return Desk(self.clock, self.accounts, self._note)

    async def _note(self, _connection: AsyncConnection, touched: set) -> None:
        self.rejudged.append(set(touched))

    async def fetch(self, sql: str, *values: Any) -> list[tuple]:
        return await (await self.connection.execute(sql, values)).fetchall()

    async def card(self, card_ref: str = "A") -> CardRow:
        [(card_no,)] = await self.fetch("SELECT card_no FROM card WHERE card_ref = %s", card_ref)
        async with self.connection.transaction():
            return (await lock_cards(self.connection, [card_no]))[card_no]

    async def money(self, card_ref: str = "A") -> tuple[int, int, int, int]:
        """Purse, debt, deposit, pending."""
        card = await self.card(card_ref)
        return card.purse_tiyn, card.debt_tiyn, card.deposit_tiyn, card.pending_tiyn

    async def moved(self, journal_no: int | None) -> dict[str, int]:
        """A journal as `code owner` → amount; of a card's accounts the owner is its reference."""
        rows = await self.fetch(
            """SELECT e.account_no, e.amount, a.code, a.owner, c.card_ref
               FROM entry e LEFT JOIN account a USING (account_no)
               LEFT JOIN card c ON c.card_no = e.account_no >> 3
               WHERE e.journal_no = %s""",
            journal_no,
        )
        return {
            f"{code} {owner}".strip()
            if code is not None
            else f"{CARD_CODES[number & 7]} {card_ref}": amount
            for number, amount, code, owner, card_ref in rows
        }

    async def ride(
        self, card_ref: str = "A", *, charged: int = 12_000, at_ms: int = NOON_MS, claim: int = 0
    ) -> int:
        """Store a ride that costs `charged`, and that a budget pays `claim` for; give its number."""
        self.rides += 1
        card = await self.card(card_ref)
        keys = [(AGENCY, 2210, "park-1"), (AGENCY, 1220, "akimat")]
        keys += [(AGENCY, 9110, "park-1"), (AGENCY, 9210, "single")]
        clearing, budget, ridden, sold = [(await self.accounts.numbers(keys))[key] for key in keys]
        entries = {
            card_account(card.card_no, 2110): charged,
            budget: claim,
            clearing: -charged - claim,
            ridden: 1,
            sold: -1,
        }
        async with self.connection.transaction():
            await self.connection.execute(
                """INSERT INTO tap (tap_no, device_no, epoch, seq, digest, device_time, card_no,
                       payload, medium, num_riders, allowed, synchronized, received_at, status,
                       event_at, service_date, nominal_tiyn, charged_tiyn, adjustments, rule,
                       revision)
                   VALUES (%(no)s, 1, 1, %(no)s, %(digest)s, %(at)s, %(card)s, '', 'card', 1, true,
                       true, %(at)s, 'posted', %(at)s, %(day)s, %(nominal)s, %(charged)s, '[]',
                       'leg local adult', 1)""",
                {
                    "no": self.rides,
                    "digest": hashlib.md5(str(self.rides).encode()).digest(),
                    "at": datetime.fromtimestamp(at_ms / 1000, UTC),
                    "card": card.card_no,
                    "day": DAY,
                    "nominal": charged + claim,
                    "charged": charged,
                },
            )
            journal = Journal(
                agency_id=AGENCY,
                kind="fare",
                service_date=DAY,
                event_at_ms=at_ms,
                received_ms=at_ms,
                entries={number: amount for number, amount in entries.items() if amount},
                rule="leg local adult",
                actor="sapar",
                tap_no=self.rides,
                revision=1,
                card_no=card.card_no,
            )
            locked = await lock_cards(self.connection, [card.card_no])
            await post(self.connection, [journal], locked)
        return self.rides

    async def check_balances(self) -> None:
        """Every balance is the sum of its entries, and everything sums to zero."""
        sums: Counter[int] = Counter()
        for number, amount in await self.fetch("SELECT account_no, amount FROM entry"):
            sums[number] += amount
        assert sum(amount for number, amount in sums.items() if number > -1_000_000_000) == 0
        for number, balance in await self.fetch("SELECT account_no, balance FROM account"):
            assert sums.pop(number, 0) == balance
        for card_no, *four in await self.fetch(
            "SELECT card_no, purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn FROM card"
        ):
            for code, balance, sign in zip(
                (2110, 1210, 2120, 2130), four, (-1, 1, -1, -1), strict=True
            ):
                assert sums.pop(card_account(card_no, code), 0) * sign == balance
        assert not +sums


_numbers = iter(range(1, 10**9))


def next_number() -> int:
    return next(_numbers)
