"""How a record becomes a line of COPY: one table, its columns and one format per kind. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sapar.contract.messages import Event, Fix, Shift

NULL = "None"
"""How COPY spells NULL here: what Python writes for a missing value."""


def _text(value: str | None) -> str | None:
    r"""Escape a text for COPY; the word `None` is escaped too, for it would read as NULL.

    A NUL cannot be stored at all: it is passed on so that the database refuses the row.
    """
    if value is None:
        return None
    if value == NULL:
        return "Non\\e"
    if "\\" in value or not value.isprintable():
        value = value.replace("\\", "\\\\").replace("\t", "\\t")
        value = value.replace("\n", "\\n").replace("\r", "\\r")
    return value


def _fix(fix: Fix) -> str:
    return (
        f"{fix.time_ms}\t{fix.epoch}\t{fix.seq}\t{fix.latitude!r}\t{fix.longitude!r}"
        f"\t{fix.speed_mps}\t{fix.bearing_deg}\t{fix.odometer_m}\t{fix.accuracy_m}"
        f"\t{fix.satellites}\t{_text(fix.trip_id)}\t{_text(fix.route_id)}"
        f"\t{_text(fix.block_id)}\t{_text(fix.driver_id)}\t{fix.doors_open}\t{fix.ignition}"
        f"\t{fix.occupancy_count}"
    )


def _event(event: Event) -> str:
    data = None if event.data is None else msgspec.json.encode(event.data, order="sorted").decode()
    return (
        f"{event.time_ms}\t{event.epoch}\t{event.seq}\t{_text(event.kind)}"
        f"\t{event.latitude}\t{event.longitude}\t{_text(data)}"
    )


def _shift(shift: Shift) -> str:
    return (
        f"{shift.time_ms}\t{shift.epoch}\t{shift.seq}\t{shift.action}\t{_text(shift.driver_id)}"
        f"\t{_text(shift.trip_id)}\t{_text(shift.route_id)}\t{_text(shift.block_id)}"
    )


@dataclass(frozen=True, slots=True)
class Table:
    """Where the records of a kind go.

    Attributes:
        kind: kind of the topic.
        name: the hypertable; `{name}_in` is its staging table (see queries.sql).
        line: gives the record's content as COPY columns, tab-separated, beginning with time_ms.
    """

    kind: str
    name: str
    line: Callable[[Any], str]


TABLES: dict[str, Table] = {
    "gps": Table("gps", "fix", _fix),
    "event": Table("event", "event", _event),
    "shift": Table("shift", "shift", _shift),
}
"""Kinds that ingest stores; taps belong to ticketing."""


def content_digest(content: str) -> int:
    """Digest a record's content (64 bit, signed) so that other content gets another row."""
    digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
