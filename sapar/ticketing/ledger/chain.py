"""The tamper-evident chain over all journals, hashed behind the postings.

A block covers every journal of the transactions from one horizon to the next. The horizon is the
lowest transaction still running: what lies below it is committed or gone for good, so a journal
that commits late is in a later block, and none is skipped. Poster and hasher never wait for each
other.

The hash of a block is the SHA-256 of `MAGIC`, the hash before it (32 zero bytes before the first),
its number, the first and the next transaction, the number of journals (each 8 bytes, big-endian),
and the SHA-256 of its journals in the order of their numbers. A journal is written as PostgreSQL's
binary COPY writes the columns of the query `copy_block`: a 2-byte count of columns, then each as a
4-byte length (-1: null) and its bytes. Nothing else enters, so no two ledgers have the same bytes.

A database that was restored from a dump counts transactions from somewhere else. Below the last
block's end a trigger refuses every posting and `hash_new` stops, both until `rebase` has put the
new numbers above all old ones; what was posted and not hashed before the dump comes into the next
block. A restored copy of the files counts on by itself. What the restore lost shows in the
published heads, which no block has any more.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import AsyncIterator
from datetime import date
from typing import Final, NamedTuple

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, connect_async, load_queries, translated
from sapar.core.errors import Refused, Unavailable
from sapar.core.log import get_logger

_QUERIES = load_queries("sapar.ticketing.ledger")
_log = get_logger()

MAGIC: Final = b"sapar ledger block 1"
NO_HASH: Final = bytes(32)
_HEADER_BYTES = 19  # of a binary COPY: signature, flags, no extension
_TRAILER = b"\xff\xff"
_numbers = struct.Struct("!qqqq").pack


class Block(NamedTuple):
    """A link of the chain; `to_xid` is exclusive, and the next block's `from_xid`."""

    block_no: int
    from_xid: int
    to_xid: int
    journals: int
    previous_hash: bytes
    hash: bytes


class Body(NamedTuple):
    """What the journals of a block come to: their number and the SHA-256 of their bytes."""

    journals: int
    digest: bytes


def block_hash(block: Block, body_digest: bytes) -> bytes:
    """Compute the hash that `block` must have."""
    numbers = _numbers(block.block_no, block.from_xid, block.to_xid, block.journals)
    return hashlib.sha256(MAGIC + block.previous_hash + numbers + body_digest).digest()


async def read_body(
    connection: AsyncConnection, from_xid: int, to_xid: int
) -> AsyncIterator[bytes]:
    """Give the bytes of the journals of these transactions, piece by piece."""
    names = {"from_xid": from_xid, "to_xid": to_xid}
    skip, held = _HEADER_BYTES, b""
    with translated():
        async with (
            connection.cursor() as cursor,
            cursor.copy(_QUERIES["copy_block"], names) as copy,
        ):
            async for piece in copy:
                data = bytes(piece)
                cut = min(skip, len(data))
                skip -= cut
                if held:
                    yield held
                held = data[cut:]
    # the end mark may come alone or behind the last journal
    if not held.endswith(_TRAILER):
        raise Unavailable("the journals ended early", code="database_unavailable")
    if held != _TRAILER:
        yield held[: -len(_TRAILER)]


async def body_of(connection: AsyncConnection, from_xid: int, to_xid: int) -> Body:
    """Count and hash the journals of these transactions.

    In a transaction that sees them all, with none of them running.
    """
    with translated():
        found = await connection.execute(
            _QUERIES["count_block"], {"from_xid": from_xid, "to_xid": to_xid}
        )
        row = await found.fetchone()
    assert row is not None
    digest = hashlib.sha256()
    async for piece in read_body(connection, from_xid, to_xid):
        digest.update(piece)
    return Body(row[0], digest.digest())


