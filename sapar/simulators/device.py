"""The reference firmware: one connection a device, and nothing forgotten before it is acknowledged.

It does what docs/wire-contract.md asks of a device: a retained status with a last will, records in
a sequence per kind, a paced upload in batches after a silence, reconnection with jitter, and a
resend of what no acknowledgement has named in time.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from sapar.contract.codec import Encoding, encode
from sapar.contract.messages import Command, CommandAnswer, Config, Event, Record, Status
from sapar.contract.topics import UpKind, device_topic, username
from sapar.core.clock import Clock
from sapar.core.errors import ConnectionLost
from sapar.core.mqtt import Message, MqttClient, make_will
from sapar.simulators.outbox import ACK_TIMEOUT_S, Entry, Outbox, decode_ack, join

_Model = TypeVar("_Model")
_BATCH_RECORDS = 200
_UPLOAD_MESSAGES_PER_S = 5.0
READING_S = (4.0, 40.0)
"""Seconds of transit time until a driver has read a message: at the next stop or light."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device needs to speak, and the vehicle that it is mounted in."""

    device_id: str
    password: str
    vehicle_id: str


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """How a device behaves.

    Attributes:
        encoding: JSON or MessagePack.
        plain: a tracker that cannot resend: it forgets a record at the broker's PUBACK.
        newest_first: uploads its backlog backwards, as some trackers do.
        ack_timeout_s: wall seconds until a record without an acknowledgement is sent again.
    """

    encoding: Encoding = "json"
    plain: bool = False
    newest_first: bool = False
    ack_timeout_s: float = ACK_TIMEOUT_S


class Observer(Protocol):
    """Who watches a device from outside and writes down what it did."""

    def published(self, device: DeviceClient, entries: Sequence[Entry], wall_s: float) -> None:
        """Entries are about to be sent for the first time, in one message."""
        ...

    def acknowledged(self, device: DeviceClient, entry: Entry, code: str) -> None:
        """An acknowledgement freed an entry; the code is "" when it was stored."""
        ...


