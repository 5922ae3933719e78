"""Each agency's active timetable in memory, for every room that works with trips and stops.

Built from the zip of the active version when it is first asked for, in a thread, one at a time.
When another version becomes active, the one at hand goes on being given until the new one is
built; then it is swapped. What is made of a timetable alone (`Plan.derive`) lives and dies with it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sapar.api.catalogue import Catalogue, Version
from sapar.api.lazy import Lazy
from sapar.core.errors import NotFound, SaparError
from sapar.core.log import get_logger
from sapar.gtfs.static.details import Details, read_details
from sapar.gtfs.timetable import Timetable, load_timetable

T = TypeVar("T")
_APART_AFTER_S = 5.0
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of an agency's timetable.

    Attributes:
        version: what it was built from.
        timetable: trips, stops and patterns as arrays.
        details: what passengers ask besides.
    """

    version: Version
    timetable: Timetable
    details: Details
    _derived: dict[str, Lazy[Any]] = field(default_factory=dict, repr=False)

    async def derive(self, kind: str, make: Callable[[Plan], T]) -> T:
        """Give what `make` makes of this plan: once for each `kind`, in a thread."""
        lazy = self._derived.get(kind)
        if lazy is None:
            lazy = self._derived[kind] = Lazy.in_thread(lambda: make(self))
        return cast("T", await lazy.get())

    def derived(self, kind: str) -> Any | None:
        """Give what was made by `derive`, None when it has not been."""
        lazy = self._derived.get(kind)
        return None if lazy is None else lazy.ready


class Timetables:
    """The plans of all agencies.

    Args:
        catalogue: says which version is active, and reads zips.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._one_at_a_time = asyncio.Lock()
        self._plans: dict[str, Plan] = {}
        self._coming: dict[str, tuple[str, asyncio.Task[Plan]]] = {}

    async def get(self, agency_id: str) -> Timetable:
        """Give an agency's timetable.

        Raises:
            NotFound: there is no such agency, or it has no active timetable.
        """
        return (await self.plan(agency_id)).timetable

    async def newest(self, agency_id: str) -> Timetable:
        """Give the timetable of the active version, waiting while it is built; raises as `get`.

        For who asks about that version by name: `get` answers with the one before until then.
        """
        plan = await self.plan(agency_id)
        coming = self._coming.get(agency_id)
        if coming is not None:
            plan = await asyncio.shield(coming[1])
        return plan.timetable

    async def plan(self, agency_id: str) -> Plan:
        """Give an agency's timetable with all that was made of it; raises as `get`."""
        version = self._catalogue.get_version(agency_id)
        held = self._plans.get(agency_id)
        if held is not None and held.version.digest == version.digest:
            return held
        coming = self._coming.get(agency_id)
        if coming is None or coming[0] != version.digest:
            task = asyncio.create_task(self._build(agency_id, version), name="timetable")
            task.add_done_callback(lambda done: self._settle(agency_id, done))
            coming = self._coming[agency_id] = (version.digest, task)
        if held is not None:
            return held
        return await asyncio.shield(coming[1])

    def find(self, agency_id: str) -> Plan | None:
        """Give the plan at hand, without waiting; None when nobody has asked for it yet."""
        return self._plans.get(agency_id)

    async def _build(self, agency_id: str, version: Version) -> Plan:
        async with self._one_at_a_time:
            rows = await self._catalogue.fetch(
                "find_zip", agency_id=agency_id, version_no=version.version_no
            )
            if not rows:
                raise NotFound("The timetable has just been dropped.", code="no_timetable")
            zip_bytes = bytes(rows[0][0])
            return await asyncio.to_thread(make_plan, agency_id, version, zip_bytes)

    def _settle(self, agency_id: str, done: asyncio.Task[Plan]) -> None:
        coming = self._coming.get(agency_id)
        newest = coming is not None and coming[1] is done
        if newest:
            del self._coming[agency_id]
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            if newest:
                self._plans[agency_id] = done.result()
                asyncio.get_running_loop().call_later(_APART_AFTER_S, _set_apart)
        elif not isinstance(error, SaparError):
            _log.error("timetable_not_built", agency=agency_id, reason=repr(error))


def _set_apart() -> None:
    """Spare the collector of cycles all that is there now: a timetable stays for days.

    Ticks of the older one have been let go by then; what it left behind is looked for first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def make_plan(agency_id: str, version: Version, zip_bytes: bytes) -> Plan:
    """Build a plan from a zip."""
    return Plan(version, load_timetable(zip_bytes, agency_id), read_details(zip_bytes))
