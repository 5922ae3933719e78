"""Statements of carriers: listed, explained down to the tap, issued."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import msgspec

from sapar.access.audit import record
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound, Refused
from sapar.finance.settlement.contracts import Contract, list_contracts
from sapar.finance.settlement.engine import Block
from sapar.finance.settlement.sources import OWN_KINDS

_QUERIES = load_queries("sapar.finance.settlement")
_canonical = msgspec.json.Encoder(order="deterministic").encode


class Statement(msgspec.Struct, frozen=True):
    """A statement of a carrier for a period.

    Attributes:
        status: `draft` (takes further lines), `issued` (never changes), `paid` (the order is sent),
            `ended` (there is nothing to pay, and nothing on hold).
        number: of the document; None for a draft.
        boardings, gross_tiyn, commission_tiyn, payable_tiyn: sums of its lines.
        waiting_tiyn: what holds and releases since its issue add to (less than 0: take from) what
            is paid.
        order_number, order_tiyn, ordered_at: of the payment order.
        at_bank: the order was found on a bank statement.
    """

    statement_no: int
    carrier_id: str
    carrier_name: str
    from_date: date
    to_date: date
    part: int
    status: str
    number: str | None
    boardings: int
    gross_tiyn: int
    commission_tiyn: int
    payable_tiyn: int
    waiting_tiyn: int
    digest: str | None
    made_at: datetime
    made_by: str
    issued_at: datetime | None
    issued_by: str | None
    order_number: int | None
    order_tiyn: int | None
    ordered_at: datetime | None
    at_bank: bool


class StatementLine(msgspec.Struct, frozen=True):
    """A line: `gross + funder = commission + city + payable + clawed + held`, all in tiyn.

    Attributes:
        block: what it is about.
        code: the clearing account that it takes from; None: none.
        metres: driven, of production.
        funder_tiyn: what a budget bears of it; city_tiyn: the city's, less than 0: the city pays.
        journal_no: that posted it; None: it moves no money.
        dispute_no: of a hold or release.
        pool: product and month of passes.
    """

    line_no: int
    statement_no: int
    block: Block
    contract_no: int | None
    code: int | None
    business_date: date
    service_date: date
    boardings: int
    metres: int
    gross_tiyn: int
    funder_tiyn: int
    commission_tiyn: int
    city_tiyn: int
    payable_tiyn: int
    clawed_tiyn: int
    held_tiyn: int
    journal_no: int | None
    dispute_no: int | None
    pool: str | None


class LinePart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a line: the journal of a tap or a refund, a ride on a pass, or a run.

    Attributes:
        journal_no: names it; the number of a ride's first journal for passes, of runs their place.
        amount_tiyn: what it brings to the line's gross amount (to `clawed` for refunds).
        boardings: what it brings to the line's boardings.
    """

    journal_no: int = 0
    kind: str = ""
    tap_no: int | None = None
    card_ref: str | None = None
    device_id: str | None = None
    seq: int | None = None
    route_id: str | None = None
    vehicle_id: str | None = None
    event_at: datetime | None = None
    rule: str = ""
    amount_tiyn: int = 0
    boardings: int = 0
    service_date: date | None = None
    trip_id: str | None = None
    start_s: int | None = None
    status: str | None = None
    metres: int = 0


class Carrier(msgspec.Struct, frozen=True):
    """A carrier with what stands on its accounts.

    Attributes:
        clearing_tiyn, late_tiyn: 2210 and 2220, not settled yet.
        payable_tiyn: 2310, settled and not paid; hold_tiyn: 2320; owes_tiyn: 1230.
        settled_to: end of the newest statement.
        contract: the newest version, None without one.
    """

    carrier_id: str
    name: str
    clearing_tiyn: int
    late_tiyn: int
    payable_tiyn: int
    hold_tiyn: int
    owes_tiyn: int
    settled_to: date | None
    contract: Contract | None


async def list_carriers(connection: AsyncConnection, agency_id: str) -> list[Carrier]:
    """Give all carriers of an agency with contract and balances."""
    newest = {one.carrier_id: one for one in await list_contracts(connection, agency_id)}
    with translated():
        found = await connection.execute(_QUERIES["list_carriers"], {"agency_id": agency_id})
        return [Carrier(*(*row, newest.get(row[0]))) for row in await found.fetchall()]


