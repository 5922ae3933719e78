"""Shift reports and gaps looked at again and again, beside the workers that take them in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sapar.core.clock import Clock
from sapar.core.db import AsyncConnection, connect_async, load_queries, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.finance.exceptions.gaps import watch_gaps
from sapar.finance.shifts.reading import calendar_of
from sapar.finance.shifts.watch import watch_shifts

INTERVAL_S: Final = 300.0
"""Seconds between two looks, and at least nine times as long as the last look took."""
_RESTS: Final = 9

_DAY: Final = timedelta(days=1)
_queries = load_queries("sapar.finance.shifts")
_log = get_logger()


async def keep_watch(conninfo: str, clock: Clock, interval_s: float = INTERVAL_S) -> None:
    """Keep the exceptions about shifts and gaps in line with what came, until cancelled.

    Looks at the shifts of this fare day and the last, and at older ones while an exception is open
    on them; the close of a day looks at all of it. Of several processes one looks at a time. What
    goes wrong is logged, and the next look comes all the same.

    Args:
        conninfo: the database.
        clock: transit time, and the pace.
        interval_s: seconds between two looks.
    """
    while True:
        began = clock.monotonic()
        try:
            await watch_once(conninfo, clock)
        except SaparError as exc:
            _log.error("watch_failed", reason=exc.message, code=exc.code)
        took_s = clock.monotonic() - began
        await clock.sleep(max(interval_s, _RESTS * took_s * clock.rate))


async def watch_once(conninfo: str, clock: Clock) -> int:
    """Look once at every agency that has validators' taps; give how many exceptions changed.

    Raises:
        Unavailable: the database does not answer.
    """
    connection = await connect_async(conninfo)
    try:
        with translated():
            cursor = await connection.execute(_queries["try_watch"])
            row = await cursor.fetchone()
            if row is None or not row[0]:
                return 0
            cursor = await connection.execute(_queries["agencies_with_taps"])
            agencies = [one[0] for one in await cursor.fetchall()]
        return sum([await _watch(connection, agency_id, clock) for agency_id in agencies])
    finally:
        await connection.close()  # and the lock with it


async def _watch(connection: AsyncConnection, agency_id: str, clock: Clock) -> int:
    now = clock.now()
    with translated():
        calendar = await calendar_of(connection, agency_id)
    since = calendar.fare_day(round(now.timestamp() * 1000)) - _DAY
    watched = await watch_shifts(connection, agency_id, now, since=since)
    kept = [*watched, await watch_gaps(connection, agency_id, now)]
    changed = sum(len(one.opened) + len(one.changed) + len(one.closed) for one in kept)
    if changed:
        _log.info(
            "exceptions_watched",
            agency=agency_id,
            opened=sum(len(one.opened) for one in kept),
            changed=sum(len(one.changed) for one in kept),
            closed=sum(len(one.closed) for one in kept),
        )
    return changed
