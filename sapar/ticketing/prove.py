"""Seals judged again: taps that were held for want of a key, when the key is known.

A validator may ride for days before anybody registers its key. Its taps are kept as received and
held; what they come to then is what they had come to with the key there from the start. Nothing
else is judged again: a seal that a known key has disproved, and one made after its key was revoked,
stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sapar.contract.codec import decode
from sapar.contract.messages import Tap
from sapar.contract.seal import canonical_bytes, digest
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.log import get_logger
from sapar.ticketing.keys import KeyRing, find_master_key
from sapar.ticketing.ledger.business_days import read_closed_days
from sapar.ticketing.post import Tools, judge_and_write, post_scene, receive_numbers
from sapar.ticketing.taps import store
from sapar.ticketing.taps.clocks import correct_clocks
from sapar.ticketing.taps.evidence import Evidence
from sapar.ticketing.taps.reading import read_touched
from sapar.ticketing.types import Posted
from sapar.ticketing.verify import judge_seal

PROVABLE: Final = ("unknown_key", "key_not_valid", "wrong_algorithm")
"""Why a seal could not be judged: under its number no key, not yet, or of another algorithm."""

_AT_ONCE: Final = 500
_QUERIES = load_queries("sapar.ticketing")
_log = get_logger()


class _Resolved(Exception):
    """A posting has resolved some of the taps since they were found; the others begin anew."""

    def __init__(self, tap_nos: set[int]) -> None:
        super().__init__(tap_nos)
        self.tap_nos = tap_nos


class Proved(NamedTuple):
    """What judging seals again came to.

    Attributes:
        looked_at: taps that were held for want of a key.
        good: of these, how many have a good seal now.
        disproved: how many have a seal that their key shows to be wrong, or was revoked before.
        journals: how many were posted.
    """

    looked_at: int = 0
    good: int = 0
    disproved: int = 0
    journals: int = 0


async def prove_seals(
    connection: AsyncConnection,
    tools: Tools,
    master_key_file: Path,
    agency_id: str,
    device_id: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Proved:
    """Judge the seals of taps that are held for want of a key by the keys as they are now.

    Args:
        connection: in autocommit; some hundred taps of one device are one transaction.
        tools: see `Tools`.
        master_key_file: from which secrets of HMAC are derived.
        agency_id: whose taps.
        device_id: of one device alone; None: of all.
        progress: told how many of how many taps are done.

    Raises:
        Refused: a device has an HMAC key and there is no master key (`tap_master_key`).
        Unavailable: the database does not answer; what was committed stays.
    """
    names = {"agency_id": agency_id, "device_id": device_id, "codes": list(PROVABLE)}
    with translated():
        rows = await (await connection.execute(_QUERIES["provable_taps"], names)).fetchall()
    master = find_master_key(master_key_file) if rows else None
    found = Proved()
    for _, mine in groupby(rows, key=itemgetter(0)):
        of_device = list(mine)
        for start in range(0, len(of_device), _AT_ONCE):
            part = of_device[start : start + _AT_ONCE]
            with translated():
                one = await _prove_part(connection, tools, master, agency_id, part)
            found = Proved(*map(sum, zip(found, one, strict=True)))
            progress(found.looked_at, len(rows))
    return found


async def _prove_part(
    connection: AsyncConnection,
    tools: Tools,
    master: bytes | None,
    agency_id: str,
    rows: Sequence[Any],
) -> Proved:
    """Judge the seals of some taps of one device in a transaction of its own.

    What somebody resolves by a posting before the taps' cards are locked is left out. Which other
    taps and cards go with the rest follows from the whole of them, so the rest begins anew.
    """
    left = rows
    while left:
        try:
            async with connection.transaction():
                found = await _prove_rows(connection, tools, master, agency_id, left)
                return found._replace(looked_at=len(rows))
        except _Resolved as exc:
            left = [row for row in left if row[3] not in exc.tap_nos]
    return Proved(len(rows))


async def _prove_rows(
    connection: AsyncConnection,
    tools: Tools,
    master: bytes | None,
    agency_id: str,
    rows: Sequence[Any],
) -> Proved:
    """Judge the seals of some taps of one device, in the caller's transaction.

    Raises:
        _Resolved: a posting has resolved some; nothing is written yet.
    """
    device_no, device_id = rows[0][0], rows[0][4]
    states = await store.lock_sequences(connection, {(device_no, row[1]) for row in rows})
    ring = await _read_ring(connection, device_no, master)
    columns = {"tap_no": [row[3] for row in rows], "codes": list(PROVABLE)}
    records = await (await connection.execute(_QUERIES["sealed_records"], columns)).fetchall()
    verdicts = {record[0]: _judge(ring, agency_id, device_id, record) for record in records}
    known = await store.load_versions(connection, sorted({row[1:4] for row in records}))
    judged = [tap for tap in known if tap.tap_no in verdicts and verdicts[tap.tap_no] != tap.sealed]
    if not judged:
        return Proved(len(rows))
    for tap in judged:
        tap.sealed = verdicts[tap.tap_no]
    good = [tap for tap in judged if tap.sealed is None]
    await read_closed_days(connection, [agency_id], date.max)
    moved = await correct_clocks(connection, good)
    others = {tap.tap_no: tap for tap in moved} | {tap.tap_no: tap for tap in judged}
    scene = await read_touched(connection, tools.tariffs, list(others.values()))
    await _hold_exceptions(connection, judged)
    scene.touched = good
    await store.write_seals(connection, judged)
    posted = Posted()
    await judge_and_write(connection, tools, scene, posted)
    await receive_numbers(connection, tools, states, _first_seen(good, known))
    await post_scene(connection, tools, scene, posted)
    disproved = sum(tap.sealed is not None and tap.sealed not in PROVABLE for tap in judged)
    return Proved(len(rows), len(good), disproved, posted.journals)


async def _hold_exceptions(connection: AsyncConnection, judged: Sequence[Evidence]) -> None:
    """Keep people from resolving what is proved here; after the cards, the order of resolving.

    Raises:
        _Resolved: somebody has done so.
    """
    columns = {"tap_no": [tap.tap_no for tap in judged], "codes": list(PROVABLE)}
    held = await (await connection.execute(_QUERIES["hold_exceptions"], columns)).fetchall()
    resolved = {tap_no for tap_no, journal_no in held if journal_no is not None}
    if resolved:
        raise _Resolved(resolved)


async def _read_ring(connection: AsyncConnection, device_no: int, master: bytes | None) -> KeyRing:
    columns = {"device_no": [device_no]}
    rows = await (await connection.execute(_QUERIES["keys_of_devices"], columns)).fetchall()
    return KeyRing.of_rows(rows, master)


def _judge(ring: KeyRing, agency_id: str, device_id: str, record: Sequence[Any]) -> str | None:
    """Judge the seal of a stored record; one that is not as it was received stays as it is."""
    tap_no, device_no, _, _, stored, payload, sealed = record
    try:
        tap = decode(bytes(payload), Tap)
    except msgspec.DecodeError as exc:
        _log.error("record_unreadable", tap_no=tap_no, reason=str(exc))
        return str(sealed)
    canonical = canonical_bytes(agency_id, device_id, tap)
    if digest(canonical, tap.signature) != bytes(stored):
        _log.error("record_not_as_received", tap_no=tap_no)
        return str(sealed)
    return judge_seal(ring, device_no, tap, tap.time_ms, canonical)


def _first_seen(
    good: Sequence[Evidence], known: Sequence[Evidence]
) -> Mapping[store.DeviceEpoch, set[int]]:
    """Give the numbers under which nothing with a good seal was stored before."""
    numbers = {tap.tap_no for tap in good}
    before = {tap.identity for tap in known if tap.sealed is None and tap.tap_no not in numbers}
    seqs: dict[store.DeviceEpoch, set[int]] = {}
    for tap in good:
        if tap.identity not in before:
            seqs.setdefault((tap.device_no, tap.epoch), set()).add(tap.seq)
    return seqs
