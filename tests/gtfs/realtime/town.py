"""A town small enough to reason about, with every kind of service, and buses that drive in it.

Routes: `A` there and back with shapes and blocks, past midnight; `O` a loop that serves its first
stop twice; `F` headway service without exact times; `X` with exact times; `N` without shape and
direction. All run every day. Buses follow the timetable with a delay of their own and some noise.
"""

import io
import itertools
import zipfile
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.timetable import Timetable, load_timetable
from sapar.gtfs.timetable.model import Pattern

LATITUDE, LONGITUDE = 50.28, 57.2
METRES_LAT = 111_195.0
METRES_LON = METRES_LAT * np.cos(np.radians(LATITUDE))
DAY = date(2026, 3, 10)

_SPEED_MPS = 6.0


def clock_text(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def line(points_m: list[tuple[float, float]], step_m: float = 100.0) -> list[tuple[float, float]]:
    """A line through corners as points of at most `step_m`, in metres east and north."""
    out = [points_m[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(points_m):
        count = max(1, int(np.hypot(x1 - x0, y1 - y0) // step_m))
        out += [
            (x0 + (x1 - x0) * n / count, y0 + (y1 - y0) * n / count) for n in range(1, count + 1)
        ]
    return out


def degrees(x: float, y: float) -> tuple[float, float]:
    return LATITUDE + y / METRES_LAT, LONGITUDE + x / METRES_LON


@dataclass
class _Tables:
    stops: list[str] = field(default_factory=list)
    trips: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    frequencies: list[str] = field(default_factory=list)

    def add_shape(self, shape_id: str, points: list[tuple[float, float]]) -> None:
        for number, (x, y) in enumerate(points):
            lat, lon = degrees(x, y)
            self.shapes.append(f"{shape_id},{lat:.6f},{lon:.6f},{number}")

    def add_stops(self, name: str, places: list[tuple[float, float]]) -> list[str]:
        ids = []
        for number, (x, y) in enumerate(places):
            lat, lon = degrees(x, y)
            ids.append(f"{name}{number}")
            self.stops.append(f"{name}{number},Stop {name}{number},{lat:.6f},{lon:.6f}")
        return ids

    def add_trip(
        self,
        trip_id: str,
        route: str,
        shape: str,
        direction: str,
        block: str,
        stops: list[str],
        gaps_s: list[int],
        start_s: int,
    ) -> None:
        self.trips.append(f"{route},daily,{trip_id},To {stops[-1]},{direction},{block},{shape}")
        at = start_s
        for number, stop in enumerate(stops):
            at += gaps_s[number - 1] if number else 0
            text = clock_text(at)
            self.times.append(f"{trip_id},{text},{text},{stop},{number + 1}")


def town_zip(version: str = "v1", timezone: str = "Asia/Aqtobe") -> bytes:
    """The town's GTFS."""
    t = _Tables()
    corners = [(0.0, 0.0), (2000.0, 0.0), (2000.0, 1500.0), (4000.0, 1500.0)]
    places = [
        (0.0, 5.0),
        (700.0, 5.0),
        (1400.0, 5.0),
        (1995.0, 400.0),
        (1995.0, 1100.0),
        (2600.0, 1505.0),
        (3300.0, 1505.0),
        (3995.0, 1505.0),
    ]
    t.add_shape("A-out", line(corners))
    t.add_shape("A-back", line(corners[::-1]))
    out = t.add_stops("a", places)
    gaps = [120, 120, 180, 120, 180, 0, 120]  # two stops in the same minute
    for number, start in enumerate(range(5 * 3600, 26 * 3600, 1200)):
        block = f"A{number % 2}"
        t.add_trip(f"A-out-{number}", "A", "A-out", "0", block, out, gaps, start)
        t.add_trip(
            f"A-back-{number}", "A", "A-back", "1", block, out[::-1], gaps[::-1], start + 1200
        )
    ring = [(500 * np.sin(a) + 1000, -600 + 500 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 40)]
    t.add_shape("O", ring)
    o = t.add_stops("o", [ring[0], ring[8], ring[16], ring[24], ring[32]])
    for number, start in enumerate(range(6 * 3600, 24 * 3600, 900)):
        t.add_trip(f"O-{number}", "O", "O", "0", "O1", [*o, o[0]], [120] * 5, start)
    for route, y, exact, headway in (("F", 3000.0, 0, 600), ("X", 4000.0, 1, 720)):
        corners = [(0.0, y), (3000.0, y + 300.0)]
        t.add_shape(f"{route}-s", line(corners))
        stops = t.add_stops(route.lower(), line(corners, 600.0))
        t.add_trip(f"{route}-trip", route, f"{route}-s", "0", "", stops, [110] * 5, 6 * 3600)
        t.frequencies.append(f"{route}-trip,06:00:00,25:00:00,{headway},{exact}")
    n = t.add_stops("n", [(float(x), -2000.0 + 60 * (x // 500 % 2)) for x in range(0, 4001, 500)])
    for number, start in enumerate(range(6 * 3600, 24 * 3600, 1800)):
        t.add_trip(f"N-{number}", "N", "", "", "", n, [90] * 8, start)
    return _zipped(t, version, timezone)


def _zipped(t: _Tables, version: str, timezone: str) -> bytes:
    files = {
        "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n"
        f"1,Town,https://example.com,{timezone},kk\n",
        "routes.txt": "route_id,agency_id,route_short_name,route_type\n"
        + "".join(f"{r},1,{r},3\n" for r in "AOFXN"),
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
        "start_date,end_date\ndaily,1,1,1,1,1,1,1,20240101,20261231\n",
        "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n" + "\n".join(t.stops) + "\n",
        "trips.txt": "route_id,service_id,trip_id,trip_headsign,direction_id,block_id,shape_id\n"
        + "\n".join(t.trips)
        + "\n",
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "\n".join(t.times)
        + "\n",
        "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        + "\n".join(t.shapes)
        + "\n",
        "frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\n"
        + "\n".join(t.frequencies)
        + "\n",
        "feed_info.txt": "feed_publisher_name,feed_publisher_url,feed_lang,feed_version\n"
        f"Town,https://example.com,kk,{version}\n",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()


def town(timezone: str = "Asia/Aqtobe") -> Timetable:
    return load_timetable(town_zip(timezone=timezone), "town")


@dataclass(frozen=True)
class Leg:
    """One trip that a bus drives, from `start_s` (Unix) with the trip's own gaps."""

    trip_id: str
    start_s: float
    sign_trip: str | None = None
    sign_route: str | None = None
    sign_block: str | None = None


class Bus:
    """Drives legs one after another; between them it stands at the next leg's first stop.

    `detoured` are the patterns that it drives by another way, by their number.
    """

    def __init__(
        self,
        timetable: Timetable,
        vehicle_id: str,
        legs: list[Leg],
        noise_m: float = 8.0,
        seed: int = 1,
        detoured: dict[int, Pattern] | None = None,
    ) -> None:
        self.timetable = timetable
        self.detoured = detoured or {}
        self.vehicle_id = vehicle_id
        self.legs = legs
        self.noise_m = noise_m
        self.random = np.random.default_rng(seed)

    def at(self, time_s: float) -> tuple[Leg, float, float]:
        """The leg, latitude and longitude at a time, without noise."""
        leg = next(
            (leg for leg in self.legs if time_s < leg.start_s + self.length_s(leg)), self.legs[-1]
        )
        trip = self.timetable.trips.index[leg.trip_id]
        pattern = self.timetable.trip_pattern(trip)
        pattern = self.detoured.get(pattern.pattern_id, pattern)
        arrivals, _ = self.timetable.trip_times(trip)
        since = arrivals - arrivals[0]
        # equal times at two stops: the bus takes a second
        since = np.maximum.accumulate(since + np.arange(len(since)) * 1e-3)
        along = np.interp(time_s - leg.start_s, since, pattern.stop_m)
        lat = np.interp(along, pattern.polyline_m, pattern.polyline_lat)
        lon = np.interp(along, pattern.polyline_m, pattern.polyline_lon)
        return leg, float(lat), float(lon)

    def length_s(self, leg: Leg) -> float:
        trip = self.timetable.trips.index[leg.trip_id]
        return float(self.timetable.trips.last_s[trip] - self.timetable.trips.first_s[trip])

    def fix(self, time_s: float) -> FixColumns:
        leg, lat, lon = self.at(time_s)
        east, north = self.random.normal(0.0, self.noise_m, 2)
        nan = np.array([np.nan])
        return FixColumns(
            [self.vehicle_id],
            np.array([time_s]),
            np.array([lat + north / METRES_LAT]),
            np.array([lon + east / METRES_LON]),
            nan,
            nan,
            [leg.sign_trip],
            [leg.sign_route],
            [leg.sign_block],
        )


def join(parts: list[FixColumns]) -> FixColumns:
    """Put fixes together."""

    def numbers(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    def texts(name: str) -> list[str | None]:
        return [value for part in parts for value in getattr(part, name)]

    return FixColumns(
        [vehicle for part in parts for vehicle in part.vehicle_ids],
        numbers("time_s"),
        numbers("latitude"),
        numbers("longitude"),
        numbers("speed_mps"),
        numbers("bearing_deg"),
        texts("trip_ids"),
        texts("route_ids"),
        texts("block_ids"),
    )


def day_start(timetable: Timetable, day: date = DAY) -> float:
    return timetable.service_day_start(day)
