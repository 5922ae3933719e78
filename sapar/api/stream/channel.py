"""One agency's stream: each tick becomes bytes once per distinct filter, shared by all readers.

Nothing is done while nobody reads. The work of a tick runs in a thread; the newest tick alone is
looked at, so an instance that cannot keep up skips ticks and never queues them.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from sapar.api.hub import Held
from sapar.api.lazy import Lazy
from sapar.api.stream.filters import Filter, view_of
from sapar.api.stream.frames import Frame, make_event, make_frame
from sapar.api.stream.states import Memos, State, delta_between, read_state, snapshot_of
from sapar.core.errors import Unavailable
from sapar.core.log import get_logger
from sapar.gtfs.realtime.tick import CONSOLE, FLEET, Body, Tick

KEPT_TICKS = 30
"""Ticks that a reader may have missed and still go on with a delta: a minute, some 5 MB."""
_EVENT_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")  # of longer ones int() refuses some
_KEPT_FRAMES = 3  # deltas at hand for readers that are a tick or two behind
Order = tuple[int, int]
KEEP_ALIVE = make_frame(b": keep-alive\n\n")
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Bodies:
    """The two bodies of a tick that a stream is made of, as they came."""

    order: Order
    fleet: Body
    console: Body | None

    @classmethod
    def of(cls, tick: Tick) -> Bodies:
        """Pick them from a tick."""
        return cls(tick.order, tick.bodies[FLEET], tick.bodies.get(CONSOLE))

    def read(self, before: State | None = None) -> State:
        """Decompress and read them."""
        console = None if self.console is None else self.console.plain()
        return read_state(self.fleet.plain(), console, before)


@dataclass(frozen=True, slots=True)
class Delta:
    """Bytes that take a reader from one tick to another."""

    since: Order
    until: Order
    frame: Frame


@dataclass
class View:
    """What readers of one filter get.

    Attributes:
        order: the tick that `state` shows.
        deltas: the newest, each from where the one before ended.
        snapshot: the whole state in bytes, made when somebody asks for it.
        resumed: bytes from older ticks to this one, by tick.
        readers: how many share it.
    """

    wanted: Filter
    order: Order
    state: State
    snapshot: Lazy[Frame]
    deltas: deque[Delta] = field(default_factory=lambda: deque(maxlen=_KEPT_FRAMES))
    resumed: dict[Order, Lazy[Frame]] = field(default_factory=dict)
    readers: int = 0

    def path_from(self, order: Order) -> list[Frame] | None:
        """Give the deltas at hand that lead from a tick to the newest, None when one is missing."""
        at = next((n for n, delta in enumerate(self.deltas) if delta.since == order), None)
        if at is None:
            return None
        found = list(self.deltas)[at:]
        assert all(one.until == two.since for one, two in pairwise(found))
        return [delta.frame for delta in found]


class Reader:
    """One connection: where it is, and what it has to be told besides.

    Attributes:
        order: the tick that it has, None before the first.
        notices: names of lists that changed since it was last told.
        wake: set when there is something for it.
    """

    def __init__(self, view: View, order: Order | None) -> None:
        self.view = view
        self.order = order
        self.notices: set[str] = set()
        self.wake = asyncio.Event()

    def accept_older(self) -> None:
        """Begin anew when the reader is ahead and nothing newer comes: all may have begun anew."""
        if self.order is not None and self.order > self.view.order:
            self.order = None


class Channel:
    """The stream of one agency."""

    def __init__(self) -> None:
        self._newest: Held | None = None
        self._history: deque[Bodies] = deque(maxlen=KEPT_TICKS)
        self._state: State | None = None
        self._order: Order | None = None
        self._views: dict[Filter, View] = {}
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._age: tuple[int, Frame] = (-1, KEEP_ALIVE)
        self.readers: set[Reader] = set()

    def take(self, held: Held) -> None:
        """Take a new tick."""
        if FLEET not in held.tick.bodies:
            return
        self._newest = held
        self._history.append(Bodies.of(held.tick))
        if self.readers and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._follow(), name="stream")

    def age_frame(self) -> Frame:
        """Give the event that tells how old the state is; readers told together share it."""
        age_s = 0.0 if self._newest is None else self._newest.age_s()
        quarters = int(4 * age_s)
        if self._age[0] != quarters:
            self._age = (quarters, make_event("age", {"age_s": round(age_s, 3)}))
        return self._age[1]

    def tell(self, what: str) -> None:
        """Tell every reader that a list has changed."""
        for reader in self.readers:
            reader.notices.add(what)
            reader.wake.set()

    async def join(self, wanted: Filter, order: Order | None) -> Reader:
        """Add a reader that has the state of a tick, or nothing."""
        async with self._lock:
            await self._advance()
            if self._state is None or self._order is None:
                raise Unavailable("No state of the agency can be read.", code="no_tick")
            view = self._views.get(wanted)
            if view is None:
                state = view_of(self._state, wanted)
                view = View(wanted, self._order, state, _snapshot(state, self._order))
                self._views[wanted] = view
            view.readers += 1
            reader = Reader(view, order)
            reader.wake.set()
            self.readers.add(reader)
            return reader

    def leave(self, reader: Reader) -> None:
        """Remove a reader; what nobody shares any longer is forgotten."""
        self.readers.discard(reader)
        view = reader.view
        view.readers -= 1
        if view.readers == 0 and self._views.get(view.wanted) is view:
            del self._views[view.wanted]

    async def due(self, reader: Reader) -> list[Frame]:
        """Give what a reader lacks, and count it as told.

        Deltas where they are at hand, or can be made from kept ticks; else the whole state.
        """
        view = reader.view
        if reader.order is not None and reader.order >= view.order:
            return []
        order, since = view.order, reader.order
        frames = None if since is None else view.path_from(since)
        if frames is None and since is not None:
            frames = await self._resume(view, since)
        if frames is None:
            frames = [await view.snapshot.get()]
        reader.order = order
        return frames

    async def _resume(self, view: View, since: Order) -> list[Frame] | None:
        kept = next((bodies for bodies in self._history if bodies.order == since), None)
        if kept is None:
            return None
        order, state = view.order, view.state

        def make() -> Frame:
            return _delta(view_of(kept.read(), view.wanted), state, since, order).frame

        if since not in view.resumed:
            view.resumed[since] = Lazy.in_thread(make)
        return [await view.resumed[since].get()]

    async def _follow(self) -> None:
        while self._newest is not None and self._newest.tick.order != self._order:
            async with self._lock:
                await self._advance()

    async def _advance(self) -> None:
        """Bring state and views to the newest tick; the caller holds the lock."""
        held = self._newest
        if held is None or held.tick.order == self._order:
            return
        if not self._views:
            self._state = None  # nobody shares it: read the newest alone
        before, views = self._state, list(self._views.values())
        try:
            state, made = await asyncio.to_thread(_work, Bodies.of(held.tick), before, views)
        except msgspec.DecodeError as exc:
            _log.error("tick_body_unreadable", agency=held.tick.agency_id, reason=str(exc))
            self._order = held.tick.order
            return
        self._state, self._order = state, held.tick.order
        for view, (shown, delta) in zip(views, made, strict=True):
            view.state, view.order = shown, delta.until
            view.deltas.append(delta)
            view.snapshot = _snapshot(shown, delta.until)
            view.resumed = {}
        for reader in self.readers:
            reader.wake.set()


def _work(
    bodies: Bodies, before: State | None, views: list[View]
) -> tuple[State, list[tuple[State, Delta]]]:
    """Read a tick and make the bytes of every view."""
    state = bodies.read(before)
    memos = Memos()
    made = []
    for view in views:
        shown = view_of(state, view.wanted)
        change = delta_between(view.state, shown, memos)
        made.append((shown, _framed(change, view.order, bodies.order)))
    return state, made


def _delta(old: State, new: State, since: Order, until: Order) -> Delta:
    return _framed(delta_between(old, new), since, until)


def _framed(change: dict[str, object], since: Order, until: Order) -> Delta:
    return Delta(since, until, make_event("delta", change, event_id(until)))


def _snapshot(state: State, order: Order) -> Lazy[Frame]:
    return Lazy.in_thread(lambda: make_event("snapshot", snapshot_of(state), event_id(order)))


def event_id(order: Order) -> str:
    """Write a tick's order as an event's id."""
    return f"{order[0]}-{order[1]}"


def read_event_id(text: str | None) -> Order | None:
    """Read an event's id; None for none, and for what is no id of ours."""
    match = _EVENT_ID.fullmatch(text or "")
    return (int(match[1]), int(match[2])) if match is not None else None
