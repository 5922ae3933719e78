"""The HTTP server around the application: uvicorn, with or without a certificate.

It serves in our event loop and ends gracefully: who listens to a stream is let go, who waits for
an answer gets it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from sapar.api.door import AtOnce
from sapar.cli.http_protocol import make_protocol
from sapar.core.settings import Settings

_GRACE_S = 2


class HttpServer(uvicorn.Server):
    """Serves until stopped; the signals are left to the process that runs it.

    Args:
        app: the application.
        at_once: what of it can be answered at once.
        settings: address, port and certificate.
        stopping: set when the server stops, which streams wait for.
    """

    def __init__(
        self, app: ASGIApp, at_once: AtOnce, settings: Settings, stopping: asyncio.Event
    ) -> None:
        self._stopping = stopping
        certificate, key = settings.http_certificate_file, settings.http_key_file
        super().__init__(
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

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: streams first, which end by being told, then whatever is still being answered.

        They are told here and not in `stop`: by the time that they end, no connection is taken
        nor kept any longer, so nobody comes back to a server that is about to go.
        """
        self._stopping.set()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Let `serve` come to its end."""
        self.should_exit = True


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
