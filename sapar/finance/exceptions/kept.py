"""What came of a word on a held tap, kept under the key that it was said with: it is said once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import Refused
from sapar.finance.exceptions.acts import Who
from sapar.finance.exceptions.keep import add_comment
from sapar.ticketing.ledger.operations import Operation

_QUERIES = load_queries("sapar.finance.exceptions")

T = TypeVar("T")


async def rule_once(
    connection: AsyncConnection,
    operation: Operation,
    exception_no: int,
    came: type[T],
    work: Callable[[], Awaitable[T]],
    *,
    reason: str,
    by: Who,
    now: datetime,
) -> T:
    """Do once what may post no journal, as `operate` does what posts one.

    What came of it stays with the exception's history, which is not shown it: the page shows what
    was said of the tap beside that.

    Args:
        connection: in no transaction.
        operation: what is asked for, and under which key.
        exception_no: of which exception.
        came: what `work` gives; made of plain data again when the same is asked again.
        work: called at most once, inside the transaction; what it raises as `Refused` is final.
        reason: the person's words.
        by: the person.
        now: transit time.

    Raises:
        Refused: by `work`, now or the first time; or the key came before with other content
            (`idempotency_conflict`).
    """
    content_hash = operation.content_hash
    values: dict[str, Any] = {
        "agency_id": operation.agency_id,
        "exception_no": exception_no,
        "source_key": operation.source_key,
        "kind": operation.kind,
        "content_hash": content_hash,
    }
    refusal: Refused
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_ruling_key"], values)
            found = await connection.execute(_QUERIES["outcome_of_ruling"], values)
            row = await found.fetchone()
            if row is None:
                try:
                    async with connection.transaction():
                        outcome = await work()
                        kept = {"key": operation.source_key, "hash": content_hash.hex()}
                        after = {"ruling": {**kept, "came": msgspec.to_builtins(outcome)}}
                        await add_comment(
                            connection, exception_no, at=now, actor=by.name, action="comment",
                            note=reason, after=after,
                        )  # fmt: skip
                        return outcome
                except Refused as exc:
                    refusal = exc
                    said = {**values, "code": exc.code, "message": exc.message}
                    await connection.execute(_QUERIES["keep_refused_ruling"], said)
            else:
                first_hash, told, code, message = row
                if first_hash != content_hash.hex():
                    await connection.execute(_QUERIES["report_ruling_key"], values)
                    refusal = _conflict(operation.source_key)
                elif code is None:
                    return msgspec.convert(told, came)
                else:
                    refusal = Refused(message, code=code)
    raise refusal


def _conflict(source_key: str) -> Refused:
    return Refused(
        f"the key {source_key} came before with other content",
        code="idempotency_conflict",
        hint="Use a new key for a new word.",
    )
