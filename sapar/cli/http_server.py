"""The HTTP server around the application: uvicorn, or granian, with or without a certificate.

Both serve the same application in our event loop and end gracefully: who listens to a stream is
let go, who waits for an answer gets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Granian
from starlette.types import ASGIApp

from sapar.api.door import AtOnce
from sapar.cli.http_protocol import make_protocol
from sapar.core.settings import Settings

_GRACE_S = 2


class _Uvicorn(uvicorn.Server):
    """A server that leaves the signals to the process that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves until stopped.

    Args:
        app: the application.
        at_once: what of it can be answered at once.
        settings: address, port, certificate, and which server it is.
    """

    def __init__(self, app: ASGIApp, at_once: AtOnce, settings: Settings) -> None:
        self._uvicorn: _Uvicorn | None = None
        self._granian: Granian | None = None
        certificate, key = settings.http_certificate_file, settings.http_key_file
        if settings.http_server == "granian":
            self._granian = _make_granian(app, settings, certificate, key)
        else:
            self._uvicorn = _Uvicorn(
                uvicorn.Config(
                    app,
                    host=settings.http_host,
                    port=settings.http_port,
                    http=make_protocol(at_once),
                    ws="none",
                    access_log=False,
                    log_level="warning",
                    server_header=False,
                    proxy_headers=False,  # the application itself knows whom to believe
                    lifespan="on",
                    timeout_graceful_shutdown=_GRACE_S,
                    ssl_certfile=None if certificate is None else str(certificate),
                    ssl_keyfile=None if key is None else str(key),
                )
            )

    async def serve(self) -> None:
        """Serve until stopped."""
        if self._uvicorn is not None:
            await self._uvicorn.serve()
        elif self._granian is not None:
            await self._granian.serve()

    def stop(self) -> None:
        """Let `serve` come to its end."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True
        elif self._granian is not None:
            self._granian.stop()  # type: ignore[no-untyped-call]


def _make_granian(
    app: ASGIApp, settings: Settings, certificate: Path | None, key: Path | None
) -> Granian:
    logging.getLogger("_granian").setLevel(logging.WARNING)
    return Granian(
        app,
        address=settings.http_host,
        port=settings.http_port,
        interface=Interfaces.ASGI,
        http=HTTPModes.auto if certificate is not None else HTTPModes.http1,
        http1_settings=HTTP1Settings(keep_alive=True),
        websockets=False,
        backlog=1024,
        backpressure=1024,
        log_enabled=False,
        ssl_cert=certificate,
        ssl_key=key,
    )


async def serve_until(server: HttpServer, others: list[asyncio.Task[None]]) -> None:
    """Serve until cancelled, or until one of the other tasks ends; its error is raised."""
    serving = asyncio.create_task(server.serve(), name="http")
    try:
        done, _ = await asyncio.wait([serving, *others], return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.stop()
        for task in others:
            task.cancel()
        await asyncio.gather(serving, *others, return_exceptions=True)
    for task in done:
        task.result()
