"""Addresses of the past; all need the role `viewer`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from sapar.api.document import JSON, DocumentResponse, plain_document
from sapar.api.parts import Parts
from sapar.api.replay.columns import MINUTE_S, fix_columns, visit_columns
from sapar.api.replay.expected import expected_lines
from sapar.api.replay.lines import Axis, add_drives, axis_of, plan_lines, runs_on, trips_of
from sapar.api.replay.store import BIN_S, As, Past
from sapar.api.replay.versions import PastTimetables
from sapar.core.errors import BadInput, NotFound, SaparError
from sapar.gtfs.timetable.model import Timetable, service_day_start

_YEARS = (1971, 2105)  # those that hold the moments which `_unix` takes
_SPAN_MAX_S = 26 * 3600
_NIGHT_S = 3 * 3600
_SETTLED_S = 900  # what came in later than this is seen by whoever asks anew
_KEEP = "private, max-age=3600"
_ASK = "private, no-cache"

_PARAMETERS: dict[str, tuple[tuple[str, bool, dict[str, Any]], ...]] = {
    "replay/minute": (
        ("at", True, {"type": "integer", "minimum": 1, "example": 1_732_075_330}),
        ("as", False, {"type": "string", "enum": ["was", "known"]}),
    ),
    "replay/marks": (
        ("from", True, {"type": "integer", "minimum": 1, "example": 1_732_040_400}),
        ("until", True, {"type": "integer", "minimum": 1, "example": 1_732_126_800}),
    ),
    "stringline": (
        ("route", True, {"type": "string", "example": "105"}),
        ("direction", False, {"type": "integer", "enum": [0, 1]}),
        ("date", False, {"type": "string", "format": "date"}),
    ),
}
"""What each address asks for: name, whether it must be given, schema."""

Answer = Callable[[Request], Awaitable[tuple[Any, str]]]


def make_replay_router(parts: Parts) -> APIRouter:
    """Make the router; every address stands alone and below the agency's name."""
    router = APIRouter()
    pages = ReplayPages(parts)
    guard = [Depends(parts.guard.needs("viewer"))]
    for name, answer in (
        ("replay/minute", pages.minute),
        ("replay/marks", pages.marks),
        ("stringline", pages.stringline),
    ):
        for prefix in ("", "/{agency}"):
            router.add_api_route(
                f"{prefix}/api/{name}.json",
                _answering(answer),
                methods=["GET"],
                response_model=None,
                dependencies=guard,
                name=f"{'agency_' if prefix else ''}{name}",
                summary=(answer.__doc__ or "").partition("\n")[0],
                openapi_extra={"parameters": _described(name, agency=bool(prefix))},
            )
    return router


def _described(name: str, *, agency: bool) -> list[dict[str, Any]]:
    """Give the parameters of an address for its OpenAPI description."""
    found: list[dict[str, Any]] = [
        {"name": each, "in": "query", "required": required, "schema": schema}
        for each, required, schema in _PARAMETERS[name]
    ]
    if agency:
        schema = {"type": "string"}
        found.append({"name": "agency", "in": "path", "required": True, "schema": schema})
    return found


def _answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    def pack(body: Any, keep: str) -> Response:
        encoded = msgspec.json.encode(body)
        tag = hashlib.sha256(encoded).hexdigest()[:32]
        return DocumentResponse(plain_document(JSON, tag, "", keep, encoded))

    async def endpoint(request: Request) -> Response:
        return await asyncio.to_thread(pack, *await answer(request))

    return endpoint


