"""A broker without what devices of other tests have said to it and left there."""

import asyncio

import pytest

from sapar.contract.topics import up_filter
from sapar.core.mqtt import MqttClient
from tests.services import RunningBroker

_QUIET_S = 0.5  # retained messages come with the subscription


@pytest.fixture(scope="module", autouse=True)
def no_status_of_others(broker: RunningBroker) -> None:
    """Remove retained states: a worker would take them in, and keep them as letters of nobody."""
    asyncio.run(_forget_states(broker))


async def _forget_states(broker: RunningBroker) -> None:
    client = MqttClient(
        "127.0.0.1",
        broker.internal_port,
        client_id="forgets-states",
        username=broker.username,
        password=broker.password,
    )
    async with client:
        await client.wait_connected(5.0)
        await client.subscribe(up_filter("status"), 0)
        while True:
            try:
                async with asyncio.timeout(_QUIET_S):
                    messages = await client.read()
            except TimeoutError:
                return
            for message in messages:
                if message.payload:
                    await client.publish(message.topic, b"", qos=1, retain=True)
