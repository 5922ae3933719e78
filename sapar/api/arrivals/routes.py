"""The addresses for passengers: stops, their boards, buses in service."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from sapar.api.arrivals import examples
from sapar.api.arrivals.answers import encode_board, encode_vehicle
from sapar.api.arrivals.live import Now
from sapar.api.arrivals.stream import BoardStream, OpenStreams
from sapar.api.document import JSON, Document, DocumentResponse, http_date, plain_document
from sapar.api.lazy import Lazy
from sapar.api.parts import Parts
from sapar.api.rider.turnstile import address_of
from sapar.core.errors import NotFound

BEFORE_MIN, AFTER_MIN, LIMIT = 5, 60, 60
BEFORE_STEPS, AFTER_STEPS, LIMIT_STEPS = (0, 5, 30), (30, 60, 90, 120), (20, 40, 60, 100)
"""Spans of streamed boards in minutes, and their lengths: what is asked is rounded up to these."""
RIDER_SPAN = (5, 90, 40)
"""What the rider's page asks for, with script and without: steps, so nothing is rounded."""
_CACHE = "public, max-age=1"
_ASK_FIRST = "no-cache"
_FOUND_MAX = 50

StopId = Annotated[str, Path(description="stop_id of stops.txt.", examples=["S0001"])]
Before = Annotated[int, Query(ge=0, le=60, description="Minutes that the board reaches back.")]
After = Annotated[int, Query(ge=1, le=1440, description="Minutes that the board reaches ahead.")]
Limit = Annotated[int, Query(ge=1, le=500, description="Arrivals at most.")]

Handler = Callable[..., Awaitable[Response]]


def make_arrivals_router(parts: Parts) -> APIRouter:
    """Make the router of what passengers ask."""

    def agency_is_known(request: Request) -> None:
        parts.known(parts.agency_id(request))  # said before what is wrong with the query

    router = APIRouter(tags=["passengers"], dependencies=[Depends(agency_is_known)])
    answers = ArrivalAnswers(parts)
    for path, handler, example in (
        ("/api/stops/near", answers.near, examples.NEAR),
        ("/api/stops/search", answers.search, examples.SEARCH),
        ("/api/stops/{stop_id}/arrivals", answers.arrivals, examples.BOARD),
        ("/api/vehicles/{vehicle_id}", answers.vehicle, examples.VEHICLE),
    ):
        _add(router, path, handler, {JSON: {"example": example}})
    events = {"text/event-stream": {"example": examples.EVENT}}
    _add(router, "/api/stops/{stop_id}/arrivals/stream", answers.stream, events, head=False)
    return router


def _add(
    router: APIRouter, path: str, handler: Handler, content: dict[str, Any], *, head: bool = True
) -> None:
    """Add an address alone and below an agency; only GET is in the description."""
    agency = {"name": "agency", "in": "path", "required": True, "schema": {"type": "string"}}
    for prefix, extra in (("", {}), ("/{agency}", {"parameters": [agency]})):
        router.add_api_route(
            prefix + path,
            handler,
            methods=["GET"],
            response_class=Response,
            response_model=None,
            summary=(handler.__doc__ or "").partition("\n")[0],
            operation_id=("agency_" if prefix else "") + "stops_" + handler.__name__,
            responses={200: {"content": content}, **examples.ERRORS},
            openapi_extra=extra,
        )
        if head:
            router.add_api_route(
                prefix + path, handler, methods=["HEAD"], include_in_schema=False,
                response_model=None,
            )  # fmt: skip


