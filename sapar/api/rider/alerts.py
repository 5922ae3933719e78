"""Alerts for riders: what it is, where, until when; also of one that is over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from sapar.api.arrivals.answers import show_alert
from sapar.api.arrivals.around import Notice
from sapar.api.arrivals.live import Now
from sapar.core.db import Pool, load_queries, translated
from sapar.core.errors import NotFound

_QUERIES = load_queries("sapar.api.rider")

# What keeps people from riding stands before what only changes the ride; the rest is a notice.
_GRAVITY = (
    "no_service", "stop_moved", "detour", "significant_delays", "reduced_service",
    "modified_service", "accessibility_issue", "additional_service",
)  # fmt: skip


def list_alerts(now: Now) -> list[dict[str, Any]]:
    """List the alerts in force, the gravest first."""
    notices = [] if now.live is None else now.live.notices
    shown = [_shown(now, notice) for notice in notices]
    return sorted(shown, key=_gravity)


def _gravity(alert: dict[str, Any]) -> tuple[int, str]:
    effect = alert["effect"]
    return (_GRAVITY.index(effect) if effect in _GRAVITY else len(_GRAVITY)), alert["alert_id"]


def _shown(now: Now, notice: Notice) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(show_alert(notice))
    del plain["trip_ids"]
    return plain | {"over": False} | _named(now, plain["route_ids"], plain["stop_ids"])


def _named(now: Now, route_ids: list[str], stop_ids: list[str]) -> dict[str, Any]:
    routes = {route.route_id: route for route in now.places.routes}
    index = now.plan.timetable.stops.index
    return {
        "routes": [routes[one] for one in route_ids if one in routes],
        "stops": [
            {"id": one, "name": now.places.stops[index[one]].name}
            for one in stop_ids
            if one in index
        ],
    }


async def get_alert(pool: Pool, now: Now, alert_id: str) -> dict[str, Any]:
    """Give an alert, in force or over.

    Raises:
        NotFound: there was never one of this name (`no_alert`).
    """
    for alert in list_alerts(now):
        if alert["alert_id"] == alert_id:
            return alert
    values = {"agency_id": now.agency.agency_id, "alert_id": alert_id}
    row = None
    if "\0" not in alert_id:  # which the database has no letter for
        with translated():
            async with pool.connection() as connection:
                cursor = await connection.execute(_QUERIES["find_alert"], values)
                row = await cursor.fetchone()
    if row is None:
        raise NotFound("There is no such alert.", code="no_alert")
    header, description, cause, effect, starts, ends, informed, deleted_at = row
    periods = list(zip(map(_unix, starts or []), map(_unix, ends or []), strict=True))
    last = max((end for _, end in periods if end is not None), default=None)
    removed_s = _unix(deleted_at)
    ended = last if removed_s is None or (last is not None and last < removed_s) else removed_s
    over = removed_s is not None or (last is not None and last <= now.time_s)
    routes = sorted({one["route_id"] for one in informed if one.get("route_id")})
    stops = sorted({one["stop_id"] for one in informed if one.get("stop_id")})
    return {
        "alert_id": alert_id,
        "cause": cause.lower(),
        "effect": effect.lower(),
        "header": header,
        "description": description,
        "url": {},
        "periods": periods,
        "route_ids": routes,
        "stop_ids": stops,
        "over": over,
        "ended_s": ended if over else None,
    } | _named(now, routes, stops)


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
