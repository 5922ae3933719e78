"""Posting: journals into the ledger, set by set, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import Fault
from sapar.ticketing.ledger.accounts import DEBT, PURSE, card_account
from sapar.ticketing.ledger.business_days import ClosedDays, read_closed_days
from sapar.ticketing.ledger.rows import COPY_BYTES, HEADER, TRAILER, journal_row
from sapar.ticketing.types import CardRow, Journal

_QUERIES = load_queries("sapar.ticketing.ledger")

_PLACES = {
    "update_cards": {"card_no": 0, "purse": 1, "debt": 2},
    "update_savings": {"card_no": 0, "deposit": 3, "pending": 4},
}

_Sums = list[int]
"""What is added to a card's purse, debt, deposit and pending top-ups, in their natural sign."""


async def lock_cards(
    connection: AsyncConnection, card_nos: Iterable[int], *, patient: bool = True
) -> dict[int, CardRow]:
    """Lock cards until the commit, in the order of their numbers, and give them as they stand.

    The sequences of devices and the closing of days are locked before cards, exceptions and
    accounts after them: who has locked an exception asks for no card any more.

    Without `patient`, those that another transaction holds are left out instead of waited for.
    """
    query = "lock_cards" if patient else "lock_free_cards"
    with translated():
        found = await connection.execute(
            _QUERIES[query], {"cards": _array(sorted(set(card_nos)))}, binary=True
        )
        return {row[0]: CardRow._make(row) for row in await found.fetchall()}


async def post(
    connection: AsyncConnection,
    journals: Sequence[Journal],
    cards: Mapping[int, CardRow],
    *,
    days: ClosedDays | None = None,
) -> list[Journal]:
    """Post journals, and the `debt` journals that keep purse and debt of each card apart.

    Fills in number and business date, and changes the balances. To be called once a transaction
    and last: from here to the commit other writers wait for the hot accounts.

    Args:
        connection: in a transaction of the caller's.
        journals: each balances, and is on accounts that exist.
        cards: at least the cards on whose accounts they are, from `lock_cards`.
        days: the closed days, if the caller has read them in this transaction.

    Returns:
        The journals, those of debt after them.

    Raises:
        DatabaseRefused: a journal does not balance, a key was used before, a balance that may not
            fall below zero does.
        Fault: a card is not locked or an account does not exist.
    """
    if not journals:
        return []
    on_cards, on_accounts = sum_up(journals)
    posted = [*journals, *debt_journals(journals, on_cards, cards)]
    if days is None:
        since = min(journal.service_date for journal in journals)
        days = await read_closed_days(connection, {j.agency_id for j in journals}, since)
    await _number(connection, posted, days)
    await _copy(connection, posted)
    await _update_cards(connection, on_cards)
    await _update_accounts(connection, on_accounts)
    return posted


def sum_up(journals: Iterable[Journal]) -> tuple[dict[int, _Sums], dict[int, int]]:
    """Add up entries: per card in natural sign, per other account debits less credits."""
    on_cards: dict[int, _Sums] = {}
    on_accounts: dict[int, int] = {}
    for journal in journals:
        for number, amount in journal.entries.items():
            if number < 0:
                on_accounts[number] = on_accounts.get(number, 0) + amount
                continue
            sums = on_cards.get(number >> 3)
            if sums is None:
                sums = on_cards[number >> 3] = [0, 0, 0, 0]
            place = number & 7
            sums[place] += amount if place == 1 else -amount  # debt alone grows by debits
    return on_cards, on_accounts


def debt_journals(
    journals: Iterable[Journal], on_cards: Mapping[int, _Sums], cards: Mapping[int, CardRow]
) -> list[Journal]:
    """Give the journals that leave each card either money or a debt; adds them to `on_cards`.

    What a purse lacks becomes debt, and money that comes in pays the debt first.

    Raises:
        Fault: a card is not among `cards`.
    """
    moved: dict[int, int] = {}
    for card_no, sums in on_cards.items():
        card = cards.get(card_no)
        if card is None:
            raise Fault(f"card {card_no} is posted to and not locked")
        purse, debt = card.purse_tiyn + sums[0], card.debt_tiyn + sums[1]
        to_debt = max(0, debt - purse) - debt
        if to_debt:
            moved[card_no] = to_debt
            sums[0] += to_debt
            sums[1] += to_debt
    if not moved:
        return []
    causes = _last_of_cards(journals, moved)
    return [
        _debt_journal(cards[card_no], to_debt, causes[card_no])
        for card_no, to_debt in sorted(moved.items())
    ]


