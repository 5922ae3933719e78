"""Days in the town on which dispatch acts: acts, buses that follow them, and the ticks of the engine."""

from collections.abc import Callable
from datetime import date

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.acts import Act, Acts, Call, Cancel, Detour, Extra, Skip, Swap, What
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.detours import detoured_pattern
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.modifications import modifications_of
from sapar.gtfs.realtime.tick import TRIP_UPDATES, Tick
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Pattern
from tests.gtfs.realtime.town import Bus, Leg, day_start, degrees, join

DETOUR_PATH = [degrees(1500.0, 0.0), degrees(1500.0, 1500.0), degrees(2300.0, 1500.0)]


def act(act_id: str, what: What, from_s: float, until_s: float | None = None) -> Act:
    return Act(act_id, what, from_s, until_s, "dispatcher", "test", "CONSTRUCTION", from_s)


def detour(from_s: float, until_s: float | None = None) -> Act:
    return act("detour-1", Detour(route_id="A", path=DETOUR_PATH), from_s, until_s)


def detoured(timetable: Timetable, start: float) -> dict[int, Pattern]:
    """How the patterns run while the detour stands."""
    path = Detour(route_id="A", path=DETOUR_PATH)
    found = modifications_of(timetable, Days(timetable), [(detour(start), path)], start)
    return {
        m.pattern: detoured_pattern(timetable.patterns[m.pattern], list(m.detours)) for m in found
    }


def buses(timetable: Timetable, day: date, from_s: float, led: dict[int, Pattern]) -> list[Bus]:
    """Buses on every route from `from_s` (of the service day) on, for two hours or so."""
    base = day_start(timetable, day)
    found: list[Bus] = []
    for block in ("A0", "A1", "O1"):
        legs, free_s = [], 0.0
        for row in timetable.block_trips(timetable.blocks.index[block]).tolist():
            first, last = timetable.trips.first_s[row], timetable.trips.last_s[row]
            if last < from_s:
                continue
            start = max(base + float(first) + 60, free_s)
            legs.append(Leg(timetable.trips.ids[row], start, timetable.trips.ids[row]))
            free_s = start + float(last - first) + 30
        found.append(Bus(timetable, block, legs, 5.0, len(found), led))
    found += [
        Bus(
            timetable,
            f"{route}-{n}",
            [
                Leg(f"{route}-trip", base + from_s + k * 1440 + n * 720, None, route)
                for k in range(9)
            ],
            5.0,
            n + 9,
        )
        for route in "FX"
        for n in range(2)
    ]
    return found


def drive(
    engine: Engine,
    found: list[Bus],
    from_s: float,
    until_s: float,
    acts: Callable[[float], Acts] = lambda _: (),
) -> list[Tick]:
    """Let the buses report every 10 s, and tick every 5 s under the acts of the moment."""
    ticks: list[Tick] = []
    for number, now_s in enumerate(np.arange(from_s, until_s, 5.0)):
        due = [bus.fix(now_s - 0.5) for n, bus in enumerate(found) if (number + n) % 2 == 0]
        engine.ingest(join(due), float(now_s))
        standing = acts(float(now_s))
        if standing != engine.acts:
            engine.acts = standing
        ticks.append(engine.tick(float(now_s), float(now_s), 1, number + 1))
    return ticks


def message(tick: Tick, name: str) -> pb.FeedMessage:
    return pb.FeedMessage.FromString(tick.bodies[name].plain())


def updates(tick: Tick, trip_id: str) -> list[pb.TripUpdate]:
    return [
        entity.trip_update
        for entity in message(tick, TRIP_UPDATES).entity
        if entity.trip_update.trip.trip_id == trip_id
    ]


def around(ticks: list[Tick], events: list[float]) -> list[list[Tick]]:
    """The three ticks around every event, and one every 60 s, as runs of ticks in a row."""
    numbers = set(range(0, len(ticks), 12))
    for event in events:
        at = int(np.searchsorted([tick.time_s for tick in ticks], event))
        numbers |= {n for n in range(at - 1, at + 2) if 0 <= n < len(ticks)}
    return [[ticks[n] for n in sorted(numbers)]]


def busy_acts(start: float, day: date) -> Acts:
    """One act of each kind, and more, with the periods in which each stands."""
    noon = 12 * 3600
    new_calls = [Call(f"a{n}", noon + 1500 + 100 * n, noon + 1520 + 100 * n) for n in range(4)]
    return (
        detour(start + 600, start + 4800),
        act("cancel-1", Cancel(trip_id="A-out-23", service_date=day), start + 300),
        act("cancel-2", Cancel(trip_id="O-30", service_date=day), start + 1200),
        act(
            "cancel-3",
            Cancel(trip_id="X-trip", service_date=day, start_s=13 * 3600 + 12 * 60),
            start + 900,
        ),
        act("skip-1", Skip(stop_ids=["a6"], route_id="A"), start + 1800, start + 3600),
        act("skip-2", Skip(stop_ids=["f2", "x1"]), start + 600, start + 3000),
        act(
            "skip-3",
            Skip(stop_ids=["o2"], trip_id="O-28", service_date=day),
            start + 300,
        ),
        act("copy-1", Extra(trip_id="O-x1", service_date=day, copy_of="O-26", start_s=noon + 2000), start + 300),
        act(
            "copy-2",
            Extra(trip_id="O-x2", service_date=day, copy_of="O-26", start_s=noon + 2600, vehicle_id="spare"),
            start + 300,
        ),
        act(
            "new-1",
            Extra(trip_id="extra-7", service_date=day, route_id="A", headsign="Stop a3", calls=new_calls),
            start + 600,
        ),
        act("swap-1", Swap(vehicle_id="A1", service_date=day, block_id="A1"), start + 300),
    )  # fmt: skip


def as_decided(acts: Acts) -> Callable[[float], Acts]:
    """Each act from the moment at which it was decided."""
    return lambda now_s: tuple(a for a in acts if a.created_s <= now_s and a.stands(now_s))
