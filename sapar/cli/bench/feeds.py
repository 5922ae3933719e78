"""`sapar bench feeds`: what a tick's encoding costs for a fleet, beside one object a vehicle."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.days import Days
from sapar.gtfs.realtime.encode import Encoder
from sapar.gtfs.realtime.ragged import expand
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.realtime.updates import Updates
from sapar.gtfs.realtime.why import reason
from sapar.gtfs.timetable import Timetable, load_timetable

_NOW_S = 1_760_000_000


def run_feeds(gtfs: Path, vehicles: int, rounds: int) -> dict[str, Any]:
    """Encode a picture of a whole fleet again and again; milliseconds, the median of the rounds."""
    timetable = load_timetable(gtfs, "bench")
    seen = invent_picture(timetable, vehicles)
    encoder = Encoder(timetable, Days(timetable))
    report: dict[str, Any] = {"vehicles": vehicles, "stops_ahead": len(seen.updates.row)}
    for name, encode in (
        ("vehicle_positions", lambda: encoder.vehicle_positions(seen)),
        ("trip_updates", lambda: encoder.trip_updates(seen)),
        ("fleet", lambda: encoder.fleet(seen)),
        ("one_object_a_vehicle", lambda: _objects(encoder, seen)),
    ):
        report[f"{name}_ms"], report[f"{name}_bytes"] = _timed(encode, rounds)
    return report


def invent_picture(timetable: Timetable, vehicles: int) -> Picture:
    """Invent a moment at which so many buses are under way, each somewhere in a trip of its own."""
    random = np.random.default_rng(1)
    trips = random.choice(len(timetable.trips.ids), vehicles, replace=False).astype(np.int32)
    begin, end = timetable.trips.st_begin[trips], timetable.trips.st_begin[trips + 1]
    stop_row = begin + (random.random(vehicles) * (end - begin) / 2).astype(np.int64)
    row, run, first = expand(stop_row, end)
    arrival = _NOW_S + 60 * (row - stop_row[run]) + 30
    day = np.full(vehicles, 739_500, np.int32)
    start = Days(timetable).template_start_s[trips].astype(np.int32)
    keys = list(zip(trips.tolist(), day.tolist(), start.tolist(), strict=True))
    stop = timetable.stop_times.stop_idx[stop_row]
    median, yes = arrival.astype(np.float64), np.ones(vehicles, np.bool_)
    return Picture(
        _NOW_S,
        np.arange(vehicles),
        [f"bus-{number:04d}" for number in range(vehicles)],
        [
            reason("waits", by="signed", trip=timetable.trips.ids[trip], off_m=5)
            for trip in trips.tolist()
        ],
        _NOW_S - 10 * random.random(vehicles),
        timetable.stops.latitude[stop],
        timetable.stops.longitude[stop],
        15 * random.random(vehicles),
        np.where(random.random(vehicles) < 0.3, np.nan, 359 * random.random(vehicles)),
        np.zeros(vehicles, np.int8),
        trips,
        day,
        start,
        random.normal(60.0, 100.0, vehicles),
        random.random(vehicles),
        yes,
        yes,
        stop_row,
        400 * random.random(vehicles),
        Updates(
            np.arange(vehicles),
            keys,
            first,
            row,
            arrival,
            arrival + 10,
            median,
            median - 60,
            median + 60,
            median,
            np.zeros(len(row), np.bool_),
        ),
        vehicles,
        vehicles,
    )


def _timed(encode: Callable[[], bytes], rounds: int) -> tuple[float, int]:
    size, took = len(encode()), []
    for _ in range(rounds):
        started = time.perf_counter()
        encode()
        took.append(time.perf_counter() - started)
    return round(1e3 * float(np.median(took)), 2), size


def _objects(encoder: Encoder, seen: Picture) -> bytes:
    """Encode positions alone with one object a vehicle: what the feed is compared with."""
    message = pb.FeedMessage(header=encoder.header(seen.header_s))
    columns = zip(
        seen.vehicle_ids,
        seen.latitude.tolist(),
        seen.longitude.tolist(),
        seen.time_s.tolist(),
        strict=True,
    )
    for vehicle_id, latitude, longitude, time_s in columns:
        shown = message.entity.add(id=vehicle_id).vehicle
        shown.vehicle.id = shown.vehicle.label = vehicle_id
        shown.position.latitude, shown.position.longitude = latitude, longitude
        shown.timestamp = int(time_s)
    return message.SerializeToString(deterministic=True)
