"""A small town for tests of the API: its timetable, its moving buses, and ticks of both."""

import json
from datetime import UTC, datetime

from google.transit import gtfs_realtime_pb2 as pb

from sapar.contract.topics import tick_topic
from sapar.core.db import connect
from sapar.core.mqtt import MqttClient
from sapar.core.settings import Settings
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.tick import BODY_NAMES, Tick, encode_tick, make_body
from tests.gtfs.feeds import zip_files

LATITUDE, LONGITUDE = 50.28, 57.17
TRANSIT_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
_STREET_DEG = 0.012
_ROUTES = (
    ("1", "Вокзал – Базар", "C2410C"),
    ("2", "Әуежай – Орталық", "2563EB"),
    ("10", "Жаңақоныс – КХБК", "15803D"),
    ("105", "Шаңырақ – Саябақ", "9333EA"),
)
_STOPS = ("Әбілқайыр хан", "Ұлттық банк", "Өркен", "Қазына", "Ғылым", "Үміт", "Һарун", "Іңкәр")
_PHASES = {
    5: "layover",
    8: "detour",
    9: "detour",
    11: "off_route",
    14: "no_signal",
    17: "deadhead",
    20: "depot",
    22: "out_of_service",
}
"""By number of the bus; all others are on their trips."""


def town_zip(version: str = "town-1") -> bytes:
    """The timetable: four routes over a grid; route 105 has no shape, only its stops."""
    stops = ["stop_id,stop_name,stop_lat,stop_lon"]
    trips = ["trip_id,route_id,service_id,trip_headsign,direction_id,shape_id"]
    times = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time"]
    shapes = ["shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence"]
    routes = ["route_id,agency_id,route_short_name,route_long_name,route_type,route_color"]
    for number, (name, long_name, color) in enumerate(_ROUTES):
        route_id = f"R{name}"
        routes.append(f"{route_id},A,{name},{long_name},3,{color}")
        shape_id = "" if name == "105" else f"H{name}"
        trips.append(f"T{name},{route_id},DAILY,{long_name.split(' – ')[1]},0,{shape_id}")
        for index, stop_name in enumerate(_STOPS):
            latitude, longitude = place(number, index / (len(_STOPS) - 1))
            stops.append(f"S{name}-{index},{stop_name} {name},{latitude:.6f},{longitude:.6f}")
            times.append(
                f"T{name},S{name}-{index},{index},08:{index * 3:02}:00,08:{index * 3:02}:00"
            )
        for index in range(51 if shape_id else 0):
            latitude, longitude = place(number, index / 50)
            shapes.append(f"{shape_id},{latitude:.6f},{longitude:.6f},{index}")
    return zip_files(
        {
            "agency.txt": "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n"
            "A,Қала,https://example.org,Asia/Aqtobe,kk\n",
            "stops.txt": "\n".join(stops),
            "routes.txt": "\n".join(routes),
            "trips.txt": "\n".join(trips),
            "stop_times.txt": "\n".join(times),
            "shapes.txt": "\n".join(shapes),
            "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
            "start_date,end_date\nDAILY,1,1,1,1,1,1,1,20260101,20271231\n",
            "feed_info.txt": "feed_publisher_name,feed_publisher_url,feed_lang,feed_version\n"
            f"A,https://example.org,kk,{version}\n",
        }
    )


def place(route: int, part: float) -> tuple[float, float]:
    """Latitude and longitude on a route's line, `part` from 0 to 1: along a street, then across."""
    offset = (route - 1.5) * _STREET_DEG / 3
    if part < 0.6:
        return LATITUDE + offset, LONGITUDE + (part / 0.6 - 0.5) * 4 * _STREET_DEG
    return (
        LATITUDE + offset + (part - 0.6) * 4 * _STREET_DEG,
        LONGITUDE + 2 * _STREET_DEG,
    )


def import_town(conninfo: str, agency_id: str, version: str = "town-1") -> None:
    """Import the timetable and make it the active one."""
    with connect(conninfo, autocommit=True) as connection:
        import_feed(
            connection,
            check_feed(town_zip(version), agency_id),
            activate=True,
            now=datetime.fromtimestamp(TRANSIT_S, UTC),
            progress=lambda _: None,
        )


_NO_TRIP = {
    "reason": "no trip fits where it is and was",
    "reason_code": "no_fit",
    "reason_values": {},
}


