"""Which agencies there are and which timetable each has active; kept current by notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sapar.api.document import Document
from sapar.api.lazy import Lazy
from sapar.core.db import Pool, connect_async, load_queries, translated
from sapar.core.errors import NotFound, SaparError, Unavailable
from sapar.core.log import get_logger
from sapar.gtfs.importer import CHANNEL

_REFRESH_S = 10.0  # a new agency sends no notice, and one may be missed while reconnecting
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Version:
    """An agency's active timetable.

    Attributes:
        version_no: number of the import.
        feed_version: the publisher's name of it.
        digest: SHA-256 of the zip, in hex.
        activated_s: wall time in Unix seconds of its activation.
    """

    version_no: int
    feed_version: str
    digest: str
    activated_s: float


@dataclass(frozen=True, slots=True)
class Agency:
    """A city of this deployment, with its IANA time zone and its active timetable, if any."""

    agency_id: str
    name: str
    timezone: str
    version: Version | None


class Catalogue:
    """The agencies, as one immutable mapping that is swapped.

    Args:
        pool: where to read from.
        conninfo: for a connection of its own that hears the notices.
    """

    def __init__(self, pool: Pool, conninfo: str) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self._queries = load_queries("sapar.api")
        self._was_read = asyncio.Event()
        self._agencies: Mapping[str, Agency] = MappingProxyType({})
        self._documents: dict[tuple[str, str], tuple[str, Lazy[Document]]] = {}

    @property
    def agencies(self) -> Mapping[str, Agency]:
        """All agencies by name, as last read."""
        return self._agencies

    def get(self, agency_id: str) -> Agency:
        """Give an agency.

        Raises:
            NotFound: there is none of this name.
            Unavailable: the database has not answered yet, so nobody can tell (`starting`).
        """
        agency = self._agencies.get(agency_id)
        if agency is None and not self._was_read.is_set():
            raise Unavailable(
                "The agencies have not been read from the database yet.",
                code="starting",
                hint="Ask again in some seconds.",
            )
        if agency is None:
            raise NotFound(
                f"There is no agency {agency_id!r}.",
                code="unknown_agency",
                hint="/api/agencies.json lists them.",
            )
        return agency

    def get_version(self, agency_id: str) -> Version:
        """Give an agency's active timetable.

        Raises:
            NotFound: there is no such agency, or it has no active timetable.
            Unavailable: as `get`.
        """
        version = self.get(agency_id).version
        if version is None:
            raise NotFound(
                f"Agency {agency_id!r} has no active timetable.",
                code="no_timetable",
                hint="Import one: sapar gtfs import ZIP.",
            )
        return version

    async def document(
        self, kind: str, agency_id: str, make: Callable[[Version], Awaitable[Document]]
    ) -> Document:
        """Give a document that depends on an agency's timetable alone: made once per version."""
        version = self.get_version(agency_id)
        key = (kind, agency_id)
        kept = self._documents.get(key)
        if kept is None or kept[0] != version.digest:
            kept = self._documents[key] = (version.digest, Lazy(lambda: make(version)))
        return await kept[1].get()

    async def fetch(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a named query of `queries.sql` in the binary format and give its rows."""
        with translated():
            async with self._pool.connection() as connection:
                cursor = connection.cursor(binary=True)
                await cursor.execute(self._queries[query], parameters)
                return await cursor.fetchall()

    async def fetch_whole(self, *queries: str, **parameters: object) -> list[list[tuple[Any, ...]]]:
        """Run named queries that read whole tables, in one transaction; give the rows of each."""
        results = []
        with translated():
            async with self._pool.connection() as connection:
                await connection.execute(self._queries["prefer_hash_joins"])
                for query in queries:
                    cursor = connection.cursor(binary=True)
                    await cursor.execute(self._queries[query], parameters)
                    results.append(await cursor.fetchall())
        return results

    async def refresh(self) -> None:
        """Read the agencies anew."""
        agencies = {}
        for agency_id, name, timezone, version_no, *rest in await self.fetch("list_agencies"):
            version = None if version_no is None else Version(version_no, *rest)
            agencies[agency_id] = Agency(agency_id, name, timezone, version)
        self._agencies = MappingProxyType(agencies)
        self._was_read.set()

    async def wait_read(self, timeout_s: float) -> bool:
        """Wait until the agencies have been read once; False when they are not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._was_read.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Keep current until cancelled; without a database what was read last stays."""
        while True:
            try:
                await self._follow()
            except SaparError as exc:
                _log.warning("catalogue_not_current", code=exc.code, reason=exc.message)
                await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        connection = await connect_async(self._conninfo)
        async with connection:
            with translated():
                await connection.execute(f"LISTEN {CHANNEL}")
            while True:
                await self.refresh()
                with translated():
                    # One notice at a time: several at once cost one more refresh, not one each.
                    async for _ in connection.notifies(timeout=_REFRESH_S, stop_after=1):
                        pass
