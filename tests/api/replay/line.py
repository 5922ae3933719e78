"""A line with some hours of stored past: who drove when, one run without a bus, two buses together."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.transit import gtfs_realtime_pb2 as pb

from sapar.core.db import Connection
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.timetable.model import service_day_start
from tests.gtfs.feeds import zip_files

ZONE = ZoneInfo("Asia/Aqtobe")
STOPS = (
    "Вокзал", "Әбілқайыр хан", "Орталық базар", "Қазақстан даңғылы", "Ұлттық банк", "Өркен",
    "Ғылым академиясы", "Саябақ", "Іңкәр", "Шаңырақ", "Жаңақоныс", "КХБК",
)  # fmt: skip
HEADWAY_S, LEG_S, FIX_S = 480, 150, 10
ALONE = 11
"""The run there that no bus drives."""
SLOW = 14
"""The run there that falls behind until the next one is at its bumper."""


@dataclass(frozen=True)
class Line:
    """The line around a moment.

    Attributes:
        now_s: the present, Unix seconds; first_s: the first departure.
        day: the service date of all runs; day_start_s: Unix time that it counts from.
    """

    now_s: float
    first_s: int
    day: date
    day_start_s: float

    @classmethod
    def around(cls, now_s: float) -> "Line":
        """Runs from three hours before now to two hours after it."""
        begin = now_s - 3 * 3600
        day = datetime.fromtimestamp(begin, ZONE).date()
        start = service_day_start(day, ZONE)
        first = int((begin - start) // 60 * 60)
        return cls(now_s, first, day, start)

    def runs(self) -> list[tuple[str, int, int]]:
        """(trip, direction, start in seconds of the service day)."""
        return [
            (f"{'there' if way == 0 else 'back'}-{n}", way, self.first_s + n * HEADWAY_S)
            for way in (0, 1)
            for n in range(37)
        ]

    def vehicle(self, way: int, number: int) -> str:
        return f"{(200 if way == 0 else 300) + number}"

    def delay_s(self, way: int, number: int, call: int) -> float:
        if way == 0 and number == SLOW:
            return 40.0 * call
        return 30.0 * ((number * 7 + call) % 5) - (150 if number % 9 == 4 else 0)

    def at_stop(self, way: int, number: int, call: int) -> float:
        """Unix time of a bus at a stop."""
        planned = self.first_s + number * HEADWAY_S + call * LEG_S
        return self.day_start_s + planned + self.delay_s(way, number, call)

    def driven(self) -> list[tuple[str, int, int]]:
        """Runs that a bus has begun by now: (trip, direction, number)."""
        return [
            (trip, way, int(trip.split("-")[1]))
            for trip, way, _ in self.runs()
            if not (way == 0 and int(trip.split("-")[1]) == ALONE)
            and self.at_stop(way, int(trip.split("-")[1]), 0) <= self.now_s
        ]

    def place_at(self, way: int, number: int, at_s: float) -> tuple[int, float] | None:
        """(stop behind, share of the way to the next one) at a moment, None off the run."""
        for call in range(len(STOPS) - 1):
            begin, end = self.at_stop(way, number, call), self.at_stop(way, number, call + 1)
            if begin <= at_s < end:
                return call, (at_s - begin) / (end - begin)
        return None

    def position(self, way: int, number: int, at_s: float) -> tuple[float, float] | None:
        found = self.place_at(way, number, at_s)
        if found is None:
            return None
        along = found[0] + found[1]
        along = along if way == 0 else len(STOPS) - 1 - along
        return 50.26 + 0.004 * along, 57.12 + 0.007 * along

    def feed(self) -> bytes:
        """The timetable."""
        times = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time"]
        trips = ["trip_id,route_id,service_id,trip_headsign,direction_id,block_id"]
        for trip, way, start in self.runs():
            sign = STOPS[-1] if way == 0 else STOPS[0]
            trips.append(f"{trip},R105,D,{sign},{way},B{way}{trip.split('-')[1]}")
            for call in range(len(STOPS)):
                stop = call if way == 0 else len(STOPS) - 1 - call
                at = start + call * LEG_S
                clock = f"{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}"
                times.append(f"{trip},S{stop},{call},{clock},{clock}")
        stops = "".join(
            f"S{n},{name},{50.26 + 0.004 * n},{57.12 + 0.007 * n}\n" for n, name in enumerate(STOPS)
        )
        return zip_files(
            {
                "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n"
                "A,Қала,https://example.org,Asia/Aqtobe,kk\n",
                "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n" + stops,
                "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,"
                "route_color\nR105,A,105,Вокзал – КХБК,3,2563EB\n",
                "trips.txt": "\n".join(trips),
                "stop_times.txt": "\n".join(times),
                "calendar_dates.txt": "service_id,date,exception_type\n"
                f"D,{self.day:%Y%m%d},1\nD,{self.day + timedelta(days=1):%Y%m%d},1\n",
            }
        )

    def store(self, connection: Connection, agency: str) -> None:
        """Import the timetable and store what buses drove until now."""
        import_feed(
            connection,
            check_feed(self.feed(), agency),
            activate=True,
            now=moment(self.now_s - 86_400),
            progress=lambda _: None,
        )
        fixes, visits = [], []
        for trip, way, number in self.driven():
            vehicle = self.vehicle(way, number)
            row = connection.execute(
                "INSERT INTO device (agency_id, device_id, password_hash) VALUES (%s, %s, 'x')"
                " RETURNING device_no",
                (agency, f"d{vehicle}"),
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO mounting VALUES (%s, %s, '[2020-01-01,)')", (row[0], vehicle)
            )
            fixes += self._fixes(row[0], way, number)
            visits += self._visits(agency, trip, way, number)
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO fix (device_no, time, epoch, seq, digest, latitude, longitude,"
                " speed_mps, bearing_deg, received_at) VALUES (%s, %s, 1, %s, 0, %s, %s, 8, %s, %s)",
                fixes,
            )
            cursor.executemany(
                "INSERT INTO stop_visit VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'R105', %s, %s,"
                " %s, %s, %s)",
                visits,
            )

    def _fixes(self, device_no: int, way: int, number: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        at_s = self.at_stop(way, number, 0)
        end_s = min(self.at_stop(way, number, len(STOPS) - 1), self.now_s)
        while at_s < end_s:
            place = self.position(way, number, at_s)
            assert place is not None
            bearing = 45.0 if way == 0 else 225.0
            found.append((device_no, moment(at_s), len(found), *place, bearing, moment(at_s + 1.0)))
            at_s += FIX_S
        return found

    def _visits(self, agency: str, trip: str, way: int, number: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        start = self.first_s + number * HEADWAY_S
        for call in range(len(STOPS)):
            at_s = self.at_stop(way, number, call)
            # one bus was silent for a while: what is not known is a hole
            if at_s > self.now_s or (way == 0 and number == 8 and call in {4, 5}):
                continue
            stop = call if way == 0 else len(STOPS) - 1 - call
            planned = moment(self.day_start_s + start + call * LEG_S)
            found.append(
                (
                    agency, self.day, trip, start, call, self.vehicle(way, number), call,
                    f"S{stop}", moment(at_s), moment(at_s), planned, planned, True,
                )
            )  # fmt: skip
        return found

    def fleet(self, at_s: float) -> list[dict[str, Any]]:
        """Vehicles of a tick."""
        found: list[dict[str, Any]] = []
        for trip, way, number in self.driven():
            place = self.position(way, number, at_s)
            stop = self.place_at(way, number, at_s)
            if place is None or stop is None:
                continue
            ahead = stop[0] + 1 if way == 0 else len(STOPS) - 2 - stop[0]
            found.append(
                {
                    "id": self.vehicle(way, number), "label": self.vehicle(way, number),
                    "lat": round(place[0], 6), "lon": round(place[1], 6),
                    "bearing": 45.0 if way == 0 else 225.0, "speed_mps": 8.0, "time_s": at_s - 2,
                    "phase": "in_progress", "route_id": "R105", "trip_id": trip,
                    "headsign": STOPS[-1] if way == 0 else STOPS[0],
                    "delay_s": self.delay_s(way, number, stop[0]), "confidence": 0.9,
                    "stale": False, "next_stop_id": f"S{ahead}",
                    "next_stop_time_s": round(at_s) + 60, "reason": "no trip fits",
                    "reason_code": "no_fit", "reason_values": {},
                }
            )  # fmt: skip
        return found

    def console(self, at_s: float) -> dict[str, Any]:
        """The console's body of a tick."""
        buses = []
        for trip, way, number in self.driven():
            place = self.place_at(way, number, at_s)
            if place is None:
                continue
            before, share = place
            stops = (
                (before, before + 1)
                if way == 0
                else (len(STOPS) - 1 - before, len(STOPS) - 2 - before)
            )
            buses.append(
                {
                    "id": self.vehicle(way, number), "route_id": "R105", "direction": way,
                    "trip_id": trip, "block_id": f"B{way}{number}",
                    "start_s": int(self.day_start_s) + self.first_s + number * HEADWAY_S,
                    "prev_stop_id": f"S{stops[0]}", "next_stop_id": f"S{stops[1]}",
                    "share": round(share, 3), "plan_share": 0.0, "ahead_id": None,
                    "headway_s": None, "plan_headway_s": HEADWAY_S, "hold_s": None,
                }
            )  # fmt: skip
        return {"time_s": int(at_s), "buses": buses, "ghosts": [], "alarms": [], "routes": []}

    def trip_updates(self, at_s: float) -> bytes:
        """What a tick expects of the buses under way."""
        message = pb.FeedMessage()
        message.header.gtfs_realtime_version = "2.0"
        message.header.timestamp = int(at_s)
        for trip, way, number in self.driven():
            place = self.place_at(way, number, at_s)
            if place is None:
                continue
            update = message.entity.add(id=trip).trip_update
            start_s = self.first_s + number * HEADWAY_S
            update.trip.trip_id = trip
            update.trip.start_date = f"{self.day:%Y%m%d}"
            update.trip.start_time = (
                f"{start_s // 3600:02}:{start_s // 60 % 60:02}:{start_s % 60:02}"
            )
            update.vehicle.id = self.vehicle(way, number)
            for call in range(place[0] + 1, len(STOPS)):
                stop = call if way == 0 else len(STOPS) - 1 - call
                at = update.stop_time_update.add(stop_sequence=call, stop_id=f"S{stop}")
                at.arrival.time = at.departure.time = int(self.at_stop(way, number, call))
        return message.SerializeToString()


def moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
