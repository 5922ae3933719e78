"""One JSON shape for every error: `{"error": {"code", "message", "hint"}}`."""

from __future__ import annotations

import math

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from sapar.access.errors import NotSignedIn, TooSoon
from sapar.core.errors import BadInput, Fault, NotFound, Refused, SaparError, Unavailable
from sapar.core.log import get_logger

_STATUS: tuple[tuple[type[SaparError], int], ...] = (
    (NotFound, 404),
    (NotSignedIn, 401),
    (TooSoon, 429),
    (Refused, 403),
    (BadInput, 422),
    (Unavailable, 503),
    (Fault, 500),
)
_BY_STATUS = {
    404: (
        "no_such_address",
        "Nothing is served at this address.",
        "docs/api.md lists every address.",
    ),
    405: (
        "method_not_allowed",
        "This address does not take this method.",
        "The header `allow` names the methods that it takes.",
    ),
}
_log = get_logger()


def error_response(
    status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> Response:
    """Make an error's answer; errors are never cached."""
    body = {"error": {"code": code, "message": message, "hint": hint}}
    return JSONResponse(body, status, {"cache-control": "no-store", **(headers or {})})


def install(app: FastAPI) -> None:
    """Make every error of `app` answer in the one shape."""
    app.add_exception_handler(SaparError, _on_sapar_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(Exception, _on_fault)


async def _on_sapar_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, SaparError)
    status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
    if status == 500:
        _log.error("request_failed", path=request.url.path, code=exc.code, reason=exc.message)
        return error_response(500, exc.code, "The request failed by our own mistake.")
    return error_response(status, exc.code, exc.message, exc.hint, _headers_of(exc, status))


def _headers_of(exc: SaparError, status: int) -> dict[str, str] | None:
    if isinstance(exc, TooSoon):
        return {"retry-after": str(max(1, math.ceil(exc.wait_s)))}
    if status == 401:
        # RFC 9110, 15.5.2 wants a challenge; with a scheme of its own no browser asks by itself.
        return {"www-authenticate": 'Sapar-Session realm="sapar"'}
    return {"retry-after": "2"} if status == 503 else None


async def _on_http_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    code, message, hint = _BY_STATUS.get(
        exc.status_code, (f"http_{exc.status_code}", str(exc.detail), "")
    )
    return error_response(exc.status_code, code, message, hint, dict(exc.headers or {}))


async def _on_invalid_request(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return error_response(
        422, "invalid_request", f"{place}: {first['msg']}", "docs/api.md describes the parameters."
    )


async def _on_fault(request: Request, exc: Exception) -> Response:
    # The server's outermost layer raises it again, with its traceback, after this answer.
    _log.error("request_failed", path=request.url.path, code="fault", reason=repr(exc))
    return error_response(500, "fault", "The request failed by our own mistake.")
