r"""How a record becomes a line of COPY: one table and its columns per kind. Pure.

A line is CSV that a JSON encoder writes: the values of a record as a JSON array without its
brackets. In COPY's CSV format with `ESCAPE '\'` and `NULL 'null'` such a line reads back as the
very values: numbers, true and false stand as they are, a text is quoted with its quotes and
backslashes escaped, and only an unquoted null is NULL. Control characters, which JSON would write
as escapes that CSV does not know, never get past the checks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sapar.contract.messages import Event, Fix, Record, Shift

_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="deterministic").encode
_values = msgspec.structs.astuple


def _plain(record: Record) -> bytes:
    return _encode(_values(record))[1:-1]


def _event(event: Event) -> bytes:
    """Write nested data as the text of a JSON document, for a column of type jsonb."""
    *values, data = _values(event)
    text = None if data is None else msgspec.json.encode(data, order="sorted").decode()
    return _encode((*values, text))[1:-1]


@dataclass(frozen=True, slots=True)
class Table:
    """Where the records of a kind go.

    Attributes:
        kind: kind of the topic.
        name: the hypertable; `{name}_in` is its staging table (see queries.sql).
        fields: the record's fields in the order of the staging table's columns.
        columns: gives the values of these fields as columns of COPY.
    """

    kind: str
    name: str
    fields: tuple[str, ...]
    columns: Callable[[Any], bytes]


TABLES: dict[str, Table] = {
    "gps": Table("gps", "fix", Fix.__struct_fields__, _plain),
    "event": Table("event", "event", Event.__struct_fields__, _event),
    "shift": Table("shift", "shift", Shift.__struct_fields__, _plain),
}
"""Kinds that ingest stores; taps belong to ticketing."""


def content_digest(record: Record) -> int:
    """Digest a record's content (64 bit, signed) so that other content gets another row.

    It is taken over the fields that are present, by name: a release that adds a field to the
    contract leaves the digests of records without it as they were.
    """
    digest = hashlib.blake2b(_canonical(record), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def to_line(device_no: int, kind: str, record: Record) -> bytes:
    """Write a record of a device as one line of COPY."""
    return b"%d,%d,%b" % (device_no, content_digest(record), TABLES[kind].columns(record))


@dataclass(frozen=True, slots=True)
class Key:
    """The full identity of a line's record."""

    device_no: int
    digest: int
    epoch: int
    seq: int
    time_ms: int

    @classmethod
    def of(cls, line: bytes) -> Key:
        """Read it off a line: the first five columns of every table."""
        return cls(*map(int, line.split(b",", 5)[:5]))
