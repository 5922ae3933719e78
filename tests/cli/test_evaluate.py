"""`sapar evaluate` and `sapar evaluate-day` as a person calls them."""

import csv
import gzip
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sapar.cli.main import app
from sapar.cli.predictions_file import COLUMNS, write_predictions
from sapar.cli.recordings import blanked, read_fixes
from sapar.core.errors import BadInput
from sapar.gtfs.realtime.score.samples import Samples
from sapar.gtfs.timetable import Timetable
from sapar.simulators.recording import COLUMNS as RECORDED
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, join, town, town_zip

runner = CliRunner()


def write_recording(path: Path, rows: list[list[object]], columns: tuple[str, ...] = RECORDED):
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def drive(
    timetable: Timetable, from_s: int, until_s: int, day: date = DAY, slow: float = 1.0
) -> list[list[object]]:
    """A bus on block A0, signed on to it, as rows of a recording; `slow` times slower."""
    trips = timetable.trips
    start = day_start(timetable, day)
    legs = [
        Leg(trips.ids[trip], start + float(trips.first_s[trip]) + 60.0, None, None, "A0")
        for trip in timetable.block_trips(timetable.blocks.index["A0"]).tolist()
        if from_s <= trips.first_s[trip] < until_s
    ]
    bus = Bus(timetable, "bus 0", legs)
    begin = start + from_s
    fixes = join([bus.fix(float(t)) for t in np.arange(begin, start + until_s, 15.0 / slow)])
    fixes.time_s[:] = np.round(begin + slow * (fixes.time_s - begin))
    return [
        ["bus 0", int(t), f"{lat:.6f}", f"{lon:.6f}", "", "", "", "", "A0"]
        for t, lat, lon in zip(fixes.time_s, fixes.latitude, fixes.longitude, strict=True)
    ]


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, timetable: Timetable) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "town.zip").write_bytes(town_zip())
    yesterday = DAY - timedelta(days=1)
    slow = drive(timetable, 9 * 3600, 10 * 3600, yesterday, 1.3)
    write_recording(folder / "yesterday.csv.gz", slow)
    write_recording(folder / "later.csv", drive(timetable, 9 * 3600, 10 * 3600))
    return folder


def run(folder: Path, *arguments: object, status: int = 0) -> str:
    command = ["evaluate", "--gtfs", str(folder / "town.zip"), *map(str, arguments)]
    result = runner.invoke(app, command)
    assert result.exit_code == status, result.output
    return result.output


def test_a_recording_is_scored_and_its_predictions_are_written(folder: Path):
    out = folder / "predictions.csv.gz"
    output = run(folder, "--positions", folder / "later.csv", "--predictions", out, "--json")
    report = json.loads(output.strip().splitlines()[-1])
    assert report["vehicles"] == 1
    assert report["positions"] == 240
    assert report["positions_per_s"] > 0
    assert report["matched_share"] > 0.9
    assert report["assignment_s_p50"] < 300
    assert list(report["eta"]) == ["sapar", "sapar_median", "schedule", "schedule_plus_delay"]
    best = report["eta"]["sapar"]
    assert [bucket["minutes"] for bucket in best["buckets"]] == ["0-3", "3-6", "6-10", "10-15"]
    assert 0 < best["overall"] <= 1
    assert report["never_came_share"] == best["never_came_share"] == 0
    assert report["coverage"] == best["coverage"] == best["coverage_at"]["4-6"] > 0.8
    assert 0 <= report["interval_80_coverage"] <= 1
    assert report["validator_errors"] == sum(report["validator_errors_by_rule"].values()) == 0
    with gzip.open(out, "rt", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == COLUMNS
    assert {row["vehicle_id"] for row in rows} == {"bus 0"}
    assert sum(best["states"].values()) == len(rows)
    for row in rows:
        assert 0 < int(row["predicted_arrival"]) - int(row["sampled_at"]) <= 1200


def test_a_history_teaches_and_is_not_scored(folder: Path):
    arguments = ("--positions", folder / "later.csv", "--no-validate", "--json")
    alone = json.loads(run(folder, *arguments).splitlines()[-1])
    taught = json.loads(
        run(folder, *arguments, "--history", folder / "yesterday.csv.gz").splitlines()[-1]
    )
    assert alone["validator_errors"] is None
    assert taught["positions"] == alone["positions"]
    assert taught["eta"]["sapar_median"]["mae_s"] != alone["eta"]["sapar_median"]["mae_s"]


def test_a_history_that_is_not_before_is_refused(folder: Path):
    output = run(
        folder, "--positions", folder / "yesterday.csv.gz", "--history", folder / "later.csv",
        "--no-validate", status=1,
    )  # fmt: skip
    assert "reaches into the recording" in output


def test_blanked_columns_hide_the_sign_on_from_the_engine_alone(folder: Path):
    arguments = ("--positions", folder / "later.csv", "--no-validate", "--json")
    shown = json.loads(run(folder, *arguments).splitlines()[-1])
    hidden = json.loads(run(folder, *arguments, "--blank", "trip_id,block_id").splitlines()[-1])
    # coverage is asked of the arrivals on the bus's own block, which the truth still knows
    assert hidden["eta"]["sapar"]["passages"] == shown["eta"]["sapar"]["passages"] > 0


def test_a_person_gets_a_table(folder: Path):
    output = run(folder, "--positions", folder / "later.csv", "--minutes", "30")
    assert "overall" in output
    assert "errors in the feeds: none" in output


def test_positions_of_another_city_are_told_apart_from_bad_predictions(
    folder: Path, tmp_path: Path
):
    rows = [["b", 1_773_100_000 + n, 10.0, 10.0, "", "", "", "", ""] for n in range(30)]
    path = write_recording(tmp_path / "far.csv", rows)
    output = run(folder, "--positions", path, "--no-validate", status=1)
    assert "predicted nothing" in output


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["b", "x", 50.0, 57.0, "", "", "", "", ""], "line 3: timestamp is no number: 'x'"),
        (["b", 200, 91.0, 57.0, "", "", "", "", ""], "line 3: latitude is '91.0'"),
        (["b", 200, "", 57.0, "", "", "", "", ""], "line 3: latitude is ''"),
        (["b", 200, 50.0, 57.0, "", "nan", "", "", ""], "line 3: speed_mps is 'nan'"),
        (["", 200, 50.0, 57.0, "", "", "", "", ""], "line 3: no vehicle_id"),
        (["b", 200], "line 3: 2 fields"),
        (["b", 50, 50.0, 57.0, "", "", "", "", ""], "line 3: times go back"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, row: list[object], reason: str):
    good = ["b", 100, 50.0, 57.0, "", "", "", "", ""]
    for name in ("bad.csv", "bad.csv.gz"):
        path = write_recording(tmp_path / name, [good, row])
        with pytest.raises(BadInput) as caught:
            read_fixes(path)
        assert caught.value.code == "bad_recording"
        assert reason in caught.value.message


