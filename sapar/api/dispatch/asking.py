"""What the desks' routes share: bodies read, answers written, both forms of an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from sapar.access.model import Person
from sapar.core.errors import BadInput

T = TypeVar("T")


class Handler(Protocol):
    """What answers at an address."""

    __name__: str

    def __call__(self, request: Request, person: Person, /) -> Awaitable[Response]:
        """Answer."""
        ...


_BODY_MAX = 512 * 1024
_HEADERS = {"cache-control": "private, no-store"}


async def read_body(request: Request, model: type[T]) -> T:
    """Read a request's JSON body.

    Raises:
        BadInput: it is too long, no JSON, or not of this form.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _BODY_MAX:
            raise BadInput(f"The body is longer than {_BODY_MAX} bytes.", code="body_too_long")
    try:
        read: T = msgspec.json.decode(bytes(body), type=model)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadInput(f"The body cannot be read: {exc}", code="invalid_request") from exc
    if b"\\u0000" in body:
        raise BadInput("The body has a NUL character.", code="invalid_request")
    return read


def answer(body: object, status: int = 200) -> Response:
    """Write an answer as JSON; nobody keeps it."""
    return Response(msgspec.json.encode(body), status, _HEADERS, "application/json")


def number_of(request: Request, name: str) -> int | None:
    """Read a whole number of the query, None when it is not given.

    Raises:
        BadInput: it is no whole number, or too long a one.
    """
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadInput(f"`{name}` is a whole number.", code="bad_number")
    return int(text)


def add(
    router: APIRouter,
    guard: Callable[[Request], Awaitable[Person]],
    method: str,
    path: str,
    handler: Handler,
    body: type | None = None,
) -> None:
    """Add an address of the default agency and the same below an agency's name.

    Args:
        router: where.
        guard: gives the person who asks, or refuses.
        method: of HTTP.
        path: of the default agency.
        handler: answers; its name is the operation's, its first line the summary.
        body: the form of the request's body, if it has one.
    """

    async def endpoint(request: Request, person: Person = Depends(guard)) -> Response:
        if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
            raise BadInput("The address has a NUL character.", code="invalid_request")
        return await handler(request, person)

    extra: dict[str, Any] = {}
    if body is not None:
        (schema,), parts = msgspec.json.schema_components([body], ref_template="#/$defs/{name}")
        content = {"schema": {**schema, "$defs": parts}}
        extra["requestBody"] = {"required": True, "content": {"application/json": content}}
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    for prefix, more in (("", []), ("/{agency}", ["agency"])):
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in [*more, *names]
        ]
        name = ("agency_" if prefix else "") + handler.__name__
        router.add_api_route(
            prefix + path,
            endpoint,
            methods=[method],
            response_class=Response,
            response_model=None,
            operation_id=name,
            name=name,
            summary=(handler.__doc__ or "").partition("\n")[0],
            openapi_extra={**extra, "parameters": parameters},
        )
