"""What an engine in service keeps for later: visits, travel times, samples; the nightly job.

The leader alone writes. Nothing here makes a tick wait: rows are handed over in memory, and the
database is spoken to in tasks of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.history.child import run_nightly_child
from sapar.gtfs.history.learnt import load_learnt, save_learnt
from sapar.gtfs.history.nightly import Nightly
from sapar.gtfs.history.recorder import VisitRecorder
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.scores.keeper import SampleKeeper
from sapar.gtfs.timetable.model import Timetable

_NIGHTLY_CHECK_S = 300.0
_LAST_WORDS_S = 5.0
_log = get_logger()


class HistoryKeeper:
    """Keeps the history of one engine.

    Args:
        settings, clock, metrics, pool: shared tools of the process.
        agency_id: whose fleet this is.
        engine: what finds and learns.
        leads: tells whether this engine is the one that writes.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        pool: Pool,
        agency_id: str,
        engine: Engine,
        leads: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._pool = pool
        self._agency_id = agency_id
        self._engine = engine
        self._leads = leads
        self._saved_s = 0.0
        self.recorder = VisitRecorder(settings, clock, metrics, pool, agency_id)
        self.samples = SampleKeeper(settings, pool, agency_id)

    async def load(self) -> None:
        """Give the engine the travel times that were kept; without a database it starts cold."""
        try:
            learnt = await load_learnt(self._pool, self._agency_id)
        except SaparError as exc:
            _log.warning("learnt_not_loaded", agency=self._agency_id, reason=exc.message)
            return
        self._engine.load_learnt(learnt, self._clock.time())
        _log.info("learnt_loaded", agency=self._agency_id, records=len(learnt))

    def collect(self) -> None:
        """Take the visits that the engine has found since the last call; never waits."""
        found = self._engine.drain_visits()
        if len(found):
            self.recorder.add(self._engine.timetable, found, leads=self._leads())

    def note_published(self) -> None:
        """Sample the predictions that have just been published; never waits."""
        if self._engine.snapshot is not None:
            self.samples.offer(self._engine.snapshot, self._engine.timetable)

    async def switch(self, timetable: Timetable) -> None:
        """Put a new timetable into the engine, with all that was learnt before."""
        if self._leads():
            await self._save()
        self.collect()
        self._engine.replace_timetable(timetable, self._clock.time())
        await self.load()

    async def run(self) -> None:
        """Write, save and start the nightly job while leading, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.recorder.run(self._leads), name="visits")
            tasks.create_task(self._save_for_ever(), name="learnt")
            tasks.create_task(self.samples.run(), name="samples")
            if self._settings.nightly_in_engine:
                tasks.create_task(self._nightly_for_ever(), name="nightly")

    async def close(self) -> None:
        """Write what is left, in a few seconds or not at all."""
        if not self._leads():
            return
        self.collect()
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await self.recorder.flush()
                await self._save()
                await self.samples.flush()
        except TimeoutError:
            _log.warning("history_cut_short", agency=self._agency_id, rows=len(self.recorder))

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.learnt_save_interval_s)
            if self._leads():
                await self._save()

    async def _save(self) -> None:
        began_s = self._clock.time()
        learnt = self._engine.learnt()
        try:
            count = await save_learnt(self._pool, self._agency_id, learnt, since_s=self._saved_s)
        except SaparError as exc:
            _log.warning("learnt_not_saved", agency=self._agency_id, reason=exc.message)
            return
        # observations may be some minutes older than their finding
        self._saved_s = began_s - self._settings.learnt_save_interval_s
        _log.info("learnt_saved", agency=self._agency_id, records=count)

    async def _nightly_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_NIGHTLY_CHECK_S)
            if not self._leads():
                continue
            try:
                job = Nightly(self._pool, self._settings, self._clock, self._agency_id)
                if await job.due_days():
                    await run_nightly_child(self._settings, self._agency_id)
            except SaparError as exc:
                _log.warning("nightly_not_started", agency=self._agency_id, reason=exc.message)
