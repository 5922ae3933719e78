"""Depots and the vehicles that are at home there: read from a CSV, stored, told to the engine.

A timetable knows nothing of depots. The file is the whole list: what it does not name is no more.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sapar.core.db import Connection, Pool, load_queries, translated
from sapar.core.errors import BadInput
from sapar.fleet.agencies import get_agency

_QUERIES = load_queries("sapar.fleet")
COLUMNS: Final = ("depot", "name", "latitude", "longitude", "vehicles")
"""Columns of the CSV; `vehicles` are separated by semicolons."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Depot:
    """A depot.

    Attributes:
        depot_id: its name in addresses; name: what people call it.
        latitude, longitude: its middle, WGS84 degrees.
        vehicle_ids: who is at home there.
    """

    depot_id: str
    name: str
    latitude: float
    longitude: float
    vehicle_ids: tuple[str, ...]


def read_depots(text: str) -> list[Depot]:
    """Read the CSV.

    Raises:
        BadInput: a column is missing, a line makes no sense, or a depot or vehicle stands twice.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\N{BYTE ORDER MARK}")))
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise BadInput(f"columns are missing: {', '.join(sorted(missing))}", code="columns")
    depots: list[Depot] = []
    homes: dict[str, str] = {}
    for row in reader:
        depot = _read_row(row, reader.line_num)
        if any(depot.depot_id == other.depot_id for other in depots):
            raise _bad(reader.line_num, f"depot {depot.depot_id} stands twice")
        for vehicle_id in depot.vehicle_ids:
            other = homes.setdefault(vehicle_id, depot.depot_id)
            if other != depot.depot_id:
                raise _bad(reader.line_num, f"vehicle {vehicle_id} is at home in {other} already")
        depots.append(depot)
    return depots


def _read_row(row: dict[str, str], line: int) -> Depot:
    found = {name: (row[name] or "").strip() for name in COLUMNS}
    if not _ID.fullmatch(found["depot"]):
        raise _bad(line, f"{found['depot']!r} is no name: 1 to 32 letters, digits, - and _")
    try:
        latitude, longitude = float(found["latitude"]), float(found["longitude"])
    except ValueError:
        raise _bad(line, "the place is no pair of numbers") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise _bad(line, "the place is not in degrees")
    named = (name.strip() for name in found["vehicles"].split(";"))
    vehicle_ids = tuple(dict.fromkeys(name for name in named if name))
    return Depot(found["depot"], found["name"] or found["depot"], latitude, longitude, vehicle_ids)


def _bad(line: int, message: str) -> BadInput:
    return BadInput(f"line {line}: {message}", code="bad_depot")


def replace_depots(connection: Connection, agency_id: str, depots: Sequence[Depot]) -> None:
    """Store the depots of an agency in place of those before; the engine follows within seconds.

    Raises:
        NotFound: there is no such agency.
    """
    get_agency(connection, agency_id)
    with translated(), connection.transaction():
        connection.execute(_QUERIES["delete_depots"], {"agency_id": agency_id})
        cursor = connection.cursor()
        cursor.executemany(
            _QUERIES["insert_depot"],
            [
                {
                    "agency_id": agency_id,
                    "depot_id": depot.depot_id,
                    "name": depot.name,
                    "latitude": depot.latitude,
                    "longitude": depot.longitude,
                    "vehicle_ids": list(depot.vehicle_ids),
                }
                for depot in depots
            ],
        )


async def list_depots(pool: Pool, agency_id: str) -> list[Depot]:
    """List the depots of an agency, by name.

    Raises:
        Unavailable: the database does not answer.
    """
    with translated():
        async with pool.connection() as connection:
            cursor = await connection.execute(_QUERIES["list_depots"], {"agency_id": agency_id})
            rows = await cursor.fetchall()
    return [
        Depot(depot_id, name, latitude, longitude, tuple(vehicle_ids))
        for depot_id, name, latitude, longitude, vehicle_ids in rows
    ]
