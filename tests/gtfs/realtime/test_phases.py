"""Phases: each word in its place, and what is learnt about depots and detours."""

import numpy as np
import pytest

from sapar.core.geometry import to_degrees
from sapar.gtfs.realtime.fleet_state import FleetState
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.phases import PHASES, Around, phases
from sapar.gtfs.realtime.yards import SLEEP_S, YARD_BUSES, Strays, Yards
from tests.gtfs.realtime.town import LATITUDE, LONGITUDE, METRES_LAT, town

TOWN = town()
NETWORK = build_network(TOWN)
NOW = 1_773_130_000.0
TRIP = TOWN.trips.index["A-out-20"]
PATTERN = int(TOWN.trips.pattern_idx[TRIP])
FIRST = float(NETWORK.first_x[PATTERN]), float(NETWORK.first_y[PATTERN])
LAST = float(NETWORK.last_x[PATTERN]), float(NETWORK.last_y[PATTERN])
NOWHERE = FIRST[0] - 3000.0, FIRST[1] - 3000.0


def fleet_of(buses: list[dict[str, float]]) -> FleetState:
    """A fleet in which each bus is as the columns given say."""
    fleet = FleetState()
    slots = fleet.slots_of([f"b{n}" for n in range(len(buses))])
    for slot, bus in zip(slots.tolist(), buses, strict=True):
        values = {"time_s": NOW, "moved_s": NOW, "x": 0.0, "y": 0.0, **bus}
        lat, lon = to_degrees(values["x"], values["y"], NETWORK.reference)
        for name, value in {**values, "latitude": float(lat), "longitude": float(lon)}.items():
            fleet[name][slot] = value
    return fleet


def phase_of(
    *buses: dict[str, float], around: Around | None = None, fresh: bool = True
) -> list[str]:
    fleet = fleet_of(list(buses))
    around = around or Around(NETWORK)
    around.note(fleet, NETWORK, NOW)
    found = phases(fleet, NETWORK, around, fleet.all_slots(), np.full(len(buses), fresh))
    return [PHASES[number] for number in found]


def at(place: tuple[float, float], **columns: float) -> dict[str, float]:
    return {"x": place[0], "y": place[1], **columns}


def on_trip(place: tuple[float, float], along_m: float, **columns: float) -> dict[str, float]:
    return at(place, trip=TRIP, departed=True, along_m=along_m, **columns)


@pytest.mark.parametrize(
    ("bus", "phase"),
    [
        (at(NOWHERE), "deadhead"),
        (at(NOWHERE, moved_s=NOW - 900), "out_of_service"),
        (at(LAST, moved_s=NOW - 600), "layover"),
        (at(LAST, moved_s=NOW - 7200), "out_of_service"),
        (at(FIRST, trip=TRIP), "layover"),
        (at(NOWHERE, trip=TRIP), "deadhead"),
        (on_trip((1500.0, 0.0), 1500.0), "in_progress"),
        (on_trip((1500.0, 0.0), 1500.0, moved_s=NOW - 900), "in_progress"),
        (on_trip(LAST, float(NETWORK.last_m[PATTERN]) - 30, moved_s=NOW - 120), "layover"),
        (on_trip((1500.0, 900.0), 1500.0, off_since_s=NOW - 90), "off_route"),
        (on_trip((1500.0, 900.0), 1500.0, off_since_s=NOW - 30), "in_progress"),
    ],
)
def test_one_bus_alone(bus, phase):
    assert phase_of(bus) == [phase]


def test_a_silent_bus_has_no_signal_whatever_it_did():
    buses = [on_trip((1500.0, 0.0), 1500.0), at(NOWHERE), at(LAST, moved_s=NOW - 600)]
    assert phase_of(*buses, fresh=False) == ["no_signal"] * 3


def test_two_buses_of_a_route_off_it_in_one_place_are_on_a_detour():
    here = on_trip((1500.0, 900.0), 1500.0, off_since_s=NOW - 90)
    there = on_trip((3000.0, 3500.0), 3000.0, off_since_s=NOW - 90)
    assert phase_of(here, here, there) == ["detour", "detour", "off_route"]


def test_an_announced_detour_needs_no_second_bus():
    fleet = fleet_of([on_trip((1500.0, 900.0), 1500.0, off_since_s=NOW - 90)])
    around = Around(NETWORK)
    around.note(fleet, NETWORK, NOW)
    one = np.ones(1, np.bool_)
    found = phases(fleet, NETWORK, around, fleet.all_slots(), one, announced=one)
    assert PHASES[found[0]] == "detour"


