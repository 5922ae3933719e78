"""A town with a desk: six routes there and back, sixty buses, and the console's part of a tick.

What a dispatcher would look for is planted in it: bunched buses, gaps, runs without a bus, and an
alarm of every kind.
"""

import math
from datetime import UTC, datetime
from typing import Any

from sapar.core.db import connect
from sapar.gtfs.importer import check_feed, import_feed
from tests.api import town
from tests.gtfs.feeds import zip_files

Json = dict[str, Any]

STOPS = 22
SPACING_M = 450
HEADWAY_S = 480
BUSES = 5
"""In each direction of a route."""
ROUTES = (
    ("1", "Вокзал", "Базар", "C2410C"),
    ("2", "Әуежай", "Орталық", "2563EB"),
    ("14", "Батыс-2", "Ұлттық банк", "0F766E"),
    ("32", "Құрмыш", "Өркен", "B45309"),
    ("104А", "Жаңақоныс", "КХБК", "15803D"),
    ("105", "Шаңырақ", "Саябақ", "9333EA"),
)
_NAMES = (
    "Әбілқайыр хан", "Ұлттық банк", "Өркен", "Қазына", "Ғылым ордасы", "Үміт", "Һарун", "Іңкәр",
    "Орталық базар", "Бауыржан Момышұлы", "Мектеп № 21", "Облыстық аурухана", "Жастар", "Нұрдәулет",
    "Тәуелсіздік", "Саз мектебі", "Достық", "Көкжар", "Әлия", "Айналма", "Мұғалжар", "Сарайшық",
)  # fmt: skip
_METRE_DEG = 1 / 111_320


def place(route: int, part: float) -> tuple[float, float, float]:
    """Latitude, longitude and bearing on a route's street, `part` from 0 to 1: a gentle curve."""
    angle = math.radians(route * 30 + 15)
    length_m = (STOPS - 1) * SPACING_M
    along_m = (part - 0.5) * length_m
    across_m = 900 * math.sin(part * math.pi * 1.5 + route)
    east_m = along_m * math.cos(angle) - across_m * math.sin(angle)
    north_m = along_m * math.sin(angle) + across_m * math.cos(angle)
    latitude = town.LATITUDE + north_m * _METRE_DEG
    longitude = town.LONGITUDE + east_m * _METRE_DEG / math.cos(math.radians(town.LATITUDE))
    slope_m = 900 * 1.5 * math.pi * math.cos(part * math.pi * 1.5 + route)
    heading = math.degrees(angle + math.atan2(slope_m, length_m))
    return latitude, longitude, (90 - heading) % 360


def desk_zip() -> bytes:
    """The timetable."""
    stops = ["stop_id,stop_name,stop_lat,stop_lon"]
    routes = ["route_id,agency_id,route_short_name,route_long_name,route_type,route_color"]
    trips = ["trip_id,route_id,service_id,trip_headsign,direction_id,shape_id"]
    times = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time"]
    shapes = ["shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence"]
    for number, (name, start, end, color) in enumerate(ROUTES):
        routes.append(f"R{name},A,{name},{start} – {end},3,{color}")
        for direction, headsign in ((0, end), (1, start)):
            trips.append(
                f"T{name}-{direction},R{name},DAILY,{headsign},{direction},H{name}-{direction}"
            )
            for index in range(STOPS):
                latitude, longitude, _ = place(number, _part(direction, index / (STOPS - 1)))
                stop_name = _NAMES[(index if direction == 0 else STOPS - 1 - index) % len(_NAMES)]
                stop_id = stop(name, direction, index)
                stops.append(f"{stop_id},{stop_name},{latitude:.6f},{longitude:.6f}")
                minute = 8 * 60 + index * 2
                clock = f"{minute // 60:02}:{minute % 60:02}:00"
                times.append(f"T{name}-{direction},{stop_id},{index},{clock},{clock}")
            for index in range(80):
                latitude, longitude, _ = place(number, _part(direction, index / 79))
                shapes.append(f"H{name}-{direction},{latitude:.6f},{longitude:.6f},{index}")
    calendar = (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date"
    )
    return zip_files(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n"
            "A,Ақтөбе,https://example.org,Asia/Aqtobe,kk\n",
            "stops.txt": "\n".join(stops),
            "routes.txt": "\n".join(routes),
            "trips.txt": "\n".join(trips),
            "stop_times.txt": "\n".join(times),
            "shapes.txt": "\n".join(shapes),
            "calendar.txt": f"{calendar}\nDAILY,1,1,1,1,1,1,1,20260101,20271231",
        }
    )


