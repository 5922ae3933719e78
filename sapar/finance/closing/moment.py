"""The ledger as it is at one moment at which nobody is half-way through posting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sapar.core.db import AsyncConnection, is_idle, load_queries, translated
from sapar.core.errors import Fault

_QUERIES = load_queries("sapar.finance.closing")


@asynccontextmanager
async def at_rest(connection: AsyncConnection, agency_id: str) -> AsyncIterator[int]:
    """Read what is posted up to a number, all of it and nothing else; gives that number.

    Waits until nobody of the agency is half-way through posting, takes a snapshot, and lets them
    go on: they wait for milliseconds, however long the reading takes. What is posted later has
    higher numbers.

    Args:
        connection: not in a transaction; inside it is in one that only reads.
        agency_id: whose postings.

    Raises:
        Fault: the connection is in a transaction.
        Unavailable: the database does not answer.
    """
    if not is_idle(connection):
        raise Fault("the ledger at rest needs a transaction of its own")
    names = {"agency_id": agency_id}
    held = False
    with translated():
        try:
            async with connection.transaction():
                await connection.execute(_QUERIES["hold_posting"], names)
                held = True
            async with connection.transaction():
                await connection.execute(_QUERIES["see_one_moment"])
                await connection.execute(_QUERIES["expect_few_groups"])
                cursor = await connection.execute(_QUERIES["find_last_journal"])
                row = await cursor.fetchone()
                await connection.execute(_QUERIES["release_posting"], names)
                held = False
                assert row is not None
                yield row[0]
        finally:
            if held and is_idle(connection):
                await connection.execute(_QUERIES["release_posting"], names)
