"""A carrier's statement as a document; an issued one always gives the same bytes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound
from sapar.finance.settlement.contracts import Contract, list_contracts
from sapar.finance.settlement.paper import Column, Format, Kind, Paper, Table, Value, render
from sapar.finance.settlement.statements import (
    Statement,
    StatementLine,
    get_statement,
    list_lines,
)
from sapar.finance.settlement.wording import Language, decimal_mark, word

_QUERIES = load_queries("sapar.finance.settlement")
_Field = tuple[str, Kind, Callable[[StatementLine], Value]]

_DAY: _Field = ("service_date", "date", lambda line: line.service_date)
_POSTED: _Field = ("business_date", "date", lambda line: line.business_date)
_BOARDINGS: _Field = ("boardings", "count", lambda line: line.boardings)
_GROSS: _Field = ("gross", "money", lambda line: line.gross_tiyn)
_PAYABLE: _Field = ("payable", "money", lambda line: line.payable_tiyn)
_FARE_FIELDS: Sequence[_Field] = (
    _DAY, _POSTED, _BOARDINGS, _GROSS,
    ("commission", "money", lambda line: line.commission_tiyn),
    ("city", "money", lambda line: line.city_tiyn),
    _PAYABLE,
)  # fmt: skip
_PAID_FIELDS: Sequence[_Field] = (
    ("from_fares", "money", lambda line: -line.city_tiyn),
    ("from_budget", "money", lambda line: line.funder_tiyn),
    _PAYABLE,
)
FIELDS: Mapping[str, Sequence[_Field]] = {
    "fares": _FARE_FIELDS,
    "late": _FARE_FIELDS,
    "refunds": _FARE_FIELDS,
    "pass_pool": (("product", "text", lambda line: line.pool), *_FARE_FIELDS),
    "production": (_DAY, ("km", "km", lambda line: line.metres), *_PAID_FIELDS),
    "boardings": (_DAY, _POSTED, _BOARDINGS, *_PAID_FIELDS),
    "clawback": (_DAY, _POSTED, _PAYABLE),
    "hold": (("dispute", "count", lambda line: line.dispute_no), _PAYABLE),
    "release": (("dispute", "count", lambda line: line.dispute_no), _PAYABLE),
}
"""Columns by block."""


async def statement_file(
    connection: AsyncConnection,
    agency_id: str,
    statement_no: int,
    form: Format,
    language: Language = "ru",
) -> bytes:
    """Give a statement as a file; what was issued is kept and given out as it was the first time.

    Args:
        connection: not in a transaction, or in one of the caller's.
        agency_id: whose.
        statement_no: which.
        form: `xlsx`, `pdf` or `csv`.
        language: `kk`, `ru` or `en`.

    Raises:
        NotFound: there is no such statement.
        Unavailable: `no_font`: there is no font for a PDF.
    """
    statement = await get_statement(connection, agency_id, statement_no)

    async def make() -> bytes:
        lines = await list_lines(connection, statement_no)
        contracts = await list_contracts(connection, agency_id, statement.carrier_id)
        operator = await agency_name(connection, agency_id)
        paper = statement_paper(statement, lines, contracts, operator, language)
        return await asyncio.to_thread(render, paper, form)

    if statement.status == "draft":
        return await make()
    return await kept_paper(
        connection, agency_id, f"statement {statement_no}", form, language, make
    )


async def kept_paper(
    connection: AsyncConnection,
    agency_id: str,
    subject: str,
    form: Format,
    language: Language,
    make: Callable[[], Awaitable[bytes]],
) -> bytes:
    """Give a document as it was first given out, or make and keep it.

    Args:
        connection: to read and write with.
        agency_id: whose.
        subject: what it is of, `statement 4`.
        form: its format.
        language: its language.
        make: gives its bytes.
    """
    names = {"agency_id": agency_id, "subject": subject, "format": form, "language": language}
    with translated():
        row = await (await connection.execute(_QUERIES["find_paper"], names)).fetchone()
        if row is None:
            content = await make()
            digest = hashlib.sha256(content).digest()
            await connection.execute(
                _QUERIES["insert_paper"], {**names, "digest": digest, "content": content}
            )
            row = await (await connection.execute(_QUERIES["find_paper"], names)).fetchone()
    assert row is not None
    return bytes(row[0])


async def agency_name(connection: AsyncConnection, agency_id: str) -> str:
    """Give an agency's name.

    Raises:
        NotFound: there is no such agency.
    """
    with translated():
        found = await connection.execute(_QUERIES["find_agency"], {"agency_id": agency_id})
        row = await found.fetchone()
    if row is None:
        raise NotFound(f"there is no agency {agency_id!r}")
    return str(row[0])


def statement_paper(
    statement: Statement,
    lines: Sequence[StatementLine],
    contracts: Sequence[Contract],
    operator: str,
    language: Language,
) -> Paper:
    """Lay a statement out; totals are the sums of the rows that are printed. Pure.

    Nothing that comes after the issue (payment, holds) is in it.
    """

    def say(key: str) -> str:
        return word(key, language)

    used = {line.contract_no for line in lines}
    number = say("draft") if statement.number is None else f"{say('number')} {statement.number}"
    part = f", {say('part')} {statement.part}" if statement.part > 1 else ""
    blocks = [block for block in FIELDS if any(line.block == block for line in lines)]
    tables = [
        _table(block, [line for line in lines if line.block == block], language) for block in blocks
    ]
    sums = [
        (_title(block, language), sum(line.payable_tiyn for line in lines if line.block == block))
        for block in blocks
    ]
    summary = Table(
        say("summary"),
        (Column(say("block")), Column(say("payable"), "money")),
        sums,
        (say("total"), sum(amount for _, amount in sums)),
    )
    footer = [say("operator_signs"), say("carrier_signs")]
    if statement.digest is not None:
        footer.append(f"SHA-256: {statement.digest}")
    return Paper(
        title=f"{say('statement')} {number}{part}",
        facts=[
            (say("agency"), operator),
            (say("carrier"), f"{statement.carrier_name} ({statement.carrier_id})"),
            (
                say("contract"),
                "; ".join(
                    one.title or f"{one.kind} {one.valid_from:%d.%m.%Y}"
                    for one in contracts
                    if one.contract_no in used
                ),
            ),
            (say("period"), period_text(statement.from_date, statement.to_date)),
        ],
        tables=[summary, *tables],
        footer=footer,
        day=statement.to_date,
        mark=decimal_mark(language),
    )


def period_text(from_date: date, to_date: date) -> str:
    """Write a period."""
    return f"{from_date:%d.%m.%Y} - {to_date:%d.%m.%Y}"


def _title(block: str, language: Language) -> str:
    return word("boardings_pay" if block == "boardings" else block, language)


def _table(block: str, lines: Sequence[StatementLine], language: Language) -> Table:
    fields = FIELDS[block]
    rows = [[value(line) for _, _, value in fields] for line in lines]
    total: list[Value] = [word("total", language)]
    for place, (key, kind, _) in enumerate(fields[1:], 1):
        summed = kind in {"money", "km"} or key == "boardings"
        values = [row[place] for row in rows]
        total.append(sum(one for one in values if isinstance(one, int)) if summed else None)
    columns = [Column(word(key, language), kind) for key, kind, _ in fields]
    return Table(_title(block, language), columns, rows, total)