def test_a_bus_begins_its_day_at_a_depot_and_leaves_it():
    around = Around(NETWORK)
    assert phase_of(at(NOWHERE), around=around) == ["deadhead"]  # just heard of: who knows
    around.yards.note(*place(NOWHERE), np.array([NOW + 200]))
    assert phase_of(at(NOWHERE, time_s=NOW + 200), around=around) == ["depot"]
    away = NOWHERE[0] + 800.0, NOWHERE[1]
    assert phase_of(at(away, time_s=NOW + 300), around=around) == ["deadhead"]
    assert phase_of(at(NOWHERE, time_s=NOW + 900), around=around) == ["depot"]


def test_a_depot_that_is_registered_later_is_one_and_one_that_is_struck_out_is_none():
    around = Around(NETWORK)
    place = to_degrees(*NOWHERE, NETWORK.reference)
    around.yards.use_garages([(float(place[0]), float(place[1]))])
    assert phase_of(at(NOWHERE), around=around) == ["depot"]
    around.yards.use_garages([])
    assert phase_of(at(NOWHERE), around=around) == ["deadhead"]


def test_a_minute_off_the_line_is_over_between_two_fixes():
    fleet = fleet_of([on_trip(NOWHERE, 500.0, off_since_s=NOW - 58, time_s=NOW)])
    around = Around(NETWORK)

    def phase_at(now_s: float) -> str:
        around.note(fleet, NETWORK, now_s)
        slots = fleet.all_slots()
        found = phases(fleet, NETWORK, around, slots, np.ones(1, np.bool_), now_s=now_s)
        return PHASES[int(found[0])]

    assert phase_at(NOW) == "in_progress"
    assert phase_at(NOW + 2) == "in_progress"
    assert phase_at(NOW + 3) == "off_route"
    fleet["off_since_s"][0] = NOW - 40  # silent since: for how long it stayed off nobody knows
    assert phase_at(NOW + 80) == "in_progress"


def test_a_garage_is_a_depot_even_for_a_silent_bus_but_not_on_a_trip():
    lat, lon = place(NOWHERE)
    around = Around(NETWORK, [(float(lat[0]), float(lon[0]))])
    assert phase_of(at(NOWHERE), around=around, fresh=False) == ["depot"]
    busy = on_trip(NOWHERE, 1500.0)
    assert phase_of(busy, around=around) == ["in_progress"]


def place(spot: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    lat, lon = to_degrees(np.array([spot[0]]), np.array([spot[1]]), NETWORK.reference)
    return lat, lon


def test_where_several_buses_sleep_is_a_yard():
    yards, count = Yards(), YARD_BUSES
    lat = np.array([LATITUDE + n * 30.0 / METRES_LAT for n in range(count)])
    lon = np.full(count, LONGITUDE)
    yards.note(lat, lon, np.full(count, NOW))
    assert not yards.at_yard(lat, lon).any()
    yards.note(lat, lon, np.full(count, NOW + SLEEP_S))
    assert yards.at_yard(lat, lon).all()
    assert not yards.at_yard(lat + 2000.0 / METRES_LAT, lon).any()


def test_a_bus_heard_again_elsewhere_has_not_slept():
    yards, count = Yards(), YARD_BUSES
    lat, lon = np.full(count, LATITUDE), np.full(count, LONGITUDE)
    yards.note(lat, lon, np.full(count, NOW))
    yards.note(lat + 900.0 / METRES_LAT, lon, np.full(count, NOW + SLEEP_S))
    assert not yards.at_yard(lat, lon).any()
    assert not yards.at_yard(lat + 900.0 / METRES_LAT, lon).any()


def test_a_slot_never_heard_of_is_nowhere():
    yards, nan = Yards(), np.full(1, np.nan)
    for _ in range(2):
        yards.note(nan, nan, np.full(1, -np.inf))
    assert not yards.at_yard(nan, nan).any()
    assert not yards.began_here(np.zeros(1, np.int64), nan, nan).any()


def test_strays_are_forgotten_after_half_an_hour():
    strays = Strays()
    one, lat, lon = np.array([0]), np.array([LATITUDE]), np.array([LONGITUDE])
    route = np.array([3], np.int32)
    strays.note(one, route, lat, lon, NOW)
    assert strays.shared(one + 1, route, lat, lon).all()
    assert not strays.shared(one, route, lat, lon).any()  # itself is nobody else
    assert not strays.shared(one + 1, route + 1, lat, lon).any()  # one of another line is no detour
    strays.note(one[:0], route[:0], lat[:0], lon[:0], NOW + 1801)
    assert not strays.shared(one + 1, route, lat, lon).any()
