"""The addresses of the passenger's side; docs/rider.md and docs/api.md describe them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from sapar.api.arrivals.answers import BoardShown, encode_board
from sapar.api.arrivals.live import Now
from sapar.api.arrivals.routes import RIDER_SPAN
from sapar.api.document import DocumentResponse, accepts_gzip
from sapar.api.parts import Parts
from sapar.api.rider import alerts, html, places, rides, shell
from sapar.api.rider.cards import CardDesk
from sapar.api.rider.filing import BODY_BYTES_MAX, Filing
from sapar.api.rider.turnstile import address_of, read_body
from sapar.api.rider.words import WORDS, Language, choose_language
from sapar.core.errors import BadInput, NotFound

LANGUAGE_COOKIE = "sapar_rider_lang"
_REFRESH_S = 30
_NO_STORE = {"cache-control": "no-store"}
_ENCODER = msgspec.json.Encoder()

Handler = Callable[..., Awaitable[Response]]


def make_rider_router(parts: Parts, filing: Filing) -> APIRouter:
    """Make the router; it goes before the one that takes `/{agency}`, which `/rider` also fits."""
    router = APIRouter(tags=["rider"])
    pages, answers = RiderPages(parts), RiderAnswers(parts, filing)
    asked: tuple[tuple[str, Handler], ...] = (
        ("/api/rider/stops", answers.stops),
        ("/api/rider/trips/{trip_id:path}", answers.trip),
        ("/api/rider/rides/{trip_id:path}", answers.ride),
        ("/api/rider/alerts", answers.alerts),
        ("/api/rider/alerts/{alert_id:path}", answers.alert),
        ("/api/rider/reports/{code}", answers.follow),
    )
    for path, handler in asked:
        _add(router, path, handler)
    _add(router, "/api/rider/reports", answers.file, method="POST", body=_REPORT_EXAMPLE)
    _add(router, "/api/rider/card", answers.card, method="POST", body=_CARD_EXAMPLE)
    # last: `/{agency}/rider/…` also fits `/api/rider/…`
    shown: tuple[tuple[str, Handler], ...] = (
        ("/rider", pages.home),
        ("/rider/", pages.home),
        ("/rider/sw.js", pages.worker),
        ("/rider/manifest.webmanifest", pages.manifest),
        ("/rider/icon.svg", pages.icon),
        ("/rider/icon-{size}.png", pages.icon),
        ("/rider/stop/{stop_id:path}", pages.stop),
        ("/rider/{view:path}", pages.view),
    )
    for path, handler in shown:
        _add(router, path, handler, described=False)
    return router


_REPORT_EXAMPLE = {
    "code": "4S7QK2M9X0AB3CDE",
    "kind": "never_came",
    "language": "ru",
    "text": "Ждала 40 минут",
    "stop_id": "S0001",
    "trip_id": "T105-1",
    "vehicle_id": "204",
}
_CARD_EXAMPLE = {"number": "9643 9000 0000 1234", "pin": "4071"}


def _add(
    router: APIRouter,
    path: str,
    handler: Handler,
    *,
    method: str = "GET",
    described: bool = True,
    body: dict[str, Any] | None = None,
) -> None:
    """Add an address alone and below an agency."""
    agency = {"name": "agency", "in": "path", "required": True, "schema": {"type": "string"}}
    for prefix in ("", "/{agency}"):
        extra: dict[str, Any] = {"parameters": [agency]} if prefix else {}
        if body is not None:
            content = {"application/json": {"schema": {"type": "object"}, "example": body}}
            extra["requestBody"] = {"required": True, "content": content}
        router.add_api_route(
            prefix + path,
            handler,
            methods=[method],
            response_class=Response,
            response_model=None,
            summary=(handler.__doc__ or "").partition("\n")[0],
            operation_id=f"{'agency_' if prefix else ''}rider_{handler.__name__}",
            openapi_extra=extra,
            include_in_schema=described,
        )
        if method == "GET":
            router.add_api_route(
                prefix + path, handler, methods=["HEAD"], response_model=None,
                include_in_schema=False,
            )  # fmt: skip


class RiderPages:
    """The pages and what a browser needs to install them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def home(self, request: Request, q: str = "") -> Response:
        """The first page: the rider's stops, and a search that works without script."""
        base, language = self._at(request)
        found = None
        if q.strip():
            now = await self._now(request)
            onward = await now.plan.derive("rider_onward", places.next_stops)
            rows = now.places.search(q[:100])[: places.FOUND_MAX]
            found = places.list_stops(now.places, onward, [(row, None) for row in rows])
        return self._page(request, html.home_html(base, language, q[:100], found))

    async def view(self, request: Request) -> Response:
        """Any other view: the page itself reads which from its address."""
        base, language = self._at(request)
        return self._page(request, html.home_html(base, language, "", None))

    async def stop(self, request: Request, stop_id: Annotated[str, Path()]) -> Response:
        """The board of a stop, readable without script."""
        base, language = self._at(request)
        try:
            now = await self._now(request)
            row = now.plan.timetable.stops.index.get(stop_id)
        except NotFound as exc:
            if exc.code != "no_timetable":
                raise
            row = None
        if row is None:
            return self._page(request, html.unknown_html(base, language), status=404)
        before_min, after_min, limit = RIDER_SPAN
        plain = encode_board(now, row, before_min * 60, after_min * 60, limit)
        board = msgspec.json.decode(plain, type=BoardShown)
        return self._page(
            request,
            html.stop_html(base, language, board),
            title=WORDS[language]["stop_title"].format(stop=board.stop.name),
            boot={"board": msgspec.json.decode(plain)},
            refresh_s=_REFRESH_S,
        )

    async def manifest(self, request: Request) -> Response:
        """The web app manifest of the city, in the language that is asked for."""
        base, language = self._at(request)
        agency = self._parts.known(self._parts.agency_id(request))
        body = _ENCODER.encode(shell.manifest(agency, base, language))
        return Response(
            body, 200, {"cache-control": "no-cache"}, media_type="application/manifest+json"
        )

    async def worker(self, request: Request) -> Response:
        """The service worker of the page."""
        base, _ = self._at(request)
        return await shell.worker(self._parts.front_end, base)

    async def icon(self, request: Request) -> Response:
        """An icon of the page, as the build drew it."""
        size = request.path_params.get("size")
        front_end = self._parts.front_end
        if size is None:
            return DocumentResponse(front_end.asset(front_end.named("rider-icon", ".svg")))
        if size not in {str(one) for one in shell.ICON_SIZES}:
            raise NotFound("There is no icon of this size.", code="no_such_file")
        return DocumentResponse(front_end.asset(front_end.named(f"rider-icon-{size}", ".png")))

    def _page(
        self,
        request: Request,
        body: str,
        *,
        title: str = "",
        boot: dict[str, Any] | None = None,
        status: int = 200,
        refresh_s: int | None = None,
    ) -> Response:
        base, language = self._at(request)
        agency = self._parts.known(self._parts.agency_id(request))
        title = title or WORDS[language]["title"].format(city=agency.name)
        known = {
            "base": base,
            "agency_id": agency.agency_id,
            "city": agency.name,
            "timezone": agency.timezone,
            "rate": self._parts.clock.rate,
            "contact_days": self._parts.settings.report_contact_days,
            "language": language,
            **(boot or {}),
        }
        return shell.page(
            self._parts.front_end, base, language, known, title, body,
            status=status, refresh_s=refresh_s,
            packed=accepts_gzip(request.headers.get("accept-encoding", "")),
        )  # fmt: skip

    def _at(self, request: Request) -> tuple[str, Language]:
        """Give what addresses of the city begin with, and the language of the page."""
        agency = request.path_params.get("agency")
        language = choose_language(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language", ""),
        )
        if agency is not None:
            agency = self._parts.known(str(agency)).agency_id
        return f"/{agency}" if agency is not None else "", language

    async def _now(self, request: Request) -> Now:
        return await _now(self._parts, request)