async def list_statements(
    connection: AsyncConnection,
    agency_id: str,
    *,
    carrier_id: str | None = None,
    status: str | None = None,
    most: int = 500,
) -> list[Statement]:
    """Give statements, newest first; None leaves a condition out."""
    values = {
        "agency_id": agency_id, "carrier_id": carrier_id, "status": status, "most": most,
        "statement_no": None,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_statements"], values)
        return [Statement(*row) for row in await found.fetchall()]


async def get_statement(
    connection: AsyncConnection, agency_id: str, statement_no: int
) -> Statement:
    """Give a statement.

    Raises:
        NotFound: the agency has no such statement.
    """
    values = {
        "agency_id": agency_id, "carrier_id": None, "status": None, "most": 1,
        "statement_no": statement_no,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_statements"], values)
        row = await found.fetchone()
    if row is None:
        raise NotFound(f"there is no statement {statement_no}", hint="sapar ticketing settle show")
    return Statement(*row)


async def list_lines(connection: AsyncConnection, statement_no: int) -> list[StatementLine]:
    """Give the lines of a statement in the order in which they are printed."""
    with translated():
        found = await connection.execute(_QUERIES["list_lines"], {"statement_no": statement_no})
        return [StatementLine(*row) for row in await found.fetchall()]


async def parts_of(
    connection: AsyncConnection, agency_id: str, line_no: int, *, after: int = 0, most: int = 1000
) -> list[LinePart]:
    """Give what a line is made of, by number: journals of taps and refunds, rides, or runs.

    All parts of a line of `fares`, `late`, `refunds` or `clawback` sum to its amount exactly.

    Args:
        connection: to read from.
        agency_id: whose.
        line_no: of a statement.
        after: only parts with higher numbers (`journal_no`): the next page.
        most: at most so many.

    Raises:
        NotFound: the agency has no such line.
    """
    values = {
        "agency_id": agency_id, "line_no": line_no, "after": after, "most": most,
        "own": list(OWN_KINDS),
    }  # fmt: skip
    with translated():
        row = await (await connection.execute(_QUERIES["find_line"], values)).fetchone()
        if row is None:
            raise NotFound(f"there is no line {line_no}")
        block, carrier_no, _, _, release_no, journal_no = row
        if block == "production":
            found = await connection.execute(_QUERIES["list_run_parts"], values)
            return [
                LinePart(
                    place, "run", service_date=day, trip_id=trip, start_s=start, status=status,
                    metres=metres,
                )
                for place, day, trip, start, status, metres in await found.fetchall()
            ]  # fmt: skip
        if block in {"hold", "release"}:
            return [LinePart(journal_no, block)] if journal_no > after else []
        if block == "pass_pool":
            values |= {"release_no": release_no, "carrier_no": carrier_no}
            found = await connection.execute(_QUERIES["list_pass_parts"], values)
            return [LinePart(*one) for one in await found.fetchall()]
        found = await connection.execute(_QUERIES["list_parts"], values)
        return [LinePart(*one) for one in await found.fetchall()]


async def issue_statement(
    connection: AsyncConnection,
    agency_id: str,
    statement_no: int,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> Statement:
    """Give a draft its number and close it for good; one that is issued is given as it is.

    One that comes to nothing, with nothing on hold, has its end by that. `user_id` is the person's,
    for the audit log.

    Raises:
        NotFound: there is no such statement.
        Refused: `empty_statement`: it has no lines.
    """
    values = {"agency_id": agency_id, "statement_no": statement_no, "now": now, "actor": actor}
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_settling"], values)
            row = await (await connection.execute(_QUERIES["lock_statement"], values)).fetchone()
            if row is None:
                raise NotFound(f"there is no statement {statement_no}")
            status, carrier_id, from_date, to_date, part, _, _, total, lines, _ = row
            if status == "draft":
                if not lines:
                    raise Refused(f"statement {statement_no} is empty", code="empty_statement")
                values |= {"year": to_date.year, "total_tiyn": total}
                found = await connection.execute(_QUERIES["next_number"], values)
                number = (await found.fetchone() or (1,))[0]
                content = (
                    carrier_id, from_date, to_date, part, number, total,
                    await list_lines(connection, statement_no),
                )  # fmt: skip
                values |= {
                    "number": number,
                    "digest": hashlib.sha256(_canonical(content)).digest(),
                }
                await connection.execute(_QUERIES["issue_statement"], values)
                await record(
                    connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
                    action="settlement.issue", target=f"statement {statement_no}",
                    before={"status": "draft"},
                    after={"status": "issued", "number": number, "total_tiyn": total},
                )  # fmt: skip
                await end_statement(
                    connection, agency_id, statement_no, actor=actor, now=now, user_id=user_id
                )
    return await get_statement(connection, agency_id, statement_no)


async def end_statement(
    connection: AsyncConnection,
    agency_id: str,
    statement_no: int,
    *,
    actor: str,
    now: datetime,
    user_id: int | None = None,
) -> bool:
    """End an issued statement if it comes to nothing and nothing of it is on hold; tell whether.

    No order will ever pay it: it would wait as `issued` for ever. One that comes to less than
    nothing is taken off the next payment, and one on hold waits for the decision. In the caller's
    transaction, who holds `lock_settling`; the database refuses an end that is none.
    """
    values = {"agency_id": agency_id, "statement_no": statement_no}
    with translated():
        found = await connection.execute(_QUERIES["end_statement"], values)
        if await found.fetchone() is None:
            return False
        await record(
            connection, at=now, person=actor, user_id=user_id, agency_id=agency_id,
            action="settlement.end", target=f"statement {statement_no}",
            before={"status": "issued"}, after={"status": "ended"},
        )  # fmt: skip
    return True
