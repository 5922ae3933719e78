"""The outermost layer: counts every answer and serves ready documents without any routing.

A feed is asked for far more often than anything else, and its bytes are there: a dictionary look-up
and two sends answer it. Everything else goes through FastAPI; both ways end in `document.respond`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sapar.api.document import EXPOSED_HEADERS, Document, respond
from sapar.core.metrics import Metrics

_PREFLIGHT_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"If-None-Match, If-Modified-Since, Cache-Control"),
    (b"access-control-max-age", b"86400"),
    (b"vary", b"origin"),
]
_OPEN_TO_ALL = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", EXPOSED_HEADERS),
]


class Door:
    """ASGI middleware.

    Args:
        app: what answers everything that is no ready document.
        find: gives (route, document) for a path that can be answered at once, or None.
        metrics: where answers are counted, by route template and status.
    """

    def __init__(
        self, app: ASGIApp, find: Callable[[str], tuple[str, Document] | None], metrics: Metrics
    ) -> None:
        self._app = app
        self._find = find
        self._requests = metrics.requests
        self._counters: dict[tuple[str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method in {"GET", "HEAD"}:
            found = self._find(scope["path"])
            if found is not None:
                self._count(found[0], await respond(found[1], scope, send))
                return
        elif method == "OPTIONS" and _is_preflight(scope):
            await send(
                {"type": "http.response.start", "status": 204, "headers": _PREFLIGHT_HEADERS}
            )
            await send({"type": "http.response.body", "body": b""})
            self._count("preflight", 204)
            return
        await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("route")
                # Never the path itself: a million addresses would make a million series.
                self._count(getattr(route, "path", "none"), message["status"])
                names = {name for name, _ in message["headers"]}
                if b"access-control-allow-origin" not in names:
                    message = {**message, "headers": [*message["headers"], *_OPEN_TO_ALL]}
            await send(message)

        await self._app(scope, receive, counted)

    def _count(self, route: str, status: int) -> None:
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = self._requests.labels(route, str(status))
        counter.inc()


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])
