"""Sampled predictions as a CSV file, one row a prediction."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import IO

import numpy as np

from sapar.core.errors import BadInput
from sapar.gtfs.realtime.score.samples import Samples
from sapar.gtfs.timetable import Timetable

COLUMNS = (
    "sampled_at",
    "vehicle_id",
    "trip_id",
    "start_date",
    "stop_id",
    "stop_sequence",
    "predicted_arrival",
    "predicted_median",
    "predicted_low",
    "predicted_high",
)
_ROW = "%d,%s,%s,%s,%s,%d,%d,%.1f,%.1f,%.1f\n"
_CHUNK = 100_000


def write_predictions(
    path: Path, samples: Samples, slot_ids: list[str], timetable: Timetable
) -> None:
    """Write predictions, gzipped where the file's name ends in .gz; times in Unix seconds.

    Raises:
        BadInput: the file cannot be written.
    """
    try:
        with _opened(path) as handle:
            handle.write(",".join(COLUMNS) + "\n")
            for low in range(0, len(samples), _CHUNK):
                part = samples.where(np.arange(low, min(low + _CHUNK, len(samples))))
                handle.writelines(map(_ROW.__mod__, _rows(part, slot_ids, timetable)))
    except OSError as exc:
        raise BadInput(f"{path} cannot be written: {exc.strerror}", code="bad_output") from exc


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "wt", compresslevel=3, encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _rows(samples: Samples, slot_ids: list[str], timetable: Timetable) -> zip[tuple[object, ...]]:
    dates = {day: f"{date.fromordinal(day):%Y%m%d}" for day in np.unique(samples.day).tolist()}
    stops, trips = timetable.stops.ids, timetable.trips.ids
    return zip(
        samples.sampled_s.tolist(),
        (_quoted(slot_ids[slot]) for slot in samples.slot.tolist()),
        (_quoted(trips[trip]) for trip in samples.trip.tolist()),
        (dates[day] for day in samples.day.tolist()),
        (_quoted(stops[stop]) for stop in timetable.stop_times.stop_idx[samples.row].tolist()),
        timetable.stop_times.stop_sequence[samples.row].tolist(),
        samples.arrival_s.tolist(),
        samples.median_s.tolist(),
        samples.low_s.tolist(),
        samples.high_s.tolist(),
        strict=True,
    )


def _quoted(text: str) -> str:
    """Quote a field of a CSV file where it needs that."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
