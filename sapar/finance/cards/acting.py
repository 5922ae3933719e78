"""Operations on cards at a desk: by who may, with a reason in the audit log, once under a key."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sapar.access.audit import record
from sapar.access.model import Person, Role
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection
from sapar.core.errors import BadInput, Refused
from sapar.finance.cards.looking import target_of
from sapar.ticketing.cards.operations import Desk, Outcome, carry_out
from sapar.ticketing.cards.requests import AnyRequest, Paid, Receipt, TopUp

AT_DESK: Final[dict[str, frozenset[Role]]] = {
    "top_up": frozenset({"cashier"}),
    "block": frozenset({"cashier", "accountant", "chief_accountant"}),
    "unblock": frozenset({"cashier", "accountant", "chief_accountant"}),
    "replace": frozenset({"cashier"}),
    "change_category": frozenset({"cashier", "accountant", "chief_accountant"}),
    "refund_tap": frozenset({"accountant", "chief_accountant"}),
    "goodwill": frozenset({"chief_accountant"}),
    "write_off": frozenset({"chief_accountant"}),
}
"""Which operations a desk offers, and to whom."""

_OWN_REASON: Final = frozenset({"refund_tap", "goodwill", "write_off"})
"""Operations that keep the reason themselves too."""
_REASON_MAX: Final = 400


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
        BadInput: it lacks a reason (`reason_needed`) or does not fit together (`bad_operation`).
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
    if isinstance(request, TopUp):
        _check_taken_here(request.paid)
    return request


def _check_taken_here(paid: Paid) -> None:
    """Refuse money that nobody hands over at a desk: what agents and processors took, they owe."""
    if paid.by != "cash_desk" or paid.commission_tiyn is not None:
        raise Refused(
            "At a desk the cash desk takes the money, and earns nothing by it.",
            code="paid_elsewhere",
        )


async def act(
    connection: AsyncConnection,
    desk: Desk,
    request: AnyRequest,
    *,
    card_no: int,
    person: Person,
    reason: str,
    clock: Clock,
) -> Outcome:
    """Carry an operation out; its line in the audit log stands or falls with it.

    Raises:
        BadInput, Refused, Unavailable: as `carry_out`.
    """

    async def note(inside: AsyncConnection, receipt: Receipt) -> None:
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
