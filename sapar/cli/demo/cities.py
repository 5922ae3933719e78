"""What a demo shows: generated cities, or one recording, with its timetable and its clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from sapar.core.errors import BadInput
from sapar.simulators.city import CitySize, build_city, default_service_dates, write_city
from sapar.simulators.recording import survey

_START_OF_DAY = dt.time(9, 15)  # the morning peak: every bus of the city is out
_MARGIN_S = 2.0


@dataclass(frozen=True, slots=True)
class DemoCity:
    """One city of a demo.

    Attributes:
        agency_id: its name in topics, keys and URLs.
        gtfs: its timetable, a zip.
        positions: its recording, or None for simulated buses.
        start_s: transit time at which its buses begin, Unix seconds.
        vehicle_ids: its vehicles, one device each.
    """

    agency_id: str
    gtfs: Path
    positions: Path | None
    start_s: float
    vehicle_ids: tuple[str, ...]


def recorded_city(agency_id: str, gtfs: Path, positions: Path) -> DemoCity:
    """Describe a recording; its clock starts where the recording is in full swing.

    Raises:
        BadInput: a file is missing or cannot be read.
    """
    if not gtfs.is_file():
        raise BadInput(f"there is no timetable {gtfs}", code="no_timetable")
    facts = survey(positions)
    return DemoCity(agency_id, gtfs, positions, facts.busy_s - _MARGIN_S, tuple(facts.vehicle_ids))


def generated_city(agency_id: str, buses: int, seed: int, today: dt.date, folder: Path) -> DemoCity:
    """Generate a city, or take it from `folder` when it was generated before.

    The name of the agency chooses the size (`aktobe`, `shymkent`, `almaty`), and so does a number
    of buses that only a larger one has.
    """
    size = _size_for(agency_id, buses)
    first, last = default_service_dates(today)
    path = folder / f"{agency_id}-{size.value}-{seed}-{first:%Y%m%d}.zip"
    built = build_city(size, seed)
    zone = built.profile.timezone
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        feed = write_city(built, agency_id=agency_id, service_dates=(first, last), timezone=zone)
        part = path.with_suffix(".part")
        part.write_bytes(feed)
        part.replace(path)
    start = dt.datetime.combine(_weekday(today), _START_OF_DAY, ZoneInfo(zone))
    vehicles = tuple(f"{number:04}" for number in range(1, buses + 1))
    return DemoCity(agency_id, path, None, start.timestamp(), vehicles)


def _size_for(agency_id: str, buses: int) -> CitySize:
    for size in CitySize:
        if size.value == agency_id:
            return size
    if buses > 980:
        return CitySize.ALMATY
    return CitySize.SHYMKENT if buses > 300 else CitySize.AKTOBE


def _weekday(day: dt.date) -> dt.date:
    """Give `day`, or the Friday before a weekend."""
    return day - dt.timedelta(days=max(0, day.weekday() - 4))
