"""Protobuf messages of one kind in bulk: their fields as arrays, without an object for each.

A tick has some ninety thousand stop_time_updates; reading them with the bindings takes a quarter of
a second, in which nobody else gets an answer. Here all messages are read in step: the first field
of each, then the second of each. Any writer's field order will do; a test holds it against the
bindings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.core.errors import BadInput

Longs = NDArray[np.int64]
Bytes = NDArray[np.uint8]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types."""
_VARINT_MAX = 10


@dataclass(frozen=True, slots=True)
class Step:
    """The next field of some messages.

    Attributes:
        which: numbers of the messages that have one more field.
        field: its number.
        kind: its wire type.
        start: where it begins, with its tag; body, where its content begins; end, behind it.
        value: of a varint; else its length.
    """

    which: Longs
    field: Longs
    kind: Longs
    start: Longs
    body: Longs
    end: Longs
    value: Longs


def read_in_step(data: Bytes, begin: Longs, end: Longs) -> Iterator[Step]:
    """Give the fields of the messages that lie between `begin` and `end`, all firsts first.

    Raises:
        BadInput: they are no messages.
    """
    which = np.arange(len(begin), dtype=np.int64)
    at = begin.astype(np.int64)
    try:
        while True:
            left = at < end[which]
            if not left.all():
                which, at = which[left], at[left]
            if not len(which):
                return
            start = at
            tag, at = read_varints(data, at)
            kind = tag & 7
            value, after = read_varints(data, at)
            fixed = (kind == FIXED32) | (kind == FIXED64)
            if fixed.any():
                value = np.where(kind == FIXED32, 4, np.where(kind == FIXED64, 8, value))
                after = np.where(fixed, at, after)
            body = np.where(kind == VARINT, at, after)
            at = np.where(kind == VARINT, after, after + value)
            if (at > end[which]).any() or (kind == 3).any():
                raise BadInput("not a message", code="decode_error")
            yield Step(which, tag >> 3, kind, start, body, at, value)
    except IndexError:
        raise BadInput("a message ends too soon", code="decode_error") from None


def read_varints(data: Bytes, at: Longs) -> tuple[Longs, Longs]:
    """Read a varint at each place; give the values and the places behind them."""
    first = data[np.minimum(at, len(data) - 1)]
    value = (first & 0x7F).astype(np.int64)
    after = at + 1
    more = np.flatnonzero(first & 0x80)
    shift = 7
    while len(more):
        if shift >= 7 * _VARINT_MAX:
            raise BadInput("a number is too long", code="decode_error")
        byte = data[after[more]]
        value[more] |= (byte & 0x7F).astype(np.int64) << shift
        after[more] += 1
        more = more[(byte & 0x80) != 0]
        shift += 7
    return value, after


def list_parts(data: bytes, field: int) -> list[tuple[int, int]]:
    """List where the messages in a repeated field of a message begin and end; for a few thousand.

    Raises:
        BadInput: it is no message.
    """
    found, at, size = [], 0, len(data)
    try:
        while at < size:
            tag, at = _varint(data, at)
            if tag & 7 == VARINT:
                _, at = _varint(data, at)
                continue
            if tag & 7 == LENGTH:
                length, at = _varint(data, at)
            else:
                length = 4 if tag & 7 == FIXED32 else 8
            if tag >> 3 == field:
                found.append((at, at + length))
            at += length
    except IndexError:
        raise BadInput("a message ends too soon", code="decode_error") from None
    if at > size:
        raise BadInput("a message ends too soon", code="decode_error")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
