"""Open sequence gaps as exceptions: what the missing taps may be worth."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.finance.exceptions.keep import Finding, Kept, keep_findings

GAP: Final = "gap"

_Key = tuple[int, int, int]
_queries = load_queries("sapar.finance.exceptions")


async def watch_gaps(connection: AsyncConnection, agency_id: str, now: datetime) -> Kept:
    """Bring the exceptions of kind `gap` in line with the open gaps of sequence numbers.

    Each is worth the number of missing taps times a mean fare: of the device's taps of the hour
    around, else of the device's day, else of the route's, else of the city's; the detail says of
    which. Numbers that a shift report covers are left out, for the report's difference is exact;
    those of shifts that were never reported, for the totals around them are; and those that came
    under a bad seal, which are exceptions of their own.

    Args:
        connection: in autocommit, or in a transaction of the caller's.
        agency_id: whose.
        now: transit time.

    Raises:
        Unavailable: the database does not answer.
    """
    names = {"agency_id": agency_id}
    with translated():
        async with connection.transaction():
            cursor = await connection.execute(_queries["open_gaps"], names)
            gaps = await cursor.fetchall()
            explained = await _explained(connection, agency_id)
            findings = []
            for device_id, device_no, epoch, first, last, _, day, route_id, mean in gaps:
                covered = merged_length(explained.get((device_no, epoch, first), ()))
                missing = last - first + 1 - covered
                if missing <= 0:
                    continue
                fare, source = await _mean_fare(
                    connection, mean, agency_id, device_no, route_id, day
                )
                findings.append(
                    Finding(
                        f"gap {device_id} {epoch}/{first}",
                        missing * fare,
                        f"{missing} taps of {first} to {last} are missing, {fare} tiyn each:"
                        f" {source}",
                        business_date=day,
                        device_no=device_no,
                    )
                )
            return await keep_findings(connection, agency_id, GAP, findings, now=now)


async def _explained(
    connection: AsyncConnection, agency_id: str
) -> dict[_Key, list[tuple[int, int]]]:
    cursor = await connection.execute(_queries["explained_numbers"], {"agency_id": agency_id})
    found: dict[_Key, list[tuple[int, int]]] = {}
    for device_no, epoch, gap, first, last in await cursor.fetchall():
        found.setdefault((device_no, epoch, gap), []).append((first, last))
    return found


def merged_length(ranges: Iterable[tuple[int, int]]) -> int:
    """Give how many numbers lie in at least one of these ranges, both ends included."""
    length, until = 0, -1
    for first, last in sorted(ranges):
        length += max(0, last - max(first, until + 1) + 1)
        until = max(until, last)
    return length


async def _mean_fare(
    connection: AsyncConnection,
    of_hour: int | None,
    agency_id: str,
    device_no: int,
    route_id: str | None,
    day: date | None,
) -> tuple[int, str]:
    """Give what a missing tap is worth, and whose mean that is."""
    if of_hour is not None:
        return of_hour, "the device's mean of the hour around"
    values: dict[str, Any] = {
        "agency_id": agency_id, "device_no": device_no, "route_id": route_id, "day": day,
    }  # fmt: skip
    for query, source in (
        ("mean_of_device_day", "the device's mean of the day"),
        ("mean_of_route_day", "the route's mean of the day"),
        ("mean_of_city_day", "the city's mean of the day"),
    ):
        cursor = await connection.execute(_queries[query], values)
        row = await cursor.fetchone()
        if row is not None and row[0] is not None:
            return row[0], source
    return 0, "nothing else of that day came"
