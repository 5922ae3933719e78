"""Visits on their way to the database: outages, bounds, standby and leader."""

import asyncio

import numpy as np
import pytest
from pydantic import SecretStr

from sapar.core.clock import ManualClock
from sapar.core.db import Pool, connect, open_pool
from sapar.core.metrics import Metrics
from sapar.core.settings import Settings
from sapar.gtfs.history import recorder as module
from sapar.gtfs.history.recorder import STANDBY_KEEP_S, VisitRecorder
from sapar.gtfs.history.store import unique_rows, write_visits
from sapar.gtfs.history.visits import rows_of, take_visits
from sapar.gtfs.realtime.visits import Visits
from sapar.gtfs.timetable import Timetable
from tests.gtfs.history.support import AGENCY
from tests.gtfs.history.test_proof import run_visits
from tests.gtfs.realtime.town import town


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture
def visits(timetable: Timetable) -> Visits:
    return run_visits(timetable, "bus 1", "A-out-3")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kept(database: str, pool: Pool, metrics: Metrics, clock: ManualClock) -> VisitRecorder:
    own = Settings(database_url=SecretStr(database), visit_buffer_max=20)
    return VisitRecorder(own, clock, metrics, pool, AGENCY)


def stored(database: str) -> list[tuple]:
    with connect(database) as connection:
        return connection.execute(
            "SELECT stop_sequence, extract(epoch FROM arrival_at)::float8,"
            " extract(epoch FROM departure_at)::float8 FROM stop_visit ORDER BY 1"
        ).fetchall()


def counted(metrics: Metrics, outcome: str) -> float:
    value = metrics.registry.get_sample_value(
        "sapar_engine_visits_total", {"agency": AGENCY, "outcome": outcome}
    )
    return value or 0.0


async def test_a_leaders_visits_are_written_and_later_news_completes_them(
    kept: VisitRecorder, timetable: Timetable, visits: Visits, database: str, metrics: Metrics
):
    departure = visits.departure_s.copy()
    visits.departure_s[:] = np.nan
    kept.add(timetable, visits, leads=True)
    await kept.flush()
    arrival = visits.arrival_s.copy()
    visits.departure_s[:] = departure
    visits.arrival_s[:] = np.nan
    kept.add(timetable, visits, leads=True)
    await kept.flush()
    assert stored(database) == [
        (n + 1, pytest.approx(arrival[n]), pytest.approx(departure[n])) for n in range(8)
    ]
    assert counted(metrics, "written") == 16
    assert len(kept) == 0


async def test_what_a_standby_found_fills_holes_and_changes_nothing(
    kept: VisitRecorder, timetable: Timetable, visits: Visits, database: str
):
    kept.add(timetable, take_visits(visits, np.arange(3)), leads=True)
    await kept.flush()
    before = stored(database)
    visits.arrival_s[:] += 5.0
    kept.add(timetable, visits, leads=False)
    kept.add(timetable, take_visits(visits, np.array([2])), leads=True)
    await kept.flush()
    after = stored(database)
    assert after[:2] == before[:2]
    assert after[2][1] == pytest.approx(before[2][1] + 5.0)
    assert len(after) == 8


async def test_the_buffer_is_bounded_and_counts_what_it_drops(
    kept: VisitRecorder, timetable: Timetable, visits: Visits, metrics: Metrics
):
    for _ in range(4):
        kept.add(timetable, visits, leads=True)
    assert len(kept) == 20
    assert counted(metrics, "dropped") == 12
    waiting = metrics.registry.get_sample_value("sapar_engine_visits_waiting", {"agency": AGENCY})
    assert waiting == 20


async def test_an_outage_keeps_rows_for_later(
    database: str,
    timetable: Timetable,
    visits: Visits,
    clock: ManualClock,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "_ANSWER_S", 0.2)
    nowhere = "postgresql://sapar@127.0.0.1:1/nowhere?connect_timeout=1"
    own = Settings(database_url=SecretStr(database))
    pool = Pool(nowhere, open=False)
    await pool.open(wait=False)
    try:
        kept = VisitRecorder(own, clock, metrics, pool, AGENCY)
        kept.add(timetable, visits, leads=True)
        await kept.flush()
        assert len(kept) == 8
        assert not await kept._database_answers()
        clock.advance(10 * STANDBY_KEEP_S)
        kept._prune()  # nobody led while the database was away
        assert len(kept) == 8
    finally:
        await pool.close()
    async with open_pool(database, name="test") as back:
        kept._pool = back
        assert await kept._database_answers()
        kept._prune()
        assert len(kept) == 8
        await kept.flush()
    assert len(stored(database)) == 8
    assert counted(metrics, "dropped") == 0


async def test_a_standby_lets_go_of_what_a_leader_must_have_written(
    kept: VisitRecorder, timetable: Timetable, visits: Visits, clock: ManualClock, database: str
):
    kept.add(timetable, visits, leads=False)
    clock.advance(STANDBY_KEEP_S + 1)
    kept.add(timetable, take_visits(visits, np.arange(2)), leads=False)
    kept._prune()
    assert len(kept) == 2
    assert stored(database) == []


async def test_while_running_only_a_leader_writes(
    database: str, pool: Pool, timetable: Timetable, visits: Visits, clock: ManualClock
):
    own = Settings(database_url=SecretStr(database), visit_flush_interval_s=0.02)
    kept = VisitRecorder(own, clock, Metrics(), pool, AGENCY)
    kept.add(timetable, visits, leads=False)
    leads = False
    task = asyncio.create_task(kept.run(lambda: leads))
    try:
        await asyncio.sleep(0.15)
        assert stored(database) == []
        leads = True
        async with asyncio.timeout(10):
            while len(stored(database)) < 8:
                await asyncio.sleep(0.02)
        assert len(kept) == 0
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_the_database_refuses_is_counted_and_does_not_stop_the_line(
    kept: VisitRecorder, timetable: Timetable, visits: Visits, database: str, metrics: Metrics
):
    visits.vehicle_ids[3] = "bus\x001"
    kept.add(timetable, visits, leads=True)
    await kept.flush()
    assert (len(kept), counted(metrics, "refused")) == (0, 8)
    visits.vehicle_ids[3] = "bus 1"
    kept.add(timetable, visits, leads=True)
    await kept.flush()
    assert len(stored(database)) == 8


async def test_one_statement_gets_one_row_a_key(
    pool: Pool, timetable: Timetable, visits: Visits, database: str
):
    rows = list(rows_of(timetable, visits))
    changed = [(*row[:8], None, (row[9] or 0) + 1000, *row[10:]) for row in rows]
    once = unique_rows([*rows, *changed])
    async with pool.connection() as connection:
        assert await write_visits(connection, AGENCY, once) == 8
    assert stored(database)[0][1:] == (
        pytest.approx(visits.arrival_s[0]),
        pytest.approx(visits.departure_s[0] + 1.0),
    )
