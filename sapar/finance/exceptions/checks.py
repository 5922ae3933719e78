"""What stands in the way of a day's close: open exceptions about it that nobody accepted.

These only read. Run `watch_gaps`, `watch_shifts` and the standing controls before, so that what is
open is what is so now.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from sapar.core.db import AsyncConnection, load_queries, translated

GAP_KINDS: Final = ("gap",)
SHIFT_KINDS: Final = ("shift_difference", "shift_missing", "shift_conflict")

_queries = load_queries("sapar.finance.exceptions")


class Blocker(msgspec.Struct, frozen=True):
    """What keeps a day from being closed.

    Attributes:
        exception_no: the open exception; None: the anti-join found a tap that has none.
        kind, subject: of the exception; `without_journal` of the anti-join.
        value_tiyn: what it is worth.
        detail: for a person.
    """

    exception_no: int | None
    kind: str
    subject: str
    value_tiyn: int
    detail: str


async def check_taps(connection: AsyncConnection, agency_id: str, day: date) -> list[Blocker]:
    """Give what is wrong with the taps of a fare day; empty is good.

    Rides without a journal and held taps without an exception (the anti-join, over every tap of the
    day), then the open exceptions about taps of the day that nobody accepted.
    """
    names = {"agency_id": agency_id, "day": day}
    with translated():
        cursor = await connection.execute(_queries["taps_in_the_way"], names)
        known = [Blocker(*row) for row in await cursor.fetchall()]
        cursor = await connection.execute(_queries["taps_without_journal"], names)
        told = {one.subject for one in known if one.kind == "without_journal"}
        lost = [
            Blocker(None, "without_journal", subject, value_tiyn, detail)
            for subject, _, value_tiyn, detail in await cursor.fetchall()
            if subject not in told
        ]
    return lost + known


async def check_gaps(connection: AsyncConnection, agency_id: str, day: date) -> list[Blocker]:
    """Give the open gaps of sequence numbers of a fare day that nobody accepted."""
    return await check_kinds(connection, agency_id, day, GAP_KINDS)


async def check_shifts(connection: AsyncConnection, agency_id: str, day: date) -> list[Blocker]:
    """Give what is wrong with the shift reports of a fare day that nobody accepted."""
    return await check_kinds(connection, agency_id, day, SHIFT_KINDS)


async def check_kinds(
    connection: AsyncConnection, agency_id: str, day: date, kinds: Sequence[str]
) -> list[Blocker]:
    """Give the open exceptions of these kinds about a day that nobody accepted."""
    names = {"agency_id": agency_id, "day": day, "kinds": list(kinds)}
    with translated():
        cursor = await connection.execute(_queries["kinds_in_the_way"], names)
        return [Blocker(*row) for row in await cursor.fetchall()]
