"""The deny list as it is published: versions in the database, messages for the validators.

A version is cut when blocked cards differ from those of the last one. Its whole list is retained on
`denylist` seldom, all changes since that on `denylist-delta` often: a bus that comes back after a
week reads a few kilobytes, and the whole list again only when the delta is against one that it does
not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from sapar.contract.codec import encode
from sapar.contract.denylist import Hashes, delta_list, full_list
from sapar.contract.messages import DenyList
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, load_queries, translated

_QUERIES = load_queries("sapar.ticketing.cards")

DELTA_SHARE: Final = 0.25
"""A delta that is larger than this share of the whole list makes the next version a whole one."""
DELTA_BYTES_MIN: Final = 4096
"""Smaller deltas never do: devices would fetch more than they save."""
FULL_AGE: Final = timedelta(days=7)
"""A whole list as old as this is followed by another."""


class Version(NamedTuple):
    """A version of an agency's deny list.

    Attributes:
        number: 0 where there is none yet.
        is_full: it went out whole.
        spared: marks of cards that share a hash with a blocked one.
    """

    number: int
    published_at: datetime
    is_full: bool
    spared: bytes


@dataclass(frozen=True, slots=True)
class Messages:
    """What to retain.

    Attributes:
        full: on `denylist`.
        delta: on `denylist-delta`; empty, but with the version, right after a whole list.
    """

    full: DenyList
    delta: DenyList


async def cut_version(
    connection: AsyncConnection, agency_id: str, clock: Clock, *, look_at_all: bool = True
) -> Version:
    """Cut a new version if blocks or spared cards have changed, and give the newest.

    Args:
        connection: in no transaction; one cutter at a time, the others wait.
        agency_id: whose list.
        clock: transit time, of which `published_at` is; it never goes back.
        look_at_all: look for cards to spare also when no block has changed: a few microseconds for
            each card of the agency, to find one new card among a million that shares a hash.
    """
    names = {"agency_id": agency_id}
    with translated():
        async with connection.transaction():
            await connection.execute(_QUERIES["lock_deny_list"], names)
            last = await find_version(connection, agency_id)
            found = await connection.execute(_QUERIES["count_denied_changes"], names)
            row = await found.fetchone()
            unchanged = row is not None and row[0] == 0 and last.number > 0
            if unchanged and not look_at_all:
                return last
            spared = await _find_spared(connection, agency_id)
            if unchanged and spared == last.spared:
                return last
            number = last.number + 1
            values = names | {"version_no": number}
            await connection.execute(_QUERIES["end_denied"], values)
            await connection.execute(_QUERIES["begin_denied"], values)
            at = max(clock.now(), last.published_at)
            is_full = await _wants_full(connection, agency_id, number, at)
            version = Version(number, at, is_full, spared)
            await connection.execute(
                _QUERIES["add_version"],
                values | {"published_at": at, "is_full": is_full, "spared": spared},
            )
            return version


async def find_version(connection: AsyncConnection, agency_id: str) -> Version:
    """Give the newest version; number 0 where there is none."""
    found = await connection.execute(_QUERIES["newest_version"], {"agency_id": agency_id})
    row = await found.fetchone()
    return Version(0, datetime.fromtimestamp(0, UTC), False, b"") if row is None else Version(*row)


async def _find_spared(connection: AsyncConnection, agency_id: str) -> bytes:
    """Give the marks of all cards that share a hash with a blocked one and are not blocked."""
    found = await connection.execute(_QUERIES["spared_marks"], {"agency_id": agency_id})
    return b"".join(row[0] for row in await found.fetchall())


async def _wants_full(
    connection: AsyncConnection, agency_id: str, number: int, at: datetime
) -> bool:
    found = await connection.execute(_QUERIES["newest_full_version"], {"agency_id": agency_id})
    base = await found.fetchone()
    if base is None or at - base[1] >= FULL_AGE:
        return True
    whole = await hashes_at(connection, agency_id, base[0])
    now = await hashes_at(connection, agency_id, number)
    delta = len(encode(delta_list(number, 0, base[0], whole, now), "msgpack"))
    full = len(encode(full_list(number, 0, now), "msgpack"))
    return delta > max(DELTA_BYTES_MIN, DELTA_SHARE * full)


async def hashes_at(connection: AsyncConnection, agency_id: str, version_no: int) -> Hashes:
    """Give the hashes of the cards on a version of the list."""
    values = {"agency_id": agency_id, "version_no": version_no}
    with translated():
        found = await connection.execute(_QUERIES["denied_hashes"], values, binary=True)
        rows = await found.fetchall()
    packed = b"".join(b"\0\0\0" + row[0] for row in rows)
    return np.unique(np.frombuffer(packed, dtype=">u8").astype(np.uint64))


async def read_messages(connection: AsyncConnection, agency_id: str) -> Messages | None:
    """Make the messages of the newest version; None where there is none.

    They follow from the database alone: after a restart, or by another process, the same bytes.
    """
    with translated():
        version = await find_version(connection, agency_id)
        found = await connection.execute(_QUERIES["newest_full_version"], {"agency_id": agency_id})
        base = await found.fetchone()
    if base is None:
        return None
    base_no, base_at, base_spared = base
    whole = await hashes_at(connection, agency_id, base_no)
    now = (
        whole
        if base_no == version.number
        else await hashes_at(connection, agency_id, version.number)
    )
    full = full_list(base_no, _ms(base_at), whole, _marks(base_spared))
    delta = delta_list(
        version.number, _ms(version.published_at), base_no, whole, now, _marks(version.spared)
    )
    return Messages(full, delta)


def _marks(spared: bytes) -> list[bytes]:
    return [spared[start : start + 16] for start in range(0, len(spared), 16)]


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
