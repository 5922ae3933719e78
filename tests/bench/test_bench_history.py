"""The simulated month: buses as the timetable and the street have them, and a report that adds up."""

import json
from datetime import timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from sapar.cli.bench.history import FIX_S, LAST_DAY, fixes_of
from sapar.cli.bench.month import DrivenDay, Streets
from sapar.cli.main import app
from sapar.gtfs.history.learning import observations
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import town

WEEKDAYS = [LAST_DAY - timedelta(days=n) for n in (0, 1, 7, 8, 14)]


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def streets(timetable: Timetable) -> Streets:
    return Streets(timetable, 50, LAST_DAY, 1)


@pytest.fixture(scope="module")
def driven(streets: Streets) -> list[DrivenDay]:
    return [streets.drive(day) for day in WEEKDAYS]


def test_buses_drive_their_runs_in_order_and_leave_no_terminal_early(
    timetable: Timetable, driven: list[DrivenDay]
):
    for day in driven:
        assert len(day.run) > 1000
        assert np.isfinite(day.arrival_s).all()
        assert (day.departure_s >= day.arrival_s).all()
        same_bus = np.diff(day.bus) == 0
        assert (day.arrival_s[1:] > day.arrival_s[:-1])[same_bus].all()
        first = day.number == 0
        assert (day.departure_s >= day.due_off_s)[first].all()
        assert (timetable.stop_times.stop_sequence[day.row[first]] == 1).all()
    assert not set(driven[0].trip.tolist()) & set(timetable.frequencies.trip_idx.tolist())


def test_the_same_seed_gives_the_same_day_and_streets_are_the_same_every_week(
    timetable: Timetable, driven: list[DrivenDay]
):
    again = Streets(timetable, 50, LAST_DAY, 1).drive(LAST_DAY)
    assert np.array_equal(again.arrival_s, driven[0].arrival_s)
    other = Streets(timetable, 50, LAST_DAY, 2).drive(LAST_DAY)
    assert not np.array_equal(other.arrival_s, driven[0].arrival_s)

    def slowness(day: DrivenDay) -> np.ndarray:
        """Mean seconds a stop of the timetable, less those planned."""
        visits = day.visits(timetable)
        _, rows, took_s = observations(visits)
        count = np.bincount(day.row[rows], minlength=len(timetable.stop_times.stop_idx))
        return np.bincount(day.row[rows], took_s, len(count)) / np.maximum(count, 1)

    one, two = slowness(driven[0]), slowness(driven[2])
    both = (one > 0) & (two > 0)
    assert np.corrcoef(one[both], two[both])[0, 1] > 0.5


def test_devices_send_a_fix_every_so_often_near_the_line(
    timetable: Timetable, driven: list[DrivenDay]
):
    fixes = fixes_of(timetable, driven[0], 1)
    assert (np.diff(fixes.time_s) >= 0).all()
    rows = [n for n, vehicle in enumerate(fixes.vehicle_ids) if vehicle == "v0"]
    gaps = np.diff(fixes.time_s[rows])
    assert np.isclose(gaps, FIX_S).mean() > 0.7
    assert gaps.min() >= FIX_S - 1e-6
    for row in rows[:: len(rows) // 20]:
        line = timetable.trip_pattern(timetable.trips.index[fixes.trip_ids[row] or ""])
        off = np.hypot(
            (line.polyline_lat - fixes.latitude[row]) * 111_195.0,
            (line.polyline_lon - fixes.longitude[row]) * 71_000.0,
        )
        assert off.min() < 100.0  # points of the line are at most that far apart


def test_the_report_says_what_history_is_worth():
    arguments = ["bench", "history", "--days", "3", "--buses", "4", "--hours", "2", "--json"]
    reports = []
    for _ in range(2):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        reports.append(json.loads(result.stdout.splitlines()[-1]))
    report = reports[0]
    assert reports[1] == report
    assert report["observations"] > 1000
    assert report["predictions"] > 500
    before, after = report["cold"], report["with_history"]
    assert report["gain_points"] == pytest.approx(
        100 * (after["overall"] - before["overall"]), abs=0.02
    )
    assert report["gain_mae_s"] == pytest.approx(
        before["median_mae_s"] - after["median_mae_s"], abs=0.02
    )
    assert after["median_mae_s"] < report["schedule_plus_delay"]["mae_s"]
    assert set(report["gain_points_by_bucket"]) == {"0-3", "3-6", "6-10", "10-15"}
