"""The queue of exceptions: what is open, one with its history, ages, what is explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound

_queries = load_queries("sapar.finance.exceptions")

BUCKETS: Final = ("0-1", "2-7", "8-30", "30+")
"""Ages in whole days since an exception was opened."""
_BUCKET_DAYS: Final = {"0-1": (0, 1), "2-7": (2, 7), "8-30": (8, 30), "30+": (31, 2**31 - 1)}
PAGE_MAX: Final = 1000

State = Literal["open", "closed", "all"]
Order = Literal["value", "oldest", "newest"]


class ExceptionRow(msgspec.Struct, frozen=True):
    """An exception.

    Attributes:
        exception_no: its number.
        kind, subject: what it is about.
        value_tiyn: what it is worth.
        detail: for a person.
        day: the day whose close it stands in the way of, if one.
        opened_at: when it was found; age_days: whole days since, until it was closed.
        assignee: who looks at it.
        accepted_at, accepted_by, accepted_reason: that the day may be closed with it.
        closed_at, closed_by, resolution: `sapar` closed what is so no longer.
        journal_no: the posting that resolved it.
        tap_no, card_ref, device_id: what it is about, if one.
        code, owner: the ledger account that it is about, if one.
    """

    exception_no: int
    kind: str
    subject: str
    value_tiyn: int
    detail: str
    day: date | None
    opened_at: datetime
    age_days: int
    assignee: str | None
    accepted_at: datetime | None
    accepted_by: str | None
    accepted_reason: str | None
    closed_at: datetime | None
    closed_by: str | None
    resolution: str | None
    journal_no: int | None
    tap_no: int | None
    card_ref: str | None
    device_id: str | None
    code: int | None
    owner: str | None


class ExceptionPage(msgspec.Struct, frozen=True):
    """A page of the queue; `count` and `value_tiyn` are of all that the filters let through."""

    rows: list[ExceptionRow]
    count: int
    value_tiyn: int


class HistoryLine(msgspec.Struct, frozen=True):
    """What was done to an exception.

    Attributes:
        at, actor: when and by whom; `sapar`: by itself.
        action: `open`, `comment`, `assign`, `accept`, `unaccept`, `change`, `close`, `resolve`,
            `reopen`.
        note: the person's own words.
        before, after: what changed, as plain data.
    """

    at: datetime
    actor: str
    action: str
    note: str
    before: Any
    after: Any


class ExceptionCard(msgspec.Struct, frozen=True):
    """One exception with all that was done to it, the oldest first."""

    exception: ExceptionRow
    history: list[HistoryLine]


class Aged(msgspec.Struct, frozen=True):
    """Open exceptions of one kind by age: (count, value in tiyn) per bucket of `BUCKETS`."""

    kind: str
    buckets: list[tuple[int, int]]
    count: int
    value_tiyn: int


class Explained(msgspec.Struct, frozen=True):
    """How much of what was opened was closed within some days.

    Attributes:
        count, value_tiyn: opened in the span.
        explained_count, explained_tiyn: of these, closed within `within_days`.
        permille: of the value, rounded down; of the count where nothing is worth anything; None
            where nothing was opened.
    """

    within_days: int
    count: int
    value_tiyn: int
    explained_count: int
    explained_tiyn: int
    permille: int | None


async def list_exceptions(
    connection: AsyncConnection,
    agency_id: str,
    now: datetime,
    *,
    state: State = "open",
    kinds: Sequence[str] | None = None,
    bucket: str | None = None,
    assignee: str | None = None,
    accepted: bool | None = None,
    day: date | None = None,
    value_min: int | None = None,
    value_max: int | None = None,
    text: str | None = None,
    order: Order = "value",
    most: int = 100,
    skip: int = 0,
) -> ExceptionPage:
    """Give a page of the queue.

    Args:
        connection: to read from.
        agency_id: whose.
        now: transit time, for ages.
        state: open ones, closed ones, or all.
        kinds: only of these.
        bucket: only of this age, one of `BUCKETS`.
        assignee: only this person's; '': only nobody's.
        accepted: only those that are, or are not, accepted for the close of their day.
        day: only about this day.
        value_min: only worth at least so much, in tiyn.
        value_max: only worth at most so much.
        text: only with this text in subject or detail, in capitals or not.
        order: by value, the most first; or by age.
        most: rows of the page.
        skip: rows before it.

    Raises:
        BadInput: a filter has no such value (`filter`).
    """
    ages = _ages(bucket)
    _check_page(state, order, most, skip)
    values = {
        "agency_id": agency_id, "now": now, "state": state,
        "kinds": None if kinds is None else list(kinds),
        "age_min": ages[0], "age_max": ages[1], "assignee": assignee, "accepted": accepted,
        "day": day, "value_min": value_min, "value_max": value_max,
        "text": f"%{_escaped(text)}%" if text else None,
        "order": order, "most": most, "skip": skip,
    }  # fmt: skip
    with translated():
        cursor = await connection.execute(_queries["list_exceptions"], values)
        rows = await cursor.fetchall()
    if not rows:
        return ExceptionPage([], 0, 0)
    return ExceptionPage([ExceptionRow(*row[:-2]) for row in rows], *rows[0][-2:])


def _ages(bucket: str | None) -> tuple[int, int]:
    if bucket is None:
        return 0, 2**31 - 1
    if bucket not in _BUCKET_DAYS:
        raise BadInput(
            f"there is no age {bucket!r}", code="filter", hint=f"One of {', '.join(BUCKETS)}"
        )
    return _BUCKET_DAYS[bucket]


def _check_page(state: str, order: str, most: int, skip: int) -> None:
    if state not in {"open", "closed", "all"} or order not in {"value", "oldest", "newest"}:
        raise BadInput(
            "there is no such filter", code="filter",
            hint="states: open, closed, all; orders: value, oldest, newest",
        )  # fmt: skip
    if not (1 <= most <= PAGE_MAX and skip >= 0):
        raise BadInput(f"a page has 1 to {PAGE_MAX} rows", code="filter")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def get_exception(
    connection: AsyncConnection, agency_id: str, exception_no: int, now: datetime
) -> ExceptionCard:
    """Give one exception with its history; that it was opened, and closed by itself, included.

    Raises:
        NotFound: the agency has no such exception.
    """
    values = {"agency_id": agency_id, "exception_no": exception_no, "now": now}
    with translated():
        cursor = await connection.execute(_queries["find_exception"], values)
        row = await cursor.fetchone()
        if row is None:
            raise NotFound(
                f"there is no exception {exception_no}", hint="sapar ticketing exceptions list"
            )
        cursor = await connection.execute(_queries["history_of_exception"], values)
        lines = [HistoryLine(*line) for line in await cursor.fetchall()]
    found = ExceptionRow(*row)
    value = next(
        (line.before["value_tiyn"] for line in lines if line.action == "change"), found.value_tiyn
    )
    opened = HistoryLine(found.opened_at, "sapar", "open", "", None, {"value_tiyn": value})
    ended = []
    if found.closed_at is not None and found.closed_by == "sapar":
        ended = [HistoryLine(found.closed_at, "sapar", "close", found.resolution or "", None, None)]
    return ExceptionCard(found, [opened, *lines, *ended])


async def list_ageing(connection: AsyncConnection, agency_id: str, now: datetime) -> list[Aged]:
    """Give the open exceptions by kind and age, kinds in order of their names."""
    with translated():
        cursor = await connection.execute(_queries["ageing"], {"agency_id": agency_id, "now": now})
        rows = await cursor.fetchall()
    found: dict[str, list[tuple[int, int]]] = {}
    for kind, place, count, value_tiyn in rows:
        found.setdefault(kind, [(0, 0)] * len(BUCKETS))[place] = (count, value_tiyn)
    return [
        Aged(kind, buckets, sum(one[0] for one in buckets), sum(one[1] for one in buckets))
        for kind, buckets in found.items()
    ]


async def explained_within(
    connection: AsyncConnection,
    agency_id: str,
    within_days: int,
    *,
    from_at: datetime,
    to_at: datetime,
) -> Explained:
    """Give how much of the value opened in a span of time was closed within so many days.

    Count only spans that ended so many days ago, or what is young counts as unexplained.
    """
    values = {
        "agency_id": agency_id, "within": within_days, "from_at": from_at, "to_at": to_at,
    }  # fmt: skip
    with translated():
        cursor = await connection.execute(_queries["explained"], values)
        row = await cursor.fetchone()
    assert row is not None
    count, value_tiyn, done, done_tiyn = row
    permille = None
    if value_tiyn:
        permille = done_tiyn * 1000 // value_tiyn
    elif count:
        permille = done * 1000 // count
    return Explained(within_days, count, value_tiyn, done, done_tiyn, permille)
