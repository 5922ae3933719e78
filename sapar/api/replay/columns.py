"""A minute of the past as columns: what a page needs to draw any moment in it. Pure.

Times are milliseconds after the begin of the minute, places millionths of a degree: small whole
numbers, which JSON and gzip make small and a browser reads fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from sapar.core.geometry import Floats
from sapar.gtfs.timetable.model import service_day_start

MINUTE_S = 60
_FIX_NAMES = ("vehicle", "time_ms", "at_ms", "lat_e6", "lon_e6", "bearing", "speed_dmps")
_RUN_NAMES = ("vehicle", "trip_id", "route_id", "direction", "headsign", "start_s")


class Visit(NamedTuple):
    """A row of the query `list_visits_between`."""

    vehicle_id: str
    trip_id: str
    service_date: date
    start_s: int
    route_id: str
    stop_id: str
    arrival_ms: int | None
    departure_ms: int | None
    plan_arrival_ms: int
    plan_departure_ms: int

    @property
    def at_ms(self) -> int:
        """When the bus was there: its arrival where it was seen, else its departure."""
        at = self.departure_ms if self.arrival_ms is None else self.arrival_ms
        assert at is not None, "the query gives visits with a time"
        return at

    @property
    def delay_s(self) -> float:
        """Seconds behind the timetable when it left, or while it has not, when it came."""
        if self.departure_ms is not None:
            return (self.departure_ms - self.plan_departure_ms) / 1000
        return (self.at_ms - self.plan_arrival_ms) / 1000

    @property
    def run(self) -> tuple[str, date, int]:
        """The run: trip, service date, start."""
        return (self.trip_id, self.service_date, self.start_s)


@dataclass(frozen=True, slots=True)
class VisitsByVehicle:
    """Visits of some hours, in order of vehicle and time."""

    visits: Sequence[Visit]
    at_ms: Floats
    spans: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> VisitsByVehicle:
        """Index rows that are in order."""
        visits = [Visit(*row) for row in rows]
        spans: dict[str, tuple[int, int]] = {}
        for number, visit in enumerate(visits):
            begin = spans.get(visit.vehicle_id, (number, 0))[0]
            spans[visit.vehicle_id] = (begin, number + 1)
        return cls(visits, np.array([visit.at_ms for visit in visits], np.float64), spans)

    def around(self, since_ms: float, until_ms: float) -> list[Visit]:
        """Give each vehicle's visits of a span, with the one before and the one after it."""
        found: list[Visit] = []
        for begin, end in self.spans.values():
            times = self.at_ms[begin:end]
            low, high = np.searchsorted(times, [since_ms, until_ms], side="right")
            found += self.visits[
                begin + max(int(low) - 1, 0) : begin + min(int(high) + 1, len(times))
            ]
        return found


def fix_columns(
    rows: Sequence[Sequence[Any]], numbers: dict[str, int], since_s: int
) -> dict[str, Any]:
    """Give rows of fixes as columns; `numbers` gets the vehicles that it does not know yet."""
    since_ms = since_s * 1000
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(_FIX_NAMES)
    return {
        "vehicle": [numbers.setdefault(name, len(numbers)) for name in columns[0]],
        "time_ms": [time_ms - since_ms for time_ms in columns[1]],
        "at_ms": [at_ms - since_ms for at_ms in columns[2]],
        **{name: list(values) for name, values in zip(_FIX_NAMES[3:], columns[3:], strict=True)},
    }


def visit_columns(
    visits: Sequence[Visit],
    numbers: dict[str, int],
    since_s: int,
    trips: Mapping[str, tuple[int | None, str | None]],
    zone: ZoneInfo,
) -> dict[str, Any]:
    """Give visits as columns, with their runs.

    Args:
        visits: in order of vehicle and time.
        numbers: gets the vehicles that it does not know yet.
        since_s: begin of the minute.
        trips: direction and headsign of the trips of the timetable at hand.
        zone: of the agency, for the starts of runs.
    """
    since_ms = since_s * 1000
    runs: dict[tuple[int, tuple[str, date, int]], int] = {}
    stops: dict[str, int] = {}
    days: dict[date, int] = {}
    rows, listed = [], []
    for visit in visits:
        vehicle = numbers.setdefault(visit.vehicle_id, len(numbers))
        key = (vehicle, visit.run)
        if key not in runs:
            direction, headsign = trips.get(visit.trip_id, (None, None))
            if visit.service_date not in days:
                days[visit.service_date] = int(service_day_start(visit.service_date, zone))
            start_s = days[visit.service_date] + visit.start_s
            listed.append((vehicle, visit.trip_id, visit.route_id, direction, headsign, start_s))
            runs[key] = len(runs)
        rows.append(
            (
                runs[key],
                stops.setdefault(visit.stop_id, len(stops)),
                None if visit.arrival_ms is None else visit.arrival_ms - since_ms,
                None if visit.departure_ms is None else visit.departure_ms - since_ms,
                round(visit.delay_s),
            )
        )
    return {
        "stops": list(stops),
        "runs": _table(listed, _RUN_NAMES),
        "visits": _table(rows, ("run", "stop", "arrival_ms", "departure_ms", "delay_s")),
    }


def _table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return dict(zip(names, columns, strict=True))
