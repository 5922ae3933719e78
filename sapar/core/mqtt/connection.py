"""One connection to the broker, from its CONNECT to its end; it is never used again after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import mqtt5

from sapar.core.errors import ConnectionLost, Refused
from sapar.core.mqtt.packets import Message, packet_size

# Stop reading the socket beyond this: QoS 0 has no flow control, and the receive maximum counts
# messages, of which one may hold as much as thousands of others.
_UNREAD_MAX = 50_000
_HELD_BYTES_MAX = 64 << 20
_WRITE_CHUNK = 256  # packets joined into one write while publishing


class _Flight:
    """A group of QoS 1 publishes that is waited for together."""

    __slots__ = ("done", "left", "refused")

    def __init__(self, left: int) -> None:
        self.left = left
        self.refused = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Connection(asyncio.Protocol):
    """The protocol's state machine over one socket.

    Args:
        number: counts the client's connections.
        connect: the CONNECT packet to send first.
        auto_ack: acknowledge QoS 1 messages as they are read.
        on_messages: called once after each read that brought messages.
    """

    def __init__(
        self,
        number: int,
        connect: mqtt5.ConnectPacket,
        *,
        auto_ack: bool,
        on_messages: Callable[[], None],
    ) -> None:
        self.number = number
        self.inbox: deque[Message] = deque()
        self.session_present = False
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.last_read_s = loop.time()
        self.paused = False
        self._unacknowledged = 0
        self._unread_bytes = 0
        self._unacknowledged_bytes = 0
        self._connect = connect
        self._auto_ack = auto_ack
        self._on_messages = on_messages
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()
        self._wanted = 0  # bytes that `_rest` must have before it is worth another look
        self._reason: Exception = ConnectionLost("the broker closed the connection")
        self._flights: dict[int, _Flight] = {}
        self._subscriptions: dict[int, asyncio.Future[None]] = {}
        self._next_id = 0
        self._window = 1
        self._slot_free = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._loop = loop

    # -- asyncio.Protocol ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._connect.write())

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything that waits for the broker."""
        reason = ConnectionLost(f"connection lost: {exc}") if exc else self._reason
        for flight in {id(flight): flight for flight in self._flights.values()}.values():
            _fail(flight.done, reason)
        self._flights.clear()
        for future in (*self._subscriptions.values(), self.opened):
            _fail(future, reason)
        self._subscriptions.clear()
        self._slot_free.set()
        self._writable.set()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Hold publishers back while the socket's buffer is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let publishers go on."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Take all complete packets out of the bytes read so far."""
        self.last_read_s = self._loop.time()
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return
        view = memoryview(self._rest or data)
        read, inbox, number = mqtt5.read, self.inbox, self.number
        at, end, before = 0, len(view), len(inbox)
        try:
            while at < end:
                packet, size = read(view[at:])
                at += size
                if isinstance(packet, mqtt5.PublishPacket):
                    inbox.append(
                        Message(
                            packet.topic, packet.payload, packet.packet_id, number, packet.retain
                        )
                    )
                else:
                    self._handle(packet)
        except IndexError:
            pass  # the rest of the packet has not arrived yet
        except ValueError as exc:
            self.abort(ConnectionLost(f"the broker sent a malformed packet: {exc}"))
            return
        self._rest = bytearray(view[at:])
        self._wanted = packet_size(self._rest)
        if len(inbox) > before:
            self._arrived(before)

    # -- what the client calls ----------------------------------------------------------------

    def take(self) -> list[Message]:
        """Give all messages that have arrived, oldest first."""
        messages = list(self.inbox)
        self.inbox.clear()
        self._unread_bytes = 0
        self._go_on()
        return messages

    def ack(self, messages: Iterable[Message]) -> None:
        """Acknowledge the QoS 1 messages of this connection among these, in one write."""
        if self.is_closing():
            return
        packets = []
        for message in messages:
            if message.packet_id is not None and message.connection == self.number:
                packets.append(mqtt5.PubAckPacket(message.packet_id).write())
                self._unacknowledged_bytes -= len(message.payload)
        self._unacknowledged -= len(packets)
        self._write(b"".join(packets))
        self._go_on()

    async def subscribe(self, filters: dict[str, int]) -> None:
        """Subscribe to topic filters with their QoS; wait for the broker's answer.

        Raises:
            Refused: the broker refused one of them.
            ConnectionLost: the connection ended first.
        """
        patterns = [
            mqtt5.TopicFilter(pattern, max_qos=mqtt5.QoS(qos)) for pattern, qos in filters.items()
        ]
        packet_id = self._take_id()
        future: asyncio.Future[None] = self._loop.create_future()
        self._subscriptions[packet_id] = future
        self._write(mqtt5.SubscribePacket(packet_id, patterns).write())
        await future

    async def unsubscribe(self, pattern: str) -> None:
        """End a subscription; wait for the broker's answer."""
        packet_id = self._take_id()
        future: asyncio.Future[None] = self._loop.create_future()
        self._subscriptions[packet_id] = future
        self._write(mqtt5.UnsubscribePacket(packet_id, [pattern]).write())
        await future

    def publish_qos0(self, messages: Iterable[tuple[str, bytes, bool]]) -> None:
        """Send (topic, payload, retain) without waiting for anything."""
        self._write(
            b"".join(
                mqtt5.PublishPacket(topic, payload, retain=retain).write()
                for topic, payload, retain in messages
            )
        )

    async def publish_qos1(self, messages: list[tuple[str, bytes, bool]]) -> int:
        """Send (topic, payload, retain) at QoS 1 within the broker's window; wait for all PUBACKs.

        Returns:
            How many the broker refused (MQTT 5 reason codes of 128 and more).

        Raises:
            ConnectionLost: the connection ended; some may have arrived.
        """
        flight = _Flight(len(messages))
        flight.done.add_done_callback(_retrieved)
        chunk: list[bytes] = []
        for topic, payload, retain in messages:
            while len(self._flights) >= self._window or len(chunk) >= _WRITE_CHUNK:
                self._write(b"".join(chunk))
                chunk.clear()
                await self._until_slot(flight)
            packet_id = self._take_id()
            self._flights[packet_id] = flight
            chunk.append(
                mqtt5.PublishPacket(
                    topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=packet_id
                ).write()
            )
        self._write(b"".join(chunk))
        if messages:
            await flight.done
        return flight.refused

    def ping(self) -> None:
        """Ask the broker for a sign of life."""
        self._write(mqtt5.PingReqPacket().write())

    def close(self) -> None:
        """Say goodbye (the will is not sent) and close."""
        if self._transport is not None and not self._transport.is_closing():
            self._write(mqtt5.DisconnectPacket().write())
            self._transport.close()

    def abort(self, reason: Exception) -> None:
        """Drop the connection for `reason`."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection is, or is about to be, at its end."""
        return self._transport is None or self._transport.is_closing()

    # -- inside -------------------------------------------------------------------------------

    async def _until_slot(self, flight: _Flight) -> None:
        await self._writable.wait()
        while len(self._flights) >= self._window and not flight.done.done():
            self._slot_free.clear()
            await self._slot_free.wait()
        if flight.done.done():
            flight.done.result()
        if self.is_closing():
            raise self._reason

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise self._reason
        if data:
            self._transport.write(data)

    def _take_id(self) -> int:
        while True:
            self._next_id = self._next_id % 65535 + 1
            if self._next_id not in self._flights and self._next_id not in self._subscriptions:
                return self._next_id

    def _arrived(self, before: int) -> None:
        fresh = [self.inbox[n] for n in range(before, len(self.inbox))]
        for message in fresh:
            self._unread_bytes += len(message.payload)
            if message.packet_id is not None:
                self._unacknowledged += 1
                self._unacknowledged_bytes += len(message.payload)
        if self._auto_ack:
            self.ack(fresh)
        if not self.paused and not self._has_room() and self._transport is not None:
            self.paused = True
            self._transport.pause_reading()
        self._on_messages()

    def _has_room(self) -> bool:
        """Tell whether more messages may come in.

        The receive maximum alone does not hold every broker back: Mosquitto 2.0.11 sends up to a
        whole window for each acknowledgement. So the socket is not read beyond it either.
        """
        return (
            len(self.inbox) < _UNREAD_MAX
            and self._unacknowledged < self._connect.receive_max
            and max(self._unread_bytes, self._unacknowledged_bytes) < _HELD_BYTES_MAX
        )

    def _go_on(self) -> None:
        """Read the socket again, if it was left alone and there is room for more now."""
        if self.paused and self._has_room() and not self.is_closing():
            self.paused = False
            self.last_read_s = self._loop.time()  # the silence until now was ours
            assert self._transport is not None
            self._transport.resume_reading()

    def _handle(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.PubAckPacket():
                self._published(packet)
            case mqtt5.ConnAckPacket():
                self._opened(packet)
            case mqtt5.SubAckPacket() | mqtt5.UnsubAckPacket():
                self._subscribed(packet)
            case mqtt5.DisconnectPacket():
                self._reason = ConnectionLost(
                    f"the broker ended the connection: {packet.reason_code.name.lower()}"
                )
            case _:
                pass  # PINGRESP: the read itself is the sign of life

    def _published(self, packet: mqtt5.PubAckPacket) -> None:
        flight = self._flights.pop(packet.packet_id, None)
        if flight is None:
            return
        flight.refused += int(packet.reason_code) >= 128
        flight.left -= 1
        if flight.left == 0 and not flight.done.done():
            flight.done.set_result(None)
        self._slot_free.set()

    def _opened(self, packet: mqtt5.ConnAckPacket) -> None:
        if self.opened.done():
            return
        if int(packet.reason_code) != 0:
            name = packet.reason_code.name.lower()
            self.opened.set_exception(
                Refused(f"the broker refused the connection: {name}", code=f"broker_{name}")
            )
            return
        self.session_present = packet.session_present
        self._window = packet.receive_max
        self.opened.set_result(None)

    def _subscribed(self, packet: mqtt5.SubAckPacket | mqtt5.UnsubAckPacket) -> None:
        future = self._subscriptions.pop(packet.packet_id, None)
        if future is None or future.done():
            return
        bad = [code.name.lower() for code in packet.reason_codes if int(code) >= 128]
        if bad:
            future.set_exception(
                Refused(f"the broker refused a subscription: {bad[0]}", code=f"broker_{bad[0]}")
            )
        else:
            future.set_result(None)


def _retrieved(future: asyncio.Future[None]) -> None:
    """Mark a failure as seen: the publisher may have left before the connection did."""
    if not future.cancelled():
        future.exception()


def _fail(future: asyncio.Future[None], reason: Exception) -> None:
    if not future.done():
        future.set_exception(reason)
        future.exception()  # a waiter still gets it; without one it is no unhandled error
