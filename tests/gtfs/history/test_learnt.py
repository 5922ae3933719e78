"""Learnt travel times in the database: saved, loaded, never weakened, learnt anew."""

from datetime import timedelta

import numpy as np
import pytest
from pydantic import SecretStr

from sapar.core.db import Pool
from sapar.core.errors import NotFound
from sapar.core.settings import Settings
from sapar.gtfs.history.learnt import learn_days, load_learnt, replace_learnt, save_learnt
from sapar.gtfs.history.store import write_visits
from sapar.gtfs.history.visits import rows_of
from sapar.gtfs.realtime.visits import LearntTimes
from tests.gtfs.history.support import AGENCY, prepare
from tests.gtfs.history.test_proof import run_visits
from tests.gtfs.realtime.town import DAY, day_start, town


def learnt(*rows: tuple[str, str, int, int, float, float, float]) -> LearntTimes:
    columns = list(zip(*rows, strict=True))
    return LearntTimes(
        list(columns[0]),
        list(columns[1]),
        np.array(columns[2], np.int8),
        np.array(columns[3], np.int8),
        *(np.array(column, np.float64) for column in columns[4:]),
    )


def rows_back(found: LearntTimes) -> list[tuple]:
    return list(
        zip(
            found.from_stop_ids,
            found.to_stop_ids,
            found.day_type.tolist(),
            found.hour.tolist(),
            found.weight.tolist(),
            found.mean_s.tolist(),
            found.last_s.tolist(),
            strict=True,
        )
    )


@pytest.fixture
def ready(database: str) -> str:
    prepare(database, [])
    return database


async def test_what_is_saved_comes_back(ready: str, pool: Pool):
    rows = [("a", "b", 0, 8, 3.5, 71.25, 1e9), ("b", "c", 2, 23, 1.0, 60.0, 1e9 + 0.5)]
    assert len(await load_learnt(pool, AGENCY)) == 0
    assert await save_learnt(pool, AGENCY, learnt(*rows)) == 2
    assert rows_back(await load_learnt(pool, AGENCY)) == rows


async def test_an_older_record_never_takes_the_place_of_a_newer_one(ready: str, pool: Pool):
    new, old = ("a", "b", 0, 8, 9.0, 70.0, 2e9), ("a", "b", 0, 8, 0.1, 10.0, 1e9)
    await save_learnt(pool, AGENCY, learnt(new))
    await save_learnt(pool, AGENCY, learnt(old, ("b", "c", 0, 8, 0.0, 5.0, 2e9)))
    assert rows_back(await load_learnt(pool, AGENCY)) == [new]
    assert (
        await save_learnt(pool, AGENCY, learnt(("c", "d", 0, 8, 1.0, 5.0, 5.0)), since_s=6.0) == 0
    )


async def test_learning_anew_replaces_all_that_was_known(ready: str, pool: Pool):
    timetable = town()
    settings = Settings(database_url=SecretStr(ready))
    shares: list[float] = []
    days = [DAY - timedelta(days=1), DAY]
    await save_learnt(pool, AGENCY, learnt(("gone", "b", 0, 8, 9.0, 70.0, 2e9)))
    with pytest.raises(NotFound, match="no stop visits"):
        await learn_days(pool, settings, AGENCY, days, shares.append)
    assert len(await load_learnt(pool, AGENCY)) == 1
    for late_s, trip in ((20.0, "A-out-3"), (90.0, "A-out-4")):
        visits = run_visits(timetable, "bus 1", trip, late_s)
        visits.arrival_s[3:] += 12.0
        async with pool.connection() as connection:
            await write_visits(connection, AGENCY, rows_of(timetable, visits))
    observations, records = await learn_days(pool, settings, AGENCY, days, shares.append)
    # two stops lie in the same minute: no time between them, no observation
    assert (observations, records) == (12, 6)
    found = await load_learnt(pool, AGENCY)
    means = dict(zip(found.to_stop_ids, found.mean_s.tolist(), strict=True))
    assert means["a1"] == pytest.approx(115.0)  # left the first stop 5 s after coming
    assert means["a2"] == pytest.approx(120.0)
    assert means["a3"] == pytest.approx(192.0)
    assert set(found.hour.tolist()) == {6}
    assert shares[-1] == 1.0


async def test_replacing_is_one_agencys_own_matter(ready: str, pool: Pool):
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO agency VALUES ('other', 'Other', 'UTC')")
    row = ("a", "b", 0, 8, 9.0, 70.0, 2e9)
    await save_learnt(pool, "other", learnt(row))
    await replace_learnt(pool, AGENCY, learnt(("x", "y", 1, 1, 1.0, 1.0, 1e9)))
    assert rows_back(await load_learnt(pool, "other")) == [row]
    assert day_start(town()) > 0
