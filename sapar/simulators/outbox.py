"""What a device keeps: every record until an acknowledgement names it. Pure, time passed in.

This is the rule that makes delivery sure (docs/wire-contract.md): the broker's PUBACK frees
nothing; a record goes when `ack` names its number, or its digest when the record was unreadable.
What was sent and not named in time is sent again, in batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from sapar.contract.codec import BATCH_RECORDS_MAX, Encoding, digest_of, encoding_of
from sapar.contract.messages import Ack

ACK_TIMEOUT_S = 10.0
"""Wall seconds without an acknowledgement after which a record is sent again."""


@dataclass(slots=True, eq=False)
class Entry:
    """One record that is kept, or two contents of one number (`records` is 2 then).

    Attributes:
        kind: topic kind; epoch, seq: the record's number.
        payload: the encoded record; of two contents, both as they stand in a batch.
        records: how many records `payload` holds.
        alone: travels in a message of its own (what cannot be read would spoil a batch).
        digest: SHA-256 of an unreadable payload; empty otherwise.
        copies: how often it is sent the first time.
        note: whatever the observer of the device wants to remember; the device never looks.
        sends: how often it was sent.
    """

    kind: str
    epoch: int
    seq: int
    payload: bytes
    records: int = 1
    alone: bool = False
    digest: str = ""
    copies: int = 1
    note: object = None
    sends: int = field(default=0)


def join(payloads: list[bytes], encoding: Encoding, records: int) -> bytes:
    """Make one batch of encoded records (each may hold several, joined the same way)."""
    if encoding == "json":
        return b"[" + b",".join(payloads) + b"]"
    if records <= 15:
        return bytes([0x90 | records]) + b"".join(payloads)
    return b"\xdc" + records.to_bytes(2, "big") + b"".join(payloads)


def pair(first: bytes, second: bytes, encoding: Encoding) -> bytes:
    """Put two encoded records behind each other as they stand inside a batch."""
    return first + (b"," if encoding == "json" else b"") + second


class Outbox:
    """Records on a device in the order they were made.

    Args:
        ack_timeout_s: wait for an acknowledgement, seconds of the clock that `take` is given.
        entries_max: room on the device; when it is full the oldest record is lost and counted.
    """

    def __init__(self, ack_timeout_s: float = ACK_TIMEOUT_S, entries_max: int = 100_000) -> None:
        self.ack_timeout_s = ack_timeout_s
        self.entries_max = entries_max
        self.overflowed = 0
        self._kept: dict[tuple[str, int, int], Entry] = {}
        self._unread: dict[str, Entry] = {}
        self._fresh: deque[Entry] = deque()
        self._waiting: deque[tuple[float, Entry]] = deque()

    def __len__(self) -> int:
        return len(self._kept) + len(self._unread)

    def __iter__(self) -> Iterator[Entry]:
        yield from self._kept.values()
        yield from self._unread.values()

    @property
    def backlog(self) -> int:
        """How many records are ready to be sent now."""
        return len(self._fresh)

    @property
    def due_s(self) -> float | None:
        """When the next record is to be sent again; None while none waits."""
        self._forget_acknowledged()
        return self._waiting[0][0] if self._waiting else None

    def add(self, entry: Entry) -> None:
        """Keep a new record; `take` gives it next time."""
        if entry.alone and not entry.digest:
            entry.digest = digest_of(entry.payload)
        if entry.digest:
            self._unread[entry.digest] = entry
        else:
            self._kept[entry.kind, entry.epoch, entry.seq] = entry
        self._fresh.append(entry)
        if len(self) > self.entries_max:
            self._drop_oldest()

    def take(
        self, now_s: float, *, records_max: int = BATCH_RECORDS_MAX, newest_first: bool = False
    ) -> list[Entry]:
        """Give what to send in the next message: new records, and those whose wait is over.

        All are of one kind and hold at most `records_max` records; what must travel alone comes
        alone. Tell the outbox what became of them with `sent` or `unsent`.
        """
        while self._waiting and self._waiting[0][0] <= now_s:
            entry = self._waiting.popleft()[1]
            if self._is_kept(entry):
                self._fresh.append(entry)
        taken: list[Entry] = []
        passed: list[Entry] = []
        records = 0
        while self._fresh and len(passed) < records_max:
            entry = self._fresh.pop() if newest_first else self._fresh.popleft()
            if not self._is_kept(entry):
                continue
            if not taken or (
                entry.kind == taken[0].kind
                and not entry.alone
                and records + entry.records <= records_max
            ):
                taken.append(entry)
                records += entry.records
            else:
                passed.append(entry)
            if taken[0].alone or records >= records_max:
                break
        if newest_first:
            self._fresh.extend(reversed(passed))
        else:
            self._fresh.extendleft(reversed(passed))
        return taken

    def sent(self, entries: Iterable[Entry], now_s: float | None) -> None:
        """Start the wait for the acknowledgement of what was sent; None waits for none."""
        for entry in entries:
            entry.sends += 1
            if now_s is not None:
                self._waiting.append((now_s + self.ack_timeout_s, entry))

    def unsent(self, entries: list[Entry]) -> None:
        """Put back what could not be sent."""
        self._fresh.extendleft(reversed(entries))

    def free(self, entries: Iterable[Entry]) -> None:
        """Forget records without an acknowledgement (a tracker that cannot resend)."""
        for entry in entries:
            self._unread.pop(entry.digest, None)
            self._kept.pop((entry.kind, entry.epoch, entry.seq), None)

    def acknowledge(self, ack: Ack) -> list[tuple[Entry, str]]:
        """Free what an acknowledgement names.

        Returns:
            The records freed, each with the code of its refusal, or "" when it is stored.
        """
        freed: list[tuple[Entry, str]] = []
        for named in ack.refused:
            entry = self._kept.pop((ack.kind, named.epoch, named.seq), None)
            if entry is not None:
                freed.append((entry, named.code))
        for stored in ack.stored:
            for low, high in stored.ranges:
                freed.extend((e, "") for e in self._pop_range(ack.kind, stored.epoch, low, high))
        for unread in ack.undecodable:
            entry = self._unread.pop(unread.digest, None)
            if entry is not None:
                freed.append((entry, unread.code))
        return freed

    def _pop_range(self, kind: str, epoch: int, low: int, high: int) -> list[Entry]:
        if high - low < len(self._kept):
            keys = [(kind, epoch, seq) for seq in range(low, high + 1)]
        else:
            keys = [k for k in self._kept if k[:2] == (kind, epoch) and low <= k[2] <= high]
        found = (self._kept.pop(key, None) for key in keys)
        return [entry for entry in found if entry is not None]

    def _is_kept(self, entry: Entry) -> bool:
        if entry.digest:
            return entry.digest in self._unread
        return self._kept.get((entry.kind, entry.epoch, entry.seq)) is entry

    def _forget_acknowledged(self) -> None:
        while self._waiting and not self._is_kept(self._waiting[0][1]):
            self._waiting.popleft()

    def _drop_oldest(self) -> None:
        self.free([next(iter(self))])
        self.overflowed += 1


def decode_ack(payload: bytes) -> Ack | None:
    """Read an acknowledgement in either encoding; None for bytes that are none."""
    decoder = _ACK_JSON if encoding_of(payload) == "json" else _ACK_MSGPACK
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError:
        return None


_ACK_JSON = msgspec.json.Decoder(Ack)
_ACK_MSGPACK = msgspec.msgpack.Decoder(Ack)
