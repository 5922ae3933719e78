"""How a long-running part starts and ends: one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from sapar.core.log import configure_logging
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings

_FILES_MAX = 65_536
_ASKING = (signal.SIGTERM, signal.SIGINT)


def raise_file_limit() -> None:
    """Let this process and those it starts open more files than the usual 1,024.

    A broker, or a simulator, with a connection for each bus of a city needs some thousands.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run_until_signal(part: Coroutine[Any, Any, None]) -> None:
    """Run `part`; on SIGTERM or SIGINT cancel it and return when it has tidied up.

    The process is to end after this: from then on it heeds neither signal.
    """
    asyncio.run(_supervised(part))


async def _supervised(part: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(part)
    loop = asyncio.get_running_loop()

    def ask() -> None:
        # Once: another cancel would break off what the first one has begun to tidy up. The
        # impatient have SIGKILL.
        if not task.cancelling():
            task.cancel()

    for number in _ASKING:
        loop.add_signal_handler(number, ask)
    try:
        with suppress(asyncio.CancelledError):  # asked to stop
            await task
    finally:
        # The loop's end would give the signals back their usual meaning, and one that comes while
        # the interpreter ends would turn a good end into a violent one.
        for number in _ASKING:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


def rare_collections() -> None:
    """Make garbage collection rare.

    A part makes ten thousands of small objects a second and hardly a cycle among them; at Python's
    defaults a third of an ingest worker's time went into looking for some.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def start_part(settings: Settings, name: str) -> Metrics:
    """Set logging up and make the process's metrics, served where `metrics_port` says so."""
    rare_collections()
    configure_logging(settings, name)
    metrics = Metrics()
    if settings.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.metrics_port, settings.http_host, registry=metrics.registry)
    return metrics
