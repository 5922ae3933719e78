"""One JSON shape for every error: `{"error": {"code", "message", "hint"}}`."""

from __future__ import annotations

import math
from typing import Any

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
_WITHHELD = {
    "database_unavailable": "The database does not answer.",
    "busy": "There is too much to do at once.",
    "crossed": "Others changed the same at that moment.",
}
"""What is said where the driver's own words would tell about the inside."""

RETRY_S = 2
_MENDED_S = {"pages_not_built": 60, "no_font": 60}
"""What a person has to mend first is not asked for again at once."""

RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
"""Describes that header."""

NOT_NOW: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "Not ready, or too busy (`busy`), for the moment.",
        "headers": RETRY_AFTER,
        "content": {
            "application/json": {
                "example": {
                    "error": {
                        "code": "database_unavailable",
                        "message": _WITHHELD["database_unavailable"],
                        "hint": "Ask again as soon as Retry-After says.",
                    }
                }
            }
        },
    }
}
"""Describes the answer 503, for every address that needs a part which may be away."""
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
    if status == 503 and exc.code in _WITHHELD:
        _log.warning("request_put_off", path=request.url.path, code=exc.code, reason=exc.message)
        hint = exc.hint or "Ask again as soon as Retry-After says."
        headers = not_now(exc.code)
        return error_response(503, exc.code, _WITHHELD[exc.code], hint, headers)
    return error_response(status, exc.code, exc.message, exc.hint, _headers_of(exc, status))


def _headers_of(exc: SaparError, status: int) -> dict[str, str] | None:
    if isinstance(exc, TooSoon):
        return {"retry-after": str(max(1, math.ceil(exc.wait_s)))}
    if status == 401:
        # RFC 9110, 15.5.2 wants a challenge; with a scheme of its own no browser asks by itself.
        return {"www-authenticate": 'Sapar-Session realm="sapar"'}
    return not_now(exc.code) if status == 503 else None


def not_now(code: str) -> dict[str, str]:
    """Give the header of an answer 503: when to ask again."""
    return {"retry-after": str(_MENDED_S.get(code, RETRY_S))}


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
