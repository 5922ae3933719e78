"""From a size and a seed to a GTFS zip."""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sapar.core.errors import BadInput
from sapar.simulators.city.city import City, build_city
from sapar.simulators.city.feed import feed_files
from sapar.simulators.city.sizes import CitySize
from sapar.simulators.city.table import zip_files

_AGENCY_ID = re.compile(r"[a-z0-9-]{1,32}")


def generate_city(
    size: CitySize | str,
    seed: int,
    *,
    agency_id: str,
    service_dates: tuple[date, date],
    timezone: str | None = None,
) -> bytes:
    """Generate a synthetic city as a GTFS zip.

    Args:
        size: which city's fleet it shall equal.
        seed: any whole number; another seed gives another city.
        agency_id: the deployment's name of the agency (`[a-z0-9-]{1,32}`). It shows in the
            addresses of the agency and publisher alone: two agencies with the same size and seed
            share every id.
        service_dates: first and last day of service, both included.
        timezone: name from the tz database; None takes that of the real city.

    Returns:
        The zip; the same arguments always give the same bytes.

    Raises:
        BadInput: no such size or time zone, an agency id of the wrong form, or dates in the wrong
            order.
    """
    return write_city(
        build_city(size, seed),
        agency_id=agency_id,
        service_dates=service_dates,
        timezone=timezone,
    )


def write_city(
    city: City, *, agency_id: str, service_dates: tuple[date, date], timezone: str | None = None
) -> bytes:
    """Write a city that is built already; arguments and errors as in `generate_city`."""
    if not _AGENCY_ID.fullmatch(agency_id):
        raise BadInput(
            f"agency id {agency_id!r} is not 1 to 32 of a-z, 0-9 and -", code="bad_agency_id"
        )
    first, last = service_dates
    if last < first:
        raise BadInput(f"service ends ({last}) before it begins ({first})", code="bad_dates")
    zone = timezone or city.profile.timezone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"there is no time zone {zone!r}", code="bad_timezone") from None
    return zip_files(feed_files(city, agency_id, service_dates, zone))
