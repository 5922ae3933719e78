"""Proof of runs: rules, evidence, silences, swaps, from visits that a test writes down itself."""

import numpy as np
import pytest

from sapar.gtfs.history.evidence import Trace, empty_trace, evidence_between, join_traces
from sapar.gtfs.history.proof import DayProof, Facts, Limits, RunProof, judge
from sapar.gtfs.history.visits import join_visits, take_visits
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import DAY, day_start, town

LIMITS = Limits()


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


def run_visits(
    timetable: Timetable,
    vehicle: str,
    trip_id: str,
    late_s: float = 20.0,
    start_s: int | None = None,
) -> Visits:
    """A bus that is seen at every stop of a run, each time as late, and stands for 5 s."""
    trip = timetable.trips.index[trip_id]
    rows = np.arange(timetable.trips.st_begin[trip], timetable.trips.st_begin[trip + 1])
    template_s = int(timetable.stop_times.arrival_s[rows[0]])
    shift_s = 0 if start_s is None else start_s - template_s
    arrival = timetable.stop_times.arrival_s[rows].astype(np.float64)
    arrival += day_start(timetable) + shift_s + late_s
    return Visits(
        [vehicle] * len(rows),
        np.full(len(rows), trip, np.int32),
        np.full(len(rows), DAY.toordinal(), np.int32),
        np.full(len(rows), template_s + shift_s, np.int32),
        rows.astype(np.int64),
        arrival,
        arrival + 5.0,
        np.ones(len(rows), np.bool_),
    )


def every(timetable: Timetable, *spans: tuple[float, float], step_s: float = 10.0) -> Trace:
    """A trace with a fix every `step_s` within spans of seconds of the day."""
    start = day_start(timetable)
    times = np.concatenate([start + np.arange(low, high, step_s) for low, high in spans])
    return Trace(times, np.full(len(times), 50.28), np.full(len(times), 57.2))


def prove(
    timetable: Timetable, visits: Visits, traces: dict[str, Trace], limits: Limits = LIMITS
) -> dict[tuple[str, int], RunProof]:
    day = DayProof(timetable, DAY, visits, limits)
    for vehicle in day.vehicle_ids:
        day.take(vehicle, traces.get(vehicle, empty_trace()))
    return {(timetable.trips.ids[p.run.trip], p.run.start_s): p for p in day.result()}


def only(proofs: dict[tuple[str, int], RunProof], trip_id: str) -> RunProof:
    (proof,) = [proof for (trip, _), proof in proofs.items() if trip == trip_id]
    return proof


@pytest.mark.parametrize(
    ("visited", "driven_m", "status", "reasons"),
    [
        (range(20), 1000.0, "done", ()),
        (range(1, 19), 1000.0, "done", ()),  # turned beside both terminals
        ((), 0.0, "not_done", ("never_seen",)),
        (
            (4,),
            0.0,
            "not_done",
            ("few_stops", "start_missed", "end_missed", "stops_missed", "distance_short"),
        ),
        (range(2, 20), 1000.0, "partly", ("start_missed",)),
        (range(18), 1000.0, "partly", ("end_missed",)),
        ([*range(8), *range(12, 20)], 950.0, "partly", ("stops_missed",)),
        (range(20), 800.0, "partly", ("distance_short",)),
    ],
)
def test_the_worst_rule_that_holds_decides_and_all_are_named(visited, driven_m, status, reasons):
    facts = Facts(20, tuple(visited), 1000.0, driven_m)
    assert judge(facts, LIMITS) == (status, reasons)


def test_a_whole_run_is_done_with_its_kilometres_times_and_evidence(timetable: Timetable):
    proofs = prove(
        timetable,
        run_visits(timetable, "bus 1", "A-out-3"),
        {"bus 1": every(timetable, (5 * 3600, 10 * 3600))},
    )
    proof = only(proofs, "A-out-3")
    assert (proof.status, proof.reasons, proof.vehicle_ids) == ("done", (), ("bus 1",))
    assert proof.facts.driven_m == pytest.approx(proof.facts.planned_m)
    assert proof.facts.planned_m == pytest.approx(5500, rel=0.01)
    assert proof.first_delay_s == pytest.approx(25.0)
    assert proof.last_delay_s == pytest.approx(20.0)
    assert not proof.gps_off
    assert proof.evidence[0].fixes == 85  # 14 minutes, a fix every ten seconds, at both ends too
    assert proof.evidence[0].gaps == 0
    assert only(proofs, "A-out-5").status == "not_done"


def test_stops_passed_in_a_short_silence_count_and_in_a_long_one_do_not(timetable: Timetable):
    visits = run_visits(timetable, "bus 1", "A-out-3")
    visits.seen[2:5] = False
    start = 6 * 3600
    short = every(timetable, (start, start + 200), (start + 500, start + 900))
    long = every(timetable, (start, start + 150), (start + 620, start + 900))
    done = only(prove(timetable, visits, {"bus 1": short}), "A-out-3")
    assert (done.status, done.stops_guessed, done.gps_off) == ("done", 0, False)
    assert done.evidence[0].gaps == 1
    assert done.evidence[0].longest_s == pytest.approx(310.0)
    assert done.gap_after_sequence == 2
    partly = only(prove(timetable, visits, {"bus 1": long}), "A-out-3")
    assert partly.status == "partly"
    assert partly.stops_guessed == 3
    assert partly.gps_off
    assert "gps_silent" in partly.reasons
    assert partly.facts.driven_m < 0.6 * partly.facts.planned_m


