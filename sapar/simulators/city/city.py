"""A whole city as one value: streets, stops, routes, their timetables and vehicles."""

from __future__ import annotations

from dataclasses import dataclass

from sapar.core.errors import BadInput
from sapar.simulators.city.dice import Dice
from sapar.simulators.city.fleet import LineService, plan_fleet
from sapar.simulators.city.lines import LineKind, design_lines
from sapar.simulators.city.network import StreetMap
from sapar.simulators.city.patterns import Pattern, trace_pattern
from sapar.simulators.city.places import choose_places
from sapar.simulators.city.service import choose_span
from sapar.simulators.city.sizes import PROFILES, CitySize, Profile
from sapar.simulators.city.stops import Stop, place_stops
from sapar.simulators.city.streets import build_streets

NIGHT_SHARE = 4
"""Every how many-th route runs until the end of the service day."""


_SIZES = ", ".join(CitySize)


@dataclass(frozen=True, slots=True)
class City:
    """What `generate_city` writes down. `peak_vehicles` are in service at once on a weekday."""

    size: CitySize
    seed: int
    profile: Profile
    streets: StreetMap
    services: tuple[LineService, ...]
    peak_vehicles: int

    @property
    def stops(self) -> list[Stop]:
        """All stops that some route serves, in order of their ids."""
        served = {
            stop.stop_id: stop
            for service in self.services
            for pattern in service.patterns
            for stop in pattern.stops
        }
        return [served[stop_id] for stop_id in sorted(served)]

    @property
    def patterns(self) -> list[Pattern]:
        """All patterns, in order of the routes' numbers."""
        return [pattern for service in self.services for pattern in service.patterns]


def build_city(size: CitySize | str, seed: int) -> City:
    """Build a city from a size and a seed alone.

    Raises:
        BadInput: there is no such size.
    """
    if size not in set(CitySize):
        raise BadInput(f"no city of size {size!r}", code="bad_size", hint=f"Sizes: {_SIZES}.")
    size = CitySize(size)
    profile = PROFILES[size]
    dice = Dice(f"sapar-city/{size}/{seed}")
    streets = build_streets(profile, dice.fork("streets"))
    places = choose_places(streets, profile, dice.fork("places"))
    lines = design_lines(streets, places, profile, dice.fork("lines"))
    arcs = [arc for line in lines for way in line.ways for arc in way.arcs]
    stops = place_stops(streets, places, arcs, dice.fork("stops"))
    services = []
    for index, line in enumerate(lines):
        patterns = tuple(
            trace_pattern(
                streets, stops, way, line.kind, _shape_id(line.number, way.direction, way.branch),
                profile.centre,
            )
            for way in line.ways
        )  # fmt: skip
        own = dice.fork(f"line-{line.number}")
        night = index % NIGHT_SHARE == 0 or line.kind is LineKind.CIRCULAR
        services.append(LineService(line, patterns, choose_span(line, night, own), own))
    peak = plan_fleet(services, profile.peak_vehicles)
    return City(size, seed, profile, streets, tuple(services), peak)


def _shape_id(number: str, direction: int, branch: int) -> str:
    return f"{number}-{direction}" + ("b" if branch else "")
