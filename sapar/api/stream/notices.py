"""Lists that people change: PostgreSQL's notices on one connection an instance, by agency."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sapar.core.db import AsyncConnection, connect_async, translated
from sapar.core.errors import SaparError, Unavailable
from sapar.core.log import get_logger

DESK_CHANNEL = "sapar_desk"
"""Whoever changes a list notifies it with the payload `agency what`."""
LISTS = ("alarms", "acts", "alerts", "messages", "reports", "emergency")
PING_S = 20.0
_ANSWER_S = 5.0
_RETRY_S = 1.0
_log = get_logger()


class Notices:
    """Hears the notices and passes them on.

    Args:
        conninfo: where to listen.
        tell: called with (agency, list); agency None means every agency.
    """

    def __init__(self, conninfo: str, tell: Callable[[str | None, str], None]) -> None:
        self._conninfo = conninfo
        self._tell = tell

    async def run(self) -> None:
        """Listen until cancelled; after a break every list may have changed."""
        while True:
            try:
                await self._listen()
            except SaparError as exc:
                _log.warning("desk_not_heard", code=exc.code, reason=exc.message)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        connection = await connect_async(self._conninfo)
        async with connection:
            with translated():
                await connection.execute(f"LISTEN {DESK_CHANNEL}")
                for what in LISTS:
                    self._tell(None, what)
                while True:
                    async for notice in connection.notifies(timeout=PING_S):
                        agency_id, _, what = notice.payload.partition(" ")
                        if what in LISTS:
                            self._tell(agency_id, what)
                    await _ping(connection)


async def _ping(connection: AsyncConnection) -> None:
    """Ask whether the database is there: one that is gone without a word sends nothing for good.

    Raises:
        Unavailable: it does not answer.
    """
    try:
        async with asyncio.timeout(_ANSWER_S):
            await connection.execute("SELECT 1")
    except TimeoutError:
        raise Unavailable("The database does not answer.", code="database_silent") from None
