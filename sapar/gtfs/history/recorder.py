"""The engine's stop visits on their way to the database, behind a bounded buffer.

Adding never waits. A leader's rows are written every few seconds; while the database is away they
wait here, and past `visit_buffer_max` the oldest are dropped and counted: a later rebuild makes
them again from the fixes. A standby keeps what it found in the last `STANDBY_KEEP_S` seconds and,
when it takes over, adds those rows that the last leader had not written.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from sapar.core.clock import Clock
from sapar.core.db import DatabaseRefused, Pool, translated
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.history.store import QUERIES, unique_rows, write_visits
from sapar.gtfs.history.visits import VisitRow, rows_of
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable

_Waiting = tuple[float, bool, VisitRow]
"""Monotonic time of finding, whether it only goes where no row stands, the row."""

STANDBY_KEEP_S = 120.0
"""Longer than a leader that dies can hold rows back."""
_BATCH = 5000
_ANSWER_S = 5.0
_log = get_logger()


class VisitRecorder:
    """Takes visits and writes them.

    Args:
        settings, clock, metrics, pool: shared tools of the process.
        agency_id: whose visits these are.
    """

    def __init__(
        self, settings: Settings, clock: Clock, metrics: Metrics, pool: Pool, agency_id: str
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._pool = pool
        self._agency_id = agency_id
        self._waiting: deque[_Waiting] = deque()
        self._answers_since_s = clock.monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, timetable: Timetable, visits: Visits, *, leads: bool) -> None:
        """Take visits; those found without leading only go where no row stands."""
        now_s = self._clock.monotonic()
        self._waiting.extend((now_s, not leads, row) for row in rows_of(timetable, visits))
        self._bound()

    async def run(self, leads: Callable[[], bool]) -> None:
        """Write while leading, and otherwise keep the reserve short, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.visit_flush_interval_s)
            if leads():
                await self.flush()
            elif await self._database_answers():
                self._prune()

    async def flush(self) -> None:
        """Write what waits; rows stay where the database does not answer."""
        while self._waiting:
            batch = self._take()
            try:
                written = await self._write([row for _, _, row in batch], fill=batch[0][1])
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                raise
            if not written:
                self._waiting.extendleft(reversed(batch))
                self._bound()
                return
            self._metrics.visits_waiting.labels(self._agency_id).set(len(self._waiting))

    def _take(self) -> list[_Waiting]:
        """Take the oldest rows of one kind out of the buffer."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < _BATCH:
            if batch and self._waiting[0][1] != batch[0][1]:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _bound(self) -> None:
        dropped = max(0, len(self._waiting) - self._settings.visit_buffer_max)
        for _ in range(dropped):
            self._waiting.popleft()
        if dropped:
            self._metrics.visits.labels(self._agency_id, "dropped").inc(dropped)
        self._metrics.visits_waiting.labels(self._agency_id).set(len(self._waiting))

    def _prune(self) -> None:
        """Let go of what a leader must have written: not soon after a silence, nobody led then."""
        now_s = self._clock.monotonic()
        if now_s - self._answers_since_s < STANDBY_KEEP_S:
            return
        while self._waiting and now_s - self._waiting[0][0] > STANDBY_KEEP_S:
            self._waiting.popleft()

    async def _database_answers(self) -> bool:
        try:
            with translated():
                async with self._pool.connection(timeout=_ANSWER_S) as connection:
                    await connection.execute(QUERIES["is_there"])
        except (SaparError, TimeoutError) as exc:
            self._note_silence(str(exc))
            return False
        self._note_answer()
        return True

    async def _write(self, rows: list[VisitRow], *, fill: bool) -> bool:
        """Write one batch; False when the database does not answer and it must be tried again."""
        try:
            with translated():
                async with self._pool.connection(timeout=_ANSWER_S) as connection:
                    await write_visits(connection, self._agency_id, unique_rows(rows), fill=fill)
        except DatabaseRefused as exc:
            # not to be tried for ever; the fixes are still there for a rebuild
            _log.error("visits_refused", agency=self._agency_id, rows=len(rows), reason=str(exc))
            self._metrics.visits.labels(self._agency_id, "refused").inc(len(rows))
            return True
        except (SaparError, TimeoutError) as exc:
            self._note_silence(str(exc))
            return False
        self._note_answer()
        self._metrics.visits.labels(self._agency_id, "written").inc(len(rows))
        return True

    def _note_silence(self, reason: str) -> None:
        if self._answers_since_s < math.inf:
            self._answers_since_s = math.inf
            _log.warning("visits_wait", agency=self._agency_id, rows=len(self), reason=reason)

    def _note_answer(self) -> None:
        if self._answers_since_s == math.inf:
            self._answers_since_s = self._clock.monotonic()
            _log.info("visits_go_on", agency=self._agency_id, rows=len(self))
