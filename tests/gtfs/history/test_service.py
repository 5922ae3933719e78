"""The engine in service keeps its history: visits are written, and models survive a restart."""

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest

from sapar.core.clock import ScaledClock, SystemClock
from sapar.core.db import Pool, connect
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.history.learnt import load_learnt
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.realtime.service import run_engine
from tests.gtfs.history.support import AGENCY, block_legs, drive, prepare, store
from tests.gtfs.realtime.town import Bus, day_start, town


@pytest.fixture
def own(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "tick_interval_s": 0.2,
            "leader_check_interval_s": 0.2,
            "visit_flush_interval_s": 0.2,
            "nightly_in_engine": False,
        }
    )


async def test_visits_are_written_and_what_was_learnt_survives_a_restart(
    own: Settings, database: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    timetable = town()
    until_s = 6.7 * 3600
    clock = ScaledClock(SystemClock().wall(), day_start(timetable) + until_s)
    prepare(database, ["bus 0"])
    bus = Bus(timetable, "bus 0", block_legs(timetable, "A0", 6 * 3600, 7 * 3600))
    store(database, drive(bus, until_s - 2400, until_s))
    async with asyncio.timeout(60):
        await _until(own, clock, lambda: _count(database) > 8)
    first = await load_learnt(pool, AGENCY)
    assert len(first) >= 5
    assert np.all(first.weight > 0)
    loaded = []
    monkeypatch.setattr(
        Engine, "load_learnt", lambda self, learnt, now_s: loaded.append((learnt, now_s))
    )
    async with asyncio.timeout(60):
        await _until(own, clock, lambda: bool(loaded))
    assert loaded[0][0].from_stop_ids == first.from_stop_ids
    assert loaded[0][0].mean_s.tolist() == first.mean_s.tolist()
    assert loaded[0][1] == pytest.approx(clock.time(), abs=60)


async def _until(own: Settings, clock: ScaledClock, reached) -> None:
    task = asyncio.create_task(run_engine(own, clock, Metrics(), AGENCY))
    try:
        while not reached():
            await asyncio.sleep(0.1)
            if task.done():
                task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _count(database: str) -> int:
    with connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM stop_visit").fetchone()
    return row[0] if row else 0


async def test_a_warm_start_fills_what_no_engine_saw_and_changes_nothing_else(
    own: Settings, database: str
):
    timetable = town()
    until_s = 6.7 * 3600
    clock = ScaledClock(SystemClock().wall(), day_start(timetable) + until_s)
    prepare(database, ["bus 0"])
    bus = Bus(timetable, "bus 0", block_legs(timetable, "A0", 6 * 3600, 7 * 3600))
    store(database, drive(bus, until_s - 2400, until_s))
    with connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO stop_visit VALUES (%s, '2026-03-10', 'A-out-4', %s, 3, 'bus 0', 2, 'a2',"
            " 'A', %s, NULL, now(), now(), true)",
            (AGENCY, 5 * 3600 + 4800, datetime(2026, 3, 10, tzinfo=UTC)),
        )
    async with asyncio.timeout(60):
        await _until(own, clock, lambda: _count(database) > 8)
    with connect(database) as connection:
        row = connection.execute(
            "SELECT arrival_at FROM stop_visit WHERE trip_id = 'A-out-4' AND stop_sequence = 3"
        ).fetchone()
    assert row == (datetime(2026, 3, 10, tzinfo=UTC),)
