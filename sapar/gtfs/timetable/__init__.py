"""The in-memory timetable: `Timetable` and its tables, and how one is built from a feed."""

from sapar.gtfs.timetable.build import build_timetable, load_timetable
from sapar.gtfs.timetable.model import (
    Blocks,
    Frequencies,
    Pattern,
    Routes,
    Services,
    Stops,
    StopTimes,
    Timetable,
    Trips,
    service_day_start,
)

__all__ = [
    "Blocks",
    "Frequencies",
    "Pattern",
    "Routes",
    "Services",
    "StopTimes",
    "Stops",
    "Timetable",
    "Trips",
    "build_timetable",
    "load_timetable",
    "service_day_start",
]
