"""What is around every answer: code, text, version, time; and the errors in the same form."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from sapar.core.errors import BadInput, NotFound, Refused, SaparError, Unavailable

TEXTS = {
    200: "OK",
    400: "bad request",
    401: "permission denied",
    404: "resource not found",
    429: "rate limit exceeded",
    500: "internal error",
    503: "not available now",
}
_JSON = "application/json"
_ENCODER = msgspec.json.Encoder()


class Unauthorised(Refused):
    """The key is missing or is none."""

    default_code = "bad_key"


def encode_data(data: object) -> bytes:
    """Give the bytes of an answer's data."""
    return _ENCODER.encode(data)


def wrap(data: bytes, time_s: float) -> bytes:
    """Put the envelope around the data; `currentTime` is the city's time in milliseconds."""
    begin = b'{"code":200,"currentTime":%d,"data":' % int(1000 * time_s)
    return b"".join((begin, data, b',"text":"OK","version":2}'))


def answer(data: bytes, time_s: float, cache: str = "no-cache") -> Response:
    """Make a good answer."""
    return Response(wrap(data, time_s), media_type=_JSON, headers={"cache-control": cache})


def failed(status: int, time_s: float, headers: dict[str, str] | None = None) -> Response:
    """Make the answer of an error: the status stands in the answer as well, there is no data."""
    body: dict[str, Any] = {
        "code": status,
        "currentTime": int(1000 * time_s),
        "text": TEXTS[status],
        "version": 2,
    }
    kept = {"cache-control": "no-store", **(headers or {})}
    return Response(_ENCODER.encode(body), status, kept, media_type=_JSON)


def status_of(error: SaparError) -> int:
    """Give the status of an error of ours."""
    for kind, status in ((Unauthorised, 401), (NotFound, 404), (BadInput, 400)):
        if isinstance(error, kind):
            return status
    return 503 if isinstance(error, Unavailable) else 500
