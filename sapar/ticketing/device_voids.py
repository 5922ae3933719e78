"""Sequence numbers of taps that a device declares lost, under its seal: events of kind `tap_void`.

Ingest stores and acknowledges them like any event; here they are judged once each. A good one
closes the gap; one that does not count opens an exception and changes nothing else.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from sapar.contract.messages import INTEGER_MAX, TapVoid
from sapar.contract.seal import canonical_void
from sapar.contract.texts import TEXT_CHARACTERS_MAX
from sapar.core.clock import Clock
from sapar.core.db import DatabaseRefused, Pool, load_queries, translated
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.ticketing.keys import KeyRing
from sapar.ticketing.taps.voids import void_range
from sapar.ticketing.verify import judge_seal

NUMBERS_MAX: Final = 100_000
"""Most numbers in one void: weeks of a busy validator. Whoever lost more asks a person."""

_QUERIES = load_queries("sapar.ticketing")


class VoidEvent(NamedTuple):
    """An event of kind `tap_void` as it is stored."""

    device_no: int
    epoch: int
    seq: int
    digest: int
    time_ms: int
    data: Any


def read_void(event: VoidEvent, device: DeviceEntry, ring: KeyRing) -> TapVoid | str:
    """Give what a void says when it counts, or why it does not.

    Returns:
        The void, or `decode_error`, `impossible_value`, or a code of `SEAL_CODES`.
    """
    try:
        void = msgspec.convert(event.data, TapVoid)
    except msgspec.ValidationError:
        return "decode_error"
    if not (
        0 <= void.epoch <= INTEGER_MAX
        and 0 <= void.from_seq <= void.to_seq <= INTEGER_MAX
        and void.to_seq - void.from_seq < NUMBERS_MAX
        and void.reason.strip()
        and void.reason.isprintable()
        and len(void.reason) <= TEXT_CHARACTERS_MAX
    ):
        return "impossible_value"
    canonical = canonical_void(device.agency_id, device.device_id, event.time_ms, void)
    return judge_seal(ring, device.device_no, void, event.time_ms, canonical) or void


async def take_device_voids(pool: Pool, registry: Registry, ring: KeyRing, clock: Clock) -> int:
    """Judge what has come since the last time; give how many numbers were voided.

    Raises:
        Unavailable: the database does not answer.
    """
    count = 0
    with translated():
        async with pool.connection() as connection:
            rows = await (await connection.execute(_QUERIES["new_device_voids"])).fetchall()
    for event in map(VoidEvent._make, rows):
        device = registry.devices_by_no.get(event.device_no)
        if device is None:  # the registry is a moment behind
            continue
        void = read_void(event, device, ring)
        try:
            count += await _take(pool, event, device, void, clock)
        except DatabaseRefused:
            await _take(pool, event, device, "database_refused", clock)
    return count


async def _take(
    pool: Pool, event: VoidEvent, device: DeviceEntry, void: TapVoid | str, clock: Clock
) -> int:
    """Write what came of one void, in one transaction; another worker may have been first."""
    code = void if isinstance(void, str) else None
    subject = f"void {device.device_id} {event.epoch}/{event.seq} {event.digest}"
    values = {
        "agency_id": device.agency_id,
        "device_no": event.device_no,
        "epoch": event.epoch,
        "seq": event.seq,
        "digest": event.digest,
        "now": clock.now(),
        "code": code,
        "subject": subject,
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["insert_device_void"], values)
            if await cursor.fetchone() is None:
                return 0
            if isinstance(void, str):
                await connection.execute(_QUERIES["open_void_exception"], values)
                return 0
            return await void_range(
                connection,
                (device.device_no, void.epoch),
                (void.from_seq, void.to_seq),
                how="device",
                reason=void.reason,
                actor=device.device_id,
                now=clock.now(),
            )
