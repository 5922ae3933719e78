"""Turns of headway service, and what is learnt of the buses' lateness."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.gtfs.realtime.days import FREQUENCY_NONE, Days
from sapar.gtfs.realtime.lateness import Lateness
from sapar.gtfs.realtime.lattice import build_lattice
from sapar.gtfs.realtime.network import build_network
from sapar.gtfs.realtime.turns import NO_TURNS, find_turns
from sapar.gtfs.timetable import load_timetable
from sapar.gtfs.timetable.model import Timetable
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city

DAY = date(2024, 6, 5)


@pytest.fixture(scope="module")
def city() -> Timetable:
    built = build_city(CitySize.AKTOBE, 1)
    feed = write_city(
        built,
        agency_id="t",
        service_dates=default_service_dates(DAY),
        timezone=built.profile.timezone,
    )
    return load_timetable(feed, "t")


def test_buses_turn_to_the_next_departures_of_their_route(city: Timetable) -> None:
    lattice, days = build_lattice(build_network(city)), Days(city)
    now_s = city.service_day_start(DAY) + 17 * 3600.0
    days.look(now_s)
    turns = find_turns(lattice, days)
    trips = np.unique(days.headways.trip)
    assert len(trips)
    day = np.full(len(trips), DAY.toordinal(), np.int32)
    who, trip, _, _, base_s = turns.departures(trips, day, np.full(len(trips), now_s))
    assert set(who.tolist()) == set(range(len(trips)))
    assert (days.kind[trip] != FREQUENCY_NONE).all()
    assert (city.trips.route_idx[trip] == city.trips.route_idx[trips[who]]).all()
    wait_s = base_s + city.trips.first_s[trip] - now_s
    assert (wait_s > -180.0).all()
    assert (wait_s < 2700.0).all()
    assert turns.has(trips, day, np.full(len(trips), now_s)).all()
    assert turns.follows(int(trips[who[0]]), int(trip[0]))
    at_night = np.full(len(trips), city.service_day_start(DAY) + 3 * 3600.0)
    assert not turns.has(trips, day, at_night + 86_400.0).any()
    assert turns.is_loose(trips).any()


def test_a_timetable_without_headways_has_no_turns() -> None:
    trip, day = np.array([3], np.int32), np.array([DAY.toordinal()], np.int32)
    assert not NO_TURNS.has(trip, day, np.zeros(1)).any()
    assert not NO_TURNS.is_loose(trip).any()
    assert not NO_TURNS.follows(3, 4)


@given(st.lists(st.floats(-1200, 3600), max_size=50))
def test_the_usual_lateness_costs_nothing_and_oddness_is_bounded(late: list[float]) -> None:
    lateness = Lateness()
    lateness.learn(np.array(late))
    cost = lateness.cost(np.array([lateness.usual_s, -1e5, 1e5, lateness.usual_s + 60.0]))
    assert cost[0] == 0.0
    assert cost[1] == cost[2]
    assert 0.0 < cost[3] <= cost[2]


def test_the_width_narrows_as_punctual_buses_are_seen() -> None:
    lateness = Lateness()
    wide_s = lateness.width_s
    lateness.learn(np.random.default_rng(1).normal(40.0, 100.0, 300))
    assert lateness.width_s < wide_s / 2
    assert lateness.usual_s == pytest.approx(40.0, abs=20.0)
    lateness.learn(np.zeros(0))
    assert lateness.width_s == wide_s