class ArrivalAnswers:
    """One method per address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams = OpenStreams()

    async def arrivals(
        self,
        request: Request,
        stop_id: StopId,
        minutes_before: Before = BEFORE_MIN,
        minutes_after: After = AFTER_MIN,
        limit: Limit = LIMIT,
    ) -> Response:
        """When buses come to a stop, and how sure that is."""
        now = await self._now(request)
        find_stop(now, stop_id)
        return DocumentResponse(
            board_document(now, stop_id, (minutes_before, minutes_after, limit))
        )

    async def stream(
        self,
        request: Request,
        stop_id: StopId,
        minutes_before: Before = BEFORE_MIN,
        minutes_after: After = AFTER_MIN,
        limit: Limit = LIMIT,
    ) -> Response:
        """The board of a stop as server-sent events, whenever it changes."""
        now = await self._now(request)
        find_stop(now, stop_id)
        network = address_of(request)
        self._streams.check(network)
        # few spans, so that readers share boards: each is made anew every tick
        asked = (
            _step(minutes_before, BEFORE_STEPS),
            _step(minutes_after, AFTER_STEPS),
            _step(limit, LIMIT_STEPS),
        )

        def board(at: Now) -> bytes | None:
            if stop_id not in at.plan.timetable.stops.index:
                return None
            document = board_document(at, stop_id, asked)
            return document.plain.ready

        agency_id = now.agency.agency_id
        opened = self._streams.opened(network)
        stopping = self._parts.streams.stopping
        return BoardStream(self._parts.live, agency_id, now, board, opened, stopping)

    async def near(
        self,
        request: Request,
        lat: Annotated[float, Query(ge=-90, le=90, examples=[50.28])],
        lon: Annotated[float, Query(ge=-180, le=180, examples=[57.17])],
        radius_m: Annotated[float, Query(gt=0, le=5000, description="Metres around it.")] = 500,
    ) -> Response:
        """The stops around a place, nearest first."""
        places = (await self._now(request)).places
        found = places.near(lat, lon, radius_m)[:_FOUND_MAX]
        return await self._stops(request, [row for row, _ in found], [m for _, m in found])

    async def search(
        self,
        request: Request,
        q: Annotated[str, Query(min_length=1, max_length=100, examples=["базар"])],
    ) -> Response:
        """The stops whose code or name is typed, best first."""
        places = (await self._now(request)).places
        return await self._stops(request, places.search(q)[:_FOUND_MAX], None)

    async def vehicle(
        self,
        request: Request,
        vehicle_id: Annotated[str, Path(description="Its id in the feeds.", examples=["204"])],
    ) -> Response:
        """A bus in service: where it is, what it drives, how full it is, when it comes where."""
        now = await self._now(request)
        live = now.live
        fix = None if live is None else live.vehicles.get(vehicle_id)
        if live is None or fix is None or fix.trip_id is None:
            raise NotFound(
                f"There is no vehicle {vehicle_id!r} in service.",
                code="no_such_vehicle",
                hint="Arrivals name the vehicles that are on their way.",
            )
        key = ("vehicle", vehicle_id)
        document = now.kept.find(key) or now.kept.make(
            key, lambda: _document(now, encode_vehicle(now, live, vehicle_id))
        )
        return DocumentResponse(document)

    async def _now(self, request: Request) -> Now:
        agency_id = self._parts.agency_id(request)
        self._parts.known(agency_id)
        return await self._parts.live.get(agency_id)

    async def _stops(
        self, request: Request, rows: list[int], metres: list[float] | None
    ) -> Response:
        now = await self._now(request)
        listed = [msgspec.to_builtins(now.places.stops[row]) for row in rows]
        if metres is not None:
            for stop, distance in zip(listed, metres, strict=True):
                stop["distance_m"] = round(distance)
        names = {route_id for stop in listed for route_id in stop["route_ids"]}
        index = now.plan.timetable.routes.index
        body = {
            "stops": listed,
            "routes": [now.places.routes[row] for row in sorted(index[name] for name in names)],
        }
        content = msgspec.json.encode(body)
        modified = http_date(now.plan.version.activated_s)
        return DocumentResponse(
            plain_document(JSON, _digest(content), modified, _ASK_FIRST, content)
        )


def _step(value: int, steps: tuple[int, ...]) -> int:
    """Give the smallest step that is no less, or the last one."""
    return next((step for step in steps if step >= value), steps[-1])


def find_stop(now: Now, stop_id: str) -> int:
    """Give the row of a stop.

    Raises:
        NotFound: the timetable has none of this id.
    """
    row = now.plan.timetable.stops.index.get(stop_id)
    if row is None:
        raise NotFound(
            f"There is no stop {stop_id!r}.",
            code="no_such_stop",
            hint="/api/stops/near and /api/stops/search list stops.",
        )
    return row


def board_document(now: Now, stop_id: str, asked: tuple[int, int, int]) -> Document:
    """Give a stop's board for (minutes before, minutes after, limit): made once a tick."""
    key = ("board", stop_id, asked)
    return now.kept.find(key) or now.kept.make(key, lambda: _board(now, stop_id, asked))


def board_at_hand(now: Now, stop_id: str, asked: tuple[int, int, int]) -> Document:
    """Give the same; while many ask for boards that are not made yet, that of the tick before."""
    key = ("board", stop_id, asked)
    return now.kept.find_or_make(key, lambda: _board(now, stop_id, asked))


def _board(now: Now, stop_id: str, asked: tuple[int, int, int]) -> Document:
    before, after, limit = asked
    stop = find_stop(now, stop_id)
    return _document(now, encode_board(now, stop, 60.0 * before, 60.0 * after, limit))


def _document(now: Now, body: bytes) -> Document:
    def packed() -> bytes:
        return gzip.compress(body, 1, mtime=0)  # 8 kB: less than going to a thread costs

    held = now.held
    return Document(
        JSON,
        _digest(body),
        "",
        _CACHE,
        plain=Lazy.of(body),
        gzip=Lazy.here(packed),
        age_s=None if held is None else held.age_s,
    )


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