def import_desk_town(conninfo: str, agency_id: str) -> None:
    """Import the timetable and make it the active one."""
    with connect(conninfo, autocommit=True) as connection:
        import_feed(
            connection,
            check_feed(desk_zip(), agency_id),
            activate=True,
            now=datetime.fromtimestamp(town.TRANSIT_S, UTC),
            progress=lambda _: None,
        )


def stop(name: str, direction: int, index: int) -> str:
    """The id of a stop of a route."""
    return f"S{name}-{direction}-{index}"


def _part(direction: int, part: float) -> float:
    return part if direction == 0 else 1 - part


# Behind the one before, as a share of the headway: together, far apart, as it should be.
_SPACES = ((1.0, 1.0, 1.0, 1.0), (0.3, 1.9, 1.0, 1.0), (1.4, 0.6, 1.1, 1.0), (1.0, 0.2, 2.2, 0.9))
_DELAYS = (0, 30, -95, 430, 700, 120, -200, 20, 55, 640)
_LEG_S = 120


def _runs(time_s: float) -> list[Json]:
    """Every bus with a run: where it is, and what is ahead of it."""
    found: list[Json] = []
    for number, (name, start, end, _) in enumerate(ROUTES):
        for direction, headsign in ((0, end), (1, start)):
            spaces = _SPACES[(number + direction) % len(_SPACES)]
            behind_s, ahead = 0.0, None
            for rank in range(BUSES):
                headway_s = None if rank == 0 else HEADWAY_S * spaces[rank - 1]
                behind_s += headway_s or 0
                at = (STOPS - 1.5) - behind_s / _LEG_S + ((time_s - town.TRANSIT_S) / _LEG_S) % 1
                if at < 0:
                    continue
                bus = f"{100 * (number + 1) + 10 * direction + rank}"
                found.append(
                    {
                        "bus": bus,
                        "number": number,
                        "name": name,
                        "headsign": headsign,
                        "direction": direction,
                        "at": min(at, STOPS - 1.01),
                        "ahead": ahead,
                        "headway_s": headway_s,
                        "delay_s": _DELAYS[len(found) % len(_DELAYS)],
                    }
                )
                ahead = bus
    return found


def vehicles(time_s: float, age_s: float = 3.0) -> list[Json]:
    """The fleet: all runs, two buses at the depot, one that is silent."""
    found = []
    for index, run in enumerate(_runs(time_s)):
        part = run["at"] / (STOPS - 1)
        latitude, longitude, bearing = place(run["number"], _part(run["direction"], part))
        phase = {7: "off_route", 19: "no_signal", 23: "layover"}.get(index, "in_progress")
        trip = f"T{run['name']}-{run['direction']}"
        found.append(
            {
                "id": run["bus"],
                "label": run["bus"],
                "lat": round(latitude, 6),
                "lon": round(longitude, 6),
                "bearing": (bearing + (180 if run["direction"] else 0)) % 360,
                "speed_mps": 8.0,
                "time_s": time_s - (400 if phase == "no_signal" else age_s if index % 9 else 40),
                "phase": phase,
                "route_id": f"R{run['name']}",
                "trip_id": trip,
                "headsign": run["headsign"],
                "delay_s": run["delay_s"],
                "confidence": 0.93,
                "stale": phase == "no_signal",
                "next_stop_id": stop(run["name"], run["direction"], int(run["at"]) + 1),
                "next_stop_time_s": round(time_s) + 70,
                "load_percent": (None, 10, 45, 60, 82, 96)[index % 6],
                "driver_id": f"D{1100 + index}",
                "depot": ("north", "south")[index % 2],
                "reason": f"signed on to trip {trip}",
                "reason_code": "on_line",
                "reason_values": {
                    "by": "signed",
                    "trip": trip,
                    "off_m": 5,
                    "fit": 0.97,
                    "timing": "late",
                    "minutes": 4,
                },
            }
        )
    return found


def console(time_s: float) -> Json:
    """The console's body of a moment."""
    return {
        "time_s": int(time_s),
        "buses": [_placed(run, time_s) for run in _runs(time_s)],
        "ghosts": _ghosts(time_s),
        "alarms": alarms(time_s),
        "routes": _routes(time_s),
    }


