"""What commands on cards share: a desk on the database, and amounts for people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.db import AsyncConnection
    from sapar.ticketing.cards.operations import Desk
    from sapar.ticketing.post import Tools

T = TypeVar("T")


def at_desk(settings: Settings, work: Callable[[AsyncConnection, Desk], Awaitable[T]]) -> T:
    """Run `work` with a connection and a desk that judges rides anew where an operation asks."""

    async def with_desk(connection: AsyncConnection, tools: Tools) -> T:
        from sapar.ticketing.cards.operations import Desk
        from sapar.ticketing.post import judge_again

        desk = Desk(
            tools.clock,
            tools.accounts,
            lambda connection, touched: judge_again(connection, tools, touched),
        )
        return await work(connection, desk)

    return with_tools(settings, with_desk)


def with_tools(settings: Settings, work: Callable[[AsyncConnection, Tools], Awaitable[T]]) -> T:
    """Run `work` with a connection and what posts taps."""

    async def run() -> T:
        from sapar.core.db import connect_async, open_pool
        from sapar.ticketing.reference import Reference, make_tools

        conninfo = settings.database_url.get_secret_value()
        async with open_pool(conninfo, max_size=2, name="desk") as pool:
            reference = Reference(pool, settings)
            await reference.refresh()
            tools = make_tools(settings, settings.clock(), reference)
            connection = await connect_async(conninfo)
            try:
                return await work(connection, tools)
            finally:
                await connection.close()

    with reported():
        return asyncio.run(run())


def on_connection(settings: Settings, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Run `work` with a connection."""

    async def run() -> T:
        from sapar.core.db import connect_async

        connection = await connect_async(settings.database_url.get_secret_value())
        try:
            return await work(connection)
        finally:
            await connection.close()

    with reported():
        return asyncio.run(run())


def tenge(amount_tiyn: int) -> str:
    """Write tiyn as tenge, exactly."""
    sign, whole = "-" if amount_tiyn < 0 else "", abs(amount_tiyn)
    return f"{sign}{whole // 100:,}.{whole % 100:02}".replace(",", " ")
