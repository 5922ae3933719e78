"""The runs that a dispatcher may speak of: those under way and those to come. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from sapar.gtfs.realtime.days import FREQUENCY_EXACT, FREQUENCY_LOOSE, FREQUENCY_NONE, Days
from sapar.gtfs.timetable.model import Timetable

AHEAD_S = 8 * 3600.0
RUNS_MAX = 400


def list_runs(
    timetable: Timetable, days: Days, now_s: float, route_id: str, ahead_s: float = AHEAD_S
) -> list[dict[str, Any]]:
    """List a route's runs that are under way or start within `ahead_s`, by their start.

    Headway service without exact times has no runs: its trips are listed with `start_s` null.
    """
    trips = timetable.trips
    route = timetable.routes.index.get(route_id, -1)
    found: list[tuple[float, dict[str, Any]]] = []
    for day in timetable.service_dates_at(now_s):
        base_s = timetable.service_day_start(day)
        active = timetable.services.active(day)[trips.service_idx] & (trips.route_idx == route)
        for trip in np.flatnonzero(active).tolist():
            entry = {
                "trip_id": trips.ids[trip],
                "service_date": day.isoformat(),
                "direction": _known(int(trips.direction[trip])),
                "headsign": trips.headsigns[trip],
                "block_id": _block(timetable, trip),
            }
            length_s = float(trips.last_s[trip] - trips.first_s[trip])
            for at_s, start_s in _starts(timetable, days, trip):
                if now_s - length_s < base_s + at_s < now_s + ahead_s:
                    times = {"first_s": base_s + at_s, "last_s": base_s + at_s + length_s}
                    found.append((base_s + at_s, {**entry, **times, "start_s": start_s}))
            if days.kind[trip] == FREQUENCY_LOOSE:
                found.append((now_s, {**entry, "first_s": None, "last_s": None, "start_s": None}))
    found.sort(key=lambda pair: (pair[0], pair[1]["trip_id"]))
    return [entry for _, entry in found[:RUNS_MAX]]


def _starts(timetable: Timetable, days: Days, trip: int) -> list[tuple[float, int | None]]:
    """List (departure, name of the start if it needs one), in seconds of the service day."""
    if days.kind[trip] == FREQUENCY_NONE:
        return [(float(timetable.trips.first_s[trip]), None)]
    if days.kind[trip] != FREQUENCY_EXACT:
        return []
    frequencies = timetable.frequencies
    return [
        (float(start_s), start_s)
        for row in np.flatnonzero(frequencies.trip_idx == trip).tolist()
        for start_s in range(
            int(frequencies.start_s[row]),
            int(frequencies.end_s[row]),
            int(frequencies.headway_s[row]),
        )
    ]


def _block(timetable: Timetable, trip: int) -> str | None:
    block = int(timetable.trips.block_idx[trip])
    return timetable.blocks.ids[block] if block >= 0 else None


def _known(direction: int) -> int | None:
    return direction if direction >= 0 else None
