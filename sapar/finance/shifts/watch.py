"""Shift reports against taps: exceptions opened and closed as reports and taps come."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.exceptions.keep import Finding, Kept, keep_findings
from sapar.finance.shifts.compare import (
    Missing,
    Shift,
    compare_taps,
    compare_totals,
    describe,
    value_of,
)
from sapar.finance.shifts.reading import Compared, Named, beginning, calendar_of, read_shifts
from sapar.ticketing.tariff.calendar import FareCalendar

LOOK_BACK_DAYS: Final = 7
"""Days whose shifts are compared again and again; older ones while an exception is open on them."""
DIFFERENCE: Final = "shift_difference"
MISSING: Final = "shift_missing"
CONFLICT: Final = "shift_conflict"

_DAY = timedelta(days=1)
_SHIFT = re.compile(r"(?:before )?shift \S+ (\d+)/(\d+)")
_ON = re.compile(r"shifts of (\S+) on (\d{4}-\d\d-\d\d)")
_queries = load_queries("sapar.finance.shifts")


class Watched(NamedTuple):
    """What became of the exceptions about shifts, by kind."""

    differences: Kept
    missing: Kept
    conflicts: Kept


class _Hole(NamedTuple):
    """Shifts that the report of `shift` shows missing."""

    shift: Shift
    missing: Missing


async def watch_shifts(
    connection: AsyncConnection, agency_id: str, now: datetime, *, since: date | None = None
) -> Watched:
    """Compare shift reports with taps and with one another; open and close exceptions.

    Exactly one `shift_difference` a shift whose totals are not those of the taps that came, or do
    not go on from the shift before; one `shift_missing` for shifts that a later report shows
    missing, and for each device and fare day that is over whose taps stand in no report; one
    `shift_conflict` for a shift number with several contents. What is so no longer is closed.

    Args:
        connection: in autocommit, or in a transaction of the caller's.
        agency_id: whose.
        now: transit time.
        since: compare shifts from this fare day on; a week if not given. Older ones are compared
            while an exception is open on them, or when they came within that time.

    Raises:
        NotFound: there is no such agency.
        Unavailable: the database does not answer.
    """
    with translated():
        async with connection.transaction():
            calendar = await calendar_of(connection, agency_id)
            today = calendar.fare_day(round(now.timestamp() * 1000))
            since = today - LOOK_BACK_DAYS * _DAY if since is None else since
            open_days, named = await _open(connection, agency_id)
            compared = await read_shifts(
                connection,
                agency_id,
                named,
                since=since,
                received_since=beginning(calendar, since),
            )
            holes = list(_holes(compared))
            days = sorted({*_days(since, today), *(day for day in open_days if day < today)})
            findings = await _missing(connection, holes)
            for day in days:
                findings += await _unreported(connection, agency_id, day, holes, calendar)
            subjects = {one.shift.subject for one in compared}
            return Watched(
                await keep_findings(
                    connection, agency_id, DIFFERENCE, list(_differences(compared)), now=now,
                    among=subjects, by_detail=True,
                ),
                await keep_findings(
                    connection, agency_id, MISSING, findings, now=now, by_detail=True,
                    among=lambda subject: _in_scope(subject, subjects, days),
                ),
                await keep_findings(
                    connection, agency_id, CONFLICT, await _conflicts(connection, compared),
                    now=now, among=subjects, by_detail=True,
                ),
            )  # fmt: skip


def _days(since: date, today: date) -> Iterator[date]:
    while since < today:
        yield since
        since += _DAY


def _in_scope(subject: str, subjects: set[str], days: Sequence[date]) -> bool:
    on = _ON.fullmatch(subject)
    if on is not None:
        return date.fromisoformat(on[2]) in days
    return subject.removeprefix("before ") in subjects


def _differences(compared: Sequence[Compared]) -> Iterator[Finding]:
    for shift, before, received in compared:
        found = compare_taps(shift, received) + compare_totals(shift, before)[0]
        if found:
            yield Finding(
                shift.subject,
                value_of(found),
                describe(found),
                business_date=shift.service_date,
                device_no=shift.device_no,
            )


def _holes(compared: Sequence[Compared]) -> Iterator[_Hole]:
    for shift, before, _ in compared:
        missing = compare_totals(shift, before)[1]
        if missing is not None:
            yield _Hole(shift, missing)


async def _missing(connection: AsyncConnection, holes: Sequence[_Hole]) -> list[Finding]:
    if not holes:
        return []
    cursor = await connection.execute(_queries["received_of_ranges"], _ranges(holes))
    rows = await cursor.fetchall()
    found = []
    for (shift, missing), (_, taps, sum_tiyn, day) in zip(holes, rows, strict=True):
        numbers = "the end of the epoch before"
        if missing.shift_nos is not None:
            first, last = missing.shift_nos
            numbers = f"shift {first}" if first == last else f"shifts {first} to {last}"
        found.append(
            Finding(
                f"before {shift.subject}",
                abs(missing.lacking.sum_tiyn),
                f"{numbers} not reported: by the grand totals {missing.lacking.taps} taps,"
                f" {missing.lacking.sum_tiyn} tiyn; received {taps} taps, {sum_tiyn} tiyn",
                business_date=day or shift.service_date,
                device_no=shift.device_no,
            )
        )
    return found


def _ranges(holes: Sequence[_Hole]) -> dict[str, list[int]]:
    return {
        "device_no": [one.shift.device_no for one in holes],
        "epoch": [one.missing.epoch for one in holes],
        "from_seq": [one.missing.from_seq for one in holes],
        "to_seq": [one.missing.to_seq for one in holes],
    }


async def _unreported(
    connection: AsyncConnection,
    agency_id: str,
    day: date,
    holes: Sequence[_Hole],
    calendar: FareCalendar,
) -> list[Finding]:
    received_since = beginning(calendar, day - _DAY)  # device clocks may run a little ahead
    values = {"agency_id": agency_id, "day": day, "received_since": received_since}
    cursor = await connection.execute(_queries["unreported_taps"], values | _ranges(holes))
    return [
        Finding(
            f"shifts of {device_id} on {day.isoformat()}",
            sum_tiyn,
            f"{taps} taps in no shift report, {sum_tiyn} tiyn",
            business_date=day,
            device_no=device_no,
        )
        for device_id, device_no, taps, sum_tiyn in await cursor.fetchall()
    ]


async def _conflicts(connection: AsyncConnection, compared: Sequence[Compared]) -> list[Finding]:
    shifts = {one.shift.report_no: one.shift for one in compared}
    cursor = await connection.execute(_queries["conflicts_of_shifts"], {"report_no": list(shifts)})
    return [
        Finding(
            shifts[report_no].subject,
            most_tiyn,
            f"{others} other contents came under this number, by up to {most_tiyn} tiyn",
            business_date=shifts[report_no].service_date,
            device_no=shifts[report_no].device_no,
        )
        for report_no, others, most_tiyn in await cursor.fetchall()
    ]


async def _open(connection: AsyncConnection, agency_id: str) -> tuple[list[date], list[Named]]:
    """Give the days and the (device, epoch, shift) that open exceptions name."""
    cursor = await connection.execute(_queries["open_subjects"], {"agency_id": agency_id})
    days: list[date] = []
    shifts: list[Named] = []
    for _, subject, device_no in await cursor.fetchall():
        if (on := _ON.fullmatch(subject)) is not None:
            days.append(date.fromisoformat(on[2]))
        elif (named := _SHIFT.fullmatch(subject)) is not None and device_no is not None:
            shifts.append((device_no, int(named[1]), int(named[2])))
    return days, shifts
