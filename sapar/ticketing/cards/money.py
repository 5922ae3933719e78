"""Operations that move money: top-ups, passes, refunds, goodwill, payouts."""

from __future__ import annotations

from typing import Any, Final

from sapar.core.errors import NotFound, Refused
from sapar.ticketing.cards import legs
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.requests import (
    Goodwill,
    PayOut,
    RefundTap,
    SellPass,
    TopUp,
    Withdraw,
    WriteOff,
)
from sapar.ticketing.cards.work import Work, check_usable, time_of
from sapar.ticketing.ledger.accounts import PURSE, card_account
from sapar.ticketing.ledger.operations import check_amount
from sapar.ticketing.types import CardRow

_DAY_MS: Final = 86_400_000
_CLEARING: Final = (2210, 2220, 2320)


async def top_up(work: Work, request: TopUp) -> CardRow:
    """Put money on a card: at once, or when a tap activates it."""
    card = await work.card()
    await _check_payable(work, card)
    pending = request.activation_days > 0
    if not 0 <= request.activation_days <= 366:
        raise Refused("activation takes between 0 and 366 days", code="activation_days")
    paid = await work.paid(request.paid, request.amount_tiyn) or request.paid
    moved = legs.top_up_legs(card.card_ref, request.amount_tiyn, paid, pending=pending)
    journal_no = await work.post(moved, card=card)
    if pending:
        await work.execute(
            "add_pending",
            journal_no=journal_no,
            card_no=card.card_no,
            amount_tiyn=request.amount_tiyn,
            paid_at=time_of(work.at_ms),
            expires_at=time_of(work.at_ms + request.activation_days * _DAY_MS),
        )
        await work.execute("mark_pending", card_no=card.card_no)
        await work.follow(card, activate_pending)
    await release_debtor(work, card)
    return card


async def sell_pass(work: Work, request: SellPass) -> CardRow:
    """Sell a pass, or give one away."""
    card = await work.card()
    check_usable(card)
    if request.valid_to_ms <= request.valid_from_ms:
        raise Refused("the pass ends before it begins", code="pass_validity")
    month = time_of(request.valid_from_ms).astimezone(work.zone).strftime("%Y-%m")
    paid = await work.paid(request.paid, request.price_tiyn)
    moved = legs.pass_legs(card.card_ref, request.product_id, month, request.price_tiyn, paid)
    if moved:
        sale = await work.post(moved, card=card, product_id=request.product_id)
    else:
        row = await work.find("draw_journal_number")
        assert row is not None
        sale = row[0]
    await work.execute(
        "add_pass",
        card_no=card.card_no,
        journal_no=sale,
        product_id=request.product_id,
        valid_from=time_of(request.valid_from_ms),
        valid_to=time_of(request.valid_to_ms),
    )
    await work.execute("mark_pass", card_no=card.card_no)
    await work.touch(card.card_no, request.valid_from_ms)
    return card


async def refund_tap(work: Work, request: RefundTap) -> CardRow:
    """Give a fare back to the card that paid it, or to the card that replaced it."""
    row = await work.find("card_of_tap", agency_id=request.agency_id, tap_no=request.tap_no)
    if row is None or row[0] != request.card_ref:
        raise NotFound(f"card {request.card_ref} has no tap {request.tap_no}", code="unknown_tap")
    payer, payee = await _payer_and_payee(work)
    ride = await work.find("find_ride", tap_no=request.tap_no)
    assert ride is not None
    _, status, charged, _, refunded, first_journal, whole = ride
    left = charged - refunded
    if status != "posted" or whole:
        code = "already_refunded" if whole else "not_charged"
        raise Refused(f"tap {request.tap_no} has nothing to give back", code=code)
    amount = left if request.amount_tiyn is None else check_amount(request.amount_tiyn)
    if amount > left:
        raise Refused(f"{left} tiyn of the fare are left", code="beyond_charge")
    if request.no_ride and (refunded or amount != charged):
        raise Refused("a boarding is taken back with the whole fare", code="no_ride_in_part")
    if amount <= 0 and not request.no_ride:
        raise Refused("the card paid nothing for it", code="not_charged")
    entries = await _refund_entries(work, request, payer, payee, amount)
    journal_no = await work.post(
        [],
        card=payee,
        entries=entries,
        rule=f"tap {request.tap_no}: {request.reason}",
        reverses=first_journal if amount == left else None,
    )
    await work.execute(
        "add_refund",
        journal_no=journal_no,
        tap_no=request.tap_no,
        amount_tiyn=amount,
        reason=request.reason,
    )
    return payee


