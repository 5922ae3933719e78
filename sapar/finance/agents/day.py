"""The daily job over agents and processors: commission netted, items made, exceptions kept.

It may run at any time and any number of times: it carries out what is not carried out yet.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, Pool, load_queries, translated
from sapar.core.errors import BadInput
from sapar.finance.agents.model import COMMISSION
from sapar.finance.agents.parties import Who, changing, fare_day, list_terms, zone_of
from sapar.finance.agents.plan import (
    Account,
    DayBooks,
    Made,
    Moved,
    Netting,
    Payout,
    plan_items,
    plan_nettings,
    plan_refunds,
    with_nettings,
)
from sapar.finance.agents.watch import compare_registers, find_missing, find_unpaid
from sapar.finance.bank.model import tenge
from sapar.finance.exceptions.keep import Finding
from sapar.finance.matching.items import add_items
from sapar.ticketing.cards.legs import PAYMENTS
from sapar.ticketing.ledger.operations import Operation
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

_QUERIES = load_queries("sapar.finance.agents")


class DayDone(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of the daily job did.

    Attributes:
        nettings: journals that it posted.
        items: items that it made, those of payments to holders included.
        differences: sales of all compared registers that differ.
        registers_missing, unpaid: how many exceptions of each stand, of what was looked at.
    """

    day: date
    nettings: list[int]
    items: list[int]
    differences: int
    registers_missing: int
    unpaid: int


async def close_agents_day(
    pool: Pool, agency_id: str, day: date, now: datetime, actor: str
) -> DayDone:
    """Do all that a day's sales ask for: net commission, make items, keep exceptions.

    To be run after the day's statements were imported and matched, and again before the day is
    closed. What is posted to the day later gets a further item at the next run.

    Args:
        pool: of connections.
        agency_id: whose.
        day: fare day; it may not be over yet.
        now: transit time.
        actor: who runs it.

    Raises:
        BadInput: `future_day`.
        NotFound: there is no such agency.
    """
    async with pool.connection() as connection:
        zone = await zone_of(connection, agency_id)
        if day > fare_day(zone, now):
            raise BadInput(f"{day} has not begun", code="future_day")
    who = Who(actor, now)
    journals, items = await _carry_out(pool, agency_id, day, fare_day(zone, now), who)
    items += await items_of_payouts(pool, agency_id)
    differences = await compare_registers(pool, agency_id, day, now)
    missing = await find_missing(pool, agency_id, day, now)
    unpaid = await find_unpaid(pool, agency_id, fare_day(zone, now), now)
    return DayDone(
        day=day,
        nettings=journals,
        items=items,
        differences=differences,
        registers_missing=missing,
        unpaid=unpaid,
    )


async def check_agents(connection: AsyncConnection, agency_id: str, day: date) -> list[Finding]:
    """Give what the daily job has still to do for a day; nothing when all is done.

    What it found is kept as exceptions that name the day: registers that differ or are missing,
    money that did not come.
    """
    with translated():
        books = await _read_books(connection, agency_id, day, day)
        payouts = await _new_payouts(connection, agency_id)
    findings = [
        Finding(
            subject=f"commission {one.agent_id} {day}",
            value_tiyn=abs(one.amount_tiyn),
            detail=f"{tenge(one.amount_tiyn)} of commission are not netted",
            business_date=day,
            code=one.code,
            owner=one.agent_id,
        )
        for one in plan_nettings(books)
    ]
    bank = plan_refunds(agency_id, [one for one in payouts if one.service_date <= day], {})
    findings += [
        Finding(
            subject=f"item {one.source_key}",
            value_tiyn=abs(one.amount_tiyn),
            detail=f"{tenge(one.amount_tiyn)} stand on {one.code} {one.owner} and in no item",
            business_date=day,
            code=one.code,
            owner=one.owner,
        )
        for one in [*plan_items(books), *bank]
    ]
    return findings


async def items_of_payouts(pool: Pool, agency_id: str) -> list[int]:
    """Make an item for each payment to a holder that has none; give their numbers.

    Raises:
        NotFound: there is no such agency.
    """
    async with changing(pool, agency_id) as connection:
        await zone_of(connection, agency_id)
        payouts = await _new_payouts(connection, agency_id)
        if not payouts:
            return []
        accounts = await _bank_accounts(connection, agency_id)
        return await add_items(connection, plan_refunds(agency_id, payouts, accounts))


