"""Messages to drivers through a real database, broker and ingest, to the reference firmware and back."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from sapar.access.model import Person
from sapar.contract.messages import Command
from sapar.contract.topics import device_topic
from sapar.core.clock import ManualClock, SystemClock
from sapar.core.db import Pool
from sapar.core.errors import BadInput, NotFound
from sapar.core.mqtt import MqttClient
from sapar.dispatch.messages.publisher import devices_of, retry_s
from sapar.dispatch.messages.store import (
    list_messages,
    list_recipients,
    withdraw_message,
    write_message,
)
from sapar.dispatch.messages.texts import QUICK_TEXTS, Letter, Target, check_letter, check_texts
from sapar.fleet.broker import Credential, reload_broker, write_devices
from sapar.fleet.credentials import hash_password
from sapar.simulators.device import Credentials, DeviceClient
from tests.dispatch.publishing import (
    at_work,
    client_of,
    publisher,
    states,
    until_online,
    until_states,
)
from tests.ingest.support import add_devices, rows, worker

_numbers = count(1)
WHO = Person(7, "aigerim", frozenset({"dispatcher"}))
TEXTS = {"kk": "Диспетчерге хабарласыңыз.", "ru": "Позвоните диспетчеру."}
PASSWORD = "a device's password"


@pytest.fixture
async def agency(pool: Pool) -> str:
    """An agency of the test's own; somebody there may write."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO person (user_id, name, created_at) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, %s, now())",
            (WHO.user_id, WHO.name),
        )
    return f"letters{next(_numbers)}"


def letter(*buses: str, **more: Any) -> Letter:
    values: dict[str, Any] = {
        "texts": TEXTS,
        "target": Target(kind="vehicles", vehicle_ids=list(buses)),
    }
    return Letter(**(values | more))


async def test_a_message_is_delivered_and_read(settings, pool, broker, agency, monkeypatch):
    # long enough for "delivered" to be seen before "read" takes its place
    monkeypatch.setattr("sapar.simulators.device.READING_S", (3.0, 3.1))
    await add_devices(pool, agency, ["bus-1", "bus-2"])
    clock = SystemClock()
    own = settings.model_copy(update={"agency": agency})
    write_devices(settings, [Credential(agency, "bus-1", hash_password(PASSWORD))])
    reload_broker(settings)
    device = DeviceClient(
        "127.0.0.1",
        broker.device_port,
        agency,
        Credentials("bus-1", PASSWORD, "bus-1"),
        epoch=1,
        clock=clock,
    )
    async with worker(own), client_of(settings, "desk") as client:
        listening = asyncio.create_task(device.run())
        await until_online(pool, agency)
        async with at_work(publisher(settings, pool, client)):
            number = await write_message(
                pool, agency, letter("bus-1", "bus-2"), ["bus-1", "bus-2"], WHO, clock.now()
            )
            await until_states(pool, agency, number, {"bus-1": "delivered", "bus-2": "sent"})
            await until_states(pool, agency, number, {"bus-1": "read", "bus-2": "sent"})
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    first, _ = await list_recipients(pool, agency, str(number))
    assert first.sent_s is not None
    assert first.delivered_s is not None
    assert first.read_s is not None
    assert first.delivered_s <= first.read_s
    (message,) = await list_messages(pool, agency)
    assert (message.texts, message.author) == (TEXTS, "aigerim")
    assert (message.counts["read"], message.counts["sent"]) == (1, 1)
    assert await list_messages(pool, agency, vehicle_id="bus-3") == []
    audit = await rows(pool, "SELECT action, after ->> 'buses' FROM audit_log")
    assert audit == [("message.send", "2")]


