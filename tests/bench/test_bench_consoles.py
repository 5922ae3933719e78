"""The consoles' benchmark: what it counts is right; its speeds are for people, never for tests."""

import json

import pytest
from typer.testing import CliRunner

from sapar.cli.bench.consoles import _figures, _pixels
from sapar.cli.main import app


def test_waits_are_taken_from_the_publish_of_each_tick() -> None:
    published = {"1-1": 10.0, "1-2": 12.0}
    readings = [
        ({"1-0": 9.0, "1-1": 10.1, "1-2": 12.3}, 5000, 1),
        ({"1-1": 10.2}, 3000, 2),
    ]
    report = _figures(readings, published, 4.0)
    assert report["publish_to_screen_ms_p50"] == 200
    assert report["publish_to_screen_ms_max"] == 300
    assert report["ticks_missed"] == 1
    assert report["snapshots_a_console"] == 1.5
    assert report["bytes_a_console_per_s"] == 1000


def test_pixels_count_only_what_was_drawn() -> None:
    report = _pixels({100: 5.5, 102: 8.0}, {100: 5.0, 102: 7.0, 104: 9.0})
    assert report["publish_to_pixels_ms_p50"] == 750
    assert report["ticks_not_drawn"] == 1
    assert _pixels({}, {100: 5.0}) == {"publish_to_pixels_ms_p50": None}


@pytest.mark.slow
def test_all_consoles_know_the_last_tick() -> None:
    arguments = ["--vehicles", "40", "--consoles", "4", "--seconds", "6", "--city", "aktobe"]
    wanted = {"last_tick_known": True, "ticks_missed": 0, "snapshots_a_console": 1}
    for _ in range(3):  # who comes late or halts for two seconds misses a tick, as it should
        result = CliRunner().invoke(app, ["bench", "consoles", *arguments, "--json"])
        assert result.exit_code == 0, result.output
        report = json.loads(result.output.splitlines()[-1])
        found = {name: report[name] for name in wanted}
        if found == wanted:
            break
    assert found == wanted
