"""What is held of each agency: nothing of names that are nobody's, and no tick by halves."""

import asyncio
import time
from typing import Any, cast

import pytest

from sapar.api.arrivals.live import LiveStates, Now
from sapar.api.arrivals.routes import board_at_hand
from sapar.api.catalogue import Agency, Catalogue, Version
from sapar.api.document import JSON, Document
from sapar.api.hub import Hub
from sapar.api.lazy import Lazy
from sapar.api.timetables import Plan, Timetables, make_plan
from sapar.core.clock import ManualClock, SystemClock
from sapar.core.metrics import Metrics
from sapar.gtfs.realtime.tick import encode_tick
from tests.api.arrivals import scene
from tests.api.arrivals.scene import add_run, at, bus, new_message

TOWN = "town"
VERSION = Version(1, "scene-1", "digest", 0.0)


class OneTown:
    """Stands for the catalogue and the timetables of one town."""

    def __init__(self) -> None:
        self._plan = make_plan(TOWN, VERSION, scene.scene_zip())

    def get(self, agency_id: str) -> Agency:
        """The town, whatever its name."""
        return Agency(agency_id, "Көлік", scene.ZONE, VERSION)

    async def plan(self, _agency_id: str) -> Plan:
        """Its timetable."""
        return self._plan


@pytest.fixture
def hub() -> Hub:
    """Ticks."""
    return Hub(SystemClock(), Metrics())


@pytest.fixture
def states(hub: Hub) -> LiveStates:
    """States of the town's ticks."""
    town = OneTown()
    return LiveStates(hub, cast("Catalogue", town), cast("Timetables", town), SystemClock(), 60.0)


def test_nothing_is_kept_of_names_that_are_nobodys(states: LiveStates) -> None:
    before = {name: len(kept) for name, kept in _kept(states)}
    assert all(states.find(f"nobody-{number}") is None for number in range(100))
    assert {name: len(kept) for name, kept in _kept(states)} == before


def _kept(states: LiveStates) -> list[tuple[str, Any]]:
    return [(name, kept) for name, kept in vars(states).items() if isinstance(kept, dict)]


async def test_nobody_sees_what_passed_before_the_tick_that_says_so(
    hub: Hub, states: LiveStates
) -> None:
    moments = [at(10, 12), at(10, 14)]
    for number, time_s in enumerate(moments, 1):
        message = new_message(time_s)
        calls = [(6, "B", moments[0] + 60, moments[0] + 90), (11, "C", time_s + 600, time_s + 600)]
        add_run(message, "m1", calls[number - 1 :], vehicle="7")
        buses = [bus("7", time_s, "m1")]
        tick = scene.make_tick(TOWN, number, message, wall_s=time.time(), buses=buses)
        hub.take(encode_tick(tick))
        now: Now | None = await states.get(TOWN)
        async with asyncio.timeout(10):
            while now is None or now.live is None or now.live.header_s < time_s:
                if now is not None and now.live is not None:
                    stop = now.plan.timetable.stops.index["B"]
                    assert now.memory.passed_at(stop, 0.0) == []
                await asyncio.sleep(0)
                now = states.find(TOWN)
    assert now is not None
    stop = now.plan.timetable.stops.index["B"]
    assert [passed.vehicle_id for passed in now.memory.passed_at(stop, 0.0)] == ["7"]
    await states.close()


async def test_after_an_outage_no_answer_of_before_it_is_given() -> None:
    """Meanwhile people were told what is planned, so that would be going back."""
    clock, good_s = ManualClock(at(10, 0)), 60.0
    hub, town = Hub(clock, Metrics()), OneTown()
    states = LiveStates(hub, cast("Catalogue", town), cast("Timetables", town), clock, good_s)

    async def shown(number: int, time_s: int) -> Now:
        message = new_message(time_s)
        add_run(message, "m1", [(6, "B", time_s + 60, time_s + 90)], vehicle="7")
        tick = scene.make_tick(TOWN, number, message, wall_s=clock.wall(), buses=[])
        hub.take(encode_tick(tick))
        await states.get(TOWN)
        async with asyncio.timeout(10):
            while (now := states.find(TOWN)) is None or now.held is not hub.held[TOWN]:
                await asyncio.sleep(0.01)
        return now

    def spend(now: Now) -> None:
        def make() -> Document:
            clock.advance(0.1)
            return Document(JSON, "", "", "", Lazy.of(b""))

        now.kept.make("what takes long", make)

    asked = (5, 60, 60)
    old = board_at_hand(await shown(1, at(10, 12)), "B", asked)
    clock.advance(2.0)
    now = await shown(2, at(10, 12) + 2)
    spend(now)
    assert board_at_hand(now, "B", asked) is old
    clock.advance(good_s)
    assert states.find(TOWN) is None
    now = await shown(3, at(10, 13) + 4)
    spend(now)
    new = board_at_hand(now, "B", asked)
    assert new.age_s is not None
    assert new.age_s() <= good_s
    await states.close()