async def test_several_publishers_send_each_message_once(settings, pool, agency):
    buses = [f"bus-{n}" for n in range(450)]
    await add_devices(pool, agency, buses)
    now = SystemClock().now()
    async with (
        client_of(settings, "ear") as ear,
        client_of(settings, "one") as one,
        client_of(settings, "two") as two,
    ):
        await ear.subscribe(device_topic(agency, "+", "cmd"))
        number = await write_message(pool, agency, letter(*buses), buses, WHO, now)
        heard: list[str] = []
        async with at_work(publisher(settings, pool, one), publisher(settings, pool, two)):
            await until_states(pool, agency, number, dict.fromkeys(buses, "sent"))
            async with asyncio.timeout(30):
                while len(heard) < len(buses):
                    heard += [m.topic for m in await ear.read()]
    assert sorted(heard) == sorted(device_topic(agency, bus, "cmd") for bus in buses)


async def test_a_message_waits_for_the_broker_and_survives_a_restart(settings, pool, agency):
    await add_devices(pool, agency, ["bus-1"])
    number = await write_message(
        pool, agency, letter("bus-1", urgent=True), ["bus-1"], WHO, SystemClock().now()
    )
    away = MqttClient("127.0.0.1", 1, client_id="away", username="", password="", wait=False)
    async with away, at_work(publisher(settings, pool, away)):
        await asyncio.sleep(0.5)
        assert await states(pool, agency, number) == {"bus-1": "waiting"}
    async with client_of(settings, "ear") as ear, client_of(settings, "desk") as client:
        await ear.subscribe(device_topic(agency, "bus-1", "cmd"))
        async with at_work(publisher(settings, pool, client)):
            async with asyncio.timeout(30):
                (message,) = await ear.read()
            command = msgspec.json.decode(message.payload, type=Command)
            await until_states(pool, agency, number, {"bus-1": "sent"})
    assert command.name == "message"
    assert command.args is not None
    assert command.args["texts"] == TEXTS
    assert command.args["urgent"] is True


async def test_it_is_sent_again_until_it_expires(settings, pool, agency):
    await add_devices(pool, agency, ["bus-1"])
    start = SystemClock().time()
    clock = ManualClock(start)
    async with client_of(settings, "ear") as ear, client_of(settings, "desk") as client:
        await ear.subscribe(device_topic(agency, "bus-1", "cmd"))
        desk = publisher(settings, pool, client, clock)
        number = await write_message(
            pool, agency, letter("bus-1", valid_s=300.0), ["bus-1"], WHO, clock.now()
        )
        for after_s in (0.0, 10.0, 31.0, 40.0, 95.0, 250.0, 301.0, 1000.0):
            clock.set(start + after_s)
            await desk.look()
        heard: list[bytes] = []
        async with asyncio.timeout(30):
            while len(heard) < 4:
                heard += [m.payload for m in await ear.read()]
        with suppress(TimeoutError):  # a fifth would come at once
            async with asyncio.timeout(0.2):
                heard += [m.payload for m in await ear.read()]
    assert len(heard) == len([0.0, 31.0, 95.0, 250.0])
    assert len(set(heard)) == 1  # the same command each time: devices know it by its id
    (found,) = await list_recipients(pool, agency, str(number))
    assert (found.state, found.tries) == ("expired", 4)
    assert found.ended_s == pytest.approx(start + 300.0)


async def answer(pool: Pool, agency: str, bus: str, kind: str, data: dict, at) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO event (device_no, time, epoch, seq, digest, kind, data, received_at)"
            " SELECT device_no, %s, 1, %s, 0, %s, %s, %s FROM device"
            " WHERE agency_id = %s AND device_id = %s",
            (at, next(_numbers), kind, msgspec.json.encode(data).decode(), at, agency, bus),
        )


async def command_id(pool: Pool, number: int) -> str:
    found = await rows(pool, "SELECT command_id FROM driver_message WHERE message_no = %s", number)
    return found[0][0]


