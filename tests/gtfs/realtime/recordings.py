"""Plays a recording of real buses through the engine, in simulated time."""

import csv
import gzip
from pathlib import Path

import numpy as np

from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.tick import Tick
from sapar.gtfs.timetable import load_timetable


def read_recording(path: Path) -> FixColumns:
    """Read positions.csv.gz."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def numbers(name: str) -> np.ndarray:
        return np.array([float(row[name] or "nan") for row in rows])

    def texts(name: str) -> list[str | None]:
        return [row[name] or None for row in rows]

    return FixColumns(
        [row["vehicle_id"] for row in rows],
        numbers("timestamp"),
        numbers("latitude"),
        numbers("longitude"),
        numbers("speed_mps"),
        numbers("bearing"),
        texts("trip_id"),
        texts("route_id"),
        texts("block_id"),
    )


def play(folder: Path, hours: float, tick_s: float) -> tuple[list[Tick], list[float]]:
    """Give the ticks, and at each the share of the buses heard of that have an update."""
    fixes = read_recording(folder / "positions.csv.gz")
    engine = Engine(load_timetable(folder / "gtfs.zip", folder.name))
    start = float(fixes.time_s[0])
    ticks, shares, low = [], [], 0
    for number, now_s in enumerate(np.arange(start, start + hours * 3600, tick_s)):
        high = int(np.searchsorted(fixes.time_s, now_s, side="right"))
        engine.ingest(fixes.take(np.arange(low, high)), float(now_s))
        low = high
        ticks.append(engine.tick(float(now_s), float(now_s), 1, number + 1))
        seen = engine.snapshot
        assert seen is not None
        if seen.in_feed.any() and now_s - start > 300:
            shares.append(len(set(seen.updates.vehicle.tolist())) / int(seen.in_feed.sum()))
    return ticks, shares
