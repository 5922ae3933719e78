"""Timetables of past days: each day is looked at by the one that it ran by."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import date

from sapar.api.catalogue import Version
from sapar.api.parts import Parts
from sapar.api.replay.store import Past
from sapar.core.errors import NotFound
from sapar.gtfs.timetable import Timetable, load_timetable

_KEPT = 2  # besides the active one; of a big city some 150 MB each


class PastTimetables:
    """The timetable in force on a date, the active one wherever that was it."""

    def __init__(self, parts: Parts, past: Past) -> None:
        self._parts, self._past = parts, past
        self._kept: OrderedDict[str, Timetable] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def get(self, agency_id: str, service_date: date) -> Timetable:
        """Give the timetable of a day.

        Raises:
            NotFound: the agency has none.
        """
        rows = await self._past.fetch(
            "find_version_at", agency_id=agency_id, service_date=service_date
        )
        if not rows:
            raise NotFound(f"Agency {agency_id!r} has no timetable.", code="no_timetable")
        version = Version(*rows[0])
        active = self._parts.known(agency_id).version
        if active is not None and active.digest == version.digest:
            return await self._parts.timetables.newest(agency_id)
        async with self._one_at_a_time:
            kept = self._kept.get(version.digest)
            if kept is None:
                kept = await self._load(agency_id, version)
                self._kept[version.digest] = kept
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(version.digest)
            return kept

    async def _load(self, agency_id: str, version: Version) -> Timetable:
        rows = await self._parts.catalogue.fetch(
            "find_zip", agency_id=agency_id, version_no=version.version_no
        )
        if not rows:
            raise NotFound("The timetable has just been dropped.", code="no_timetable")
        return await asyncio.to_thread(load_timetable, bytes(rows[0][0]), agency_id)
