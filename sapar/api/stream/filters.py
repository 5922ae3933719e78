"""What a reader of the stream wants to see: routes, depots, a box on the map. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from sapar.api.stream.states import VEHICLES, Key, Part, Row, Rows, State
from sapar.core.errors import BadInput

_NAMES_MAX = 200
_URGENT = 1  # alarms of the first priority ring on every console, whatever it shows


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that all must hold; equal filters share their work and their bytes.

    Attributes:
        routes: ids of routes, empty for all.
        depots: depots as the fleet's `depot` member names them, empty for all.
        box: least latitude, least longitude, greatest latitude, greatest longitude; or None.
    """

    routes: frozenset[str] = frozenset()
    depots: frozenset[str] = frozenset()
    box: tuple[float, float, float, float] | None = None

    @property
    def by_vehicle(self) -> bool:
        """Whether it asks for what a vehicle alone has."""
        return bool(self.depots) or self.box is not None


EVERYTHING = Filter()


def read_filter(query: QueryParams) -> Filter:
    """Read a filter from an address.

    Raises:
        BadInput: the box is none, or there are more names than a page can mean.
    """
    routes, depots = query.getlist("route"), query.getlist("depot")
    if len(routes) + len(depots) > _NAMES_MAX:
        raise BadInput(
            f"A filter has {_NAMES_MAX} names at most.",
            code="filter_too_long",
            hint="Leave the filter out to get everything.",
        )
    box = query.get("box")
    return Filter(frozenset(routes), frozenset(depots), None if box is None else _read_box(box))


def _read_box(text: str) -> tuple[float, float, float, float]:
    try:
        south, west, north, east = map(float, text.split(","))
    except ValueError:
        south = west = north = east = math.nan
    if not (-90 <= south <= north <= 90 and -180 <= west <= east <= 180):
        raise BadInput(
            "The box is not minlat,minlon,maxlat,maxlon in degrees.",
            code="invalid_box",
            hint="For example box=50.2,57.1,50.4,57.3.",
        )
    return south, west, north, east


def view_of(state: State, wanted: Filter) -> State:
    """Give the part of a state that a filter lets through; the rows are the same objects.

    Figures about the whole fleet (`heard`, `expected`) stay those of the whole fleet.
    """
    if wanted == EVERYTHING:
        return state
    vehicles = {k: row for k, row in state.fleet.lists[VEHICLES].items() if _shows(wanted, row)}
    fleet = Part(state.fleet.head, {VEHICLES: vehicles})
    if state.console is None:
        return State(fleet, None)
    console = Part(
        state.console.head,
        {
            name: {key: row for key, row in rows.items() if _tells(name, wanted, row, vehicles)}
            for name, rows in state.console.lists.items()
        },
    )
    return State(fleet, console)


def _shows(wanted: Filter, row: Row) -> bool:
    if wanted.routes and row.get("route_id") not in wanted.routes:
        return False
    if wanted.depots and row.get("depot") not in wanted.depots:
        return False
    if wanted.box is None:
        return True
    south, west, north, east = wanted.box
    return bool(south <= row["lat"] <= north and west <= row["lon"] <= east)


def _tells(name: str, wanted: Filter, row: Row, vehicles: Rows) -> bool:
    """Whether a row of the console is about what is wanted.

    What names a vehicle follows the vehicle; a missing bus has no place, so only its route counts.
    """
    if name == "buses":
        return row["id"] in vehicles
    if name == "alarms":
        if row.get("priority") == _URGENT:
            return True
        vehicle: Key | None = row.get("vehicle_id")
        if vehicle is not None and wanted.by_vehicle:
            return vehicle in vehicles
    return not wanted.routes or row.get("route_id") in wanted.routes
