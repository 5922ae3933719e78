"""Journals as rows of PostgreSQL's binary COPY. Pure.

Binary, because it spares both sides the text of ten numbers, three times and two arrays a journal.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from sapar.core.errors import Fault
from sapar.ticketing.types import Journal

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
COPY_BYTES: Final = 1 << 16
"""So much is sent at a time: the server works while the next rows are made."""
EPOCH_MS: Final = 946_684_800_000
"""2000-01-01, where PostgreSQL's times begin, in Unix milliseconds."""
EPOCH_DAY: Final = date(2000, 1, 1).toordinal()
"""The same day, where its dates begin."""

_COLUMNS = 21  # of the query `copy_journals`, in the order in which they are written here
_NULL = b"\xff\xff\xff\xff"
_NO_KEY = _NULL + _NULL
_INT8 = 20  # PostgreSQL's number of the type bigint

_of_tap = struct.Struct("!hiqiqihiqiiiiiiqiqiq").pack
_of_card = struct.Struct("!hiqiiiqiiiiiiqiqiq").pack
_first = struct.Struct("!hiq").pack
_when = struct.Struct("!iiiiiqiqiq").pack
_int2 = struct.Struct("!ih").pack
_int4 = struct.Struct("!ii").pack
_int8 = struct.Struct("!iq").pack


def journal_row(journal: Journal) -> bytes:
    """Write a journal, whose number and business date are known, as one row."""
    number, business_date = journal.journal_no, journal.business_date
    if number is None or business_date is None:
        raise Fault("a journal without number or business date cannot be written")
    event_ms, raw_ms = journal.event_at_ms, journal.event_at_raw_ms
    when = (
        4, journal.service_date.toordinal() - EPOCH_DAY,
        4, business_date.toordinal() - EPOCH_DAY,
        8, (event_ms - EPOCH_MS) * 1000,
        8, ((event_ms if raw_ms is None else raw_ms) - EPOCH_MS) * 1000,
        8, (journal.received_ms - EPOCH_MS) * 1000,
    )  # fmt: skip
    tap_no, revision, card_no = journal.tap_no, journal.revision, journal.card_no
    no_reversal = journal.reverses is None
    if card_no is not None and tap_no is not None and revision is not None and no_reversal:
        head = _of_tap(_COLUMNS, 8, number, 8, tap_no, 2, revision, 8, card_no, -1, *when)
    elif card_no is not None and tap_no is None and revision is None and no_reversal:
        head = _of_card(_COLUMNS, 8, number, -1, -1, 8, card_no, -1, *when)
    else:
        head = _first(_COLUMNS, 8, number) + _subject(journal) + _when(*when)
    words = _words(
        journal.agency_id, journal.kind, journal.product_id, journal.rider_category,
        journal.tariff_version, journal.rule, journal.actor,
    )  # fmt: skip
    key = _NO_KEY if journal.source_key is None else _key(journal)
    return head + words + key + _arrays(journal.entries)


def _subject(journal: Journal) -> bytes:
    """Write tap, revision, card, and the journal that is reversed."""
    tap_no, revision = journal.tap_no, journal.revision
    card_no, reverses = journal.card_no, journal.reverses
    return b"".join((
        _NULL if tap_no is None else _int8(8, tap_no),
        _NULL if revision is None else _int2(2, revision),
        _NULL if card_no is None else _int8(8, card_no),
        _NULL if reverses is None else _int8(8, reverses),
    ))  # fmt: skip


@lru_cache(maxsize=8192)
def _words(
    agency_id: str,
    kind: str,
    product_id: str | None,
    rider_category: str | None,
    tariff_version: int | None,
    rule: str,
    actor: str,
) -> bytes:
    """Write what many journals have in common."""
    return b"".join((
        _text(agency_id),
        _text(kind),
        _text(product_id),
        _text(rider_category),
        _NULL if tariff_version is None else _int4(4, tariff_version),
        _text(rule),
        _text(actor),
    ))  # fmt: skip


def _key(journal: Journal) -> bytes:
    content_hash = journal.content_hash
    written = _NULL if content_hash is None else _int_length(len(content_hash)) + content_hash
    return _text(journal.source_key) + written


def _arrays(entries: Mapping[int, int]) -> bytes:
    """Write accounts and amounts as two arrays of bigint."""
    count = len(entries)
    head = (20 + 12 * count, 1, 0, _INT8, count, 1)
    flat = [*head]
    for number in entries:
        flat += (8, number)
    flat += head
    for amount in entries.values():
        flat += (8, amount)
    return _both_arrays(count)(*flat)


@lru_cache(maxsize=64)
def _both_arrays(count: int) -> Callable[..., bytes]:
    one = "6i" + "iq" * count
    return struct.Struct("!" + one + one).pack


_int_length = struct.Struct("!i").pack


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode()
    return _int_length(len(data)) + data
