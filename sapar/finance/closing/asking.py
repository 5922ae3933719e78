"""Queries of this package, each in a transaction of its own or the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sapar.core.db import AsyncConnection, load_queries, translated

QUERIES: Final = load_queries("sapar.finance.closing")


async def ask(
    connection: AsyncConnection, name: str, values: Mapping[str, object]
) -> list[Sequence[Any]]:
    """Run a query and give its rows; a connection that was in no transaction is in none after."""
    with translated():
        async with connection.transaction():
            cursor = await connection.execute(QUERIES[name], values)
            return list(await cursor.fetchall()) if cursor.description else []
