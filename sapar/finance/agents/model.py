"""Agents and processors, what was agreed with them, and what is told about them: plain values.

Amounts are whole tiyn, shares basis points (1/100 %), days are fare days of the agency.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

import msgspec

Party = Literal["agent", "processor"]
Status = Literal["active", "suspended"]

RECEIVABLE, AGENT_DEPOSIT, COMMISSION, IN_TRANSIT = 1110, 2410, 2420, 1020
DAY_START = time(4)
"""When a fare day begins, unless a register's day begins otherwise."""


class AgentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for an agent from a day on.

    Attributes:
        from_date: first fare day.
        kind: `postpaid` (settles later, 1110) or `prepaid` (sells what it has paid in, 2410).
        credit_limit_tiyn: what a postpaid one may owe at any time; None: no limit, for a desk of
            our own.
        commission_bp: its part of what it takes.
        commission_least_tiyn: at least so much for each sale, as far as the sale goes.
        commission_most_tiyn: at most; None: no bound.
        netted: it keeps the commission and deposits the rest; a prepaid one has it put to its
            deposit.
        due_days: days after the day of sale on which the deposit is due.
        register_due_h: hours after the register's day within which it must be here; None: none is
            expected.
        register_start: local time at which the register's day begins.
        bin: its business number (12 digits).
        iban: the account from which it pays.
        bank_account_id: our account on which it pays in.
    """

    from_date: date
    kind: Literal["postpaid", "prepaid"]
    credit_limit_tiyn: int | None = None
    commission_bp: int = 0
    commission_least_tiyn: int = 0
    commission_most_tiyn: int | None = None
    netted: bool = False
    due_days: int = 1
    register_due_h: int | None = None
    register_start: time = DAY_START
    bin: str | None = None
    iban: str | None = None
    bank_account_id: str | None = None


class ProcessorTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a processor from a day on; as `AgentTerms` but for the fee.

    Attributes:
        fee_bp: of the sum of a day, rounded once, half a tiyn up.
        fee_fixed_tiyn: for each transaction beside it.
        payout_days: days after the day of sale on which it pays out.
    """

    from_date: date
    fee_bp: int = 0
    fee_fixed_tiyn: int = 0
    payout_days: int = 1
    register_due_h: int | None = None
    register_start: time = DAY_START
    bin: str | None = None
    iban: str | None = None
    bank_account_id: str | None = None


Terms = AgentTerms | ProcessorTerms


class TermsVersion(msgspec.Struct, frozen=True):
    """Terms as they were agreed; `terms_no` counts those of one agent or processor from 1."""

    terms_no: int
    terms: Terms
    agreed_at: datetime
    agreed_by: str


class Ageing(msgspec.Struct, frozen=True):
    """What is expected and not paid, by the days since the day of sale.

    Attributes:
        days_0_1, days_2_7, days_8_30, days_over_30: tiyn of open items.
        no_item: what stands on the account and in no open item: today's sales, what was paid in
            excess. The five are the account's balance.
    """

    days_0_1: int
    days_2_7: int
    days_8_30: int
    days_over_30: int
    no_item: int


class PartyRow(msgspec.Struct, frozen=True, kw_only=True):
    """An agent or processor in the list.

    Attributes:
        id: owner of its accounts.
        kind: `postpaid`, `prepaid` or `processor`; None: nothing is agreed for today, or (`status`
            None, too) nobody registered it and it has money of ours all the same.
        balance_tiyn: what it owes us (1110, or 1020 of a processor).
        deposit_tiyn: what a prepaid agent has left (2410).
        commission_tiyn: what we owe it (2420).
        limit_tiyn: what it may owe; None: no limit.
        oldest_unpaid: day of its oldest open item.
        overdue_tiyn: of the open items, what was due before today.
    """

    party: Party
    id: str
    name: str
    status: Status | None
    kind: str | None
    balance_tiyn: int
    deposit_tiyn: int
    commission_tiyn: int
    limit_tiyn: int | None
    oldest_unpaid: date | None
    overdue_tiyn: int
    ageing: Ageing


class PartyDetail(msgspec.Struct, frozen=True, kw_only=True):
    """An agent or processor with all that was agreed, the newest first.

    Attributes:
        row: as in the list.
        reason: why it is suspended.
        current: the terms of today; None: none.
        history: every version.
        mapping: how its registers are read; None: as documented.
    """

    row: PartyRow
    reason: str
    created_at: datetime
    created_by: str
    current: Terms | None
    history: list[TermsVersion]
    mapping: dict[str, object] | None
