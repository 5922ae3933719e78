"""A rehearsal: the same fleet as the simulator's, its faults, and the truth beside it."""

from dataclasses import replace

import numpy as np
import pytest

from sapar.core.geometry import distance_m
from sapar.simulators.detours import Detours
from sapar.simulators.faults import FaultRates
from sapar.simulators.plan import fleet_plan
from sapar.simulators.rehearsal import HeardFix, Rehearsal, RehearsalOptions
from sapar.simulators.roads import build_roads
from sapar.simulators.signon import WRONG_KINDS, SignOn, plan_wrong_spells
from tests.simulators.network import at, network

QUIET = FaultRates.none()


def rehearse(seconds: int, **options: object) -> tuple[Rehearsal, list[HeardFix]]:
    values: dict[str, object] = {"buses": 12, "seed": 1, "duration_s": 3600.0, "faults": QUIET}
    ride = Rehearsal(network(), RehearsalOptions(**{**values, **options}), at(10.0))  # type: ignore[arg-type]
    heard: list[HeardFix] = []
    for _ in range(seconds):
        heard.extend(ride.step())
    return ride, heard


def test_every_bus_is_heard_of_at_its_interval():
    ride, heard = rehearse(60)
    counts = np.bincount([fix.vehicle for fix in heard], minlength=ride.count)
    assert (counts[ride.truth().run >= 0] >= 11).all()
    assert max(fix.time_s for fix in heard) <= at(10.0) + 60


def test_the_same_seed_gives_the_same_fixes_and_another_seed_others():
    assert rehearse(90, faults=FaultRates())[1] == rehearse(90, faults=FaultRates())[1]
    assert rehearse(90, faults=FaultRates())[1] != rehearse(90, faults=FaultRates(), seed=2)[1]


def test_nobody_signs_on_unless_told_to():
    _, heard = rehearse(60, wrong_share=0.0)
    assert {fix.sign_on for fix in heard} == {SignOn()}
    _, heard = rehearse(60, sign_on="trip", wrong_share=0.0)
    assert all(fix.sign_on.trip_id for fix in heard)


def test_a_wrong_sign_on_names_a_run_under_way_of_its_kind():
    plan = fleet_plan(network(), at(10.0), 14, 1)
    _, table = build_roads(network(), plan)
    spells = plan_wrong_spells(network(), table, 1.0, 3, (at(10.0), at(11.0)))
    assert len(spells) == len(plan.vehicles)
    assert {spell.kind for spell in spells} >= set(WRONG_KINDS[:2])
    trips = network().trips
    for spell in spells:
        own = {run for duty in plan.vehicles[spell.vehicle] for run in duty.runs}
        near = [run for run in own if run.end_s > spell.begin_s]
        mine = min(near, key=lambda run: run.begin_s)
        same = trips.route_idx[mine.trip_idx] == trips.route_idx[spell.run.trip_idx]
        assert same == (spell.kind != "other_route")
        assert spell.run.begin_s <= spell.begin_s < spell.run.end_s


def test_wrong_sign_ons_are_sent_in_their_spell_alone():
    ride, heard = rehearse(2400, wrong_share=1.0)
    assert ride.wrong_spells
    for spell in ride.wrong_spells:
        told = [fix.time_s for fix in heard if fix.vehicle == spell.vehicle and fix.sign_on.trip_id]
        assert all(spell.begin_s - 2 <= time_s < spell.end_s + 2 for time_s in told)
    assert any(fix.sign_on.trip_id for fix in heard)


def test_records_of_a_radio_shadow_come_together_when_it_is_over():
    faults = replace(QUIET, offline_per_hour=60.0, offline_s=(60.0, 90.0))
    ride = Rehearsal(network(), RehearsalOptions(12, 1, 3600.0, faults=faults), at(10.0))
    largest = 0
    for _ in range(600):
        heard = ride.step()
        counts = np.bincount([fix.vehicle for fix in heard], minlength=1)
        largest = max(largest, int(counts.max()))
    assert largest >= 8


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_detour_leads_aside_and_back_without_a_jump(seed):
    roads, _ = build_roads(network(), fleet_plan(network(), at(10.0), 12, 1))
    detours = Detours(roads, seed, 2, (0.0, 3000.0))
    led_once = False
    for pattern in range(len(roads.length_m)):
        along = np.arange(0.0, roads.length_m[pattern], 10.0)
        many = np.full(len(along), pattern, np.int32)
        plain = roads.place(many, along)
        for time_s in (100.0, 900.0, 1500.0, 2400.0):
            lat, lon, led = detours.lead(many, along, *plain, time_s)
            step_m = distance_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
            assert step_m.max() < 35.0  # of 10 m along
            aside_m = distance_m(lat, lon, *plain)
            assert (aside_m[led] > 50.0).all()
            assert aside_m.max() < 330.0
            led_once |= bool(led.any())
    assert led_once
    _, _, led = detours.lead(many, along, *plain, 5000.0)
    assert not led.any()
