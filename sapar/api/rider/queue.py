"""The desk's queue of riders' reports: viewers read it, dispatchers take, answer and close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from sapar.access.audit import record
from sapar.access.model import Person
from sapar.api.access.asking import Body, Text
from sapar.api.parts import Parts
from sapar.core.db import translated
from sapar.core.errors import BadInput
from sapar.dispatch import reports
from sapar.dispatch.reports import Row, Wanted

_STATES = frozenset({"new", "taken", "answered", "closed"})
_ENCODER = msgspec.json.Encoder()

ReportNo = Annotated[int, Path(ge=1, le=2**62)]


class Answer(Body):
    """An answer, in the rider's language."""

    text: Annotated[str, Field(min_length=1, max_length=4000)]


def make_reports_router(parts: Parts) -> APIRouter:
    """Make the router."""
    router = APIRouter(tags=["reports"])
    viewer, dispatcher = parts.guard.needs("viewer"), parts.guard.needs("dispatcher")
    queue = Queue(parts)

    async def listed(
        request: Request,
        person: Person = Depends(viewer),
        state: Annotated[list[str] | None, Query(max_length=4)] = None,
        kind: Annotated[Text | None, Query()] = None,
        route_id: Annotated[Text | None, Query()] = None,
        vehicle_id: Annotated[Text | None, Query()] = None,
        stop_id: Annotated[Text | None, Query()] = None,
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
    ) -> Response:
        """Reports of riders, newest first."""
        wanted = Wanted(
            states=_states(state),
            kind=kind,
            route_id=route_id,
            vehicle_id=vehicle_id,
            stop_id=stop_id,
            before_no=before,
            limit=limit,
        )
        return await queue.listed(request, person, wanted)

    async def one(
        request: Request, report_no: ReportNo, person: Person = Depends(viewer)
    ) -> Response:
        """One report."""
        return await queue.one(request, person, report_no)

    async def take(
        request: Request, report_no: ReportNo, person: Person = Depends(dispatcher)
    ) -> Response:
        """Take a report on."""
        return await queue.change(request, person, report_no, "take")

    async def answer(
        request: Request,
        report_no: ReportNo,
        body: Answer,
        person: Person = Depends(dispatcher),
    ) -> Response:
        """Answer a report; the rider reads it with the report's code."""
        return await queue.change(request, person, report_no, "answer", body.text)

    async def close(
        request: Request, report_no: ReportNo, person: Person = Depends(dispatcher)
    ) -> Response:
        """Close a report."""
        return await queue.change(request, person, report_no, "close")

    for path, method, handler in (
        ("", "GET", listed),
        ("/{report_no}", "GET", one),
        ("/{report_no}/take", "POST", take),
        ("/{report_no}/answer", "POST", answer),
        ("/{report_no}/close", "POST", close),
    ):
        _add(router, path, method, handler)
    return router


def _add(
    router: APIRouter, path: str, method: str, handler: Callable[..., Awaitable[Response]]
) -> None:
    """Add an address alone and below an agency."""
    for prefix in ("", "/{agency}"):
        router.add_api_route(
            f"{prefix}/api/dispatch/reports{path}",
            handler,
            methods=[method],
            response_class=Response,
            response_model=None,
            summary=(handler.__doc__ or "").partition("\n")[0],
            operation_id=f"{'agency_' if prefix else ''}reports_{handler.__name__}",
            openapi_extra={"parameters": [_AGENCY]} if prefix else {},
        )


_AGENCY = {"name": "agency", "in": "path", "required": True, "schema": {"type": "string"}}


def _states(asked: list[str] | None) -> tuple[str, ...]:
    if asked is None:
        return Wanted().states
    if not set(asked) <= _STATES:
        raise BadInput(f"States are {', '.join(sorted(_STATES))}.", code="invalid_request")
    return tuple(asked)


class Queue:
    """Reads and changes reports, each change with its line in the audit log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def listed(self, request: Request, person: Person, wanted: Wanted) -> Response:
        """Give the reports that are wanted."""
        agency_id, now = self._agency(request), self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                rows = await reports.list_reports(connection, agency_id, wanted, now=now)
        shown = [_shown(row, person) for row in rows]
        return _json({"time_s": int(now.timestamp()), "reports": shown})

    async def one(self, request: Request, person: Person, report_no: int) -> Response:
        """Give one report."""
        agency_id, now = self._agency(request), self._parts.clock.now()
        with translated():
            async with self._parts.pool.connection() as connection:
                row = await reports.get_report(connection, agency_id, report_no, now=now)
        return _json(_shown(row, person))

    async def change(
        self, request: Request, person: Person, report_no: int, what: str, text: str = ""
    ) -> Response:
        """Take, answer or close a report, and write it into the audit log."""
        agency_id, now = self._agency(request), self._parts.clock.now()
        name = person.full_name or person.name
        with translated():
            async with self._parts.pool.connection() as connection:
                if what == "answer":
                    change = await reports.answer(
                        connection, agency_id, report_no, text, person=name, now=now
                    )
                else:
                    act = reports.take if what == "take" else reports.close
                    change = await act(connection, agency_id, report_no, person=name, now=now)
                await record(
                    connection,
                    at=now,
                    person=person.name,
                    user_id=person.user_id,
                    agency_id=agency_id,
                    action=f"report.{what}",
                    target=f"report {report_no}",
                    before=change.before,
                    after=change.after,
                )
        return _json(_shown(change.row, person))

    def _agency(self, request: Request) -> str:
        return self._parts.known(self._parts.agency_id(request)).agency_id


def _shown(row: Row, person: Person) -> dict[str, Any]:
    """Give a report as JSON: times as Unix seconds, the contact to who answers alone."""
    shown: dict[str, Any] = {}
    for name in row.__slots__:
        value = getattr(row, name)
        if name.endswith("_at"):
            shown[f"{name[:-3]}_s"] = None if value is None else int(value.timestamp())
        elif name == "contact_until":
            shown["contact_until_s"] = None if value is None else int(value.timestamp())
        else:
            shown[name] = value
    shown["has_contact"] = row.contact is not None
    if not person.may("dispatcher"):
        shown["contact"] = None
    return shown


def _json(body: Any) -> Response:
    return Response(
        _ENCODER.encode(body), 200, {"cache-control": "no-store"}, media_type="application/json"
    )
