"""A day's register, the ledger and the bank side by side; what differs is kept as exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound
from sapar.finance.agents.compare import WINDOW_S, Comparison, Difference, Sale, compare
from sapar.finance.agents.files import Row
from sapar.finance.agents.model import DAY_START, IN_TRANSIT, RECEIVABLE, Party
from sapar.finance.agents.parties import list_terms, zone_of
from sapar.finance.agents.terms import terms_on, window
from sapar.finance.exceptions.keep import Finding, keep_findings

_QUERIES = load_queries("sapar.finance.agents")


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A day's register, the ledger and the bank side by side.

    `register_tiyn` = `agreed_tiyn` + the differences' `register_tiyn`, and so for the ledger.

    Attributes:
        rows: of the register.
        by_reference: how many rows named the operation's key.
        agreed, agreed_tiyn: rows that agree with the ledger.
        expected_tiyn: what the bank should show for the day, fees taken off.
        open_tiyn: what of it is not paid.
    """

    register_no: int
    party: Party
    party_id: str
    day: date
    number: str
    rows: int
    register_tiyn: int
    ledger_tiyn: int
    agreed: int
    agreed_tiyn: int
    by_reference: int
    expected_tiyn: int
    open_tiyn: int
    differences: list[Difference]


async def compare_day(
    connection: AsyncConnection, agency_id: str, party: Party, party_id: str, day: date
) -> Compared:
    """Hold the register of a day against the ledger, and give what the bank should show for it.

    Raises:
        NotFound: the day has no register (`no_register`).
    """
    names = names_of(agency_id, party, party_id, day)
    with translated():
        zone = await zone_of(connection, agency_id)
        standing = await first_row(connection, "find_standing_register", names)
        if standing is None:
            raise NotFound(
                f"there is no register of {party_id} for {day}",
                code="no_register",
                hint="sapar ticketing agents register import",
            )
        register_no, number, *_ = standing
        found = await connection.execute(
            _QUERIES["list_register_rows"], {"register_no": register_no}
        )
        rows = [Row(*row) for row in await found.fetchall()]
        start = await start_of(connection, agency_id, party, party_id, day)
        compared = await _compare(connection, names, rows, window(zone, day, start))
        code = RECEIVABLE if party == "agent" else IN_TRANSIT
        bank = await first_row(connection, "sum_items_of_day", names | {"code": code})
    assert bank is not None
    differences = compared.differences
    return Compared(
        register_no=register_no,
        party=party,
        party_id=party_id,
        day=day,
        number=number,
        rows=len(rows),
        register_tiyn=sum(row.amount_tiyn for row in rows if row.status == "done"),
        ledger_tiyn=compared.agreed_tiyn + sum(one.ledger_tiyn for one in differences),
        agreed=compared.agreed,
        agreed_tiyn=compared.agreed_tiyn,
        by_reference=compared.by_reference,
        expected_tiyn=bank[0],
        open_tiyn=bank[1],
        differences=differences,
    )


async def keep_differences(
    connection: AsyncConnection,
    agency_id: str,
    party: Party,
    party_id: str,
    day: date,
    *,
    now: datetime,
) -> Compared:
    """Compare a day's register, and keep what differs as exceptions, one for each sale.

    Raises:
        NotFound: the day has no register (`no_register`).
    """
    compared = await compare_day(connection, agency_id, party, party_id, day)
    prefix = subject_of(party, party_id, day) + " "
    findings = [
        Finding(
            subject=prefix + one.name,
            value_tiyn=one.value_tiyn,
            detail=f"{one.code}: {one.detail}",
            business_date=day,
            code=RECEIVABLE if party == "agent" else IN_TRANSIT,
            owner=party_id,
        )
        for one in compared.differences
    ]
    await keep_findings(
        connection,
        agency_id,
        "register_difference",
        findings,
        now=now,
        among=lambda subject: subject.startswith(prefix),
        by_detail=True,
    )
    return compared


async def _compare(
    connection: AsyncConnection,
    names: dict[str, Any],
    rows: Sequence[Row],
    bounds: tuple[datetime, datetime],
) -> Comparison:
    keys = [row.reference for row in rows if row.reference]
    sales = await list_sales(connection, names, bounds, keys)
    found = await connection.execute(_QUERIES["list_references_beside"], names)
    beside = {row[0] for row in await found.fetchall()}
    found = await connection.execute(_QUERIES["list_refused_keys"], names | {"keys": keys})
    refused = {row[0] for row in await found.fetchall()}
    return compare(rows, sales, beside=beside, refused=refused)


async def list_sales(
    connection: AsyncConnection,
    names: dict[str, Any],
    bounds: tuple[datetime, datetime],
    keys: Sequence[str] = (),
) -> list[Sale]:
    """Give the sales of a register's day, and those near it that it may have for them."""
    values = names | {
        "keys": list(keys),
        "from_at": bounds[0],
        "to_at": bounds[1],
        "apart": timedelta(seconds=WINDOW_S),
    }
    found = await connection.execute(_QUERIES["list_sales"], values)
    return [Sale(*row) for row in await found.fetchall()]


async def start_of(
    connection: AsyncConnection, agency_id: str, party: Party, party_id: str, day: date
) -> time:
    """Give when the register's day begins, by the terms of that day."""
    versions = (await list_terms(connection, agency_id, party, party_id)).get(party_id, [])
    terms = terms_on([one.terms for one in versions], day)
    return DAY_START if terms is None else terms.register_start


async def first_row(
    connection: AsyncConnection, query: str, values: dict[str, Any]
) -> tuple[Any, ...] | None:
    """Give the first row of a query."""
    return await (await connection.execute(_QUERIES[query], values)).fetchone()


def names_of(agency_id: str, party: Party, party_id: str, day: date) -> dict[str, Any]:
    """Give the parameters that most queries about a day's register take."""
    return {"agency_id": agency_id, "party": party, "id": party_id, "day": day}


def subject_of(party: Party, party_id: str, day: date) -> str:
    """Give how subjects of exceptions about a day's register begin."""
    return f"register {party} {party_id} {day}"
