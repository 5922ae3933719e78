"""A small network for tests of arrivals: every way to run a trip, and feeds made by hand."""

import json
from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from google.transit import gtfs_realtime_pb2 as pb

from sapar.gtfs.realtime.tick import Tick, make_body
from sapar.gtfs.timetable import service_day_start
from tests.gtfs.feeds import zip_files

ZONE = "Asia/Aqtobe"
DAY = date(2026, 11, 18)  # a Wednesday

_AGENCY = "agency_id,agency_name,agency_url,agency_timezone,agency_lang,agency_phone\n"
_STOPS = """stop_id,stop_code,stop_name,stop_lat,stop_lon,wheelchair_boarding,location_type,parent_station
A,11,Вокзал,50.2800,57.1500,1,,
B,12,Әбілқайыр хан,50.2800,57.1600,,,HUB
C,13,Базар,50.2800,57.1700,2,,
D,14,Саябақ,50.2900,57.1700,,,
HUB,,Орталық,50.2801,57.1601,1,1,
LONE,15,Ескі аялдама,50.3000,57.2000,,,
"""
_ROUTES = """route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color,route_desc
R1,K,1,Вокзал – Базар,3,C2410C,FFFFFF,through the centre
R2,K,2,Вокзал – Саябақ,3,2563EB,FFFFFF,
N,K,Т1,Түнгі,3,15803D,FFFFFF,
H,K,30,Айналма,3,,,
"""
_TRIPS = """trip_id,route_id,service_id,trip_headsign,direction_id,shape_id,block_id,wheelchair_accessible
m1,R1,DAILY,Базар,0,line,b1,1
m2,R1,DAILY,Базар,0,line,b1,
m3,R1,WORK,Базар,0,line,,
s1,R2,DAILY,Саябақ,0,,,
n1,N,DAILY,Саябақ,0,,,
h1,H,DAILY,Айналма,0,,,
x1,H,DAILY,Экспресс,1,,,
"""
_SHAPES = """shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence
line,50.2800,57.1500,1
line,50.2800,57.1600,2
line,50.2800,57.1700,3
"""
_FREQUENCIES = """trip_id,start_time,end_time,headway_secs,exact_times
h1,10:00:00,12:00:00,600,0
x1,10:00:00,11:00:00,1200,1
"""
_CALENDAR = """service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
DAILY,1,1,1,1,1,1,1,20240101,20271231
WORK,1,1,1,1,1,0,0,20240101,20271231
"""
_CALENDAR_DATES = "service_id,date,exception_type\nWORK,20261118,2\nWORK,20261122,1\n"


def _times() -> str:
    lines = ["trip_id,stop_id,stop_sequence,arrival_time,departure_time,pickup_type"]
    for trip, start, stops in (
        ("m1", 10 * 60, "ABC"),
        ("m2", 10 * 60 + 30, "ABC"),
        ("m3", 10 * 60 + 45, "ABC"),
        ("s1", 10 * 60 + 5, "ABD"),
        ("n1", 23 * 60 + 50, "ABD"),
        ("h1", 0, "BCDB"),
        ("x1", 0, "AD"),
    ):
        for number, stop in enumerate(stops):
            minute = start + 10 * number
            arrive = f"{minute // 60:02}:{minute % 60:02}:00"
            leave = (
                f"{minute // 60:02}:{minute % 60:02}:{30 if 0 < number < len(stops) - 1 else 0:02}"
            )
            lines.append(f"{trip},{stop},{5 * number + 1},{arrive},{leave},{int(trip == 'x1')}")
    return "\n".join(lines)


def scene_zip(zone: str = ZONE, version: str = "scene-1", name: str = "Көлік") -> bytes:
    """The timetable: by stop times, past midnight, by headway with and without exact times."""
    return zip_files(
        {
            "agency.txt": f"{_AGENCY}K,{name},https://example.org,{zone},kk,+7 7132 000000\n",
            "stops.txt": _STOPS,
            "routes.txt": _ROUTES,
            "trips.txt": _TRIPS,
            "stop_times.txt": _times(),
            "shapes.txt": _SHAPES,
            "frequencies.txt": _FREQUENCIES,
            "calendar.txt": _CALENDAR,
            "calendar_dates.txt": _CALENDAR_DATES,
            "feed_info.txt": "feed_publisher_name,feed_publisher_url,feed_lang,feed_version\n"
            f"A,https://example.org,kk,{version}\n",
        }
    )


