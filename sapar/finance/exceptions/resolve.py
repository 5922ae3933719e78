"""Resolving an exception by a posting that cites it, and undoing that by a reversal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound, Refused
from sapar.finance.exceptions.acts import (
    Locked,
    Who,
    check_open,
    check_text,
    check_undecided,
    lock,
    write_closed,
    write_history,
    write_reopened,
)
from sapar.finance.exceptions.fitting import Entry, check_entries, is_of_card
from sapar.ticketing.ledger.accounts import Accounts, card_account
from sapar.ticketing.ledger.business_days import read_closed_days
from sapar.ticketing.ledger.operations import (
    Operation,
    Outcome,
    check_funds,
    operate,
    reversal_of,
)
from sapar.ticketing.ledger.posting import lock_cards, post
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.types import Journal

NOT_NEGATIVE: Final = {1230: 1, 1310: 1, 2410: -1, 2420: -1}
"""Accounts that hold nothing below zero, and the sign of their balance."""

_queries = load_queries("sapar.finance.exceptions")


async def resolve_with_posting(
    connection: AsyncConnection,
    accounts: Accounts,
    agency_id: str,
    exception_no: int,
    entries: Sequence[Entry],
    *,
    reason: str,
    key: str,
    by: Who,
    now: datetime,
) -> Outcome:
    """Post a journal that resolves an exception, cite it there, and close the exception.

    Args:
        connection: not in a transaction.
        accounts: numbers of accounts.
        agency_id: whose.
        exception_no: of an open exception.
        entries: what moves; debits positive; the owner of a card's account is its reference.
        reason: kept on the journal, the exception and in the audit log.
        key: of the client; the journal's source key is `exception:<no>:<key>`, so that the same
            request again posts nothing.
        by: who.
        now: transit time.

    Returns:
        The journal, and whether an earlier call had posted it.

    Raises:
        NotFound: the agency has no such exception, or no such card.
        BadInput: the entries or the reason are malformed, see `check_entries`.
        Refused: the exception is closed (`closed`) or its tap ruled on (`decided_by_ruling`), an
            account does not fit (as `check_entries` says), cards would get more than it is worth
            (`beyond_value`), a card or an account would fall below zero (`insufficient_funds`, …,
            `below_zero`), or the key came with other content (`idempotency_conflict`).
    """
    reason, key = check_text("a reason", reason), check_text("a key", key, 150)
    seen = await _find(connection, agency_id, exception_no)
    account = None if seen["code"] is None else (seen["code"], seen["owner"] or "")
    check_entries(entries, seen["kind"], about_ride=seen["about_ride"], account=account)
    at_ms = round(now.timestamp() * 1000)
    service_date = seen["day"] or FareCalendar(ZoneInfo(seen["timezone"])).fare_day(at_ms)
    cards = await _card_numbers(connection, agency_id, entries)
    content = {"entries": [list(entry) for entry in entries], "reason": reason, "actor": by.name}
    operation = Operation(agency_id, "exception", f"exception:{exception_no}:{key}", content)
    numbers = await _account_numbers(accounts, agency_id, entries, cards)

    async def work() -> Journal:
        days = await read_closed_days(connection, [agency_id], service_date)
        locked = await lock_cards(connection, cards.values())
        found = await lock(connection, agency_id, exception_no)
        check_open(found)
        await check_undecided(connection, found)
        _check_given(entries, found)
        moves = {number: one.amount_tiyn for number, one in zip(numbers, entries, strict=True)}
        card_no = next(iter(cards.values())) if len(cards) == 1 else None
        journal = _journal(operation, found, moves, service_date, at_ms, by, card_no)
        check_funds([journal], locked)
        posted = (await post(connection, [journal], locked, days=days))[0]
        await _check_balances(connection, numbers)
        await write_closed(connection, found, by, now, reason, posted.journal_no)
        change = (
            {"value_tiyn": found.value_tiyn},
            {"journal_no": posted.journal_no, "entries": content["entries"]},
        )
        await write_history(connection, agency_id, exception_no, "resolve", reason, by, now, change)
        return posted

    return await operate(connection, operation, work)


def _check_given(entries: Sequence[Entry], found: Locked) -> None:
    """Refuse to give cards more than the exception is worth: goodwill is others' to give."""
    given = -sum(entry.amount_tiyn for entry in entries if is_of_card(entry.code))
    if given > found.value_tiyn:
        raise Refused(
            f"cards would get {given} tiyn, the exception is worth {found.value_tiyn}",
            code="beyond_value",
            hint="What goes beyond it is goodwill, which a chief accountant gives.",
        )


def _journal(
    operation: Operation,
    found: Locked,
    moves: dict[int, int],
    service_date: date,
    at_ms: int,
    by: Who,
    card_no: int | None,
) -> Journal:
    return Journal(
        agency_id=operation.agency_id,
        kind="exception",
        service_date=service_date,
        event_at_ms=at_ms,
        received_ms=at_ms,
        entries=moves,
        rule=f"exception {found.exception_no}: {found.kind}",
        actor=by.name,
        source_key=operation.source_key,
        content_hash=operation.content_hash,
        card_no=card_no,
    )


