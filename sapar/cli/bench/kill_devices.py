"""The devices of the fault-injection proof: a thread of their own, and a book of what they did."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sapar.contract.messages import Fix
from sapar.core.clock import Clock
from sapar.core.settings import Settings
from sapar.simulators.device import Credentials, DeviceClient, DeviceOptions
from sapar.simulators.outbox import Entry
from sapar.simulators.swarm import drain, epoch_of, running, unacknowledged

_TICK_S = 0.02
_LATITUDE, _LONGITUDE = 50.28, 57.17

Identity = tuple[str, int, int, int]
"""device_id, epoch, seq, time_ms: what makes a record of one agency and kind the same record."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Who speaks how much.

    Attributes:
        resending: devices that keep a record until it is acknowledged.
        plain: trackers that forget a record at the broker's PUBACK.
        rate_per_s: fixes a wall second of all devices together, one a message while all is well.
        ack_timeout_s: wall seconds until a device sends a record again.
        drain_s: most wall seconds to wait for the last acknowledgements.
    """

    resending: int = 500
    plain: int = 50
    rate_per_s: float = 1000.0
    ack_timeout_s: float = 10.0
    drain_s: float = 90.0


@dataclass(slots=True)
class Book:
    """What devices did, written by their thread and only ever added to; an `Observer` of devices.

    Attributes:
        sent: identities that were handed to the network at least once.
        stored: identities that an `ack` named as stored, so that the device forgot them.
        refused: how often an `ack` named which code.
        heard: devices that have had an acknowledgement.
    """

    sent: set[Identity] = field(default_factory=set)
    stored: set[Identity] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    heard: set[str] = field(default_factory=set)

    def published(self, device: DeviceClient, entries: Sequence[Entry], wall_s: float) -> None:  # noqa: ARG002
        """Note the first publication of entries."""
        self.sent.update(_identity(device, entry) for entry in entries)

    def acknowledged(self, device: DeviceClient, entry: Entry, code: str) -> None:
        """Note that a device forgot an entry."""
        self.heard.add(device.credentials.device_id)
        if code:
            self.refused[code] += 1
        else:
            self.stored.add(_identity(device, entry))

    def sent_by(self, device_ids: Sequence[str]) -> set[Identity]:
        """Give what these devices sent."""
        chosen = set(device_ids)
        return {identity for identity in self.sent.copy() if identity[0] in chosen}


def _identity(device: DeviceClient, entry: Entry) -> Identity:
    assert isinstance(entry.note, int)
    return device.credentials.device_id, entry.epoch, entry.seq, entry.note


class Fleet:
    """Devices that speak from a thread of their own, so that whoever kills may block.

    Use it as a context manager; whatever goes wrong in the thread is raised by `check`.

    Args:
        settings: where devices connect to.
        agency_id, passwords: who they are; the first `options.resending` resend, the others do not.
        options: see there.
        clock: device times.
    """

    def __init__(
        self,
        settings: Settings,
        agency_id: str,
        passwords: dict[str, str],
        options: FleetOptions,
        clock: Clock,
    ) -> None:
        self.book = Book()
        self._rate_per_s, self._drain_s = options.rate_per_s, options.drain_s
        self._clock = clock
        names = list(passwords)
        self.resending_ids = names[: options.resending]
        self.plain_ids = names[options.resending :]
        self.devices = [
            DeviceClient(
                settings.device_broker_host,
                settings.device_broker_port,
                agency_id,
                Credentials(name, password, f"vehicle-{name}"),
                epoch=epoch_of(clock.wall(), agency_id, name),
                clock=clock,
                observer=self.book,
                options=DeviceOptions(
                    encoding="msgpack" if number % 3 == 0 else "json",
                    plain=number >= options.resending,
                    newest_first=number % 4 == 0,
                    ack_timeout_s=options.ack_timeout_s,
                ),
                seed=number,
            )
            for number, (name, password) in enumerate(passwords.items())
        ]
        self.left = 0
        self.producing_s = 0.0
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="devices")
        self._done: Future[None] | None = None

    def __enter__(self) -> Self:
        """Let the devices connect and speak; the plain ones wait until all others were heard."""
        self._done = self._thread.submit(lambda: asyncio.run(self._run()))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the thread; after an error the devices are not waited for."""
        if exc_type is not None:
            self._drain_s = 0.0
        self._stop.set()
        self._thread.shutdown()

    @property
    def flowing(self) -> bool:
        """Tell whether every device that resends has had an acknowledgement."""
        return len(self.book.heard) >= len(self.resending_ids)

    def check(self) -> bool:
        """Tell whether the thread has ended; raise what ended it, if it was an error."""
        if self._done is None or not self._done.done():
            return False
        self._done.result()
        return True

    def finish(self) -> None:
        """Make no more fixes; the thread ends once every record is acknowledged, or out of time."""
        self._stop.set()

    def count(self, name: str) -> int:
        """Add a counter of all devices up; see `DeviceClient.counts`."""
        return sum(device.counts[name] for device in self.devices)

    async def _run(self) -> None:
        async with running(self.devices):
            await self._produce()
            await drain(self.devices, self._clock, self._drain_s)
            self.left = unacknowledged(self.devices)

    async def _produce(self) -> None:
        """Make fixes in turn, at an even rate, until asked to stop."""
        start_s = self._clock.monotonic()
        made, count = 0, len(self.devices)
        while not self._stop.is_set():
            self.producing_s = self._clock.monotonic() - start_s
            due = int(self.producing_s * self._rate_per_s)
            for number in range(made, due):
                device = self.devices[number % count]
                if not device.options.plain or self.flowing:
                    self._make_fix(device)
            made = due
            await asyncio.sleep(_TICK_S)

    def _make_fix(self, device: DeviceClient) -> None:
        time_ms = round(self._clock.time() * 1000)
        seq = device.next_seq("gps")
        fix = Fix(
            epoch=device.epoch,
            seq=seq,
            time_ms=time_ms,
            latitude=_LATITUDE + seq % 1000 * 1e-4,
            longitude=_LONGITUDE + seq % 777 * 1e-4,
            speed_mps=float(seq % 17),
            bearing_deg=float(seq % 360),
        )
        device.record("gps", fix, note=time_ms)
