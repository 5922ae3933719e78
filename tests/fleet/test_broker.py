"""The product's broker configuration on a real Mosquitto: who may do what, and what is counted."""

import asyncio
import os
import signal

import pytest

from sapar.contract.topics import UP_KINDS, agency_topic, device_topic, up_filter
from sapar.core.mqtt import Message
from sapar.fleet.broker import (
    BrokerFiles,
    ensure_internal_password,
    shared_group,
)
from sapar.fleet.broker_log import count_refusals
from tests.fleet.product_broker import ProductBroker, collect, eventually, run_tool

A, B = ("aktobe", "bus-a"), ("aktobe", "bus-b")
PASSWORDS = {A: "password-of-a", B: "password-of-b", ("almaty", "bus-a"): "password-of-almaty"}


@pytest.fixture
def served(mosquitto: ProductBroker) -> ProductBroker:
    """The broker, knowing three devices of two agencies."""
    mosquitto.devices(PASSWORDS)
    return mosquitto


def refusals(served: ProductBroker) -> dict[tuple[str, str], int]:
    return dict(count_refusals(BrokerFiles.of(served.settings).log.read_bytes()))


def connects(port: int, *credentials: str) -> bool:
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), *credentials]
    said = run_tool([*command, "-t", "x", "-m", "y", "-q", "1"])
    assert said.returncode in {0, 5}, said.stderr  # 5: not authorised
    return said.returncode == 0


async def test_nobody_enters_without_the_right_password(served):
    devices, internal = served.settings.device_broker_port, served.settings.broker_port
    own = ensure_internal_password(served.settings)
    assert connects(devices, "-u", "aktobe.bus-a", "-P", PASSWORDS[A])
    assert connects(internal, "-u", "sapar", "-P", own)
    refused = [
        (devices, "-u", "aktobe.bus-a", "-P", "wrong"),
        (devices, "-u", "aktobe.bus-a", "-P", ""),
        (devices, "-u", "aktobe.bus-a"),
        (devices, "-u", "aktobe.bus-b", "-P", PASSWORDS[A]),
        (devices, "-u", "aktobe.bus-x", "-P", PASSWORDS[A]),
        (devices,),
        (devices, "-i", "aktobe.bus-a"),
        # our own user does not exist for devices, nor devices for our own listener
        (devices, "-u", "sapar", "-P", own),
        (internal, "-u", "aktobe.bus-a", "-P", PASSWORDS[A]),
        (internal,),
    ]
    for port, *credentials in refused:
        assert not connects(port, *credentials), credentials
    await eventually(lambda: refusals(served).get(("bad_credentials", "")) == len(refused))


async def test_a_device_writes_its_own_topics_and_no_others(served):
    received: list[Message] = []
    async with served.own("watcher") as own, asyncio.TaskGroup() as group:
        await own.subscribe("#")
        task = group.create_task(collect(own, received))
        foreign = [
            *[device_topic(*B, kind) for kind in UP_KINDS],
            device_topic("almaty", "bus-a", "gps"),
            device_topic(*A, "ack"),
            device_topic(*A, "cmd"),
            device_topic(*A, "config"),
            agency_topic("aktobe", "denylist"),
            agency_topic("aktobe", "tariff"),
            "sapar/internal/aktobe/tick",
            "$SYS/broker/uptime",
            "other",
        ]
        for topic in foreign:
            # MQTT 3.1.1 has no answer but yes
            said = run_tool(
                served.tool(
                    "mosquitto_pub",
                    "aktobe.bus-a",
                    PASSWORDS[A],
                    "-t",
                    topic,
                    "-m",
                    "forged",
                    "-q",
                    "1",
                    "-r",
                )
            )
            assert said.returncode == 0
        async with served.device("aktobe.bus-a", PASSWORDS[A]) as device:
            assert await device.publish_many([(topic, b"forged") for topic in foreign]) == len(
                foreign
            )
            own_topics = [device_topic(*A, kind) for kind in UP_KINDS]
            assert await device.publish_many([(topic, b"true") for topic in own_topics]) == 0
        await eventually(lambda: len(received) >= len(own_topics))
        await asyncio.sleep(0.3)
        task.cancel()
    assert [(message.topic, message.payload) for message in received] == [
        (topic, b"true") for topic in own_topics
    ]
    denied = 2 * len(foreign)
    # a publish below $SYS is dropped by every broker, before any access rule and any log line
    await eventually(
        lambda: refusals(served).get(("publish_denied", "aktobe.bus-a")) in {denied, denied - 2}
    )


async def test_a_device_reads_its_own_topics_and_no_others(served):
    received: list[Message] = []
    async with served.own("server") as own:
        for topic in (
            device_topic(*A, "config"),
            device_topic(*B, "config"),
            agency_topic("aktobe", "denylist"),
            agency_topic("aktobe", "tariff"),
            agency_topic("almaty", "denylist"),
            "sapar/internal/aktobe/tick",
        ):
            await own.publish(topic, b"retained", qos=1, retain=True)
        async with served.device("aktobe.bus-a", PASSWORDS[A]) as device:
            await device.subscribe("#")
            await device.subscribe(device_topic(*B, "config"))
            await device.subscribe("$SYS/#")
            async with asyncio.TaskGroup() as group:
                task = group.create_task(collect(device, received))
                for topic in (
                    device_topic(*A, "ack"),
                    device_topic(*A, "cmd"),
                    device_topic(*B, "ack"),
                    device_topic(*B, "cmd"),
                    device_topic(*A, "gps"),
                    device_topic(*B, "gps"),
                ):
                    await own.publish(topic, b"live", qos=1)
                await asyncio.sleep(1)
                task.cancel()
    assert {message.topic for message in received} == {
        device_topic(*A, "config"),
        device_topic(*A, "ack"),
        device_topic(*A, "cmd"),
        agency_topic("aktobe", "denylist"),
        agency_topic("aktobe", "tariff"),
    }


