"""From messages to a batch: the ordered steps that need no I/O.

Receive → what uplink/reception.py does → line. What fails at a step becomes a dead letter with the
step's code; it never stops the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from sapar.contract.checks import check_status
from sapar.contract.codec import Encoding, decode
from sapar.contract.messages import Fix, Status
from sapar.core.clock import Clock
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.ingest.rows import TABLES, to_line
from sapar.uplink.letters import DeadLetter
from sapar.uplink.reception import Reception, Source


class Row(NamedTuple):
    """A good record, ready for COPY.

    Attributes:
        line: COPY columns, without the line's end.
        device: who sent it.
        epoch, seq: its identity.
        message: the message that brought it, and `place`, its place in there: evidence if the
            database refuses the row.
    """

    line: bytes
    device: DeviceEntry
    epoch: int
    seq: int
    message: Message
    place: int


class StatusRow(NamedTuple):
    """The newest status of a device in a batch, when it was received, and by which message."""

    status: Status
    device: DeviceEntry
    message: Message
    received_at: datetime


@dataclass(slots=True)
class Batch:
    """What one transaction writes, and the messages it lets us acknowledge."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in TABLES})
    dead: list[DeadLetter] = field(default_factory=list)
    statuses: dict[int, StatusRow] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    opened_s: float = 0.0

    @property
    def size(self) -> int:
        """How many rows there are to write."""
        return sum(map(len, self.rows.values())) + len(self.dead) + len(self.statuses)


class Intake:
    """Turns messages into batches.

    Args:
        settings: bounds for clocks and sizes.
        clock: transit time for the clock checks, monotonic time for the batch's age.
        metrics: counts refusals.

    Attributes:
        latest: by device number, the newest fix since it was emptied last.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._clock = clock
        self._reception = Reception((*TABLES, "status"), settings, clock, metrics.refused)
        self.latest: dict[int, tuple[DeviceEntry, Fix]] = {}

    @property
    def encodings(self) -> dict[int, Encoding]:
        """By device number, the encoding that the device used last."""
        return self._reception.encodings

    def take(self, messages: Sequence[Message], registry: Registry, batch: Batch) -> int:
        """Add `messages` to `batch`, in order, judging them by `registry` and the clock.

        Stops when the batch is full (`ingest_batch_max`), for one message may hold a thousand
        records; gives how many messages it took, at least one.
        """
        self._reception.begin(registry)
        if not batch.messages:
            batch.opened_s = self._clock.monotonic()
        before = len(batch.messages)
        for message in messages:
            self._take_one(message, batch)
            batch.messages.append(message)
            if batch.size >= self._settings.ingest_batch_max:
                break
        return len(batch.messages) - before

    def _take_one(self, message: Message, batch: Batch) -> None:
        source = self._reception.find_source(message, batch.dead)
        if source is None:
            return
        if source.decoder is None:
            self._take_status(batch, message, source)
            return
        device, kind = source.device, source.kind
        rows = batch.rows[kind]
        for place, record in self._reception.read_records(message, source, batch.dead):
            line = to_line(device.device_no, kind, record)
            rows.append(Row(line, device, record.epoch, record.seq, message, place))
            if kind == "gps":
                self._note_latest(device, record)

    def _note_latest(self, device: DeviceEntry, fix: Fix) -> None:
        known = self.latest.get(device.device_no)
        if known is None or known[1].time_ms < fix.time_ms:
            self.latest[device.device_no] = (device, fix)

    def _take_status(self, batch: Batch, message: Message, source: Source) -> None:
        refuse = self._reception.refuse
        try:
            status = decode(message.payload, Status)
        except msgspec.DecodeError as exc:
            refuse(batch.dead, message, source, "decode_error", str(exc)[:200])
            return
        detail = check_status(status)
        if detail is not None:
            refuse(batch.dead, message, source, "impossible_value", detail)
            return
        row = StatusRow(status, source.device, message, self._clock.now())
        batch.statuses[source.device.device_no] = row
