"""A publisher for benchmarks: as many fixes a second as the broker takes, counted exactly.

It speaks for many devices over few connections, on the listener of our own parts (which may write
every topic). What it reports as acknowledged, the broker acknowledged; what was under way when a
connection broke is listed, never counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sapar.contract.topics import device_topic
from sapar.core.clock import Clock
from sapar.core.errors import ConnectionLost
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What to publish.

    Attributes:
        agency_id, device_ids: who seems to speak; seq counts up for each from 1.
        epoch: one for all; positions: a box of half a degree around latitude, longitude.
        records_per_message: 1 sends single fixes, more sends batches.
        connections: how many to publish over.
        chunk: messages handed over at once on a connection; smaller is smoother, larger faster.
        rate_per_s: messages a wall second in all, or None for as fast as possible.
        duration_s: wall seconds; messages: stop after so many instead, when given.
    """

    agency_id: str
    device_ids: Sequence[str]
    epoch: int
    latitude: float = 50.28
    longitude: float = 57.17
    records_per_message: int = 1
    connections: int = 2
    chunk: int = 1000
    rate_per_s: float | None = None
    duration_s: float = 20.0
    messages: int | None = None


@dataclass(slots=True)
class LoadReport:
    """What came of it.

    Attributes:
        published, acknowledged, refused: messages handed over, acknowledged by the broker with
            success, and acknowledged as refused.
        records: records in the acknowledged messages.
        duration_s: wall seconds from the first publish to the last acknowledgement.
        last_seq: per device, its last sequence number; all from 1 on were published.
        unacknowledged: (device_id, first seq, last seq) of messages without an acknowledgement.
    """

    published: int = 0
    acknowledged: int = 0
    refused: int = 0
    records: int = 0
    duration_s: float = 0.0
    last_seq: dict[str, int] = field(default_factory=dict)
    unacknowledged: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def messages_per_s(self) -> float:
        """Acknowledged messages a wall second."""
        return self.acknowledged / self.duration_s if self.duration_s else 0.0


class FixTemplate:
    """Fixes of one device as JSON, with the parts that change filled in.

    Formatting a template costs a fifth of encoding a model, which leaves the machine to what is
    measured. The result is about 160 bytes.
    """

    __slots__ = ("_text", "device_id", "seq", "topic")

    def __init__(self, settings: LoadSettings, device_id: str) -> None:
        self.device_id = device_id
        self.topic = device_topic(settings.agency_id, device_id, "gps")
        self.seq = 0
        lat, lon = settings.latitude, settings.longitude
        self._text = (
            f'{{"epoch":{settings.epoch},"seq":%d,"time_ms":%d,"latitude":{lat:.2f}%04d,'
            f'"longitude":{lon:.2f}%04d,"speed_mps":%d.5,"bearing_deg":%d,"odometer_m":%d,'
            f'"satellites":11,"ignition":true}}'
        ).encode()

    def next(self, time_ms: int, records: int) -> bytes:
        """Make the next message."""
        if records == 1:
            return self._record(time_ms)
        return b"[" + b",".join([self._record(time_ms) for _ in range(records)]) + b"]"

    def _record(self, time_ms: int) -> bytes:
        self.seq = seq = self.seq + 1
        return self._text % (
            seq,
            time_ms,
            seq * 7 % 10_000,
            seq * 13 % 10_000,
            seq % 20,
            seq % 360,
            seq * 9,
        )


class LoadPublisher:
    """Publishes by `LoadSettings`; use `run` once.

    Args:
        settings: address and credentials of the internal listener; load: what to publish.
    """

    def __init__(self, settings: Settings, load: LoadSettings, clock: Clock) -> None:
        self._settings, self._load, self._clock = settings, load, clock
        self._left = load.messages
        self._due = 0.0
        self.report = LoadReport()

    async def run(self) -> LoadReport:
        """Publish until the duration or the number of messages is reached.

        Raises:
            ExceptionGroup: of `Unavailable` (the broker does not answer) or `Refused` (it refused
                the credentials), one for each connection.
        """
        load = self._load
        templates = [FixTemplate(load, device_id) for device_id in load.device_ids]
        shares = [templates[n :: load.connections] for n in range(load.connections)]
        start_s = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            for number, share in enumerate(shares):
                if share:
                    group.create_task(self._publish(number, share, start_s))
        self.report.duration_s = self._clock.monotonic() - start_s
        self.report.last_seq = {t.device_id: t.seq for t in templates}
        return self.report

    async def _publish(self, number: int, templates: list[FixTemplate], start_s: float) -> None:
        load = self._load
        at, count = 0, len(templates)
        async with self._client(number) as client:
            while (size := await self._allowance(start_s)) > 0:
                if self._left is None and self._clock.monotonic() - start_s >= load.duration_s:
                    return  # the time ran out while waiting for the rate
                time_ms = round(self._clock.time() * 1000)
                chosen = [templates[(at + i) % count] for i in range(size)]
                at = (at + size) % count
                await self._send(client, chosen, time_ms)

    async def _send(self, client: MqttClient, chosen: list[FixTemplate], time_ms: int) -> None:
        report, records = self.report, self._load.records_per_message
        messages, last = [], []
        for template in chosen:
            messages.append((template.topic, template.next(time_ms, records)))
            last.append(template.seq)
        report.published += len(messages)
        try:
            refused = await client.publish_many(messages, qos=1)
        except ConnectionLost:
            report.unacknowledged.extend(
                (template.device_id, seq - records + 1, seq)
                for template, seq in zip(chosen, last, strict=True)
            )
            await client.wait_connected(30.0)
            return
        report.refused += refused
        report.acknowledged += len(messages) - refused
        report.records += (len(messages) - refused) * records

    async def _allowance(self, start_s: float) -> int:
        """How many messages the next chunk may hold; 0 ends the run."""
        load = self._load
        if self._left is not None:
            size = min(load.chunk, self._left)
            self._left -= size
            if size == 0:
                return 0
        elif self._clock.monotonic() - start_s >= load.duration_s:
            return 0
        else:
            size = load.chunk
        if load.rate_per_s is not None:
            self._due += size / load.rate_per_s
            await asyncio.sleep(max(0.0, start_s + self._due - self._clock.monotonic()))
        return size

    def _client(self, number: int) -> MqttClient:
        settings = self._settings
        return MqttClient(
            settings.broker_host,
            settings.broker_port,
            client_id=f"load-{self._load.epoch}-{number}",
            username=settings.broker_username,
            password=settings.broker_password.get_secret_value(),
        )
