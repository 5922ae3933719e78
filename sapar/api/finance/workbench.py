"""What the finance desk's routes make once: connections of the ledger's role, and what prices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from sapar.api.dispatch.asking import answer
from sapar.api.parts import Parts
from sapar.core.db import AsyncConnection, connect_async
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.bank.cards import mask
from sapar.ticketing.cards.operations import Desk
from sapar.ticketing.ledger.role import restricted
from sapar.ticketing.post import Tools, judge_again
from sapar.ticketing.reference import Reference, make_tools

_YEARS = range(1970, 2100)  # days are counted on from: the first and the last of all have no next


class Workbench:
    """Opens what an act on money needs; nothing is opened before the first one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._conninfo: str | None = None
        self._reference = Reference(parts.pool, parts.settings)
        self._tools = make_tools(parts.settings, parts.clock, self._reference)

    def agency(self, request: Request) -> str:
        """Name the agency that a request means.

        Raises:
            NotFound: there is none of this name.
        """
        return self._parts.known(self._parts.agency_id(request)).agency_id

    def room(self) -> AbstractAsyncContextManager[None]:
        """Take one of the instance's places for work with a connection of its own; see `Places`."""
        return self._parts.ledger_places.room()

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection that may add to the ledger, and change nothing there.

        Raises:
            Unavailable: as `room`; or the database does not answer.
        """
        async with self.room():
            if self._conninfo is None:
                conninfo = self._parts.settings.database_url.get_secret_value()
                self._conninfo = await asyncio.to_thread(restricted, conninfo)
            connection = await connect_async(self._conninfo)
            try:
                yield connection
            finally:
                await connection.close()

    async def tools(self) -> Tools:
        """Give what posts taps, with the tariffs and carriers of this moment."""
        await self._reference.refresh()
        return self._tools

    async def desk(self) -> Desk:
        """Give a desk for operations on cards, with the tariffs and carriers of this moment."""
        tools = await self.tools()
        return Desk(
            self._parts.clock,
            tools.accounts,
            lambda connection, touched: judge_again(connection, tools, touched),
        )


async def answer_foreseen(told: Awaitable[object]) -> Response:
    """Answer what an act would come to (`foreseen`), or why it would be `refused`."""
    body: dict[str, object] = {"foreseen": None, "refused": None}
    try:
        body["foreseen"] = await told
    except (BadInput, Refused, NotFound) as exc:
        body["refused"] = {"code": exc.code, "message": exc.message, "hint": exc.hint}
    return answer(body)


def day_of(request: Request, name: str) -> date | None:
    """Read a day of the query, None when it is not given.

    Raises:
        BadInput: it is none.
    """
    text = request.query_params.get(name, "")
    return _read(name, text) if text else None


def in_path(request: Request) -> date:
    """Read the `day` of the address.

    Raises:
        BadInput: it is none.
    """
    return _read("day", str(request.path_params["day"]))


async def read_file(request: Request, most: int) -> bytes:
    """Read a body as it is.

    Raises:
        BadInput: it is longer than `most` bytes, or empty (`body_too_long`, `empty_file`).
    """
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise BadInput("The file is too large.", code="body_too_long")
    if not data:
        raise BadInput("The file is empty.", code="empty_file")
    return bytes(data)


def file_name_of(request: Request) -> str:
    """Read what a file is called (`name`); a bank card's number in it is starred out."""
    return mask(request.query_params.get("name", ""))[:200]


def file_answer(data: bytes, name: str, otherwise: str) -> Response:
    """Give a file as it was received; `otherwise` is its name where nothing is left of its own."""
    safe = "".join(one for one in name if one.isascii() and (one.isalnum() or one in "._-"))
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{safe or otherwise}"',
    }
    return Response(data, 200, headers, "application/octet-stream")


def _read(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if day.year not in _YEARS:
        raise BadInput(f"`{name}` is a day: 2026-11-20.", code="bad_days")
    return day
