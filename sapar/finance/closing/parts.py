"""Every total is a link to its parts: the journals and taps behind it, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from sapar.core.db import AsyncConnection
from sapar.core.errors import BadInput
from sapar.finance.closing.asking import ask
from sapar.finance.closing.totals import Account
from sapar.ticketing.ledger.accounts import CARD_CODES, CARD_SLOTS, CHART

_LIMIT_MAX: Final = 10_000


class Entry(msgspec.Struct, frozen=True):
    """What a journal moves on an account; `card_no` where the account is a card's."""

    code: int
    owner: str
    amount: int
    card_no: int | None = None


class Part(msgspec.Struct, frozen=True):
    """A journal behind a total, with what it moved; `source_key` names its operation."""

    journal_no: int
    kind: str
    service_date: date
    business_date: date
    posted_at: datetime
    tap_no: int | None
    source_key: str | None
    actor: str
    rule: str
    entries: list[Entry]
    route: str | None = None
    channel: str | None = None
    product: str | None = None
    rider_category: str | None = None


class Which(msgspec.Struct, frozen=True):
    """Which parts of a day: what is None takes all. Together they name a cell of the report.

    Attributes:
        code, owner: journals that move this account: a carrier's revenue is 2210 and the carrier,
            a funder's 1220 and the funder, its riders 9110. The owner of cards' accounts is ''.
        kind: of journal.
        service_date: of what it is about; `late` True: before the business date.
        taps_only: True: rides alone; False: all others.
        route, channel, product, rider_category: of the ride; '' where it has none.
    """

    code: int | None = None
    owner: str | None = None
    kind: str | None = None
    service_date: date | None = None
    late: bool | None = None
    taps_only: bool | None = None
    route: str | None = None
    channel: str | None = None
    product: str | None = None
    rider_category: str | None = None


class PartPage(msgspec.Struct, frozen=True):
    """A page of parts; `next_after` asks for the next one, None: there is none."""

    parts: list[Part]
    next_after: int | None


async def list_parts(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    which: Which,
    *,
    after: int = 0,
    limit: int = 100,
) -> PartPage:
    """Give journals behind a total of a day, in the order of their numbers.

    Args:
        connection: to read from.
        agency_id: whose day.
        day: the business date.
        which: see `Which`.
        after: only journals with higher numbers.
        limit: at most so many, 10,000 at once.

    Raises:
        BadInput: the code is not in the chart, or the limit is not positive.
    """
    if which.code is not None and which.code not in CHART:
        raise BadInput(f"{which.code} is not in the chart of accounts", code="unknown_account")
    if limit < 1:
        raise BadInput("a page has at least one line", code="bad_limit")
    limit = min(limit, _LIMIT_MAX)
    names = {"agency_id": agency_id, "day": day}
    numbers: list[int] | None = None
    place = None if which.code is None else CARD_SLOTS.get(which.code)
    if which.code is not None and place is None:
        account = {"agency_id": agency_id, "code": which.code, "owner": which.owner}
        numbers = [row[0] for row in await ask(connection, "find_account_numbers", account)]
    if not after:
        [(first,)] = await ask(connection, "find_first_journal", names)
        after = 0 if first is None else first - 1
    values = {
        **msgspec.structs.asdict(which), **names,
        "numbers": numbers, "place": place, "after": after, "limit": limit + 1,
    }  # fmt: skip
    rows = await ask(connection, "list_parts", values)
    accounts = await named_accounts(connection, agency_id, rows)
    parts = [part_of(row, accounts) for row in rows[:limit]]
    return PartPage(parts, parts[-1].journal_no if len(rows) > limit else None)


async def named_accounts(
    connection: AsyncConnection, agency_id: str, rows: Iterable[Sequence[Any]]
) -> Mapping[int, Account]:
    """Give code and owner of the accounts in rows of journals that are not of cards."""
    asked = sorted({number for row in rows for number in row[9] if number < 0})
    if not asked:
        return {}
    found = await ask(connection, "name_accounts", {"agency_id": agency_id, "numbers": asked})
    return {number: (code, owner) for number, code, owner in found}


def part_of(row: Sequence[Any], accounts: Mapping[int, Account]) -> Part:
    """Make a part from a row of a journal."""
    head: list[Any]
    *head, numbers, amounts = row[:11]
    entries = []
    for number, amount in zip(numbers, amounts, strict=True):
        if number >= 0:
            entries.append(Entry(CARD_CODES[number & 7], "", amount, number >> 3))
        else:
            code, owner = accounts[number]
            entries.append(Entry(code, owner, amount))
    (number, kind, service_date, business_date, posted_at, tap_no, source_key, actor, rule) = head
    return Part(
        number, kind, service_date, business_date, posted_at, tap_no, source_key, actor, rule,
        entries, *row[11:],
    )  # fmt: skip