async def test_a_will_cannot_speak_for_another_device(served):
    received: list[Message] = []
    async with served.own("watcher") as own, asyncio.TaskGroup() as group:
        await own.subscribe(up_filter("status"))
        task = group.create_task(collect(own, received))
        for topic in (device_topic(*B, "status"), device_topic(*A, "status")):
            _, writer = await asyncio.open_connection(
                "127.0.0.1", served.settings.device_broker_port
            )
            writer.write(connect_with_will("aktobe.bus-a", PASSWORDS[A], topic))
            await writer.drain()
            await asyncio.sleep(0.3)
            writer.transport.abort()
            await asyncio.sleep(0.3)
        await eventually(lambda: received != [])
        await asyncio.sleep(0.3)
        task.cancel()
    assert [message.topic for message in received] == [device_topic(*A, "status")]


def connect_with_will(user: str, password: str, topic: str) -> bytes:
    """A CONNECT packet of MQTT 3.1.1 with a will, and nothing after it."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = (
        text("MQTT")
        + b"\x04\xce\x00\x3c"
        + b"".join(map(text, ["x", topic, "gone", user, password]))
    )
    return (
        bytes(
            [0x10, *([len(body)] if len(body) < 128 else [len(body) % 128 | 128, len(body) // 128])]
        )
        + body
    )


async def test_a_device_cannot_take_over_a_workers_session(served):
    received: list[Message] = []
    async with served.own("ingest-0", clean_start=False, session_expiry_s=600) as worker:
        await worker.subscribe(up_filter("gps"))
        async with (
            served.device("aktobe.bus-a", PASSWORDS[A], client_id="ingest-0") as device,
            asyncio.TaskGroup() as group,
        ):
            task = group.create_task(collect(worker, received))
            await device.publish(device_topic(*A, "gps"), b"fix", qos=1)
            await eventually(lambda: len(received) == 1)
            task.cancel()
        assert worker.connected
        assert worker.reconnects == 0
    assert not any(reason == "session_taken_over" for reason, _ in refusals(served))


async def test_two_devices_with_one_identity_are_noticed(served):
    async with (
        served.device("aktobe.bus-a", PASSWORDS[A]) as first,
        served.device("aktobe.bus-a", PASSWORDS[A], client_id="a clone") as second,
    ):
        await eventually(lambda: first.reconnects + second.reconnects > 0)
    assert refusals(served)["session_taken_over", "aktobe.bus-a"] >= 1


async def test_a_device_cannot_steal_from_ingests_shared_subscription(served):
    group_name = shared_group(served.settings)
    assert shared_group(served.settings) == group_name
    received: list[Message] = []
    messages = [(device_topic(*B, "gps"), str(n).encode()) for n in range(40)]
    async with (
        served.own("ingest-0") as worker,
        served.device("aktobe.bus-a", PASSWORDS[A]) as thief,
        served.device("aktobe.bus-b", PASSWORDS[B]) as victim,
        asyncio.TaskGroup() as group,
    ):
        await worker.subscribe(f"$share/{group_name}/{up_filter('gps')}")
        for guess in ("ingest", "ingest-0", "sapar"):
            await thief.subscribe(f"$share/{guess}/{up_filter('gps')}")
        task = group.create_task(collect(worker, received))
        await victim.publish_many(messages)
        await eventually(lambda: len(received) == len(messages))
        task.cancel()


async def test_revocation_ends_open_connections_and_spares_the_others(served):
    async with (
        served.device("aktobe.bus-a", PASSWORDS[A]) as revoked,
        served.device("aktobe.bus-b", PASSWORDS[B]) as spared,
        served.own("worker") as own,
    ):
        served.devices({B: PASSWORDS[B]})
        await eventually(lambda: not revoked.connected)
        await asyncio.sleep(1)
        assert not revoked.connected
        assert spared.reconnects == own.reconnects == 0
        await spared.publish(device_topic(*B, "gps"), b"still here", qos=1)


async def test_a_renewed_password_ends_the_connection_made_with_the_old_one(served):
    async with served.device("aktobe.bus-a", PASSWORDS[A]) as device:
        served.devices(PASSWORDS | {A: "another-password"})
        await eventually(lambda: not device.connected)
    async with served.device("aktobe.bus-a", "another-password") as device:
        assert device.connected


async def test_an_absent_workers_queue_outlives_a_broker_crash(served):
    async with served.own("ingest-0", clean_start=False, session_expiry_s=600) as worker:
        await worker.subscribe(up_filter("gps"))
        await worker.publish(device_topic(*A, "config"), b"settings", qos=1, retain=True)
    async with served.device("aktobe.bus-a", PASSWORDS[A]) as device:
        await device.publish(device_topic(*A, "gps"), b"before", qos=1)
        os.kill(served.process.pid, signal.SIGUSR1)  # save now instead of in 10 s
        await asyncio.sleep(0.5)
    served.process.kill()
    served.process.start()
    received: list[Message] = []
    config: list[Message] = []
    async with served.device("aktobe.bus-a", PASSWORDS[A]) as device:
        await device.publish(device_topic(*A, "gps"), b"after", qos=1)
        await device.subscribe(device_topic(*A, "config"))
        config += await device.read()
    async with served.own("ingest-0", clean_start=False, session_expiry_s=600) as worker:
        while len(received) < 2:
            received += await worker.read()
    assert [message.payload for message in received] == [b"before", b"after"]
    assert [message.payload for message in config] == [b"settings"]
