"""A small network for simulator tests: blocks, a route without blocks, headways, a loop, midnight."""

import math
from datetime import date
from functools import cache

from sapar.gtfs.timetable import Timetable, load_timetable
from tests.gtfs.feeds import zip_files

DAY = date(2026, 3, 10)  # a Tuesday
_LAT, _LON = 50.28, 57.17
_STOPS = 9


def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _line(route: int) -> list[tuple[float, float]]:
    """A bent line of about 4 km, each route turned another way; route 3 closes a loop."""
    points = []
    for n in range(4 * (_STOPS - 1) + 1):
        part = n / (4 * (_STOPS - 1))
        if route == 3:
            north, east = (
                math.sin(2 * math.pi * part) * 700,
                (1 - math.cos(2 * math.pi * part)) * 700,
            )
        else:
            angle = route * 0.9
            x, y = part * 4000, 150 * math.sin(part * 9)
            north, east = (
                x * math.sin(angle) + y * math.cos(angle),
                x * math.cos(angle) - y * math.sin(angle),
            )
        points.append((_LAT + north / 111_195, _LON + east / 71_060))
    return points


def network_zip() -> bytes:
    """Routes 0 (blocks, until 25:30), 1 (no blocks), 2 (headway), 3 (loop in blocks)."""
    stops: list[str] = []
    shapes: list[str] = []
    trips: list[str] = []
    times: list[str] = []
    headways: list[str] = []
    for route in range(4):
        line = _line(route)
        for direction in range(1 if route == 3 else 2):
            points = line if direction == 0 else line[::-1]
            shapes += [
                f"H{route}{direction},{lat:.6f},{lon:.6f},{n}"
                for n, (lat, lon) in enumerate(points)
            ]
            stops += [
                f"S{route}{direction}{n},Stop {n},{points[4 * n][0]:.6f},{points[4 * n][1]:.6f}"
                for n in range(_STOPS)
            ]

    def add(trip: str, route: int, direction: int, start: int, block: str) -> None:
        trips.append(f"{trip},R{route},DAILY,{direction},{block},H{route}{direction}")
        times.extend(
            f"{trip},S{route}{direction}{n},{n + 1},{_clock(start + 75 * n)},{_clock(start + 75 * n)}"
            for n in range(_STOPS)
        )

    for route, blocks in ((0, 4), (1, 0), (3, 2)):
        for number in range(60 if route == 0 else 40):
            start = 6 * 3600 + number * 1200
            for side in range(max(blocks, 2)):
                direction = (number + side) % (1 if route == 3 else 2)
                block = f"B{route}-{side}" if blocks else ""
                add(f"T{route}-{number}-{side}", route, direction, start + 300 * side, block)
    for direction in range(2):
        add(f"F{direction}", 2, direction, 0, "")
        headways.append(f"F{direction},{_clock(6 * 3600)},{_clock(23 * 3600)},600,0")
    return zip_files(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n"
            "A,Avtobus,https://example.org,Asia/Aqtobe\n",
            "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n" + "\n".join(stops) + "\n",
            "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type\n"
            + "".join(f"R{n},A,{n},Route {n},3\n" for n in range(4)),
            "trips.txt": "trip_id,route_id,service_id,direction_id,block_id,shape_id\n"
            + "\n".join(trips)
            + "\n",
            "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
            + "\n".join(times)
            + "\n",
            "frequencies.txt": "trip_id,start_time,end_time,headway_secs,exact_times\n"
            + "\n".join(headways)
            + "\n",
            "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
            "start_date,end_date\nDAILY,1,1,1,1,1,1,1,20260101,20261231\n",
            "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
            + "\n".join(shapes)
            + "\n",
        }
    )


@cache
def network() -> Timetable:
    """The network, loaded once."""
    return load_timetable(network_zip(), "city")


def at(hour: float) -> float:
    """Unix seconds of an hour of the service day."""
    return network().service_day_start(DAY) + hour * 3600
