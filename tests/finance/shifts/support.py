"""Shift reports of a town's validators, sealed and brought in as ingest stores them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from sapar.contract.messages import ProductTotal, ShiftReport, Tap
from sapar.contract.seal import public_key_of, seal_shift
from sapar.core.clock import ManualClock
from sapar.core.db import Pool, connect
from sapar.fleet.registry import AgencyEntry, DeviceEntry, Registry
from sapar.ticketing.device_shifts import take_device_shifts
from sapar.ticketing.keys import KeyRing
from tests.ticketing.taps.support import AGENCY, NOON_MS

MASTER = bytes(range(32))
CLOCK = ManualClock(NOON_MS / 1000 + 86400)


def seed_of(device: DeviceEntry) -> bytes:
    return hashlib.sha256(device.device_id.encode()).digest()


def ring_of(devices: Sequence[DeviceEntry]) -> KeyRing:
    rows = [
        (one.device_no, one.agency_id, one.device_id, 1, "ed25519", public_key_of(seed_of(one)), 0,
         None)
        for one in devices
    ]  # fmt: skip
    return KeyRing.of_rows(rows, MASTER)


def registry_of(devices: Sequence[DeviceEntry]) -> Registry:
    return Registry.of([AgencyEntry(AGENCY, AGENCY, "Asia/Aqtobe")], devices)


def count(taps: Sequence[Tap]) -> tuple[list[ProductTotal], int]:
    """What a validator counts of its taps."""
    products: dict[str | None, list[int]] = {}
    for tap in taps:
        if tap.outcome == "allow":
            one = products.setdefault(tap.product_id, [0, 0])
            one[0] += 1
            one[1] += tap.charged_tiyn or 0
    totals = [
        ProductTotal(product_id=name, taps=taps, sum_tiyn=sum_tiyn)
        for name, (taps, sum_tiyn) in products.items()
    ]
    return totals, sum(tap.outcome == "deny" for tap in taps)


def report_of(
    shift_no: int, taps: Sequence[Tap], before: tuple[int, int] = (0, 0), **changes: object
) -> ShiftReport:
    """The report of a shift with these taps, after grand totals (taps, tiyn)."""
    products, denied = count(taps)
    values: dict[str, object] = {
        "epoch": taps[0].epoch if taps else 1,
        "shift_no": shift_no,
        "opened_ms": taps[0].time_ms if taps else NOON_MS,
        "closed_ms": taps[-1].time_ms if taps else NOON_MS,
        "first_seq": taps[0].seq if taps else None,
        "last_seq": taps[-1].seq if taps else None,
        "products": products,
        "denied": denied,
        "total_taps": before[0] + sum(one.taps for one in products),
        "total_tiyn": before[1] + sum(one.sum_tiyn for one in products),
    }
    return ShiftReport(**(values | changes))  # type: ignore[arg-type]


def seal(device: DeviceEntry, report: ShiftReport, time_ms: int = NOON_MS) -> ShiftReport:
    return seal_shift(
        device.agency_id, device.device_id, time_ms, report,
        algorithm="ed25519", key_id=1, key=seed_of(device),
    )  # fmt: skip


def store_event(
    conninfo: str, device: DeviceEntry, seq: int, data: object, time_ms: int = NOON_MS
) -> None:
    """Store an event as ingest does; the same one again changes nothing."""
    text = msgspec.json.encode(data).decode()
    digest = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
    with connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO event (device_no, digest, time, epoch, seq, kind, data, received_at)"
            " VALUES (%s, %s, to_timestamp(%s / 1000.0), 1, %s, 'shift_report', %s,"
            " clock_timestamp()) ON CONFLICT DO NOTHING",
            (device.device_no, digest, time_ms, seq, text),
        )


async def bring(
    pool: Pool,
    conninfo: str,
    devices: Sequence[DeviceEntry],
    device: DeviceEntry,
    report: ShiftReport,
    time_ms: int = NOON_MS,
    seq: int | None = None,
) -> int:
    """Let a report come in under the device's seal; give how many new ones were kept."""
    number = report.shift_no if seq is None else seq
    store_event(conninfo, device, number, seal(device, report, time_ms), time_ms)
    return await take_device_shifts(pool, registry_of(devices), ring_of(devices), CLOCK)
