"""The outermost layer: counts every answer and serves ready documents without any routing.

A feed is asked for far more often than anything else, and its bytes are there: a dictionary look-up
and two sends answer it. Everything else goes through FastAPI; both ways end in `document.respond`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sapar.api.access.guard import GUARDED
from sapar.api.document import EXPOSED_HEADERS, Document, HeaderList, respond, say
from sapar.api.errors import error_response
from sapar.api.proxies import Network, seen_through
from sapar.core.errors import BadInput
from sapar.core.metrics import Metrics

_PREFLIGHT_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match, If-Modified-Since, Cache-Control"),
    (b"access-control-max-age", b"86400"),
    (b"vary", b"origin"),
]
_NO_STORE = (b"cache-control", b"no-store")
_OPEN_TO_ALL = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED_HEADERS),
]
_STATUS_LINES = {200: b"HTTP/1.1 200 OK\r\n", 304: b"HTTP/1.1 304 Not Modified\r\n"}
_REFUSAL = "sapar.refusal"
"""Where a scope keeps what the gate said: asked twice, it would count a request twice."""

BODY_MAX = 1024 * 1024
"""Bytes of a request's body at most, whoever asks: handlers take less, but not all count while
they read, and those with a typed body read all of it before anybody has asked who sent it."""

FILE_MAX = 64 * 1024 * 1024
"""Bytes of a bank statement, a register or a tariff at most: their handlers count while they read,
most of them to less, and read after it is known who sends it."""

_FILES = re.compile(
    r"(?:/[^/]+)?/api/finance/"
    r"(?:bank/statements|agents/[^/]+/[^/]+/days/[^/]+/register|tariffs/(?:check|drafts))"
)


class AtOnce:
    """What is answered without any routing: refusals, and documents that are at hand.

    Args:
        find: gives (route, document) for a path and query that can be answered at once, or None.
        metrics: where answers are counted, by route template and status.
        gate: gives the answer that refuses a request, None for those that may go on.
        proxies: those that are believed when they say who asks.
    """

    def __init__(
        self,
        find: Callable[[str, bytes], tuple[str, Document] | None],
        metrics: Metrics,
        gate: Callable[[Scope], Response | None] = lambda _: None,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        self._find = find
        self._gate = gate
        self._proxies = proxies
        self._requests = metrics.requests
        self._counters: dict[tuple[str, int], Any] = {}

    def seen(self, scope: Scope) -> Scope:
        """Give the scope with the client's own address, as trusted proxies tell it."""
        return seen_through(scope, self._proxies) if self._proxies else scope

    def refuse(self, scope: Scope) -> Response | None:
        """Give the answer that refuses GET or HEAD; a request is counted but once."""
        if _REFUSAL in scope:
            return cast("Response | None", scope[_REFUSAL])
        refusal = self._gate(scope)
        scope[_REFUSAL] = refusal
        return refusal

    def find(self, scope: Scope) -> tuple[str, Document] | None:
        """Give (route, document) for GET or HEAD, None when it goes the long way."""
        return self._find(scope["path"], scope["query_string"])

    def write(self, scope: Scope, before: bytes) -> list[bytes] | None:
        """Give a whole answer of HTTP/1.1 to GET or HEAD, None when it goes the long way.

        For a server that can write as soon as it has read: without a task and its messages. It
        says what `Door` says; `before` are the lines that the server itself writes.
        """
        seen = self.seen(scope)
        refused = self.refuse(seen)
        scope[_REFUSAL] = refused
        if refused is not None:
            return None
        found = self._find(scope["path"], scope["query_string"])
        if found is None:
            return None
        route, document = found
        said = say(document, scope["headers"])
        body = b"" if said.source is None else said.source.take()
        if body is None:
            return None
        self.count(route, said.status)
        lines = [_STATUS_LINES[said.status], before, document.head(compressed=said.compressed)]
        if said.age is not None:
            lines.append(b"sapar-tick-age: %s\r\n" % said.age)
        lines.append(b"\r\n" if said.source is None else b"content-length: %d\r\n\r\n" % len(body))
        if scope["method"] == "GET":
            lines.append(body)
        return lines

    def count(self, route: str, status: int) -> None:
        """Count an answer."""
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = self._requests.labels(route, str(status))
        counter.inc()


class Door:
    """ASGI middleware.

    Args:
        app: what answers everything that is no ready document.
        at_once: what is answered before.
        always: headers that every answer of a route has besides.
    """

    def __init__(
        self, app: ASGIApp, at_once: AtOnce, always: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self._app = app
        self._at_once = at_once
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._at_once.seen(scope)
        method = scope["method"]
        if method in {"GET", "HEAD"}:
            refusal = self._at_once.refuse(scope)
            if refusal is not None:
                await self._refuse(refusal, scope, receive, send)
                return
            found = self._at_once.find(scope)
            if found is not None:
                self._at_once.count(found[0], await respond(found[1], scope, send))
                return
        elif method == "OPTIONS" and _is_preflight(scope):
            await send(
                {"type": "http.response.start", "status": 204, "headers": _PREFLIGHT_HEADERS}
            )
            await send({"type": "http.response.body", "body": b""})
            self._at_once.count("preflight", 204)
            return
        if method not in {"GET", "HEAD"}:
            most = FILE_MAX if _FILES.fullmatch(scope["path"]) else BODY_MAX
            if _announced(scope) > most:
                await self._refuse_body(most, scope, receive, send)
                return
            receive = bounded(receive, most)
        await self._pass_on(scope, receive, send)

    async def _refuse(self, refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
        self._at_once.count("refused", refusal.status_code)
        refusal.raw_headers = with_safety(refusal.raw_headers, guarded=False)
        await refusal(scope, receive, send)

    async def _refuse_body(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = error_response(413, "body_too_long", f"A body has at most {most:,} bytes.")
        await self._refuse(refusal, scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                # Never the path itself: a million addresses would make a million series.
                self._at_once.count(getattr(route, "path", "none"), message["status"])
                guarded = scope.get(GUARDED, False)
                safe = with_safety(message["headers"], guarded=guarded)
                message = {**message, "headers": [*safe, *self._always]}
            await send(message)

        await self._app(scope, receive, counted)


def bounded(receive: Receive, most: int) -> Receive:
    """Give what hands on a request's body, and fails once it is longer than `most` bytes."""
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise BadInput(f"A body has at most {most:,} bytes.", code="body_too_long")
        return message

    return take


def _announced(scope: Scope) -> int:
    """Give the length of the body that a request announces, 0 when it announces none."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:19])
    return 0


def with_safety(headers: Iterable[tuple[bytes, bytes]], *, guarded: bool) -> HeaderList:
    """Add the headers that every answer has, by whether it is everybody's or one person's.

    Open answers may be read by pages of all sites: `*`, which browsers never combine with cookies.
    Guarded ones are one person's: no other site's page may read or embed them, no cache keeps them.
    """
    given = list(headers)
    names = {name for name, _ in given}
    wanted = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
    if not guarded:
        wanted += _OPEN_TO_ALL
        return given + [pair for pair in wanted if pair[0] not in names]
    private = b"no-store" if _NO_STORE in given else b"private, no-cache"
    kept = [
        pair
        for pair in given
        if not pair[0].startswith(b"access-control-") and pair[0] != b"cache-control"
    ]
    wanted += [(b"cross-origin-resource-policy", b"same-origin")]
    wanted = [pair for pair in wanted if pair[0] not in names]
    return [*kept, *wanted, (b"cache-control", private), (b"vary", b"cookie")]


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])
