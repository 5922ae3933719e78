"""The chain and its journals in one file, which proves itself without the database.

`MAGIC`, then block by block: number, first transaction, next transaction, journals (8 bytes each,
big-endian), the hash before it and its own (32 bytes each), then its journals as chain.py describes
them, in pieces of a 4-byte length and so many bytes, ended by a length of zero.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from sapar.core.db import AsyncConnection
from sapar.core.errors import BadInput
from sapar.ticketing.ledger.chain import Block, list_blocks, read_body

MAGIC: Final = b"SAPAR LEDGER 1\n"
_head = struct.Struct("!qqqq32s32s")
_length = struct.Struct("!I")
_PIECE_BYTES = 1 << 20


async def write_chain(connection: AsyncConnection, file: BinaryIO) -> list[Block]:
    """Write all blocks with their journals; give the blocks."""
    file.write(MAGIC)
    blocks = await list_blocks(connection)
    for block in blocks:
        file.write(_head.pack(*block))
        buffer = bytearray()
        async for piece in read_body(connection, block.from_xid, block.to_xid):
            buffer += piece
            if len(buffer) >= _PIECE_BYTES:
                _write_piece(file, buffer)
                buffer.clear()
        if buffer:
            _write_piece(file, buffer)
        file.write(_length.pack(0))
    return blocks


def _write_piece(file: BinaryIO, data: bytes | bytearray) -> None:
    file.write(_length.pack(len(data)))
    file.write(data)


def read_chain(file: BinaryIO) -> Iterator[tuple[Block, Iterator[bytes]]]:
    """Give each block and the pieces of its journals; take the pieces before the next block.

    Raises:
        BadInput: the file is cut short or not of this kind.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise BadInput("this is no exported ledger", code="not_an_export")
    while head := file.read(_head.size):
        if len(head) < _head.size:
            raise _cut()
        yield Block(*_head.unpack(head)), _pieces(file)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while True:
        size = file.read(_length.size)
        if len(size) < _length.size:
            raise _cut()
        (length,) = _length.unpack(size)
        if not length:
            return
        if length > 2 * _PIECE_BYTES:
            raise BadInput("a piece of the exported ledger is too long", code="not_an_export")
        data = file.read(length)
        if len(data) < length:
            raise _cut()
        yield data


def _cut() -> BadInput:
    return BadInput("the exported ledger is cut short", code="export_cut")


def split_journals(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the number and the bytes of each journal of a block's body.

    Raises:
        BadInput: the body is not a sequence of journals.
    """
    at, end = 0, len(body)
    try:
        while at < end:
            begin = at
            (columns,) = struct.unpack_from("!h", body, at)
            at += 2
            for _ in range(columns):
                (length,) = struct.unpack_from("!i", body, at)
                at += 4 + max(length, 0)
            if columns < 1 or at > end:
                raise BadInput("a journal is cut short", code="export_cut")
            yield struct.unpack_from("!q", body, begin + 6)[0], body[begin:at]
    except struct.error as exc:
        raise BadInput("a journal is cut short", code="export_cut") from exc