class ReplayPages:
    """One method an address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._past = Past(parts.pool, parts.settings.future_clock_max_s)
        self._timetables = PastTimetables(parts, self._past)

    async def minute(self, request: Request) -> tuple[Any, str]:
        """Where all buses were during a minute, as known then or as it was."""
        agency = self._parts.known(self._parts.agency_id(request))
        since_s = _unix(request, "at") // MINUTE_S * MINUTE_S
        known_as = _as(request)
        now_s, zone = self._parts.clock.time(), ZoneInfo(agency.timezone)
        (start, fixes), visits = await asyncio.gather(
            self._past.fixes(agency.agency_id, since_s, known_as),
            self._past.visits(agency.agency_id, since_s, zone, now_s),
        )
        names = await self._trip_names(agency.agency_id)

        def make() -> dict[str, Any]:
            numbers: dict[str, int] = {}
            around = visits.around(since_s * 1000, (since_s + MINUTE_S) * 1000)
            columns = {
                "start": fix_columns(start, numbers, since_s),
                "fixes": fix_columns(fixes, numbers, since_s),
                **visit_columns(around, numbers, since_s, names, zone),
            }
            return {
                "from_s": since_s,
                "until_s": since_s + MINUTE_S,
                "as": known_as,
                "complete": now_s >= since_s + MINUTE_S,
                "vehicles": list(numbers),
                **columns,
            }

        settled = now_s > since_s + MINUTE_S + _SETTLED_S
        return await asyncio.to_thread(make), _KEEP if settled else _ASK

    async def _trip_names(self, agency_id: str) -> dict[str, tuple[int | None, str | None]]:
        try:
            plan = await self._parts.timetables.plan(agency_id)
        except NotFound:
            return {}
        return await plan.derive("trip_names", lambda made: _names(made.timetable))

    async def marks(self, request: Request) -> tuple[Any, str]:
        """When devices were heard, and which alarms were raised, in a span of a day at most."""
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        since_s, until_s = _unix(request, "from"), _unix(request, "until")
        if not 0 < until_s - since_s <= _SPAN_MAX_S:
            raise BadInput("A span ends after it begins, within 26 hours.", code="invalid_span")
        since_s -= since_s % BIN_S
        heard, alarms = await asyncio.gather(
            self._past.heard(agency_id, since_s, until_s),
            self._past.alarms(agency_id, since_s, until_s),
        )
        names = ("raised_s", "cleared_s", "kind", "priority", "vehicle_id", "route_id")
        return {
            "from_s": since_s,
            "until_s": until_s,
            "bin_s": BIN_S,
            "heard": heard,
            "alarms": [dict(zip(names, row, strict=True)) for row in alarms],
        }, _ASK

    async def stringline(self, request: Request) -> tuple[Any, str]:
        """The runs of a route and direction on a day: planned, driven, and what is expected."""
        agency = self._parts.known(self._parts.agency_id(request))
        route_id = request.query_params.get("route", "")
        direction = _direction(request)
        now_s, zone = self._parts.clock.time(), ZoneInfo(agency.timezone)
        # runs after midnight belong to the day before
        day = _date(request, datetime.fromtimestamp(now_s - _NIGHT_S, zone).date())
        timetable = await self._timetables.get(agency.agency_id, day)
        if route_id not in timetable.routes.index:
            raise NotFound(
                f"The timetable of {day} has no route {route_id!r}.",
                code="no_such_route",
                hint="/api/network.geojson lists the routes of today.",
            )
        trips = trips_of(timetable, route_id, direction)
        runs = runs_on(timetable, trips, day)
        axis = axis_of(timetable, trips, runs)
        start_s = service_day_start(day, timetable.timezone)
        lines = plan_lines(timetable, axis, runs)
        ids = [timetable.trips.ids[trip] for trip in trips.tolist()]
        visits = await self._past.visits_of_trips(agency.agency_id, day, ids)
        add_drives(lines, timetable, axis, visits, start_s)
        return {
            "route_id": route_id,
            "direction": None if direction < 0 else direction,
            "directions": _directions(timetable, route_id),
            "date": day.isoformat(),
            "day_start_s": start_s,
            "now_s": round(now_s - start_s, 1),
            "feed_version": timetable.feed_version,
            "stops": _stops(timetable, axis),
            "runs": lines,
            "expected": await self._expected(
                agency.agency_id, timetable, axis, trips, day, start_s
            ),
        }, _ASK

    async def _expected(
        self,
        agency_id: str,
        timetable: Timetable,
        axis: Axis,
        trips: Any,
        day: date,
        start_s: float,
    ) -> list[dict[str, Any]]:
        """Give the lines that the newest tick expects; a day that is over has none."""
        if not -3600 < self._parts.clock.time() - start_s < 40 * 3600:
            return []
        try:
            now = await self._parts.live.get(agency_id)
        except SaparError:
            return []
        if now.live is None or now.plan.timetable is not timetable:
            return []
        wanted = set(np.asarray(trips).tolist())
        return await asyncio.to_thread(
            expected_lines, now.live, timetable, axis, wanted, day, start_s
        )


def _names(timetable: Timetable) -> dict[str, tuple[int | None, str | None]]:
    trips = timetable.trips
    directions = [None if value < 0 else value for value in trips.direction.tolist()]
    return dict(zip(trips.ids, zip(directions, trips.headsigns, strict=True), strict=True))


def _directions(timetable: Timetable, route_id: str) -> list[dict[str, Any]]:
    """List the directions of a route with the headsign that most of their trips have."""
    trips = timetable.trips
    mine = np.flatnonzero(trips.route_idx == timetable.routes.index[route_id])
    found = []
    for direction in np.unique(trips.direction[mine]).tolist():
        signs = [trips.headsigns[t] for t in mine[trips.direction[mine] == direction].tolist()]
        headsign = max(sorted(set(signs)), key=signs.count)
        found.append({"direction": None if direction < 0 else direction, "headsign": headsign})
    return found


def _stops(timetable: Timetable, axis: Axis) -> list[dict[str, Any]]:
    stops = timetable.stops
    return [
        {"stop_id": stops.ids[stop], "name": stops.names[stop], "along": round(along, 5)}
        for stop, along in zip(axis.stops.tolist(), axis.along.tolist(), strict=True)
    ]


def _unix(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    try:
        value = int(float(text))
    except (ValueError, OverflowError):
        value = -1
    if not 0 < value < 1 << 32:
        raise BadInput(
            f"{name!r} is no Unix time in seconds.", code="invalid_time", hint="The city's time."
        )
    return value


def _as(request: Request) -> As:
    text = request.query_params.get("as", "was")
    if text not in {"was", "known"}:
        raise BadInput("'as' is 'was' or 'known'.", code="invalid_as")
    return cast("As", text)


def _direction(request: Request) -> int:
    text = request.query_params.get("direction", "")
    if text not in {"", "0", "1"}:
        raise BadInput("A direction is 0 or 1, or left out.", code="invalid_direction")
    return int(text) if text else -1


def _date(request: Request, today: date) -> date:
    text = request.query_params.get("date", "")
    if not text:
        return today
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        asked = date.min
    if not _YEARS[0] <= asked.year <= _YEARS[1]:
        raise BadInput("A date is YYYY-MM-DD.", code="invalid_date")
    return asked
