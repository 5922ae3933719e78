"""Operations on the card itself: issue, block, replace, return, category."""

from __future__ import annotations

from sapar.contract.pan import is_pan_like
from sapar.core.errors import Refused
from sapar.ticketing.cards import legs
from sapar.ticketing.cards.requests import Block, ChangeCategory, Issue, Replace, Return, Unblock
from sapar.ticketing.cards.work import CATEGORY_SINCE_MS, Work, check_usable, time_of
from sapar.ticketing.types import CardRow


async def issue(work: Work, request: Issue) -> CardRow:
    """Hand a card out, or register one that was tapped already."""
    paid = await work.paid(request.paid, request.price_tiyn)
    moved = legs.issue_legs(request.card_ref, request.price_tiyn, request.deposit_tiyn, paid)
    card = await _issue(work, request.card_ref, request.category)
    if moved:
        await work.post(moved, card=card)
    return card


async def _issue(work: Work, card_ref: str, category: str) -> CardRow:
    if is_pan_like(card_ref):
        raise Refused("a card's reference must not be a bank card's number", code="pan_like")
    values = {"category": category, "category_from": time_of(CATEGORY_SINCE_MS)}
    card = (await work.lock(card_ref)).get(card_ref)
    if card is None:
        await work.execute(
            "add_card", agency_id=work.request.agency_id, card_ref=card_ref, **values
        )
        card = (await work.lock(card_ref))[card_ref]
        if card.status != "unknown":
            return card
    if card.status != "unknown":
        raise Refused(f"card {card_ref} was issued before", code="card_exists")
    await work.execute("register_card", card_no=card.card_no, **values)
    await work.touch(card.card_no, CATEGORY_SINCE_MS)
    return (await work.lock(card_ref))[card_ref]


async def block(work: Work, request: Block) -> CardRow:
    """Put a card on the deny list, or give another reason for its being there."""
    card = await work.card()
    check_usable(card, "blocked", "unknown")
    last = await work.find("last_block", card_no=card.card_no)
    if last is not None and last[2] is None:
        if last[1] == request.reason:
            raise Refused(f"card {card.card_ref} is blocked: {last[1]}", code="already_blocked")
        if work.at_ms <= last[0]:
            raise Refused("it was blocked later than that", code="block_order")
        await work.end_block(card.card_no, work.at_ms)
    await work.begin_block(card.card_no, request.reason, request.note)
    if card.status == "active":
        await work.execute("set_status", card_no=card.card_no, status="blocked")
    return card


async def unblock(work: Work, _: Unblock) -> CardRow:
    """Take a card off the deny list."""
    card = await work.card()
    check_usable(card, "blocked", "unknown")
    last = await work.find("last_block", card_no=card.card_no)
    if last is None or last[2] is not None:
        raise Refused(f"card {card.card_ref} is not blocked", code="not_blocked")
    if work.at_ms <= last[0]:
        raise Refused("it was blocked later than that", code="block_order")
    await work.end_block(card.card_no, work.at_ms)
    if card.status == "blocked":
        await work.execute("set_status", card_no=card.card_no, status="active")
    await work.touch(card.card_no, work.at_ms)
    return card


async def replace(work: Work, request: Replace) -> CardRow:
    """Move balances and passes to another card, and block the old one for good.

    Asked again for the same two cards it moves what came to the old one since: rides that were
    uploaded late, refunds.
    """
    if request.new_card_ref == request.card_ref:
        raise Refused("a card cannot replace itself", code="same_card")
    found = await work.lock(request.card_ref, request.new_card_ref)
    old = work.known(found, request.card_ref)
    check_usable(old, "blocked", "replaced")
    new = found.get(request.new_card_ref)
    again = await _check_pair(work, old, new)
    if new is None or new.status == "unknown":
        new = await _issue(work, request.new_card_ref, old.category)
    check_usable(new)
    names = {"old": old.card_no, "new": new.card_no, "at": time_of(work.at_ms)}
    moved = legs.replacement_legs(old, new.card_ref)
    journal_no = await work.post(moved, card=old, rule=f"to {new.card_ref}") if moved else None
    if journal_no is not None:
        await work.execute("take_pending", card_no=old.card_no, journal_no=journal_no)
    await work.execute("settle_pending", card_no=old.card_no)
    if not again:
        await work.execute("add_replacement", actor=request.actor, **names)
        await _move_passes(work, old, new)
        await work.end_block(old.card_no, work.at_ms)
        await work.begin_block(old.card_no, "replaced", f"by {new.card_ref}")
        await work.execute("set_status", card_no=old.card_no, status="replaced")
    return old


async def _check_pair(work: Work, old: CardRow, new: CardRow | None) -> bool:
    """Say whether the old card was replaced by the new one before.

    Raises:
        Refused: by another, or the new one stands for another card (`replacement`).
    """
    by = await work.find("replaced_by", card_no=old.card_no)
    of = await work.find("replacement_of", card_no=new.card_no) if new is not None else None
    if by is not None and new is not None and by[0] == new.card_no:
        return True
    if by is not None or of is not None:
        which = old.card_ref if by is not None else "the new card"
        raise Refused(f"{which} is in another replacement", code="replacement")
    return False


async def _move_passes(work: Work, old: CardRow, new: CardRow) -> None:
    if not old.has_pass:
        return
    names = {"old": old.card_no, "at": time_of(work.at_ms)}
    await work.execute("copy_passes", new=new.card_no, **names)
    await work.execute("drop_passes", **names)
    await work.execute("cut_passes", **names)
    await work.execute("mark_pass", card_no=new.card_no)
    await work.touch(new.card_no, work.at_ms)


async def return_card(work: Work, request: Return) -> CardRow:
    """Take a card back for good and owe the holder what is on it."""
    card = await work.card()
    last = await work.find("last_block", card_no=card.card_no)
    blocked = last is not None and last[2] is None
    if blocked and last is not None and last[1] in {"stolen", "fraud"}:
        check_usable(card)
    check_usable(card, "blocked")
    moved = legs.return_legs(card, request.channel)
    journal_no = await work.post(moved, card=card) if moved else None
    if journal_no is not None:
        await work.execute("take_pending", card_no=card.card_no, journal_no=journal_no)
    await work.execute("settle_pending", card_no=card.card_no)
    await work.end_block(card.card_no, work.at_ms)
    await work.begin_block(card.card_no, "returned", "")
    await work.execute("set_status", card_no=card.card_no, status="returned")
    return card


async def change_category(work: Work, request: ChangeCategory) -> CardRow:
    """Give a card another category from a time on, and judge its rides since then anew."""
    card = await work.card()
    check_usable(card, "blocked")
    names = {"card_no": card.card_no, "actor": request.actor}
    await work.execute("keep_category", **names)
    await work.execute("set_category", at=time_of(work.at_ms), category=request.category, **names)
    await work.execute("show_category", card_no=card.card_no)
    await work.touch(card.card_no, work.at_ms)
    return card