async def undo_resolution(
    connection: AsyncConnection,
    agency_id: str,
    exception_no: int,
    *,
    reason: str,
    key: str,
    by: Who,
    now: datetime,
) -> Outcome:
    """Take a resolving journal back by a reversal, and open the exception again.

    Args:
        connection: not in a transaction.
        agency_id: whose.
        exception_no: of an exception that a posting resolved.
        reason: kept with it.
        key: of the client; the same request again posts nothing.
        by: who.
        now: transit time.

    Returns:
        The reversal, and whether an earlier call had posted it.

    Raises:
        NotFound: the agency has no such exception.
        Refused: no posting resolved it (`not_resolved`), the journal was reversed
            (`already_reversed`), another exception about the same is open (`other_open`), or money
            has gone on since (`insufficient_funds`, …, `below_zero`).
    """
    reason, key = check_text("a reason", reason), check_text("a key", key, 150)
    seen = await _find(connection, agency_id, exception_no)
    at_ms = round(now.timestamp() * 1000)
    service_date = seen["day"] or FareCalendar(ZoneInfo(seen["timezone"])).fare_day(at_ms)
    operation = Operation(
        agency_id,
        "reversal",
        f"exception:{exception_no}:undo:{key}",
        {"reason": reason, "actor": by.name},
    )

    async def work() -> Journal:
        days = await read_closed_days(connection, [agency_id], service_date)
        journal_no = (await _find(connection, agency_id, exception_no))["journal_no"]
        if journal_no is None:
            raise Refused(
                f"exception {exception_no} was not resolved by a posting", code="not_resolved"
            )
        journal = await reversal_of(
            connection, journal_no, operation,
            service_date=service_date, at_ms=at_ms, actor=by.name,
            rule=f"exception {exception_no} is open again",
        )  # fmt: skip
        locked = await lock_cards(
            connection, [number >> 3 for number in journal.entries if number > 0]
        )
        found = await _lock_resolved(connection, agency_id, exception_no, journal_no)
        check_funds([journal], locked)
        posted = (await post(connection, [journal], locked, days=days))[0]
        await _check_balances(connection, list(journal.entries))
        before, _ = await write_reopened(connection, found)
        after = {"closed": False, "reversal": posted.journal_no}
        await write_history(
            connection, agency_id, exception_no, "reopen", reason, by, now, (before, after)
        )
        return posted

    return await operate(connection, operation, work)


async def _lock_resolved(
    connection: AsyncConnection, agency_id: str, exception_no: int, journal_no: int
) -> Locked:
    found = await lock(connection, agency_id, exception_no)
    if found.journal_no != journal_no:
        raise Refused(
            f"exception {exception_no} was not resolved by a posting", code="not_resolved"
        )
    return found


async def _find(connection: AsyncConnection, agency_id: str, exception_no: int) -> dict[str, Any]:
    with translated():
        async with connection.transaction():
            cursor = await connection.execute(
                _queries["exception_to_resolve"],
                {"agency_id": agency_id, "exception_no": exception_no},
            )
            row = await cursor.fetchone()
    if row is None:
        raise NotFound(
            f"there is no exception {exception_no}", hint="sapar ticketing exceptions list"
        )
    names = ("kind", "code", "owner", "day", "about_ride", "timezone", "journal_no")
    return dict(zip(names, row, strict=True))


async def _card_numbers(
    connection: AsyncConnection, agency_id: str, entries: Sequence[Entry]
) -> dict[str, int]:
    """Give the numbers of the cards whose accounts move.

    Raises:
        NotFound: there is no such card.
    """
    found: dict[str, int] = {}
    for entry in entries:
        if not is_of_card(entry.code) or entry.owner in found:
            continue
        with translated():
            async with connection.transaction():
                cursor = await connection.execute(
                    _queries["find_card"], {"agency_id": agency_id, "card_ref": entry.owner}
                )
                row = await cursor.fetchone()
        if row is None:
            raise NotFound(f"there is no card {entry.owner!r}")
        found[entry.owner] = row[0]
    return found


async def _account_numbers(
    accounts: Accounts, agency_id: str, entries: Sequence[Entry], cards: dict[str, int]
) -> list[int]:
    keys = [(agency_id, entry.code, entry.owner) for entry in entries if not is_of_card(entry.code)]
    numbers = await accounts.numbers(keys)
    return [
        card_account(cards[entry.owner], entry.code)
        if is_of_card(entry.code)
        else numbers[agency_id, entry.code, entry.owner]
        for entry in entries
    ]


async def _check_balances(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    """Refuse what leaves an account below zero that may not be."""
    cursor = await connection.execute(
        _queries["balances"],
        {"account_no": [number for number in numbers if number < 0], "codes": list(NOT_NEGATIVE)},
    )
    for code, owner, balance in await cursor.fetchall():
        if balance * NOT_NEGATIVE[code] < 0:
            raise Refused(
                f"account {code} {owner} would hold {balance * NOT_NEGATIVE[code]} tiyn",
                code="below_zero",
            )
