"""The lines that a plan's vehicles drive, as flat arrays for all vehicles at once. Pure.

All patterns lie one behind the other on a single axis, each shifted by its own offset, so that one
interpolation places every vehicle whatever its pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapar.core.errors import BadInput
from sapar.core.geometry import Floats, bearing_deg
from sapar.gtfs.timetable import Timetable
from sapar.gtfs.timetable.model import Ints
from sapar.simulators.plan import FleetPlan, Run

_BETWEEN_PATTERNS_M = 1000.0


@dataclass(frozen=True, slots=True)
class Roads:
    """Patterns used by a plan, flat.

    Attributes:
        line_m: shared axis in metres; latitude, longitude: the points on it.
        offset_m: per pattern, where its first point lies on the axis; length_m: how long it is.
        stop_m: distance of each stop along its pattern; patterns one behind the other.
        stop_begin: per pattern, its first row of `stop_m` and `call_key`.
        call_key: number of the (route, stop) pair: buses of it share their passengers.
        call_count: how many such pairs there are.
    """

    line_m: Floats
    latitude: Floats
    longitude: Floats
    offset_m: Floats
    length_m: Floats
    stop_m: Floats
    stop_begin: Ints
    call_key: Ints
    call_count: int

    def place(self, pattern: Ints, along_m: Floats) -> tuple[Floats, Floats]:
        """Give (latitude, longitude) at distances along patterns."""
        at = self.offset_m[pattern] + np.clip(along_m, 0.0, self.length_m[pattern])
        return np.interp(at, self.line_m, self.latitude), np.interp(at, self.line_m, self.longitude)

    def bearing(self, pattern: Ints, along_m: Floats) -> Floats:
        """Give the direction of the line at distances along patterns, degrees from north."""
        low = self.place(pattern, along_m - 4.0)
        return bearing_deg(*low, *self.place(pattern, along_m + 4.0))


@dataclass(frozen=True, slots=True)
class RunTable:
    """All runs of a plan as columns; the runs of vehicle v are rows begin[v] to begin[v + 1].

    Attributes:
        trip: row of the timetable's trips; pattern: row of `Roads`; route: row of routes.
        offset_s: what to add to the trip's stop times to get Unix seconds for this instance.
        row: first row of the timetable's stop times; stops: how many there are.
        begin_s: scheduled start, Unix seconds; exact: held at stops to the timetable.
    """

    runs: list[Run]
    begin: Ints
    trip: Ints
    pattern: Ints
    route: Ints
    offset_s: Floats
    row: Ints
    stops: Ints
    begin_s: Floats
    exact: np.ndarray[tuple[int], np.dtype[np.bool_]]


def build_roads(timetable: Timetable, plan: FleetPlan) -> tuple[Roads, RunTable]:
    """Flatten the patterns and runs that the plan's vehicles use.

    Raises:
        BadInput: no vehicle of the plan has a run.
    """
    if not plan.vehicles:
        raise BadInput(
            "the timetable has no service at this time",
            code="no_service",
            hint="choose another time, or a timetable that is valid then",
        )
    chains = [[run for duty in duties for run in duty.runs] for duties in plan.vehicles]
    runs = [run for chain in chains for run in chain]
    trips = timetable.trips
    trip = np.array([run.trip_idx for run in runs], np.int32)
    used, local = np.unique(trips.pattern_idx[trip], return_inverse=True)
    table = RunTable(
        runs=runs,
        begin=np.concatenate(([0], np.cumsum([len(chain) for chain in chains]))).astype(np.int32),
        trip=trip,
        pattern=local.astype(np.int32),
        route=trips.route_idx[trip].astype(np.int32),
        offset_s=np.array([run.begin_s for run in runs]) - trips.first_s[trip],
        row=trips.st_begin[trip].astype(np.int32),
        stops=(trips.st_begin[trip + 1] - trips.st_begin[trip]).astype(np.int32),
        begin_s=np.array([run.begin_s for run in runs]),
        exact=np.array([run.frequency != 1 for run in runs], np.bool_),
    )
    return _roads(timetable, used.tolist()), table


def _roads(timetable: Timetable, used: list[int]) -> Roads:
    lines, lats, lons, offsets, stop_ms, begins, keys = [], [], [], [], [], [], []
    calls: dict[tuple[int, int], int] = {}
    at_m, stop_row = 0.0, 0
    for number in used:
        pattern = timetable.patterns[number]
        offsets.append(at_m)
        begins.append(stop_row)
        lines.append(pattern.polyline_m + at_m)
        lats.append(pattern.polyline_lat)
        lons.append(pattern.polyline_lon)
        stop_ms.append(pattern.stop_m)
        keys.append(
            [
                calls.setdefault((pattern.route_idx, stop), len(calls))
                for stop in pattern.stop_idx.tolist()
            ]
        )
        at_m += pattern.length_m + _BETWEEN_PATTERNS_M
        stop_row += len(pattern.stop_idx)
    return Roads(
        line_m=np.concatenate(lines),
        latitude=np.concatenate(lats),
        longitude=np.concatenate(lons),
        offset_m=np.array(offsets),
        length_m=np.array([timetable.patterns[number].length_m for number in used]),
        stop_m=np.concatenate(stop_ms),
        stop_begin=np.array(begins, np.int32),
        call_key=np.concatenate(keys).astype(np.int32),
        call_count=len(calls),
    )
