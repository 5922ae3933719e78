"""What every operation on a card does inside its transaction: cards locked, legs posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, load_queries
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.ticketing.cards.agents import Standing, check_limit, check_standing, commission_of
from sapar.ticketing.cards.legs import Leg
from sapar.ticketing.cards.requests import Paid, Request
from sapar.ticketing.ledger.accounts import CARD_SLOTS, Accounts, card_account
from sapar.ticketing.ledger.business_days import ClosedDays, read_closed_days
from sapar.ticketing.ledger.operations import Operation, check_funds
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.types import CardRow, Journal

_QUERIES = load_queries("sapar.ticketing.cards")

Touched = set[tuple[int, date]]
"""Cards and fare days whose rides must be judged anew."""

Rejudge = Callable[[AsyncConnection, Touched], Awaitable[object]]
"""Judges stored rides anew and posts the difference, in the transaction that it is called in; the
cards are locked already."""

Follow = Callable[[AsyncConnection, Sequence[CardRow]], Awaitable[list[Journal]]]
"""Gives journals that follow from what is stored of some locked cards."""

PREPAID, AGENT_DEPOSIT_SHORT = 2410, "agent_deposit_short"
FUTURE_MAX_MS = 300_000
CATEGORY_SINCE_MS = 0
"""A card's first category holds for all its rides, also for those before it was registered."""