def _last_of_cards(journals: Iterable[Journal], card_nos: Mapping[int, int]) -> dict[int, Journal]:
    """Give for each card the latest of the journals that move its purse or debt."""
    last: dict[int, Journal] = {}
    for journal in journals:
        for number in journal.entries:
            card_no = number >> 3
            if number < 0 or card_no not in card_nos:
                continue
            known = last.get(card_no)
            if known is None or journal.event_at_ms > known.event_at_ms:
                last[card_no] = journal
    return last


def _debt_journal(card: CardRow, to_debt: int, cause: Journal) -> Journal:
    return Journal(
        agency_id=cause.agency_id,
        kind="debt",
        service_date=cause.service_date,
        business_date=cause.business_date,
        event_at_ms=cause.event_at_ms,
        received_ms=cause.received_ms,
        entries={
            card_account(card.card_no, DEBT): to_debt,
            card_account(card.card_no, PURSE): -to_debt,
        },
        rule="the purse is too small" if to_debt > 0 else "money came in",
        actor=cause.actor,
        card_no=card.card_no,
    )


async def _number(
    connection: AsyncConnection, journals: Sequence[Journal], days: ClosedDays
) -> None:
    """Give journals their numbers, and a business date to those without one."""
    known: dict[tuple[str, date], date] = {}
    with translated():
        found = await connection.execute(
            _QUERIES["draw_journal_numbers"], {"count": len(journals)}, binary=True
        )
        row = await found.fetchone()
    assert row is not None
    for journal, number in zip(journals, row[0], strict=True):
        journal.journal_no = number
        if journal.business_date is None:
            key = journal.agency_id, journal.service_date
            if key not in known:
                known[key] = days.business_date(*key)
            journal.business_date = known[key]


async def _copy(connection: AsyncConnection, journals: Iterable[Journal]) -> None:
    with translated():
        async with (
            connection.cursor() as cursor,
            cursor.copy(_QUERIES["copy_journals"]) as copy,
        ):
            buffer = bytearray(HEADER)
            for journal in journals:
                buffer += journal_row(journal)
                if len(buffer) >= COPY_BYTES:
                    await copy.write(bytes(buffer))
                    buffer.clear()
            await copy.write(bytes(buffer) + TRAILER)


async def _update_cards(connection: AsyncConnection, on_cards: Mapping[int, _Sums]) -> None:
    changed = sorted((card_no, *sums) for card_no, sums in on_cards.items() if any(sums))
    for name, (first, second) in (("update_cards", (1, 2)), ("update_savings", (3, 4))):
        rows = [row for row in changed if row[first] or row[second]]
        if not rows:
            continue
        columns = {key: _array(row[place] for row in rows) for key, place in _PLACES[name].items()}
        with translated():
            done = await connection.execute(_QUERIES[name], columns)
        if done.rowcount != len(rows):
            raise Fault("a card that is posted to does not exist")


def _array(numbers: Iterable[int]) -> str:
    """Write numbers as PostgreSQL's text of an array, which the driver is slow to do."""
    return "{" + ",".join(map(str, numbers)) + "}"


async def _update_accounts(connection: AsyncConnection, on_accounts: Mapping[int, int]) -> None:
    changed = sorted((number, amount) for number, amount in on_accounts.items() if amount)
    if not changed:
        return
    columns = {
        "account_no": [number for number, _ in changed],
        "amount": [amount for _, amount in changed],
    }
    with translated():
        await connection.execute(_QUERIES["lock_accounts"], columns)
        done = await connection.execute(_QUERIES["update_accounts"], columns)
    if done.rowcount != len(changed):
        raise Fault("an account that is posted to does not exist")
