"""Closing gaps in a device's numbers: ranges that will never come, and who says so."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sapar.core.db import AsyncConnection, translated
from sapar.core.errors import BadInput, Refused
from sapar.ticketing.taps import store
from sapar.ticketing.taps.gaps import Range, size, void


async def void_range(
    connection: AsyncConnection,
    key: store.DeviceEpoch,
    voided: Range,
    *,
    how: Literal["device", "person"],
    reason: str,
    actor: str,
    now: datetime,
) -> int:
    """Note that sequence numbers of a device and epoch will never come.

    Numbers in the range that were received, or voided before, stay as they are; one that arrives
    after all is stored and counted as received.

    Args:
        connection: in autocommit, or in a transaction of the caller's.
        key: (device_no, epoch).
        voided: first and last number, both included.
        how: a signed record of the device, or a person.
        reason: why.
        actor: who says so.
        now: transit time.

    Returns:
        How many numbers were voided.

    Raises:
        BadInput: the range ends before it begins, or there is no reason.
        Refused: a person voids what is no open gap (`no_open_gap`).
    """
    first, last = voided
    if not 0 <= first <= last:
        raise BadInput(f"{first} to {last} is no range of sequence numbers")
    if not reason.strip():
        raise BadInput("a gap is closed for a reason", hint="Say why these taps will never come.")
    with translated():
        async with connection.transaction():
            state = (await store.lock_sequences(connection, [key]))[key]
            gaps = (await store.load_gaps(connection, [key])).get(key, [])
            voids = (await store.load_voids(connection, [key])).get(key, [])
            after, left, gone = void(state, gaps, voided, voids)
            if how == "person" and not _inside(gaps, gone):
                raise Refused(
                    f"{first} to {last} holds numbers that no open gap has", code="no_open_gap"
                )
            values = {"how": how, "reason": reason, "actor": actor, "now": now}
            for one in gone:
                await store.add_void(connection, key, one, values)
            await store.write_sequences(connection, {key: after}, {key: gaps}, {key: left}, now)
    return size(gone)


def _inside(gaps: list[Range], gone: list[Range]) -> bool:
    """Tell whether something is voided, and all of it was known to be missing."""
    return bool(gone) and all(
        any(first <= one[0] and one[1] <= last for first, last in gaps) for one in gone
    )
