"""Standing controls over taps, and open gaps.

A control looks for what must not be: a ride without a journal, a card counter that skips, a purse
that does not go on where it was, a record that names another predecessor. What it finds is an
exception until it is so no longer, or until a person closed it with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import NotFound

_queries = load_queries("sapar.ticketing.controls")

CONTROLS: Final[Mapping[str, str]] = {
    "without_journal": "a ride posted nothing, or a held tap has no exception",
    "unreported_tap": "a card's counter skips, and no device misses a record",
    "balance_break": "the purse on a card does not go on where it was",
    "clock_out_of_order": "a device's tap lies before the one before it",
    "chain_break": "a device's record names another predecessor than the stored one",
    "beyond_charge": "more was given back of a ride than it costs now, or it changed since",
    "resolved_and_posted": "a ride that finance has resolved with a posting is posted as well",
}
"""Controls by the kind of exception that they open."""

CLOCK_TOLERANCE_S: Final = 5
"""Seconds by which a device's clock may step back without a finding (GNSS and network time)."""


class Finding(NamedTuple):
    """What a control found: columns of `ticketing_exception`."""

    subject: str
    tap_no: int | None
    card_no: int | None
    device_no: int | None
    value_tiyn: int
    detail: str


async def run_controls(
    connection: AsyncConnection, agency_id: str, *, since: datetime, now: datetime
) -> dict[str, list[Finding]]:
    """Run all controls over the taps that were received since then.

    Opens an exception for each new finding, and closes those of the same taps that are none any
    more.

    Args:
        connection: in autocommit.
        agency_id: whose taps.
        since: receipt time of the earliest tap that is looked at.
        now: transit time.

    Returns:
        What each control found now, by its kind.
    """
    found: dict[str, list[Finding]] = {}
    for kind in CONTROLS:
        with translated():
            async with connection.transaction():
                found[kind] = await _run(connection, kind, agency_id, since, now)
    return found


async def _run(
    connection: AsyncConnection, kind: str, agency_id: str, since: datetime, now: datetime
) -> list[Finding]:
    values: dict[str, Any] = {"agency_id": agency_id, "since": since, "kind": kind, "now": now}
    constants = {"tolerance_s": CLOCK_TOLERANCE_S, "controls": list(CONTROLS)}
    cursor = await connection.execute(_queries[kind], values | constants)
    findings = [Finding(*row) for row in await cursor.fetchall()]
    columns = {
        name: [finding[at] for finding in findings] for at, name in enumerate(Finding._fields)
    }
    if findings:
        await connection.execute(_queries["open_findings"], values | columns)
    await connection.execute(_queries["close_settled"], values | {"subject": columns["subject"]})
    return findings


async def list_gaps(
    connection: AsyncConnection, agency_id: str, most: int = 100
) -> list[Sequence[Any]]:
    """Give open gaps, the most valuable first.

    Each is (device, epoch, first number, last number, opened at, time of the tap before, worth in
    tiyn: the missing taps times the device's mean fare of the hour around).
    """
    with translated():
        cursor = await connection.execute(
            _queries["list_gaps"], {"agency_id": agency_id, "most": most}
        )
        return list(await cursor.fetchall())


async def count_gaps(connection: AsyncConnection, agency_id: str) -> tuple[int, int]:
    """Give how many gaps are open, and how many taps are missing in them."""
    with translated():
        cursor = await connection.execute(_queries["count_gaps"], {"agency_id": agency_id})
        row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def get_validator(connection: AsyncConnection, agency_id: str, device_id: str) -> int:
    """Give the number of a device.

    Raises:
        NotFound: the agency has no such device.
    """
    with translated():
        cursor = await connection.execute(
            _queries["find_device"], {"agency_id": agency_id, "device_id": device_id}
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"{agency_id} has no device {device_id!r}", hint="sapar devices list")
    number: int = row[0]
    return number
