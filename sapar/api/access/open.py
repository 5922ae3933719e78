"""The addresses that need no role. Everything else is guarded; a test walks the application."""

from __future__ import annotations

OPEN = frozenset(
    {
        # for those who run it
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        # the feeds, and what their readers need to understand them
        "/gtfs-rt/{feed}",
        "/gtfs.zip",
        "/api/agencies.json",
        "/api/network.geojson",
        # files of the pages: they hold no data
        "/",
        "/{agency}",
        "/assets/{file:path}",
        # signing in; whoever asks who is signed in is told "nobody"
        "/api/session",
        "/api/me",
        "/api/oidc/start",
        "/api/oidc/callback",
    }
)
"""Paths as the routes name them, without the `/{agency}` before them."""

OPEN_BELOW = (
    "/api/where/",  # OneBusAway
    "/api/stops/",  # arrivals
    "/api/vehicles/",  # a bus in service, as the feeds have it
    "/api/rider/",  # the rider page: reports, balances
    "/rider",
    "/console",  # the page itself
)
"""Beginnings of open paths."""


def is_open(path: str) -> bool:
    """Whether a route's path needs no role, bare or below an agency."""
    bare = path.removeprefix("/{agency}") or path
    return path in OPEN or bare in OPEN or bare.startswith(OPEN_BELOW)
