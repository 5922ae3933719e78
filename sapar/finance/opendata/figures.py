"""A month's figures as tables for the public, small counts suppressed."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from sapar.core.db import AsyncConnection, load_queries, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.opendata.suppression import TOTAL, Place, suppress, with_totals

_QUERIES = load_queries("sapar.finance.opendata")

ALL: Final = "all"
"""Route or category of totals."""
SUPPRESSED, ROUNDED = "suppressed", "rounded"
ROUNDED_TO_TIYN: Final = 10_000_000
"""To so much (100,000 tenge) the revenue of all is rounded when a route's is suppressed."""

Kind = Literal["text", "count", "money", "km"]


class Field(NamedTuple):
    """A column: its name, what it holds (money in tiyn, km in metres), and what it means."""

    name: str
    kind: Kind
    description: str


class Resource(NamedTuple):
    """A table that is published; None in a row: not published, or not known."""

    name: str
    description: str
    fields: Sequence[Field]
    rows: Sequence[Sequence[str | int | None]]


class Month(NamedTuple):
    """A month with its first and last day."""

    text: str
    first: date
    last: date


class Ridership(NamedTuple):
    """What riders of a category brought on a route."""

    boardings: int
    fares_tiyn: int
    budget_tiyn: int


_MONTH = Field("month", "text", "Month of the service days, YYYY-MM")
_ROUTE = Field("route_id", "text", "GTFS route_id; all: every route; unknown: the ride names none")
_NOTE = "empty, or suppressed: a small count, or one that would tell a small count"
RIDERSHIP_FIELDS: Final = (
    _MONTH, _ROUTE,
    Field("rider_category", "text", "Category that the fare was made for; all: every category"),
    Field("boardings", "count", "Boardings that were accepted"),
    Field("boardings_note", "text", _NOTE),
)  # fmt: skip
REVENUE_FIELDS: Final = (
    _MONTH, _ROUTE,
    Field("boardings", "count", "Boardings that were accepted"),
    Field("boardings_note", "text", _NOTE),
    Field("fares_kzt", "money", "Paid by riders, less what was given back, in tenge"),
    Field("budget_kzt", "money", "Borne by budgets for concessions, in tenge"),
    Field("revenue_note", "text", f"{_NOTE}; rounded: to 100,000 tenge for the same reason"),
)  # fmt: skip
SERVICE_FIELDS: Final = (
    _MONTH, _ROUTE,
    Field("runs_planned", "count", "Runs of the timetable"),
    Field("runs_done", "count", "Runs that were done, planned or not"),
    Field("runs_partly", "count", "Runs that were done in part"),
    Field("runs_not_done", "count", "Runs that were not done"),
    Field("km_planned", "km", "Kilometres of the planned runs"),
    Field("km_driven", "km", "Kilometres of runs done, and of the driven parts of others"),
)  # fmt: skip


def parse_month(text: str) -> Month:
    """Read a month, `2026-10`.

    Raises:
        BadInput: `bad_month`: it is none.
    """
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput(f"{text!r} is no month", code="bad_month", hint="Like 2026-10.") from None
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return Month(f"{first:%Y-%m}", first, last)


async def read_figures(
    connection: AsyncConnection, agency_id: str, month: Month, k: int
) -> tuple[str, list[Resource]]:
    """Read the agency's name and the tables of a month.

    Args:
        connection: to read from.
        agency_id: whose.
        month: all of its days are closed.
        k: the smallest count that is published.

    Raises:
        NotFound: there is no such agency.
        Refused: `day_open`: a day of the month is not closed.
    """
    names = {"agency_id": agency_id, "first": month.first, "last": month.last}
    name = await check_closed(connection, names)
    with translated():
        riders = await (await connection.execute(_QUERIES["sum_ridership"], names)).fetchall()
        service = await (await connection.execute(_QUERIES["sum_service"], names)).fetchall()
    ridership = {(row[0], row[1]): Ridership(*row[2:]) for row in riders}
    return name, resources(month.text, ridership, service, k)


async def check_closed(connection: AsyncConnection, names: Mapping[str, Any]) -> str:
    """Give the agency's name when all days of a month are closed.

    Args:
        connection: to read from.
        names: agency_id, first and last day.

    Raises:
        NotFound: there is no such agency.
        Refused: `day_open`: a day of the month is not closed.
    """
    with translated():
        row = await (await connection.execute(_QUERIES["find_agency"], names)).fetchone()
        if row is None:
            raise NotFound(f"there is no agency {names['agency_id']!r}")
        still = await (await connection.execute(_QUERIES["list_open_days"], names)).fetchone()
    if still is not None:
        raise Refused(
            f"{still[0]} is not closed",
            code="day_open",
            hint="Figures are published of closed days: sapar ticketing close.",
        )
    return str(row[0])


def resources(
    month: str,
    ridership: Mapping[tuple[str, str], Ridership],
    service: Sequence[Sequence[Any]],
    k: int,
) -> list[Resource]:
    """Make the tables of a month. Pure.

    Args:
        month: as it is written.
        ridership: by route and category.
        service: (route, planned, done, partly, not done, metres planned, metres driven).
        k: the smallest count that is published.
    """
    cells = {place: one.boardings for place, one in ridership.items()}
    table, hidden = with_totals(cells), suppress(cells, k)
    return [
        Resource(
            "ridership",
            "Boardings by route and rider category",
            RIDERSHIP_FIELDS,
            [
                (month, place[0] or ALL, place[1] or ALL, *_count(table, hidden, place))
                for place in sorted(table, key=_place_order)
            ],
        ),
        Resource(
            "revenue",
            "Boardings and revenue by route",
            REVENUE_FIELDS,
            [
                (month, route or ALL, *_count(table, hidden, (route, TOTAL)),
                 *_revenue(ridership, hidden, route))
                for route in [*sorted({route for route, _ in cells}), TOTAL]
            ],
        ),
        Resource(
            "service",
            "Runs and kilometres by route",
            SERVICE_FIELDS,
            [
                *((month, *row) for row in service),
                (month, ALL, *(sum(row[at] for row in service) for at in range(1, 7))),
            ],
        ),
    ]  # fmt: skip


def _place_order(place: Place) -> tuple[bool, str, bool, str]:
    return place[0] is TOTAL, place[0] or "", place[1] is TOTAL, place[1] or ""


def _count(table: Mapping[Place, int], hidden: set[Place], place: Place) -> tuple[int | None, str]:
    return (None, SUPPRESSED) if place in hidden else (table[place], "")


def _revenue(
    ridership: Mapping[tuple[str, str], Ridership], hidden: set[Place], route: str | None
) -> tuple[int | None, int | None, str]:
    """Give fares, budgets and a note.

    A route's money would tell its riders where fares are known; that of all routes only roughly.
    """
    rows = [one for (at, _), one in ridership.items() if route in {TOTAL, at}]
    fares, budget = sum(one.fares_tiyn for one in rows), sum(one.budget_tiyn for one in rows)
    if route is not TOTAL and any(place[0] == route for place in hidden):
        return None, None, SUPPRESSED
    if route is TOTAL and hidden:
        return _round(fares), _round(budget), ROUNDED
    return fares, budget, ""


def _round(amount_tiyn: int) -> int:
    unit = ROUNDED_TO_TIYN
    return (amount_tiyn + unit // 2) // unit * unit
