"""What a day's sales come to: commission that is kept, and items for the bank. Pure.

Everything is a difference between what the ledger says now and what was made of it before, so to
plan again after it was carried out plans nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final, NamedTuple

from sapar.finance.agents.model import (
    AGENT_DEPOSIT,
    COMMISSION,
    IN_TRANSIT,
    RECEIVABLE,
    AgentTerms,
    ProcessorTerms,
    TermsVersion,
)
from sapar.finance.agents.terms import due_on, fee_of, terms_on
from sapar.finance.matching.items import NewItem
from sapar.ticketing.cards.legs import PAYMENTS

REFUND_DAYS: Final = 3
"""Within so many days the bank should show a payment to a holder."""

Account = tuple[int, str]


class Moved(NamedTuple):
    """What moved on an account, debits less credits, and how many sales debited it."""

    amount_tiyn: int = 0
    sales: int = 0


class Made(NamedTuple):
    """Items that were made of a day on an account."""

    amount_tiyn: int = 0
    fee_tiyn: int = 0
    items: int = 0


class Payout(NamedTuple):
    """A payment to a card's holder, as it stands in the ledger; a row of `list_new_payouts`."""

    journal_no: int
    service_date: date
    amount_tiyn: int
    bank: str | None
    channel: str | None
    card_ref: str | None


class Netting(NamedTuple):
    """Commission that an agent keeps: a debit of what we owe it, a credit of `code`."""

    agent_id: str
    code: int
    amount_tiyn: int
    number: int


@dataclass(frozen=True, slots=True)
class DayBooks:
    """A day as the database has it.

    Attributes:
        today: the day on which this is planned.
        sold: what sales moved.
        netted: what nettings moved, and how many there were.
        made: items that there are.
        agents, processors: terms by name, in the order in which they were agreed.
        numbers: of the processors' registers, by name.
        bank_accounts: numbers of our bank accounts by name.
    """

    agency_id: str
    day: date
    today: date
    sold: Mapping[Account, Moved]
    netted: Mapping[Account, Moved]
    made: Mapping[Account, Made]
    agents: Mapping[str, list[TermsVersion]]
    processors: Mapping[str, list[TermsVersion]]
    numbers: Mapping[str, str] = field(default_factory=dict)
    bank_accounts: Mapping[str, int] = field(default_factory=dict)

    def agent_terms(self, agent_id: str, day: date) -> AgentTerms | None:
        """Give an agent's terms of a day."""
        found = terms_on([one.terms for one in self.agents.get(agent_id, ())], day)
        return found if isinstance(found, AgentTerms) else None

    def processor_terms(self, processor_id: str, day: date) -> ProcessorTerms | None:
        """Give a processor's terms of a day."""
        found = terms_on([one.terms for one in self.processors.get(processor_id, ())], day)
        return found if isinstance(found, ProcessorTerms) else None


def plan_nettings(books: DayBooks) -> list[Netting]:
    """Give the commission of the day that agents keep and that is not netted yet."""
    plans = []
    for agent_id in sorted(books.agents):
        terms = books.agent_terms(agent_id, books.day)
        if terms is None or not terms.netted:
            continue
        owed = books.sold.get((COMMISSION, agent_id), Moved()).amount_tiyn
        kept = books.netted.get((COMMISSION, agent_id), Moved())
        left = -owed - kept.amount_tiyn
        if left:
            code = AGENT_DEPOSIT if terms.kind == "prepaid" else RECEIVABLE
            plans.append(Netting(agent_id, code, left, kept.sales + 1))
    return plans


def with_nettings(books: DayBooks, nettings: list[Netting]) -> DayBooks:
    """Give the books as they are when nettings were carried out."""
    netted = dict(books.netted)
    for one in nettings:
        for code, amount in ((COMMISSION, one.amount_tiyn), (one.code, -one.amount_tiyn)):
            was = netted.get((code, one.agent_id), Moved())
            netted[code, one.agent_id] = Moved(was.amount_tiyn + amount, was.sales + 1)
    return replace(books, netted=netted)


def plan_items(books: DayBooks) -> list[NewItem]:
    """Give items for what the day's accounts moved beyond the items that there are.

    With the nettings of the day carried out, the items of an account and day add up to what moved
    on it.
    """
    items: list[NewItem] = []
    for code, owner in sorted({*books.sold, *books.netted, *books.made}):
        moved = books.sold.get((code, owner), Moved())
        if code == RECEIVABLE:
            items += _deposit(books, owner, moved)
        elif code == IN_TRANSIT and owner != PAYMENTS:
            items += _payout(books, owner, moved)
    return items


