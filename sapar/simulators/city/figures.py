"""How large a city came out."""

from __future__ import annotations

from dataclasses import dataclass

from sapar.simulators.city.city import City
from sapar.simulators.city.trips import list_trips


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over the whole feed; `peak_vehicles` are in service at once on a weekday.

    `headway_trips` are those of `trips` that stand for many runs each.
    """

    routes: int
    stops: int
    shape_points: int
    trips: int
    headway_trips: int
    stop_times: int
    blocks: int
    peak_vehicles: int


def measure(city: City) -> Figures:
    """Count what the feed of a city will hold."""
    trips = [trip for service in city.services for trip in list_trips(service)]
    return Figures(
        routes=len(city.services),
        stops=len(city.stops),
        shape_points=sum(len(pattern.shape_m) for pattern in city.patterns),
        trips=len(trips),
        headway_trips=sum(trip.window is not None for trip in trips),
        stop_times=sum(trip.course.stop_count for trip in trips),
        blocks=len({trip.block_id for trip in trips if trip.block_id}),
        peak_vehicles=city.peak_vehicles,
    )