def at(hour: int, minute: int = 0, day: date = DAY, zone: str = ZONE) -> int:
    """Unix time of an hour of a service day; past 24 the night after it."""
    return int(service_day_start(day, ZoneInfo(zone))) + 3600 * hour + 60 * minute


def new_message(time_s: int) -> pb.FeedMessage:
    """A feed without entities."""
    message = pb.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.incrementality = pb.FeedHeader.FULL_DATASET
    message.header.timestamp = time_s
    return message


Call = tuple[int, str, int, int]
"""stop_sequence, stop_id, arrival and departure in Unix seconds."""


def add_run(
    message: pb.FeedMessage,
    trip_id: str,
    calls: Iterable[Call],
    *,
    vehicle: str = "",
    day: date = DAY,
    start: str = "",
    relation: int = pb.TripDescriptor.SCHEDULED,
    unsure_s: int = 60,
    heard_s: int = 0,
) -> pb.TripUpdate:
    """Add a run with its predictions."""
    entity = message.entity.add(id=f"{trip_id}@{day:%Y%m%d}{start}")
    update = entity.trip_update
    update.trip.trip_id, update.trip.start_date = trip_id, f"{day:%Y%m%d}"
    update.trip.schedule_relationship = relation  # type: ignore[assignment]
    if start:
        update.trip.start_time = start
    if vehicle:
        update.vehicle.id = vehicle
    update.timestamp = heard_s or message.header.timestamp
    for sequence, stop_id, arrival_s, departure_s in calls:
        call = update.stop_time_update.add(stop_sequence=sequence, stop_id=stop_id)
        call.arrival.time, call.departure.time = arrival_s, departure_s
        call.arrival.uncertainty = unsure_s
    return update


def add_alert(message: pb.FeedMessage, alert_id: str, text: str, **informed: str) -> pb.Alert:
    """Add an alert in English about stop_id=…, route_id=… or trip_id=…."""
    alert = message.entity.add(id=alert_id).alert
    alert.cause, alert.effect = pb.Alert.CONSTRUCTION, pb.Alert.DETOUR
    alert.header_text.translation.add(text=text, language="en")
    alert.active_period.add(start=message.header.timestamp - 60)
    selector = alert.informed_entity.add()
    for name, value in informed.items():
        if name == "trip_id":
            selector.trip.trip_id = value
        else:
            setattr(selector, name, value)
    return alert


def bus(
    vehicle: str, time_s: float, trip_id: str | None = None, **changed: object
) -> dict[str, object]:
    """A vehicle of the fleet's body, between stops A and B."""
    return {
        "id": vehicle,
        "label": vehicle,
        "lat": 50.28,
        "lon": 57.155,
        "bearing": 90.0,
        "speed_mps": 8.0,
        "time_s": time_s,
        "phase": "in_progress" if trip_id else "depot",
        "route_id": None,
        "trip_id": trip_id,
        "headsign": None,
        "delay_s": 120.0 if trip_id else None,
        "confidence": 0.9,
        "stale": False,
        "next_stop_id": "B",
        "next_stop_time_s": None,
        "reason": "",
        "reason_code": "not_placed",
        "reason_values": {},
    } | changed


def make_tick(
    agency: str,
    number: int,
    updates: pb.FeedMessage,
    *,
    wall_s: float,
    buses: Iterable[dict[str, object]] = (),
    full: dict[str, tuple[int, int]] | None = None,
    alerts: pb.FeedMessage | None = None,
) -> Tick:
    """A tick; `full` gives (occupancy status, percent) by vehicle."""
    time_s = updates.header.timestamp
    listed = list(buses)
    positions = new_message(time_s)
    for found in listed:
        entity = positions.entity.add(id=str(found["id"]))
        entity.vehicle.vehicle.id = str(found["id"])
        entity.vehicle.position.latitude = float(str(found["lat"]))
        entity.vehicle.position.longitude = float(str(found["lon"]))
        status, percent = (full or {}).get(str(found["id"]), (None, None))
        if status is not None and percent is not None:
            entity.vehicle.occupancy_status = status  # type: ignore[assignment]
            entity.vehicle.occupancy_percentage = percent
    fleet = {"time_s": time_s, "heard": len(listed), "expected": 3, "vehicles": listed}
    bodies = {
        "vehicle-positions": make_body(positions.SerializeToString()),
        "trip-updates": make_body(updates.SerializeToString()),
        "alerts": make_body((alerts or new_message(time_s)).SerializeToString()),
        "fleet": make_body(json.dumps(fleet).encode()),
    }
    return Tick(agency, 1, number, float(time_s), wall_s, "scene-1", bodies)