class DeviceClient:
    """One simulated device.

    Args:
        host, port: the broker's listener for devices.
        agency_id, credentials: who it is.
        epoch: number of this counting period.
        clock: for device times (transit) and timeouts (wall).
        observer: told of first publications and acknowledgements; may be None.
        seed: for the jitter of the resend and the upload.
    """

    def __init__(
        self,
        host: str,
        port: int,
        agency_id: str,
        credentials: Credentials,
        *,
        epoch: int,
        clock: Clock,
        observer: Observer | None = None,
        options: DeviceOptions | None = None,
        seed: int = 0,
    ) -> None:
        self.agency_id, self.credentials, self.epoch = agency_id, credentials, epoch
        self.options = options or DeviceOptions()
        self.config = Config(version=0)
        self.counts: Counter[str] = Counter()
        jitter = random.Random(seed).uniform(1.0, 1.2)
        self._readers = random.Random(f"reader-{seed}")
        self._shown: set[str] = set()
        self.outbox = Outbox(self.options.ack_timeout_s * jitter)
        self._address = (host, port)
        self._clock, self._observer = clock, observer
        self._seq: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._in_reach = asyncio.Event()
        self._in_reach.set()
        self._client: MqttClient | None = None
        self._topics = {
            kind: device_topic(agency_id, credentials.device_id, kind)
            for kind in ("gps", "tap", "event", "shift", "status", "ack", "cmd", "config")
        }

    # -- what the device's sensors call -------------------------------------------------------

    def next_seq(self, kind: UpKind) -> int:
        """Take the next sequence number of a kind, from 1."""
        self._seq[kind] += 1
        return self._seq[kind]

    def reboot(self) -> None:
        """Lose the storage's counters: begin a new counting period, with numbers from 1."""
        self.epoch += 1
        self._seq.clear()

    def record(self, kind: UpKind, record: Record, note: object = None) -> Entry:
        """Keep a record, made with this device's `epoch` and `next_seq`, until acknowledged."""
        payload = encode(record, self.options.encoding)
        return self.keep(Entry(kind, record.epoch, record.seq, payload, note=note))

    def keep(self, entry: Entry) -> Entry:
        """Keep an entry of any content and wake the sender."""
        self.outbox.add(entry)
        self._wake.set()
        return entry

    # -- radio --------------------------------------------------------------------------------

    @property
    def in_reach(self) -> bool:
        """Tell whether the device is let to connect; it may still be about to."""
        return self._in_reach.is_set()

    def go_offline(self) -> None:
        """Lose the network without a goodbye, and stay away until `go_online`."""
        self._in_reach.clear()
        if self._client is not None:
            self._client.drop()
        self._wake.set()

    def go_online(self) -> None:
        """Find the network again."""
        self._in_reach.set()

    async def run(self) -> None:
        """Connect, send and listen until cancelled; offline spells are waited out."""
        while True:
            await self._in_reach.wait()
            async with self._new_client() as client:
                self._client = client
                try:
                    await client.subscribe(self._topics["ack"])
                    await client.subscribe(self._topics["cmd"])
                    await client.subscribe(self._topics["config"])
                    async with asyncio.TaskGroup() as group:
                        listener = group.create_task(self._listen(client))
                        await self._send_while_in_reach(client)
                        listener.cancel()
                finally:
                    self._client = None
                    self.counts["reconnects"] += client.reconnects

    def _new_client(self) -> MqttClient:
        host, port = self._address
        user = username(self.agency_id, self.credentials.device_id)
        return MqttClient(
            host,
            port,
            client_id=user,
            username=user,
            password=self.credentials.password,
            keep_alive_s=60,
            will=make_will(self._topics["status"], encode(Status(online=False))),
            on_connect=self._announce,
            wait=False,
        )

    async def _announce(self) -> None:
        status = Status(
            online=True,
            time_ms=round(self._clock.time() * 1000),
            firmware="sapar-simulator",
            backlog=len(self.outbox),
        )
        client = self._client
        if client is not None:
            await client.publish(self._topics["status"], encode(status), qos=1, retain=True)
        self._wake.set()

    # -- sending ------------------------------------------------------------------------------

    async def _send_while_in_reach(self, client: MqttClient) -> None:
        loop = asyncio.get_running_loop()
        while self._in_reach.is_set():
            self._wake.clear()
            if client.connected and await self._send_next(client):
                await self._pace()
                continue
            due_s = self.outbox.due_s
            alarm = None
            if due_s is not None:
                wait_s = max(0.05, due_s - self._clock.monotonic())
                alarm = loop.call_later(wait_s, self._wake.set)
            await self._wake.wait()
            if alarm is not None:
                alarm.cancel()

    async def _pace(self) -> None:
        """Leave room between the messages of a backlog; what is alone goes at once."""
        if self.outbox.backlog:
            rate = min(self.config.upload_messages_per_s, 1000.0) or _UPLOAD_MESSAGES_PER_S
            await asyncio.sleep(1.0 / rate)

    async def _send_next(self, client: MqttClient) -> bool:
        """Send one message; False when there was none to send, or no connection."""
        now_s = self._clock.monotonic()
        entries = self.outbox.take(
            now_s, records_max=_BATCH_RECORDS, newest_first=self.options.newest_first
        )
        if not entries:
            return False
        fresh = [entry for entry in entries if entry.sends == 0]
        if fresh and self._observer is not None:
            self._observer.published(self, fresh, self._clock.wall())
        messages = [(self._topics[entries[0].kind], self._message(entries))]
        if fresh:
            messages *= max(entry.copies for entry in fresh)
        self.counts["messages"] += len(messages)
        self.counts["resent"] += len(entries) - len(fresh)
        self.outbox.sent(entries, None if self.options.plain else now_s)
        try:
            await client.publish_many(messages, qos=1)
        except ConnectionLost:
            # It may have arrived or not; the wait for the acknowledgement decides. A plain tracker
            # waits for none: it knows only that there was no PUBACK, and sends once more.
            if self.options.plain:
                self.outbox.unsent(entries)
            return False
        if self.options.plain:
            self.outbox.free(entries)
        return True

    def _message(self, entries: list[Entry]) -> bytes:
        records = sum(entry.records for entry in entries)
        if records == 1:
            return entries[0].payload
        return join([entry.payload for entry in entries], self.options.encoding, records)

    # -- listening ----------------------------------------------------------------------------

    async def _listen(self, client: MqttClient) -> None:
        while True:
            for message in await client.read():
                self._hear(message)

    def _hear(self, message: Message) -> None:
        if message.topic == self._topics["ack"]:
            ack = decode_ack(message.payload)
            for entry, code in self.outbox.acknowledge(ack) if ack is not None else ():
                if self._observer is not None:
                    self._observer.acknowledged(self, entry, code)
        elif message.topic == self._topics["config"]:
            self.config = _read(message.payload, Config) or self.config
        elif message.topic == self._topics["cmd"]:
            command = _read(message.payload, Command)
            if command is not None:
                self._obey(command)

    def _obey(self, command: Command) -> None:
        """Answer a command; a message is read by the driver a while later. None is done twice."""
        if command.name == "message" and not self._may_show(command):
            self._answer(
                "cmd_result",
                CommandAnswer(command_id=command.command_id, ok=False, error="expired"),
            )
            return
        known = command.name in {"ping", "message"}
        error = None if known else "unknown_command"
        answer = CommandAnswer(command_id=command.command_id, ok=known, error=error)
        self._answer("cmd_result", answer)
        if command.name == "message" and command.command_id not in self._shown:
            self._shown.add(command.command_id)
            pause_s = self._readers.uniform(*READING_S) / self._clock.rate
            loop = asyncio.get_running_loop()
            loop.call_later(pause_s, self._confirm, command.command_id)

    def _may_show(self, command: Command) -> bool:
        expires_ms = (command.args or {}).get("expires_ms")
        return not isinstance(expires_ms, int) or self._clock.time() * 1000 < expires_ms

    def _confirm(self, command_id: str) -> None:
        """The driver presses the button."""
        self._answer("cmd_read", CommandAnswer(command_id=command_id))

    def _answer(self, kind: str, answer: CommandAnswer) -> None:
        self.record(
            "event",
            Event(
                epoch=self.epoch,
                seq=self.next_seq("event"),
                time_ms=round(self._clock.time() * 1000),
                kind=kind,
                data=msgspec.to_builtins(answer),
            ),
        )


def _read(payload: bytes, model: type[_Model]) -> _Model | None:
    try:
        return msgspec.json.decode(payload, type=model)
    except msgspec.DecodeError:
        return None
