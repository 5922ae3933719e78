"""The address of the stream."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from sapar.api.document import accepts_gzip
from sapar.api.parts import Parts
from sapar.api.stream.channel import read_event_id
from sapar.api.stream.filters import read_filter
from sapar.api.stream.response import StreamResponse

_PATH = "/api/dispatch/stream"


def make_stream_router(parts: Parts) -> APIRouter:
    """Make the router of the stream."""
    viewer = parts.guard.needs("viewer")
    router = APIRouter(dependencies=[Depends(viewer)])

    async def stream(
        request: Request,
        route: Annotated[list[str] | None, Query(description="Routes to see; all without.")] = None,  # noqa: ARG001
        depot: Annotated[list[str] | None, Query(description="Depots to see.")] = None,  # noqa: ARG001
        box: Annotated[str, Query(description="minlat,minlon,maxlat,maxlon in degrees.")] = "",  # noqa: ARG001
        last_event_id: Annotated[str, Header(description="The event that the reader has.")] = "",
    ) -> Response:
        """The live state as server-sent events: a snapshot, then what changed with each tick."""
        wanted = read_filter(request.query_params)
        agency_id = parts.agency_id(request)
        parts.held(agency_id)
        packed = accepts_gzip(request.headers.get("accept-encoding", ""))
        order = read_event_id(last_event_id)
        return StreamResponse(
            parts.streams.channel(agency_id),
            wanted,
            order,
            packed=packed,
            may_stay=lambda: viewer(request),
            stopping=parts.streams.stopping,
        )

    for path, name in ((_PATH, "stream"), ("/{agency}" + _PATH, "agency_stream")):
        router.add_api_route(
            path,
            stream,
            methods=["GET"],
            response_class=Response,
            response_model=None,
            operation_id=name,
            responses={200: {"content": {"text/event-stream": {}}}},
        )
    return router
