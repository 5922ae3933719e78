"""How many people got on at stops in a span of time: what a detour or a closed stop means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sapar.core.db import Pool, load_queries, translated

QUERIES = load_queries("sapar.dispatch.desk")


@dataclass(frozen=True, slots=True)
class Boardings:
    """People who tapped in.

    Attributes:
        visits: how often a bus called at the stops; 0: nothing is known of that time.
        people: how many got on.
    """

    visits: int
    people: int


async def count_boardings(
    pool: Pool,
    agency_id: str,
    stop_ids: Sequence[str],
    since: datetime,
    until: datetime,
    route_id: str | None = None,
) -> Boardings:
    """Count taps where the bus stood at one of the stops, from stop visits and taps.

    Raises:
        Unavailable: the database does not answer.
    """
    values = {
        "agency_id": agency_id,
        "stop_ids": list(stop_ids),
        "since": since,
        "until": until,
        "route_id": route_id,
    }
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(QUERIES["count_boardings"], values)
            row = await cursor.fetchone()
    return Boardings(0, 0) if row is None else Boardings(int(row[0]), int(row[1]))
