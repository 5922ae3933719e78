"""`sapar api`: one instance of the HTTP side."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import Annotated, Any

import typer

from sapar.core.metrics import Metrics
from sapar.core.settings import Settings

_SWITCH_S = 0.0005
_COLLECT_AFTER = (10_000, 10, 200)


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    https_local: Annotated[
        bool,
        typer.Option("--https-local", help="HTTPS with a certificate of this machine; see docs."),
    ] = False,
) -> None:
    """Serve feeds and pages until stopped; run as many instances as you like."""
    from sapar.cli.process import run_until_signal, start_part

    settings = Settings()
    changed: dict[str, Any] = {"http_host": host, "http_port": port}
    settings = settings.model_copy(
        update={name: value for name, value in changed.items() if value is not None}
    )
    if https_local:
        from sapar.cli.local_certificate import ensure_local_certificate, utc

        folder = settings.data_dir / "https"
        now = utc(settings.clock().wall())
        certificate, key = ensure_local_certificate(folder, settings.http_host, now)
        files = {"http_certificate_file": certificate, "http_key_file": key, "http_hsts_s": 0}
        settings = settings.model_copy(update=files)
    run_until_signal(run_api(settings, start_part(settings, "api")))


async def run_api(settings: Settings, metrics: Metrics) -> None:
    """Wire one instance and serve until cancelled."""
    from sapar.api.app import create_app
    from sapar.api.hub import Hub
    from sapar.cli.http_server import HttpServer, serve_until
    from sapar.core.db import open_pool
    from sapar.core.log import get_logger
    from sapar.core.mqtt import MqttClient

    # Threads work beside the answers: what waits for an answer must get its turn at once.
    sys.setswitchinterval(_SWITCH_S)
    # Answers are kept for a tick and then freed by their counts; looking through all of them for
    # cycles takes 40 ms, in which nobody is answered.
    gc.set_threshold(*_COLLECT_AFTER)
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
        server = HttpServer(app, app.state.at_once, settings, app.state.stopping)
        get_logger().info("api_starting", host=settings.http_host, port=settings.http_port)
        # Whichever ends first ends the other: an instance that hears no ticks must not stay up.
        await serve_until(server, [asyncio.create_task(hub.run(client), name="hub")])
