"""`sapar api`: one instance of the HTTP side."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from sapar.core.metrics import Metrics
from sapar.core.settings import Settings


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve feeds and pages until stopped; run as many instances as you like."""
    from sapar.cli.process import run_until_signal, start_part

    settings = Settings()
    changed = {"http_host": host, "http_port": port}
    settings = settings.model_copy(
        update={name: value for name, value in changed.items() if value is not None}
    )
    run_until_signal(run_api(settings, start_part(settings, "api")))


async def run_api(settings: Settings, metrics: Metrics) -> None:
    """Wire one instance and serve until cancelled."""
    import uvicorn

    from sapar.api.app import create_app
    from sapar.api.hub import Hub
    from sapar.core.db import open_pool
    from sapar.core.log import get_logger
    from sapar.core.mqtt import MqttClient

    class Server(uvicorn.Server):
        """A server that leaves the signals to the process that runs it."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    clock = settings.clock()
    hub = Hub(clock, metrics)
    client = MqttClient(
        settings.broker_host,
        settings.broker_port,
        # Nothing is kept for an absent instance: the retained tick tells it all on return.
        client_id=f"api-{settings.http_port}-{os.getpid()}",
        username=settings.broker_username,
        password=settings.broker_password.get_secret_value(),
        wait=False,
    )
    conninfo = settings.database_url.get_secret_value()
    async with open_pool(conninfo, name="sapar-api") as pool, client:
        app = create_app(settings, pool, clock, metrics, hub)
        server = Server(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                http="httptools",
                ws="none",
                access_log=False,
                log_level="warning",
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=2,
            )
        )
        get_logger().info("api_starting", host=settings.http_host, port=settings.http_port)
        listening = asyncio.create_task(hub.run(client), name="hub")
        serving = asyncio.create_task(server.serve(), name="http")
        try:
            # Whichever ends first ends the other: an instance that hears no ticks must not stay up.
            done, _ = await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            listening.cancel()
            await asyncio.gather(serving, listening, return_exceptions=True)
        for task in done:
            task.result()
