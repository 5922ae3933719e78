"""A batch into the database in one transaction; a refused batch is halved until one row stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from sapar.contract.codec import list_record_bytes
from sapar.core.clock import Clock
from sapar.core.db import (
    AsyncConnection,
    DatabaseRefused,
    connect_async,
    json_value,
    load_queries,
    translated,
)
from sapar.core.metrics import Metrics
from sapar.ingest.intake import Batch, Row, StatusRow
from sapar.ingest.rows import TABLES, Key
from sapar.uplink.letters import DeadLetter, dead_letter, write_letters

_queries = load_queries("sapar.ingest")

R = TypeVar("R", Row, StatusRow)


@dataclass(slots=True)
class Written:
    """What is committed.

    Attributes:
        stored: (kind, device_no, epoch, sequence numbers), read from committed rows.
        dead: the dead letters, those of rows that the database refused included.
    """

    stored: list[tuple[str, int, int, list[int]]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


class Writer:
    """Writes batches over one connection of its own, which holds the staging tables.

    Args:
        conninfo: the database.
        clock: gives the receipt time.
        metrics: counts records, repeats and refusals.
    """

    def __init__(self, conninfo: str, clock: Clock, metrics: Metrics) -> None:
        self._conninfo = conninfo
        self._clock = clock
        self._metrics = metrics
        self._connection: AsyncConnection | None = None

    async def write(self, batch: Batch) -> Written:
        """Commit a batch; returns only after the commit.

        Raises:
            Unavailable: the database does not answer; nothing of the batch counts as written,
                try again with the same batch.
        """
        received_at = self._clock.now()
        written = Written()
        await self._write_dead(batch.dead, received_at)
        written.dead.extend(batch.dead)
        for kind, rows in batch.rows.items():

            async def store(part: Sequence[Row], kind: str = kind) -> None:
                stored = await self._insert(kind, part, received_at)
                written.stored.extend((kind, *row) for row in stored)

            await self._write_rows(kind, rows, store, received_at, written)
        statuses = list(batch.statuses.values())
        await self._write_rows("status", statuses, self._upsert_statuses, received_at, written)
        return written

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _write_rows(
        self,
        kind: str,
        rows: Sequence[R],
        store: Callable[[Sequence[R]], Awaitable[None]],
        received_at: datetime,
        written: Written,
    ) -> None:
        """Store rows; what the database refuses is halved until the culprit stands alone."""
        if not rows:
            return
        try:
            await store(rows)
        except DatabaseRefused as exc:
            self._metrics.bisected.inc()
            if len(rows) == 1:
                letter = _refused_row(kind, rows[0], exc)
                self._metrics.refused.labels(letter.code).inc()
                await self._write_dead([letter], received_at)
                written.dead.append(letter)
                return
            middle = len(rows) // 2
            await self._write_rows(kind, rows[:middle], store, received_at, written)
            await self._write_rows(kind, rows[middle:], store, received_at, written)

    async def _insert(
        self, kind: str, rows: Sequence[Row], received_at: datetime
    ) -> list[tuple[int, int, list[int]]]:
        """Insert rows in one transaction; give what is committed, per device and epoch."""
        connection = await self._connected()
        table = TABLES[kind].name
        data = b"\n".join([row.line for row in rows])
        with translated():
            async with connection.transaction(), connection.cursor() as cursor:
                async with cursor.copy(_queries[f"copy_{table}"]) as copy:
                    await copy.write(data)
                await cursor.execute(_queries[f"insert_{table}"], {"received_at": received_at})
                fresh = await cursor.fetchall()
        count = sum(len(seqs) for _, _, seqs in fresh)
        self._metrics.records.labels(kind).inc(count)
        if count == len(rows):
            return fresh
        self._metrics.repeats.labels(kind).inc(len(rows) - count)
        return fresh + await self._read_back(table, rows, fresh)

    async def _read_back(
        self, table: str, rows: Sequence[Row], fresh: list[tuple[int, int, list[int]]]
    ) -> list[tuple[int, int, list[int]]]:
        """Look up the rows that were there already (or stand twice in this batch)."""
        known = {(no, epoch, seq) for no, epoch, seqs in fresh for seq in seqs}
        asked = [r for r in rows if (r.device.device_no, r.epoch, r.seq) not in known]
        if not asked:
            return []
        keys = [Key.of(row.line) for row in asked]
        times = [key.time_ms for key in keys]
        connection = await self._connected()
        with translated():
            cursor = await connection.execute(
                _queries[f"read_back_{table}"],
                {
                    "device_no": [key.device_no for key in keys],
                    "digest": [key.digest for key in keys],
                    "time_ms": times,
                    "epoch": [key.epoch for key in keys],
                    "seq": [key.seq for key in keys],
                    "first_ms": min(times),
                    "last_ms": max(times),
                },
            )
            return await cursor.fetchall()

    async def _write_dead(self, letters: Sequence[DeadLetter], received_at: datetime) -> None:
        if not letters:
            return
        await write_letters(await self._connected(), letters, received_at)

    async def _upsert_statuses(self, statuses: Sequence[StatusRow]) -> None:
        """Keep each device's newest status: by receipt, for another worker may write sooner."""
        rows = [
            {
                "device_no": row.device.device_no,
                "online": row.status.online,
                "status": json_value(msgspec.to_builtins(row.status)),
                "received_at": row.received_at,
            }
            # sorted by key: two workers cannot wait for each other in a circle
            for row in sorted(statuses, key=lambda row: row.device.device_no)
        ]
        connection = await self._connected()
        with translated():
            async with connection.transaction(), connection.cursor() as cursor:
                await cursor.executemany(_queries["upsert_status"], rows)

    async def _connected(self) -> AsyncConnection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        connection = await connect_async(self._conninfo)
        try:
            with translated():
                await connection.execute(_queries["create_staging"])
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return connection


def _refused_row(kind: str, row: Row | StatusRow, cause: DatabaseRefused) -> DeadLetter:
    """Make the dead letter of a row that the database refused although every check passed."""
    record = row if isinstance(row, Row) else None
    payload = row.message.payload
    if record is not None:
        payload = list_record_bytes(payload)[record.place]
    return dead_letter(
        row.message.topic,
        payload,
        "database_refused",
        cause.message[:200],
        device=row.device,
        kind=kind,
        epoch=record.epoch if record else None,
        seq=record.seq if record else None,
        agency_id=row.device.agency_id,
        device_id=row.device.device_id,
    )
