"""Samples of predictions on their way to the database: offering them never waits.

They are for statistics: while the database is away the newest are kept and the oldest dropped, and
what is lost at a crash is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sapar.core.db import Pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.settings import Settings
from sapar.gtfs.realtime.score.playback import SAMPLE_S
from sapar.gtfs.realtime.snapshot import Picture
from sapar.gtfs.scores.sampling import SampleRow, sample_rows
from sapar.gtfs.scores.store import QUERIES
from sapar.gtfs.timetable.model import Timetable

_FLUSH_S = 10.0
_WAITING_MAX = 20_000  # rows; half an hour of 300 sampled buses
_log = get_logger()


class SampleKeeper:
    """Keeps what the leader published about some vehicles, once in `SAMPLE_S`.

    Args:
        settings, pool: shared tools of the process.
        agency_id: whose predictions these are.
    """

    def __init__(self, settings: Settings, pool: Pool, agency_id: str) -> None:
        self._share = settings.eta_sample_share
        self._pool = pool
        self._agency_id = agency_id
        self._waiting: deque[SampleRow] = deque(maxlen=_WAITING_MAX)
        self._sampled_s = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, seen: Picture, timetable: Timetable) -> None:
        """Take what has just been published, if it is time to; never waits."""
        if not self._share or 0 <= seen.header_s - self._sampled_s < SAMPLE_S:
            return
        self._sampled_s = seen.header_s
        self._waiting.extend(sample_rows(seen, timetable, self._agency_id, self._share))

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits; it stays where the database does not answer."""
        rows = list(self._waiting)
        if not rows:
            return
        try:
            with translated():
                async with self._pool.connection() as connection, connection.cursor() as cursor:
                    await cursor.executemany(QUERIES["add_sample"], rows)
        except SaparError as exc:
            _log.warning("samples_wait", agency=self._agency_id, rows=len(rows), reason=str(exc))
            return
        for _ in range(min(len(rows), len(self._waiting))):
            self._waiting.popleft()
