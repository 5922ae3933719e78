"""Acknowledgements to devices: gathered per device, sent at most every so often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import Counter

from sapar.contract.codec import Encoding, encode
from sapar.contract.messages import Ack, RefusedRecord, StoredRanges, UndecodableMessage
from sapar.contract.topics import device_topic
from sapar.core.clock import Clock
from sapar.core.errors import ConnectionLost
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.fleet.registry import DeviceEntry
from sapar.uplink.letters import DeadLetter

_UNSENT_MAX = 100_000  # devices with something to be told while the broker is away


def ranges(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """Join sequence numbers into inclusive ranges in rising order."""
    found: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if found and found[-1][1] == seq - 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found


@dataclass(slots=True)
class _Pending:
    device: DeviceEntry
    kind: str
    stored: dict[int, list[int]] = field(default_factory=dict)
    refused: list[RefusedRecord] = field(default_factory=list)
    undecodable: list[UndecodableMessage] = field(default_factory=list)


class Acks:
    """What devices are to be told, and when they were told last.

    An acknowledgement is sent at QoS 0: when it is lost the device sends its records again, they
    count as repeats, and it is told again.

    Args:
        settings: `ack_interval_ms`.
        clock: monotonic time for the interval, transit time for the message.
        sent: counts the messages.
    """

    def __init__(self, settings: Settings, clock: Clock, sent: Counter) -> None:
        self._interval_s = settings.ack_interval_ms / 1000
        self._clock = clock
        self._sent = sent
        self._pending: dict[tuple[int, str], _Pending] = {}
        self._sent_s: dict[tuple[int, str], float] = {}

    def add_stored(self, device: DeviceEntry, kind: str, epoch: int, seqs: list[int]) -> None:
        """Note committed records of a device."""
        self._of(device, kind).stored.setdefault(epoch, []).extend(seqs)

    def add_refused(
        self, device: DeviceEntry, kind: str, epoch: int, refused: Iterable[tuple[int, str]]
    ) -> None:
        """Note committed records, as (seq, code), that are kept as evidence and not used."""
        self._of(device, kind).refused.extend(
            RefusedRecord(epoch, seq, code) for seq, code in refused
        )

    def add_dead(self, letter: DeadLetter) -> None:
        """Note a refusal; nobody is told when the device is unknown or the kind is none."""
        if letter.device is None or letter.kind in {"", "status"}:
            return
        pending = self._of(letter.device, letter.kind)
        if letter.epoch is not None and letter.seq is not None:
            pending.refused.append(RefusedRecord(letter.epoch, letter.seq, letter.code))
        else:
            pending.undecodable.append(UndecodableMessage(letter.name, letter.code))

    async def send_due(self, client: MqttClient, encodings: dict[int, Encoding]) -> int:
        """Publish what is due, in the encoding each device speaks; give the number of messages.

        While the broker is away nothing is lost: it is sent at the next call that gets through.
        """
        now_s = self._clock.monotonic()
        due = [
            key for key in self._pending if now_s - self._sent_s.get(key, -1e9) >= self._interval_s
        ]
        if not due or not client.connected:
            return 0
        now_ms = int(self._clock.time() * 1000)
        messages = []
        for key in due:
            pending = self._pending[key]
            encoding = encodings.get(pending.device.device_no, "json")
            topic = device_topic(pending.device.agency_id, pending.device.device_id, "ack")
            messages.append((topic, encode(_to_ack(pending, now_ms), encoding)))
        try:
            await client.publish_many(messages, qos=0)
        except ConnectionLost:
            return 0
        for key in due:
            del self._pending[key]
            self._sent_s[key] = now_s
        self._sent.inc(len(messages))
        return len(messages)

    def _of(self, device: DeviceEntry, kind: str) -> _Pending:
        key = (device.device_no, kind)
        pending = self._pending.get(key)
        if pending is None:
            if len(self._pending) >= _UNSENT_MAX:
                self._pending.pop(next(iter(self._pending)))
            pending = self._pending[key] = _Pending(device, kind)
        return pending


def _to_ack(pending: _Pending, now_ms: int) -> Ack:
    return Ack(
        kind=pending.kind,  # type: ignore[arg-type]
        server_time_ms=now_ms,
        stored=[StoredRanges(epoch, ranges(seqs)) for epoch, seqs in pending.stored.items()],
        refused=pending.refused,
        undecodable=pending.undecodable,
    )