async def find_last_block(connection: AsyncConnection) -> Block | None:
    """Give the head of the chain."""
    with translated():
        found = await connection.execute(_QUERIES["find_last_block"])
        row = await found.fetchone()
    return None if row is None else Block(*row)


async def list_blocks(connection: AsyncConnection) -> list[Block]:
    """Give all blocks in order."""
    with translated():
        found = await connection.execute(_QUERIES["list_blocks"])
        return [Block(*row) for row in await found.fetchall()]


async def hash_new(connection: AsyncConnection) -> Block | None:
    """Append a block over what was posted since the last one.

    Args:
        connection: not in a transaction.

    Returns:
        The block; None when there is nothing new, or another process is at it.

    Raises:
        Refused: `chain_restored`; see the module.
    """
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["begin_hashing"])
            row = await found.fetchone()
            assert row is not None
            is_mine, horizon = row
            if not is_mine:
                return None
            last = await find_last_block(connection)
            from_xid, previous = (0, NO_HASH) if last is None else (last.to_xid, last.hash)
            if horizon < from_xid:
                raise Refused(
                    "the chain is ahead of this server's transactions: it was restored",
                    code="chain_restored",
                    hint="Run sapar ticketing chain rebase.",
                )
            if horizon == from_xid:
                return None
            body = await body_of(connection, from_xid, horizon)
            if not body.journals:
                return None
            number = 1 if last is None else last.block_no + 1
            block = Block(number, from_xid, horizon, body.journals, previous, NO_HASH)
            block = block._replace(hash=block_hash(block, body.digest))
            await connection.execute(_QUERIES["insert_block"], block._asdict())
            return block


class Head(NamedTuple):
    """The chain at the end of a UTC day, to be kept where the database's owner cannot reach."""

    head_date: date
    block_no: int
    hash: bytes
    journals: int


async def publish_heads(connection: AsyncConnection, today: date | None = None) -> list[Head]:
    """Write down the head of every ended UTC day that has none yet, and give these.

    A day has ended before `today`, which is the database's if not given.
    """
    with translated():
        async with connection.transaction():
            found = await connection.execute(_QUERIES["publish_heads"], {"today": today})
            return sorted(Head(*row) for row in await found.fetchall())


async def list_heads(connection: AsyncConnection) -> list[Head]:
    """Give the published heads in order."""
    with translated():
        found = await connection.execute(_QUERIES["list_heads"])
        return [Head(*row) for row in await found.fetchall()]


async def rebase(connection: AsyncConnection) -> int:
    """Put transaction numbers above all that journals and chain have; give the new offset.

    After a restore from a dump; as the owner of the tables. Harmless at any other time.
    """
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_journal"])
            found = await connection.execute(_QUERIES["find_highest_xid"])
            row = await found.fetchone()
            assert row is not None
            offset = int(row[0])
            # a function's body takes no parameters; the number is ours
            await connection.execute(
                _QUERIES["set_xid_offset"].replace("OFFSET_NUMBER", str(offset))
            )
            return offset


async def keep_chain(conninfo: str, clock: Clock, interval_s: float) -> None:
    """Hash what is new every `interval_s`, and publish each day's head, until cancelled."""
    while True:
        try:
            await _keep_for_a_while(conninfo, clock, interval_s)
        except (Unavailable, Refused) as exc:
            _log.error("chain_stands", reason=exc.message, code=exc.code)
        await clock.sleep(interval_s)


async def _keep_for_a_while(conninfo: str, clock: Clock, interval_s: float) -> None:
    connection = await connect_async(conninfo)
    try:
        while True:
            block = await hash_new(connection)
            if block is not None:
                _log.info("chain_block", block_no=block.block_no, journals=block.journals)
            for head in await publish_heads(connection):
                _log.info(
                    "chain_head", date=str(head.head_date), block_no=head.block_no,
                    hash=head.hash.hex(),
                )  # fmt: skip
            await clock.sleep(interval_s)
    finally:
        await connection.close()