def time_of(at_ms: int) -> datetime:
    """Give Unix milliseconds as a time for the database."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@dataclass(slots=True)
class Work:
    """One operation inside its transaction.

    Attributes:
        request: what is asked for.
        operation: its key and the hash of its content.
        now_ms, at_ms: when it came and when it happened.
        service_date: fare day of `at_ms`.
        cards: the locked cards by number.
        touched: what must be judged anew at the end.
    """

    connection: AsyncConnection
    accounts: Accounts
    request: Request
    operation: Operation
    now_ms: int
    at_ms: int
    service_date: date
    zone: ZoneInfo
    days: ClosedDays
    cards: dict[int, CardRow] = field(default_factory=dict)
    touched: Touched = field(default_factory=set)
    journal_no: int | None = None
    payer: Paid | None = None

    @classmethod
    async def begin(
        cls,
        connection: AsyncConnection,
        accounts: Accounts,
        clock: Clock,
        request: Request,
        operation: Operation,
    ) -> Work:
        """Find out the day, before any card is locked.

        Raises:
            BadInput: there is no such agency.
        """
        now_ms = int(clock.time() * 1000)
        at_ms = now_ms if request.at_ms is None else request.at_ms
        names = {"agency_id": request.agency_id}
        row = await (await connection.execute(_QUERIES["zone_of_agency"], names)).fetchone()
        if row is None:
            raise BadInput(f"there is no agency {request.agency_id!r}", code="unknown_agency")
        zone = ZoneInfo(row[0])
        service_date = FareCalendar(zone).fare_day(at_ms)
        days = await read_closed_days(connection, [request.agency_id], service_date)
        return cls(
            connection, accounts, request, operation, now_ms, at_ms, service_date, zone, days
        )

    async def execute(self, query: str, **values: Any) -> None:
        """Run a statement of queries.sql."""
        await self.connection.execute(_QUERIES[query], values)

    async def find(self, query: str, **values: Any) -> tuple[Any, ...] | None:
        """Give the first row of a query."""
        return await (await self.connection.execute(_QUERIES[query], values)).fetchone()

    async def fetch(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Give all rows of a query."""
        return await (await self.connection.execute(_QUERIES[query], values)).fetchall()

    async def lock(self, *card_refs: str, also: Iterable[int] = ()) -> dict[str, CardRow]:
        """Lock cards, all in one call, and give those that exist by reference."""
        rows = await self.fetch(
            "numbers_of_cards", agency_id=self.request.agency_id, card_refs=list(card_refs)
        )
        self.cards |= await lock_cards(self.connection, [*(row[0] for row in rows), *also])
        return {card.card_ref: card for card in self.cards.values()}

    async def card(self) -> CardRow:
        """Lock the card that the request is about.

        Raises:
            NotFound: there is none (`unknown_card`).
        """
        return self.known(await self.lock(self.request.card_ref), self.request.card_ref)

    def known(self, found: dict[str, CardRow], card_ref: str) -> CardRow:
        """Give a card of those that were found.

        Raises:
            NotFound: it is not among them (`unknown_card`).
        """
        if card_ref not in found:
            raise NotFound(
                f"there is no card {card_ref!r} in {self.request.agency_id}",
                code="unknown_card",
                hint="Issue it first.",
            )
        return found[card_ref]

    async def paid(self, paid: Paid | None, amount_tiyn: int) -> Paid | None:
        """Check whoever took money, and fill in the commission that the terms give.

        Raises:
            Refused: they may take none (see `check_standing`).
        """
        if paid is None:
            return None
        self.payer = paid
        standing = await self.standing(paid)
        check_standing(standing, paid)
        if paid.commission_tiyn is not None or amount_tiyn <= 0:
            return paid
        return replace(paid, commission_tiyn=commission_of(standing, amount_tiyn))

    async def standing(self, paid: Paid) -> Standing:
        """Give how whoever takes money, or gives it back, stands on the day."""
        which = "processor" if paid.by == "processor" else "agent"
        names = {
            "agency_id": self.request.agency_id, "name": paid.name, "day": self.service_date,
            "by": paid.by,
        }  # fmt: skip
        row = await self.find(f"standing_of_{which}", **names)
        assert row is not None
        return Standing(*row)

    async def post(
        self,
        legs: Sequence[Leg],
        *,
        kind: str | None = None,
        rule: str = "",
        card: CardRow,
        entries: dict[int, int] | None = None,
        product_id: str | None = None,
        reverses: int | None = None,
    ) -> int:
        """Post the operation's journal and give its number.

        Args:
            legs: what it moves.
            kind: the operation's when left out.
            rule: why, in short.
            card: whose journal it is.
            entries: account numbers → amounts, beside the legs.
            product_id: what was sold.
            reverses: the journal that it takes back.

        Raises:
            Refused: a card or a prepaid agent has not so much, or an agent would owe too much.
        """
        moved = dict(entries or {})
        for number, amount in zip(await self._numbers(legs), legs, strict=True):
            moved[number] = moved.get(number, 0) + amount.amount
        journal = Journal(
            agency_id=self.request.agency_id,
            kind=kind or self.operation.kind,
            service_date=self.service_date,
            event_at_ms=self.at_ms,
            received_ms=self.now_ms,
            entries={number: amount for number, amount in moved.items() if amount},
            rule=rule or self.operation.kind,
            actor=self.request.actor,
            source_key=self.operation.source_key,
            content_hash=self.operation.content_hash,
            card_no=card.card_no,
            product_id=product_id,
            reverses=reverses,
        )
        check_funds([journal], self.cards)
        await post(self.connection, [journal], self.cards, days=self.days)
        await self._check_prepaid(legs)
        if self.payer is not None:  # its account is locked now, and what it owes stands
            check_limit(await self.standing(self.payer), self.payer)
        assert journal.journal_no is not None
        self.journal_no = journal.journal_no
        return journal.journal_no

    async def follow(self, card: CardRow, journals: Follow) -> None:
        """Post what follows from a card as it stands now; moves accounts of the card alone."""
        now = (await self.lock(card.card_ref))[card.card_ref]
        # with closed days of its own: what follows may be of an earlier day
        await post(self.connection, await journals(self.connection, [now]), self.cards)

    async def _numbers(self, legs: Sequence[Leg]) -> list[int]:
        agency_id = self.request.agency_id
        by_ref = {card.card_ref: card.card_no for card in self.cards.values()}
        plain = [(agency_id, leg.code, leg.owner) for leg in legs if leg.code not in CARD_SLOTS]
        numbers = await self.accounts.numbers(plain)
        return [
            card_account(by_ref[leg.owner], leg.code)
            if leg.code in CARD_SLOTS
            else numbers[agency_id, leg.code, leg.owner]
            for leg in legs
        ]

    async def _check_prepaid(self, legs: Sequence[Leg]) -> None:
        """Refuse what a prepaid agent has not paid in; its row is locked, and the sum stands."""
        spent = [leg for leg in legs if leg.code == PREPAID and leg.amount > 0]
        numbers = await self._numbers(spent)
        for _, balance in await self.fetch("balances", account_no=numbers) if spent else ():
            if balance > 0:
                raise Refused(
                    f"{spent[0].owner} has {spent[0].amount - balance} tiyn left",
                    code=AGENT_DEPOSIT_SHORT,
                    hint="The agent pays in first.",
                )

    async def touch(self, card_no: int, from_ms: int) -> None:
        """Have all rides of a card from a time on judged anew."""
        rows = await self.fetch("days_since", card_no=card_no, at=time_of(from_ms))
        self.touched |= {(card_no, row[0]) for row in rows}

    async def end_block(self, card_no: int, at_ms: int) -> None:
        """End an open block, after it began."""
        last = await self.find("last_block", card_no=card_no)
        if last is not None and last[2] is None:
            at = time_of(max(at_ms, last[0] + 1))
            await self.execute("end_block", card_no=card_no, at=at, actor=self.request.actor)

    async def begin_block(self, card_no: int, reason: str, note: str) -> None:
        """Put a card on the deny list from `at_ms` on; no block of it is open.

        Raises:
            Refused: it was blocked or unblocked later than that (`block_order`).
        """
        last = await self.find("last_block", card_no=card_no)
        if last is not None and self.at_ms < max(last[0] + 1, last[2] or 0):
            raise Refused(
                "the card was blocked or unblocked later than that",
                code="block_order",
                hint="Leave the time out, or give a later one.",
            )
        await self.execute(
            "add_block",
            card_no=card_no,
            at=time_of(self.at_ms),
            reason=reason,
            note=note,
            actor=self.request.actor,
        )
        await self.execute("mark_block", card_no=card_no)
        await self.touch(card_no, self.at_ms)


def check_usable(card: CardRow, *also: str) -> None:
    """Refuse a card that is not in use.

    Args:
        card: as it stands, locked.
        also: further statuses that are no reason to refuse.

    Raises:
        Refused: `card_unknown`, `card_blocked`, `card_replaced` or `card_returned`.
    """
    if card.status == "active" or card.status in also:
        return
    hints = {
        "unknown": "Register it: issue it with its category.",
        "blocked": "Its statement says why; unblock it first.",
        "replaced": "Use the card that replaced it.",
        "returned": "Issue another card.",
    }
    raise Refused(
        f"card {card.card_ref} is {card.status}",
        code=f"card_{card.status}",
        hint=hints[card.status],
    )
