"""Balance assertions of a business day: what must hold for the accounts. Pure.

Beancount's idea: a balance is asserted by date, with no tolerance. To read a day and not the whole
ledger, each check begins at the balances that the last close signed: balance = signed balance +
what every journal posted since has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from sapar.finance.closing.totals import BOARDINGS_FROM, Account
from sapar.finance.exceptions.keep import Finding
from sapar.finance.matching.views import SuspenseDifference
from sapar.ticketing.ledger.accounts import CARD_CODES, CHART

KIND: Final = "balance_assertion"

NEVER_BELOW: Final = (1230, 1310, 2410, 2420, *CARD_CODES)
"""Codes whose balance is never below zero in its natural sign (the rules of the chart)."""
SUSPENSE: Final = (2320, 2510, 2910, 2920)
"""Codes that age to zero: listed with the evidence, no fault by themselves."""
_CREDITED: Final = ("liability", "income")


class Statement(NamedTuple):
    """The newest statement of a bank account, and what stands on 1010."""

    bank_account_id: str
    balance: int
    closing_tiyn: int
    to_date: date


def code_of(name: str) -> Account:
    """Read an account as `name_of` writes it."""
    code, _, owner = name.partition(" ")
    return int(code), owner


def name_of(account: Account) -> str:
    """Write an account as `1110 kassa24`; the accounts of all cards together as their code."""
    code, owner = account
    return f"{code} {owner}" if owner else str(code)


def unequal(
    balances: Mapping[Account, int],
    anchor: Mapping[Account, int],
    moved: Mapping[Account, int],
    day: date,
) -> list[Finding]:
    """Find accounts whose balance is not what was signed last and what moved since."""
    found = []
    for account in sorted({*balances, *anchor, *moved}):
        expected = anchor.get(account, 0) + moved.get(account, 0)
        actual = balances.get(account, 0)
        if actual != expected:
            found.append(
                _finding(
                    account, day, abs(actual - expected),
                    f"the balance is {actual}, its entries come to {expected}",
                )
            )  # fmt: skip
    return found


def unbalanced(balances: Mapping[Account, int], day: date) -> list[Finding]:
    """Find assets whose accounts do not sum to zero."""
    sums = {"KZT": 0, "BRD": 0}
    for (code, _), balance in balances.items():
        sums["BRD" if code >= BOARDINGS_FROM else "KZT"] += balance
    return [
        Finding(f"sum of {asset} on {day}", abs(total), f"all accounts sum to {total}", day)
        for asset, total in sums.items()
        if total
    ]


def below_zero(balances: Mapping[Account, int], day: date) -> list[Finding]:
    """Find accounts that are on the wrong side, by the rules of the chart."""
    found = []
    for account, balance in sorted(balances.items()):
        natural = -balance if CHART[account[0]].side in _CREDITED else balance
        if account[0] in NEVER_BELOW and natural < 0:
            found.append(_finding(account, day, -natural, f"it is {natural}: below zero"))
    return found


def off_statement(statements: Iterable[Statement], day: date) -> list[Finding]:
    """Find bank accounts whose 1010 is not the closing balance of the newest statement."""
    return [
        _finding(
            (1010, one.bank_account_id), day, abs(one.balance - one.closing_tiyn),
            f"1010 is {one.balance}, the statement to {one.to_date} closes at {one.closing_tiyn}",
        )
        for one in statements
        if one.balance != one.closing_tiyn
    ]  # fmt: skip


def off_lines(suspense: Iterable[SuspenseDifference], day: date) -> list[Finding]:
    """Find bank accounts whose 2910 is not the sum of the lines that nothing is matched to."""
    return [
        _finding(
            (2910, one.bank_account_id), day, abs(one.ledger_tiyn - one.open_tiyn),
            f"2910 is {one.ledger_tiyn}, the open lines sum to {one.open_tiyn}",
        )
        for one in suspense
    ]  # fmt: skip


def _finding(account: Account, day: date, value: int, detail: str) -> Finding:
    code, owner = account
    return Finding(f"{name_of(account)} on {day}", value, detail, day, code=code, owner=owner)
