"""A word on a held tap from the queue of exceptions: what it would come to, and what it came to."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound, Refused
from sapar.finance.cards.looking import label_of
from sapar.finance.cards.telling import JournalTold, Named, tell_journal
from sapar.finance.exceptions.acts import Who, check_text
from sapar.finance.exceptions.kept import rule_once
from sapar.finance.exceptions.queue import get_exception
from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.post import Tools
from sapar.ticketing.rulings import ACCEPTABLE, Ruled, Word, rule_on_tap
from sapar.ticketing.taps.store import lock_sequences

_QUERIES = load_queries("sapar.finance.exceptions")
_TOLD_MAX: Final = 20

MEANWHILE: Final = "ruled_meanwhile"
"""Another word stands on the tap than the newest that the person saw."""

Why = Literal["content", "counter", "debit", "fare"]


class Standing(msgspec.Struct, frozen=True):
    """How a tap stands: `status`, why a person must look at it, what it costs its card."""

    status: str
    code: str | None
    charged_tiyn: int


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """Another tap that a word on one is about, or moves.

    Attributes:
        why: `content`, another content of the same number; `counter`, another tap with the card's
            counter; `debit`, the ride that this one may repeat; `fare`, its fare changes.
        before, after: how it stands without the word and with it.
    """

    tap_no: int
    card: Named
    device_id: str
    at_ms: int
    why: Why
    before: Standing
    after: Standing


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What a word on a tap comes to; of many journals the first ones are told."""

    tap_no: int
    word: Word
    before: Standing
    after: Standing
    beside: list[Beside]
    journals: list[JournalTold]
    journal_count: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of a tap; `code`: why it was held then, None: a word let it ride."""

    ruling_no: int
    at: datetime
    actor: str
    word: Word
    code: str | None
    reason: str


class HeldTap(msgspec.Struct, frozen=True, kw_only=True):
    """An exception's tap: how it stands, what may be said of it, what was (the newest first).

    `decided`: a word on it decided what the exception is about, which is not opened again.
    """

    tap_no: int
    now: Standing
    words: list[Word]
    decided: bool
    rulings: list[Said]


async def tell_held(
    connection: AsyncConnection, agency_id: str, tap_no: int, kind: str
) -> HeldTap | None:
    """Tell how the tap of an exception of some kind stands and what people said of it.

    None: the agency has no such tap.

    Something may be said while it is held for a reason that a person may overrule, and afterwards
    the opposite.
    """
    values = {"agency_id": agency_id, "tap_no": tap_no}
    with translated():
        row = await (await connection.execute(_QUERIES["ruled_tap"], values)).fetchone()
        if row is None:
            return None
        said = await (await connection.execute(_QUERIES["rulings_on_tap"], values)).fetchall()
    *now, sealed, ruling = row
    standing = Standing(*now)
    return HeldTap(
        tap_no=tap_no,
        now=standing,
        words=words_for(standing, sealed, ruling),
        decided=(standing.status != "held" or standing.code != kind)
        and any(code == kind for _, _, _, _, code, _ in said),
        rulings=[
            Said(ruling_no=number, at=at, actor=actor, word=word, code=code, reason=reason)
            for number, at, actor, word, code, reason in said
        ],
    )


def words_for(now: Standing, sealed: str | None, ruling: str | None) -> list[Word]:
    """Say what a person may say of a tap: of one without a good seal nothing here."""
    if sealed is not None:
        return []
    if ruling is None:
        return ["accept", "reject"] if now.status == "held" and now.code in ACCEPTABLE else []
    if ruling == "reject":
        return ["accept"]
    return ["accept", "reject"] if now.code in ACCEPTABLE else ["reject"]


async def foresee_ruling(
    connection: AsyncConnection,
    tools: Tools,
    agency_id: str,
    exception_no: int,
    word: Word,
    *,
    seen: int | None,
    by: Who,
) -> Came:
    """Say what a word on an exception's tap would come to, and leave everything as it is.

    Raises:
        NotFound, Refused, Unavailable: as `rule_on_exception`.
    """
    tap_no = await _tap_of(connection, agency_id, exception_no, tools.clock.now())
    tools = replace(tools, accounts=tools.accounts.inside(connection))
    inside = connection.transaction(force_rollback=True)
    return await _rule(
        connection, inside, tools, agency_id, tap_no, word, seen=seen, reason="–", by=by
    )


async def rule_on_exception(
    connection: AsyncConnection,
    tools: Tools,
    agency_id: str,
    exception_no: int,
    word: Word,
    *,
    seen: int | None,
    reason: str,
    key: str,
    by: Who,
) -> Came:
    """Say of an exception's tap that it is a ride, or that it is none; see `rule_on_tap`.

    Args:
        connection: in no transaction.
        tools: see `Tools`.
        agency_id: whose exception.
        exception_no: it is about a tap.
        word: `accept` or `reject`.
        seen: number of the newest ruling on the tap that the person saw; None: there was none.
        reason: why; it stays with the ruling.
        key: of the client; the same request again says nothing more, and gives what came of it.
        by: who says so.

    Raises:
        BadInput: no reason or key (`text`), or a bank card's number in one (`pan_like`).
        NotFound: there is no such exception, or it is about no tap (`unknown_tap`).
        Refused: as `rule_on_tap`; or another word stands by now (`ruled_meanwhile`), or the key
            came with other content (`idempotency_conflict`).
    """
    reason, key = check_text("a reason", reason), check_text("a key", key, 150)
    now = tools.clock.now()
    tap_no = await _tap_of(connection, agency_id, exception_no, now)
    content = {"word": word, "seen": seen, "reason": reason, "actor": by.name}
    operation = Operation(agency_id, "ruling", f"ruling:{exception_no}:{key}", content)

    async def work() -> Came:
        inside = connection.transaction()
        return await _rule(
            connection, inside, tools, agency_id, tap_no, word, seen=seen, reason=reason, by=by
        )

    return await rule_once(
        connection, operation, exception_no, Came, work, reason=reason, by=by, now=now
    )


async def _tap_of(
    connection: AsyncConnection, agency_id: str, exception_no: int, now: datetime
) -> int:
    found = await get_exception(connection, agency_id, exception_no, now)
    if found.exception.tap_no is None:
        raise NotFound(f"exception {exception_no} is about no tap", code="unknown_tap")
    return found.exception.tap_no


async def _rule(
    connection: AsyncConnection,
    inside: AbstractAsyncContextManager[Any],
    tools: Tools,
    agency_id: str,
    tap_no: int,
    word: Word,
    *,
    seen: int | None,
    reason: str,
    by: Who,
) -> Came:
    """Rule inside a transaction, and look at what came of it before that ends."""
    values: dict[str, Any] = {"agency_id": agency_id, "tap_no": tap_no}
    with translated():
        async with inside:
            await _check_seen(connection, values, seen)
            rows = await _fetch(connection, "taps_about_ruling", values)
            [(after_no,)] = await _fetch(connection, "draw_journal_number", {})
            ruled = await rule_on_tap(
                connection,
                tools,
                agency_id,
                tap_no,
                word,
                reason=reason,
                actor=by.name,
                user_id=by.user_id,
            )
            after = await _fetch(connection, "taps_about_ruling", values)
            posted = await _fetch(connection, "journals_of_ruling", {"after": after_no})
            told = [await tell_journal(connection, agency_id, no) for no, _ in posted[:_TOLD_MAX]]
    beside = _beside(tap_no, ruled, rows, after, {moved for _, moved in posted})
    return Came(
        tap_no=tap_no,
        word=word,
        before=next(_standing(row) for row in rows if row[0] == tap_no),
        after=Standing(ruled.status, ruled.code, ruled.charged_tiyn),
        beside=beside,
        journals=told,
        journal_count=len(posted),
    )


async def _check_seen(
    connection: AsyncConnection, values: dict[str, Any], seen: int | None
) -> None:
    """Refuse a word of somebody who has not seen the newest one; nobody says another till the end.

    Takes the lock that `rule_on_tap` takes first.

    Raises:
        Refused: another stands there (`ruled_meanwhile`).
    """
    await lock_sequences(connection, await _fetch(connection, "sequence_of_tap", values))
    said = await _fetch(connection, "rulings_on_tap", values)
    if (said[0][0] if said else None) != seen:
        raise Refused(
            f"somebody else has said something of tap {values['tap_no']} meanwhile",
            code=MEANWHILE,
            hint="Look at it again: what was said stands with the exception.",
        )


def _beside(
    tap_no: int,
    ruled: Ruled,
    rows: list[tuple[Any, ...]],
    after: list[tuple[Any, ...]],
    moved: set[int | None],
) -> list[Beside]:
    """Give the rivals of a tap, what it may repeat, and what moved with it, in order of time."""
    now = {row[0]: _standing(row) for row in after}
    debit: int | None = None
    if ruled.before == "double_debit":
        own = next(row for row in rows if row[0] == tap_no)
        rides = [
            row[0] for row in rows[: rows.index(own)] if row[2] == own[2] and row[6] == "posted"
        ]
        debit = rides[-1] if rides else None
    found: list[Beside] = []
    for row in rows:
        number, rival, card_no, card_ref, device_id, at_ms = row[:6]
        otherwise: Why | None = "debit" if number == debit else "fare" if number in moved else None
        why: Why | None = rival or otherwise
        if number == tap_no or why is None:
            continue
        found.append(
            Beside(
                tap_no=number,
                card=Named(card_no, label_of(card_ref)),
                device_id=device_id,
                at_ms=at_ms,
                why=why,
                before=_standing(row),
                after=now.get(number, _standing(row)),
            )
        )
    return found


def _standing(row: tuple[Any, ...]) -> Standing:
    return Standing(*row[6:9])


async def _fetch(
    connection: AsyncConnection, query: str, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_QUERIES[query], values)).fetchall()
