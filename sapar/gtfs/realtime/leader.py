"""One leader an agency: a lock in PostgreSQL that ends with its connection, fenced by a term.

Every engine of an agency takes the fixes; only the one that holds the lock publishes. The lock
lives on a connection of its own, and the leader asks over that connection before each publish
whether its term still stands: when the connection is gone, so is the lock, and it stops. What is
under way in that moment carries the old term, which readers ignore once they saw a newer one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from datetime import datetime
from typing import Any

from sapar.core.db import AsyncConnection, connect_async, translated
from sapar.core.errors import SaparError, Unavailable
from sapar.gtfs.realtime.store import QUERIES

_ANSWER_S = 2.0  # a database that does not answer for longer: do not lead


class Leadership:
    """The lock of one agency, as one engine tries for it, holds it and loses it.

    Args:
        conninfo: libpq URL of the database.
        agency_id: whose engine this is.
    """

    def __init__(self, conninfo: str, agency_id: str) -> None:
        self._conninfo = conninfo
        self._agency_id = agency_id
        self._connection: AsyncConnection | None = None
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.term = 0
        """Term of this engine's leadership; 0 while it does not lead."""

    async def try_lock(self) -> bool:
        """Try for the lock; True when this engine holds it now. Takes no term yet."""
        try:
            if self._connection is None:
                self._connection = await connect_async(self._conninfo)
            row = await self._ask("try_lock", {})
        except SaparError:
            await self.release()
            return False
        return bool(row and row[0])

    async def begin_term(self, seen_term: int, now: datetime) -> bool:
        """Begin a term later than all before; call with the lock held.

        Args:
            seen_term: the newest term seen on the broker, 0 for none.
            now: transit time.
        """
        try:
            row = await self._ask(
                "take_term", {"seen_term": seen_term, "leader": self.name, "taken_at": now}
            )
        except SaparError:
            await self.release()
            return False
        self.term = int(row[0]) if row else 0
        return self.term > 0

    async def holds(self) -> bool:
        """Tell whether the lock's connection lives and the term stands; otherwise let go."""
        if self.term == 0 or self._connection is None:
            return False
        try:
            row = await self._ask("find_term", {})
        except SaparError:
            row = None
        if row is None or int(row[0]) != self.term:
            await self.release()
            return False
        return True

    async def release(self) -> None:
        """Let go: close the connection, which frees the lock."""
        self.term = 0
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be broken already; closing is all that is left
                await connection.close()

    async def _ask(self, query: str, values: dict[str, object]) -> tuple[Any, ...] | None:
        if self._connection is None:
            raise Unavailable("there is no connection that could hold the lock")
        try:
            with translated():
                async with asyncio.timeout(_ANSWER_S):
                    cursor = await self._connection.execute(
                        QUERIES[query], {"agency_id": self._agency_id, **values}
                    )
                    row: tuple[Any, ...] | None = await cursor.fetchone()
                    return row
        except TimeoutError as exc:
            raise Unavailable("the database does not answer in time") from exc
