"""A wait for a connection in vain: whether too much is asked, or nobody is there to answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sapar.core.db import Pool, connect, open_pool, translated
from sapar.core.errors import Unavailable

_WAIT_S = 1.0


async def wait_in_vain(pool: Pool) -> Unavailable:
    """What somebody is told for whom no connection becomes free in time."""
    with pytest.raises(Unavailable) as told, translated():
        async with pool.connection(timeout=_WAIT_S):
            pass
    return told.value


@asynccontextmanager
async def handed_on(pool: Pool) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """The pool's one connection goes from one to another as soon as somebody stands behind both.

    Gives what tells that the other one has it, and what lets that one leave.
    """
    held, handed, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def queue_of(length: int) -> None:
        while pool.get_stats().get("requests_waiting", 0) < length:
            await asyncio.sleep(0.005)

    async def first() -> None:
        async with pool.connection():
            held.set()
            await queue_of(2)

    async def second() -> None:
        await held.wait()
        with suppress(psycopg.OperationalError):
            async with pool.connection() as connection:
                handed.set()
                await leave.wait()
                await connection.execute("SELECT 1")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first())
        tasks.create_task(second())
        await held.wait()
        await queue_of(1)
        yield handed, leave
        leave.set()


class Wire:
    """A way to the database on which, from one moment on, nothing passes, and nobody hangs up."""

    def __init__(self, conninfo: str) -> None:
        self.open = asyncio.Event()
        self.open.set()
        said = conninfo_to_dict(conninfo)
        self._host, self._port = str(said["host"]), str(said.get("port") or 5432)
        self._passing: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what the two ends of a connection say."""
        if self._host.startswith("/"):
            way = asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            way = asyncio.open_connection(self._host, int(self._port))
        back, forth = await way
        for source, sink in ((reader, forth), (back, writer)):
            task = asyncio.create_task(self._pass_on(source, sink))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while said := await source.read(65_536):
                await self.open.wait()
                sink.write(said)
        except OSError:
            pass  # an end is gone
        finally:
            sink.close()

    async def end(self) -> None:
        """Hang up."""
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)


@asynccontextmanager
async def wired(database: str) -> AsyncIterator[tuple[Wire, str]]:
    """A wire to the database, and the address at its end."""
    wire = Wire(database)
    server = await asyncio.start_server(wire.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield wire, make_conninfo(database, host="127.0.0.1", port=port, sslmode="disable")
    finally:
        server.close()
        await wire.end()


async def test_where_another_was_answered_meanwhile_all_connections_are_in_use(
    database: str,
) -> None:
    async with open_pool(database, max_size=1) as pool:
        async with handed_on(pool) as (handed, _):
            told = await wait_in_vain(pool)
            assert handed.is_set()
        assert (told.code, told.hint) == ("busy", "Ask again in a moment.")
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)


async def test_where_nobody_was_answered_the_database_may_be_gone_without_a_word(
    database: str,
) -> None:
    async with open_pool(database, max_size=1) as pool, pool.connection():
        assert (await wait_in_vain(pool)).code == "database_unavailable"


async def test_a_database_that_was_never_there_is_silent(empty_database: str) -> None:
    nowhere = psycopg.conninfo.make_conninfo(empty_database, dbname="nowhere")
    async with open_pool(nowhere) as pool:
        assert (await wait_in_vain(pool)).code == "database_unavailable"


async def test_a_database_that_went_away_after_it_had_answered_is_silent(
    database: str, empty_database: str
) -> None:
    """The answer within the wait proves nothing any more once connecting has failed."""
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    shut = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    ends = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
    async with open_pool(database, max_size=1) as pool, handed_on(pool) as (handed, leave):
        asked = asyncio.create_task(wait_in_vain(pool))
        await handed.wait()
        with connect(empty_database, autocommit=True) as other:
            other.execute(shut)
            other.execute(ends, (name,))
        leave.set()
        assert (await asked).code == "database_unavailable"


async def test_a_database_that_falls_silent_is_waited_for_within_bounds_and_found_again(
    database: str,
) -> None:
    """No hang-up, no refusal, no answer: what a cut wire or a frozen machine looks like."""
    async with wired(database) as (wire, conninfo), open_pool(conninfo, max_size=2) as pool:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
        wire.open.clear()
        asked_at = time.monotonic()
        for _ in range(2):  # with a connection that was there, and with none left
            assert (await wait_in_vain(pool)).code == "database_unavailable"
        assert time.monotonic() - asked_at < 60
        wire.open.set()
        async with pool.connection(timeout=60) as connection:
            assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
