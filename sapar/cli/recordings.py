"""Recordings of positions as columns, read fast. The format is in docs/simulators.md."""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import fields, replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from sapar.core.errors import BadInput
from sapar.core.geometry import Floats
from sapar.gtfs.realtime.intake import FixColumns
from sapar.simulators.recording import COLUMNS

_CHUNK = 50_000
BLANKABLE = {
    "bearing": "bearing_deg",
    "speed_mps": "speed_mps",
    "route_id": "route_ids",
    "trip_id": "trip_ids",
    "block_id": "block_ids",
}
"""Columns that the engine can do without, and their names in `FixColumns`."""
_NUMBERS = ("bearing", "speed_mps")


class _BadRow(ValueError):
    """A row that cannot be read, by its number from 0."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


def read_fixes(path: Path) -> FixColumns:
    """Read a recording, gzipped or not (by the file's suffix), into columns.

    Raises:
        BadInput: it is missing, empty, lacks a column, has a row that cannot be read, or its times
            go back.
    """
    done = 0
    parts: list[FixColumns] = []
    try:
        with _opened(path) as handle:
            reader = csv.reader(handle)
            places = _places(next(reader, []))
            shared: dict[str, str] = {}
            while rows := list(islice(reader, _CHUNK)):
                parts.append(_columns(rows, places, shared))
                done += len(rows)
    except _BadRow as exc:
        raise _refused(path, f"line {done + exc.number + 2}: {exc}") from exc
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error, ValueError) as exc:
        raise _refused(path, str(exc)) from exc
    if not parts:
        raise _refused(path, "it holds no position")
    fixes = join_fixes(parts)
    back = np.flatnonzero(np.diff(fixes.time_s) < 0)
    if len(back):
        raise _refused(path, f"line {int(back[0]) + 3}: times go back")
    return fixes


def join_fixes(parts: list[FixColumns]) -> FixColumns:
    """Put fixes one after the other; at least one part."""
    columns: dict[str, Any] = {}
    for field in fields(FixColumns):
        values = [getattr(part, field.name) for part in parts]
        columns[field.name] = (
            np.concatenate(values)
            if isinstance(values[0], np.ndarray)
            else list(chain.from_iterable(values))
        )
    return FixColumns(**columns)


def blanked(fixes: FixColumns, columns: tuple[str, ...]) -> FixColumns:
    """Give the fixes without some columns (`BLANKABLE`), as trackers that do not send them.

    Raises:
        BadInput: a column cannot be blanked.
    """
    for name in columns:
        if name not in BLANKABLE:
            raise BadInput(
                f"{name} cannot be blanked",
                code="bad_blank",
                hint=f"give some of {','.join(BLANKABLE)}",
            )
    nothing = np.full(len(fixes), np.nan)
    none: list[str | None] = [None] * len(fixes)
    changes: dict[str, Any] = {
        BLANKABLE[name]: nothing if name in _NUMBERS else none for name in columns
    }
    return replace(fixes, **changes)


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _refused(path: Path, reason: str) -> BadInput:
    return BadInput(
        f"{path}: {reason}",
        code="bad_recording",
        hint=f"a recording is a CSV, gzipped if it ends in .gz, with {','.join(COLUMNS)}",
    )


def _places(header: list[str]) -> tuple[int, ...]:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ValueError(f"no column {missing[0]}")
    return tuple(header.index(name) for name in COLUMNS)


def _columns(rows: list[list[str]], places: tuple[int, ...], shared: dict[str, str]) -> FixColumns:
    """Turn rows into columns; `shared` keeps one string of each id."""
    width = max(places)
    for number, row in enumerate(rows):
        if len(row) <= width:
            raise _BadRow(number, f"{len(row)} fields")
    vehicle, time, lat, lon, bearing, speed, route, trip, block = (
        [row[place] for row in rows] for place in places
    )

    def ids(values: list[str]) -> list[str | None]:
        return [shared.setdefault(value, value) if value else None for value in values]

    if "" in vehicle:
        raise _BadRow(vehicle.index(""), "no vehicle_id")
    return FixColumns(
        [shared.setdefault(value, value) for value in vehicle],
        _numbers("timestamp", time, 0.0, 1e11),
        _numbers("latitude", lat, -90.0, 90.0),
        _numbers("longitude", lon, -180.0, 180.0),
        _numbers("speed_mps", speed, 0.0, np.inf, may_be_empty=True),
        _numbers("bearing", bearing, -np.inf, np.inf, may_be_empty=True) % 360.0,
        ids(trip),
        ids(route),
        ids(block),
    )


def _numbers(
    name: str, values: list[str], low: float, high: float, *, may_be_empty: bool = False
) -> Floats:
    try:
        column = np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        number = next(n for n, value in enumerate(values) if value and not _is_number(value))
        raise _BadRow(number, f"{name} is no number: {values[number]!r}") from None
    good = (column >= low) & (column <= high) & np.isfinite(column)
    if may_be_empty:
        good |= np.array([not value for value in values])
    if not good.all():
        number = int(np.flatnonzero(~good)[0])
        raise _BadRow(number, f"{name} is {values[number]!r}")
    return column


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
