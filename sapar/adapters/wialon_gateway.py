"""A TCP server for Wialon IPS 1.1 trackers that speaks the wire contract for each of them.

It connects to the broker's device listener as the tracker itself, with the identifier and password
of the tracker's login: it can do nothing that the device could not, and a revoked device is out
here as well. It keeps nothing: a tracker is answered only when Sapar's acknowledgement names its
record, and until then the tracker's own memory is where the record is safe.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import msgspec

from sapar.adapters.wialon_packets import Data, Login, Ping, parse_line
from sapar.contract.codec import digest_of, encode
from sapar.contract.messages import Ack
from sapar.contract.topics import DEVICE_PATTERN, device_topic, username
from sapar.core.errors import ConnectionLost, Refused, Unavailable
from sapar.core.log import get_logger
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings

LINE_BYTES_MAX: Final = 131_072
"""Longest line; a black box of a thousand messages has about 80,000 bytes."""

_LOGIN_TIMEOUT_S = 30.0
_IDLE_TIMEOUT_S = 900.0
_RESEND_S = 10.0
_GIVE_UP_S = 60.0
_UNANSWERED_MAX = 100
_BATCH_RECORDS = 500
_CONNECT_POLL_S = 0.05
_log = get_logger()

Key = tuple[int, int] | str
"""What an acknowledgement names: (epoch, seq), or the digest of what could not be read."""


class WialonGateway:
    """The server; one for each agency, on a port of its own.

    Args:
        settings: where the broker's device listener is.
        agency_id: whose trackers connect here.
    """

    def __init__(self, settings: Settings, agency_id: str) -> None:
        self._settings = settings
        self._agency_id = agency_id

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Listen; the caller closes the server.

        Raises:
            OSError: the port is taken.
        """
        return await asyncio.start_server(self._connected, host, port, limit=LINE_BYTES_MAX)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with AsyncExitStack() as stack:
                session = await self._log_in(reader, writer, stack)
                if session is not None:
                    await session.run()
        except (ConnectionError, EOFError, TimeoutError, asyncio.LimitOverrunError) as exc:
            _log.debug("tracker_left", agency=self._agency_id, reason=repr(exc))
        except (Unavailable, Refused) as exc:
            # no answer: the tracker keeps its records and comes back
            _log.warning("tracker_not_served", agency=self._agency_id, reason=exc.message)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _log_in(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stack: AsyncExitStack
    ) -> _Session | None:
        """Take the login to the broker; None after refusing it in the protocol's words.

        Raises:
            Unavailable: the broker does not answer.
        """
        async with asyncio.timeout(_LOGIN_TIMEOUT_S):
            line = await reader.readuntil(b"\n")
        login = parse_line(_text(line))
        if not isinstance(login, Login) or re.fullmatch(DEVICE_PATTERN, login.device_id) is None:
            writer.write(b"#AL#0\r\n")
            return None
        client = MqttClient(
            self._settings.device_broker_host,
            self._settings.device_broker_port,
            client_id=username(self._agency_id, login.device_id),
            username=username(self._agency_id, login.device_id),
            password=login.password,
            wait=False,
        )
        await stack.enter_async_context(client)
        await client.subscribe(device_topic(self._agency_id, login.device_id, "ack"))
        if not await _let_in(client):
            writer.write(b"#AL#01\r\n")
            return None
        writer.write(b"#AL#1\r\n")
        topic = device_topic(self._agency_id, login.device_id, "gps")
        return _Session(reader, writer, client, topic)


