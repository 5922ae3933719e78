"""The broker client against a real broker: acknowledged late, delivered again, held back."""

import asyncio
import time
from contextlib import suppress

import pytest

from sapar.core.errors import BadInput, ConnectionLost, Refused, Unavailable
from sapar.core.mqtt import Message, MqttClient, Will
from sapar.deploy.native import free_port
from tests.services import start_broker


def client(broker, name, **changes):
    values = {
        "client_id": f"core-{name}",
        "username": broker.username,
        "password": broker.password,
        **changes,
    }
    return MqttClient("127.0.0.1", broker.internal_port, **values)


async def read_until(subscriber, count, timeout_s=60.0):
    """Read until `count` messages are there, or fail."""
    found: list[Message] = []
    async with asyncio.timeout(timeout_s):
        while len(found) < count:
            found += await subscriber.read()
    return found


async def read_for(subscriber, duration_s):
    """Read all that comes in this time."""
    found: list[Message] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            while True:
                found += await subscriber.read()
    return found


async def publish_for_ever(publisher, topic):
    """Publish until it fails."""
    async with asyncio.timeout(30):
        while True:
            await publisher.publish(topic, b"lost", qos=1)


async def test_messages_arrive_in_order_and_whole(broker):
    async with client(broker, "sub") as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/order/+", 1)
        sent = [(f"core/order/{n % 7}", bytes([n % 256]) * n) for n in range(3000)]
        assert await publisher.publish_many(sent) == 0
        found = await read_until(subscriber, len(sent))
    assert [(m.topic, m.payload) for m in found] == sent


async def test_what_was_not_acknowledged_is_delivered_again(broker):
    options = {"manual_ack": True, "clean_start": False, "session_expiry_s": 60}
    async with client(broker, "again", **options) as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/again", 1)
        await publisher.publish_many([("core/again", b"%d" % n) for n in range(10)])
        found = await read_until(subscriber, 10)
        subscriber.ack(found[:4])
        await asyncio.sleep(0.2)
    async with client(broker, "again", **options) as subscriber:
        back = await read_until(subscriber, 6)
        assert [m.payload for m in back] == [b"%d" % n for n in range(4, 10)]
        subscriber.ack(back)
    async with client(broker, "again", clean_start=True):
        pass


async def test_an_acknowledgement_of_an_earlier_connection_is_dropped(broker):
    """Its packet id may mean another message by now."""
    options = {"manual_ack": True, "clean_start": False, "session_expiry_s": 60}
    async with client(broker, "old", **options) as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/old", 1)
        await publisher.publish("core/old", b"one", qos=1)
        first = await read_until(subscriber, 1)
        subscriber._connection.abort(ConnectionLost("cut by the test"))
        second = await read_until(subscriber, 1)
        subscriber.ack(first)
        await asyncio.sleep(0.2)
        subscriber._connection.abort(ConnectionLost("cut again"))
        third = await read_until(subscriber, 1)
        assert [m.payload for m in (*first, *second, *third)] == [b"one"] * 3
        subscriber.ack(third)
        await asyncio.sleep(0.1)
    async with client(broker, "old", clean_start=True):
        pass


async def test_the_receive_maximum_holds_the_broker_back(broker):
    """One socket read may overshoot: here a message is 4 kB, and a read at most 256 kB."""
    options = {"manual_ack": True, "receive_max": 20}
    most, count = 20 + 64, 3000
    async with client(broker, "max", **options) as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/max", 1)
        await publisher.publish_many([("core/max", b"%4096d" % n) for n in range(count)])
        seen: list[Message] = []
        held: list[Message] = []
        while len(seen) < count:
            async with asyncio.timeout(30):
                fresh = await subscriber.read()
            seen += fresh
            held += fresh
            assert len(held) <= most
            if len(held) >= 20 or len(seen) == count:
                subscriber.ack(held)
                held = []
    assert [int(m.payload) for m in seen] == list(range(count))


