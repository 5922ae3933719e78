"""The engine's benchmark runs and counts right; its speeds are for people, never for tests."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sapar.cli.bench.tiling import tiled
from sapar.cli.main import app
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import town

runner = CliRunner()


def bench(*arguments: object) -> dict:
    command = ["bench", "engine", "--city", "aktobe", "--json", *map(str, arguments)]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


def test_the_benchmark_prints_its_figures():
    report = bench("--vehicles", 40, "--seconds", 10, "--interval-s", 2)
    assert report["vehicles"] == 40
    assert report["positions"] == pytest.approx(200, abs=40)
    assert report["trip_updates"] > 20
    assert report["stops_predicted"] > 200
    assert report["feed_bytes"] == sum(report["feed_bytes_by_name"].values()) > 5_000
    assert 0 < report["ingest_share"] < 1
    assert report["tick_ms_p99"] >= report["tick_ms_p50"] > 0
    assert report["us_per_position"] == pytest.approx(1e6 / report["positions_per_s"], rel=0.01)
    assert report["rss_mb"] > abs(report["rss_growth_mb"])


def test_a_fleet_larger_than_the_city_gets_several_cities():
    report = bench("--vehicles", 350, "--seconds", 5)
    assert report["positions"] > 5 * 300


def test_an_unknown_city_is_told():
    result = runner.invoke(app, ["bench", "engine", "--city", "atlantis"])
    assert result.exit_code == 1
    assert "no city atlantis" in result.output


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


def test_a_timetable_set_down_twice_has_everything_twice(timetable: Timetable):
    twice = tiled(timetable, 2)
    trips = len(timetable.trips.ids)
    assert tiled(timetable, 1) is timetable
    assert len(twice.trips.ids) == len(set(twice.trips.ids)) == len(twice.trips.index) == 2 * trips
    assert len(twice.trips.st_begin) == 2 * trips + 1
    east = timetable.bounding_box[3]
    for trip in (0, trips // 2, trips - 1):
        for mine, other in zip(
            timetable.trip_times(trip), twice.trip_times(trips + trip), strict=True
        ):
            assert np.array_equal(mine, other)
        one, two = timetable.trip_pattern(trip), twice.trip_pattern(trips + trip)
        assert np.array_equal(one.stop_m, two.stop_m)
        assert two.polyline_lon.min() > east
        assert [timetable.stops.ids[s] for s in one.stop_idx] == [
            twice.stops.ids[s].removeprefix("1-") for s in two.stop_idx
        ]
        rows = twice.trip_rows(trips + trip)
        assert twice.stop_times.stop_idx[rows].tolist() == two.stop_idx.tolist()
    blocks = timetable.trips.block_idx
    assert np.array_equal(twice.trips.block_idx[trips:] < 0, blocks < 0)
    assert twice.trips.block_idx[trips:].max() == blocks.max() + len(timetable.blocks.ids)
    assert len(twice.frequencies.trip_idx) == 2 * len(timetable.frequencies.trip_idx)
