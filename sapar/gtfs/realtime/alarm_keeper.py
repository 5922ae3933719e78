"""Writes the life of alarms while leading: raised and cleared, in the background.

What the engine says stands is compared once a second with what stands in the database; only what
differs is written. A new leader goes on with the alarms that it finds there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sapar.core.clock import Clock
from sapar.core.db import Pool
from sapar.core.errors import SaparError
from sapar.core.log import get_logger
from sapar.gtfs.realtime.alarm_store import list_open_alarms, write_alarms
from sapar.gtfs.realtime.console.model import Alarm
from sapar.gtfs.realtime.engine import Engine

_INTERVAL_S = 1.0
_log = get_logger()


class AlarmKeeper:
    """Keeps the alarms of one engine.

    Args:
        clock, pool: shared tools of the process.
        agency_id: whose alarms these are.
        engine: says what stands.
        term: gives the term of the leadership, 0 while another engine leads.
    """

    def __init__(
        self, clock: Clock, pool: Pool, agency_id: str, engine: Engine, term: Callable[[], int]
    ) -> None:
        self._clock, self._pool, self._agency_id = clock, pool, agency_id
        self._engine, self._term = engine, term
        self._open: dict[str, int] = {}
        self._of_term = 0

    async def take_over(self, told: list[Alarm]) -> None:
        """Go on with the alarms of the leader before.

        Args:
            told: those of its last tick; the database has what it wrote.
        """
        standing = {alarm.key: alarm for alarm in told}
        try:
            found = await list_open_alarms(self._pool, self._agency_id)
            standing |= {alarm.key: alarm for alarm in found.values()}
        except SaparError as exc:
            _log.warning("alarms_not_read", agency=self._agency_id, reason=exc.message)
        engine = self._engine
        engine.console.adopt(standing.values(), engine.fleet, self._clock.time())

    async def run(self) -> None:
        """Write while leading, until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            term = self._term()
            if term == 0 or self._engine.ticks_of_term != term:
                continue  # what stands is known with the first tick
            try:
                await self.write(term)
            except SaparError as exc:
                _log.warning("alarms_not_written", agency=self._agency_id, reason=exc.message)

    async def write(self, term: int) -> None:
        """Write what has changed.

        Raises:
            Unavailable: the database does not answer.
        """
        if self._of_term != term:
            found = await list_open_alarms(self._pool, self._agency_id)
            self._open = {alarm.key: number for number, alarm in found.items()}
            self._of_term = term
        standing = {alarm.key: alarm for alarm in self._engine.console.alarms}
        raised = [alarm for key, alarm in standing.items() if key not in self._open]
        gone = {key: number for key, number in self._open.items() if key not in standing}
        if not raised and not gone:
            return
        numbers = await write_alarms(
            self._pool, self._agency_id, term, raised, gone.values(), self._clock.now()
        )
        if numbers is None:
            self._of_term = 0
            return
        self._open = {key: n for key, n in self._open.items() if key not in gone} | dict(numbers)