def _on_trip(trip_id: str) -> dict[str, object]:
    values = {
        "by": "signed", "trip": trip_id, "off_m": 5, "fit": 0.97, "timing": "late", "minutes": 4,
    }  # fmt: skip
    return {
        "reason": f"signed on to trip {trip_id}: 5 m from its line, path fits 0.97, 4 min late",
        "reason_code": "on_line",
        "reason_values": values,
    }


def buses(time_s: float, count: int = 24, age_s: float = 3.0) -> list[dict[str, object]]:
    """Where all buses are at a moment; every class of punctuality and every phase occurs."""
    delays = (0, 30, 130, 420, 700, -90, -200, 0)
    found: list[dict[str, object]] = []
    for number in range(count):
        route = number % len(_ROUTES)
        part = (number / count + (time_s - TRANSIT_S) / 3000) % 1.0
        latitude, longitude = place(route, part)
        phase = _PHASES.get(number, "in_progress")
        name = _ROUTES[route][0]
        has_trip = phase in {"in_progress", "layover", "off_route", "detour"}
        found.append(
            {
                "id": f"{200 + number}",
                "label": f"{200 + number}",
                "lat": round(latitude, 6),
                "lon": round(longitude, 6),
                "bearing": (90.0 if part < 0.6 else 0.0) if number != 3 else None,
                "speed_mps": 8.0,
                "time_s": time_s - age_s,
                "phase": phase,
                "route_id": f"R{name}" if has_trip else None,
                "trip_id": f"T{name}" if has_trip else None,
                "headsign": _ROUTES[route][1].split(" – ")[1] if has_trip else None,
                "delay_s": delays[number % len(delays)] if has_trip else None,
                "confidence": 0.9 if has_trip else 0.0,
                "stale": phase == "no_signal",
                "next_stop_id": f"S{name}-{number % len(_STOPS)}" if has_trip else None,
                "next_stop_time_s": round(time_s) + 90 if phase == "in_progress" else None,
                **(_on_trip(f"T{name}") if has_trip else _NO_TRIP),
            }
        )
    return found


def make_tick(
    agency_id: str,
    term: int,
    tick: int,
    *,
    wall_s: float,
    time_s: float = TRANSIT_S,
    vehicles: list[dict[str, object]] | None = None,
    expected: int = 26,
    console: dict[str, object] | None = None,
) -> Tick:
    """A tick as an engine makes it, with real feeds in it."""
    listed = buses(time_s) if vehicles is None else vehicles
    fleet = {"time_s": time_s, "heard": len(listed), "expected": expected, "vehicles": listed}
    plain = {name: _feed(time_s, listed) for name in BODY_NAMES}
    plain["fleet"] = json.dumps(fleet, ensure_ascii=False).encode()
    plain["console"] = json.dumps(console or empty_console(time_s)).encode()
    bodies = {name: make_body(body) for name, body in plain.items()}
    return Tick(agency_id, term, tick, time_s, wall_s, "town-1", bodies)


def empty_console(time_s: float) -> dict[str, object]:
    """The console's body of a moment at which nothing is to be told."""
    return {"time_s": int(time_s), "buses": [], "ghosts": [], "alarms": [], "routes": []}


def _feed(time_s: float, listed: list[dict[str, object]]) -> bytes:
    message = pb.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.incrementality = pb.FeedHeader.FULL_DATASET
    message.header.timestamp = int(time_s)
    for vehicle in listed:
        entity = message.entity.add(id=str(vehicle["id"]))
        entity.vehicle.vehicle.id = str(vehicle["id"])
        entity.vehicle.position.latitude = float(str(vehicle["lat"]))
        entity.vehicle.position.longitude = float(str(vehicle["lon"]))
    return message.SerializeToString()


def client_of(settings: Settings, name: str) -> MqttClient:
    """A client on the broker's internal listener, as an engine has one."""
    return MqttClient(
        settings.broker_host,
        settings.broker_port,
        client_id=name,
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
    )


async def publish(client: MqttClient, tick: Tick) -> None:
    """Publish a tick as the leader does."""
    await client.publish(tick_topic(tick.agency_id), encode_tick(tick), qos=1, retain=True)


async def forget(client: MqttClient, agency_id: str) -> None:
    """Remove an agency's retained tick, so that later tests do not meet it."""
    await client.publish(tick_topic(agency_id), b"", qos=1, retain=True)
