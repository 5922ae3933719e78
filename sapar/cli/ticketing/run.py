"""`sapar ticketing run`: one worker, from the broker to the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from sapar.cli.process import run_until_signal, start_part
from sapar.cli.report import reported
from sapar.core.settings import Settings

if TYPE_CHECKING:
    from sapar.core.metrics import Metrics


def run(
    worker: Annotated[
        int | None, typer.Option(help="Stable number of this worker: it names the broker session.")
    ] = None,
    retire: Annotated[
        bool,
        typer.Option(help="Drain this worker's session and forget it, instead of working."),
    ] = False,
) -> None:
    """Take taps, prove their seals, post their fares, and acknowledge them after the commit.

    Run as many workers as you like, each with a number of its own; they share the load. A worker
    that is gone for good strands its share: retire it.
    """
    from sapar.ticketing.reference import open_post
    from sapar.ticketing.worker import retire as retire_worker

    settings = Settings()
    if worker is not None:
        settings = settings.model_copy(update={"ticketing_worker": worker})
    number = settings.ticketing_worker
    metrics = start_part(settings, f"ticketing-{number}")
    with reported():
        if retire:
            count = asyncio.run(retire_worker(settings, settings.clock(), metrics, open_post))
            typer.echo(f"worker {number} is retired; {count} messages were drained")
            return
        run_until_signal(_work(settings, metrics))


async def _work(settings: Settings, metrics: Metrics) -> None:
    """Take taps; beside it look after the exceptions about shifts and gaps, and after new keys."""
    from sapar.core.tasks import end_tasks
    from sapar.finance.shifts.keeping import keep_watch
    from sapar.ticketing.proving import keep_proving
    from sapar.ticketing.reference import open_post
    from sapar.ticketing.worker import run_ticketing

    clock = settings.clock()
    beside = [
        asyncio.create_task(keep_watch(settings.database_url.get_secret_value(), clock)),
        asyncio.create_task(keep_proving(settings, clock)),
    ]
    try:
        await run_ticketing(settings, clock, metrics, open_post)
    finally:
        await end_tasks(beside)