def _deposit(books: DayBooks, agent_id: str, moved: Moved) -> list[NewItem]:
    account = RECEIVABLE, agent_id
    netted = books.netted.get(account, Moved()).amount_tiyn
    made = books.made.get(account, Made())
    amount = moved.amount_tiyn + netted - made.amount_tiyn
    if amount == 0:
        return []
    terms = books.agent_terms(agent_id, books.day)
    number = made.items + 1
    batch = f"{agent_id}-{books.day:%Y%m%d}"
    return [
        NewItem(
            agency_id=books.agency_id,
            kind="agent_deposit",
            source_key=f"agent:deposit:{agent_id}:{books.day}:{number}",
            code=RECEIVABLE,
            owner=agent_id,
            amount_tiyn=amount,
            item_date=books.day,
            due_on=_due(books, terms, books.agent_terms(agent_id, books.today), number),
            reference=_reference(batch, number),
            batch_ref=batch,
            counterparty_bin=None if terms is None else terms.bin,
            counterparty_iban=None if terms is None else terms.iban,
            bank_account_no=_bank(books, terms),
            residual_code=RECEIVABLE,
            residual_owner=agent_id,
            detail={"sales": moved.sales, "sold_tiyn": moved.amount_tiyn, "netted_tiyn": -netted},
        )
    ]


def _payout(books: DayBooks, processor_id: str, moved: Moved) -> list[NewItem]:
    made = books.made.get((IN_TRANSIT, processor_id), Made())
    amount = moved.amount_tiyn - made.amount_tiyn
    if amount == 0:
        return []
    terms = books.processor_terms(processor_id, books.day)
    fee = fee_of(terms, moved.amount_tiyn, moved.sales) - made.fee_tiyn
    number = made.items + 1
    batch = books.numbers.get(processor_id, f"{processor_id}-{books.day:%Y%m%d}")
    return [
        NewItem(
            agency_id=books.agency_id,
            kind="processor_payout",
            source_key=f"agent:payout:{processor_id}:{books.day}:{number}",
            code=IN_TRANSIT,
            owner=processor_id,
            amount_tiyn=amount,
            item_date=books.day,
            due_on=_due(books, terms, books.processor_terms(processor_id, books.today), number),
            reference=_reference(batch, number),
            batch_ref=batch,
            counterparty_bin=None if terms is None else terms.bin,
            counterparty_iban=None if terms is None else terms.iban,
            bank_account_no=_bank(books, terms),
            # what was held back is not given back by a sale that is
            fee_tiyn=max(0, min(fee, amount - 1)),
            residual_code=5160,
            residual_owner="",
            detail={"sales": moved.sales, "sold_tiyn": moved.amount_tiyn},
        )
    ]


def plan_refunds(
    agency_id: str, payouts: list[Payout], bank_accounts: Mapping[str, int]
) -> list[NewItem]:
    """Give an item for each payment to a holder that went out and stands on no statement yet."""
    return [
        NewItem(
            agency_id=agency_id,
            kind="refund",
            source_key=f"agent:refund:{one.journal_no}",
            code=IN_TRANSIT,
            owner=PAYMENTS,
            amount_tiyn=one.amount_tiyn,
            item_date=one.service_date,
            due_on=one.service_date + timedelta(days=REFUND_DAYS),
            reference=f"refund-{one.journal_no}",
            bank_account_no=bank_accounts.get(one.bank or ""),
            detail={"channel": one.channel, "card": one.card_ref, "journal_no": one.journal_no},
        )
        for one in payouts
    ]


def _reference(batch: str, number: int) -> str:
    return batch if number == 1 else f"{batch}-{number}"


def _due(
    books: DayBooks,
    then: AgentTerms | ProcessorTerms | None,
    now: AgentTerms | ProcessorTerms | None,
    number: int,
) -> date:
    """Give by when an item is due: what comes to light later is not overdue at once."""
    due = due_on(then, books.day)
    return due if number == 1 else max(due, due_on(now, books.today))


def _bank(books: DayBooks, terms: AgentTerms | ProcessorTerms | None) -> int | None:
    return books.bank_accounts.get((terms.bank_account_id if terms else None) or "")
