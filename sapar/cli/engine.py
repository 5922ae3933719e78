"""`sapar engine`: the realtime engine of one agency."""

from __future__ import annotations

from typing import Annotated

import typer

from sapar.cli.process import run_until_signal, start_part
from sapar.cli.report import reported
from sapar.core.settings import Settings


def engine(
    agency: Annotated[
        str | None, typer.Option(help="Agency to serve; the default agency if not given.")
    ] = None,
) -> None:
    """Place every bus on its trip, predict its arrivals, and publish the feeds tick by tick.

    Start it twice for an agency: one leads, the other takes over when the first is gone.
    """
    from sapar.gtfs.realtime.service import run_engine

    settings = Settings()
    agency_id = agency or settings.agency
    metrics = start_part(settings, f"engine-{agency_id}")
    with reported():
        run_until_signal(run_engine(settings, settings.clock(), metrics, agency_id))
