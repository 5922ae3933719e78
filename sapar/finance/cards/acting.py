"""Operations on cards at a desk: by who may, with a reason in the audit log, once under a key.

What an operation will post can be asked for before: it is carried out and taken back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person, Role
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, load_queries
from sapar.core.errors import BadInput, Refused, SaparError
from sapar.finance.cards.looking import label_of, target_of
from sapar.finance.cards.telling import JournalTold, tell_journal
from sapar.finance.said import refuse_card_number
from sapar.ticketing.cards.operations import Desk, Outcome, carry_out, foresee
from sapar.ticketing.cards.requests import AnyRequest, Paid, Receipt, SellPass, TopUp

AT_DESK: Final[dict[str, frozenset[Role]]] = {
    "top_up": frozenset({"cashier"}),
    "sell_pass": frozenset({"cashier"}),
    "block": frozenset({"cashier", "accountant", "chief_accountant"}),
    "unblock": frozenset({"cashier", "accountant", "chief_accountant"}),
    "replace": frozenset({"cashier"}),
    "change_category": frozenset({"cashier", "accountant", "chief_accountant"}),
    "refund_tap": frozenset({"accountant", "chief_accountant"}),
    "take_back_pass": frozenset({"accountant", "chief_accountant"}),
    "goodwill": frozenset({"chief_accountant"}),
    "write_off": frozenset({"chief_accountant"}),
    "withdraw": frozenset({"accountant", "chief_accountant"}),
    "return": frozenset({"cashier", "accountant", "chief_accountant"}),
    "pay_out": frozenset({"chief_accountant"}),
}
"""Which operations a desk offers, and to whom."""

_OWN_REASON: Final = frozenset({"refund_tap", "take_back_pass", "goodwill", "write_off"})
"""Operations that keep the reason themselves too."""
_REASON_MAX: Final = 400
_TOLD_MAX: Final = 12
"""So many journals are told of; a card whose rides are judged anew may have hundreds."""

_QUERIES = load_queries("sapar.finance.cards")

Check = Callable[[AsyncConnection], Awaitable[object]]
"""Refuses an operation inside its transaction, the first time that its key comes."""


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation would come to; nothing is kept of it.

    Attributes:
        receipt: of the card after it, without its reference.
        journals: the first of those that it would post, with entries.
        journal_count: how many there would be.
    """

    receipt: dict[str, Any]
    journals: list[JournalTold]
    journal_count: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An operation as the page sends it.

    Attributes:
        operation: which: a name of `AT_DESK`.
        key: made by the page before the first try, the same for every try of it.
        reason: why, in the person's own words.
        values: what the operation takes besides, as `sapar.ticketing.cards.requests` has it.
    """

    operation: str
    key: str
    reason: str
    values: dict[str, Any] = {}


def request_of(asked: Asked, agency_id: str, card_ref: str, person: Person) -> AnyRequest:
    """Make a request of what was asked.

    Raises:
        BadInput: it lacks a reason (`reason_needed`), does not fit together (`bad_operation`), or
            holds a bank card's number (`pan_like`).
        Refused: the person's roles do not cover it (`role_missing`), or somebody else than a cash
            desk took the money of a top-up (`paid_elsewhere`).
    """
    roles = AT_DESK.get(asked.operation)
    if roles is None:
        raise BadInput(f"There is no operation {asked.operation!r}.", code="bad_operation")
    if not person.may(*roles):
        raise Refused(f"This needs the role {' or '.join(sorted(roles))}.", code="role_missing")
    reason = asked.reason.strip()
    if not reason or len(reason) > _REASON_MAX or not reason.isprintable():
        raise BadInput("Say why, in one line.", code="reason_needed")
    refuse_card_number(reason)
    plain = {
        **asked.values,
        "operation": asked.operation,
        "agency_id": agency_id,
        "key": f"desk:{asked.key}",
        "actor": person.name,
        "card_ref": card_ref,
    }
    plain.pop("at_ms", None)  # at a desk it happens now
    if asked.operation in _OWN_REASON:
        plain["reason"] = reason
    if asked.operation == "block":
        plain["note"] = reason
        plain["reason"] = asked.values.get("reason", "other")
    try:
        request: AnyRequest = msgspec.convert(plain, AnyRequest)
    except msgspec.ValidationError as exc:
        raise BadInput(f"The operation cannot be read: {exc}", code="bad_operation") from None
    if isinstance(request, TopUp | SellPass) and request.paid is not None:
        _check_taken_here(request.paid)
    # both become owners of accounts, which stay
    refuse_card_number(cash_desk_of(request) or "", getattr(request, "channel", ""))
    return request


async def check_payer(connection: AsyncConnection, card_no: int, person: Person) -> None:
    """Refuse a payment to a holder by whoever has taken the money off the card: it takes two.

    Raises:
        Refused: `same_person`.
    """
    values = {"card_no": card_no, "actor": person.name}
    row = await (await connection.execute(_QUERIES["made_owed"], values)).fetchone()
    if row is None or row[0]:
        raise Refused(
            f"{person.name} has taken money off this card for its holder: another person pays it.",
            code="same_person",
            hint="Ask another chief accountant.",
        )


def cash_desk_of(request: AnyRequest) -> str | None:
    """Name the cash desk that takes the money of a request; None: no money is taken."""
    paid = request.paid if isinstance(request, TopUp | SellPass) else None
    return None if paid is None else paid.name


def _check_taken_here(paid: Paid) -> None:
    """Refuse money that nobody hands over at a desk: what agents and processors took, they owe."""
    if paid.by != "cash_desk" or paid.commission_tiyn is not None:
        raise Refused(
            "At a desk the cash desk takes the money, and earns nothing by it.",
            code="paid_elsewhere",
        )


@contextmanager
def without_references(request: AnyRequest) -> Iterator[None]:
    """Name the cards of a request by their labels in whatever is refused."""
    refs = [request.card_ref, getattr(request, "new_card_ref", None)]
    try:
        yield
    except SaparError as exc:
        for ref in sorted((one for one in refs if one), key=len, reverse=True):
            exc.message = exc.message.replace(ref, label_of(ref))
        raise


async def act(
    connection: AsyncConnection,
    desk: Desk,
    request: AnyRequest,
    *,
    card_no: int,
    person: Person,
    reason: str,
    clock: Clock,
    check: Check,
) -> Outcome:
    """Carry an operation out; its line in the audit log stands or falls with it.

    Raises:
        BadInput, Refused, Unavailable: as `carry_out`, and as `check`.
    """

    async def note(inside: AsyncConnection, receipt: Receipt) -> None:
        await check(inside)
        after = msgspec.to_builtins(receipt)
        del after["card_ref"]
        await record(
            inside,
            at=clock.now(),
            person=person.name,
            user_id=person.user_id,
            agency_id=request.agency_id,
            action=f"card.{receipt.operation}",
            target=target_of(card_no),
            before=None,
            after={**after, "key": request.key},
            reason=reason.strip(),
        )

    return await carry_out(connection, desk, request, beside=note)


async def look_ahead(
    connection: AsyncConnection, desk: Desk, request: AnyRequest, *, check: Check
) -> Foreseen:
    """Say what an operation would post, and leave everything as it is.

    Raises:
        BadInput, Refused, NotFound, Unavailable: as `act` would.
    """

    async def look(inside: AsyncConnection, receipt: Receipt, numbers: list[int]) -> Foreseen:
        await check(inside)
        told = [
            await tell_journal(inside, request.agency_id, number) for number in numbers[:_TOLD_MAX]
        ]
        plain = msgspec.to_builtins(receipt)
        del plain["card_ref"]
        return Foreseen(receipt=plain, journals=told, journal_count=len(numbers))

    return await foresee(connection, desk, request, look)