async def test_what_a_device_cannot_show_has_failed_and_a_bus_without_device_too(
    settings, pool, agency
):
    await add_devices(pool, agency, ["bus-1", "bus-2"])
    now = SystemClock().now()
    async with client_of(settings, "desk") as client:
        desk = publisher(settings, pool, client)
        number = await write_message(
            pool, agency, letter("bus-1", "bus-2", "tram"), ["bus-1", "bus-2", "tram"], WHO, now
        )
        await desk.look()
        name = await command_id(pool, number)
        no = {"command_id": name, "ok": False, "error": "no_display"}
        await answer(pool, agency, "bus-1", "cmd_result", no, now)
        await answer(pool, agency, "bus-2", "cmd_result", {"command_id": "other", "ok": True}, now)
        await publisher(settings, pool, client).look()
    found = {
        r.vehicle_id: (r.state, r.failure) for r in await list_recipients(pool, agency, str(number))
    }
    assert found == {
        "bus-1": ("failed", "no_display"),
        "bus-2": ("sent", None),
        "tram": ("failed", "no_device"),
    }


async def test_answers_in_any_order_and_any_number_give_the_same_state(settings, pool, agency):
    buses = ["bus-1", "bus-2", "bus-3"]
    await add_devices(pool, agency, buses)
    now = SystemClock().now()
    async with client_of(settings, "desk") as client:
        desk = publisher(settings, pool, client)
        number = await write_message(pool, agency, letter(*buses), buses, WHO, now)
        await desk.look()
        name = await command_id(pool, number)
        shown: tuple[str, dict[str, Any]]
        read: tuple[str, dict[str, Any]]
        shown, read = (
            ("cmd_result", {"command_id": name, "ok": True}),
            ("cmd_read", {"command_id": name}),
        )
        orders: dict[str, list[tuple[str, dict[str, Any]]]] = {
            "bus-1": [shown, read],
            "bus-2": [read, shown, shown],
            "bus-3": [read],
        }
        for bus, events in orders.items():
            for kind, data in events:
                await answer(pool, agency, bus, kind, data, now + timedelta(seconds=9))
                again = publisher(settings, pool, client)
                await again.look()
                await again.look()
    assert await states(pool, agency, number) == dict.fromkeys(buses, "read")
    for found in await list_recipients(pool, agency, str(number)):
        assert found.delivered_s is not None
        assert found.read_s is not None
        assert found.delivered_s <= found.read_s


async def test_a_wrong_clock_on_the_bus_does_not_make_it_read_before_it_was_written(
    settings, pool, agency
):
    await add_devices(pool, agency, ["bus-1"])
    now = SystemClock().now()
    async with client_of(settings, "desk") as client:
        number = await write_message(pool, agency, letter("bus-1"), ["bus-1"], WHO, now)
        await publisher(settings, pool, client).look()
        data = {"command_id": await command_id(pool, number)}
        await answer(pool, agency, "bus-1", "cmd_read", data, now - timedelta(hours=5))
        await publisher(settings, pool, client).look()
    (found,) = await list_recipients(pool, agency, str(number))
    assert found.state == "read"
    assert found.read_s == pytest.approx(now.timestamp())


async def test_a_device_that_comes_back_gets_it_at_once(settings, pool, agency):
    await add_devices(pool, agency, ["bus-1"])
    async with client_of(settings, "ear") as ear, client_of(settings, "desk") as client:
        await ear.subscribe(device_topic(agency, "bus-1", "cmd"))
        async with at_work(publisher(settings, pool, client)):
            now = SystemClock().now()
            await write_message(pool, agency, letter("bus-1"), ["bus-1"], WHO, now)
            async with asyncio.timeout(30):
                await ear.read()
            for online in (False, True):
                async with pool.connection() as connection:
                    await connection.execute(
                        "INSERT INTO device_status SELECT device_no, %s, '{}', %s FROM device"
                        " WHERE agency_id = %s ON CONFLICT (device_no)"
                        " DO UPDATE SET online = excluded.online",
                        (online, now, agency),
                    )
            async with asyncio.timeout(30):
                await ear.read()


