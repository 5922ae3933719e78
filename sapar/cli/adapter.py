"""`sapar wialon-gateway`: lets Wialon IPS trackers in."""

from __future__ import annotations

from typing import Annotated

import typer

from sapar.cli.process import run_until_signal, start_part
from sapar.core.settings import Settings


def wialon_gateway(
    agency: Annotated[
        str | None, typer.Option("--agency", help="Whose trackers; SAPAR_AGENCY if not given.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 20332,
) -> None:
    """Take Wialon IPS 1.1 trackers in over TCP and pass their positions on as the devices' own."""
    settings = Settings()
    start_part(settings, "wialon-gateway")
    run_until_signal(run_wialon_gateway(settings, agency or settings.agency, host, port))


async def run_wialon_gateway(settings: Settings, agency_id: str, host: str, port: int) -> None:
    """Serve one agency's trackers until cancelled."""
    from sapar.adapters.wialon_gateway import WialonGateway

    server = await WialonGateway(settings, agency_id).serve(host, port)
    async with server:
        await server.serve_forever()
