"""An operation on a card, once under its client's key, with a receipt that is kept.

As `ledger.operations.operate`, for operations that need not post a journal: what came of a key is
in `card_operation`, which is also the log of who asked for what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, is_idle, json_value, load_queries, translated
from sapar.core.errors import Fault, NotFound, Refused
from sapar.ticketing.cards.requests import Receipt
from sapar.ticketing.ledger.operations import Operation

_QUERIES = load_queries("sapar.ticketing.cards")


class Done(NamedTuple):
    """What a piece of work leaves for the log.

    Attributes:
        receipt: the answer.
        card_no: the card that it was about.
        log: further columns of `card_operation`: actor, event_at, done_at.
    """

    receipt: Receipt
    card_no: int
    log: dict[str, Any]


async def once(
    connection: AsyncConnection, operation: Operation, work: Callable[[], Awaitable[Done]]
) -> tuple[Receipt, bool]:
    """Do an operation once, in a transaction of its own; give the receipt and whether it is old.

    Args:
        connection: not in a transaction.
        operation: what is asked for.
        work: called at most once, inside the transaction. What it raises as `Refused` or
            `NotFound` is final: its changes are undone and the key never works again.

    Raises:
        Refused: by `work`, now or the first time; or with the code `idempotency_conflict`: the key
            came before with other content.
        Fault: the connection is in a transaction.
    """
    if not is_idle(connection):
        raise Fault("an operation needs a transaction of its own")
    names = {"agency_id": operation.agency_id, "source_key": operation.source_key}
    stamp = names | {"content_hash": operation.content_hash, "kind": operation.kind}
    refusal: Refused | NotFound
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_key"], names)
            row = await (await connection.execute(_QUERIES["find_done"], names)).fetchone()
            if row is not None:
                content_hash, receipt, code, message = row
                if content_hash == operation.content_hash and receipt is not None:
                    return msgspec.convert(receipt, Receipt), True
                if content_hash == operation.content_hash and code is not None:
                    refusal = Refused(message, code=code)
                else:
                    await connection.execute(_QUERIES["keep_conflict"], stamp)
                    refusal = _conflict(operation)
            else:
                try:
                    async with connection.transaction():
                        done = await work()
                        await connection.execute(
                            _QUERIES["keep_done"], stamp | _columns(operation, done)
                        )
                    return done.receipt, False
                except (Refused, NotFound) as exc:
                    refusal = exc
                    reason = {"code": exc.code, "message": exc.message}
                    await connection.execute(_QUERIES["keep_refused"], stamp | reason)
    raise refusal


def _columns(operation: Operation, done: Done) -> dict[str, Any]:
    return done.log | {
        "card_no": done.card_no,
        "request": json_value(dict(operation.content)),
        "receipt": json_value(msgspec.to_builtins(done.receipt)),
    }


def _conflict(operation: Operation) -> Refused:
    return Refused(
        f"the key {operation.source_key} came before with other content",
        code="idempotency_conflict",
        hint="Use a new key for a new operation.",
    )