class RiderAnswers:
    """What the page asks for."""

    def __init__(self, parts: Parts, filing: Filing) -> None:
        self._parts = parts
        self._filing = filing
        self._cards = CardDesk(parts.settings, parts.clock)

    async def stops(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=100, description="Words of a name.")] = "",
        stop_id: Annotated[list[str] | None, Query(alias="id", max_length=50)] = None,
        lat: Annotated[float | None, Query(ge=-90, le=90)] = None,
        lon: Annotated[float | None, Query(ge=-180, le=180)] = None,
    ) -> Response:
        """Stops by name, by id, or near a place."""
        now = await _now(self._parts, request)
        found: list[tuple[int, float | None]]
        if lat is not None and lon is not None:
            near = now.places.near(lat, lon, places.NEAR_M)
            found = [(row, metres) for row, metres in near[: places.FOUND_MAX]]
        elif stop_id:
            index = now.plan.timetable.stops.index
            found = [(index[one], None) for one in stop_id if one in index]
        elif q.strip():
            found = [(row, None) for row in now.places.search(q)[: places.FOUND_MAX]]
        else:
            raise BadInput("Ask by `q`, `id`, or `lat` and `lon`.", code="invalid_request")
        onward = await now.plan.derive("rider_onward", places.next_stops)
        listed = places.list_stops(now.places, onward, found)
        return _json({"feed_version": now.plan.timetable.feed_version, "stops": listed})

    async def trip(self, request: Request, trip_id: Annotated[str, Path()]) -> Response:
        """The line and the stops of a trip."""
        now = await _now(self._parts, request)
        return _json(rides.show_line(now, trip_id), "public, max-age=300")

    async def ride(
        self, request: Request, trip_id: Annotated[str, Path()], vehicle_id: str = ""
    ) -> Response:
        """Where the bus of a run is, and when it comes to the stops ahead."""
        now = await _now(self._parts, request)
        return _json(rides.show_ride(now, trip_id, vehicle_id), "public, max-age=1")

    async def alerts(self, request: Request) -> Response:
        """The alerts in force, the gravest first."""
        now = await _now(self._parts, request)
        return _json(
            {"time_s": int(now.time_s), "alerts": alerts.list_alerts(now)}, "public, max-age=1"
        )

    async def alert(self, request: Request, alert_id: Annotated[str, Path()]) -> Response:
        """One alert, also when it is over."""
        now = await _now(self._parts, request)
        return _json(await alerts.get_alert(self._parts.pool, now, alert_id))

    async def file(self, request: Request) -> Response:
        """Report a problem; the answer is shown to who knows the report's code."""
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        body = await read_body(request, BODY_BYTES_MAX)
        filed = await self._filing.file(agency_id, body, address_of(request))
        status = 200 if filed.repeated else 201
        return _json({"report_no": filed.report_no, "code": filed.code}, status=status)

    async def follow(self, request: Request, code: Annotated[str, Path()]) -> Response:
        """What became of a report, for who knows its code."""
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        return _json(await self._filing.follow(agency_id, code, address_of(request)))

    async def card(self, request: Request) -> Response:
        """The balance of a card, for who knows its number and PIN."""
        agency_id = self._parts.known(self._parts.agency_id(request)).agency_id
        body = await read_body(request, 1024)
        return _json(await self._cards.look_up(agency_id, body, address_of(request)))


async def _now(parts: Parts, request: Request) -> Now:
    agency_id = parts.known(parts.agency_id(request)).agency_id
    return await parts.live.get(agency_id)


def _json(body: Any, cache: str = "no-store", status: int = 200) -> Response:
    return Response(
        _ENCODER.encode(body), status, {"cache-control": cache}, media_type="application/json"
    )
