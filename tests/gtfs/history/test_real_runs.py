"""Proof of runs over a recording of real buses, held against the trips that they signed on to."""

from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np

from sapar.gtfs.history.proof import DONE, DayProof, Limits
from sapar.gtfs.history.replay import visits_of
from sapar.gtfs.timetable import load_timetable
from tests.gtfs.history.support import trace_of
from tests.gtfs.realtime.recordings import read_recording

DAY = date(2026, 2, 16)


def test_runs_that_were_driven_are_done_and_no_others(sapar_data: Path):
    folder = sapar_data / "wmata"
    timetable = load_timetable(folder / "gtfs.zip", "wmata")
    fixes = read_recording(folder / "positions.csv.gz")
    visits = visits_of(timetable, fixes)
    day = DayProof(timetable, DAY, visits, Limits())
    for vehicle in day.vehicle_ids:
        ordered = fixes.take(np.argsort(fixes.time_s, kind="stable"))
        day.take(vehicle, trace_of(ordered, vehicle))
    signed = defaultdict(list)
    for trip_id, time_s in zip(fixes.trip_ids, fixes.time_s.tolist(), strict=True):
        signed[trip_id].append(time_s)
    whole, done = 0, 0
    for proof in day.result():
        times = signed.get(timetable.trips.ids[proof.run.trip], [])
        if proof.status == DONE:
            assert times, "a run that nobody signed on to"
        if (
            len(times) > 20
            and proof.scheduled_start_s > fixes.time_s.min() + 300
            and min(times) < proof.scheduled_start_s + 600
            and max(times) > proof.scheduled_end_s - 300
        ):
            whole += 1
            # what is not done for want of stops was silent for long
            done += proof.status == DONE or proof.gps_off
    assert whole >= 40
    assert done >= 0.95 * whole