async def _carry_out(
    pool: Pool, agency_id: str, day: date, today: date, who: Who
) -> tuple[list[int], list[int]]:
    """Post nettings and add items, in one short transaction."""
    async with changing(pool, agency_id) as connection:
        books = await _read_books(connection, agency_id, day, today)
        nettings = plan_nettings(books)
        journals: list[int] = []
        if nettings:
            numbers = await _numbers(connection, agency_id, nettings)
            posted = [_journal(agency_id, day, one, numbers, who) for one in nettings]
            done = await post(connection, posted, {})
            journals = [one.journal_no for one in done if one.journal_no is not None]
            books = with_nettings(books, nettings)
        items = await add_items(connection, plan_items(books))
        if journals or items:
            await record(
                connection,
                at=who.now,
                person=who.actor,
                user_id=who.user_id,
                agency_id=agency_id,
                action="agents.day",
                target=f"day {day}",
                before=None,
                after={"nettings": journals, "items": items},
            )
        return journals, items


def _journal(
    agency_id: str, day: date, one: Netting, numbers: dict[Account, int], who: Who
) -> Journal:
    key = f"agent:netting:{one.agent_id}:{day}:{one.number}"
    content = {"agent": one.agent_id, "day": str(day), "amount_tiyn": one.amount_tiyn}
    at_ms = int(who.now.timestamp() * 1000)
    return Journal(
        agency_id=agency_id,
        kind="agent_netting",
        service_date=day,
        event_at_ms=at_ms,
        received_ms=at_ms,
        entries={
            numbers[COMMISSION, one.agent_id]: one.amount_tiyn,
            numbers[one.code, one.agent_id]: -one.amount_tiyn,
        },
        rule=f"commission of {day} kept",
        actor=who.actor,
        source_key=key,
        content_hash=Operation(agency_id, "agent_netting", key, content).content_hash,
    )


async def _read_books(
    connection: AsyncConnection, agency_id: str, day: date, today: date
) -> DayBooks:
    names = {"agency_id": agency_id, "day": day}
    read: dict[str, dict[Account, Any]] = {}
    for query, made in (("sum_sales", Moved), ("sum_nettings", Moved), ("sum_made_items", Made)):
        found = await connection.execute(_QUERIES[query], names)
        read[query] = {(row[0], row[1]): made(*row[2:]) for row in await found.fetchall()}
    found = await connection.execute(_QUERIES["list_register_numbers"], names)
    return DayBooks(
        agency_id=agency_id,
        day=day,
        today=today,
        sold=read["sum_sales"],
        netted=read["sum_nettings"],
        made=read["sum_made_items"],
        agents=await list_terms(connection, agency_id, "agent"),
        processors=await list_terms(connection, agency_id, "processor"),
        numbers={row[0]: row[1] for row in await found.fetchall()},
        bank_accounts=await _bank_accounts(connection, agency_id),
    )


async def _bank_accounts(connection: AsyncConnection, agency_id: str) -> dict[str, int]:
    found = await connection.execute(_QUERIES["list_bank_accounts"], {"agency_id": agency_id})
    return {row[0]: row[1] for row in await found.fetchall()}


async def _new_payouts(connection: AsyncConnection, agency_id: str) -> list[Payout]:
    names = {"agency_id": agency_id, "owner": PAYMENTS}
    found = await connection.execute(_QUERIES["list_new_payouts"], names)
    return [Payout(*row) for row in await found.fetchall()]


def _accounts_of(agency_id: str, nettings: list[Netting]) -> dict[str, Any]:
    keys = sorted({(one.code, one.agent_id) for one in nettings})
    return {
        "agency_id": agency_id,
        "code": [code for code, _ in keys],
        "owner": [owner for _, owner in keys],
    }


async def _numbers(
    connection: AsyncConnection, agency_id: str, nettings: list[Netting]
) -> dict[Account, int]:
    names = {"agency_id": agency_id, "owner": [one.agent_id for one in nettings]}
    await connection.execute(_QUERIES["ensure_accounts"], _accounts_of(agency_id, nettings))
    found = await connection.execute(_QUERIES["find_accounts"], names)
    return {(row[0], row[1]): row[2] for row in await found.fetchall()}
