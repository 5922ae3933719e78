"""The ladder of each route: the stops of its main pattern in each direction. Pure.

The main pattern is the one that most trips of the timetable follow; of equals the one with more
stops.
"""

from __future__ import annotations

import msgspec
import numpy as np

from sapar.gtfs.timetable.model import Pattern, Timetable


class Rung(msgspec.Struct, frozen=True):
    """A stop and where it lies: 0 at the first one, 1 at the last."""

    stop_id: str
    along: float


class LadderDirection(msgspec.Struct, frozen=True):
    """The main pattern of a direction; the direction is null where the feed tells none."""

    direction: int | None
    headsign: str
    stops: list[Rung]


class Ladder(msgspec.Struct, frozen=True):
    """A route."""

    route_id: str
    directions: list[LadderDirection]


class Ladders(msgspec.Struct, frozen=True):
    """All routes with trips, in the order of the feed."""

    routes: list[Ladder]


def ladders_of(timetable: Timetable) -> Ladders:
    """Make the ladders of a timetable."""
    trips = timetable.trips
    used = np.bincount(trips.pattern_idx, minlength=len(timetable.patterns))
    best: dict[tuple[int, int], Pattern] = {}
    for pattern in timetable.patterns:
        key = (pattern.route_idx, pattern.direction)
        other = best.get(key)
        if other is None or _rank(pattern, used) > _rank(other, used):
            best[key] = pattern
    first_trip = np.full(len(timetable.patterns), -1)
    first_trip[trips.pattern_idx[::-1]] = np.arange(len(trips.ids))[::-1]
    routes: dict[int, list[LadderDirection]] = {}
    for (route, direction), pattern in sorted(best.items()):
        headsign = trips.headsigns[first_trip[pattern.pattern_id]]
        routes.setdefault(route, []).append(
            LadderDirection(
                None if direction < 0 else direction, headsign, _rungs(timetable, pattern)
            )
        )
    return Ladders(
        [Ladder(timetable.routes.ids[route], listed) for route, listed in sorted(routes.items())]
    )


def _rank(pattern: Pattern, used: np.ndarray[tuple[int], np.dtype[np.intp]]) -> tuple[int, int]:
    return int(used[pattern.pattern_id]), len(pattern.stop_idx)


def _rungs(timetable: Timetable, pattern: Pattern) -> list[Rung]:
    first, last = float(pattern.stop_m[0]), float(pattern.stop_m[-1])
    along = (pattern.stop_m - first) / max(last - first, 1e-9)
    ids = timetable.stops.ids
    return [
        Rung(ids[stop], round(share, 4))
        for stop, share in zip(pattern.stop_idx.tolist(), along.tolist(), strict=True)
    ]
