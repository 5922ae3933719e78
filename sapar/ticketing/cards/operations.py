"""Operations on cards: authorised, once under their key, refused with a code and a hint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from sapar.contract.messages import INTEGER_MAX
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, is_idle, translated
from sapar.core.errors import BadInput, Fault
from sapar.ticketing.cards import life, money, take_back
from sapar.ticketing.cards.once import Done, once
from sapar.ticketing.cards.requests import (
    AnyRequest,
    Block,
    ChangeCategory,
    Goodwill,
    Issue,
    PayOut,
    Receipt,
    RefundTap,
    Replace,
    Return,
    SellPass,
    TakeBackPass,
    TopUp,
    Unblock,
    Withdraw,
    WriteOff,
)
from sapar.ticketing.cards.work import FUTURE_MAX_MS, Rejudge, Touched, Work, time_of
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.types import CardRow

_WORK: Final[dict[type[Any], Callable[[Work, Any], Awaitable[CardRow]]]] = {
    Issue: life.issue,
    TopUp: money.top_up,
    SellPass: money.sell_pass,
    TakeBackPass: take_back.take_back_pass,
    Block: life.block,
    Unblock: life.unblock,
    Replace: life.replace,
    ChangeCategory: life.change_category,
    RefundTap: money.refund_tap,
    Goodwill: money.goodwill,
    WriteOff: money.write_off,
    Withdraw: money.withdraw,
    Return: life.return_card,
    PayOut: money.pay_out,
}
_LONGEST: Final = {"key": 200, "card_ref": 64, "new_card_ref": 64}


T = TypeVar("T")

Beside = Callable[[AsyncConnection, Receipt], Awaitable[object]]
"""Writes something beside an operation, in its transaction."""


async def keep_fares(_connection: AsyncConnection, _touched: Touched) -> None:
    """Judge nothing anew: for a deployment without taps."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a process makes once, to carry operations out with.

    Attributes:
        clock: transit time.
        accounts: numbers of accounts.
        rejudge: judges rides anew, where an operation changes what they cost.
    """

    clock: Clock
    accounts: Accounts
    rejudge: Rejudge = keep_fares


class Outcome(NamedTuple):
    """What a request came to.

    Attributes:
        receipt: the answer.
        repeated: an earlier call with the key had done it.
        touched: cards and fare days whose rides were judged anew.
    """

    receipt: Receipt
    repeated: bool
    touched: Touched


def operation_of(request: AnyRequest) -> Operation:
    """Give the idempotent operation of a request: its content is all but the key."""
    content = msgspec.to_builtins(request)
    del content["key"]
    kind = content["operation"]
    return Operation(request.agency_id, kind, request.key, content)


def check_request(request: AnyRequest, now_ms: int) -> None:
    """Refuse a request that is malformed; its key may be used again.

    Raises:
        BadInput: an empty or overlong text (`text`), a number out of range (`number`), a time in
            the future (`future_time`).
    """
    for name, value in _flat(msgspec.to_builtins(request)):
        if isinstance(value, str):
            shortest, longest = int(name != "note"), _LONGEST.get(name, 500)
            if not (shortest <= len(value) <= longest and value.isprintable()):
                raise BadInput(
                    f"{name} is not a text of {shortest} to {longest} signs", code="text"
                )
        elif isinstance(value, int) and abs(value) > INTEGER_MAX:
            raise BadInput(f"{name} is out of range", code="number")
    at_ms = request.at_ms
    latest = INTEGER_MAX if isinstance(request, ChangeCategory) else now_ms + FUTURE_MAX_MS
    if at_ms is not None and not 0 <= at_ms <= latest:
        raise BadInput("the time lies in the future", code="future_time")


def _flat(content: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        found += _flat(value) if isinstance(value, dict) else [(name, value)]
    return found


async def carry_out(
    connection: AsyncConnection, desk: Desk, request: AnyRequest, *, beside: Beside | None = None
) -> Outcome:
    """Carry a request out in one transaction: wholly and once, or not at all.

    Args:
        connection: in no transaction.
        desk: see `Desk`.
        request: with a key that the client made for it.
        beside: called with the receipt, at the end of the operation's own transaction; not for a
            key that was carried out before.

    Raises:
        BadInput: the request is malformed; nothing is kept of it.
        Refused: it is not allowed; kept under its key, which never works again.
        Unavailable: the database does not answer; the same request may be sent again.
    """
    check_request(request, int(desk.clock.time() * 1000))
    operation = operation_of(request)
    touched: Touched = set()

    async def work() -> Done:
        begun, card = await _begin(connection, desk, request, operation)
        done = await _finish(connection, desk, begun, card)
        touched.update(begun.touched)
        if beside is not None:
            await beside(connection, done.receipt)
        return done

    receipt, repeated = await once(connection, operation, work)
    return Outcome(receipt, repeated, touched)


async def foresee(
    connection: AsyncConnection,
    desk: Desk,
    request: AnyRequest,
    look: Callable[[AsyncConnection, Receipt, list[int]], Awaitable[T]],
) -> T:
    """Carry a request out, look at what it comes to, and take it back: nothing is kept of it.

    What is refused is refused as it would be, and its key may be used all the same.

    Args:
        connection: in no transaction.
        desk: see `Desk`.
        request: its key is not looked for; one of its own.
        look: called with the receipt and the numbers of the journals, in the transaction; gives
            what is wanted of them.

    Raises:
        BadInput, Refused, NotFound, Unavailable: as `carry_out`.
        Fault: the connection is in a transaction.
    """
    check_request(request, int(desk.clock.time() * 1000))
    if not is_idle(connection):
        raise Fault("an operation needs a transaction of its own")
    operation = operation_of(request)
    with translated():
        async with connection.transaction(force_rollback=True):
            desk = replace(desk, accounts=desk.accounts.inside(connection))
            begun, card = await _begin(connection, desk, request, operation)
            # Its cards are locked now: journals of theirs with later numbers are its own.
            drawn = await begun.find("draw_journal_number") if begun.journal_no is None else None
            first = begun.journal_no if drawn is None else drawn[0]
            done = await _finish(connection, desk, begun, card)
            rows = await begun.fetch("journals_since", card_nos=sorted(begun.cards), first=first)
            return await look(connection, done.receipt, [row[0] for row in rows])


async def _begin(
    connection: AsyncConnection, desk: Desk, request: AnyRequest, operation: Operation
) -> tuple[Work, CardRow]:
    begun = await Work.begin(connection, desk.accounts, desk.clock, request, operation)
    return begun, await _WORK[type(request)](begun, request)


async def _finish(connection: AsyncConnection, desk: Desk, begun: Work, card: CardRow) -> Done:
    if begun.touched:
        await desk.rejudge(connection, begun.touched)
    return await _done(begun, card)


async def _done(work: Work, card: CardRow) -> Done:
    now = (await work.lock(card.card_ref))[card.card_ref]
    receipt = Receipt(
        operation=work.operation.kind,
        card_ref=now.card_ref,
        status=now.status,
        journal_no=work.journal_no,
        purse_tiyn=now.purse_tiyn,
        debt_tiyn=now.debt_tiyn,
        deposit_tiyn=now.deposit_tiyn,
        pending_tiyn=now.pending_tiyn,
    )
    log = {
        "actor": work.request.actor,
        "event_at": time_of(work.at_ms),
        "done_at": time_of(work.now_ms),
    }
    return Done(receipt, now.card_no, log)
