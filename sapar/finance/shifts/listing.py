"""Shift reports for people: a list, and one beside what came of its numbers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound
from sapar.finance.shifts.compare import (
    Before,
    Count,
    Shift,
    compare_taps,
    compare_totals,
    describe,
    value_of,
)
from sapar.finance.shifts.reading import Compared, read_shifts

_queries = load_queries("sapar.finance.shifts")


class ShiftRow(msgspec.Struct, frozen=True):
    """A shift report.

    Attributes:
        report_no: its number, rising as they come.
        device_id, epoch, shift_no: which.
        service_date: fare day on which it began.
        opened_at, closed_at: by the device.
        first_seq, last_seq: numbers of its taps; None: nobody tapped.
        taps, sum_tiyn: what it counted; denied: taps that it let nobody ride on.
        total_taps, total_tiyn: grand totals after it.
        counts: this content counts, where several came under its number.
        received_at: when it came.
        exception_no, value_tiyn, detail: of the open `shift_difference`, if one.
    """

    report_no: int
    device_id: str
    epoch: int
    shift_no: int
    service_date: date
    opened_at: datetime
    closed_at: datetime
    first_seq: int | None
    last_seq: int | None
    taps: int
    sum_tiyn: int
    denied: int
    total_taps: int
    total_tiyn: int
    counts: bool
    received_at: datetime
    exception_no: int | None
    value_tiyn: int
    detail: str


class Line(msgspec.Struct, frozen=True):
    """One product of a shift: what the device said, and what came.

    Attributes:
        product_id: '' for taps that name none.
        code: of the difference, or None.
    """

    product_id: str
    reported_taps: int
    received_taps: int
    reported_tiyn: int
    received_tiyn: int
    code: str | None


class Content(msgspec.Struct, frozen=True):
    """A content that came under the shift's number, as received.

    Attributes:
        report_no: its number.
        counts: it is the one that counts.
        digest: of its canonical bytes and seal, hexadecimal.
        device_time: when the device made it.
        taps, sum_tiyn: what it counted.
        received_at: when it came.
        data: as received.
    """

    report_no: int
    counts: bool
    digest: str
    device_time: datetime
    taps: int
    sum_tiyn: int
    received_at: datetime
    data: Any


class ShiftComparison(msgspec.Struct, frozen=True):
    """A shift report compared, as things are now.

    Attributes:
        device_id, epoch, shift_no, service_date: which shift.
        lines: by product.
        reported_denied, received_denied: taps that let nobody ride.
        expected_taps, expected_tiyn: grand totals that should stand after it; None where the shift
            before it is not known.
        total_taps, total_tiyn: those that do.
        agrees: nothing differs.
        value_tiyn, detail: what the difference is worth, and what it is.
        contents: what came under its number; the one that counts first.
    """

    device_id: str
    epoch: int
    shift_no: int
    service_date: date
    lines: list[Line]
    reported_denied: int
    received_denied: int
    expected_taps: int | None
    expected_tiyn: int | None
    total_taps: int
    total_tiyn: int
    agrees: bool
    value_tiyn: int
    detail: str
    contents: list[Content]


async def list_shifts(
    connection: AsyncConnection,
    agency_id: str,
    *,
    device: str | None = None,
    day: date | None = None,
    differing: bool = False,
    below: int | None = None,
    most: int = 100,
) -> list[ShiftRow]:
    """Give shift reports, the last that came first.

    Args:
        connection: to read from.
        agency_id: whose.
        device: only this validator's.
        day: only of shifts that began on this fare day.
        differing: only those with an open difference.
        below: only reports with smaller numbers: the next page.
        most: at most so many.
    """
    values = {
        "agency_id": agency_id, "device": device, "day": day, "differing": differing,
        "below": below, "most": most,
    }  # fmt: skip
    with translated():
        cursor = await connection.execute(_queries["list_shifts"], values)
        return [ShiftRow(*row) for row in await cursor.fetchall()]


async def compare_shift(
    connection: AsyncConnection,
    agency_id: str,
    device: str,
    shift_no: int,
    *,
    epoch: int | None = None,
) -> ShiftComparison:
    """Compare one shift report with what came of its numbers, and with the shift before it.

    Args:
        connection: to read from.
        agency_id: whose.
        device: the validator's name.
        shift_no: of the shift.
        epoch: of its taps; the newest that has such a shift if not given.

    Raises:
        NotFound: no such report came.
    """
    names = {"agency_id": agency_id, "device": device, "shift_no": shift_no}
    with translated():
        cursor = await connection.execute(_queries["find_shift"], {**names, "epoch": epoch})
        row = await cursor.fetchone()
        if row is None:
            raise NotFound(
                f"validator {device} has reported no shift {shift_no}",
                hint="sapar ticketing shifts list",
            )
        device_no, epoch = row
        found = await read_shifts(connection, agency_id, [(device_no, epoch, shift_no)])
        cursor = await connection.execute(
            _queries["contents_of_shift"],
            {"device_no": device_no, "epoch": epoch, "shift_no": shift_no},
        )
        contents = [Content(*one) for one in await cursor.fetchall()]
    return _comparison(found[0], contents)


def _comparison(one: Compared, contents: list[Content]) -> ShiftComparison:
    shift, before, received = one
    differences = compare_taps(shift, received)
    codes = {difference.product: difference.code for difference in differences}
    of_totals, missing = compare_totals(shift, before)
    differences += of_totals
    expected = None if missing is not None else _expected(shift, before)
    return ShiftComparison(
        device_id=shift.device_id,
        epoch=shift.epoch,
        shift_no=shift.shift_no,
        service_date=shift.service_date,
        lines=[
            Line(product, said.taps, came.taps, said.sum_tiyn, came.sum_tiyn, codes.get(product))
            for product in sorted({*shift.products, *received.products})
            for said in [shift.products.get(product, Count())]
            for came in [received.products.get(product, Count())]
        ],
        reported_denied=shift.denied,
        received_denied=received.denied,
        expected_taps=None if expected is None else expected.taps,
        expected_tiyn=None if expected is None else expected.sum_tiyn,
        total_taps=shift.total.taps,
        total_tiyn=shift.total.sum_tiyn,
        agrees=not differences,
        value_tiyn=value_of(differences),
        detail=describe(differences),
        contents=contents,
    )


def _expected(shift: Shift, before: Before | None) -> Count | None:
    if before is None:
        return None
    own = shift.own
    return Count(before.total.taps + own.taps, before.total.sum_tiyn + own.sum_tiyn)
