"""The ways between stops learnt at night, for timetables without shapes.

From the runs of a service day, a few for each pair of neighbouring stops, chosen by a hash so that
they come from all hours and vehicles; pairs of which no way is known yet are looked for in the days
before as well. A way that is known stays as it is until the buses drive another one: neither the
timetable nor history changes from night to night by the noise of receivers.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise

import shapely

from sapar.core.db import Pool, translated
from sapar.core.geometry import to_plane
from sapar.fleet.registry import Registry
from sapar.gtfs.history.rebuild import Progress
from sapar.gtfs.history.store import QUERIES, places_of, visits_from_rows
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.realtime.shape_learning import (
    PASSES_MIN,
    LearntLine,
    Line,
    Segment,
    collect_passes,
    learn_lines,
)
from sapar.gtfs.realtime.shape_store import list_learnt_lines, save_learnt_lines
from sapar.gtfs.realtime.store import fixes_from_rows
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable.model import Timetable

DAYS = 7
"""So many days are looked at for pairs of stops that few buses serve."""
PASSES = 16
"""Runs taken for a pair of stops: several times what must agree, and little to read."""
_BATCH = 60  # runs read at once: some 80,000 fixes
_STEP_S = 4.0  # a fix in so long is enough for a line simplified to 5 m
_SLACK_S = 30.0
_MOVED_M = 25.0  # a way as far off as this, somewhere, is another street

Pairs = frozenset[Segment]


@dataclass(frozen=True, slots=True)
class RunKey:
    """A run that a vehicle drove, and when (Unix seconds)."""

    service_date: date
    trip_id: str
    start_s: int
    vehicle_id: str
    from_s: float
    until_s: float


async def learn_streets(
    pool: Pool,
    registry: Registry,
    timetable: Timetable,
    service_date: date,
    now: datetime,
    progress: Progress = lambda _: None,
) -> dict[str, int]:
    """Learn ways from a service day, and keep those that are new or have changed.

    Engines and pages are told when there are any.

    Args:
        pool: to read with.
        registry: which device was in which vehicle.
        timetable: as it was imported, with no way learnt before.
        service_date: the day; its stop visits stand.
        now: when this is.
        progress: told how much is done.

    Returns:
        How many pairs of stops have no shape, ways were found, and ways are kept anew.

    Raises:
        Unavailable: the database does not answer; nothing has changed.
    """
    wanted = shapeless(timetable)
    if not wanted:
        return {}
    job = _Job(pool, registry, timetable)
    passes = await job.passes([service_date], wanted, lambda share: progress(share * 0.5))
    found = await asyncio.to_thread(learn_lines, timetable, passes)
    known = await list_learnt_lines(pool, timetable.agency_id)
    ids, have = timetable.stops.ids, found.keys() | known.keys()
    missing = frozenset(pair for pair in wanted if (ids[pair[0]], ids[pair[1]]) not in have)
    if missing:
        days = [service_date - timedelta(days=n) for n in range(DAYS)]
        passes = await job.passes(days, missing, lambda share: progress(0.5 + share * 0.4))
        found |= await asyncio.to_thread(learn_lines, timetable, passes)
    changed = {pair: line for pair, line in found.items() if _is_news(line, known.get(pair))}
    if changed:
        await save_learnt_lines(pool, timetable.agency_id, changed, now)
        with translated():
            async with pool.connection() as connection:
                await connection.execute(
                    QUERIES["notify_timetable"], {"agency_id": timetable.agency_id}
                )
    return {"pairs": len(wanted), "ways": len(found), "ways_changed": len(changed)}


def shapeless(timetable: Timetable) -> Pairs:
    """Give the neighbours on patterns without a shape."""
    return frozenset(
        pair
        for pattern in timetable.patterns
        if not pattern.has_shape
        for pair in pairwise(pattern.stop_idx.tolist())
    )


def choose_runs(timetable: Timetable, runs: Iterable[RunKey], wanted: Pairs) -> list[RunKey]:
    """Take runs in their order until there are `PASSES` for each pair of stops, or no more."""
    count: Counter[Segment] = Counter()
    pairs = [frozenset(pairwise(p.stop_idx.tolist())) & wanted for p in timetable.patterns]
    chosen = []
    for run in runs:
        trip = timetable.trips.index.get(run.trip_id)
        if trip is None:
            continue
        its = pairs[int(timetable.trips.pattern_idx[trip])]
        if any(count[pair] < PASSES for pair in its):
            count.update(its)
            chosen.append(run)
    return chosen


@dataclass(frozen=True, slots=True)
class _Job:
    """What is read for the ways of a timetable."""

    pool: Pool
    registry: Registry
    timetable: Timetable

    async def passes(
        self, days: list[date], wanted: Pairs, progress: Progress
    ) -> dict[Segment, list[Line]]:
        """Cut out what buses drove between the wanted neighbours on some days."""
        runs = choose_runs(self.timetable, await self._runs(days, wanted), wanted)
        found: dict[Segment, list[Line]] = defaultdict(list)
        done = 0
        for some in _batches(runs):
            visits = await self._visits(some)
            fixes = await self._fixes(some)
            cut = await asyncio.to_thread(collect_passes, self.timetable, visits, fixes)
            for pair in cut.keys() & wanted:
                found[pair] += cut[pair]
            done += len(some)
            progress(done / len(runs))
        return {pair: lines for pair, lines in found.items() if len(lines) >= PASSES_MIN}

    async def _runs(self, days: list[date], wanted: Pairs) -> list[RunKey]:
        """List the runs past any of the wanted pairs, newest day first, else in no order."""
        patterns = [
            number
            for number, pattern in enumerate(self.timetable.patterns)
            if not wanted.isdisjoint(pairwise(pattern.stop_idx.tolist()))
        ]
        of_trip = self.timetable.trips.pattern_idx.tolist()
        mine = set(patterns)
        values = {
            "agency_id": self.timetable.agency_id,
            "first": min(days),
            "last": max(days),
            "trip_ids": [
                trip_id
                for trip_id, pattern in zip(self.timetable.trips.ids, of_trip, strict=True)
                if pattern in mine
            ],
        }
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(QUERIES["list_runs"], values)
                return [RunKey(*row) for row in await cursor.fetchall()]

    async def _visits(self, runs: list[RunKey]) -> Visits:
        """Read the visits of runs of one day."""
        values = {
            "agency_id": self.timetable.agency_id,
            "service_date": runs[0].service_date,
            "trip_ids": [run.trip_id for run in runs],
            "starts": [run.start_s for run in runs],
            "vehicle_ids": [run.vehicle_id for run in runs],
        }
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(QUERIES["list_run_visits"], values)
                rows = await cursor.fetchall()
        return visits_from_rows(self.timetable, runs[0].service_date, rows)

    async def _fixes(self, runs: list[RunKey]) -> FixColumns:
        """Read the fixes of runs, each of the first device that was in the vehicle all the time."""
        spans = [span for run in runs if (span := self._span(run)) is not None]
        values = {
            "device_no": [device_no for device_no, _, _ in spans],
            "since": [datetime.fromtimestamp(since_s, UTC) for _, since_s, _ in spans],
            "until": [datetime.fromtimestamp(until_s, UTC) for _, _, until_s in spans],
            "step_s": _STEP_S,
        }
        with translated():
            async with self.pool.connection() as connection:
                cursor = await connection.execute(QUERIES["list_span_fixes"], values, binary=True)
                rows = await cursor.fetchall()
        return await asyncio.to_thread(fixes_from_rows, self.registry, rows)

    def _span(self, run: RunKey) -> tuple[int, float, float] | None:
        span = (run.from_s - _SLACK_S, run.until_s + _SLACK_S)
        for device in self.registry.list_devices(self.timetable.agency_id):
            for vehicle_id, since_s, until_s in places_of(device, span):
                inside = since_s <= span[0] and span[1] <= until_s
                if vehicle_id == run.vehicle_id and inside:
                    return device.device_no, *span
        return None


def _batches(runs: list[RunKey]) -> Iterator[list[RunKey]]:
    """Divide runs into batches of one day each."""
    for _, group in groupby(runs, key=lambda run: run.service_date):
        day = list(group)
        for low in range(0, len(day), _BATCH):
            yield day[low : low + _BATCH]


def _is_news(line: LearntLine, known: LearntLine | None) -> bool:
    """Tell whether a line is another one than that which is known."""
    if known is None:
        return True
    origin = (float(line.latitude[0]), float(line.longitude[0]))
    ways = [
        shapely.LineString(list(zip(*to_plane(way.latitude, way.longitude, origin), strict=True)))
        for way in (line, known)
    ]
    # at every few metres: corners alone would not tell where the lines are apart
    return bool(shapely.hausdorff_distance(ways[0], ways[1], densify=0.1) > _MOVED_M)
