"""What agents and processors owe, how old it is, and their statements."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput
from sapar.finance.agents.model import (
    AGENT_DEPOSIT,
    COMMISSION,
    IN_TRANSIT,
    RECEIVABLE,
    Ageing,
    AgentTerms,
    Party,
    PartyDetail,
    PartyRow,
    Status,
    Terms,
)
from sapar.finance.agents.parties import fare_day, get_stored, list_terms, zone_of
from sapar.finance.agents.terms import terms_on
from sapar.ticketing.cards.legs import PAYMENTS

_QUERIES = load_queries("sapar.finance.agents")
_ACCOUNTS: Final[dict[Party, list[int]]] = {
    "agent": [RECEIVABLE, AGENT_DEPOSIT, COMMISSION],
    "processor": [IN_TRANSIT],
}
_MAIN: Final[dict[Party, int]] = {"agent": RECEIVABLE, "processor": IN_TRANSIT}


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """A business day of a statement; what the agent owes more is positive.

    Attributes:
        day: None in the row of totals.
        sold: by its sales.
        taken_back: sales that were reversed.
        netted: commission that it kept.
        paid: what the bank showed, with what was undone.
        other: anything else.
        moved: sum of the five.
        balance: what it owes after the day, less what it has paid in ahead.
        earned: commission of its sales.
        commission: what we owe it of that after the day.
    """

    day: date | None
    sold: int
    taken_back: int
    netted: int
    paid: int
    other: int
    moved: int
    balance: int
    earned: int
    commission: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What moved between us and an agent or processor in a period.

    Attributes:
        opening_tiyn: what it owed before the first day.
        rows: one for each day with movements.
        totals: sums of the rows; `balance` and `commission` are those after the last day.
    """

    party: Party
    id: str
    from_date: date
    to_date: date
    opening_tiyn: int
    opening_commission_tiyn: int
    rows: list[StatementRow]
    totals: StatementRow


class Movement(NamedTuple):
    """A journal on the accounts of an agent or processor.

    Attributes:
        amount_tiyn: what it owes more by it.
        commission_tiyn: what we owe it more by it.
    """

    journal_no: int
    kind: str
    at: datetime
    key: str
    rule: str
    actor: str
    card_ref: str
    amount_tiyn: int
    commission_tiyn: int


class _Open(NamedTuple):
    """An open item: `day` is the day of the sales that it is left of."""

    code: int
    owner: str
    item_no: int
    kind: str
    amount_tiyn: int
    due_on: date | None
    day: date


async def list_agents(
    connection: AsyncConnection, agency_id: str, *, now: datetime
) -> list[PartyRow]:
    """Give all agents with what they owe, and whoever owes something and is not registered.

    Raises:
        NotFound: there is no such agency.
    """
    return await _list(connection, agency_id, "agent", now)


async def list_processors(
    connection: AsyncConnection, agency_id: str, *, now: datetime
) -> list[PartyRow]:
    """Give all processors with what they owe.

    Raises:
        NotFound: there is no such agency.
    """
    return await _list(connection, agency_id, "processor", now)


async def get_agent(
    connection: AsyncConnection, agency_id: str, agent_id: str, *, now: datetime
) -> PartyDetail:
    """Give an agent with all that was agreed.

    Raises:
        NotFound: there is no such agency or agent.
    """
    return await _get(connection, agency_id, "agent", agent_id, now)


async def get_processor(
    connection: AsyncConnection, agency_id: str, processor_id: str, *, now: datetime
) -> PartyDetail:
    """Give a processor with all that was agreed.

    Raises:
        NotFound: there is no such agency or processor.
    """
    return await _get(connection, agency_id, "processor", processor_id, now)


async def read_statement(
    connection: AsyncConnection,
    agency_id: str,
    party: Party,
    party_id: str,
    from_date: date,
    to_date: date,
) -> Statement:
    """Give what moved in a period, by business date; the connection is in no transaction.

    Raises:
        BadInput: the period ends before it begins (`period`).
        NotFound: there is no such agent or processor.
    """
    if to_date < from_date:
        raise BadInput(f"the period ends before {from_date}", code="period")
    values = {
        "agency_id": agency_id,
        "id": party_id,
        "from_date": from_date,
        "code": _ACCOUNTS[party],
        "owner": [party_id],
    }
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["see_one_moment"])
            await get_stored(connection, agency_id, party, party_id)
            balances = await _balances(connection, values)
            found = await connection.execute(_QUERIES["sum_statement"], values)
            moved = await found.fetchall()
    owed = sum(balances.get((code, party_id), 0) for code in (RECEIVABLE, AGENT_DEPOSIT))
    owed = owed if party == "agent" else balances.get((IN_TRANSIT, party_id), 0)
    commission = -balances.get((COMMISSION, party_id), 0)
    opening = owed - sum(row[3] for row in moved if not row[1])
    opening_commission = commission + sum(row[3] for row in moved if row[1])
    days: dict[date, dict[tuple[bool, str], int]] = defaultdict(dict)
    for day, is_commission, what, amount in moved:
        if day <= to_date:
            days[day][is_commission, what] = amount
    rows: list[StatementRow] = []
    balance, due = opening, opening_commission
    for day, sums in sorted(days.items()):
        row = _row(day, sums, balance, due)
        balance, due = row.balance, row.commission
        rows.append(row)
    return Statement(
        party=party,
        id=party_id,
        from_date=from_date,
        to_date=to_date,
        opening_tiyn=opening,
        opening_commission_tiyn=opening_commission,
        rows=rows,
        totals=_totals(rows, balance, due),
    )


