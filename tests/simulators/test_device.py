"""The reference firmware against a real broker."""

import asyncio
from collections import Counter

import msgspec

from sapar.contract.codec import encode
from sapar.contract.messages import Command, Config, Fix
from sapar.contract.topics import device_topic
from sapar.core.clock import SystemClock
from sapar.core.mqtt import MqttClient
from sapar.simulators.device import Credentials
from sapar.simulators.outbox import Entry
from sapar.simulators.swarm import drain, make_devices, running
from tests.services import RunningBroker, start_broker
from tests.simulators.acknowledger import PASSWORD, acknowledger, admit, running_device, until


def fix(device) -> Fix:
    return Fix(
        epoch=device.epoch,
        seq=device.next_seq("gps"),
        time_ms=1_770_000_000_000,
        latitude=50.0,
        longitude=57.0,
    )


class Seen:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.published_seqs: list[int] = []
        self.freed: list[tuple[int, str]] = []

    def published(self, device, entries, wall_s) -> None:
        assert wall_s > 0
        self.published_seqs += [entry.seq for entry in entries]

    def acknowledged(self, device, entry, code) -> None:
        self.freed.append((entry.seq, code))


async def test_records_are_sent_at_once_and_freed_by_their_acknowledgement(broker):
    seen = Seen()
    async with (
        acknowledger(broker, "dev-a") as server,
        running_device(broker, "dev-a", observer=seen) as device,
    ):
        server.refuse = {2: "no_fix"}
        for _ in range(3):
            device.record("gps", fix(device))
            await asyncio.sleep(0.02)
        await until(lambda: len(device.outbox) == 0)
    assert server.seqs("d1") == [1, 2, 3]
    assert set(server.times.values()) == {1}
    assert seen.published_seqs == [1, 2, 3]
    assert sorted(seen.freed) == [(1, ""), (2, "no_fix"), (3, "")]


async def test_without_an_acknowledgement_a_record_is_sent_again(broker):
    async with (
        acknowledger(broker, "dev-b") as server,
        running_device(broker, "dev-b", encoding="msgpack", ack_timeout_s=2.0) as device,
    ):
        server.deaf = 2
        for _ in range(5):
            device.record("gps", fix(device))
        await until(lambda: len(device.outbox) == 0)
    assert server.seqs("d1") == [1, 2, 3, 4, 5]
    assert set(server.times.values()) == {3}
    assert device.counts["resent"] == 10


async def test_an_unreadable_message_is_freed_by_its_digest(broker):
    async with (
        acknowledger(broker, "dev-c") as server,
        running_device(broker, "dev-c") as device,
    ):
        device.keep(Entry("gps", 5, device.next_seq("gps"), b'{"epoch":5,', alone=True))
        device.record("gps", fix(device))
        await until(lambda: len(device.outbox) == 0)
    assert server.seqs("d1") == [2]


async def test_an_offline_spell_is_buffered_and_comes_late_as_a_batch(broker):
    async with (
        acknowledger(broker, "dev-d") as server,
        running_device(broker, "dev-d", newest_first=True) as device,
    ):
        device.record("gps", fix(device))
        await until(lambda: len(device.outbox) == 0)
        device.go_offline()
        for _ in range(450):
            device.record("gps", fix(device))
        await asyncio.sleep(0.2)
        assert server.seqs("d1") == [1]
        device.go_online()
        await until(lambda: len(device.outbox) == 0)
    assert server.seqs("d1") == list(range(1, 452))
    batches = [msgspec.json.decode(m.payload) for m in server.messages[1:]]
    assert [len(batch) for batch in batches[:3]] == [200, 200, 50]
    assert batches[0][0]["seq"] == 451


async def test_a_duplicate_is_sent_twice_and_kept_once(broker):
    async with (
        acknowledger(broker, "dev-e") as server,
        running_device(broker, "dev-e") as device,
    ):
        device.record("gps", fix(device)).copies = 2
        assert len(device.outbox) == 1
        await until(lambda: server.times[("d1", "gps", 5, 1)] == 2)
        await until(lambda: len(device.outbox) == 0)


async def test_status_tells_online_and_the_will_tells_when_it_vanishes(broker):
    topic = device_topic("dev-f", "d1", "status")
    watcher = MqttClient(
        "127.0.0.1",
        broker.internal_port,
        client_id="watch-status",
        username=broker.username,
        password=broker.password,
    )
    async with watcher:
        await watcher.subscribe(topic)
        async with running_device(broker, "dev-f") as device:
            online = msgspec.json.decode((await watcher.read())[0].payload)
            device.go_offline()
            gone = msgspec.json.decode((await watcher.read())[0].payload)
    assert online["online"] is True
    assert online["firmware"] == "sapar-simulator"
    assert gone == {"online": False}


