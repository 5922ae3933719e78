"""Shift reports from the database, each with the report before it and what came of its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sapar.core.db import AsyncConnection, load_queries
from sapar.core.errors import NotFound
from sapar.finance.shifts.compare import Before, Count, Received, Shift
from sapar.ticketing.tariff.calendar import FareCalendar

_queries = load_queries("sapar.finance.shifts")

Named = tuple[int, int, int]
"""(device_no, epoch, shift_no)."""


class Compared(NamedTuple):
    """A shift, the report before it, and what came of its numbers."""

    shift: Shift
    before: Before | None
    received: Received


async def calendar_of(connection: AsyncConnection, agency_id: str) -> FareCalendar:
    """Give the fare days of an agency.

    Raises:
        NotFound: there is no such agency.
    """
    cursor = await connection.execute(_queries["zone_of_agency"], {"agency_id": agency_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"there is no agency {agency_id!r}")
    return FareCalendar(ZoneInfo(row[0]))


def beginning(calendar: FareCalendar, day: date) -> datetime:
    """Give the moment at which a fare day begins."""
    return datetime.fromtimestamp(calendar.start_ms(day) / 1000, UTC)


async def read_shifts(
    connection: AsyncConnection,
    agency_id: str,
    named: Sequence[Named],
    *,
    since: date | None = None,
    received_since: datetime | None = None,
) -> list[Compared]:
    """Give the reports of these names, of shifts since a fare day, and received since a time."""
    cursor = await connection.execute(
        _queries["shifts_to_compare"],
        {
            "agency_id": agency_id,
            "since": since,
            "received_since": received_since,
            "device_no": [one[0] for one in named],
            "epoch": [one[1] for one in named],
            "shift_no": [one[2] for one in named],
        },
    )
    shifts = [(_shift(row), _before(row[15:])) for row in await cursor.fetchall()]
    received = await read_received(connection, [shift.report_no for shift, _ in shifts])
    return [
        Compared(shift, before, received.get(shift.report_no, Received()))
        for shift, before in shifts
    ]


def _shift(row: Sequence[Any]) -> Shift:
    products = {
        product: Count(taps, sum_tiyn)
        for product, taps, sum_tiyn in zip(row[8], row[9], row[10], strict=True)
        if taps or sum_tiyn
    }
    return Shift._make((*row[:8], products, row[11], Count(row[12], row[13]), row[14]))


def _before(row: Sequence[Any]) -> Before | None:
    epoch, shift_no, last_seq, taps, sum_tiyn = row
    return None if epoch is None else Before(epoch, shift_no, last_seq, Count(taps, sum_tiyn))


async def read_received(
    connection: AsyncConnection, report_nos: Sequence[int]
) -> dict[int, Received]:
    """Give what came of the numbers of shifts, by report; where nothing came, it is absent."""
    cursor = await connection.execute(
        _queries["received_of_shifts"], {"report_no": list(report_nos)}
    )
    products: dict[int, dict[str, Count]] = {}
    denied: dict[int, int] = {}
    for report_no, product, allowed, taps, sum_tiyn in await cursor.fetchall():
        if allowed:
            products.setdefault(report_no, {})[product] = Count(taps, sum_tiyn)
        else:
            denied[report_no] = denied.get(report_no, 0) + taps
    return {
        report_no: Received(products.get(report_no, {}), denied.get(report_no, 0))
        for report_no in {*products, *denied}
    }
