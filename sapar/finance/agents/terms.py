"""Arithmetic of terms: fees, due days, when a register's day lies. Pure and exact."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sapar.core.errors import BadInput
from sapar.finance.agents.model import AgentTerms, ProcessorTerms, Terms
from sapar.ticketing.cards.agents import BASIS_POINTS, share_of
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

_BIN: Final = re.compile(r"[0-9]{12}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}")
_DAYS_MAX, _HOURS_MAX = 366, 1000

T = TypeVar("T", bound=Terms)


def fee_of(terms: ProcessorTerms | None, amount_tiyn: int, transactions: int) -> int:
    """Give what a processor keeps of a day's sum: its part, rounded once, and so much for each.

    Never so much that nothing is left to pay, and nothing of a sum that is not positive.
    """
    if terms is None or amount_tiyn <= 1:
        return 0
    fee = share_of(amount_tiyn, terms.fee_bp) + terms.fee_fixed_tiyn * transactions
    return min(fee, amount_tiyn - 1)


def due_on(terms: Terms | None, day: date) -> date:
    """Give the last day on which the money of a day should come; without terms the next one."""
    if terms is None:
        return day + timedelta(days=1)
    days = terms.due_days if isinstance(terms, AgentTerms) else terms.payout_days
    return day + timedelta(days=days)


def terms_on(history: Iterable[T], day: date) -> T | None:
    """Give the terms of a day, of versions in the order in which they were agreed."""
    begun = [(terms.from_date, number, terms) for number, terms in enumerate(history)]
    begun = [one for one in begun if one[0] <= day]
    return max(begun, key=lambda one: one[:2])[2] if begun else None


def window(zone: ZoneInfo, day: date, start: time) -> tuple[datetime, datetime]:
    """Give the first moment of a register's day and the first one after it."""
    return (
        datetime.combine(day, start, zone),
        datetime.combine(day + timedelta(days=1), start, zone),
    )


def register_due_at(zone: ZoneInfo, terms: Terms, day: date) -> datetime | None:
    """Give when the register of a day must be here; None: none is expected."""
    if terms.register_due_h is None:
        return None
    return window(zone, day, terms.register_start)[1] + timedelta(hours=terms.register_due_h)


def check_terms(terms: Terms) -> None:
    """Hold terms against what can be.

    Raises:
        BadInput: `share`, `amount`, `days`, `bin`, `iban`, `bank_account`, or `kind`: a limit or a
            commission that this kind cannot have.
    """
    if isinstance(terms, AgentTerms):
        shares, amounts = (
            [terms.commission_bp],
            [
                terms.credit_limit_tiyn or 0,
                terms.commission_least_tiyn,
                terms.commission_most_tiyn or 0,
            ],
        )
        days = terms.due_days
        most = terms.commission_most_tiyn
        if most is not None and most < terms.commission_least_tiyn:
            raise BadInput("the most is less than the least", code="amount")
        if terms.kind == "prepaid" and terms.credit_limit_tiyn is not None:
            raise BadInput("a prepaid agent sells what it has paid in: no limit", code="kind")
    else:
        shares, amounts, days = [terms.fee_bp], [terms.fee_fixed_tiyn], terms.payout_days
    if any(not 0 <= share <= BASIS_POINTS for share in shares):
        raise BadInput("a share is 0 to 10000 basis points (1/100 %)", code="share")
    if any(not 0 <= amount <= AMOUNT_MAX_TIYN for amount in amounts):
        raise BadInput("an amount in terms is negative or too large", code="amount")
    if not 0 <= days <= _DAYS_MAX or not 0 <= (terms.register_due_h or 0) <= _HOURS_MAX:
        raise BadInput("days are 0 to 366, hours 0 to 1000", code="days")
    if terms.bin is not None and not _BIN.fullmatch(terms.bin):
        raise BadInput(f"{terms.bin[:40]!r} is no BIN: it has 12 digits", code="bin")
    if terms.iban is not None and not _IBAN.fullmatch(terms.iban):
        raise BadInput(f"{terms.iban[:40]!r} is no IBAN", code="iban")
    if terms.bank_account_id == "":
        raise BadInput("a bank account has a name", code="bank_account")
    if terms.register_start.tzinfo is not None or terms.register_start >= time(12):
        raise BadInput("a register's day begins before noon, local time", code="days")
