"""Agencies, devices and mountings in memory: an immutable snapshot and the part that renews it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from sapar.contract.checks import Area
from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, Pool, connect_async, load_queries, translated
from sapar.core.errors import NotFound, SaparError
from sapar.core.log import get_logger
from sapar.core.settings import Settings

CHANNEL: Final = "sapar_devices"
"""PostgreSQL notifies this channel after every change of agencies, devices and mountings."""

_QUERIES = load_queries("sapar.fleet")
_RETRY_S = 1.0
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Mounting:
    """A device is in a vehicle from `start_s` up to, not including, `end_s` (Unix seconds)."""

    vehicle_id: str
    start_s: float = -math.inf
    end_s: float = math.inf


@dataclass(frozen=True, slots=True)
class AgencyEntry:
    """A city of this deployment.

    Attributes:
        agency_id: its name in topics, keys and URLs.
        name: its name for people.
        timezone: IANA name of its time zone.
        area: the box that its vehicles stay in, or None while none is known.
    """

    agency_id: str
    name: str
    timezone: str
    area: Area | None = None

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> AgencyEntry:
        """Make an agency of a row of the query `list_agencies`."""
        agency_id, name, timezone, *box = row
        return cls(agency_id, name, timezone, None if None in box else Area(*box))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone, for conversions at the edge."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device that may speak, or might once.

    Attributes:
        device_no: its number in tables.
        agency_id, device_id: its name in topics.
        kind: `tracker` or `validator`.
        revoked: it may not speak any more.
        mountings: where it was when, in order of time, never overlapping.
    """

    device_no: int
    agency_id: str
    device_id: str
    kind: str = "tracker"
    revoked: bool = False
    mountings: tuple[Mounting, ...] = ()

    def vehicle_at(self, time_s: float) -> str | None:
        """Give the vehicle that the device was in at `time_s` (Unix seconds), if any.

        The answer depends on the time of the record, not of its receipt: a late upload is booked
        on the vehicle that carried the device then.
        """
        for mounting in reversed(self.mountings):
            if mounting.start_s <= time_s:
                return mounting.vehicle_id if time_s < mounting.end_s else None
        return None


@dataclass(frozen=True)
class Registry:
    """All agencies and devices as they stood at one moment; never changed, only replaced.

    Attributes:
        agencies: by agency_id.
        devices: by (agency_id, device_id).
    """

    agencies: Mapping[str, AgencyEntry] = field(default_factory=dict)
    devices: Mapping[tuple[str, str], DeviceEntry] = field(default_factory=dict)

    @classmethod
    def of(cls, agencies: Iterable[AgencyEntry], devices: Iterable[DeviceEntry]) -> Registry:
        """Make a registry from its entries."""
        return cls(
            {agency.agency_id: agency for agency in agencies},
            {(device.agency_id, device.device_id): device for device in devices},
        )

    def find_device(self, agency_id: str, device_id: str) -> DeviceEntry | None:
        """Look a device up by the two names that its topic carries."""
        return self.devices.get((agency_id, device_id))

    @cached_property
    def devices_by_no(self) -> Mapping[int, DeviceEntry]:
        """All devices by their number in tables."""
        return {device.device_no: device for device in self.devices.values()}

    def list_devices(self, agency_id: str) -> list[DeviceEntry]:
        """All devices of an agency, revoked ones too."""
        return [device for device in self.devices.values() if device.agency_id == agency_id]

    def find_agency(self, agency_id: str) -> AgencyEntry | None:
        """Look an agency up by its name in topics and URLs."""
        return self.agencies.get(agency_id)

    def get_agency(self, agency_id: str) -> AgencyEntry:
        """Give an agency by its name in topics and URLs.

        Raises:
            NotFound: there is none (code `unknown_agency`).
        """
        agency = self.agencies.get(agency_id)
        if agency is None:
            raise NotFound(f"there is no agency {agency_id!r}", code="unknown_agency")
        return agency

    def area_of(self, agency_id: str) -> Area | None:
        """Give the area of an agency; None when it has none or is unknown."""
        agency = self.agencies.get(agency_id)
        return agency.area if agency is not None else None


async def load_registry(pool: Pool) -> Registry:
    """Read the whole registry as of one moment.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            agencies = await (await connection.execute(_QUERIES["list_agencies"])).fetchall()
            devices = await (await connection.execute(_QUERIES["list_devices"])).fetchall()
    return Registry.of(
        map(AgencyEntry.of_row, agencies),
        (
            DeviceEntry(no, agency_id, device_id, kind, revoked, tuple(map(Mounting, *ranges)))
            for no, agency_id, device_id, kind, revoked, *ranges in devices
        ),
    )


class RegistryWatcher:
    """Keeps a registry current: on notice from the database, and every `registry_refresh_s`.

    ::

        async with RegistryWatcher(pool, settings, clock).running() as watcher:
            watcher.current.find_device("demo", "bus-1")

    While the database does not answer, the last snapshot stands: a bus is not silenced because a
    server restarts.
    """

    def __init__(self, pool: Pool, settings: Settings, clock: Clock) -> None:
        self._pool = pool
        self._settings = settings
        self._clock = clock
        self._current = Registry()
        self._refreshed_s = -math.inf

    @property
    def current(self) -> Registry:
        """The newest snapshot; take it once a batch, so that a batch sees one state."""
        return self._current

    @property
    def age_s(self) -> float:
        """Wall seconds since the snapshot was read."""
        return self._clock.monotonic() - self._refreshed_s

    async def refresh(self) -> Registry:
        """Read the registry now.

        Raises:
            Unavailable: the database does not answer; the last snapshot stands.
        """
        started_s = self._clock.monotonic()
        self._current = await load_registry(self._pool)
        self._refreshed_s = started_s
        return self._current

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RegistryWatcher]:
        """Read the registry, then keep it current in a task until the block ends."""
        async with kept_current(self._settings, self.refresh, "registry"):
            yield self


@asynccontextmanager
async def kept_current(
    settings: Settings, refresh: Callable[[], Awaitable[object]], what: str
) -> AsyncIterator[None]:
    """Refresh something once, then on every notice of the database until the block ends.

    While the database does not answer, what was read last stands.

    Raises:
        SaparError: the first refresh failed.
    """
    await refresh()
    task = asyncio.create_task(_follow(settings, refresh, what), name=f"{what} watcher")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()


async def _follow(settings: Settings, refresh: Callable[[], Awaitable[object]], what: str) -> None:
    while True:
        try:
            async for _ in notices(settings):
                await refresh()
        except SaparError as exc:
            _log.warning(f"{what}_not_refreshed", code=exc.code, message=exc.message)
            await asyncio.sleep(_RETRY_S)


async def notices(settings: Settings) -> AsyncIterator[None]:
    """Yield once at the start, after every change of the registry, and after each quiet spell.

    A quiet spell is `registry_refresh_s` wall seconds; several changes in a row may yield once. The
    connection is one of its own: a notice reaches only the connection that listens.

    Raises:
        Unavailable: the database does not answer, or the connection ended.
    """
    connection: AsyncConnection = await connect_async(settings.database_url.get_secret_value())
    async with connection:
        with translated():
            await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            yield
            with translated():
                # collected whole: leaving the generator early would drop what it had read
                async for _ in connection.notifies(
                    timeout=settings.registry_refresh_s, stop_after=1
                ):
                    pass
