"""The deny list, packed: an exact set of short hashes, so that a million blocks fit a validator.

A card is represented by the first 40 bits of the SHA-256 of its reference. The sorted hashes are
written as an Elias-Fano list (P. Elias, "Efficient storage and retrieval by content and address of
static files", 1974): about 2 bits a card above the least that any exact coding of the set needs,
and still searched in place. docs/cards.md tells the layout byte by byte, for firmware.

Two cards may share a hash. The server knows every card of its own, so a card that is not blocked
and shares the hash of one that is stands in `spared` with a mark of 128 bits: no rider of ours is
refused for somebody else's block. A card that the server never saw is hit by chance with less than
(cards on the list) / 2^40, one in a million at 1.3 million blocks; its denied tap makes it known,
and the next version spares it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sapar.contract.messages import DenyList
from sapar.core.errors import BadInput

HASH_BITS = 40
MARK_BYTES = 16
_HASH_BYTES = HASH_BITS // 8
_HEADER_BYTES = 5  # count (4 bytes, big-endian) and the width of the low parts (1)

Hashes = NDArray[np.uint64]
"""Sorted hashes, each once."""


def hash_of(card_ref: str) -> int:
    """Give the 40-bit hash of a card."""
    return int.from_bytes(hashlib.sha256(card_ref.encode()).digest()[:_HASH_BYTES], "big")


def mark_of(card_ref: str) -> bytes:
    """Give the 128-bit mark of a card, as `spared` holds it."""
    return hashlib.sha256(card_ref.encode()).digest()[:MARK_BYTES]


def hashes_of(card_refs: Iterable[str]) -> Hashes:
    """Give the sorted hashes of some cards."""
    return np.unique(np.fromiter(map(hash_of, card_refs), dtype=np.uint64))


def check_of(hashes: Hashes) -> bytes:
    """Give 8 bytes that tell whether a device's list is the server's."""
    return hashlib.sha256(hashes.astype(">u8").tobytes()).digest()[:8]


def pack(hashes: Hashes) -> bytes:
    """Write sorted hashes as an Elias-Fano list.

    Layout: the count (4 bytes, big-endian), the width w of the low parts in bits (1 byte), the low
    w bits of each hash one after another (high bit first, filled up to a byte), then the high parts
    in unary: for each value of them, from 0 on, a 1 for every hash that has it and one 0.
    """
    count = len(hashes)
    width = _low_width(count)
    header = count.to_bytes(4, "big") + bytes([width])
    if count == 0:
        return header
    shifts = np.arange(width - 1, -1, -1, dtype=np.uint64)
    low = ((hashes[:, None] >> shifts) & np.uint64(1)).astype(np.uint8)
    high = (hashes >> np.uint64(width)).astype(np.int64)
    unary = np.zeros(count + (1 << (HASH_BITS - width)), dtype=np.uint8)
    unary[high + np.arange(count)] = 1
    return header + np.packbits(low.ravel()).tobytes() + np.packbits(unary).tobytes()


def unpack(packed: bytes) -> Hashes:
    """Read an Elias-Fano list.

    Raises:
        BadInput: it is none (`deny_list_packing`).
    """
    count = int.from_bytes(packed[:4], "big")
    width = _low_width(count)
    if len(packed) < _HEADER_BYTES or packed[4] != width:
        raise _malformed("its header")
    if count == 0:
        return np.empty(0, dtype=np.uint64)
    low_bytes = -(-count * width // 8)
    unary_bits = count + (1 << (HASH_BITS - width))
    if len(packed) != _HEADER_BYTES + low_bytes - (-unary_bits // 8):
        raise _malformed("its length")
    body = np.frombuffer(packed, dtype=np.uint8, offset=_HEADER_BYTES)
    bits = np.unpackbits(body[:low_bytes])[: count * width].reshape(count, width)
    low = np.zeros(count, dtype=np.uint64)
    for column in range(width):
        low = (low << np.uint64(1)) | bits[:, column]
    unary = np.unpackbits(body[low_bytes:])
    places = np.flatnonzero(unary)
    if len(places) != count or places[-1] >= unary_bits:
        raise _malformed("the number of its entries")
    high = (places - np.arange(count)).astype(np.uint64)
    hashes = (high << np.uint64(width)) | low
    if np.any(hashes[1:] <= hashes[:-1]):
        raise _malformed("the order of its entries")
    return hashes


def _low_width(count: int) -> int:
    return max(0, HASH_BITS - count.bit_length())


def _malformed(what: str) -> BadInput:
    return BadInput(
        f"the packed deny list is damaged: {what} is wrong",
        code="deny_list_packing",
        hint="Keep the list in use and fetch the whole list again.",
    )


def full_list(
    version: int, issued_at_ms: int, hashes: Hashes, spared: Iterable[bytes] = ()
) -> DenyList:
    """Make the message with a whole list."""
    return DenyList(
        version=version,
        issued_at_ms=issued_at_ms,
        cards=len(hashes),
        added=pack(hashes),
        spared=b"".join(sorted(spared)) or None,
        check=check_of(hashes),
    )


def delta_list(
    version: int,
    issued_at_ms: int,
    base_version: int,
    base: Hashes,
    hashes: Hashes,
    spared: Iterable[bytes] = (),
) -> DenyList:
    """Make the message that turns the whole list `base` into `hashes`, and nothing else does."""
    return DenyList(
        version=version,
        issued_at_ms=issued_at_ms,
        base_version=base_version,
        cards=len(hashes),
        added=pack(np.setdiff1d(hashes, base, assume_unique=True)),
        removed=pack(np.setdiff1d(base, hashes, assume_unique=True)),
        spared=b"".join(sorted(spared)) or None,
        check=check_of(hashes),
    )


@dataclass(frozen=True, slots=True)
class DenySet:
    """A list as a validator uses it: `ref in deny_set` says whether to refuse the ride.

    Attributes:
        version: what the validator writes on its taps as `denylist_version`.
        hashes: who is on it.
        spared: marks of cards that share a hash with one on the list and are not on it.
        card_refs: cards that a message names by their whole reference.
    """

    version: int
    hashes: Hashes
    spared: frozenset[bytes] = frozenset()
    card_refs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, full: DenyList) -> DenySet:
        """Take a whole list over.

        Raises:
            BadInput: it is damaged (`deny_list_packing`), or a delta (`deny_list_base`).
        """
        if full.base_version is not None:
            raise _other_base(full.base_version)
        hashes = np.empty(0, dtype=np.uint64) if full.added is None else unpack(full.added)
        return _set_of(full, hashes)

    def updated(self, delta: DenyList) -> DenySet:
        """Give the list that a delta makes of this one, which must be the whole list it names.

        Raises:
            BadInput: it is against another version (`deny_list_base`) or damaged
                (`deny_list_packing`): fetch the whole list.
        """
        if delta.base_version != self.version:
            raise _other_base(delta.base_version)
        removed = unpack(delta.removed or pack(np.empty(0, dtype=np.uint64)))
        added = unpack(delta.added or pack(np.empty(0, dtype=np.uint64)))
        return _set_of(delta, np.union1d(np.setdiff1d(self.hashes, removed), added))

    def __contains__(self, card_ref: str) -> bool:
        if card_ref in self.card_refs:
            return True
        wanted = np.uint64(hash_of(card_ref))
        place = int(np.searchsorted(self.hashes, wanted))
        if place == len(self.hashes) or self.hashes[place] != wanted:
            return False
        return mark_of(card_ref) not in self.spared


def _set_of(message: DenyList, hashes: Hashes) -> DenySet:
    if message.check is not None and message.check != check_of(hashes):
        raise _malformed("the check of its content")
    marks = message.spared or b""
    return DenySet(
        version=message.version,
        hashes=hashes,
        spared=frozenset(
            marks[start : start + MARK_BYTES] for start in range(0, len(marks), MARK_BYTES)
        ),
        card_refs=frozenset(message.card_refs),
    )


def _other_base(base_version: int | None) -> BadInput:
    return BadInput(
        f"the delta is against version {base_version}",
        code="deny_list_base",
        hint="Fetch the whole list.",
    )
