"""A service day driven again from the database: late, repeated, re-batched fixes change nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sapar.core.db import Pool, connect, open_pool
from sapar.core.errors import NotFound, Refused
from sapar.core.settings import Settings
from sapar.fleet.registry import load_registry
from sapar.gtfs.history.rebuild import Rebuilt, day_span, rebuild_day, timetable_of
from sapar.gtfs.history.store import export_visits
from sapar.gtfs.importer import check_feed, import_feed
from sapar.gtfs.realtime.intake import FixColumns
from sapar.gtfs.timetable import Timetable
from tests.gtfs.history.support import AGENCY, block_legs, drive, prepare, store
from tests.gtfs.realtime.town import DAY, Bus, day_start, join, town, town_zip
from tests.services import _database

NOW = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=2)


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture(scope="module")
def driven(timetable: Timetable) -> FixColumns:
    buses = [
        Bus(timetable, f"bus {n}", block_legs(timetable, f"A{n}", 6 * 3600, 7 * 3600), seed=n)
        for n in range(2)
    ]
    return join([drive(bus, 6 * 3600 - 300, 7.5 * 3600, 20.0) for bus in buses])


async def rebuilt(pool: Pool, conninfo: str, now: datetime = NOW) -> tuple[Rebuilt, bytes]:
    timetable = await timetable_of(pool, AGENCY, DAY)
    registry = await load_registry(pool)
    own = Settings(database_url=SecretStr(conninfo))
    found = await rebuild_day(pool, own, registry, timetable, DAY, now)
    async with pool.connection() as connection:
        return found, await export_visits(connection, AGENCY, DAY)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_any_order_repetition_and_batches_leave_the_same_bytes(
    postgres, template_database, timetable: Timetable, driven: FixColumns, seed: int
):
    """Two databases: one filled in order, one with a share first, then all, shuffled, some twice."""
    random = np.random.default_rng(seed)

    async def all_of_it(conninfo: str) -> None:
        async with open_pool(conninfo, name="test") as pool:
            early = driven.take(np.sort(random.permutation(len(driven))[: len(driven) // 2]))
            store(conninfo, early.take(random.permutation(len(early))))
            await rebuilt(pool, conninfo)
            for batch in np.array_split(random.permutation(len(driven)), random.integers(1, 6)):
                store(conninfo, driven.take(batch))
            found, content = await rebuilt(pool, conninfo)
            assert found.fixes == len(driven)
            _EXPORTS.add(content)

    with _database(postgres, template_database) as conninfo:
        prepare(conninfo, ["bus 0", "bus 1"] if seed % 2 else ["bus 1", "bus 0"])
        asyncio.run(all_of_it(conninfo))
    assert len(_EXPORTS) == 1
    assert next(iter(_EXPORTS)).count(b"\n") > 40


_EXPORTS: set[bytes] = set()


async def test_what_stood_before_is_replaced_and_other_days_stay(
    database: str, pool: Pool, driven: FixColumns
):
    prepare(database, ["bus 0", "bus 1"])
    store(database, driven)
    insert = (
        "INSERT INTO stop_visit VALUES (%s, %s, 'gone', 0, 1, 'bus 9', 0, 'a0', 'A', now(), now(),"
        " now(), now(), true)"
    )
    async with pool.connection() as connection:
        await connection.execute(insert, (AGENCY, DAY))
        await connection.execute(insert, (AGENCY, DAY + timedelta(days=1)))
        await connection.execute(insert, ("other", DAY))
    found, content = await rebuilt(pool, database)
    assert b"gone" not in content
    assert content.count(b"\n") == found.visits + 1
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM stop_visit WHERE trip_id = 'gone'")
        assert await cursor.fetchone() == (2,)


async def test_a_day_whose_fixes_are_dropped_is_left_as_it_is(
    database: str, pool: Pool, driven: FixColumns
):
    prepare(database, ["bus 0", "bus 1"])
    store(database, driven)
    _, before = await rebuilt(pool, database)
    with pytest.raises(Refused, match="retention of 90 days"):
        await rebuilt(pool, database, NOW + timedelta(days=90))
    async with pool.connection() as connection:
        assert await export_visits(connection, AGENCY, DAY) == before


async def test_a_day_is_looked_at_by_the_timetable_that_was_in_force(database: str, pool: Pool):
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    with pytest.raises(NotFound):
        await timetable_of(pool, AGENCY, DAY)
    prepare(database, [], start - timedelta(days=3))
    _import(database, "v2", start + timedelta(days=1))
    assert (await timetable_of(pool, AGENCY, DAY)).feed_version == "v1"
    assert (await timetable_of(pool, AGENCY, DAY + timedelta(days=2))).feed_version == "v2"
    long_ago = await timetable_of(pool, AGENCY, DAY - timedelta(days=30))
    assert long_ago.feed_version == "v1"


def _import(conninfo: str, version: str, now: datetime) -> None:
    with connect(conninfo, autocommit=True) as connection:
        checked = check_feed(town_zip(version), AGENCY)
        import_feed(connection, checked, activate=True, now=now, progress=lambda _: None)


def test_the_span_of_a_day_takes_in_headways_late_buses_and_whole_steps(timetable: Timetable):
    low, high = day_span(timetable, DAY, 5400)
    start = day_start(timetable)
    assert low == start + 4 * 3600
    # the last trip after midnight: A-back-62 leaves at 26:00 and arrives at 26:14
    assert high == pytest.approx(start + 26 * 3600 + 840 + 5400, abs=300)
    assert high >= start + 26 * 3600 + 840 + 5400
    assert low % 300 == high % 300 == 0
