"""Recorded positions: a gzipped CSV, read row by row. The format is in docs/simulators.md."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sapar.core.errors import BadInput

COLUMNS = (
    "vehicle_id",
    "timestamp",
    "latitude",
    "longitude",
    "bearing",
    "speed_mps",
    "route_id",
    "trip_id",
    "block_id",
)


@dataclass(frozen=True, slots=True)
class RecordedFix:
    """One row of a recording; empty fields are None.

    Attributes:
        time_s: whole Unix seconds; latitude, longitude: degrees.
        bearing_deg: clockwise from north, below 360; speed_mps: metres a second.
    """

    vehicle_id: str
    time_s: int
    latitude: float
    longitude: float
    bearing_deg: float | None
    speed_mps: float | None
    route_id: str | None
    trip_id: str | None
    block_id: str | None


def read_recording(path: Path) -> Iterator[RecordedFix]:
    """Give the rows of a recording in their order, without holding the file.

    Raises:
        BadInput: the file is missing or no gzip, lacks a column, a row cannot be read, or times
            go back.
    """
    line = 1
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle)
            _check_columns(rows.fieldnames or ())
            before_s = 0
            for row in rows:
                line = rows.line_num
                fix = _fix(row, before_s)
                before_s = fix.time_s
                yield fix
    except (OSError, EOFError, ValueError, TypeError, csv.Error, zlib.error) as exc:
        raise BadInput(
            f"{path}, line {line}: {exc}",
            code="bad_recording",
            hint=f"a recording is a gzipped CSV with the columns {','.join(COLUMNS)}",
        ) from exc


def _check_columns(names: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise ValueError(f"no column {missing[0]}")


def _fix(row: dict[str, str], before_s: int) -> RecordedFix:
    bearing = _number(row["bearing"])
    time_s = int(row["timestamp"])
    if time_s < before_s:
        raise ValueError("times go back")
    return RecordedFix(
        row["vehicle_id"],
        time_s,
        float(row["latitude"]),
        float(row["longitude"]),
        None if bearing is None else bearing % 360.0,
        _number(row["speed_mps"]),
        row["route_id"] or None,
        row["trip_id"] or None,
        row["block_id"] or None,
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What a recording holds.

    Attributes:
        begin_s, end_s: first and last timestamp, Unix seconds; fixes: rows.
        busy_s: start of the first minute with at least half the fixes of an average one: where a
            replay that is to look like a day's service begins.
        vehicle_ids: all vehicles, in the order of their first fix.
    """

    begin_s: int
    end_s: int
    fixes: int
    busy_s: int
    vehicle_ids: tuple[str, ...]


def survey(path: Path, duration_s: float | None = None) -> RecordingFacts:
    """Read a recording once, or its first `duration_s` seconds, to learn who is in it.

    Raises:
        BadInput: it cannot be read or is empty.
    """
    vehicles: dict[str, None] = {}
    minutes: Counter[int] = Counter()
    begin_s = end_s = fixes = 0
    for fix in read_recording(path):
        begin_s = begin_s or fix.time_s
        if duration_s is not None and fix.time_s > begin_s + duration_s:
            break
        end_s = fix.time_s
        fixes += 1
        minutes[(fix.time_s - begin_s) // 60] += 1
        vehicles.setdefault(fix.vehicle_id)
    if not fixes:
        raise BadInput(f"{path} holds no position", code="bad_recording")
    enough = fixes / (max(minutes) + 1) / 2
    busy_s = begin_s + 60 * min(minute for minute, count in minutes.items() if count >= enough)
    return RecordingFacts(begin_s, end_s, fixes, busy_s, tuple(vehicles))
