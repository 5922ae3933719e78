"""Every address, in one list; those of an agency stand alone too and then mean the default one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sapar.api.access.guard import Dependency
from sapar.api.catalogue import Version
from sapar.api.document import (
    GEOJSON,
    ZIP,
    Document,
    DocumentResponse,
    http_date,
    plain_document,
)
from sapar.api.errors import not_now
from sapar.api.network import Network, RouteRow, StopRow, encode_network
from sapar.api.parts import FEED_ROUTE, FEEDS, Parts
from sapar.core.errors import NotFound, SaparError
from sapar.gtfs.realtime.tick import FLEET

_ASK_FIRST = "no-cache"  # keep it, but ask each time: a new timetable must be seen at once
_NO_STORE = {"cache-control": "no-store"}
_PING_TIMEOUT_S = 2.0

Handler = Callable[[Request], Awaitable[Response]]


def make_plain_router(parts: Parts) -> APIRouter:
    """Make the router of the addresses that answer from this process alone, so always."""
    router = APIRouter()
    answers = Answers(parts)
    for path, handler in (
        ("/healthz", answers.alive),
        ("/metrics", answers.metrics),
        ("/api/agencies.json", answers.agencies),
        ("/assets/{file:path}", answers.asset),
    ):
        _add(router, path, handler)
    return router


def make_router(parts: Parts) -> APIRouter:
    """Make the router of the feeds, the timetable, the first page and the live state."""
    router = APIRouter()
    answers = Answers(parts)
    _add(router, "/readyz", answers.ready)
    for path, handler in (
        (FEED_ROUTE, answers.feed),
        ("/gtfs.zip", answers.timetable),
        ("/api/network.geojson", answers.network),
        ("/", answers.page),
        ("/console/{room}", answers.room),
    ):
        _add(router, path, handler)
        _add(router, "/{agency}" + path, handler, agency=True)
    viewer = parts.guard.needs("viewer")
    for path, handler in (
        ("/api/fleet.json", answers.fleet),
        ("/api/status.json", answers.status),
    ):
        _add(router, path, handler, viewer)
        _add(router, "/{agency}" + path, handler, viewer, agency=True)
    _add(router, "/{agency}", answers.page_address, agency=True)
    return router


def _add(
    router: APIRouter,
    path: str,
    handler: Handler,
    dependency: Dependency | None = None,
    *,
    agency: bool = False,
) -> None:
    """Add a path for GET and HEAD; the OpenAPI description names GET alone."""
    names = [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]
    described = {
        "operationId": ("agency_" if agency else "") + handler.__name__,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ],
    }
    dependencies = [] if dependency is None else [Depends(dependency)]
    router.add_api_route(
        path,
        handler,
        methods=["GET"],
        response_class=Response,
        response_model=None,
        summary=(handler.__doc__ or "").partition("\n")[0],
        openapi_extra=described,
        dependencies=dependencies,
    )
    router.add_api_route(
        path,
        handler,
        methods=["HEAD"],
        response_model=None,
        include_in_schema=False,
        dependencies=dependencies,
    )


class Answers:
    """One method per address; what stays the same for a version or a tick is made once for it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # -- for those who run it -----------------------------------------------------------------

    async def alive(self, _request: Request) -> Response:
        """Whether this process answers at all."""
        return JSONResponse({"status": "alive"}, headers=_NO_STORE)

    async def ready(self, _request: Request) -> Response:
        """Whether requests should be sent here: the database answers, each agency is current."""
        database = await self._database_state()
        ticks = {agency_id: self._tick_state(agency_id) for agency_id in self._expected()}
        ready = database == "ok" and bool(ticks) and all(t["ok"] for t in ticks.values())
        body: dict[str, Any] = {
            "status": "ready" if ready else "not_ready",
            "database": database,
            "agencies": ticks,
        }
        if not ready:
            body["error"] = {
                "code": "not_ready",
                "message": _why_not_ready(database, ticks),
                "hint": "The members beside say which part is missing.",
            }
        if ready:
            return JSONResponse(body, 200, _NO_STORE)
        return JSONResponse(body, 503, {**_NO_STORE, **not_now("not_ready")})

    async def metrics(self, _request: Request) -> Response:
        """Counters and gauges for Prometheus."""
        self._parts.hub.observe()
        return Response(
            self._parts.metrics.render(),
            headers=_NO_STORE,
            media_type="text/plain; version=0.0.4; charset=utf-8",
        )

    async def _database_state(self) -> str:
        try:
            async with asyncio.timeout(_PING_TIMEOUT_S):
                await self._parts.catalogue.fetch("ping")
        except TimeoutError:
            return f"no answer within {_PING_TIMEOUT_S:.0f} s"
        except SaparError as exc:
            return exc.code
        return "ok"

    def _expected(self) -> list[str]:
        """Agencies that must be current: those with a timetable, and those that were once."""
        agencies = self._parts.catalogue.agencies.values()
        with_timetable = {agency.agency_id for agency in agencies if agency.version is not None}
        return sorted(with_timetable | set(self._parts.hub.held))

    def _tick_state(self, agency_id: str) -> dict[str, Any]:
        held = self._parts.hub.held.get(agency_id)
        if held is None:
            return {"ok": False, "age_s": None}
        age_s = held.age_s()
        return {"ok": age_s <= self._parts.settings.tick_age_max_s, "age_s": round(age_s, 3)}

    # -- feeds --------------------------------------------------------------------------------

    async def feed(self, request: Request) -> Response:
        """A GTFS-realtime feed, as protobuf (`.pb`) or JSON (`.json`)."""
        name = request.path_params["feed"]
        if name not in FEEDS:
            raise NotFound(
                f"There is no feed {name!r}.",
                code="no_such_feed",
                hint=f"There are {', '.join(sorted(FEEDS))}.",
            )
        return DocumentResponse(self._parts.body(self._parts.agency_id(request), name))

    async def timetable(self, request: Request) -> Response:
        """The agency's active timetable, as the very zip that was imported."""
        agency_id = self._parts.agency_id(request)
        self._parts.known(agency_id)

        async def make(version: Version) -> Document:
            rows = await self._parts.catalogue.fetch(
                "find_zip", agency_id=agency_id, version_no=version.version_no
            )
            if not rows:
                raise NotFound("The timetable has just been dropped.", code="no_timetable")
            return plain_document(
                ZIP,
                version.digest,
                http_date(version.activated_s),
                _ASK_FIRST,
                rows[0][0],
                compress=False,
                extra=(("content-disposition", f'attachment; filename="{agency_id}.zip"'),),
            )

        return DocumentResponse(await self._parts.catalogue.document("zip", agency_id, make))

    # -- for the pages ------------------------------------------------------------------------

    async def agencies(self, _request: Request) -> Response:
        """The agencies of this deployment, and what a page must know of it."""
        parts = self._parts
        listed = [
            {
                "agency_id": a.agency_id,
                "name": a.name,
                "timezone": a.timezone,
                "has_timetable": a.version is not None,
            }
            for a in parts.catalogue.agencies.values()
        ]
        body = {
            "default": parts.settings.agency,
            "map_style_url": parts.settings.map_style_url,
            "rate": parts.clock.rate,
            "agencies": listed,
        }
        return JSONResponse(body, headers=_NO_STORE)

    async def fleet(self, request: Request) -> Response:
        """All vehicles heard in the last half hour, with trip, delay and age."""
        return DocumentResponse(self._parts.body(self._parts.agency_id(request), f"{FLEET}.json"))

    async def network(self, request: Request) -> Response:
        """Routes and stops as GeoJSON."""
        agency_id = self._parts.agency_id(request)
        self._parts.known(agency_id)

        async def make(version: Version) -> Document:
            return await self._make_network(agency_id, version)

        return DocumentResponse(await self._parts.catalogue.document("network", agency_id, make))

    async def _make_network(self, agency_id: str, version: Version) -> Document:
        routes, stops, shapes, stop_lines = await self._parts.catalogue.fetch_whole(
            "list_routes",
            "list_stops",
            "list_route_shapes",
            "list_route_stop_lines",
            agency_id=agency_id,
            version_no=version.version_no,
        )

        def encode() -> Document:
            network = Network(
                routes=[RouteRow(*row) for row in routes],
                stops=[StopRow(*row) for row in stops],
                shapes=[(row[0], row[1], row[2]) for row in shapes],
                stop_lines=[(row[0], row[1], row[2]) for row in stop_lines],
            )
            body = encode_network(network, version.feed_version)
            return plain_document(
                GEOJSON, version.digest, http_date(version.activated_s), _ASK_FIRST, body
            )

        return await asyncio.to_thread(encode)

    async def status(self, request: Request) -> Response:
        """How current the agency's state is, and by which timetable."""
        parts = self._parts
        agency = parts.known(parts.agency_id(request))
        held = parts.hub.held.get(agency.agency_id)
        version = agency.version
        body = {
            "agency_id": agency.agency_id,
            "name": agency.name,
            "timezone": agency.timezone,
            "time_s": round(parts.clock.time(), 3),
            "wall_s": round(parts.clock.wall(), 3),
            "rate": parts.clock.rate,
            "tick": None
            if held is None
            else {
                "term": held.tick.term,
                "tick": held.tick.tick,
                "time_s": held.tick.time_s,
                "wall_s": held.tick.wall_s,
                "age_s": round(held.age_s(), 3),
                "feed_version": held.tick.feed_version,
                "bytes": {name: body.size for name, body in held.tick.bodies.items()},
            },
            "timetable": None
            if version is None
            else {
                "version_no": version.version_no,
                "feed_version": version.feed_version,
                "digest": version.digest,
                "activated_s": version.activated_s,
            },
        }
        return JSONResponse(body, headers=_NO_STORE)

    async def page(self, request: Request) -> Response:
        """The live page."""
        agency_id = self._parts.agency_id(request)
        if agency_id != self._parts.settings.agency:
            self._parts.known(agency_id)
        return DocumentResponse(self._parts.front_end.index())

    async def room(self, request: Request) -> Response:
        """A room of the console: the same page, which reads the room from its address."""
        return await self.page(request)

    async def page_address(self, request: Request) -> Response:
        """The page of an agency, with the slash that its address ends in."""
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        return RedirectResponse(f"/{agency_id}/", 308)

    async def asset(self, request: Request) -> Response:
        """A file of the pages: script, style or font."""
        return DocumentResponse(self._parts.front_end.asset(request.path_params["file"]))


def _why_not_ready(database: str, ticks: dict[str, dict[str, Any]]) -> str:
    if database != "ok":
        return f"The database does not answer ({database})."
    late = [agency_id for agency_id, tick in ticks.items() if not tick["ok"]]
    if late:
        return f"No current state of: {', '.join(late)}."
    return "There is no agency with a timetable or a state."
