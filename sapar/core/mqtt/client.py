"""A client that stays connected: reconnects with jitter and subscribes again on every connect."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import mqtt5

from sapar.core.errors import ConnectionLost, SaparError, Unavailable
from sapar.core.log import get_logger
from sapar.core.mqtt.connection import Connection
from sapar.core.mqtt.packets import Message, Will, check_filter

_BACKOFF_MIN_S, _BACKOFF_MAX_S = 0.2, 10.0
_CONNECT_TIMEOUT_S = 10.0
_log = get_logger()


class MqttClient:
    """An MQTT 5 client for asyncio; use it as an async context manager.

    Args:
        host, port: where the broker listens.
        client_id: names the session; stable for sessions that outlive a connection.
        username, password: credentials, or None.
        clean_start: forget an earlier session of this client id.
        session_expiry_s: how long the broker keeps the session while nobody is connected.
        receive_max: most QoS 1 messages under way to us and not yet acknowledged.
        keep_alive_s: silence after which each side asks for a sign of life.
        will: what the broker publishes when we vanish.
        manual_ack: leave the acknowledgement of QoS 1 messages to `ack`.
        on_connect: awaited after each connect and its subscriptions; an error in it ends the
            connection, which is then made anew.
        wait: let `async with` wait for the first connection and fail when it cannot be made.

    The backoff between two tries grows from 0.2 s to 10 s with full jitter, so that a fleet does
    not come back in one instant.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        receive_max: int = 65535,
        keep_alive_s: int = 30,
        will: Will | None = None,
        manual_ack: bool = False,
        on_connect: Callable[[], Awaitable[None]] | None = None,
        wait: bool = True,
    ) -> None:
        self.client_id = client_id
        self.reconnects = 0
        self.last_error: Exception | None = None
        self._host, self._port = host, port
        self._keep_alive_s = keep_alive_s
        self._manual_ack = manual_ack
        self._on_connect = on_connect
        self._wait = wait
        self._filters: dict[str, int] = {}
        self._connection: Connection | None = None
        self._number = 0
        self._ready = asyncio.Event()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connect_args = {
            "username": username,
            "password": None if password is None else password.encode(),
            "clean_start": clean_start,
            "session_expiry_interval": session_expiry_s,
            "receive_max": receive_max,
            "keep_alive": keep_alive_s,
            "will": will,
        }

    async def __aenter__(self) -> Self:
        """Start connecting.

        Raises:
            Refused: the broker refused the connection (only with `wait`).
            Unavailable: there was no connection within 10 s (only with `wait`).
        """
        self._task = asyncio.create_task(self._run(), name=f"mqtt[{self.client_id}]")
        if not self._wait:
            return self
        try:
            await self.wait_connected(_CONNECT_TIMEOUT_S)
        except SaparError:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect in good order."""
        await self._stop()

    @property
    def connected(self) -> bool:
        """Tell whether there is a connection with its subscriptions made."""
        connection = self._connection
        return self._ready.is_set() and connection is not None and not connection.is_closing()

    async def wait_connected(self, timeout_s: float) -> None:
        """Wait until connected.

        Raises:
            SaparError: the reason of the last failure, or `Unavailable`, after `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
                while not self.connected:  # the end of the last connection is not noticed yet
                    self._ready.clear()
                    await self._ready.wait()
        except TimeoutError:
            if isinstance(self.last_error, SaparError):
                raise self.last_error from None
            raise Unavailable(
                f"no broker answers at {self._host}:{self._port}: {self.last_error}",
                code="broker_unavailable",
            ) from None

    async def subscribe(self, pattern: str, qos: int = 1) -> None:
        """Subscribe now, or at the next connect, and again on every later one.

        Raises:
            BadInput: the pattern is no topic filter.
            Refused: the broker refused it.
        """
        check_filter(pattern)
        self._filters[pattern] = qos
        connection = self._connection
        if connection is not None and not connection.is_closing():
            with suppress(ConnectionLost):
                await connection.subscribe({pattern: qos})

    async def unsubscribe(self, pattern: str) -> None:
        """End a subscription for good."""
        self._filters.pop(pattern, None)
        if self._ready.is_set() and self._connection is not None:
            await self._connection.unsubscribe(pattern)

    async def read(self) -> list[Message]:
        """Wait for messages and give all that have arrived, oldest first."""
        while True:
            connection = self._connection
            if connection is not None and connection.inbox:
                return connection.take()
            self._arrived.clear()
            await self._arrived.wait()

    def ack(self, messages: Iterable[Message]) -> None:
        """Acknowledge QoS 1 messages; those of an earlier connection the broker sends again."""
        if self._connection is not None:
            self._connection.ack(messages)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False
    ) -> None:
        """Publish one message; at QoS 1 wait for the broker's PUBACK.

        Raises:
            ConnectionLost: not connected, or the connection ended before the PUBACK.
        """
        if qos == 0:
            self._live().publish_qos0([(topic, payload, retain)])
        else:
            await self._live().publish_qos1([(topic, payload, retain)])

    async def publish_many(
        self, messages: Sequence[tuple[str, bytes]], *, qos: int = 1, retain: bool = False
    ) -> int:
        """Publish (topic, payload) pairs in order as fast as the broker's window allows.

        Returns:
            How many the broker refused; always 0 at QoS 0.

        Raises:
            ConnectionLost: not connected, or the connection ended; at QoS 1 some may have arrived.
        """
        rows = [(topic, payload, retain) for topic, payload in messages]
        if qos == 0:
            self._live().publish_qos0(rows)
            return 0
        return await self._live().publish_qos1(rows)

    def drop(self) -> None:
        """Cut the connection without a goodbye, as a radio shadow does; it is then made anew."""
        if self._connection is not None:
            self._connection.abort(ConnectionLost("dropped on purpose"))

    # -- inside -------------------------------------------------------------------------------

    def _live(self) -> Connection:
        if self._connection is None or self._connection.is_closing():
            raise ConnectionLost(f"not connected to the broker: {self.last_error}")
        return self._connection

    async def _run(self) -> None:
        backoff_s = _BACKOFF_MIN_S
        while True:
            connection = None
            try:
                connection = await self._connect()
                backoff_s = _BACKOFF_MIN_S
                await self._watch(connection)
                self.last_error = ConnectionLost("connection lost")
            except (OSError, SaparError, TimeoutError) as exc:
                self.last_error = exc
                _log.debug("broker_connection_failed", client=self.client_id, reason=str(exc))
            except Exception as exc:  # noqa: BLE001 - an error in `on_connect` must not end us for good
                self.last_error = exc
                _log.exception("broker_connection_failed", client=self.client_id)
            finally:
                self._ready.clear()
                if connection is not None:
                    connection.close()
            self.reconnects += 1
            await asyncio.sleep(random.uniform(0, backoff_s))
            backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)

    async def _connect(self) -> Connection:
        self._number += 1
        packet = mqtt5.ConnectPacket(self.client_id, **self._connect_args)  # type: ignore[arg-type]
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(
                    self._number,
                    packet,
                    auto_ack=not self._manual_ack,
                    on_messages=self._arrived.set,
                ),
                self._host,
                self._port,
            )
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await connection.opened
            self._connection = connection
            # What a kept session holds may have come in one piece with the CONNACK. A reader that
            # it woke looked at the connection before this one; with the window full nothing more
            # would come to wake it again.
            self._arrived.set()
            if self._filters:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    await connection.subscribe(self._filters)
            if self._on_connect is not None:
                await self._on_connect()
        except BaseException:
            connection.close()
            raise
        self._ready.set()
        return connection

    async def _watch(self, connection: Connection) -> None:
        """Keep the connection alive until it ends."""
        loop = asyncio.get_running_loop()
        while not connection.closed.done():
            await asyncio.wait([connection.closed], timeout=self._keep_alive_s / 2)
            if connection.closed.done():
                return
            silent_s = 0.0 if connection.paused else loop.time() - connection.last_read_s
            if silent_s > 1.5 * self._keep_alive_s:
                connection.abort(ConnectionLost("the broker is silent"))
                return
            connection.ping()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._connection is not None:
            self._connection.close()
            await asyncio.wait([self._connection.closed], timeout=2.0)