def test_bad_files_are_named(tmp_path: Path):
    cases = {
        "empty.csv": b"",
        "header.csv": ",".join(RECORDED).encode(),
        "columns.csv": b"vehicle_id,timestamp\nb,1\n",
        "text.csv.gz": b"no gzip",
        "cut.csv.gz": gzip.compress(b"x" * 10_000)[:-9],
        "latin.csv": ",".join(RECORDED).encode() + b"\nb\xff,1,50,57,,,,,\n",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput) as caught:
            read_fixes(tmp_path / name)
        assert name in caught.value.message
        assert caught.value.hint
    with pytest.raises(BadInput):
        read_fixes(tmp_path / "missing.csv")


def test_a_recording_becomes_columns(tmp_path: Path):
    path = write_recording(
        tmp_path / "good.csv",
        [
            ["b", 100, 50.5, 57.25, 370, 3.5, "r", "t", "k"],
            ["c", 100, 50.5, 57.25, "", "", "", "", ""],
        ],
    )
    fixes = read_fixes(path)
    assert fixes.vehicle_ids == ["b", "c"]
    assert fixes.time_s.tolist() == [100.0, 100.0]
    assert fixes.bearing_deg[0] == 10.0
    assert np.isnan(fixes.bearing_deg[1])
    assert (fixes.trip_ids, fixes.block_ids) == (["t", None], ["k", None])
    hidden = blanked(fixes, ("trip_id", "bearing"))
    assert hidden.trip_ids == [None, None]
    assert np.isnan(hidden.bearing_deg).all()
    assert hidden.block_ids == ["k", None]
    with pytest.raises(BadInput, match="cannot be blanked"):
        blanked(fixes, ("latitude",))


_AWKWARD = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)


@given(_AWKWARD)
def test_any_id_survives_the_file(tmp_path_factory: pytest.TempPathFactory, vehicle_id: str):
    one = np.ones(1, np.int32)
    moment = np.array([1_773_100_000.0])
    samples = Samples(
        moment, 0 * one, 0 * one, 739_685 * one, 0 * one, 0 * one, moment + 60, moment + 61.25,
        moment + 30, moment + 90, moment, moment,
    )  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "ids.csv"
    write_predictions(path, samples, [vehicle_id], town())
    with path.open(encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert row["vehicle_id"] == vehicle_id
    assert row["predicted_arrival"] == "1773100060"
    assert row["predicted_median"] in {"1773100061.2", "1773100061.3"}


def test_a_day_without_predictions_is_told(database: str):
    result = runner.invoke(
        app, ["evaluate-day", "--date", "2026-03-10"], env={"SAPAR_DATABASE_URL": database}
    )
    assert result.exit_code == 1
    assert "no predictions of 2026-03-10" in result.output
