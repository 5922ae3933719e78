"""Dead letters: what cannot be used is kept with a code, and its repeats are counted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sapar.contract.checks import WITHHELD_CODES
from sapar.contract.codec import digest_of
from sapar.contract.pan import may_hold_pan
from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.fleet.registry import DeviceEntry

_queries = load_queries("sapar.uplink")
_WITHHELD = "the bytes may hold the number of a bank card; only their SHA-256 is kept"


class DeadLetter(NamedTuple):
    """Bytes that are kept as evidence.

    Attributes:
        digest: SHA-256 over topic, code and payload: the same refusal twice is one row.
        device: who sent it, or None when unknown; then nobody is told.
        epoch, seq: the record's identity, when it could be decoded.
        name: SHA-256 of the bytes as sent, by which an acknowledgement names what has no identity.
    """

    digest: bytes
    agency_id: str | None
    device_id: str | None
    topic: str
    payload: bytes
    code: str
    detail: str
    device: DeviceEntry | None
    kind: str
    epoch: int | None
    seq: int | None
    name: str


def dead_letter(
    topic: str,
    payload: bytes,
    code: str,
    detail: str,
    *,
    device: DeviceEntry | None,
    kind: str,
    epoch: int | None = None,
    seq: int | None = None,
    agency_id: str | None = None,
    device_id: str | None = None,
    name: str = "",
) -> DeadLetter:
    """Make a dead letter; its digest is taken over topic, code and payload.

    `name` is needed only where `payload` is not all that was sent. In the place of bytes that hold,
    or in a tap's case may hold, the number of a bank card stands their SHA-256.
    """
    name = name or digest_of(payload)
    if topic.endswith("/tap") and (code in WITHHELD_CODES or may_hold_pan(payload)):
        payload = hashlib.sha256(payload).digest()
        detail = _WITHHELD
    joined = b"\0".join((topic.encode(), code.encode(), payload))
    return DeadLetter(
        hashlib.sha256(joined).digest(),
        agency_id,
        device_id,
        topic.replace("\0", ""),
        payload,
        code,
        detail.replace("\0", ""),
        device,
        kind,
        epoch,
        seq,
        name,
    )


async def write_letters(
    connection: AsyncConnection, letters: Sequence[DeadLetter], received_at: datetime
) -> None:
    """Store dead letters in one transaction, or within the caller's.

    Raises:
        Unavailable: the database does not answer.
    """
    if not letters:
        return
    # Sorted by key: two workers with the same letters cannot wait for each other in a circle.
    rows = [
        {
            "digest": letter.digest,
            "agency_id": letter.agency_id,
            "device_id": letter.device_id,
            "topic": letter.topic,
            "payload": letter.payload,
            "code": letter.code,
            "detail": letter.detail,
            "received_at": received_at,
        }
        for letter in sorted(letters, key=lambda letter: letter.digest)
    ]
    with translated():
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(_queries["insert_dead_letter"], rows)
