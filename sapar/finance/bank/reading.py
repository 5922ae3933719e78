"""Statements and lines as people and other parts look at them: filtered, page by page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound

_QUERIES = load_queries("sapar.finance.bank")
PAGE_MAX: Final = 1000


class StatementRow(msgspec.Struct, frozen=True):
    """An imported statement; `kept` says whether its file can be given back."""

    statement_no: int
    account: str
    from_date: date
    to_date: date
    opening_tiyn: int
    closing_tiyn: int
    format: str
    file_name: str
    lines: int
    new_lines: int
    imported_at: datetime
    imported_by: str
    kept: bool


class LineRow(msgspec.Struct, frozen=True):
    """A line of a bank account; a receipt is positive; `match_no` is its active match, if any."""

    line_no: int
    account: str
    statement_no: int
    booked_on: date
    value_on: date | None
    amount_tiyn: int
    counterparty_name: str
    counterparty_bin: str | None
    counterparty_iban: str | None
    reference: str
    bank_reference: str
    purpose: str
    journal_no: int
    match_no: int | None


class LineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines: what is None does not count.

    Attributes:
        account: short name.
        from_date, to_date: days of booking, both included.
        unmatched: True: only those without a match; False: only those with one.
        amount_tiyn: exactly so much, came or gone.
        text: stands in name, BIN, IBAN, references or purpose, in capitals or not.
    """

    account: str | None = None
    statement_no: int | None = None
    from_date: date | None = None
    to_date: date | None = None
    unmatched: bool | None = None
    amount_tiyn: int | None = None
    text: str | None = None


class LinePage(msgspec.Struct, frozen=True):
    """A page of lines, newest day first.

    Attributes:
        next: give it as `after` for the next page; None: this is the last one.
        count, receipts_tiyn, payments_tiyn, unmatched: of all pages; both sums are positive.
    """

    lines: list[LineRow]
    next: str | None
    count: int
    receipts_tiyn: int
    payments_tiyn: int
    unmatched: int


async def list_statements(
    connection: AsyncConnection,
    agency_id: str,
    *,
    account: str | None = None,
    below: int | None = None,
    limit: int = 100,
) -> list[StatementRow]:
    """List imported statements, the newest import first.

    Args:
        connection: to read from.
        agency_id: whose.
        account: only of this account, by its short name.
        below: only those with smaller numbers: the next page.
        limit: at most so many.
    """
    values = {
        "agency_id": agency_id,
        "account": account,
        "below": below,
        "limit": min(limit, PAGE_MAX),
    }
    with translated():
        found = await connection.execute(_QUERIES["list_statements"], values)
        return [StatementRow(*row) for row in await found.fetchall()]


async def list_lines(
    connection: AsyncConnection,
    agency_id: str,
    which: LineFilter = LineFilter(),  # noqa: B008 - it cannot change
    *,
    after: str | None = None,
    limit: int = 100,
) -> LinePage:
    """List lines, the newest day first, with the sums of all that the filter leaves.

    Raises:
        BadInput: `after` is not the `next` of a page (`bad_page`).
    """
    day, number = _place(after)
    values: dict[str, Any] = {"agency_id": agency_id} | msgspec.structs.asdict(which)
    if which.text is not None:
        escaped = which.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["text"] = f"%{escaped}%"
    limit = min(limit, PAGE_MAX)
    paging = {"below_day": day, "below_no": number, "limit": limit + 1}
    with translated():
        found = await connection.execute(_QUERIES["list_lines"], values | paging)
        lines = [LineRow(*row) for row in await found.fetchall()]
        found = await connection.execute(_QUERIES["sum_lines"], values)
        sums = await found.fetchone()
    assert sums is not None
    more = len(lines) > limit
    lines = lines[:limit]
    last = f"{lines[-1].booked_on}:{lines[-1].line_no}" if more else None
    return LinePage(lines, last, *sums)


def _place(after: str | None) -> tuple[date | None, int | None]:
    if after is None:
        return None, None
    day, _, number = after.partition(":")
    try:
        return date.fromisoformat(day), int(number)
    except ValueError:
        raise BadInput(f"{after!r} is no place in a list", code="bad_page") from None


async def get_file(
    connection: AsyncConnection, agency_id: str, statement_no: int
) -> tuple[str, bytes]:
    """Give name and bytes of a statement's file, bank cards' numbers masked.

    Raises:
        NotFound: the agency has no such statement, or its file could not be kept.
    """
    values = {"agency_id": agency_id, "statement_no": statement_no}
    with translated():
        found = await connection.execute(_QUERIES["find_file"], values)
        row = await found.fetchone()
    if row is None or row[1] is None:
        raise NotFound(f"no file of the bank statement {statement_no}")
    return row[0], bytes(row[1])
