"""Today at a glance: what finance looks at first, from counts that are kept by the hour.

Counts are folded from the journals of all transactions below a horizon (as the chain is hashed),
and what is above it is added when they are asked for. So a glance costs the same at a thousand and
at a million taps, nothing is counted twice or skipped, and posting does no work for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.closing.asking import ask
from sapar.finance.closing.balances import SUSPENSE
from sapar.finance.closing.days import State, find_close
from sapar.finance.shifts.reading import calendar_of

_QUERIES = load_queries("sapar.finance.closing")
SUSPENSE_CODES: Final = sorted({*SUSPENSE, 1020, 1110})
"""Balances that somebody must bring to zero, agents and processors with them."""


class Hour(msgspec.Struct, frozen=True):
    """Rides that began in an hour; `hour` is local."""

    hour: datetime
    taps: int
    riders: int
    earned_tiyn: int


class ExceptionSum(msgspec.Struct, frozen=True):
    """Open exceptions of a kind; `accepted` of them for the close of their day."""

    kind: str
    count: int
    value_tiyn: int
    accepted: int
    since: datetime


class Aged(msgspec.Struct, frozen=True):
    """What is open for at least so many days (0, 2, 8 or 31)."""

    from_days: int
    count: int
    value_tiyn: int


class Suspense(msgspec.Struct, frozen=True):
    """A balance that ages to zero; debits less credits."""

    code: int
    owner: str
    balance: int


class LateDay(msgspec.Struct, frozen=True):
    """Rides of an earlier day that post on this one."""

    service_date: date
    taps: int
    riders: int
    earned_tiyn: int


class Today(msgspec.Struct, frozen=True):
    """The business day that is under way.

    Attributes:
        business_date: the fare day that holds the moment.
        taps, riders: rides that posted, those who rode on them; late ones are apart.
        earned_tiyn: what carriers earn by them; `paid_tiyn` of it cards have paid.
        hours: by the hour in which they began.
        open_gaps, missing_taps: of all devices; `gaps_tiyn` is what they may be worth.
        unmatched: bank lines that nothing is matched to, by age.
        explained_ppm: millionths of the day's value that no open exception of it stands against.
    """

    agency_id: str
    business_date: date
    at: datetime
    state: State
    taps: int
    riders: int
    earned_tiyn: int
    paid_tiyn: int
    hours: list[Hour]
    late: list[LateDay]
    open_gaps: int
    missing_taps: int
    gaps_tiyn: int
    exceptions: list[ExceptionSum]
    unmatched: list[Aged]
    suspense: list[Suspense]
    explained_ppm: int


async def fold_counts(connection: AsyncConnection) -> None:
    """Fold what was posted since the last time into the counts by hour, of all agencies.

    Returns at once when another one folds. Safe to be stopped at any point.

    Args:
        connection: in no transaction.
    """
    with translated():
        async with connection.transaction():
            cursor = await connection.execute(_QUERIES["begin_folding"])
            if await cursor.fetchone() != (True,):
                return
            cursor = await connection.execute(_QUERIES["read_horizon"])
            row = await cursor.fetchone()
            assert row is not None
            from_xid, to_xid = row
            if to_xid <= from_xid:
                return
            bounds = {"from_xid": from_xid, "to_xid": to_xid}
            await connection.execute(_QUERIES["fold_counts"], bounds)
            await connection.execute(_QUERIES["set_horizon"], bounds)


async def today(
    connection: AsyncConnection, agency_id: str, now: datetime, day: date | None = None
) -> Today:
    """Give the business day that is under way, or another one.

    Args:
        connection: in no transaction; it folds counts, and may write.
        agency_id: whose.
        now: transit time.
        day: the business date; the fare day that holds `now` if not given.

    Raises:
        NotFound: there is no such agency.
    """
    with translated():
        async with connection.transaction():
            calendar = await calendar_of(connection, agency_id)
    day = day or calendar.fare_day(round(now.timestamp() * 1000))
    await fold_counts(connection)
    names: dict[str, Any] = {"agency_id": agency_id, "day": day}
    counts = await ask(connection, "list_counts", names)
    own = [row for row in counts if row[0] == day]
    exceptions = await ask(connection, "count_open_exceptions", names)
    [(gaps, missing)] = await ask(connection, "count_open_gaps", names)
    [(open_value,)] = await ask(connection, "sum_day_exceptions", names)
    unmatched = await ask(connection, "age_unmatched", {**names, "today": day})
    suspense = await ask(connection, "list_suspense", {**names, "codes": SUSPENSE_CODES})
    close = await find_close(connection, agency_id, day)
    taps, riders, earned, paid = (sum(row[at] for row in own) for at in (2, 3, 4, 5))
    return Today(
        agency_id,
        day,
        now,
        "open" if close is None else "reopened" if close.reopened else "closed",
        taps,
        riders,
        earned,
        paid,
        [Hour(row[1], *row[2:5]) for row in own],
        _late(counts, day),
        gaps,
        missing,
        sum(row[2] for row in exceptions if row[0] == "gap"),
        [ExceptionSum(*row) for row in exceptions],
        [Aged(*row) for row in unmatched],
        [Suspense(*row) for row in suspense],
        explained_ppm(earned, open_value),
    )


def explained_ppm(value_tiyn: int, open_tiyn: int) -> int:
    """Give the share of a value that nothing open stands against, in millionths. Pure."""
    whole = max(value_tiyn, open_tiyn)
    return 1_000_000 if whole <= 0 else (whole - open_tiyn) * 1_000_000 // whole


def _late(counts: Sequence[Sequence[Any]], day: date) -> list[LateDay]:
    found: dict[date, list[int]] = {}
    for service_date, _, *sums in counts:
        if service_date != day:
            known = found.setdefault(service_date, [0, 0, 0])
            for at in range(3):
                known[at] += sums[at]
    return [LateDay(service_date, *sums) for service_date, sums in sorted(found.items())]


class DateSum(msgspec.Struct, frozen=True):
    """Rides of a day of service that posted on a business day."""

    service_date: date
    business_date: date
    taps: int
    riders: int
    earned_tiyn: int
    paid_tiyn: int


async def list_dates(
    connection: AsyncConnection, agency_id: str, first: date, last: date
) -> list[DateSum]:
    """Give rides by day of service and business day: late ones stand off the diagonal.

    Over all days both ways to sum come to the same (invariant 24).
    """
    await fold_counts(connection)
    values = {"agency_id": agency_id, "first": first, "last": last}
    return [DateSum(*row) for row in await ask(connection, "sum_dates", values)]