async def _payer_and_payee(work: Work) -> tuple[CardRow, CardRow]:
    """Lock the card that paid and the one at the end of its replacements."""
    numbers = await work.fetch(
        "numbers_of_cards",
        agency_id=work.request.agency_id,
        card_refs=[work.request.card_ref],
    )
    chain = [numbers[0][0]]
    while (row := await work.find("replaced_by", card_no=chain[-1])) is not None:
        chain.append(row[0])
    await work.lock(work.request.card_ref, also=chain)
    payer, payee = work.cards[chain[0]], work.cards[chain[-1]]
    check_usable(payee, "blocked")
    return payer, payee


async def _refund_entries(
    work: Work, request: RefundTap, payer: CardRow, payee: CardRow, amount: int
) -> dict[int, int]:
    """Give what a refund moves, from the accounts that the fare stands on now."""
    posted = await work.fetch("posted_for_tap", tap_no=request.tap_no)
    clearing = [row for row in posted if row[2] in _CLEARING and row[1] < 0]
    purse, payee_purse = (card_account(one.card_no, PURSE) for one in (payer, payee))
    if not request.no_ride:
        if not clearing:
            raise Refused("no carrier was paid for it", code="not_charged")
        first = min(clearing, key=lambda row: row[1])
        source = await _clearing_account(work, first, settled=request.settled)
        return {source: amount, payee_purse: -amount}
    entries: dict[int, int] = {}
    for number, net, code, owner in posted:
        target = payee_purse if number == purse else number
        if request.settled and code in _CLEARING:
            target = await _clearing_account(work, (number, net, code, owner), settled=True)
        entries[target] = entries.get(target, 0) - net
    return entries


async def _clearing_account(work: Work, row: tuple[Any, ...], *, settled: bool) -> int:
    number, _, _, owner = row
    if not settled:
        return int(number)
    key = (work.request.agency_id, 1230, owner)
    return (await work.accounts.numbers([key]))[key]


async def goodwill(work: Work, request: Goodwill) -> CardRow:
    """Give the holder money of the scheme's own."""
    card = await work.card()
    check_usable(card, "blocked")
    moved = legs.goodwill_legs(card.card_ref, request.amount_tiyn)
    await work.post(moved, card=card, rule=request.reason)
    await release_debtor(work, card)
    return card


async def write_off(work: Work, request: WriteOff) -> CardRow:
    """Give a debt up; a card that was blocked for it is free again."""
    card = await work.card()
    if card.debt_tiyn == 0:
        raise Refused(f"card {card.card_ref} owes nothing", code="no_debt")
    amount = card.debt_tiyn if request.amount_tiyn is None else request.amount_tiyn
    await work.post(legs.write_off_legs(card.card_ref, amount), card=card, rule=request.reason)
    await release_debtor(work, card)
    return card


async def withdraw(work: Work, request: Withdraw) -> CardRow:
    """Owe the holder money from the purse; more than is in it is refused."""
    card = await work.card()
    check_usable(card)
    await work.post(
        legs.withdrawal_legs(card.card_ref, request.amount_tiyn, request.channel), card=card
    )
    return card


async def pay_out(work: Work, request: PayOut) -> CardRow:
    """Pay what the card's journals left owed to its holder, and no more."""
    card = await work.card()
    moved = legs.payout_legs(request.channel, request.amount_tiyn)
    key = (request.agency_id, 2510, request.channel)
    account_no = (await work.accounts.numbers([key]))[key]
    row = await work.find("owed_to_holder", card_no=card.card_no, account_no=account_no)
    owed = row[0] if row else 0
    if request.amount_tiyn > owed:
        raise Refused(f"{owed} tiyn are owed to the holder", code="beyond_owed")
    await work.post(moved, card=card)
    return card


async def _check_payable(work: Work, card: CardRow) -> None:
    """Take money for a card in use, or blocked for nothing but its debt."""
    check_usable(card, "blocked")
    if card.status == "blocked":
        last = await work.find("last_block", card_no=card.card_no)
        if last is not None and last[2] is None and last[1] != "debt":
            check_usable(card)


async def release_debtor(work: Work, card: CardRow) -> None:
    """Unblock a card that was blocked for a debt that is paid now."""
    if card.status != "blocked":
        return
    last = await work.find("last_block", card_no=card.card_no)
    if last is None or last[2] is not None or last[1] != "debt":
        return
    now = (await work.lock(card.card_ref))[card.card_ref]
    if now.debt_tiyn == 0:
        await work.end_block(card.card_no, work.at_ms)
        await work.execute("set_status", card_no=card.card_no, status="active")
        await work.touch(card.card_no, work.at_ms)
