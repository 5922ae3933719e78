"""From messages to a batch of taps: the ordered steps that need no I/O.

Receive → what uplink/reception.py does → canonical bytes and digest. What fails at a step becomes a
dead letter with the step's code; it never stops the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sapar.contract.codec import Encoding, list_record_bytes
from sapar.contract.pan import tap_holds_pan
from sapar.contract.seal import canonical_bytes, digest
from sapar.core.clock import Clock
from sapar.core.metrics import Metrics
from sapar.core.mqtt import Message
from sapar.core.settings import Settings
from sapar.fleet.registry import Registry
from sapar.ticketing.verify import Candidate
from sapar.uplink.letters import DeadLetter
from sapar.uplink.reception import Reception


@dataclass(slots=True)
class TapBatch:
    """What one transaction posts, and the messages it lets us acknowledge."""

    candidates: list[Candidate] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    opened_s: float = 0.0

    @property
    def size(self) -> int:
        """How many rows there are to write."""
        return len(self.candidates) + len(self.dead)


class TapIntake:
    """Turns messages into batches of taps.

    Args:
        settings: bounds for clocks and sizes.
        clock: transit time for receipt and checks, monotonic time for the batch's age.
        metrics: counts refusals.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self._batch_max = settings.ticketing_batch_max
        self._clock = clock
        self._reception = Reception(("tap",), settings, clock, metrics.ticketing_refused)

    @property
    def encodings(self) -> dict[int, Encoding]:
        """By device number, the encoding that the device used last."""
        return self._reception.encodings

    def take(self, messages: Sequence[Message], registry: Registry, batch: TapBatch) -> int:
        """Add `messages` to `batch`, in order, until it is full; give how many it took."""
        self._reception.begin(registry)
        if not batch.messages:
            batch.opened_s = self._clock.monotonic()
        before = len(batch.messages)
        received_ms = int(self._clock.time() * 1000)
        for message in messages:
            self._take_one(message, batch, received_ms)
            batch.messages.append(message)
            if batch.size >= self._batch_max:
                break
        return len(batch.messages) - before

    def _take_one(self, message: Message, batch: TapBatch, received_ms: int) -> None:
        source = self._reception.find_source(message, batch.dead)
        if source is None:
            return
        device = source.device
        records = self._reception.read_records(message, source, batch.dead)
        if not records:
            return
        parts = list_record_bytes(message.payload)
        for place, tap in records:
            payload = parts[place]
            if tap_holds_pan(payload):
                self._reception.refuse(
                    batch.dead, message, source, "pan_like", "", payload=payload, record=tap
                )
                continue
            canonical = canonical_bytes(device.agency_id, device.device_id, tap)
            batch.candidates.append(
                Candidate(
                    device, tap, canonical, digest(canonical, tap.signature), payload, received_ms
                )
            )
