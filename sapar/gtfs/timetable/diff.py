"""What changes from one timetable to another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sapar.gtfs.timetable.model import Timetable

#: Ids shown for each kind of change.
SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class TableDiff:
    """Ids that one table gained, lost, or has with other content."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Give counts, and the first ids of each kind."""
        parts = {"added": self.added, "removed": self.removed, "changed": self.changed}
        return {name: {"count": len(ids), "first": ids[:SHOWN_MAX]} for name, ids in parts.items()}


@dataclass(frozen=True, slots=True)
class TimetableDiff:
    """Changes by table: routes, stops, trips, services; and the dates before and after."""

    tables: dict[str, TableDiff]
    dates_before: str
    dates_after: str

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing changed."""
        unchanged = not any(d.added or d.removed or d.changed for d in self.tables.values())
        return unchanged and self.dates_before == self.dates_after

    def to_json(self) -> dict[str, object]:
        """Give the changes as plain values for JSON."""
        return {
            "dates": {"before": self.dates_before, "after": self.dates_after},
            **{name: table.to_json() for name, table in self.tables.items()},
        }


def diff_timetables(old: Timetable | None, new: Timetable) -> TimetableDiff:
    """Compare by id; without an old timetable everything is added."""
    tables = {
        name: _diff(content(old) if old else {}, content(new))
        for name, content in (
            ("routes", _routes),
            ("stops", _stops),
            ("trips", _trips),
            ("services", _services),
        )
    }
    return TimetableDiff(tables, format_span(old) if old else "", format_span(new))


def format_span(timetable: Timetable) -> str:
    """Write the range of service dates as `2026-01-01..2026-12-31`, '' when there is none."""
    span = timetable.service_span
    return f"{span[0]}..{span[1]}" if span else ""


def _diff(old: Mapping[str, object], new: Mapping[str, object]) -> TableDiff:
    return TableDiff(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed=sorted(key for key in new.keys() & old.keys() if new[key] != old[key]),
    )


def _routes(timetable: Timetable) -> dict[str, object]:
    routes = timetable.routes
    columns = (
        routes.short_names,
        routes.long_names,
        routes.colors,
        routes.text_colors,
        routes.types.tolist(),
    )
    return dict(zip(routes.ids, zip(*columns, strict=True), strict=True))


def _stops(timetable: Timetable) -> dict[str, object]:
    stops = timetable.stops
    # NaN differs from itself; a stop without a place has not moved
    places = (np.nan_to_num(stops.latitude, nan=999), np.nan_to_num(stops.longitude, nan=999))
    columns = (stops.names, *(place.tolist() for place in places), stops.location_type.tolist())
    return dict(zip(stops.ids, zip(*columns, strict=True), strict=True))


def _trips(timetable: Timetable) -> dict[str, object]:
    trips, times = timetable.trips, timetable.stop_times
    names = {-1: "", **dict(enumerate(timetable.blocks.ids))}
    stop_ids = timetable.stops.ids
    pattern_stops = [
        tuple(stop_ids[stop] for stop in pattern.stop_idx.tolist())
        for pattern in timetable.patterns
    ]
    described: dict[str, object] = {}
    for row, trip_id in enumerate(trips.ids):
        rows = timetable.trip_rows(row)
        described[trip_id] = (
            timetable.routes.ids[trips.route_idx[row]],
            timetable.services.ids[trips.service_idx[row]],
            trips.headsigns[row],
            trips.shape_ids[row],
            int(trips.direction[row]),
            names[int(trips.block_idx[row])],
            pattern_stops[trips.pattern_idx[row]],
            times.arrival_s[rows].tobytes(),
            times.departure_s[rows].tobytes(),
        )
    return described


def _services(timetable: Timetable) -> dict[str, object]:
    services = timetable.services
    exceptions: list[set[tuple[int, bool]]] = [set() for _ in services.ids]
    for service, day, added in zip(
        services.exception_service.tolist(),
        services.exception_day.tolist(),
        services.exception_added.tolist(),
        strict=True,
    ):
        exceptions[service].add((day, added))
    columns = (
        map(tuple, services.weekdays.tolist()),
        services.start_day.tolist(),
        services.end_day.tolist(),
        map(frozenset, exceptions),
    )
    return dict(zip(services.ids, zip(*columns, strict=True), strict=True))