async def test_it_obeys_commands_and_takes_its_config(broker):
    async with (
        acknowledger(broker, "dev-g") as server,
        running_device(broker, "dev-g") as device,
    ):
        await server.client.publish(
            device_topic("dev-g", "d1", "config"),
            encode(Config(version=7, fix_interval_s=9.0)),
            qos=1,
            retain=True,
        )
        await until(lambda: device.config.version == 7)
        for name in ("ping", "dance"):
            command = Command(command_id=name, name=name)
            await server.client.publish(device_topic("dev-g", "d1", "cmd"), encode(command), qos=1)
        await until(lambda: server.seqs("d1", "event") == [1, 2])
        results = {
            record.data["command_id"]: (record.data["ok"], record.data.get("error"))
            for key, record in server.records.items()
            if key[1] == "event"
        }
        await server.client.publish(device_topic("dev-g", "d1", "config"), b"", qos=1, retain=True)
    assert results == {"ping": (True, None), "dance": (False, "unknown_command")}
    assert device.config.fix_interval_s == 9.0


async def test_a_message_is_shown_once_answered_each_time_and_read(broker, monkeypatch):
    monkeypatch.setattr("sapar.simulators.device.READING_S", (0.05, 0.1))
    late = Command(command_id="late", name="message", args={"texts": {"ru": "-"}, "expires_ms": 1})
    note = Command(command_id="note", name="message", args={"texts": {"ru": "Позвоните."}})
    async with (
        acknowledger(broker, "dev-m") as server,
        running_device(broker, "dev-m"),
    ):
        topic = device_topic("dev-m", "d1", "cmd")
        # the device subscribes on its own time, and a command to nobody is lost
        async with asyncio.timeout(60):
            while not server.seqs("d1", "event"):
                await server.client.publish(topic, encode(note), qos=1)
                await asyncio.sleep(0.1)
        await server.client.publish(topic, encode(note), qos=1)
        await server.client.publish(topic, encode(late), qos=1)
        answers: Counter = Counter()
        shown = ("cmd_result", "note", True, None)
        read = ("cmd_read", "note", None, None)
        refused = ("cmd_result", "late", False, "expired")

        def answered() -> bool:
            events = [record for key, record in server.records.items() if key[1] == "event"]
            answers.clear()
            answers.update(
                (e.kind, e.data["command_id"], e.data.get("ok"), e.data.get("error"))
                for e in events
            )
            return answers[shown] >= 2 and answers.keys() >= {read, refused}

        await until(answered)
        await asyncio.sleep(0.3)  # whatever was too much would have come
        answered()
    assert answers.pop(shown) >= 2
    assert answers == {read: 1, refused: 1}


async def test_a_plain_tracker_forgets_at_the_brokers_puback(broker):
    async with running_device(broker, "dev-h", plain=True) as device:
        device.record("gps", fix(device))
        await until(lambda: len(device.outbox) == 0)
        await asyncio.sleep(0.6)
    assert device.counts["messages"] == 1
    assert device.counts["resent"] == 0


async def test_nothing_is_lost_when_the_broker_is_killed(service_directory):
    """What the broker acknowledged and lost is sent again, because nobody named it."""
    own: RunningBroker = start_broker(service_directory / "broker")
    try:
        async with running_device(own, "dev-i", ack_timeout_s=0.4) as device:
            async with acknowledger(own, "dev-i") as server:
                server.deaf = 1_000_000
                for _ in range(20):
                    device.record("gps", fix(device))
                    await asyncio.sleep(0.01)
                await until(lambda: len(server.times) > 0)
            own.process.kill()
            for _ in range(10):
                device.record("gps", fix(device))
            own.process.start()
            async with acknowledger(own, "dev-i") as server:
                await until(lambda: len(device.outbox) == 0)
                assert server.seqs("d1") == list(range(1, 31))
    finally:
        own.process.stop()
    assert device.counts["reconnects"] >= 1


async def test_a_hundred_devices_share_a_process_lightly(broker):
    """A bound that catches work growing with the square of something, not a benchmark."""
    clock = SystemClock()
    async with acknowledger(broker, "dev-j") as server:
        names = [f"d{n}" for n in range(100)]
        admit(broker, "dev-j", names)
        devices = make_devices(
            ("127.0.0.1", broker.device_port),
            "dev-j",
            [Credentials(name, PASSWORD, f"bus-{name}") for name in names],
            clock=clock,
            seed=1,
        )
        async with running(devices):
            for _ in range(10):
                for device in devices:
                    device.record("gps", fix(device))
                await asyncio.sleep(0.1)
            assert await drain(devices, clock) == 0
        assert len(server.times) == 1000
