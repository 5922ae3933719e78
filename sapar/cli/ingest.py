"""`sapar ingest`: one worker, from the broker to the database."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from sapar.cli.process import run_until_signal, start_part
from sapar.cli.report import reported
from sapar.core.settings import Settings


def ingest(
    worker: Annotated[
        int | None, typer.Option(help="Stable number of this worker: it names the broker session.")
    ] = None,
    retire: Annotated[
        bool,
        typer.Option(help="Drain this worker's session and forget it, instead of working."),
    ] = False,
) -> None:
    """Store what devices send, and acknowledge it after the commit.

    Run as many workers as you like, each with a number of its own; they share the load. A worker
    that is gone for good strands its share: retire it.
    """
    from sapar.ingest.worker import retire as retire_worker
    from sapar.ingest.worker import run_ingest

    settings = Settings()
    if worker is not None:
        settings = settings.model_copy(update={"ingest_worker": worker})
    metrics = start_part(settings, f"ingest-{settings.ingest_worker}")
    with reported():
        if retire:
            count = asyncio.run(retire_worker(settings, settings.clock(), metrics))
            typer.echo(f"worker {settings.ingest_worker} is retired; {count} messages were drained")
            return
        run_until_signal(run_ingest(settings, settings.clock(), metrics))
