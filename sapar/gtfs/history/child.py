"""The nightly job in a process of its own, so that driving a day again takes no time from ticks."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from datetime import date

from sapar.core.db import open_pool
from sapar.core.errors import SaparError
from sapar.core.log import configure_logging, get_logger
from sapar.core.settings import Settings
from sapar.gtfs.history.nightly import Nightly

_NICE = 10
_log = get_logger()


async def run_nightly_child(settings: Settings, agency_id: str) -> bool:
    """Run the job in a child process; True when it ended well. Cancelling ends the child."""
    context = multiprocessing.get_context("spawn")
    child = context.Process(
        target=_main, args=(settings, agency_id), name=f"sapar-nightly-{agency_id}", daemon=True
    )
    child.start()
    try:
        await asyncio.to_thread(child.join)
    finally:
        if child.is_alive():
            child.terminate()
    return child.exitcode == 0


def _main(settings: Settings, agency_id: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the engine that started us ends us
    os.nice(_NICE)
    configure_logging(settings, f"nightly-{agency_id}")
    try:
        asyncio.run(nightly_once(settings, agency_id))
    except SaparError as exc:
        _log.warning("nightly_not_done", agency=agency_id, code=exc.code, reason=exc.message)
        raise SystemExit(1) from None


async def nightly_once(settings: Settings, agency_id: str) -> list[date]:
    """Do what is due for an agency now; give the days on which something was done."""
    conninfo = settings.database_url.get_secret_value()
    async with open_pool(conninfo, name=f"sapar-nightly-{agency_id}") as pool:
        return await Nightly(pool, settings, settings.clock(), agency_id).run()