async def test_what_is_withdrawn_is_not_sent(settings, pool, agency):
    await add_devices(pool, agency, ["bus-1", "bus-2"])
    now = SystemClock().now()
    number = await write_message(
        pool, agency, letter("bus-1", "bus-2"), ["bus-1", "bus-2"], WHO, now
    )
    assert await withdraw_message(pool, agency, str(number), WHO, now) == 2
    async with client_of(settings, "desk") as client:
        desk = publisher(settings, pool, client)
        await desk.look()
    assert desk.sent == 0
    assert await states(pool, agency, number) == dict.fromkeys(["bus-1", "bus-2"], "failed")
    for unknown in ("999999", "x", "1" * 30):
        with pytest.raises(NotFound):
            await withdraw_message(pool, agency, unknown, WHO, now)


async def test_withdrawn_after_it_was_sent_it_may_have_been_read(settings, pool, agency):
    await add_devices(pool, agency, ["bus-1"])
    now = SystemClock().now()
    number = await write_message(pool, agency, letter("bus-1"), ["bus-1"], WHO, now)
    async with client_of(settings, "desk") as client:
        await publisher(settings, pool, client).look()
        assert await withdraw_message(pool, agency, str(number), WHO, now) == 1
        data = {"command_id": await command_id(pool, number)}
        await answer(pool, agency, "bus-1", "cmd_read", data, now + timedelta(seconds=9))
        await publisher(settings, pool, client).look()
    assert await states(pool, agency, number) == {"bus-1": "read"}


async def test_the_tracker_gets_it_rather_than_the_validator(settings, pool, agency):
    await add_devices(pool, agency, ["val-9", "zz-9"])
    async with pool.connection() as connection:
        await connection.execute("UPDATE device SET kind = 'validator' WHERE device_id = 'val-9'")
        await connection.execute(
            "INSERT INTO mounting SELECT device_no, '9', tstzrange('2026-01-01', NULL)"
            " FROM device WHERE agency_id = %s",
            (agency,),
        )
    async with client_of(settings, "ear") as ear, client_of(settings, "desk") as client:
        await ear.subscribe(device_topic(agency, "+", "cmd"))
        await write_message(pool, agency, letter("9"), ["9"], WHO, SystemClock().now())
        await publisher(settings, pool, client).look()
        async with asyncio.timeout(30):
            (heard,) = await ear.read()
    assert heard.topic == device_topic(agency, "zz-9", "cmd")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"texts": {}}, "text_missing"),
        ({"texts": {"ru": " "}}, "text_missing"),
        ({"texts": {"ru": "x" * 201}}, "text_too_long"),
        ({"texts": {"de": "x"}}, "bad_language"),
        ({"texts": {"ru": "a\x07"}}, "bad_text"),
        ({"valid_s": 1.0}, "bad_validity"),
        ({"valid_s": float("nan")}, "bad_validity"),
        ({"target": Target(kind="vehicles")}, "no_recipients"),
        ({"target": Target(kind="route")}, "no_recipients"),
    ],
)
def test_a_message_that_nobody_could_read_is_refused(changes, code):
    with pytest.raises(BadInput) as refused:
        check_letter(letter("bus-1", **changes))
    assert refused.value.code == code


async def test_nobody_to_write_to_is_said(pool, agency):
    with pytest.raises(BadInput):
        await write_message(pool, agency, letter("b"), [], WHO, SystemClock().now())


def test_quick_texts_fit_every_display():
    for texts in QUICK_TEXTS.values():
        check_texts(texts)
        assert set(texts) == {"kk", "ru", "en"}


def test_tries_come_at_growing_intervals():
    assert [retry_s(n) for n in range(5)] == [30.0, 60.0, 120.0, 240.0, 300.0]
    assert devices_of({"answer 3", "online 4", "", "answer x", "answer 1"}, "answer") == [1, 3]
