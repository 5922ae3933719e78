"""From messages to a batch: the ordered steps that need no I/O.

receive → topic → device → decode → check → line. What fails at a step becomes a dead letter with
the step's code; it never stops the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from sapar.contract.checks import RULES_BY_KIND, CheckContext, check_status, find_refusal
from sapar.contract.codec import (
    Encoding,
    RecordDecoder,
    Undecodable,
    decode,
    decoder_for,
    digest_of,
    encoding_of,
    list_record_bytes,
)
from sapar.contract.messages import INTEGER_MAX, Fix, Record, Status
from sapar.contract.topics import find_up_topic
from sapar.core.clock import Clock
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.ingest.rows import TABLES, to_line

_SOURCES_MAX = 200_000


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


class Source(NamedTuple):
    """What a topic says, resolved once and kept."""

    device: DeviceEntry
    kind: str
    decoder: RecordDecoder[Any] | None


class Intake:
    """Turns messages into batches.

    Args:
        settings: bounds for clocks and sizes.
        clock: transit time for the clock checks, monotonic time for the batch's age.
        metrics: counts messages and refusals.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._decoders = {kind: decoder_for(kind) for kind in TABLES}
        self._sources: dict[str, Source] = {}
        self._registry: Registry | None = None
        self._contexts: dict[str, CheckContext] = {}
        self.encodings: dict[int, Encoding] = {}
        self.latest: dict[int, tuple[DeviceEntry, Fix]] = {}

    def take(self, messages: Sequence[Message], registry: Registry, batch: Batch) -> int:
        """Add `messages` to `batch`, in order, judging them by `registry` and the clock.

        Stops when the batch is full (`ingest_batch_max`), for one message may hold a thousand
        records; gives how many messages it took, at least one.
        """
        if registry is not self._registry:
            self._registry = registry
            self._sources.clear()
        self._contexts.clear()
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
        source = self._sources.get(message.topic) or self._resolve(message, batch)
        if source is None:
            return
        self.encodings[source.device.device_no] = encoding_of(message.payload)
        if len(message.payload) > self._settings.message_bytes_max:
            self._refuse_large(batch, message, source)
        elif source.decoder is None:
            self._take_status(batch, message, source)
        else:
            self._take_records(batch, message, source, source.decoder)

    def _refuse_large(self, batch: Batch, message: Message, source: Source) -> None:
        """Keep as much of it as a message may have; the detail names the whole."""
        limit = self._settings.message_bytes_max
        detail = f"{len(message.payload)} bytes, SHA-256 {digest_of(message.payload)}"
        self._refuse(
            batch,
            message,
            source,
            "message_too_large",
            detail,
            payload=message.payload[:limit],
            name=digest_of(message.payload),
        )

    def _take_records(
        self, batch: Batch, message: Message, source: Source, decoder: RecordDecoder[Any]
    ) -> None:
        payload, device = message.payload, source.device
        records = decoder.decode(payload)
        rules = RULES_BY_KIND[source.kind]
        context = self._contexts.get(device.agency_id) or self._context(device.agency_id)
        rows = batch.rows[source.kind]
        parts: list[bytes] = []
        for index, record in enumerate(records):
            if isinstance(record, Undecodable):
                self._refuse(
                    batch, message, source, record.code, record.detail, payload=record.payload
                )
                continue
            refusal = find_refusal(record, rules, context)
            if refusal is not None:
                parts = parts or list_record_bytes(payload)
                self._refuse(
                    batch,
                    message,
                    source,
                    refusal.code,
                    refusal.detail,
                    payload=parts[index],
                    record=record,
                )
                continue
            line = to_line(device.device_no, source.kind, record)
            rows.append(Row(line, device, record.epoch, record.seq, message, index))
            if source.kind == "gps":
                self._note_latest(device, record)

    def _note_latest(self, device: DeviceEntry, fix: Fix) -> None:
        known = self.latest.get(device.device_no)
        if known is None or known[1].time_ms < fix.time_ms:
            self.latest[device.device_no] = (device, fix)

    def _take_status(self, batch: Batch, message: Message, source: Source) -> None:
        try:
            status = decode(message.payload, Status)
        except msgspec.DecodeError as exc:
            self._refuse(batch, message, source, "decode_error", str(exc)[:200])
            return
        detail = check_status(status)
        if detail is not None:
            self._refuse(batch, message, source, "impossible_value", detail)
            return
        row = StatusRow(status, source.device, message, self._clock.now())
        batch.statuses[source.device.device_no] = row

    def _resolve(self, message: Message, batch: Batch) -> Source | None:
        """Find who speaks on a topic; None after noting the refusal."""
        topic = find_up_topic(message.topic)
        if topic is None or (topic.kind not in TABLES and topic.kind != "status"):
            self._refuse(batch, message, None, "wrong_topic", "the topic is not of this contract")
            return None
        assert self._registry is not None
        device = self._registry.find_device(topic.agency_id, topic.device_id)
        if device is None or device.revoked:
            code = "unknown_device" if device is None else "revoked_device"
            self._refuse(
                batch,
                message,
                None,
                code,
                code.replace("_", " "),
                agency_id=topic.agency_id,
                device_id=topic.device_id,
            )
            return None
        source = Source(device, topic.kind, self._decoders.get(topic.kind))
        if len(self._sources) >= _SOURCES_MAX:
            self._sources.clear()
        self._sources[message.topic] = source
        return source

    def _context(self, agency_id: str) -> CheckContext:
        assert self._registry is not None
        context = CheckContext(
            now_ms=int(self._clock.time() * 1000),
            area=self._registry.area_of(agency_id),
            future_max_ms=self._settings.future_clock_max_s * 1000,
            past_max_ms=self._settings.past_clock_max_days * 86_400_000,
        )
        self._contexts[agency_id] = context
        return context

    def _refuse(
        self,
        batch: Batch,
        message: Message,
        source: Source | None,
        code: str,
        detail: str,
        *,
        payload: bytes | None = None,
        record: Record | None = None,
        agency_id: str | None = None,
        device_id: str | None = None,
        name: str = "",
    ) -> None:
        device = source.device if source else None
        if record is not None and not _has_identity(record):
            record = None
        batch.dead.append(
            dead_letter(
                message.topic,
                message.payload if payload is None else payload,
                code,
                detail,
                device=device,
                kind=source.kind if source else "",
                epoch=record.epoch if record else None,
                seq=record.seq if record else None,
                agency_id=device.agency_id if device else agency_id,
                device_id=device.device_id if device else device_id,
                name=name,
            )
        )
        self._metrics.refused.labels(code).inc()


def _has_identity(record: Record) -> bool:
    """Tell whether an acknowledgement can name the record by its numbers."""
    return 0 <= record.epoch <= INTEGER_MAX and 0 <= record.seq <= INTEGER_MAX


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

    `name` is needed only where `payload` is not all that was sent.
    """
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
        name or digest_of(payload),
    )