def test_a_bus_that_falls_silent_in_the_midst_of_a_run_has_switched_off(timetable: Timetable):
    visits = run_visits(timetable, "bus 1", "A-out-3")
    begun = take_visits(visits, np.arange(4))
    went_dark = every(timetable, (6 * 3600, 6 * 3600 + 430))
    proof = only(prove(timetable, begun, {"bus 1": went_dark}), "A-out-3")
    assert proof.status == "partly"
    assert proof.gps_off
    stayed = only(prove(timetable, begun, {"bus 1": every(timetable, (21_000, 30_000))}), "A-out-3")
    assert stayed.status == "partly"
    assert not stayed.gps_off  # it went elsewhere, and said so


def test_last_runs_of_a_block_without_a_fix_are_flagged_with_the_bus(timetable: Timetable):
    """The driver who switches off in the evening."""
    visits = join_visits(
        [
            run_visits(timetable, "bus 1", f"A-{way}-{n}")
            for n in (45, 47)
            for way in ("out", "back")
        ]
    )
    dark = every(timetable, (5 * 3600, 21.27 * 3600))
    proofs = prove(timetable, visits, {"bus 1": dark})
    assert only(proofs, "A-back-47").status == "done"
    for trip in ("A-out-49", "A-back-61"):
        proof = only(proofs, trip)
        assert (proof.status, proof.gps_off, proof.vehicle_ids) == ("not_done", True, ("bus 1",))
        assert proof.reasons == ("never_seen", "block_silent")
    for trip in ("A-out-43", "A-out-48"):  # before it began; the other block
        proof = only(proofs, trip)
        assert (proof.status, proof.gps_off, proof.vehicle_ids) == ("not_done", False, ())
    heard = prove(timetable, visits, {"bus 1": every(timetable, (5 * 3600, 27 * 3600))})
    assert not only(heard, "A-out-49").gps_off


def test_a_relief_on_the_way_leaves_one_run_with_two_buses(timetable: Timetable):
    whole = run_visits(timetable, "x", "A-out-3")
    first, second = take_visits(whole, np.arange(4)), take_visits(whole, np.arange(3, 8))
    second.vehicle_ids[:] = ["a bus"] * 5
    first.vehicle_ids[:] = ["the other"] * 4
    lone = take_visits(run_visits(timetable, "passing by", "A-out-3"), np.array([5]))
    trace = every(timetable, (5 * 3600, 10 * 3600))
    proof = only(
        prove(
            timetable,
            join_visits([second, first, lone]),
            {"a bus": trace, "the other": trace, "passing by": trace},
        ),
        "A-out-3",
    )
    assert proof.vehicle_ids == ("the other", "a bus")
    assert proof.status == "done"
    assert proof.reasons == ("vehicle_changed",)
    assert proof.facts.driven_m == pytest.approx(proof.facts.planned_m)


def test_headway_runs_have_no_delay_and_are_counted_against_the_plan(timetable: Timetable):
    found = [run_visits(timetable, f"bus {n}", "F-trip", 0.0, 21_700 + 590 * n) for n in range(3)]
    trace = every(timetable, (5 * 3600, 10 * 3600))
    proofs = prove(timetable, join_visits(found), {f"bus {n}": trace for n in range(3)})
    mine = {start: p for (trip, start), p in proofs.items() if trip == "F-trip"}
    assert len(mine) == 114
    assert [mine[21_700 + 590 * n].status for n in range(3)] == ["done"] * 3
    assert sum(p.status == "not_done" for p in mine.values()) == 111
    assert mine[21_700].first_delay_s is None
    assert mine[21_700].first_stop_s == pytest.approx(day_start(timetable) + 21_705)


def test_evidence_of_a_span():
    trace = Trace(np.array([0.0, 10.0, 200.0, 210.0]), np.arange(4.0), np.arange(4.0) + 50)
    found = evidence_between(trace, 5.0, 205.0, 90.0)
    assert (found.fixes, found.first_s, found.last_s, found.gaps) == (2, 10.0, 200.0, 1)
    assert (found.longest_s, found.longest_from_s) == (190.0, 10.0)
    assert (found.latitude, found.longitude) == (1.0, 51.0)
    nothing = evidence_between(empty_trace(), 0.0, 100.0, 90.0)
    assert (nothing.fixes, nothing.gaps, nothing.longest_s) == (0, 1, 100.0)
    assert np.isnan(nothing.latitude)


def test_silence_around_moments_and_traces_of_two_devices():
    trace = join_traces(
        [
            Trace(np.array([0.0, 100.0]), np.zeros(2), np.zeros(2)),
            Trace(np.array([50.0]), np.ones(1), np.ones(1)),
        ]
    )
    assert trace.time_s.tolist() == [0.0, 50.0, 100.0]
    assert trace.silence_at(np.array([20.0, 50.0, 99.0, 101.0, -1.0])).tolist() == [
        50.0,
        0.0,
        50.0,
        np.inf,
        np.inf,
    ]
    assert join_traces([]).silence_at(np.array([1.0])).tolist() == [np.inf]
