"""From a change in the database to what the broker allows, within seconds; and its refusals back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from sapar.contract.topics import device_topic
from sapar.core.errors import Refused
from sapar.core.metrics import Metrics
from sapar.core.mqtt import MqttClient
from sapar.fleet.broker import BrokerFiles
from sapar.fleet.broker_sync import run_broker_sync
from sapar.fleet.devices import NewDevice, add_device, renew_password, revoke_device
from tests.fleet.product_broker import ProductBroker, eventually, run_tool
from tests.fleet.test_devices import at


@asynccontextmanager
async def syncing(broker: ProductBroker, database: str, metrics: Metrics) -> AsyncIterator[None]:
    settings = broker.settings.model_copy(
        # no look without a notice while a test is patient
        update={"database_url": SecretStr(database), "registry_refresh_s": 600.0}
    )
    task = asyncio.create_task(run_broker_sync(settings, metrics))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def knows(broker: ProductBroker, user: str) -> bool:
    return f"{user}:" in BrokerFiles.of(broker.settings).device_passwords.read_text()


async def test_devices_come_and_go_within_seconds(mosquitto, database, connection):
    first = add_device(connection, NewDevice("aktobe", "bus-1", "101"))
    connection.commit()
    async with syncing(mosquitto, database, Metrics()):
        await eventually(lambda: knows(mosquitto, "aktobe.bus-1"))
        async with mosquitto.device("aktobe.bus-1", first) as old:
            second = add_device(connection, NewDevice("aktobe", "bus-2", "102"))
            connection.commit()
            async with mosquitto.device("aktobe.bus-2", second) as new:
                await new.publish(device_topic("aktobe", "bus-2", "gps"), b"fix", qos=1)
                assert old.reconnects == 0
                revoke_device(connection, "aktobe", "bus-1", at(6))
                connection.commit()
                await eventually(lambda: not old.connected)
                renew_password(connection, "aktobe", "bus-2")
                connection.commit()
                await eventually(lambda: not new.connected)
                await eventually(lambda: isinstance(old.last_error, Refused))
                await eventually(lambda: isinstance(new.last_error, Refused))


async def test_thousands_at_once_are_one_reload(mosquitto, database, connection):
    async with syncing(mosquitto, database, Metrics()):
        for number in range(30):
            add_device(connection, NewDevice("aktobe", f"bus-{number}"))
            connection.commit()
        await eventually(lambda: knows(mosquitto, "aktobe.bus-29"))
        await asyncio.sleep(0.5)
    log = BrokerFiles.of(mosquitto.settings).log.read_text()
    # about two on an idle machine; the slower the commits come, the fewer share a reload
    assert 1 <= log.count("Reloading config") <= 15


async def test_refusals_of_the_broker_are_counted(mosquitto, database, connection):
    password = add_device(connection, NewDevice("aktobe", "bus-1"))
    connection.commit()
    metrics = Metrics()
    value = metrics.registry.get_sample_value

    def counted(reason: str) -> float | None:
        return value("sapar_broker_refusals", {"reason": reason})

    def stored() -> dict[tuple[str, str], int]:
        connection.rollback()
        rows = connection.execute("SELECT reason, username, times FROM broker_refusal").fetchall()
        return {(reason, user): times for reason, user, times in rows}

    async with syncing(mosquitto, database, metrics):
        await eventually(lambda: knows(mosquitto, "aktobe.bus-1"))
        async with mosquitto.device("aktobe.bus-1", password) as device:
            for _ in range(3):
                await device.publish(device_topic("aktobe", "bus-2", "gps"), b"forged", qos=1)
        for _ in range(2):
            run_tool(mosquitto.tool("mosquitto_pub", "aktobe.bus-1", "wrong", "-t", "x", "-m", "y"))
        expected = {("publish_denied", "aktobe.bus-1"): 3, ("bad_credentials", ""): 2}
        await eventually(lambda: stored() == expected)
    async with syncing(mosquitto, database, metrics):
        run_tool(mosquitto.tool("mosquitto_pub", "aktobe.bus-1", "wrong", "-t", "x", "-m", "y"))
        expected["bad_credentials", ""] = 3
        await eventually(lambda: stored() == expected)
        # counted for Prometheus a moment after they are stored
        await eventually(lambda: counted("publish_denied") == counted("bad_credentials") == 3)


async def test_a_broker_that_starts_later_knows_the_devices(mosquitto, database, connection):
    mosquitto.process.stop()
    password = add_device(connection, NewDevice("aktobe", "bus-1"))
    connection.commit()
    async with syncing(mosquitto, database, Metrics()):
        await eventually(lambda: knows(mosquitto, "aktobe.bus-1"))
        mosquitto.process.start()
        async with mosquitto.device("aktobe.bus-1", password) as device:
            assert isinstance(device, MqttClient)
            assert device.connected
