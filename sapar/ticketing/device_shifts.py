"""Shift (Z) reports of validators, under their seals: events of kind `shift_report`.

Ingest stores and acknowledges them like any event; here they are judged once each. A good one is
kept as a report, once a device, epoch and shift number; other content under the same number is kept
beside it. One that does not count opens an exception and changes nothing else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sapar.contract.messages import INTEGER_MAX, ProductTotal, ShiftReport
from sapar.contract.seal import canonical_shift, digest
from sapar.contract.tap_checks import AMOUNT_TIYN_MAX
from sapar.contract.texts import is_id
from sapar.core.clock import Clock
from sapar.core.db import DatabaseRefused, Pool, json_value, load_queries, translated
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.ticketing.keys import KeyRing
from sapar.ticketing.taps.write import utc
from sapar.ticketing.tariff.calendar import FareCalendar
from sapar.ticketing.verify import judge_seal

PRODUCTS_MAX: Final = 200
"""Most products in one report."""
NUMBERS_MAX: Final = 1_000_000
"""Most taps in one shift."""
GRAND_TIYN_MAX: Final = 10**15

_TIME_MAX_MS: Final = 253_402_300_799_000  # the end of the year 9999
_QUERIES = load_queries("sapar.ticketing")


class ShiftEvent(NamedTuple):
    """An event of kind `shift_report` as it is stored."""

    device_no: int
    epoch: int
    seq: int
    digest: int
    time_ms: int
    data: Any
    received_at: datetime


def read_shift(event: ShiftEvent, device: DeviceEntry, ring: KeyRing) -> ShiftReport | str:
    """Give what a shift report says when it counts, or why it does not.

    Returns:
        The report, or `decode_error`, `impossible_value`, or a code of `SEAL_CODES`.
    """
    try:
        report = msgspec.convert(event.data, ShiftReport)
    except msgspec.ValidationError:
        return "decode_error"
    if not (_possible_numbers(report) and _possible_products(report.products)):
        return "impossible_value"
    canonical = canonical_shift(device.agency_id, device.device_id, event.time_ms, report)
    return judge_seal(ring, device.device_no, report, event.time_ms, canonical) or report


def _possible_numbers(report: ShiftReport) -> bool:
    first, last = report.first_seq, report.last_seq
    if first is None or last is None:
        within = first is last is None and not report.denied
        within &= all(one.taps == 0 == one.sum_tiyn for one in report.products)
    else:
        within = 0 <= first <= last <= INTEGER_MAX and last - first < NUMBERS_MAX
    return (
        within
        and 0 <= report.epoch <= INTEGER_MAX
        and 1 <= report.shift_no <= INTEGER_MAX
        and 0 <= report.opened_ms <= report.closed_ms <= _TIME_MAX_MS
        and 0 <= report.denied <= NUMBERS_MAX
        and 0 <= report.total_taps <= INTEGER_MAX
        and 0 <= report.total_tiyn <= GRAND_TIYN_MAX
    )


def _possible_products(products: list[ProductTotal]) -> bool:
    names = {one.product_id for one in products}
    return (
        len(products) <= PRODUCTS_MAX
        and len(names) == len(products)
        and all(name is None or is_id(name) for name in names)
        and all(
            0 <= one.taps <= NUMBERS_MAX and 0 <= one.sum_tiyn <= AMOUNT_TIYN_MAX
            for one in products
        )
    )


async def take_device_shifts(pool: Pool, registry: Registry, ring: KeyRing, clock: Clock) -> int:
    """Judge what has come since the last time; give how many new reports were kept.

    Raises:
        Unavailable: the database does not answer.
    """
    count = 0
    with translated():
        async with pool.connection() as connection:
            rows = await (await connection.execute(_QUERIES["new_device_shifts"])).fetchall()
    for event in map(ShiftEvent._make, rows):
        device = registry.devices_by_no.get(event.device_no)
        agency = registry.agencies.get(device.agency_id) if device is not None else None
        if device is None or agency is None:  # the registry is a moment behind
            continue
        report = read_shift(event, device, ring)
        calendar = FareCalendar(ZoneInfo(agency.timezone))
        try:
            count += await _take(pool, event, device, report, calendar, clock)
        except DatabaseRefused:
            await _take(pool, event, device, "database_refused", calendar, clock)
    return count


async def _take(
    pool: Pool,
    event: ShiftEvent,
    device: DeviceEntry,
    report: ShiftReport | str,
    calendar: FareCalendar,
    clock: Clock,
) -> bool:
    """Write what came of one report, in one transaction; another worker may have been first."""
    values: dict[str, Any] = {
        "agency_id": device.agency_id,
        "device_no": event.device_no,
        "epoch": event.epoch,
        "seq": event.seq,
        "digest": event.digest,
        "received_at": event.received_at,
        "now": clock.now(),
        "code": report if isinstance(report, str) else None,
        "subject": f"shift {device.device_id} {event.epoch}/{event.seq} {event.digest}",
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["insert_device_shift"], values)
            if await cursor.fetchone() is None:
                return False
            if isinstance(report, str):
                await connection.execute(_QUERIES["open_shift_exception"], values)
                return False
            values |= _columns(event, device, report, calendar)
            await connection.execute(_QUERIES["lock_shifts"], values)
            cursor = await connection.execute(_QUERIES["insert_shift_report"], values)
            if await cursor.fetchone() is None:
                return False
            await connection.execute(_QUERIES["uncount_shift_reports"], values)
            await connection.execute(_QUERIES["count_shift_report"], values)
            return True


def _columns(
    event: ShiftEvent, device: DeviceEntry, report: ShiftReport, calendar: FareCalendar
) -> dict[str, Any]:
    canonical = canonical_shift(device.agency_id, device.device_id, event.time_ms, report)
    products = sorted(report.products, key=lambda one: one.product_id or "")
    return {
        "shift_epoch": report.epoch,
        "shift_no": report.shift_no,
        "content": digest(canonical, report.signature),
        "device_time": utc(event.time_ms),
        "opened_at": utc(report.opened_ms),
        "closed_at": utc(report.closed_ms),
        "service_date": calendar.fare_day(report.opened_ms),
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "denied": report.denied,
        "products": [one.product_id or "" for one in products],
        "tap_counts": [one.taps for one in products],
        "sums_tiyn": [one.sum_tiyn for one in products],
        "taps": sum(one.taps for one in products),
        "sum_tiyn": sum(one.sum_tiyn for one in products),
        "total_taps": report.total_taps,
        "total_tiyn": report.total_tiyn,
        "data": json_value(event.data),
    }