async def _let_in(client: MqttClient) -> bool:
    """Wait for the broker's verdict on a login.

    Raises:
        Unavailable: there was none in time.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOGIN_TIMEOUT_S):
            while not client.connected:
                if isinstance(client.last_error, Refused):
                    return False
                await asyncio.sleep(_CONNECT_POLL_S)
            return True
    raise Unavailable(f"the broker does not answer: {client.last_error}")


class _Session:
    """One tracker after its login: reads ahead, answers in order."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: MqttClient,
        topic: str,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._client = client
        self._topic = topic
        self._named: dict[Key, asyncio.Event] = {}
        self._answers: asyncio.Queue[asyncio.Task[str]] = asyncio.Queue(_UNANSWERED_MAX)

    async def run(self) -> None:
        """Serve the tracker until it leaves, or until Sapar does not answer in time.

        Raises:
            ConnectionError, EOFError, TimeoutError: the tracker left, or is silent.
            LimitOverrunError: a line is too long.
            Unavailable, Refused: Sapar did not acknowledge in time, or the device is out.
        """
        tasks: list[asyncio.Task[None]] = [
            asyncio.create_task(part(), name=f"wialon {part.__name__}")
            for part in (self._read, self._answer, self._hear)
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            unanswered = [self._answers.get_nowait() for _ in range(self._answers.qsize())]
            for ending in (*tasks, *unanswered):
                ending.cancel()
            await asyncio.gather(*tasks, *unanswered, return_exceptions=True)

    async def _read(self) -> None:
        """Take packets up; a full queue of answers stops the reading and so the tracker."""
        while True:
            async with asyncio.timeout(_IDLE_TIMEOUT_S):
                line = await self._reader.readuntil(b"\n")
            await self._answers.put(asyncio.create_task(self._handle(line)))

    async def _answer(self) -> None:
        while True:
            task = await self._answers.get()
            try:
                self._writer.write((await task).encode("ascii"))
            finally:
                task.cancel()  # it is out of the queue, so nobody else would
            await self._writer.drain()

    async def _handle(self, line: bytes) -> str:
        packet = parse_line(_text(line))
        if isinstance(packet, Ping):
            return "#AP#\r\n"
        if not isinstance(packet, Data):
            return ""
        for start in range(0, len(packet.fixes), _BATCH_RECORDS):
            fixes = list(packet.fixes[start : start + _BATCH_RECORDS])
            # identical messages of one black box are one record
            await self._deliver(encode(fixes), list({(fix.epoch, fix.seq) for fix in fixes}))
        if packet.refused:
            # what cannot be read is evidence too
            evidence = line.rstrip(b"\r\n")
            await self._deliver(evidence, [digest_of(evidence)])
        return packet.answer()

    async def _deliver(self, payload: bytes, keys: Sequence[Key]) -> None:
        """Publish until Sapar's acknowledgement names every key.

        Raises:
            Unavailable: it did not in time.
            Refused: the device was revoked meanwhile.
        """
        events = [self._named.setdefault(key, asyncio.Event()) for key in keys]
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                while not all(event.is_set() for event in events):
                    if not self._client.connected and isinstance(self._client.last_error, Refused):
                        raise self._client.last_error
                    with suppress(ConnectionLost):
                        await self._client.publish(self._topic, payload, qos=1)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_RESEND_S):
                            for event in events:
                                await event.wait()
        except TimeoutError:
            raise Unavailable(f"no acknowledgement within {_GIVE_UP_S:.0f} s") from None
        finally:
            for key in keys:
                self._named.pop(key, None)

    async def _hear(self) -> None:
        """Note what acknowledgements name."""
        while True:
            for message in await self._client.read():
                for key in keys_of(msgspec.json.decode(message.payload, type=Ack), self._named):
                    self._named[key].set()


def keys_of(ack: Ack, waiting: dict[Key, asyncio.Event]) -> list[Key]:
    """Give those of the waiting keys that an acknowledgement of positions names."""
    if ack.kind != "gps":
        return []
    named: set[Key] = {(record.epoch, record.seq) for record in ack.refused}
    named |= {message.digest for message in ack.undecodable}
    return [
        key
        for key in waiting
        if key in named
        or any(
            isinstance(key, tuple)
            and key[0] == stored.epoch
            and any(first <= key[1] <= last for first, last in stored.ranges)
            for stored in ack.stored
        )
    ]


def _text(line: bytes) -> str:
    return line.rstrip(b"\r\n").decode("utf-8", "replace")
