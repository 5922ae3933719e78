"""Agencies: the cities of this deployment."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sapar.contract.checks import Area
from sapar.contract.topics import AGENCY_PATTERN
from sapar.core.db import Connection, load_queries, translated
from sapar.core.errors import BadInput, NotFound
from sapar.fleet.registry import AgencyEntry

_QUERIES = load_queries("sapar.fleet")


def ensure_agency(
    connection: Connection, agency_id: str, *, name: str | None = None, timezone: str | None = None
) -> None:
    """Add an agency unless it is there; bring its name and time zone up to date where given.

    Args:
        connection: the caller commits.
        agency_id: its name in topics, keys and URLs: at most 32 of a-z, 0-9 and `-`.
        name: its name for people; a new agency without one is called by its id.
        timezone: IANA name; UTC for a new agency without one.

    Raises:
        BadInput: the id is malformed (`agency_id`) or there is no such time zone (`timezone`).
    """
    if re.fullmatch(AGENCY_PATTERN, agency_id) is None:
        raise BadInput(
            f"agency {agency_id!r} is not a name of at most 32 of a-z, 0-9 and -", code="agency_id"
        )
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadInput(
                f"there is no time zone {timezone!r}",
                code="timezone",
                hint="Use an IANA name such as Asia/Almaty.",
            ) from None
    values = {"agency_id": agency_id, "name": name, "timezone": timezone}
    with translated():
        connection.execute(_QUERIES["upsert_agency"], values)


def set_area(connection: Connection, agency_id: str, area: Area | None) -> None:
    """Set the box that the agency's vehicles stay in; None lets every position in.

    Raises:
        NotFound: there is no such agency (`unknown_agency`).
    """
    values = {
        "agency_id": agency_id,
        "min_latitude": area.min_latitude if area else None,
        "min_longitude": area.min_longitude if area else None,
        "max_latitude": area.max_latitude if area else None,
        "max_longitude": area.max_longitude if area else None,
    }
    with translated():
        row = connection.execute(_QUERIES["set_agency_area"], values).fetchone()
    if row is None:
        raise unknown_agency(agency_id)


def list_agencies(connection: Connection) -> list[AgencyEntry]:
    """All agencies by id."""
    with translated():
        return [AgencyEntry.of_row(row) for row in connection.execute(_QUERIES["list_agencies"])]


def get_agency(connection: Connection, agency_id: str) -> AgencyEntry:
    """Give one agency.

    Raises:
        NotFound: there is none (`unknown_agency`).
    """
    with translated():
        row = connection.execute(_QUERIES["find_agency"], {"agency_id": agency_id}).fetchone()
    if row is None:
        raise unknown_agency(agency_id)
    return AgencyEntry.of_row(row)


def unknown_agency(agency_id: str) -> NotFound:
    """Make the error that says that there is no such agency."""
    return NotFound(
        f"there is no agency {agency_id!r}",
        code="unknown_agency",
        hint=f"Add it: sapar agencies add {agency_id} --timezone Asia/Almaty",
    )
