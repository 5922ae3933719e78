"""What people see: open lines and items, matches, how much is explained, how old the rest is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.finance.matching.items import Item, list_items

_QUERIES = load_queries("sapar.finance.matching")

BUCKETS: Final = ("0-1", "2-7", "8-30", "30+")
"""Ages in days of `suspense_ages`."""


class OpenLine(msgspec.Struct, frozen=True):
    """A bank line that nothing explains yet.

    Attributes:
        hint: why the last run left it although something fits: `ambiguous`, `amount_differs`,
            `undone`; None: nothing fits.
        hint_rule: the rule that says so.
        hint_items: the first of the items that fit.
        hint_count: how many fit.
        doubled: an open exception says that it came twice.
    """

    line_no: int
    bank_account_id: str
    booked_on: date
    amount_tiyn: int
    counterparty_name: str
    counterparty_bin: str | None
    counterparty_iban: str | None
    reference: str
    bank_reference: str
    purpose: str
    hint: str | None
    hint_rule: str | None
    hint_items: list[int]
    hint_count: int
    doubled: bool


async def open_lines(
    connection: AsyncConnection,
    agency_id: str,
    *,
    bank_account_id: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    most: int = 1000,
) -> list[OpenLine]:
    """Give the lines in no match, oldest first; dates are of booking, inclusive."""
    return await _open_lines(
        connection,
        agency_id,
        bank_account_id=bank_account_id,
        from_date=from_date,
        to_date=to_date,
        most=most,
    )


async def get_open_line(connection: AsyncConnection, agency_id: str, line_no: int) -> OpenLine:
    """Give one of them.

    Raises:
        NotFound: there is no such line, or it is matched.
    """
    found = await _open_lines(connection, agency_id, line_no=line_no)
    if not found:
        raise NotFound(f"no open line {line_no}")
    return found[0]


async def _open_lines(
    connection: AsyncConnection,
    agency_id: str,
    *,
    bank_account_id: str | None = None,
    line_no: int | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    most: int = 1,
) -> list[OpenLine]:
    names = {
        "agency_id": agency_id, "bank_account_id": bank_account_id, "line_no": line_no,
        "from_date": from_date, "to_date": to_date, "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["open_lines"], names)
        return [OpenLine(*row) for row in await found.fetchall()]


async def open_items(
    connection: AsyncConnection,
    agency_id: str,
    *,
    kind: str | None = None,
    code: int | None = None,
    owner: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    most: int = 1000,
) -> list[Item]:
    """Give the items that no line pays yet, newest first; see `list_items`."""
    return await list_items(
        connection,
        agency_id,
        state="open",
        kind=kind,
        code=code,
        owner=owner,
        from_date=from_date,
        to_date=to_date,
        most=most,
    )


class MatchedLine(msgspec.Struct, frozen=True):
    """A bank line in a match."""

    line_no: int
    booked_on: date
    amount_tiyn: int
    counterparty_name: str
    reference: str
    purpose: str


class MatchedItem(msgspec.Struct, frozen=True):
    """An item in a match."""

    item_no: int
    kind: str
    code: int
    owner: str
    amount_tiyn: int
    fee_tiyn: int
    item_date: date
    reference: str
    batch_ref: str


class MatchResidual(msgspec.Struct, frozen=True):
    """A part of a residual that goes to several accounts."""

    code: int
    owner: str
    amount_tiyn: int


class Match(msgspec.Struct, frozen=True):
    """A match, undone or not: lines_tiyn = items_tiyn - fee_tiyn + residual_tiyn.

    Attributes:
        bank_account_id: None: its lines are on several accounts.
        rule: that made it (`hand`: a person), in version `rule_version` with the agency's settings
            of `settings_version`.
        residual_code: ledger account of the residual, with `residual_owner`; None: there is none,
            or it goes to several.
        residuals: these, in order; they sum up to `residual_tiyn`.
        journal_no: what it posted; None: nothing moved.
        undo_journal_no: what took that back.
    """

    match_no: int
    bank_account_id: str | None
    rule: str
    rule_version: int
    settings_version: int
    lines_tiyn: int
    items_tiyn: int
    fee_tiyn: int
    residual_tiyn: int
    residual_code: int | None
    residual_owner: str | None
    journal_no: int | None
    made_at: datetime
    made_by: str
    note: str
    undone_at: datetime | None
    undone_by: str | None
    undo_journal_no: int | None
    undo_reason: str | None
    lines: list[MatchedLine]
    items: list[MatchedItem]
    residuals: list[MatchResidual]


async def list_matches(
    connection: AsyncConnection,
    agency_id: str,
    *,
    match_no: int | None = None,
    line_no: int | None = None,
    item_no: int | None = None,
    rule: str | None = None,
    undone: bool | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    most: int = 200,
) -> list[Match]:
    """Give matches, newest first; None leaves a condition out.

    Args:
        connection: to read from.
        agency_id: whose.
        match_no: only this one.
        line_no: only those that this line is or was in.
        item_no: only those that this item is or was in.
        rule: only those of this rule.
        undone: only those that were undone, or were not.
        from_date: with a line booked on this day or later.
        to_date: with a line booked on this day or before.
        most: at most so many.
    """
    names = {
        "agency_id": agency_id, "match_no": match_no, "line_no": line_no, "item_no": item_no,
        "rule": rule, "undone": undone, "from_date": from_date, "to_date": to_date, "most": most,
    }  # fmt: skip
    with translated():
        found = await connection.execute(_QUERIES["list_matches"], names)
        rows = await found.fetchall()
    return [
        Match(
            *(
                *row[:19],
                msgspec.convert(row[19], list[MatchedLine]),
                msgspec.convert(row[20], list[MatchedItem]),
                msgspec.convert(row[21], list[MatchResidual]),
            )
        )
        for row in rows
    ]


async def get_match(connection: AsyncConnection, agency_id: str, match_no: int) -> Match:
    """Give one match.

    Raises:
        NotFound: the agency has no such match.
    """
    found = await list_matches(connection, agency_id, match_no=match_no)
    if not found:
        raise NotFound(f"no match {match_no}")
    return found[0]


class ExplainedShare(msgspec.Struct, frozen=True):
    """How much of what the bank showed was explained in time.

    Attributes:
        days: within so many days of booking.
        value_tiyn: of all lines, whatever their signs.
        explained_tiyn: of those that were matched in time, and still are.
        lines: how many there are.
        explained_lines: how many were.
        basis_points: the explained part of the value in hundredths of a percent, rounded down;
            None: there is nothing to explain.
    """

    days: int
    value_tiyn: int
    explained_tiyn: int
    lines: int
    explained_lines: int
    basis_points: int | None


async def explained_share(
    connection: AsyncConnection,
    agency_id: str,
    days: int,
    *,
    from_date: date | None = None,
    to_date: date | None = None,
) -> ExplainedShare:
    """Say what share of the lines' value was explained within days of booking.

    Lines that are younger than that count as they stand; leave them out by `to_date`.

    Raises:
        BadInput: `bad_days`: less than none.
    """
    if days < 0:
        raise BadInput("an age is not less than nothing", code="bad_days")
    names = {"agency_id": agency_id, "days": days, "from_date": from_date, "to_date": to_date}
    with translated():
        found = await connection.execute(_QUERIES["explained_share"], names)
        row = await found.fetchone()
    assert row is not None
    value, explained, lines, explained_lines = row
    share = explained * 10_000 // value if value else None
    return ExplainedShare(days, value, explained, lines, explained_lines, share)


class SuspenseAge(msgspec.Struct, frozen=True):
    """Open lines of a bank account in one bucket of age; `days` is one of `BUCKETS`."""

    bank_account_id: str
    days: str
    lines: int
    receipts_tiyn: int
    payments_tiyn: int


async def suspense_ages(
    connection: AsyncConnection, agency_id: str, today: date
) -> list[SuspenseAge]:
    """Give what is open on each bank account by age in days; four rows an account.

    Receipts and payments of an account's rows sum up to its 2910.
    """
    names = {"agency_id": agency_id, "today": today}
    with translated():
        found = await connection.execute(_QUERIES["suspense_ages"], names)
        return [SuspenseAge(*row) for row in await found.fetchall()]


class SuspenseDifference(msgspec.Struct, frozen=True):
    """An account 2910 that is not the sum of the open lines: a fault of ours."""

    bank_account_id: str
    ledger_tiyn: int
    open_tiyn: int


async def check_suspense(connection: AsyncConnection, agency_id: str) -> list[SuspenseDifference]:
    """Hold 2910 against the open lines; nothing when they agree."""
    with translated():
        found = await connection.execute(_QUERIES["check_suspense"], {"agency_id": agency_id})
        return [SuspenseDifference(*row) for row in await found.fetchall()]
