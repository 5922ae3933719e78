"""Detours that dispatch drew: buses on them are followed, and what they leave out is left out."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sapar.gtfs.realtime.acts import Act, Acts, Detour
from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.detours import detoured_pattern
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.modifications import Modification, modifications_of
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.phases import PHASES
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.ways import NO_WAYS, Ways, ways_of
from sapar.gtfs.timetable.model import Pattern
from tests.gtfs.realtime.dispatch_days import act
from tests.gtfs.realtime.test_assignment import TOWN
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, degrees

# A-out leaves its line at 1,500 m and is back on it at 3,800 m: 1,400 m more, without a3 and a4
PATH = [degrees(x, y) for x, y in ((1500, 0), (1500, 2200), (2300, 2200), (2300, 1500))]
EXTRA_M, LEG_M = 1400.0, 2700.0  # from a2 to a5 by the timetable's line
TRIP = "A-out-21"
TRIP_ROW = TOWN.trips.index[TRIP]
FIRST = int(TOWN.trips.st_begin[TRIP_ROW])
START_S = day_start(TOWN) + float(TOWN.trips.first_s[TRIP_ROW])
LATTICE = build_lattice(build_network(TOWN))


def closed(from_s: float = START_S - 900, until_s: float | None = None) -> Act:
    return act("closed", Detour(route_id="A", path=PATH), from_s, until_s)


def modification(trip: str = TRIP) -> Modification:
    what = Detour(route_id="A", path=PATH)
    found = modifications_of(TOWN, Days(TOWN), [(closed(), what)], START_S)
    return next(m for m in found if TOWN.trips.index[trip] in m.trips)


def led_pattern() -> dict[int, Pattern]:
    found = modification()
    return {found.pattern: detoured_pattern(TOWN.patterns[found.pattern], list(found.detours))}


class LongerBus(Bus):
    """Drives round at the speed of the timetable, and so comes later to the stops behind."""

    def at(self, time_s: float) -> tuple[Leg, float, float]:
        leg, pattern = self.legs[0], next(iter(self.detoured.values()))
        arrivals, _ = self.timetable.trip_times(self.timetable.trips.index[leg.trip_id])
        since = (arrivals - arrivals[0]).astype(float) + np.arange(len(arrivals)) * 1e-3
        since[5:] += EXTRA_M / LEG_M * (since[5] - since[2])
        # nothing stops it where it passes the closed street by
        keep = [0, 1, 2, 5, 6, 7]
        along = np.interp(time_s - leg.start_s, since[keep], pattern.stop_m[keep])
        lat = np.interp(along, pattern.polyline_m, pattern.polyline_lat)
        return leg, float(lat), float(np.interp(along, pattern.polyline_m, pattern.polyline_lon))


def ride(
    bus: Bus, acts: Callable[[float], Acts], until_s: float, engine: Engine | None = None
) -> Iterator[tuple[float, Picture]]:
    """Let a bus report every 10 s and look each time; from its start on."""
    engine = engine or Engine(TOWN)
    for now_s in np.arange(bus.legs[0].start_s - 60, until_s, 10.0).tolist():
        standing = tuple(a for a in acts(now_s) if a.stands(now_s))
        if standing != engine.acts:
            engine.acts = standing
        engine.ingest(bus.fix(now_s - 1), now_s)
        yield now_s, engine.look(now_s)


def seen_of(picture: Picture) -> tuple[str, str, bool]:
    """What the only bus does, its next stop, and whether its run is predicted."""
    row = int(picture.stop_row[0])
    stop = TOWN.stops.ids[int(TOWN.stop_times.stop_idx[row])] if row >= 0 else ""
    return PHASES[int(picture.phase[0])], stop, 0 in picture.updates.vehicle


def is_aside(bus: Bus, time_s: float) -> bool:
    """Whether the bus is 150 m or more off the line of the timetable, inside the detour."""
    _, lat, lon = bus.at(time_s)
    low, high = degrees(1650, 150), degrees(1850, 1650)
    north = lat > high[0] and lon < degrees(2301, 0)[1]
    return (lat > low[0] and lon < low[1]) or north


def visited(engine: Engine) -> list[str]:
    visits = engine.drain_visits()
    return [TOWN.stops.ids[int(TOWN.stop_times.stop_idx[row])] for row in visits.row.tolist()]


@pytest.mark.parametrize("sign", [TRIP, None])
def test_a_bus_on_a_drawn_detour_is_followed(sign: str | None) -> None:
    bus = LongerBus(TOWN, "b", [Leg(TRIP, START_S, sign)], 5.0, detoured=led_pattern())
    aside, engine = 0, Engine(TOWN)
    for now_s, picture in ride(bus, lambda _: (closed(),), START_S + 1200, engine):
        phase, stop, updated = seen_of(picture)
        assert phase != "off_route"
        if now_s < START_S + 60:
            continue
        if is_aside(bus, now_s - 1):
            aside += 1
            assert (phase, stop, updated) == ("detour", "a5", True)
            assert picture.trip[0] == TRIP_ROW
        assert not set(picture.updates.row.tolist()) & {FIRST + 3, FIRST + 4}
    assert aside > 20
    assert [stop for stop in visited(engine) if stop in {"a2", "a3", "a4", "a5", "a6"}][:3] == [
        "a2",
        "a5",
        "a6",
    ]


def test_the_stops_behind_a_detour_are_predicted_by_its_length() -> None:
    bus = LongerBus(TOWN, "b", [Leg(TRIP, START_S, TRIP)], 5.0, detoured=led_pattern())
    due_s = START_S + float(TOWN.stop_times.arrival_s[FIRST + 5] - TOWN.stop_times.arrival_s[FIRST])
    comes_s = due_s + EXTRA_M / LEG_M * 420
    found = []
    for now_s, picture in ride(bus, lambda _: (closed(),), comes_s - 60):
        at = np.flatnonzero(picture.updates.row == FIRST + 5)
        if now_s > START_S + 60:
            found += picture.updates.median_s[at].tolist()
    assert len(found) > 50
    assert np.abs(np.array(found) - comes_s).max() < 60


def test_a_bus_that_keeps_to_its_line_is_on_its_way_all_the_same() -> None:
    bus = Bus(TOWN, "b", [Leg(TRIP, START_S, TRIP)], 5.0)
    for now_s, picture in ride(bus, lambda _: (closed(),), START_S + 780):
        if now_s > START_S + 60:
            assert seen_of(picture)[::2] == ("in_progress", True)


def test_a_late_bus_goes_round_though_it_was_due_before() -> None:
    late_s = START_S + 480
    bus = LongerBus(TOWN, "b", [Leg(TRIP, late_s, TRIP)], 5.0, detoured=led_pattern())
    shut = closed(late_s + 120)  # the timetable has the bus at a5 already
    aside = 0
    for now_s, picture in ride(bus, lambda _: (shut,), late_s + 900):
        if is_aside(bus, now_s - 1):
            aside += 1
            assert seen_of(picture) == ("detour", "a5", True)
    assert aside > 20


def test_undone_before_the_bus_is_there_its_stops_are_its_own_again() -> None:
    bus = Bus(TOWN, "b", [Leg(TRIP, START_S, TRIP)], 5.0)
    undone_s = START_S + 250  # it has left a2 and not yet come to where the detour leaves
    next_stops, engine = {}, Engine(TOWN)
    for now_s, picture in ride(
        bus, lambda now_s: (closed(),) if now_s < undone_s else (), START_S + 1200, engine
    ):
        next_stops[now_s] = seen_of(picture)[1]
    assert next_stops[max(s for s in next_stops if s < undone_s)] == "a5"
    assert next_stops[min(s for s in next_stops if s >= undone_s)] == "a3"
    assert [s for s in visited(engine) if s.startswith("a")][:7] == [f"a{n}" for n in range(7)]


def test_a_bus_on_the_path_stays_on_it_when_the_street_opens() -> None:
    bus = LongerBus(TOWN, "b", [Leg(TRIP, START_S, TRIP)], 5.0, detoured=led_pattern())
    opens_s = START_S + 480
    aside = 0
    for now_s, picture in ride(bus, lambda _: (closed(until_s=opens_s),), START_S + 1200):
        if now_s > opens_s and is_aside(bus, now_s - 1):
            aside += 1
            assert seen_of(picture) == ("detour", "a5", True)
    assert aside > 5


# -- the ways themselves --------------------------------------------------------------------------


def ways() -> Ways:
    return ways_of(LATTICE, {(TRIP_ROW, DAY.toordinal()): modification()})


def rows(*calls: int) -> tuple[np.ndarray, np.ndarray]:
    found = FIRST + np.array(calls, np.int64)
    return found, np.full(len(calls), DAY.toordinal(), np.int32)


def test_calls_are_left_out_of_led_runs_and_of_no_other() -> None:
    found, (row, day) = ways(), rows(1, 2, 3, 4, 5, 6)
    assert (found.serving(row, day) - FIRST).tolist() == [1, 2, 5, 5, 5, 6]
    assert (found.opening(row, day) - FIRST).tolist() == [1, 2, 3, 3, 3, 6]
    assert found.left_out(row, day).tolist() == [False, False, True, True, False, False]
    assert found.calls_left_out(row, day).tolist() == [0, 0, 0, 1, 2, 2]
    assert found.led(row, day).tolist() == [False, False, True, True, True, False]
    for other, on in ((row, day + 1), (row + 100, day)):
        assert found.serving(other, on).tolist() == other.tolist()
        assert not found.led(other, on).any()


def test_without_detours_all_is_as_the_lattice_has_it() -> None:
    row, day = rows(1, 2, 3)
    x, y = LATTICE.stop_x[row], LATTICE.stop_y[row]
    plain = LATTICE.project(LATTICE.leg_of_row[row], x, y)
    for values, same in zip(NO_WAYS.project(LATTICE, row, day, x, y), plain, strict=False):
        assert values.tolist() == same.tolist()
    assert NO_WAYS.serving(row, day) is row
    assert NO_WAYS.took(row, day, lambda r: r.astype(np.float64)).tolist() == row.tolist()


def test_a_led_leg_takes_what_its_length_asks_for() -> None:
    row, day = rows(2, 5, 6)
    took = ways().took(row, day, lambda r: np.full(len(r), 100.0))
    assert took == pytest.approx([100.0, 300.0 * (1 + EXTRA_M / LEG_M), 100.0], rel=0.02)


@pytest.mark.parametrize(
    ("place", "along_m", "left"),
    [
        ((1450.0, 0.0), 1450.0, 4050 / 4100),
        ((1500.0, 1100.0), 1500 + 1100 / 3700 * 2300, 2900 / 4100),
        ((1900.0, 2200.0), 1500 + 2600 / 3700 * 2300, 1400 / 4100),
        ((2000.0, 600.0), 2600.0, None),  # on the closed street: it was let through
        ((2500.0, 1500.0), 4000.0, 100 / 4100),
    ],
)
def test_a_place_on_either_line_counts_in_metres_of_the_timetables(
    place: tuple[float, float], along_m: float, left: float | None
) -> None:
    found, (row, day) = ways(), rows(5)
    lat, lon = degrees(*place)
    x, y = LATTICE.network.plane(np.array([lat]), np.array([lon]))
    along, off, _, _, _ = found.project(LATTICE, row, day, x, y)
    assert along[0] == pytest.approx(along_m, abs=12)
    assert off[0] < 6
    if left is not None:
        share = found.left_share(row, day, along, np.zeros(1))
        assert share[0] == pytest.approx(left, abs=0.01)