async def list_movements(
    connection: AsyncConnection,
    agency_id: str,
    party: Party,
    party_id: str,
    day: date,
    *,
    after: int = 0,
    most: int = 500,
) -> list[Movement]:
    """Give the journals behind a day of a statement, those with higher numbers than `after`."""
    values = {
        "agency_id": agency_id, "id": party_id, "day": day, "code": _ACCOUNTS[party],
        "after": after, "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_movements"], values)
        return [Movement(*row) for row in await found.fetchall()]


async def _list(
    connection: AsyncConnection, agency_id: str, party: Party, now: datetime
) -> list[PartyRow]:
    names = {"agency_id": agency_id}
    with translated():
        found = await connection.execute(_QUERIES[f"list_{party}s"], names)
        known: dict[str, tuple[str, Status | None]] = {
            row[0]: (row[1], row[2]) for row in await found.fetchall()
        }
        balances = await _balances(connection, names | {"owner": None})
        main = _MAIN[party]
        for (code, owner), balance in sorted(balances.items()):
            if code == main and balance and owner != PAYMENTS:
                known.setdefault(owner, (owner, None))
        return await _rows(connection, agency_id, party, known, balances, now)


async def _get(
    connection: AsyncConnection, agency_id: str, party: Party, party_id: str, now: datetime
) -> PartyDetail:
    with translated():
        stored = await get_stored(connection, agency_id, party, party_id)
        names = {"agency_id": agency_id, "owner": [party_id]}
        balances = await _balances(connection, names)
        known: dict[str, tuple[str, Status | None]] = {party_id: (stored.name, stored.status)}
        [row] = await _rows(connection, agency_id, party, known, balances, now, only=party_id)
        versions = (await list_terms(connection, agency_id, party, party_id)).get(party_id, [])
        today = fare_day(await zone_of(connection, agency_id), now)
    return PartyDetail(
        row=row,
        reason=stored.reason,
        created_at=stored.created_at,
        created_by=stored.created_by,
        current=terms_on([one.terms for one in versions], today),
        history=versions[::-1],
        mapping=stored.mapping,
    )


async def _rows(
    connection: AsyncConnection,
    agency_id: str,
    party: Party,
    known: dict[str, tuple[str, Status | None]],
    balances: dict[tuple[int, str], int],
    now: datetime,
    *,
    only: str | None = None,
) -> list[PartyRow]:
    today = fare_day(await zone_of(connection, agency_id), now)
    versions = await list_terms(connection, agency_id, party, only)
    names = {"agency_id": agency_id, "id": only}
    found = await connection.execute(_QUERIES["list_open_items"], names)
    items: dict[str, list[_Open]] = defaultdict(list)
    for one in (_Open(*row) for row in await found.fetchall()):
        if one.code == _MAIN[party]:
            items[one.owner].append(one)
    rows = []
    for party_id, (name, status) in sorted(known.items()):
        terms = terms_on([one.terms for one in versions.get(party_id, [])], today)
        balance = balances.get((_MAIN[party], party_id), 0)
        is_agent = party == "agent"
        rows.append(
            PartyRow(
                party=party,
                id=party_id,
                name=name,
                status=status,
                kind=_kind_of(terms),
                balance_tiyn=balance,
                deposit_tiyn=-balances.get((AGENT_DEPOSIT, party_id), 0) if is_agent else 0,
                commission_tiyn=-balances.get((COMMISSION, party_id), 0) if is_agent else 0,
                limit_tiyn=terms.credit_limit_tiyn if isinstance(terms, AgentTerms) else None,
                oldest_unpaid=min((one.day for one in items[party_id]), default=None),
                overdue_tiyn=sum(
                    one.amount_tiyn for one in items[party_id] if _is_overdue(one, today)
                ),
                ageing=age(items[party_id], balance, today),
            )
        )
    return rows


def _kind_of(terms: Terms | None) -> str | None:
    if terms is None:
        return None
    return terms.kind if isinstance(terms, AgentTerms) else "processor"


def _is_overdue(one: _Open, today: date) -> bool:
    return one.kind == "remainder" or (one.due_on is not None and one.due_on < today)


def age(items: list[_Open], balance_tiyn: int, today: date) -> Ageing:
    """Sort open items by the days since their sales; with `no_item` they are the balance."""
    sums = [0, 0, 0, 0]
    for one in items:
        days = (today - one.day).days
        sums[(days > 1) + (days > 7) + (days > 30)] += one.amount_tiyn
    return Ageing(sums[0], sums[1], sums[2], sums[3], balance_tiyn - sum(sums))


async def _balances(
    connection: AsyncConnection, values: dict[str, Any]
) -> dict[tuple[int, str], int]:
    found = await connection.execute(_QUERIES["find_accounts"], values)
    return {(row[0], row[1]): row[3] for row in await found.fetchall()}


def _row(
    day: date, sums: dict[tuple[bool, str], int], balance: int, commission: int
) -> StatementRow:
    moved = {
        what: sums.get((False, what), 0)
        for what in ("sold", "taken_back", "netted", "paid", "other")
    }
    total = sum(moved.values())
    earned = -sums.get((True, "sold"), 0) - sums.get((True, "taken_back"), 0)
    less = -sum(amount for (is_commission, _), amount in sums.items() if is_commission)
    return StatementRow(
        day=day,
        **moved,
        moved=total,
        balance=balance + total,
        earned=earned,
        commission=commission + less,
    )


def _totals(rows: list[StatementRow], balance: int, commission: int) -> StatementRow:
    return StatementRow(
        day=None,
        sold=sum(row.sold for row in rows),
        taken_back=sum(row.taken_back for row in rows),
        netted=sum(row.netted for row in rows),
        paid=sum(row.paid for row in rows),
        other=sum(row.other for row in rows),
        moved=sum(row.moved for row in rows),
        balance=balance,
        earned=sum(row.earned for row in rows),
        commission=commission,
    )
