"""Examples for the description of the addresses; a test holds the answers against their form."""

from __future__ import annotations

from typing import Any

_STOP = {
    "stop_id": "S0105",
    "name": "Әбілқайыр хан",
    "code": "105",
    "lat": 50.283911,
    "lon": 57.166982,
    "wheelchair": "possible",
    "route_ids": ["R12"],
}
_ROUTE = {
    "route_id": "R12",
    "short_name": "12",
    "long_name": "Вокзал – Базар",
    "color": "C2410C",
    "text_color": "FFFFFF",
    "type": 3,
}
NEAR: dict[str, Any] = {"stops": [{**_STOP, "distance_m": 140}], "routes": [_ROUTE]}
SEARCH: dict[str, Any] = {"stops": [_STOP], "routes": [_ROUTE]}
LIVE: dict[str, Any] = {
    "state": "live",
    "trip_id": "R12-0-0915",
    "start_date": "20261118",
    "start_time": "16:00:00",
    "route_id": "R12",
    "direction": 0,
    "headsign": "Базар",
    "stop_sequence": 9,
    "first_stop": False,
    "last_stop": False,
    "boarding": True,
    "scheduled_arrival_s": 1795000080,
    "scheduled_departure_s": 1795000080,
    "headway_s": None,
    "arrival_s": 1795000260,
    "departure_s": 1795000275,
    "earliest_s": 1795000200,
    "latest_s": 1795000320,
    "delay_s": 180,
    "passed_s": None,
    "no_signal_since_s": None,
    "stops_away": 3,
    "distance_m": 1210,
    "vehicle": {
        "vehicle_id": "204",
        "label": "204",
        "lat": 50.279001,
        "lon": 57.151202,
        "bearing": 92.5,
        "time_s": 1794999997.0,
        "on_this_trip": True,
    },
    "occupancy": "few_seats_available",
    "occupancy_percent": 41,
    "wheelchair": "possible",
    "added": False,
    "detour": False,
    "alert_ids": ["alert-17"],
}
CANCELLED: dict[str, Any] = {
    **LIVE,
    "state": "cancelled",
    "trip_id": "R12-0-0925",
    "start_time": "16:10:00",
    "scheduled_arrival_s": 1795000680,
    "scheduled_departure_s": 1795000680,
    "arrival_s": None,
    "departure_s": None,
    "earliest_s": None,
    "latest_s": None,
    "delay_s": None,
    "stops_away": None,
    "distance_m": None,
    "vehicle": None,
    "occupancy": None,
    "occupancy_percent": None,
}
ALERT: dict[str, Any] = {
    "alert_id": "alert-17",
    "cause": "construction",
    "effect": "detour",
    "header": {"en": "Detour", "kk": "Айналма жол", "ru": "Объезд"},
    "description": {"en": "Route 12 is led round Abilkair Khan Avenue."},
    "url": {},
    "periods": [[1794990000, None]],
    "route_ids": ["R12"],
    "stop_ids": [],
    "trip_ids": [],
}
BOARD: dict[str, Any] = {
    "agency_id": "aqtobe",
    "timezone": "Asia/Aqtobe",
    "time_s": 1795000000,
    "live": True,
    "feed_version": "2026-11",
    "stop": _STOP,
    "routes": [_ROUTE],
    "arrivals": [LIVE, CANCELLED],
    "alerts": [ALERT],
}
VEHICLE: dict[str, Any] = {
    "agency_id": "aqtobe",
    "time_s": 1795000000,
    "vehicle_id": "204",
    "label": "204",
    "lat": 50.279001,
    "lon": 57.151202,
    "bearing": 92.5,
    "speed_mps": 8.1,
    "position_time_s": 1794999997.0,
    "stale": False,
    "route_id": "R12",
    "trip_id": "R12-0-0915",
    "headsign": "Базар",
    "delay_s": 180.0,
    "next_stop_id": "S0102",
    "occupancy": "few_seats_available",
    "occupancy_percent": 41,
    "wheelchair": "possible",
    "calls": [
        {
            "stop_id": "S0102",
            "name": "Ұлттық банк",
            "arrival_s": 1795000060,
            "departure_s": 1795000075,
            "earliest_s": 1795000030,
            "latest_s": 1795000090,
        }
    ],
}
EVENT = 'id: 4-1021\nevent: arrivals\ndata: {"agency_id":"aqtobe","arrivals":[]}\n\n'
_ERROR = {
    "content": {
        "application/json": {
            "example": {
                "error": {
                    "code": "no_such_stop",
                    "message": "There is no stop 'X'.",
                    "hint": "/api/stops/near and /api/stops/search list stops.",
                }
            }
        }
    }
}
ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such thing.", **_ERROR},
    422: {"description": "A value is wrong.", **_ERROR},
    429: {"description": "Too many requests; `Retry-After` says when to go on.", **_ERROR},
}
