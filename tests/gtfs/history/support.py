"""A day in the town of the engine's tests: buses drive it, and their fixes go into the database."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from sapar.core.db import connect
from sapar.gtfs.history.evidence import Trace
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.town import DAY, Bus, Leg, day_start, join, town_zip

AGENCY = "town"


def block_legs(timetable: Timetable, block: str, from_s: int, until_s: int, late_s: float = 30.0):
    """The trips of a block that start between two times of the day, each late by the same."""
    trips = timetable.trips
    chosen = [
        int(trip)
        for trip in timetable.block_trips(timetable.blocks.index[block])
        if from_s <= trips.first_s[trip] < until_s
    ]
    start = day_start(timetable)
    return [
        Leg(trips.ids[trip], start + float(trips.first_s[trip]) + late_s, None, None, block)
        for trip in chosen
    ]


def drive(bus: Bus, from_s: float, until_s: float, step_s: float = 10.0) -> FixColumns:
    """Fixes of a bus between two times of the town's day."""
    start = day_start(bus.timetable)
    return join([bus.fix(float(t)) for t in np.arange(start + from_s, start + until_s, step_s)])


def trace_of(fixes: FixColumns, vehicle_id: str) -> Trace:
    rows = [n for n, vehicle in enumerate(fixes.vehicle_ids) if vehicle == vehicle_id]
    return Trace(fixes.time_s[rows], fixes.latitude[rows], fixes.longitude[rows])


def prepare(conninfo: str, vehicles: Sequence[str], now: datetime | None = None) -> None:
    """Import the town's timetable and register a device for each vehicle."""
    at = now or datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    with connect(conninfo, autocommit=True) as connection:
        checked = check_feed(town_zip(), AGENCY)
        import_feed(connection, checked, activate=True, now=at, progress=lambda _: None)
        for vehicle in vehicles:
            connection.execute(
                "WITH d AS (INSERT INTO device (agency_id, device_id, password_hash)"
                " VALUES (%s, %s, 'x') RETURNING device_no)"
                " INSERT INTO mounting SELECT device_no, %s, tstzrange('2020-01-01', NULL) FROM d",
                (AGENCY, vehicle.replace(" ", "-"), vehicle),
            )


def store(conninfo: str, fixes: FixColumns, received_at: datetime | None = None) -> None:
    """Put fixes into the database as ingest does: repeats are left out."""
    with connect(conninfo, autocommit=True) as connection, connection.cursor() as cursor:
        numbers = dict(
            connection.execute(
                "SELECT vehicle_id, device_no FROM mounting JOIN device USING (device_no)"
            ).fetchall()
        )
        cursor.executemany(
            "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude, trip_id,"
            " block_id, received_at) VALUES (%s, %s, 1, %s, 1, %s, %s, %s, %s,"
            " coalesce(%s, now())) ON CONFLICT DO NOTHING",
            [
                (
                    numbers[fixes.vehicle_ids[n]],
                    datetime.fromtimestamp(float(fixes.time_s[n]), UTC),
                    int(fixes.time_s[n]),
                    float(fixes.latitude[n]),
                    float(fixes.longitude[n]),
                    fixes.trip_ids[n],
                    fixes.block_ids[n],
                    received_at,
                )
                for n in range(len(fixes))
            ],
        )
