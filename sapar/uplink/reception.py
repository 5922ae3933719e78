"""From a message to its good records: the steps that need no I/O and are the same for every kind.

topic → device → size → decode → check. What fails at a step becomes a dead letter with the step's
code; it never stops the line.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from prometheus_client import Counter

from sapar.contract.checks import RULES_BY_KIND, CheckContext, find_refusal
from sapar.contract.codec import (
    Encoding,
    RecordDecoder,
    Undecodable,
    decoder_for,
    digest_of,
    encoding_of,
    list_record_bytes,
)
from sapar.contract.messages import INTEGER_MAX, RECORD_TYPES, Record
from sapar.contract.topics import find_up_topic
from sapar.core.clock import Clock
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import DeviceEntry, Registry
from sapar.uplink.letters import DeadLetter, dead_letter

_SOURCES_MAX = 200_000


class Source(NamedTuple):
    """What a topic says, resolved once and kept; no decoder where the kind has no records."""

    device: DeviceEntry
    kind: str
    decoder: RecordDecoder[Any] | None


class Reception:
    """Tells who speaks and what they said.

    Args:
        kinds: the kinds of topics that are taken.
        settings: bounds for clocks and sizes.
        clock: transit time for the clock checks.
        refused: counts refusals, by code.

    Attributes:
        encodings: by device number, the encoding that the device used last.
    """

    def __init__(
        self, kinds: Collection[str], settings: Settings, clock: Clock, refused: Counter
    ) -> None:
        self._kinds = frozenset(kinds)
        self._settings = settings
        self._clock = clock
        self._refused = refused
        self._decoders = {kind: decoder_for(kind) for kind in kinds if kind in RECORD_TYPES}
        self._sources: dict[str, Source] = {}
        self._registry = Registry()
        self._contexts: dict[str, CheckContext] = {}
        self.encodings: dict[int, Encoding] = {}

    def begin(self, registry: Registry) -> None:
        """Judge what follows by this registry and by the time now."""
        if registry is not self._registry:
            self._registry = registry
            self._sources.clear()
        self._contexts.clear()

    def find_source(self, message: Message, dead: list[DeadLetter]) -> Source | None:
        """Find who speaks, of what; None after noting that the message is refused whole."""
        source = self._sources.get(message.topic) or self._resolve(message, dead)
        if source is None:
            return None
        self.encodings[source.device.device_no] = encoding_of(message.payload)
        limit = self._settings.message_bytes_max
        if len(message.payload) > limit:
            # as much of it is kept as a message may have; the detail names the whole
            name = digest_of(message.payload)
            self.refuse(
                dead,
                message,
                source,
                "message_too_large",
                f"{len(message.payload)} bytes, SHA-256 {name}",
                payload=message.payload[:limit],
                name=name,
            )
            return None
        return source

    def read_records(
        self, message: Message, source: Source, dead: list[DeadLetter]
    ) -> list[tuple[int, Any]]:
        """Give the message's good records with their places in it; refuse the others."""
        assert source.decoder is not None
        payload, device = message.payload, source.device
        rules = RULES_BY_KIND[source.kind]
        context = self._contexts.get(device.agency_id) or self._context(device.agency_id)
        good: list[tuple[int, Any]] = []
        parts: list[bytes] = []
        for index, record in enumerate(source.decoder.decode(payload)):
            if isinstance(record, Undecodable):
                self.refuse(
                    dead, message, source, record.code, record.detail, payload=record.payload
                )
                continue
            refusal = find_refusal(record, rules, context)
            if refusal is None:
                good.append((index, record))
                continue
            parts = parts or list_record_bytes(payload)
            self.refuse(
                dead,
                message,
                source,
                refusal.code,
                refusal.detail,
                payload=parts[index],
                record=record,
            )
        return good

    def refuse(
        self,
        dead: list[DeadLetter],
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
        """Note a refusal.

        Args:
            dead: where to.
            message: what was received.
            source: from whom; None when that is not known.
            code: why.
            detail: what was seen.
            payload: the bytes to keep, where they are not the whole message.
            record: what they say, where they could be read.
            agency_id: the city on the topic, where there is no source.
            device_id: the device on the topic, where there is no source.
            name: SHA-256 of all that was sent, where `payload` is not all.
        """
        device = source.device if source else None
        if record is not None and not _has_identity(record):
            record = None
        dead.append(
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
        self._refused.labels(code).inc()

    def _resolve(self, message: Message, dead: list[DeadLetter]) -> Source | None:
        topic = find_up_topic(message.topic)
        if topic is None or topic.kind not in self._kinds:
            self.refuse(dead, message, None, "wrong_topic", "the topic is not of this contract")
            return None
        device = self._registry.find_device(topic.agency_id, topic.device_id)
        if device is None or device.revoked:
            code = "unknown_device" if device is None else "revoked_device"
            self.refuse(
                dead,
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
        context = CheckContext(
            now_ms=int(self._clock.time() * 1000),
            area=self._registry.area_of(agency_id),
            future_max_ms=self._settings.future_clock_max_s * 1000,
            past_max_ms=self._settings.past_clock_max_days * 86_400_000,
        )
        self._contexts[agency_id] = context
        return context


def _has_identity(record: Record) -> bool:
    """Tell whether an acknowledgement can name the record by its numbers."""
    return 0 <= record.epoch <= INTEGER_MAX and 0 <= record.seq <= INTEGER_MAX
