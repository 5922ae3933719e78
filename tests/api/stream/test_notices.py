"""Notices of changed lists, over a network that fails without saying so."""

import asyncio
import contextlib
from urllib.parse import urlsplit, urlunsplit

import pytest

from sapar.api.stream import notices
from sapar.api.stream.notices import DESK_CHANNEL, LISTS, Notices
from sapar.core.db import connect
from sapar.core.settings import Settings
from tests.api.conftest import until


class Wire:
    """Connections to the database through a wire that can go dead: open, and nothing passes."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.dead = asyncio.Event()
        self._open: list[asyncio.StreamWriter] = []
        self._ended = 0

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._host, self._port)
        self._open += [writer, there[1]]
        dead = self.dead
        with contextlib.suppress(OSError):
            await asyncio.gather(pass_on(reader, there[1], dead), pass_on(there[0], writer, dead))
        self._ended += 2

    async def close(self) -> None:
        for writer in self._open:
            writer.close()
        await until(lambda: self._ended == len(self._open))


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event
) -> None:
    while part := await reader.read(65_536):
        if not dead.is_set():
            writer.write(part)
            await writer.drain()
    writer.close()


@pytest.mark.usefixtures("town_settings")
async def test_a_dead_connection_is_found_out_and_every_list_is_told_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "PING_S", 0.1)
    monkeypatch.setattr(notices, "_ANSWER_S", 0.5)
    conninfo = settings.database_url.get_secret_value()
    parts = urlsplit(conninfo)
    wire = Wire(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(wire.join, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = parts.netloc.rpartition("@")[0]
    through = urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}".lstrip("@")))
    told: list[tuple[str | None, str]] = []
    task = asyncio.create_task(
        Notices(through, lambda agency_id, what: told.append((agency_id, what))).run()
    )
    everything = [(None, what) for what in LISTS]
    await until(lambda: told == everything)
    wire.dead.set()
    with connect(conninfo) as connection:
        connection.execute("SELECT pg_notify(%s, 'a acts')", (DESK_CHANNEL,))
    wire.dead = asyncio.Event()  # of new connections; the old one stays dead
    await until(lambda: told == everything * 2)
    with connect(conninfo) as connection:
        connection.execute("SELECT pg_notify(%s, 'a alarms')", (DESK_CHANNEL,))
    await until(lambda: told[-1] == ("a", "alarms"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.close()
    await wire.close()
