"""What is not settled yet: totals of closed days, kilometres, pools of passes, refunds owed.

Journals of a closed day never change, and later ones have higher numbers: a line holds the day's
journals up to a number, the next line those after it. A tap can move to another fare day at the
same price without posting anything; such rides are counted on the day of the tap, and kept as parts
of the lines that they left and came to.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.settlement.engine import CLEARING, LATE_CLEARING, Block, DayTotal
from sapar.ticketing.taps.carriers import load_carriers

_QUERIES = load_queries("sapar.finance.settlement")

OWN_KINDS: Final = (
    "settlement", "production", "clawback", "pass_release", "carrier_hold", "carrier_release",
    "carrier_reject", "payment_order",
)  # fmt: skip
"""Kinds of journals that settlement posts itself."""
BOARDINGS: Final = 9110

TotalKey = tuple[Block, int, date, date]
"""(block, clearing account, business date, service date)."""


class Part(NamedTuple):
    """A ride that left a day (`arrives` false) or came to it; amounts as they change its line."""

    journal_no: int
    amount_tiyn: int
    boardings: int
    arrives: bool


@dataclass(slots=True)
class Unsettled:
    """What a carrier's clearing accounts hold of some closed days and no line has taken.

    Attributes:
        totals: [amount, boardings] by key.
        parts: rides that stand on another day than their journal, by key.
        ranges: business date → numbers of the day's journals: above the first up to the second.
    """

    totals: dict[TotalKey, list[int]] = field(default_factory=dict)
    parts: dict[TotalKey, list[Part]] = field(default_factory=dict)
    ranges: dict[date, tuple[int, int]] = field(default_factory=dict)

    def add(self, key: TotalKey, amount_tiyn: int, boardings: int) -> None:
        """Count something."""
        total = self.totals.setdefault(key, [0, 0])
        total[0] += amount_tiyn
        total[1] += boardings

    def move(self, key: TotalKey, to: date, journal_no: int, amount: int, boardings: int) -> None:
        """Count a ride on another day."""
        there: TotalKey = (*key[:3], to)
        for at, sign in ((key, -1), (there, 1)):
            self.add(at, sign * amount, sign * boardings)
            part = Part(journal_no, sign * amount, sign * boardings, sign > 0)
            self.parts.setdefault(at, []).append(part)

    def day_totals(self) -> list[DayTotal]:
        """Give what the engine settles."""
        return [
            DayTotal(*key, amount, boardings)
            for key, (amount, boardings) in self.totals.items()
            if amount or boardings or key in self.parts
        ]


def block_of(code: int, is_tap: bool, business_date: date, service_date: date) -> tuple[Block, int]:
    """Give the block, and the clearing account, that an entry is counted in."""
    if not is_tap:
        return "refunds", CLEARING if code == BOARDINGS else code
    if code == BOARDINGS:
        code = CLEARING if service_date == business_date else LATE_CLEARING
    return ("late" if code == LATE_CLEARING else "fares"), code


async def read_unsettled(
    connection: AsyncConnection, agency_id: str, days: Sequence[date]
) -> dict[str, Unsettled]:
    """Read what these closed days hold, by the owner of the clearing accounts."""
    values: dict[str, Any] = {"agency_id": agency_id, "days": list(days), "own": list(OWN_KINDS)}
    found: dict[str, Unsettled] = defaultdict(Unsettled)
    with translated():
        marks = await (await connection.execute(_QUERIES["list_marks"], values)).fetchall()
        newest: dict[date, int] = dict(
            await (await connection.execute(_QUERIES["list_ends"], values)).fetchall()
        )
        values |= {
            "owners": [row[0] for row in marks],
            "marked": [row[1] for row in marks],
            "marks": [row[2] for row in marks],
        }
        totals = await (await connection.execute(_QUERIES["sum_days"], values)).fetchall()
        moved = await (await connection.execute(_QUERIES["list_moved"], values)).fetchall()
    for owner, code, is_tap, business_date, service_date, amount in totals:
        block, account = block_of(code, is_tap, business_date, service_date)
        money, boardings = (0, amount) if code == BOARDINGS else (-amount, 0)
        found[owner].add((block, account, business_date, service_date), money, boardings)
    for owner, (code, on), business_date, journal_no, was, now, money, boardings in _rides(moved):
        block, account = block_of(code, True, business_date, on)
        key: TotalKey = (block, account, business_date, was)
        found[owner].move(key, now, journal_no, money, boardings)
    known = {(owner, day): number for owner, day, number in marks}
    for owner, one in found.items():
        for day in {key[2] for key in one.totals}:
            start = known.get((owner, day), 0)
            one.ranges[day] = (start, max(start, newest.get(day, 0)))
    return dict(found)


_Ride = tuple[str, tuple[int, date], date, int, date, date, int, int]


def _rides(rows: Iterable[Sequence[Any]]) -> list[_Ride]:
    """Join the entries of moved rides: money and boardings of a journal on one clearing account."""
    joined: dict[tuple[Any, ...], list[int]] = {}
    for owner, code, business_date, own_date, journal_no, was, now, amount in rows:
        _, account = block_of(code, True, business_date, own_date)
        key = owner, (account, own_date), business_date, journal_no, was, now
        sums = joined.setdefault(key, [0, 0])
        if code == BOARDINGS:
            sums[1] += amount
        else:
            sums[0] -= amount
    return [(*key, *sums) for key, sums in joined.items()]


class RunKey(NamedTuple):
    """A run of a service date."""

    service_date: date
    trip_id: str
    start_s: int


class Driven(NamedTuple):
    """Metres of a run that are not paid yet (negative: paid and corrected since)."""

    run: RunKey
    status: str
    metres: int


async def read_driven(
    connection: AsyncConnection, agency_id: str, days: Sequence[date]
) -> tuple[dict[str, list[Driven]], list[date]]:
    """Read by carrier what proofs of runs and their corrections say beyond what is paid.

    A run that was done counts its planned length, one that was partly done what was driven; it is
    the carrier's whose vehicle began it, else the route's.

    Returns:
        The runs by carrier, and the days that have no proofs.
    """
    values = {"agency_id": agency_id, "days": list(days)}
    carriers = await load_carriers(connection)
    now: dict[str, dict[RunKey, tuple[str, int]]] = defaultdict(dict)
    proved: set[date] = set()
    with translated():
        runs = await (await connection.execute(_QUERIES["list_runs"], values)).fetchall()
        paid = await (await connection.execute(_QUERIES["list_paid_runs"], values)).fetchall()
    for service_date, trip_id, start_s, route_id, vehicle_id, at_ms, status, metres in runs:
        proved.add(service_date)
        number = carriers.find(agency_id, vehicle_id, route_id, at_ms)
        if number is not None:
            run = RunKey(service_date, trip_id, start_s)
            now[carriers.ids[number]][run] = (status, metres)
    before: dict[str, dict[RunKey, int]] = defaultdict(dict)
    for carrier_id, service_date, trip_id, start_s, metres in paid:
        before[carrier_id][RunKey(service_date, trip_id, start_s)] = metres
    found = {
        carrier_id: _beyond(now[carrier_id], before[carrier_id])
        for carrier_id in sorted({*now, *before})
    }
    return found, [day for day in days if day not in proved]


def _beyond(now: Mapping[RunKey, tuple[str, int]], before: Mapping[RunKey, int]) -> list[Driven]:
    rows = []
    for run in sorted({*now, *before}):
        status, metres = now.get(run, ("not_done", 0))
        if metres != before.get(run, 0):
            rows.append(Driven(run, status, metres - before.get(run, 0)))
    return rows


class Pool(NamedTuple):
    """Money of passes that is to be shared.

    Attributes:
        name: owner of 2140: product and month.
        month_end: last day of the month.
        amount_tiyn: what is there.
        boardings: by carrier.
        releases: how often it was shared before.
    """

    name: str
    month_end: date
    amount_tiyn: int
    boardings: Mapping[str, int]
    releases: int


async def read_pools(connection: AsyncConnection, agency_id: str, to_date: date) -> list[Pool]:
    """Read the pools of months that ended by `to_date` and whose days are all closed."""
    values = {"agency_id": agency_id, "to_date": to_date, "own": list(OWN_KINDS)}
    pools = []
    with translated():
        rows = await (await connection.execute(_QUERIES["list_pools"], values)).fetchall()
        for name, balance, releases in rows:
            product_id, _, month = name.rpartition(" ")
            first = date.fromisoformat(f"{month}-01")
            last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
            names = values | {"first": first, "last": last, "product_id": product_id}
            found = await connection.execute(_QUERIES["count_closed"], names)
            closed = await found.fetchone()
            if last > to_date or closed is None or closed[0] < last.day:
                continue
            found = await connection.execute(_QUERIES["count_pass_boardings"], names)
            pools.append(Pool(name, last, balance, dict(await found.fetchall()), releases))
    return pools


class Refund(NamedTuple):
    """What is left to take back of a refund that the carrier had been paid for."""

    journal_no: int
    business_date: date
    service_date: date
    amount_tiyn: int


async def read_refunds(
    connection: AsyncConnection, agency_id: str, to_date: date
) -> dict[str, list[Refund]]:
    """Read by carrier what stands on 1230 by closed days up to `to_date`, oldest first."""
    values = {"agency_id": agency_id, "to_date": to_date}
    found: dict[str, list[Refund]] = defaultdict(list)
    with translated():
        rows = await (await connection.execute(_QUERIES["list_refunds"], values)).fetchall()
    for owner, *columns in rows:
        found[owner].append(Refund(*columns))
    return dict(found)
