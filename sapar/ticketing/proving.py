"""Held taps proved now and then, beside the workers.

A worker may store a tap a moment after its key was registered and before it has heard of the key.
"""

from __future__ import annotations

from typing import Final

from sapar.core.clock import Clock
from sapar.core.db import connect_async, load_queries, open_pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.settings import Settings
from sapar.ticketing.prove import PROVABLE, Proved, prove_seals
from sapar.ticketing.reference import Reference, make_tools

INTERVAL_S: Final = 60.0

_QUERIES = load_queries("sapar.ticketing")
_log = get_logger()


async def keep_proving(settings: Settings, clock: Clock, interval_s: float = INTERVAL_S) -> None:
    """Prove what devices with new keys have on hold, until cancelled.

    What goes wrong is logged, and the next look comes all the same.
    """
    while True:
        await clock.sleep(interval_s * clock.rate)
        try:
            await prove_once(settings, clock)
        except SaparError as exc:
            _log.error("proving_failed", reason=exc.message, code=exc.code)


async def prove_once(settings: Settings, clock: Clock) -> Proved:
    """Judge again the seals of devices that got a key within the last hour.

    Raises:
        Refused: a device has an HMAC key and there is no master key (`tap_master_key`).
        Unavailable: the database does not answer.
    """
    conninfo = settings.database_url.get_secret_value()
    found = Proved()
    connection = await connect_async(conninfo)
    async with connection:
        columns = {"codes": list(PROVABLE)}
        with translated():
            rows = await connection.execute(_QUERIES["newly_provable"], columns)
            devices = await rows.fetchall()
        if not devices:
            return found
        async with open_pool(conninfo, max_size=1, name="prove") as pool:
            reference = Reference(pool, settings)
            await reference.refresh()
            tools = make_tools(settings, clock, reference)
            for device in devices:
                one = await prove_seals(connection, tools, settings.tap_master_key_file, *device)
                found = Proved(*map(sum, zip(found, one, strict=True)))
    if found.good or found.disproved:
        _log.info("held_taps_proved", **found._asdict())
    return found
