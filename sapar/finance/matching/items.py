"""Items: what bank lines are expected to pay. Whoever expects money adds one, once by its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, json_value, load_queries, translated
from sapar.core.errors import Fault, NotFound, Refused
from sapar.ticketing.ledger.accounts import CARD_SLOTS, CHART
from sapar.ticketing.ledger.operations import AMOUNT_MAX_TIYN

_QUERIES = load_queries("sapar.finance.matching")

_OF_LINES: Final = (1010, 2910)

State = Literal["open", "matched", "cancelled"]


class NewItem(NamedTuple):
    """What a bank line will pay.

    Attributes:
        agency_id: whose.
        kind: `agent_deposit`, `processor_payout`, `payment_order`, `claim`, `refund`, `remainder`.
        source_key: what it is made from, e.g. `deposit:kassa24:2026-11-20`; made once.
        code: ledger account that a match clears, …
        owner: … and whose it is.
        amount_tiyn: as the bank will show it: a receipt is positive, a payment negative.
        item_date: the day it is about; the line is looked for around it.
        due_on: the last day on which it should come; widens the days in which it is looked for.
        reference: what the payer was told to write; '' when there is none.
        batch_ref: of the payment that it is a part of; '' when it comes alone.
        counterparty_bin: who pays or is paid; None when that is not known.
        counterparty_iban: from, or to, which account.
        bank_account_no: our account on which it is expected; None: on any.
        fee_tiyn: what the processor is expected to keep; it goes to 5160, the line is
            `amount_tiyn - fee_tiyn`.
        residual_code: account to which a difference may go by itself, …
        residual_owner: … and whose; None: nowhere. The item's own account means that what was not
            paid stays owed, 5160 that it was kept as a fee.
        tolerance_tiyn: so small a difference is nothing to ask about; needs a residual account.
        parent_item_no: the item that this one is the rest of.
        detail: plain data for people.
    """

    agency_id: str
    kind: str
    source_key: str
    code: int
    owner: str
    amount_tiyn: int
    item_date: date
    due_on: date | None = None
    reference: str = ""
    batch_ref: str = ""
    counterparty_bin: str | None = None
    counterparty_iban: str | None = None
    bank_account_no: int | None = None
    fee_tiyn: int = 0
    residual_code: int | None = None
    residual_owner: str | None = None
    tolerance_tiyn: int = 0
    parent_item_no: int | None = None
    detail: Mapping[str, object] | None = None


class Item(msgspec.Struct, frozen=True):
    """An item as it stands; `bank_account_id` is None when it may come on any account.

    Attributes:
        state: `open`, `matched` (by `match_no`) or `cancelled`.
    """

    item_no: int
    kind: str
    source_key: str
    code: int
    owner: str
    amount_tiyn: int
    fee_tiyn: int
    item_date: date
    due_on: date | None
    reference: str
    batch_ref: str
    counterparty_bin: str | None
    counterparty_iban: str | None
    bank_account_id: str | None
    residual_code: int | None
    residual_owner: str | None
    tolerance_tiyn: int
    parent_item_no: int | None
    detail: Mapping[str, object] | None
    cancelled_at: datetime | None
    match_no: int | None
    state: State


def check_account(code: int, owner: str) -> None:
    """Hold an account against the chart.

    Raises:
        Fault: it is not in the chart, belongs to a card, counts boardings, is the bank's (1010) or
            of unmatched lines (2910), or its owner is missing or too much.
    """
    line = CHART.get(code)
    if line is None or code in CARD_SLOTS or code in _OF_LINES or line.asset != "KZT":
        raise Fault(f"{code} is no account that a bank line can clear")
    if bool(line.owner) != bool(owner):
        raise Fault(f"account {code} is per {line.owner or 'nobody'}, not {owner!r}")


def _check(item: NewItem) -> None:
    check_account(item.code, item.owner)
    if item.residual_code is not None:
        check_account(item.residual_code, item.residual_owner or "")
    if not 0 < abs(item.amount_tiyn) <= AMOUNT_MAX_TIYN:
        raise Fault(f"item {item.source_key}: {item.amount_tiyn} tiyn is no amount")


async def add_items(connection: AsyncConnection, items: Sequence[NewItem]) -> list[int]:
    """Add items, each once under its key; give their numbers in the given order.

    Args:
        connection: in a transaction of the caller's, or not in one.
        items: of any agencies; keys may repeat.

    Raises:
        Fault: an account is not in the chart, or a key was used before with other content.
        DatabaseRefused: a fee, tolerance or date that cannot be.
    """
    if not items:
        return []
    for item in items:
        _check(item)
    columns: dict[str, list[object]] = {
        name: [getattr(item, name) for item in items]
        for name in NewItem._fields
        if name != "detail"
    }
    columns["detail"] = [
        None if item.detail is None else json_value(dict(item.detail)) for item in items
    ]
    with translated():
        await connection.execute(_QUERIES["insert_items"], columns)
        found = await connection.execute(_QUERIES["find_items_by_key"], columns)
        rows = await found.fetchall()
    if len(rows) != len(items):
        raise Fault("an item that was added is not there")
    for item, (item_no, same) in zip(items, rows, strict=True):
        if not same:
            raise Fault(f"item {item_no} has the key {item.source_key} with other content")
    return [row[0] for row in rows]


async def cancel_item(
    connection: AsyncConnection, agency_id: str, item_no: int, *, now: datetime
) -> bool:
    """Expect an item no more; False when it was cancelled before.

    In a transaction of the caller's, who posts whatever that means for the item's account.

    Raises:
        NotFound: the agency has no such item.
        Refused: `item_matched`: a bank line pays it; undo the match first.
    """
    names = {"agency_id": agency_id, "item_no": item_no, "now": now}
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["lock_item"], names)
            row = await found.fetchone()
            if row is None:
                raise NotFound(f"no item {item_no}")
            if row[0] is not None:
                return False
            # a statement of its own: it must see a match that the lock has waited for
            found = await connection.execute(_QUERIES["find_match_of_item"], names)
            match = await found.fetchone()
            if match is not None:
                raise Refused(
                    f"item {item_no} is paid by match {match[0]}",
                    code="item_matched",
                    hint="Undo the match first.",
                )
            await connection.execute(_QUERIES["cancel_item"], names)
    return True


async def list_items(
    connection: AsyncConnection,
    agency_id: str,
    *,
    state: State | None = "open",
    kind: str | None = None,
    code: int | None = None,
    owner: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    most: int = 1000,
) -> list[Item]:
    """Give items of an agency, newest first; None leaves a condition out.

    Args:
        connection: to read from.
        agency_id: whose.
        state: how they must stand.
        kind: of this kind only.
        code: on this ledger account only.
        owner: on accounts of this owner only.
        from_date: their `item_date` is not before it.
        to_date: their `item_date` is not after it.
        most: at most so many.
    """
    names = {
        "agency_id": agency_id, "state": state, "kind": kind, "code": code, "owner": owner,
        "from_date": from_date, "to_date": to_date, "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_items"], names)
        return [Item(*row) for row in await found.fetchall()]