async def test_large_messages_hold_the_broker_back_by_their_bytes(broker):
    """The receive maximum would let 5 GB of such messages in."""
    options = {"manual_ack": True, "receive_max": 20_000}
    count, size = 400, 262_144
    async with client(broker, "bulk", **options) as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/bulk", 1)
        await publisher.publish_many([("core/bulk", bytes(size))] * count)
        held = await read_until(subscriber, (64 << 20) // size)
        held += await read_for(subscriber, 0.5)  # and no more, for nothing is acknowledged
        assert 64 << 20 <= len(held) * size < (64 << 20) + (1 << 20)
        seen = len(held)
        subscriber.ack(held)
        while seen < count:
            fresh = await asyncio.wait_for(subscriber.read(), 10)
            subscriber.ack(fresh)
            seen += len(fresh)
    assert seen == count


async def test_the_largest_packet_is_read_in_time_that_grows_with_its_size(broker):
    async with client(broker, "huge") as subscriber, client(broker, "pub") as publisher:
        await subscriber.subscribe("core/huge", 1)
        payload = bytes(60 << 20)
        started_s = time.process_time()
        await publisher.publish("core/huge", payload, qos=1)
        (message,) = await asyncio.wait_for(subscriber.read(), 20)
        spent_s = time.process_time() - started_s
    assert message.payload == payload
    assert spent_s < 3.0, "what has arrived is copied again with every piece"


async def test_an_error_on_connect_does_not_end_the_client(broker):
    tries = []

    async def announce():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a mistake of the caller")

    async with client(broker, "again", on_connect=announce, wait=False) as subscriber:
        await subscriber.wait_connected(10)
    assert len(tries) == 2


async def test_it_comes_back_and_subscribes_again(service_directory):
    broker = start_broker(service_directory / "broker")
    try:
        async with client(broker, "back") as subscriber:
            await subscriber.subscribe("core/back", 1)
            broker.process.kill()
            with pytest.raises(ConnectionLost):
                await publish_for_ever(subscriber, "core/back")
            broker.process.start()
            await subscriber.wait_connected(15)
            await subscriber.publish("core/back", b"back", qos=1)
            assert (await read_until(subscriber, 1))[-1].payload == b"back"
    finally:
        broker.process.stop()


async def test_the_will_speaks_for_who_vanished(broker):
    will = Will("core/will", payload=b"gone")
    async with client(broker, "watch") as watcher:
        await watcher.subscribe("core/will", 1)
        async with client(broker, "polite", will=will):
            pass
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watcher.read(), 0.3)
        async with client(broker, "rude", will=will) as rude:
            rude._connection._transport.abort()
            assert (await read_until(watcher, 1))[0].payload == b"gone"


async def test_no_broker_is_said_plainly():
    port = free_port()
    absent = MqttClient("127.0.0.1", port, client_id="nobody")
    with pytest.raises(Unavailable, match=f"no broker answers at 127.0.0.1:{port}"):
        await absent.__aenter__()


async def test_what_is_no_topic_filter_is_refused(broker):
    async with client(broker, "bad") as subscriber:
        with pytest.raises(BadInput, match="no topic filter"):
            await subscriber.subscribe("core/#/bad", 1)
        await subscriber.subscribe("core/good", 1)


async def test_wrong_credentials_are_refused_and_said(broker):
    with pytest.raises(Refused, match=r"not_authorized|bad_user_name_or_password"):
        await client(broker, "thief", password="guess").__aenter__()


async def test_publishing_while_away_fails_at_once():
    away = MqttClient("127.0.0.1", free_port(), client_id="away", wait=False)
    async with away:
        with pytest.raises(ConnectionLost):
            await away.publish("core/x", b"", qos=1)


async def test_a_stop_is_heard_in_the_very_moment_a_connect_is_refused(monkeypatch):
    """A part that is asked to end while the broker is away ends: the request is not swallowed."""
    loop = asyncio.get_running_loop()
    connecting, tried = loop.create_future(), asyncio.Event()

    async def create_connection(*_):
        tried.set()
        return await connecting

    monkeypatch.setattr(loop, "create_connection", create_connection)
    subscriber = MqttClient("127.0.0.1", 1, client_id="stopped", wait=False)
    await subscriber.__aenter__()
    await tried.wait()
    connecting.set_exception(ConnectionRefusedError())
    async with asyncio.timeout(5.0):
        await subscriber.__aexit__(None, None, None)
    assert subscriber.reconnects == 0
