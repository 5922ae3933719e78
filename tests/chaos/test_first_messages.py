"""What a kept session holds arrives together with the CONNACK, and nothing may come after it."""

import asyncio

import mqtt5

from sapar.core.mqtt import MqttClient


class OneWrite(asyncio.Protocol):
    """A broker that answers CONNECT with all it has in one write, and then waits for a PUBACK."""

    def __init__(self, acknowledged: asyncio.Queue[int]) -> None:
        self.acknowledged = acknowledged

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        packet, _ = mqtt5.read(memoryview(data))
        if isinstance(packet, mqtt5.ConnectPacket):
            self.transport.write(
                mqtt5.ConnAckPacket(session_present=True).write()
                + mqtt5.PublishPacket(
                    "t", b"kept", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=7
                ).write()
            )
        elif isinstance(packet, mqtt5.PubAckPacket):
            self.acknowledged.put_nowait(packet.packet_id)


async def test_a_reader_that_waits_already_gets_them():
    # A broker of flesh and blood writes them apart or together as it pleases; here it is together.
    acknowledged: asyncio.Queue[int] = asyncio.Queue()
    server = await asyncio.get_running_loop().create_server(
        lambda: OneWrite(acknowledged), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    client = MqttClient("127.0.0.1", port, client_id="c", manual_ack=True, wait=False)
    async with server, client, asyncio.timeout(5.0):
        reader = asyncio.create_task(client.read())
        messages = await reader
        assert [message.payload for message in messages] == [b"kept"]
        client.ack(messages)
        assert await acknowledged.get() == 7
