"""The least server that devices can talk to: it remembers every record and acknowledges it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from sapar.contract.codec import Undecodable, decoder_for, digest_of, encode
from sapar.contract.messages import Ack, RefusedRecord, StoredRanges, UndecodableMessage
from sapar.contract.topics import UpKind, device_topic, find_up_topic, up_filter
from sapar.core.clock import Clock, SystemClock
from sapar.core.mqtt import Message, MqttClient
from sapar.core.settings import Settings
from sapar.fleet.broker import Credential, reload_broker, write_devices
from sapar.fleet.credentials import hash_password
from sapar.simulators.device import Credentials, DeviceClient, DeviceOptions
from tests.services import RunningBroker

KINDS: tuple[UpKind, ...] = ("gps", "tap", "event", "shift")
DECODERS = {kind: decoder_for(kind) for kind in KINDS}


@dataclass
class Acknowledger:
    """What arrived, and how it is answered.

    `deaf` messages are heard and not answered; `refuse` maps a sequence number to a code.
    """

    agency: str
    client: MqttClient
    deaf: int = 0
    refuse: dict[int, str] = field(default_factory=dict)
    times: Counter = field(default_factory=Counter)
    records: dict = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    async def listen(self) -> None:
        while True:
            for message in await self.client.read():
                self.messages.append(message)
                await self._answer(message)

    async def _answer(self, message: Message) -> None:
        where = find_up_topic(message.topic)
        assert where is not None
        assert where.kind != "status"
        stored: dict[int, list[int]] = {}
        ack = Ack(kind=where.kind, server_time_ms=0)
        for record in DECODERS[where.kind].decode(message.payload):
            if isinstance(record, Undecodable):
                ack.undecodable.append(UndecodableMessage(digest_of(record.payload), record.code))
                continue
            key = (where.device_id, where.kind, record.epoch, record.seq)
            self.times[key] += 1
            self.records[key] = record
            if record.seq in self.refuse:
                ack.refused.append(RefusedRecord(record.epoch, record.seq, self.refuse[record.seq]))
            else:
                stored.setdefault(record.epoch, []).append(record.seq)
        ack.stored = [
            StoredRanges(epoch, [(seq, seq) for seq in seqs]) for epoch, seqs in stored.items()
        ]
        if self.deaf:
            self.deaf -= 1
            return
        await self.client.publish(device_topic(self.agency, where.device_id, "ack"), encode(ack))

    def seqs(self, device_id: str, kind: str = "gps") -> list[int]:
        return sorted(key[3] for key in self.times if key[:2] == (device_id, kind))


@contextlib.asynccontextmanager
async def acknowledger(broker: RunningBroker, agency: str) -> AsyncIterator[Acknowledger]:
    """Run one for an agency on the broker's internal listener."""
    client = MqttClient(
        "127.0.0.1",
        broker.internal_port,
        client_id=f"ack-{agency}",
        username=broker.username,
        password=broker.password,
    )
    async with client:
        for kind in KINDS:
            await client.subscribe(up_filter(kind, agency))
        server = Acknowledger(agency, client)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(server.listen())
            yield server
            task.cancel()


PASSWORD = "secret"


def admit(broker: RunningBroker, agency: str, device_ids: Iterable[str]) -> None:
    """Let exactly these devices in, all with the same password."""
    settings = Settings(
        broker_dir=broker.directory,
        broker_port=broker.internal_port,
        device_broker_port=broker.device_port,
    )
    hashed = hash_password(PASSWORD)
    write_devices(settings, [Credential(agency, name, hashed) for name in device_ids])
    assert reload_broker(settings) == "reloaded"


@contextlib.asynccontextmanager
async def running_device(
    broker: RunningBroker, agency: str, *, observer=None, clock: Clock | None = None, **options
) -> AsyncIterator[DeviceClient]:
    """Run one device until the block ends.

    It waits for its acknowledgement for longer than this machine can stall: who tests what is sent
    again names a time of its own.
    """
    admit(broker, agency, ["d1"])
    device = DeviceClient(
        "127.0.0.1",
        broker.device_port,
        agency,
        Credentials("d1", PASSWORD, "bus-1"),
        epoch=5,
        clock=clock or SystemClock(),
        observer=observer,
        options=DeviceOptions(**{"ack_timeout_s": 60.0, **options}),
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(device.run())
        yield device
        task.cancel()


async def until(condition, timeout_s: float = 60.0) -> None:
    """Wait until `condition()` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)
