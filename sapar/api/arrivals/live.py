"""Each agency's newest tick, decoded once and in slices, with what was seen before it.

Nothing is decoded for an agency that nobody asks about. Once somebody does, every tick is, for as
long as there were questions in the last ten minutes: what passed a stop follows from tick to tick.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sapar.api.arrivals.decode import Live, decode_in_slices, unpack
from sapar.api.arrivals.kept import Budget, Kept
from sapar.api.arrivals.memory import KEPT_S, Memory, compare
from sapar.api.arrivals.places import Places, make_places
from sapar.api.arrivals.slices import run_between
from sapar.api.catalogue import Agency, Catalogue
from sapar.api.hub import Held, Hub
from sapar.api.timetables import Plan, Timetables
from sapar.core.clock import Clock
from sapar.core.log import get_logger

_WANTED_S = 600.0
_LOOK_S = 0.05  # wall seconds between two looks for a newer tick
_WAIT_S = 5.0  # the first who ask wait for the tick; for later ones the one before will do
_log = get_logger()


@dataclass(eq=False)
class Now:
    """One agency at one tick.

    Attributes:
        agency: whose it is.
        plan, places: its timetable; stops, routes and planned calls.
        live: what the tick says, None when there is none, or none that is still good.
        memory: what was seen before.
        held: the tick as it is served.
        kept: answers made from this very state, and what is left of those before.
        notes: what answers of this state share.
    """

    agency: Agency
    plan: Plan
    places: Places
    live: Live | None
    memory: Memory
    held: Held | None
    clock: Clock
    kept: Kept
    notes: dict[object, object] = field(default_factory=dict)

    @property
    def time_s(self) -> float:
        """The time that the answers are about: the tick's, or the city's clock without one."""
        return self.clock.time() if self.live is None else float(self.live.header_s)


class LiveStates:
    """The states of all agencies that somebody asks about.

    Args:
        hub: the newest ticks.
        catalogue, timetables: the agencies and their timetables.
        clock: tells how old a tick is.
        stale_s: a tick older than this says nothing about now, wall seconds.
    """

    def __init__(
        self, hub: Hub, catalogue: Catalogue, timetables: Timetables, clock: Clock, stale_s: float
    ) -> None:
        self._hub = hub
        self._catalogue = catalogue
        self._timetables = timetables
        self._clock = clock
        self._stale_s = stale_s
        self._budget = Budget(clock)
        self._now: dict[str, Now] = {}
        self._wanted_s: dict[str, float] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._unreadable: dict[str, Held] = {}

    def find(self, agency_id: str) -> Now | None:
        """Give the newest state at hand without waiting; None when there is no good one."""
        if agency_id not in self._followers:
            return None  # nothing is noted about a name that may be nobody's
        self._wanted_s[agency_id] = self._clock.monotonic()
        now = self._now.get(agency_id)
        return None if now is None or self._is_stale(now) else now

    async def get(self, agency_id: str) -> Now:
        """Give an agency's newest state; starts to follow its ticks.

        Raises:
            NotFound: there is no such agency, or it has no active timetable.
        """
        now = self.find(agency_id)
        if now is not None and now.live is not None:
            return now
        agency = self._catalogue.get(agency_id)
        plan = await self._timetables.plan(agency_id)
        places = await plan.derive("places", make_places)
        self._follow(agency_id)
        held = self._hub.held.get(agency_id)
        if self._is_current(held) and held is not self._unreadable.get(agency_id):
            await self._wait(agency_id)
        now = self._now.get(agency_id)
        if now is None or now.live is None or self._is_stale(now):
            kept = Kept(self._budget)
            return Now(agency, plan, places, None, Memory(), None, self._clock, kept)
        return now

    async def after(self, seen: Now, timeout_s: float) -> Now | None:
        """Wait for a state newer than one seen; None when none comes in time."""
        agency_id = seen.agency.agency_id
        self._follow(agency_id)
        event = self._news.setdefault(agency_id, asyncio.Event())
        if (newest := self._now.get(agency_id)) is not None and newest is not seen:
            return newest
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return None
        newest = self._now.get(agency_id)
        return newest if newest is not seen else None

    async def close(self) -> None:
        """Stop following."""
        followers = list(self._followers.values())
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)

    def _is_current(self, held: Held | None) -> bool:
        return held is not None and held.age_s() <= self._stale_s

    def _is_stale(self, now: Now) -> bool:
        return now.live is not None and not self._is_current(now.held)

    async def _wait(self, agency_id: str) -> None:
        event = self._news.setdefault(agency_id, asyncio.Event())
        if agency_id in self._now and not self._is_stale(self._now[agency_id]):
            return
        try:
            async with asyncio.timeout(_WAIT_S):
                await event.wait()
        except TimeoutError:
            _log.warning("tick_not_decoded", agency=agency_id)

    def _follow(self, agency_id: str) -> None:
        self._wanted_s[agency_id] = self._clock.monotonic()
        if agency_id not in self._followers:
            task = asyncio.create_task(self._run(agency_id), name=f"live-{agency_id}")
            self._followers[agency_id] = task

    async def _run(self, agency_id: str) -> None:
        memory, seen = Memory(), None
        plan: Plan | None = None
        before: Live | None = None
        try:
            while self._clock.monotonic() - self._wanted_s.get(agency_id, 0.0) < _WANTED_S:
                held = self._hub.held.get(agency_id)
                if held is None or held is seen or not self._is_current(held):
                    await asyncio.sleep(_LOOK_S)
                    await self._catch_up(agency_id, held)
                    continue
                seen = held
                try:
                    newest = await self._timetables.plan(agency_id)
                    if newest is not plan:
                        plan, memory, before = newest, Memory(), None
                    before = await self._take(agency_id, plan, memory, held, before)
                except Exception as exc:  # noqa: BLE001 -- the ticks after it may be good
                    _log.error("tick_not_shown", agency=agency_id, reason=repr(exc))
                    self._unreadable[agency_id] = held
                    self._wake(agency_id)
        finally:
            self._now.pop(agency_id, None)
            del self._followers[agency_id]

    async def _take(
        self, agency_id: str, plan: Plan, memory: Memory, held: Held, before: Live | None
    ) -> Live:
        places = await plan.derive("places", make_places)
        stop_of_row = plan.timetable.stop_times.stop_idx

        bodies = await asyncio.to_thread(unpack, held.tick)
        live = await run_between(decode_in_slices(held.tick, bodies, places.index), self._clock)
        await asyncio.sleep(0)
        agency = self._catalogue.get(agency_id)
        if before is not None and 0 <= live.header_s - before.header_s <= KEPT_S:
            change = compare(before, live, stop_of_row)
            await asyncio.sleep(0)
            memory.take(change, live)  # what is shown until now shares it: nobody may look between
        shown = self._now.get(agency_id)
        older = shown.kept if shown is not None and shown.plan is plan else None
        kept = Kept(self._budget, older, self._stale_s)
        self._now[agency_id] = Now(agency, plan, places, live, memory, held, self._clock, kept)
        self._wake(agency_id)
        return live

    async def _catch_up(self, agency_id: str, held: Held | None) -> None:
        now = self._now.get(agency_id)
        try:
            if now is not None:
                await now.kept.catch_up(lambda: self._hub.held.get(agency_id) is not held)
        except Exception as exc:  # noqa: BLE001 -- who asks for it will be told
            _log.error("answer_not_made", agency=agency_id, reason=repr(exc))

    def _wake(self, agency_id: str) -> None:
        event = self._news.pop(agency_id, None)
        if event is not None:
            event.set()
