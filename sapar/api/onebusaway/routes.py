"""The addresses below `/api/where/`, and what is at hand for the one that is asked most."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from functools import partial
from itertools import count
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from sapar.access.errors import TooSoon
from sapar.api.document import JSON, Document, DocumentResponse
from sapar.api.errors import not_now
from sapar.api.lazy import Lazy
from sapar.api.onebusaway.asked import Asked
from sapar.api.onebusaway.boards import BEFORE_MIN, at_once, references_of, span_of, stop_data
from sapar.api.onebusaway.cities import City
from sapar.api.onebusaway.describe import describe
from sapar.api.onebusaway.elements import Elements
from sapar.api.onebusaway.envelope import answer, encode_data, failed, status_of, wrap
from sapar.api.onebusaway.methods import Method, list_methods
from sapar.api.parts import Parts
from sapar.api.rider.turnstile import address_of
from sapar.core.errors import SaparError
from sapar.core.log import get_logger

BASE = "/api/where/"
_BOARD = f"{BASE}arrivals-and-departures-for-stop/"
BOARD_ROUTE = _BOARD + "{id}.json"
_ENDING = ".json"
_QUERY_MAX = 400
_AT_HAND_S = 5400.0
_NOTHING_SAID = (b"key=", b"version=", b"app_ver=", b"app_uid=", b"app=", b"platform=")
_OURS = secrets.token_hex(8)  # of this process: others number theirs too
_NUMBERS = count()
_log = get_logger()

__all__ = ["BASE", "BEFORE_MIN", "find_board", "make_onebusaway_router"]


def make_onebusaway_router(parts: Parts) -> APIRouter:
    """Make the router of OneBusAway's methods."""
    router = APIRouter(tags=["OneBusAway"])
    for method in list_methods(parts):
        _add(router, parts, method)
    return router


def _add(router: APIRouter, parts: Parts, method: Method) -> None:
    async def handler(request: Request) -> Response:
        return await _answer(parts, method, request)

    # ids may hold slashes; what the description calls {id} takes them too
    path = BASE + method.path.replace("{id}", "{id:path}") + _ENDING
    router.add_api_route(
        path, handler, methods=["GET"], response_class=Response, response_model=None,
        **describe(method),
    )  # fmt: skip
    router.add_api_route(
        path, handler, methods=["HEAD"], response_model=None, include_in_schema=False
    )


async def _answer(parts: Parts, method: Method, request: Request) -> Response:
    time_s = parts.clock.time()
    asked = Asked(request.query_params)
    try:
        full_id = request.path_params.get("id", "")
        data = encode_data(await method.call(full_id, asked, address_of(request)))
    except TooSoon as exc:
        return failed(429, time_s, {"retry-after": str(max(1, round(exc.wait_s)))})
    except SaparError as exc:
        status = status_of(exc)
        if status == 500:
            _log.error("onebusaway_failed", method=method.path, reason=exc.message)
        return failed(status, time_s, not_now(exc.code) if status == 503 else None)
    if method.lasts and asked.text("callback") == "":
        return DocumentResponse(_lasting(data, time_s))
    return answer(data, time_s)


def _lasting(data: bytes, time_s: float) -> Document:
    """Make an answer that changes with the timetable: its tag is that of the data alone."""
    tag = hashlib.blake2b(data, digest_size=16).hexdigest()
    body = wrap(data, time_s)
    packed = Lazy.in_thread(partial(gzip.compress, body, 6, mtime=0))  # a route's day is megabytes
    return Document(JSON, tag, "", "public, max-age=60", Lazy.of(body), packed)


def find_board(parts: Parts, path: str, query: bytes) -> tuple[str, Document] | None:
    """Give (route, answer) of arrivals-and-departures-for-stop without any routing.

    None when it has to go the long way: nothing decoded yet, an unknown stop, an odd query, a board
    so wide that it takes long.
    """
    if not path.startswith(_BOARD) or not path.endswith(_ENDING) or len(query) > _QUERY_MAX:
        return None
    agency_id, _, local = path[len(_BOARD) : -len(_ENDING)].partition("_")
    now = parts.live.find(agency_id)
    if now is None or now.live is None:
        return None
    said = [part for part in query.split(b"&") if part and not part.startswith(_NOTHING_SAID)]
    key = ("onebusaway", local, b"&".join(said))
    document = now.kept.find(key)
    if document is not None:
        return BOARD_ROUTE, document
    elements = now.plan.derived("onebusaway")
    row = now.plan.timetable.stops.index.get(local)
    if row is None or not isinstance(elements, Elements):
        return None

    def make() -> Document:
        pairs = parse_qsl(b"&".join(said).decode("ascii", "replace"), keep_blank_values=True)
        asked, city = Asked(dict(pairs)), City(now, elements)
        span = span_of(city, asked)
        if span[1] + span[2] > _AT_HAND_S:
            raise _TooWide  # others wait meanwhile: it is made in slices
        data = encode_data(at_once(stop_data(city, row, span, references_of(asked))))
        return _board(wrap(data, parts.clock.time()), now.held)

    try:
        return BOARD_ROUTE, now.kept.find_or_make(key, make)
    except (SaparError, _TooWide):
        return None


class _TooWide(Exception):
    """A board that takes too long to be made before there is a task."""


def _board(body: bytes, held: object) -> Document:
    def packed() -> bytes:
        return gzip.compress(body, 1, mtime=0)

    age_s = getattr(held, "age_s", None)
    # The time of asking stands in the answer, so no two have equal bytes: to number them will do,
    # and a digest of them all would take an eighth of the time that the answer takes.
    tag = f"{_OURS}-{next(_NUMBERS):x}"
    plain = Lazy.of(body)
    return Document(JSON, tag, "", "public, max-age=1", plain, Lazy.here(packed), age_s=age_s)
