"""The whole application with nothing running behind it: its routes and who they let in."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from sapar.access.model import Role
from sapar.api.app import create_app
from sapar.api.hub import Hub
from sapar.api.pages import FrontEnd
from sapar.core.clock import SystemClock
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings


@cache
def whole_app() -> FastAPI:
    """The application, connected to nothing."""
    metrics, clock = Metrics(), SystemClock()
    pool = SimpleNamespace()
    return create_app(
        Settings(agency="a"),
        pool,  # type: ignore[arg-type]
        clock,
        metrics,
        Hub(clock, metrics),
        front_end=FrontEnd(Path("/nowhere")),
    )


def all_routes() -> list[APIRoute]:
    """Every route that we wrote; the framework's own /openapi.json is not among them."""
    return list(_routes(whole_app().routes))


def _routes(routes: list) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            # This FastAPI keeps an included router as one; we include without prefix.
            included = getattr(route, "original_router", None)
            yield from _routes(included.routes if included is not None else [])


def roles_of(route: APIRoute) -> frozenset[Role] | None:
    """The roles that a route lets in (empty: whoever is signed in); None: it is not guarded."""
    guard = whole_app().state.parts.guard

    def search(dependant: Dependant) -> Iterator[frozenset[Role]]:
        roles = guard.roles_of(dependant.call)
        if roles is not None:
            yield roles
        for inner in dependant.dependencies:
            yield from search(inner)

    return next(search(route.dependant), None)


def methods_of(route: APIRoute) -> set[str]:
    """The methods that a route takes."""
    assert route.methods is not None
    return route.methods


def bare_path(route: APIRoute) -> str:
    """A route's path as the documentation writes it, without the agency before it."""
    path = route.path.removeprefix("/{agency}") or route.path
    return re.sub(r":path\}", "}", path)


def example_address(route: APIRoute, agency: str = "nobody") -> str:
    """An address that the route answers, about things that are not there."""
    values = {"agency": agency, "feed": "alerts.pb", "file:path": "x.js"}
    return re.sub(r"\{([^}]+)\}", lambda match: values.get(match[1], "1"), route.path)