def _placed(run: Json, time_s: float) -> Json:
    index = int(run["at"])
    return {
        "id": run["bus"],
        "route_id": f"R{run['name']}",
        "direction": run["direction"],
        "trip_id": f"T{run['name']}-{run['direction']}",
        "block_id": f"B{run['bus']}",
        "start_s": int(time_s - run["at"] * _LEG_S),
        "prev_stop_id": stop(run["name"], run["direction"], index),
        "next_stop_id": stop(run["name"], run["direction"], index + 1),
        "share": round(run["at"] - index, 3),
        "plan_share": round(-run["delay_s"] / _LEG_S, 2),
        "ahead_id": run["ahead"],
        "headway_s": None if run["headway_s"] is None else round(run["headway_s"]),
        "plan_headway_s": HEADWAY_S,
        "hold_s": 120 if run["headway_s"] and run["headway_s"] < 0.4 * HEADWAY_S else None,
    }


def _ghosts(time_s: float) -> list[Json]:
    reasons = ("no_vehicle", "not_signed_on", "silent", "depot", "cancelled")
    return [
        {
            "trip_id": f"G{index}",
            "route_id": f"R{ROUTES[index][0]}",
            "direction": index % 2,
            "start_s": int(time_s) - 900,
            "block_id": f"B9{index}",
            "headsign": ROUTES[index][2 - index % 2],
            "reason": reason,
            "vehicle_id": f"9{index}1" if reason in {"silent", "depot"} else None,
            "prev_stop_id": stop(ROUTES[index][0], index % 2, 5 + index),
            "next_stop_id": stop(ROUTES[index][0], index % 2, 6 + index),
            "share": 0.4,
            "since_s": int(town.TRANSIT_S) - 60 * index,
        }
        for index, reason in enumerate(reasons)
    ]


ALARM_KINDS: tuple[tuple[str, int, Json], ...] = (
    ("panic", 1, {}),
    ("gap", 2, {"headway_s": 1140, "plan_headway_s": 480, "ahead": "201"}),
    ("off_route", 2, {"off_route_s": 140}),
    ("late", 3, {"late_s": 700}),
    ("no_vehicle", 2, {"reason": "depot", "start_s": int(town.TRANSIT_S) - 900}),
    ("bunched", 3, {"headway_s": 110, "plan_headway_s": 480, "ahead": "601"}),
    ("gps_off", 2, {"lost_s": 95}),
    ("silent", 2, {"silent_s": 400}),
    ("wrong_sign_on", 2, {"against_s": 80, "signed_route": "R2"}),
    ("not_signed_on", 3, {}),
    ("early", 3, {"early_s": 200}),
    ("speeding", 2, {"speed_kmh": 83}),
)


ALARMS_MORE: list[Json] = []
"""Alarms that a test adds."""


def alarms(_time_s: float) -> list[Json]:
    """One alarm of every kind, and what a test adds."""
    since_s = int(town.TRANSIT_S)
    return ALARMS_MORE + [
        {
            "key": f"{kind}:{index}",
            "kind": kind,
            "priority": priority,
            "since_s": since_s - 90 * index,
            "vehicle_id": None if kind == "no_vehicle" else f"{100 * (index % 6 + 1)}",
            "route_id": f"R{ROUTES[index % 6][0]}",
            "trip_id": f"T{ROUTES[index % 6][0]}-0",
            "stop_id": stop(ROUTES[index % 6][0], 0, index),
            "values": values,
        }
        for index, (kind, priority, values) in enumerate(ALARM_KINDS)
    ]


def _routes(time_s: float) -> list[Json]:
    runs = _runs(time_s)
    found = []
    for number, (name, *_) in enumerate(ROUTES):
        for direction in (0, 1):
            mine = [r for r in runs if r["name"] == name and r["direction"] == direction]
            spaces = [r["headway_s"] / HEADWAY_S for r in mine if r["headway_s"]]
            even = sum(0.5 <= space <= 1.5 for space in spaces)
            mean = sum(space**2 for space in spaces) / max(1e-9, sum(spaces)) * HEADWAY_S / 2
            held = [r for r in mine if r["headway_s"] and r["headway_s"] < 0.4 * HEADWAY_S]
            found.append(
                {
                    "route_id": f"R{name}",
                    "direction": direction,
                    "planned": BUSES + number % 2,
                    "running": len(mine),
                    "bunched": sum(space <= 0.5 for space in spaces),
                    "gaps": sum(space >= 1.75 for space in spaces),
                    "plan_headway_s": HEADWAY_S,
                    "regularity": round(even / max(1, len(spaces)), 2),
                    "excess_wait_s": round(mean - HEADWAY_S / 2),
                    "advice": [
                        {
                            "kind": "hold",
                            "vehicle_id": r["bus"],
                            "stop_id": stop(name, direction, int(r["at"]) + 1),
                            "seconds": 120,
                            "gain_s": 34.5,
                        }
                        for r in held
                    ],
                }
            )
    return found
