"""Many devices in one process: made from credentials, run together, drained at the end."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import random
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sapar.core.clock import Clock
from sapar.core.errors import BadInput
from sapar.simulators.device import Credentials, DeviceClient, DeviceOptions, Observer

DRAIN_S = 20.0
"""Most wall seconds that a stopping simulation waits for acknowledgements."""

_CONNECTS_PER_S = 200.0


@dataclass(frozen=True, slots=True)
class SwarmOptions:
    """How the devices of a swarm differ from one another.

    Attributes:
        msgpack_share: share of devices that speak MessagePack instead of JSON.
        newest_first_share: share of devices that upload a backlog backwards.
        plain_share: share of trackers that cannot resend.
    """

    msgpack_share: float = 0.3
    newest_first_share: float = 0.3
    plain_share: float = 0.0


def read_credentials(path: Path) -> list[Credentials]:
    """Read a CSV with the columns device_id, password, vehicle_id.

    Raises:
        BadInput: the file is missing, lacks a column or has no row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = [
                Credentials(row["device_id"], row["password"], row["vehicle_id"])
                for row in csv.DictReader(handle)
            ]
    except (OSError, KeyError) as exc:
        raise BadInput(
            f"cannot read credentials from {path}: {exc!r}",
            code="bad_credentials_file",
            hint="the file needs the columns device_id, password and vehicle_id",
        ) from exc
    if not rows:
        raise BadInput(f"{path} lists no device", code="bad_credentials_file")
    return rows


def epoch_of(wall_s: float, agency_id: str, device_id: str) -> int:
    """Make the number of a device's counting period, starting now.

    It grows with the time of day on the wall, as the contract asks, and differs between devices,
    so that no two of them ever send the same bytes.
    """
    return int(wall_s) * 100_000 + zlib.crc32(f"{agency_id}.{device_id}".encode()) % 100_000


def make_devices(
    address: tuple[str, int],
    agency_id: str,
    credentials: Sequence[Credentials],
    *,
    clock: Clock,
    seed: int,
    observer: Observer | None = None,
    options: SwarmOptions | None = None,
) -> list[DeviceClient]:
    """Make one device for each credential; which speaks and behaves how follows from the seed."""
    use = options or SwarmOptions()
    draw = random.Random(seed)
    devices = []
    for number, who in enumerate(credentials):
        behaviour = DeviceOptions(
            encoding="msgpack" if draw.random() < use.msgpack_share else "json",
            newest_first=draw.random() < use.newest_first_share,
            plain=draw.random() < use.plain_share,
        )
        devices.append(
            DeviceClient(
                *address,
                agency_id,
                who,
                epoch=epoch_of(clock.wall(), agency_id, who.device_id),
                clock=clock,
                observer=observer,
                options=behaviour,
                seed=seed * 1_000_003 + number,
            )
        )
    return devices


@asynccontextmanager
async def running(devices: Sequence[DeviceClient]) -> AsyncIterator[None]:
    """Run devices in the background, connecting one after another over a few seconds.

    Raises:
        ExceptionGroup: a device failed by a fault of its own.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_start(device, number / _CONNECTS_PER_S))
            for number, device in enumerate(devices)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _start(device: DeviceClient, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await device.run()


async def drain(devices: Sequence[DeviceClient], clock: Clock, timeout_s: float = DRAIN_S) -> int:
    """Bring all devices into reach and wait until every record is acknowledged, or the time ends.

    Returns:
        How many records are left.
    """
    for device in devices:
        device.go_online()
    end_s = clock.monotonic() + timeout_s
    never = asyncio.Event()
    while (left := unacknowledged(devices)) and clock.monotonic() < end_s:
        await wait_or_stop(never, 0.1)
    return left


def unacknowledged(devices: Sequence[DeviceClient]) -> int:
    """Count the records that devices still keep."""
    return sum(len(device.outbox) for device in devices)


async def wait_or_stop(stop: asyncio.Event, duration_s: float) -> bool:
    """Wait wall seconds; True when asked to stop meanwhile."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, duration_s)):
            await stop.wait()
    return stop.is_set()


async def every(stop: asyncio.Event, interval_s: float, action: Callable[[], object]) -> None:
    """Do something every `interval_s` wall seconds until asked to stop."""
    while not await wait_or_stop(stop, interval_s):
        action()
