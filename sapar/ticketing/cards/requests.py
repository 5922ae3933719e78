"""What may be asked for a card: one plain model an operation.

Each carries the client's key, made and kept before the first try: the same key with the same
content gives the first answer again, with other content it is reported and changes nothing. Amounts
are whole tiyn, times Unix milliseconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

BlockReason = Literal["stolen", "lost", "debt", "fraud", "other"]
"""Reasons that a person may give; `replaced` and `returned` are given by those operations."""

ACTIVATION_DAYS = 30


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """Where money comes from.

    Attributes:
        by: `agent` (settles later), `prepaid_agent` (has paid in before), `processor` (Kaspi, an
            acquirer: pays out later), `cash_desk` (our own; settles like an agent).
        name: which one.
        commission_tiyn: what the agent earns by it, posted beside; absent: what its terms give.
    """

    by: Literal["agent", "prepaid_agent", "processor", "cash_desk"]
    name: str
    commission_tiyn: int | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="operation"):
    """What every request carries.

    Attributes:
        agency_id: whose card.
        key: the client's idempotency key.
        actor: who asks.
        card_ref: the card.
        at_ms: when it happened; absent: now.
    """

    agency_id: str
    key: str
    actor: str
    card_ref: str
    at_ms: int | None = None


class Issue(Request, frozen=True, kw_only=True, tag="issue"):
    """Hand a card out, or register one that was tapped before anybody issued it.

    Attributes:
        category: rider category.
        price_tiyn: what was paid for it in all.
        deposit_tiyn: the part of the price that is given back on return.
        paid: who took the price; not needed for a card that costs nothing.
    """

    category: str
    price_tiyn: int = 0
    deposit_tiyn: int = 0
    paid: Paid | None = None


class TopUp(Request, frozen=True, kw_only=True, tag="top_up"):
    """Put money on a card; a debt is paid from it first.

    Attributes:
        activation_days: the money waits for a tap within so many days; 0: it counts at once.
    """

    amount_tiyn: int
    paid: Paid
    activation_days: int = 0


class SellPass(Request, frozen=True, kw_only=True, tag="sell_pass"):
    """Sell a pass.

    Attributes:
        product_id: fare product of the tariff.
        price_tiyn: may be 0 for a pass that is given.
        valid_from_ms, valid_to_ms: from, inclusive, and to, exclusive.
        paid: who took the price; absent: the card's purse pays.
    """

    product_id: str
    price_tiyn: int
    valid_from_ms: int
    valid_to_ms: int
    paid: Paid | None = None


class TakeBackPass(Request, frozen=True, kw_only=True, tag="take_back_pass"):
    """Take a pass back that no ride has used: its sale is reversed, the way it was paid.

    Attributes:
        sale_no: number of the sale, as the card's statement has it.
    """

    sale_no: int
    reason: str


class Block(Request, frozen=True, kw_only=True, tag="block"):
    """Put a card on the deny list; `note` tells whoever helps its holder why."""

    reason: BlockReason
    note: str = ""


class Unblock(Request, frozen=True, kw_only=True, tag="unblock"):
    """Take a card off the deny list."""


class Replace(Request, frozen=True, kw_only=True, tag="replace"):
    """Move everything from a card to another and block it; again, to move what came to it since.

    Attributes:
        new_card_ref: a card that nobody has yet is issued with the category of the old one.
    """

    new_card_ref: str


class ChangeCategory(Request, frozen=True, kw_only=True, tag="change_category"):
    """Give a card another rider category from `at_ms` on; its rides since then are judged anew."""

    category: str


class RefundTap(Request, frozen=True, kw_only=True, tag="refund_tap"):
    """Give back what a ride cost, or a part of it.

    Attributes:
        tap_no: the ride, which the card paid.
        amount_tiyn: absent: all that was not given back yet.
        settled: the carrier has had the money already and owes it (1230).
        no_ride: nobody rode (a double debit): the boarding is taken back too. For whole refunds.
    """

    tap_no: int
    reason: str
    amount_tiyn: int | None = None
    settled: bool = False
    no_ride: bool = False


class Goodwill(Request, frozen=True, kw_only=True, tag="goodwill"):
    """Put money of the scheme's own on a card."""

    amount_tiyn: int
    reason: str


class WriteOff(Request, frozen=True, kw_only=True, tag="write_off"):
    """Give up a card's debt, or a part of it; absent: all."""

    reason: str
    amount_tiyn: int | None = None


class Withdraw(Request, frozen=True, kw_only=True, tag="withdraw"):
    """Owe the holder money from the purse (account 2510); the card stays in use.

    Attributes:
        channel: how it will be paid.
    """

    amount_tiyn: int
    channel: str


class Return(Request, frozen=True, kw_only=True, tag="return"):
    """Take a card back: purse, deposit and what waits for activation, less the debt, are owed."""

    channel: str


class PayOut(Request, frozen=True, kw_only=True, tag="pay_out"):
    """Pay what is owed to a card's holder from a bank account."""

    amount_tiyn: int
    channel: str
    bank: str


AnyRequest = (
    Issue
    | TopUp
    | SellPass
    | TakeBackPass
    | Block
    | Unblock
    | Replace
    | ChangeCategory
    | RefundTap
    | Goodwill
    | WriteOff
    | Withdraw
    | Return
    | PayOut
)
"""Any operation; `operation` in its JSON tells which."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation came to; the same again whenever its key comes again.

    Attributes:
        operation: which.
        card_ref: the card.
        status: of the card after it.
        journal_no: its journal; None where no money moved.
        purse_tiyn, debt_tiyn, deposit_tiyn, pending_tiyn: the card after it.
    """

    operation: str
    card_ref: str
    status: str
    journal_no: int | None
    purse_tiyn: int
    debt_tiyn: int
    deposit_tiyn: int
    pending_tiyn: int
