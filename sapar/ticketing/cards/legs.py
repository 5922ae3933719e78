"""What operations on cards move: legs on accounts, debits positive, that sum to zero. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from sapar.core.errors import Refused
from sapar.ticketing.cards.requests import Paid
from sapar.ticketing.ledger.accounts import DEBT, DEPOSIT, PENDING, PURSE
from sapar.ticketing.ledger.operations import check_amount
from sapar.ticketing.types import CardRow

PAYMENTS: Final = "payments"
"""Owner of the 1020 account of payments that were sent and stand on no statement yet."""


class Leg(NamedTuple):
    """An amount on an account.

    Attributes:
        code: of the chart of accounts.
        owner: of the account; for accounts of a card its reference.
        amount: tiyn, a debit positive.
    """

    code: int
    owner: str
    amount: int


def paid_in(paid: Paid, amount_tiyn: int) -> list[Leg]:
    """Debit whoever took the money, and post what they earn by it.

    Raises:
        Refused: the commission is negative, or more than the amount (`commission`).
    """
    code = {"agent": 1110, "cash_desk": 1110, "prepaid_agent": 2410, "processor": 1020}[paid.by]
    legs = [Leg(code, paid.name, amount_tiyn)]
    commission = paid.commission_tiyn or 0
    if not 0 <= commission <= amount_tiyn:
        raise Refused(
            f"a commission of {commission} tiyn on {amount_tiyn} cannot be", code="commission"
        )
    if commission:
        legs += [Leg(5150, paid.name, commission), Leg(2420, paid.name, -commission)]
    return legs


def issue_legs(card_ref: str, price_tiyn: int, deposit_tiyn: int, paid: Paid | None) -> list[Leg]:
    """Sell a card: the deposit is owed to the holder, the rest is income; nothing for a free one.

    Raises:
        Refused: negative amounts, a deposit beyond the price, or nobody who took the price.
    """
    if price_tiyn == 0 and deposit_tiyn == 0:
        return []
    check_amount(price_tiyn)
    if not 0 <= deposit_tiyn <= price_tiyn:
        raise Refused(
            f"a deposit of {deposit_tiyn} tiyn is not a part of the price", code="deposit"
        )
    if paid is None:
        raise Refused("nobody is named who took the price", code="paid_missing")
    legs = [
        *paid_in(paid, price_tiyn),
        Leg(DEPOSIT, card_ref, -deposit_tiyn),
        Leg(4110, "", deposit_tiyn - price_tiyn),
    ]
    return [leg for leg in legs if leg.amount]


def top_up_legs(card_ref: str, amount_tiyn: int, paid: Paid, *, pending: bool) -> list[Leg]:
    """Put money on a card, or beside it until a tap activates it."""
    check_amount(amount_tiyn)
    return [*paid_in(paid, amount_tiyn), Leg(PENDING if pending else PURSE, card_ref, -amount_tiyn)]


def activation_legs(card_ref: str, amount_tiyn: int) -> list[Leg]:
    """Move a pending top-up to the purse; a negative amount moves it back."""
    return [Leg(PENDING, card_ref, amount_tiyn), Leg(PURSE, card_ref, -amount_tiyn)]


def pass_legs(
    card_ref: str, product_id: str, month: str, price_tiyn: int, paid: Paid | None
) -> list[Leg]:
    """Sell a pass, from the purse or over the counter; its money is earned at settlement."""
    if price_tiyn == 0:
        return []
    check_amount(price_tiyn)
    payer = [Leg(PURSE, card_ref, price_tiyn)] if paid is None else paid_in(paid, price_tiyn)
    return [*payer, Leg(2140, f"{product_id} {month}", -price_tiyn)]


def replacement_legs(old: CardRow, new_ref: str) -> list[Leg]:
    """Move all four balances; what waits for activation goes to the new card's purse."""
    moved = old.purse_tiyn + old.pending_tiyn
    legs = [
        Leg(PURSE, old.card_ref, old.purse_tiyn),
        Leg(PENDING, old.card_ref, old.pending_tiyn),
        Leg(PURSE, new_ref, -moved),
        Leg(DEBT, new_ref, old.debt_tiyn),
        Leg(DEBT, old.card_ref, -old.debt_tiyn),
        Leg(DEPOSIT, old.card_ref, old.deposit_tiyn),
        Leg(DEPOSIT, new_ref, -old.deposit_tiyn),
    ]
    return [leg for leg in legs if leg.amount]


def return_legs(card: CardRow, channel: str) -> list[Leg]:
    """Owe the holder what is on the card, less the debt as far as that goes."""
    there = card.purse_tiyn + card.pending_tiyn + card.deposit_tiyn
    repaid = min(there, card.debt_tiyn)
    legs = [
        Leg(PURSE, card.card_ref, card.purse_tiyn),
        Leg(PENDING, card.card_ref, card.pending_tiyn),
        Leg(DEPOSIT, card.card_ref, card.deposit_tiyn),
        Leg(DEBT, card.card_ref, -repaid),
        Leg(2510, channel, repaid - there),
    ]
    return [leg for leg in legs if leg.amount]


def withdrawal_legs(card_ref: str, amount_tiyn: int, channel: str) -> list[Leg]:
    """Owe the holder money from the purse."""
    check_amount(amount_tiyn)
    return [Leg(PURSE, card_ref, amount_tiyn), Leg(2510, channel, -amount_tiyn)]


def payout_legs(channel: str, amount_tiyn: int) -> list[Leg]:
    """Pay what is owed to a holder: the money is on its way until a statement shows it."""
    check_amount(amount_tiyn)
    return [Leg(2510, channel, amount_tiyn), Leg(1020, PAYMENTS, -amount_tiyn)]


def goodwill_legs(card_ref: str, amount_tiyn: int) -> list[Leg]:
    """Give money of the scheme's own."""
    check_amount(amount_tiyn)
    return [Leg(5130, "", amount_tiyn), Leg(PURSE, card_ref, -amount_tiyn)]


def write_off_legs(card_ref: str, amount_tiyn: int) -> list[Leg]:
    """Give a debt up."""
    check_amount(amount_tiyn)
    return [Leg(5140, "", amount_tiyn), Leg(DEBT, card_ref, -amount_tiyn)]


def refund_legs(
    card_ref: str, amount_tiyn: int, clearing: tuple[int, str], *, settled: bool
) -> list[Leg]:
    """Give a fare back, from where it stands: the carrier's clearing, or what the carrier owes.

    Args:
        card_ref: the card that paid.
        amount_tiyn: how much.
        clearing: (code, carrier) of the account that the fare was posted to.
        settled: the carrier has the money already.
    """
    check_amount(amount_tiyn)
    code, carrier = clearing
    return [
        Leg(1230 if settled else code, carrier, amount_tiyn),
        Leg(PURSE, card_ref, -amount_tiyn),
    ]
