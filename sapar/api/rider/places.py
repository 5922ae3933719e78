"""Stops as the rider's page lists them: with the side of the street and the routes to be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from sapar.api.arrivals.places import Places, RouteShown
from sapar.api.timetables import Plan

FOUND_MAX = 20
NEAR_M = 3000.0


class StopListed(msgspec.Struct, frozen=True):
    """A stop of a list.

    Attributes:
        towards: name of the stop that most buses go to next: it tells the side of the street.
        wheelchair: `possible`, `not_possible` or `unknown`.
        distance_m: from the place that was asked for; None without one.
    """

    id: str
    code: str
    name: str
    lat: float
    lon: float
    towards: str
    wheelchair: str
    routes: list[RouteShown]
    distance_m: int | None = None


def next_stops(plan: Plan) -> dict[int, int]:
    """Give for each stop, by row, the stop that most patterns go to next."""
    onward: dict[int, Counter[int]] = {}
    for pattern in plan.timetable.patterns:
        stops = pattern.stop_idx.tolist()
        for at, after in pairwise(stops):
            onward.setdefault(at, Counter())[after] += 1
    return {at: counts.most_common(1)[0][0] for at, counts in onward.items()}


def list_stops(
    places: Places, onward: dict[int, int], found: Iterable[tuple[int, float | None]]
) -> list[StopListed]:
    """List stops as the page shows them.

    Args:
        places: all stops.
        onward: see `next_stops`.
        found: rows of stops with their distance in metres, if any, in the order to show.
    """
    routes = {route.route_id: route for route in places.routes}
    listed = []
    for row, metres in found:
        stop = places.stops[row]
        listed.append(
            StopListed(
                id=stop.stop_id,
                code=stop.code,
                name=stop.name,
                lat=stop.lat,
                lon=stop.lon,
                towards=places.stops[onward[row]].name if row in onward else "",
                wheelchair=stop.wheelchair,
                routes=[routes[one] for one in stop.route_ids],
                distance_m=None if metres is None else round(metres),
            )
        )
    return listed
