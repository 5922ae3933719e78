"""Recordings: read as they are, refused with the line when they cannot be."""

import gzip
from pathlib import Path

import pytest

from sapar.core.errors import BadInput
from sapar.simulators.recording import COLUMNS, RecordedFix, read_recording, survey

HEADER = ",".join(COLUMNS)


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_bytes(gzip.compress("\n".join([header, *rows, ""]).encode()))
    return path


def test_rows_are_read_with_empty_fields_as_unknown(tmp_path):
    path = write(tmp_path / "p.gz", "022,100,50.1,57.2,360,4.5,R,T,B", "7,100,50.1,57.2,,,,,")
    assert list(read_recording(path)) == [
        RecordedFix("022", 100, 50.1, 57.2, 0.0, 4.5, "R", "T", "B"),
        RecordedFix("7", 100, 50.1, 57.2, None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["1,100,x,57,,,,,"], 2),
        (["1,100,50,57,,,,,", "1,100.5,50,57,,,,,"], 3),
        (["1,100,50,57,,,,,", "1,99,50,57,,,,,"], 3),
        (["1,100"], 2),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, rows, line):
    with pytest.raises(BadInput, match=f"line {line}"):
        list(read_recording(write(tmp_path / "p.gz", *rows)))


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text(HEADER)
    cut = write(tmp_path / "cut.gz", *["1,100,50,57,,,,,"] * 5000)
    cut.write_bytes(cut.read_bytes()[:-20])
    for path in (
        plain,
        cut,
        tmp_path / "absent.gz",
        write(tmp_path / "h.gz", header="vehicle_id,timestamp"),
    ):
        with pytest.raises(BadInput):
            list(read_recording(path))
    with pytest.raises(BadInput, match="holds no position"):
        survey(write(tmp_path / "empty.gz"))


def test_a_survey_tells_who_is_in_it(tmp_path):
    path = write(tmp_path / "p.gz", *[f"b{n % 3},{100 + n},50,57,,,,," for n in range(9)])
    facts = survey(path)
    assert (facts.begin_s, facts.end_s, facts.fixes) == (100, 108, 9)
    assert facts.vehicle_ids == ("b0", "b1", "b2")
    assert survey(path, 1.0).vehicle_ids == ("b0", "b1")


@pytest.mark.parametrize(
    ("folder", "fixes", "vehicles", "quiet_min"),
    [
        ("wmata", 14_917, 22, 0),
        ("warsaw", 318_349, 819, 12),
    ],
)
def test_the_real_recordings_are_read_whole(sapar_data, folder, fixes, vehicles, quiet_min):
    facts = survey(sapar_data / folder / "positions.csv.gz")
    assert facts.fixes == fixes
    assert len(facts.vehicle_ids) == vehicles
    assert facts.busy_s - facts.begin_s == quiet_min * 60
