"""The publisher of messages to drivers: from the queue in the database to the buses and back.

A recipient's row is taken under its lock, published at QoS 1, and marked when the broker has it; a
publisher that dies in between leaves the row as it was, and the next one sends again (devices know
a command by its id and do not show it twice). The broker's word promises nothing: only the
device's own answer ends the sending, and that comes as a stored event. Notices tell when to look;
besides, all is looked at again now and then, so none is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from sapar.contract.messages import Command
from sapar.contract.topics import device_topic
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, connect_async, load_queries, translated
from sapar.core.errors import ConnectionLost, SaparError
from sapar.core.log import get_logger
from sapar.core.mqtt import MqttClient
from sapar.dispatch.messages.texts import command_args

QUERIES = load_queries("sapar.dispatch.messages")

CHANNEL = "sapar_messages"
"""Channel on which the database tells of new messages, answers, and devices that came back."""
COMMAND = "message"
"""Name of the command, see docs/wire-contract.md."""

_BATCH = 200
_RETRY_S, _RETRY_MAX_S = 30.0, 300.0
_LOOK_S = 5.0
_ALL_S = 60.0  # the answers of all devices are looked for this often; notices name one
_AFTER_FAULT_S = 1.0
_SETTLE_S = 0.05  # answers come in batches of ingest
_log = get_logger()


class Publisher:
    """Sends what waits, and takes what devices answer.

    Args:
        pool: the database.
        conninfo: for a connection of its own that hears the notices.
        clock: messages live by transit time.
        client: on the broker's internal listener; whoever made it runs it.
    """

    def __init__(self, pool: Pool, conninfo: str, clock: Clock, client: MqttClient) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self._clock = clock
        self._client = client
        self._all_at = float("-inf")
        self.sent = 0

    async def run(self) -> None:
        """Publish until cancelled; what the database or the broker misses is done later."""
        while True:
            try:
                connection = await connect_async(self._conninfo)
                async with connection:
                    with translated():
                        await connection.execute(f"LISTEN {CHANNEL}")
                    await self._follow(connection)
            except SaparError as exc:
                _log.warning("messages_wait", code=exc.code, reason=exc.message)
                await asyncio.sleep(_AFTER_FAULT_S)

    async def _follow(self, connection: AsyncConnection) -> None:
        notices: set[str] = set()
        while True:
            await self.look(notices)
            notices = await self._wait(connection)

    async def look(self, notices: set[str] | frozenset[str] = frozenset()) -> None:
        """Do once what is to be done now.

        Raises:
            Unavailable: the database or the broker does not answer.
        """
        now = self._clock.now()
        answered, online = devices_of(notices, "answer"), devices_of(notices, "online")
        everybody = self._clock.monotonic() - self._all_at >= _ALL_S
        with translated():
            async with self._pool.connection() as connection:
                if everybody or answered:
                    await connection.execute(
                        QUERIES["take_answers"],
                        {"now": now, "device_nos": None if everybody else answered},
                    )
                await connection.execute(QUERIES["expire"], {"now": now})
                if online:
                    await connection.execute(
                        QUERIES["try_again"], {"now": now, "device_nos": online}
                    )
        if everybody:
            self._all_at = self._clock.monotonic()
        while await self._send_batch():
            pass

    async def _wait(self, connection: AsyncConnection) -> set[str]:
        """Wait for notices, or until something is due; give what they say."""
        with translated():
            async with self._pool.connection() as reading:
                cursor = await reading.execute(QUERIES["find_next_try"], {"now": self._clock.now()})
                row = await cursor.fetchone()
        due_s = None if row is None or row[0] is None else float(row[0]) / self._clock.rate
        wait_s = _LOOK_S if due_s is None else min(max(due_s, _SETTLE_S), _LOOK_S)
        with translated():
            first = [n async for n in connection.notifies(timeout=wait_s, stop_after=1)]
            if first:  # more of them are usually right behind
                first += [n async for n in connection.notifies(timeout=_SETTLE_S)]
        return {notice.payload for notice in first}

    async def _send_batch(self) -> bool:
        """Send some of what is due; tell whether there may be more."""
        now = self._clock.now()
        with translated():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(
                    QUERIES["claim_due"], {"now": now, "limit": _BATCH}
                )
                rows = await cursor.fetchall()
                if not rows:
                    return False
                if not self._client.connected:
                    raise ConnectionLost("the broker is away")
                known = [row for row in rows if row[8] is not None]
                await self._client.publish_many([_command(row) for row in known], qos=1)
                await _note(connection, known, [r for r in rows if r[8] is None], now)
        self.sent += len(known)
        return len(rows) == _BATCH


def devices_of(notices: set[str] | frozenset[str], what: str) -> list[int]:
    """Give the numbers of the devices that notices speak of."""
    parts = (notice.split(" ") for notice in notices)
    return sorted(int(p[1]) for p in parts if len(p) == 2 and p[0] == what and p[1].isdecimal())


def retry_s(tries: int) -> float:
    """Give how long to wait for an answer after so many tries, seconds of transit time."""
    return min(_RETRY_S * 2.0 ** min(tries, 10), _RETRY_MAX_S)


def _command(row: Sequence[Any]) -> tuple[str, bytes]:
    _, _, _, agency_id, command_id, texts, urgent, expires_s, _, device_id = row
    args = command_args(texts, urgent=urgent, expires_s=expires_s)
    command = Command(command_id=command_id, name=COMMAND, args=args)
    return device_topic(agency_id, device_id, "cmd"), msgspec.json.encode(command)


async def _note(
    connection: AsyncConnection,
    known: Sequence[Sequence[Any]],
    without: Sequence[Sequence[Any]],
    now: datetime,
) -> None:
    await connection.execute(
        QUERIES["note_sent"],
        {
            "message_nos": [row[0] for row in known],
            "vehicle_ids": [row[1] for row in known],
            "device_nos": [row[8] for row in known],
            "next_try_ats": [now + timedelta(seconds=retry_s(row[2])) for row in known],
            "now": now,
        },
    )
    await connection.execute(
        QUERIES["note_no_device"],
        {
            "message_nos": [row[0] for row in without],
            "vehicle_ids": [row[1] for row in without],
            "now": now,
        },
    )
