"""The addresses of people and access, bare and below each agency."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from sapar.access.passwords import Passwords
from sapar.api.access.audit import AuditAnswers
from sapar.api.access.guard import Dependency
from sapar.api.access.keys import KeyAnswers
from sapar.api.access.own import OwnAnswers
from sapar.api.access.people import PeopleAnswers
from sapar.api.access.provider import ProviderAnswers
from sapar.api.access.session import SessionAnswers
from sapar.api.parts import Parts

Handler = Callable[..., Awaitable[Response]]
Row = tuple[str, str, Handler, Dependency | None]


def make_access_router(parts: Parts) -> APIRouter:
    """Make the router; an address below an agency asks for the roles in that agency."""
    router = APIRouter(tags=["people and access"])
    passwords = Passwords(parts.settings)
    provider = ProviderAnswers(parts)
    _add(router, ("GET", "/api/oidc/start", provider.start, None))
    _add(router, ("GET", "/api/oidc/callback", provider.callback, None))
    for row in [*_own_rows(parts, passwords), *_desk_rows(parts, passwords)]:
        _add(router, row)
        _add(router, row, agency=True)
    return router


def _own_rows(parts: Parts, passwords: Passwords) -> list[Row]:
    session, own = SessionAnswers(parts, passwords), OwnAnswers(parts, passwords)
    anybody, new_too = parts.guard.needs(), parts.guard.needs(temporary=True)
    return [
        ("POST", "/api/session", session.sign_in, None),
        ("DELETE", "/api/session", session.sign_out, None),
        ("GET", "/api/me", session.me, None),
        ("PATCH", "/api/me", session.change_me, new_too),
        ("POST", "/api/me/password", own.change_password, new_too),
        ("GET", "/api/me/sessions", own.sessions, anybody),
        ("DELETE", "/api/me/sessions/{session_no}", own.end_session, anybody),
        ("POST", "/api/me/second-factor", own.offer_second_factor, anybody),
        ("PUT", "/api/me/second-factor", own.set_second_factor, anybody),
        ("DELETE", "/api/me/second-factor", own.drop_second_factor, anybody),
    ]


def _desk_rows(parts: Parts, passwords: Passwords) -> list[Row]:
    people, keys, audit = PeopleAnswers(parts, passwords), KeyAnswers(parts), AuditAnswers(parts)
    admin = parts.guard.needs("admin", everywhere=True)
    auditor = parts.guard.needs("auditor")
    one = "/api/people/{user_id}"
    return [
        ("GET", "/api/people", people.people, admin),
        ("POST", "/api/people", people.add, admin),
        ("GET", one, people.person, admin),
        ("PATCH", one, people.change, admin),
        ("POST", f"{one}/password", people.new_password, admin),
        ("DELETE", f"{one}/second-factor", people.drop_second_factor, admin),
        ("DELETE", f"{one}/sessions", people.end_sessions, admin),
        ("DELETE", f"{one}/sessions/{{session_no}}", people.end_session, admin),
        ("GET", "/api/keys", keys.keys, admin),
        ("POST", "/api/keys", keys.add, admin),
        ("PATCH", "/api/keys/{key_no}", keys.change, admin),
        ("DELETE", "/api/keys/{key_no}", keys.revoke, admin),
        ("GET", "/api/audit", audit.lines, auditor),
    ]


def _add(router: APIRouter, row: Row, *, agency: bool = False) -> None:
    method, path, handler, dependency = row
    extra: dict[str, Any] = {}
    if agency:
        path = "/{agency}" + path
        extra["parameters"] = [
            {"name": "agency", "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    part = handler.__qualname__.partition("Answers")[0].lower()
    router.add_api_route(
        path,
        handler,
        methods=[method],
        response_model=None,
        response_class=Response,
        summary=(handler.__doc__ or "").partition("\n")[0],
        operation_id=("agency_" if agency else "") + f"{part}_{handler.__name__}",
        openapi_extra=extra,
        dependencies=[] if dependency is None else [Depends(dependency)],
    )
