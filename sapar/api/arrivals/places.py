"""Stops as passengers look for them: near a place, and by what they type."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from sapar.api.arrivals.index import StopIndex
from sapar.api.timetables import Plan
from sapar.core.geometry import distance_m

WHEELCHAIR = ("unknown", "possible", "not_possible")
"""By wheelchair_boarding and wheelchair_accessible of GTFS."""

# Kazakh letters as people type them on a Russian keyboard, and what they mix up anyway
_FOLDED = str.maketrans("әғқңөұүһіёй", "агкноуухиеи")


class RouteShown(msgspec.Struct, frozen=True, gc=False):
    """A route as lists name it; colours are six hex digits, "" unknown."""

    route_id: str
    short_name: str
    long_name: str
    color: str
    text_color: str
    type: int


class StopShown(msgspec.Struct, frozen=True, gc=False):
    """A stop as lists name it; degrees of WGS84."""

    stop_id: str
    name: str
    code: str
    lat: float
    lon: float
    wheelchair: str
    route_ids: list[str]


@dataclass(frozen=True)
class Places:
    """All stops and routes of a plan, and where trips stop.

    Attributes:
        index: planned calls by stop.
        routes, stops: by row.
        served: rows of the stops that trips call at; lat, lon: theirs, degrees.
        folded: their names and codes, as `fold` gives them.
    """

    index: StopIndex
    routes: list[RouteShown]
    stops: list[StopShown]
    served: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    folded: list[tuple[str, str]]

    def near(self, lat: float, lon: float, radius_m: float) -> list[tuple[int, float]]:
        """List (row, metres) of the stops within a radius, nearest first."""
        metres = np.asarray(distance_m(self.lat, self.lon, lat, lon))
        found = np.flatnonzero(metres <= radius_m)
        found = found[np.argsort(metres[found], kind="stable")]
        return list(zip(self.served[found].tolist(), metres[found].tolist(), strict=True))

    def inside(self, low: tuple[float, float], high: tuple[float, float]) -> list[int]:
        """List the stops in a box of (lat, lon) corners, those nearest to its middle first."""
        keep = (self.lat >= low[0]) & (self.lat <= high[0])
        keep &= (self.lon >= low[1]) & (self.lon <= high[1])
        found = np.flatnonzero(keep)
        middle = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
        metres = np.asarray(distance_m(self.lat[found], self.lon[found], *middle))
        rows: list[int] = self.served[found[np.argsort(metres, kind="stable")]].tolist()
        return rows

    def search(self, text: str) -> list[int]:
        """List the stops whose code is `text` or whose name has all its words, best first.

        A name that begins with the text comes first, then words that begin with those typed.
        """
        wanted = fold(text)
        words = wanted.split()
        if not words:
            return []
        ranked = []
        for row, (name, code) in zip(self.served.tolist(), self.folded, strict=True):
            rank = _rank(name, code, wanted, words)
            if rank is not None:
                ranked.append((rank, len(name), name, row))
        return [row for *_, row in sorted(ranked)]

    def search_routes(self, text: str) -> list[int]:
        """List the routes whose number is or begins with `text`, or whose name has its words."""
        wanted = fold(text)
        words = wanted.split()
        ranked = []
        for row, route in enumerate(self.routes):
            rank = _rank(fold(route.long_name), fold(route.short_name), wanted, words)
            if rank is None and words and fold(route.short_name).startswith(wanted):
                rank = 1
            if rank is not None:
                ranked.append((rank, len(route.short_name), route.short_name, row))
        return [row for *_, row in sorted(ranked)]


def _rank(name: str, code: str, wanted: str, words: list[str]) -> int | None:
    if code and code == wanted:
        return 0
    if not words or not all(word in name for word in words):
        return None
    if name.startswith(wanted):
        return 1
    begins = set(name.replace("-", " ").replace(".", " ").split())
    typed_whole = all(any(part.startswith(word) for part in begins) for word in words)
    return 2 if typed_whole else 3


def fold(text: str) -> str:
    """Give a text in the form in which texts are compared: small letters without their marks."""
    small = text.casefold().translate(_FOLDED)
    apart = unicodedata.normalize("NFKD", small)
    return " ".join("".join(c for c in apart if not unicodedata.combining(c)).split())


def make_places(plan: Plan) -> Places:
    """Make the stops and routes of a plan, with the index of its calls; takes about a second."""
    timetable, details = plan.timetable, plan.details
    index = StopIndex(timetable)
    source = timetable.routes
    routes = [
        RouteShown(
            route_id,
            source.short_names[row],
            source.long_names[row],
            source.colors[row],
            source.text_colors[row],
            int(source.types[row]),
        )
        for row, route_id in enumerate(source.ids)
    ]
    served = [row for row in range(len(timetable.stops.ids)) if index.served(row)]
    is_served = set(served)
    stops = []
    for row, stop_id in enumerate(timetable.stops.ids):
        more = details.stop(stop_id)
        stops.append(
            StopShown(
                stop_id,
                timetable.stops.names[row],
                more.code,
                _degrees(timetable.stops.latitude[row]),
                _degrees(timetable.stops.longitude[row]),
                WHEELCHAIR[_wheelchair(plan, stop_id)],
                [source.ids[r] for r in index.routes_at(row)] if row in is_served else [],
            )
        )
    rows = np.array(served, np.int64)
    return Places(
        index,
        routes,
        stops,
        rows,
        timetable.stops.latitude[rows],
        timetable.stops.longitude[rows],
        [(fold(stops[row].name), fold(stops[row].code)) for row in served],
    )


def _degrees(value: float) -> float:
    return 0.0 if np.isnan(value) else round(float(value), 6)


def _wheelchair(plan: Plan, stop_id: str) -> int:
    """Give wheelchair_boarding; a stop that says nothing has its station's (GTFS reference)."""
    more = plan.details.stop(stop_id)
    return more.wheelchair or plan.details.stop(more.parent).wheelchair
