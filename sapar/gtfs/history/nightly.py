"""The nightly job: what is made of a service day once its last bus is in.

    rebuild    stop visits made again from all fixes
    proofs     the proof of each run
    figures    punctuality, regularity, run times and speeds, for the performance pages
    scores     predictions held against what happened
    streets    ways between stops learnt, where the timetable has no shapes
    retention  stop visits, proofs and alarms past their time are dropped

Each step is done once a day and noted; a job that was stopped goes on with the step it was at. A
day whose fixes came in late is done again, for some days.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sapar.core.clock import Clock
from sapar.core.db import Pool, connect_async, json_value, translated
from sapar.core.errors import Refused
from sapar.core.log import get_logger
from sapar.core.settings import Settings
from sapar.fleet.registry import Registry, load_registry
from sapar.gtfs.history.performance_store import keep_performance
from sapar.gtfs.history.proofs import make_proofs
from sapar.gtfs.history.rebuild import Progress, rebuild_day, timetable_of
from sapar.gtfs.history.store import QUERIES
from sapar.gtfs.history.streets import learn_streets
from sapar.gtfs.realtime.shape_store import with_learnt_lines
from sapar.gtfs.scores.store import score_day
from sapar.gtfs.timetable.model import Timetable

Summary = dict[str, int]
STEPS = ("rebuild", "proofs", "figures", "scores", "streets", "retention")
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Nightly:
    """The job of one agency.

    Attributes:
        pool, settings, clock: shared tools of the process.
        agency_id: whose day it is.
        progress: told of each step how much of it is done.
    """

    pool: Pool
    settings: Settings
    clock: Clock
    agency_id: str
    progress: Callable[[str, float], None] = lambda _step, _share: None

    async def run(self, days: list[date] | None = None, *, again: bool = False) -> list[date]:
        """Do all steps that are due; give the days on which something was done.

        Args:
            days: the days to do; None for all lately ended ones with something to do.
            again: do steps again that are done.

        Raises:
            Refused: another nightly job of the agency is under way.
            Unavailable: the database does not answer; call again to go on.
        """
        async with self._alone():
            if days is None:
                days = await self.due_days()
                # once a night, since it reads whole days
                days = sorted({*days, *(await self._late_days() if days else ())})
            if again:
                for day in days:
                    await self._execute("forget_steps", day)
            return [day for day in days if await self._do_day(day)]

    async def due_days(self) -> list[date]:
        """List the service days that ended lately, have fixes and are not done, in order."""
        registry = await load_registry(self.pool)
        zone = registry.get_agency(self.agency_id).zone
        due = []
        for day in ended_days(self.clock.now(), zone, self.settings):
            span = await self._span(day)
            if span is None or span[1] > self.clock.time():
                continue
            if not await self._ask("has_fixes", span):
                continue
            if len(await self._steps(day)) < len(STEPS):
                due.append(day)
        return due

    async def _late_days(self) -> list[date]:
        """List the days that are done and have got fixes since; their steps are forgotten."""
        registry = await load_registry(self.pool)
        zone = registry.get_agency(self.agency_id).zone
        late = []
        for day in ended_days(self.clock.now(), zone, self.settings):
            if await self._came_late(day):
                await self._execute("forget_steps", day)
                late.append(day)
        return late

    async def _do_day(self, day: date) -> bool:
        done = await self._steps(day)
        missing = [step for step in STEPS if step not in done]
        if not missing:
            return False
        imported = await timetable_of(self.pool, self.agency_id, day, learnt=False)
        registry = await load_registry(self.pool)
        for step in missing:
            started_s = self.clock.monotonic()
            began = self.clock.now()
            summary = await self._do(step, day, imported, registry)
            await self._execute(
                "note_step", day, step=step, done_at=began, summary=json_value(summary)
            )
            _log.info(
                "nightly_step",
                agency=self.agency_id,
                day=day.isoformat(),
                step=step,
                took_s=round(self.clock.monotonic() - started_s, 1),
                **summary,
            )
        return True

    async def _do(self, step: str, day: date, imported: Timetable, registry: Registry) -> Summary:
        def progress(share: float) -> None:
            self.progress(step, share)

        progress(0.0)
        if step == "scores":
            return await score_day(self.pool, self.settings, self.agency_id, day)
        if step == "streets":
            now = self.clock.now()
            return await learn_streets(self.pool, registry, imported, day, now, progress)
        if step == "retention":
            return await self._drop_old()
        timetable = await with_learnt_lines(self.pool, imported)
        if step == "rebuild":
            return await self._rebuild(day, timetable, registry, progress)
        if step == "figures":
            return await keep_performance(self.pool, timetable, day)
        return await make_proofs(self.pool, self.settings, registry, timetable, day)

    async def _rebuild(
        self, day: date, timetable: Timetable, registry: Registry, progress: Progress
    ) -> Summary:
        try:
            found = await rebuild_day(
                self.pool, self.settings, registry, timetable, day, self.clock.now(), progress
            )
        except Refused as exc:  # too old to be made again: what was found live stands
            _log.warning("nightly_rebuild_refused", agency=self.agency_id, reason=exc.message)
            return {"fixes": 0, "visits": 0}
        return {"fixes": found.fixes, "visits": found.visits}

    async def _drop_old(self) -> Summary:
        today = self.clock.now().date()
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(
                    QUERIES["drop_old_visits"],
                    {"before": today - timedelta(days=self.settings.visit_retention_days)},
                )
                chunks = await cursor.fetchall()
                await connection.execute(
                    QUERIES["drop_old_segments"],
                    {"before": today - timedelta(days=self.settings.visit_retention_days)},
                )
                before = today - timedelta(days=self.settings.proof_retention_days)
                cursor = await connection.execute(
                    QUERIES["delete_old_proofs"], {"agency_id": self.agency_id, "before": before}
                )
                proofs = cursor.rowcount
        return {
            "visit_chunks_dropped": len(chunks),
            "proofs_deleted": proofs,
            "alarms_deleted": await self.drop_old_alarms(),
        }

    async def drop_old_alarms(self, at_once: int = 5000) -> int:
        """Delete alarms past their time, so many in a transaction; give how many there were."""
        before = self.clock.now() - timedelta(days=self.settings.alarm_retention_days)
        deleted = 0
        while True:
            with translated():
                async with self.pool.connection() as connection:
                    cursor = await connection.execute(
                        QUERIES["delete_old_alarms"],
                        {"agency_id": self.agency_id, "before": before, "most": at_once},
                    )
            deleted += cursor.rowcount
            if cursor.rowcount < at_once:
                return deleted

    async def _came_late(self, day: date) -> bool:
        """Tell whether fixes of a day that is done have come in since its rebuild began."""
        rebuilt = (await self._steps(day)).get("rebuild")
        if rebuilt is None:
            return False
        span = await self._span(day)
        return span is not None and await self._ask("has_late_fixes", span, rebuilt)

    async def _span(self, day: date) -> tuple[float, float] | None:
        """Give when the buses of a day may be on the road, without reading its timetable."""
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(
                    QUERIES["find_day_span"], {"agency_id": self.agency_id, "service_date": day}
                )
                row = await cursor.fetchone()
        if row is None or row[0] is None:
            return None
        return float(row[0]), float(row[1]) + self.settings.nightly_delay_s

    async def _ask(
        self, query: str, span: tuple[float, float], after: datetime | None = None
    ) -> bool:
        values = {
            "agency_id": self.agency_id,
            "since": datetime.fromtimestamp(span[0], UTC),
            "until": datetime.fromtimestamp(span[1], UTC),
            "received_after": after,
        }
        with translated():
            async with self.pool.connection() as connection:
                row = await (await connection.execute(QUERIES[query], values)).fetchone()
        return bool(row and row[0])

    async def _steps(self, day: date) -> dict[str, datetime]:
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(
                    QUERIES["list_steps"], {"agency_id": self.agency_id, "service_date": day}
                )
                return dict(await cursor.fetchall())

    async def _execute(self, query: str, day: date, **values: object) -> None:
        with translated():
            async with self.pool.connection() as connection:
                await connection.execute(
                    QUERIES[query], {"agency_id": self.agency_id, "service_date": day, **values}
                )

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Hold the agency's lock of nightly jobs."""
        connection = await connect_async(self.settings.database_url.get_secret_value())
        async with connection:
            with translated():
                cursor = await connection.execute(
                    QUERIES["try_nightly_lock"], {"agency_id": self.agency_id}
                )
                row = await cursor.fetchone()
            if row is None or not row[0]:
                raise Refused(
                    f"a nightly job of {self.agency_id} is under way", code="nightly_under_way"
                )
            yield


def ended_days(now: datetime, zone: ZoneInfo, settings: Settings) -> list[date]:
    """List the service dates that may be over and are looked at, earliest first."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=n) for n in range(settings.nightly_late_days + 1, 0, -1)]
