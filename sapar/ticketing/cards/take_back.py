"""Taking back a pass that was sold by mistake: its sale is reversed once, if no ride has used it.

The pass is then as if it had never been sold: a ride that becomes known later is priced without it,
also one of before. So rides come to the same in whatever order they become known, and the time of
taking back moves nothing.
"""

from __future__ import annotations

import msgspec

from sapar.core.errors import NotFound, Refused, SaparError
from sapar.ticketing.cards.agents import check_standing
from sapar.ticketing.cards.money import release_debtor
from sapar.ticketing.cards.requests import Paid, TakeBackPass
from sapar.ticketing.cards.work import Work, check_usable
from sapar.ticketing.ledger.accounts import PURSE, card_account
from sapar.ticketing.ledger.operations import reversal_of
from sapar.ticketing.types import CardRow


async def take_back_pass(work: Work, request: TakeBackPass) -> CardRow:
    """End a pass and give its whole price back the way it was paid."""
    card, card_nos = await _card_and_forerunners(work)
    await _check_holder(work, card)
    of_sale = {"card_nos": card_nos, "sale_no": request.sale_no}
    passes = await work.fetch("passes_of_sale", **of_sale)
    if card.card_no not in {row[0] for row in passes}:
        raise await _no_such_pass(work, request, card_nos)
    used = await work.find("ride_on_pass", **of_sale)
    if used is not None:
        raise Refused(
            f"ride {used[0]} has used the pass",
            code="pass_used",
            hint="A pass goes back in full alone, and as long as no ride has used it.",
        )
    from_ms = min(row[2] for row in passes)
    sale = await work.find("sale_of_pass", product_id=passes[0][1], from_ms=from_ms, **of_sale)
    if sale is None:
        raise Refused(
            "the pass was not sold here: it moved in",
            code="not_sold_here",
            hint="Whoever sold it gives the money back.",
        )
    journal_no, paid = sale
    if paid is not None:
        await _check_giver(work, msgspec.convert(paid, Paid))
    if journal_no is not None:
        await _reverse(work, request, card, card_nos)
    await work.execute("end_pass", **of_sale)
    for card_no, _, from_ms in passes:
        await work.touch(card_no, from_ms)
    return card


async def _card_and_forerunners(work: Work) -> tuple[CardRow, list[int]]:
    """Lock the card and those that it replaced, the oldest last: its passes may be theirs."""
    card_ref = work.request.card_ref
    rows = await work.fetch(
        "numbers_of_cards", agency_id=work.request.agency_id, card_refs=[card_ref]
    )
    card_nos = [row[0] for row in rows]
    while card_nos and (row := await work.find("replacement_of", card_no=card_nos[-1])):
        card_nos.append(row[0])
    card = work.known(await work.lock(card_ref, also=card_nos), card_ref)
    return card, card_nos


async def _check_holder(work: Work, card: CardRow) -> None:
    """Give nothing back on a card that is out of use, or that is somebody else's now."""
    last = await work.find("last_block", card_no=card.card_no)
    if last is not None and last[2] is None and last[1] in {"stolen", "fraud"}:
        check_usable(card)
    check_usable(card, "blocked")


async def _no_such_pass(work: Work, request: TakeBackPass, card_nos: list[int]) -> SaparError:
    row = await work.find("was_taken_back", card_nos=card_nos, sale_no=request.sale_no)
    if row is not None and row[0]:
        return Refused(f"sale {request.sale_no} was taken back", code="already_taken_back")
    return NotFound(
        f"card {request.card_ref} has no pass of sale {request.sale_no}",
        code="unknown_pass",
        hint="The card's statement names its passes with the numbers of their sales.",
    )


async def _check_giver(work: Work, paid: Paid) -> None:
    """Refuse to give back through whoever may not take money any more.

    Raises:
        Refused: as `check_standing`; `desk_closed`: a cash desk of the register is not open.
    """
    check_standing(await work.standing(paid), paid)
    if paid.by != "cash_desk":
        return
    row = await work.find("hold_cash_desk", agency_id=work.request.agency_id, desk_id=paid.name)
    if row is not None and row[0] != "open":
        raise Refused(
            f"Cash desk {paid.name} is closed.",
            code="desk_closed",
            hint="It gives back what it took: open it again first.",
        )


async def _reverse(work: Work, request: TakeBackPass, card: CardRow, card_nos: list[int]) -> None:
    """Post the sale the other way round; what a purse paid comes to the card in use now."""
    reversal = await reversal_of(
        work.connection,
        request.sale_no,
        work.operation,
        service_date=work.service_date,
        at_ms=work.at_ms,
        actor=request.actor,
        rule="",
    )
    purse = card_account(card.card_no, PURSE)
    purses = {card_account(card_no, PURSE) for card_no in card_nos}
    entries = {
        purse if number in purses else number: amount for number, amount in reversal.entries.items()
    }
    await work.post(
        [],
        card=card,
        entries=entries,
        rule=f"sale {request.sale_no}: {request.reason}",
        product_id=reversal.product_id,
        reverses=request.sale_no,
    )
    if purse in entries:
        await release_debtor(work, card)
