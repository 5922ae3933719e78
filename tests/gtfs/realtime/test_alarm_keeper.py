"""The life of alarms in a real database: raised and cleared once, across leaders, never by a stale one."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sapar.core.clock import ManualClock
from sapar.core.db import Pool
from sapar.core.settings import Settings
from sapar.gtfs.history.nightly import Nightly
from sapar.gtfs.realtime.alarm_keeper import AlarmKeeper
from sapar.gtfs.realtime.alarm_store import list_panics, list_rules
from sapar.gtfs.realtime.console.rules import DEFAULT_RULES, Rule
from sapar.gtfs.realtime.engine import Engine
from sapar.gtfs.timetable import Timetable
from tests.gtfs.realtime.dispatch_days import buses
from tests.gtfs.realtime.test_console_body import NOON_S, Drive
from tests.gtfs.realtime.town import DAY, town

AGENCY = "town"


@pytest.fixture(scope="module")
def timetable() -> Timetable:
    return town()


@pytest.fixture
def drive(timetable: Timetable) -> Drive:
    made = Drive(timetable, buses(timetable, DAY, NOON_S, {}), NOON_S)
    made.engine.console.use_rules(
        [Rule(kind="late", raise_at=20.0, clear_at=5.0, on_delay_s=30.0, priority=3)]
    )
    return made


async def begin_term(pool: Pool, term: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('town', 't', 'Asia/Aqtobe')"
            " ON CONFLICT DO NOTHING"
        )
        await connection.execute(
            "INSERT INTO engine_leader (agency_id, term, leader, taken_at)"
            " VALUES ('town', %s, 'x', now())"
            " ON CONFLICT (agency_id) DO UPDATE SET term = excluded.term",
            (term,),
        )


async def rows(pool: Pool, query: str) -> list[tuple]:
    async with pool.connection() as connection:
        return await (await connection.execute(query)).fetchall()


def keeper(pool: Pool, engine: Engine, clock: ManualClock, term: int) -> AlarmKeeper:
    return AlarmKeeper(clock, pool, AGENCY, engine, lambda: term)


async def test_an_alarm_is_raised_and_cleared_once_whoever_leads(
    pool: Pool, drive: Drive, timetable: Timetable
):
    await begin_term(pool, 1)
    drive.run(600)
    clock = ManualClock(drive.now_s)
    first = keeper(pool, drive.engine, clock, 1)
    await first.write(1)
    await first.write(1)
    standing = {alarm.key for alarm in drive.engine.console.alarms}
    stored = await rows(pool, "SELECT key FROM alarm WHERE cleared_at IS NULL")
    assert {key for (key,) in stored} == standing
    assert len(stored) == len(standing) > 0
    # another engine takes over: it has heard the same buses, and never ticked
    heir = Drive(timetable, drive.buses, NOON_S)
    heir.engine.console.use_rules([*DEFAULT_RULES, *drive_rules()])
    heir.now_s = drive.now_s - 60
    heir.run(60)
    await begin_term(pool, 2)
    second = keeper(pool, heir.engine, clock, 2)
    await second.take_over([])
    heir.run(10)
    await second.write(2)
    late = await rows(pool, "SELECT count(*), count(DISTINCT key) FROM alarm WHERE kind = 'late'")
    assert late[0][0] == late[0][1] > 0
    assert await rows(pool, "SELECT count(*) FROM alarm WHERE kind = 'late' AND cleared_at IS NOT NULL") == [(0,)]  # fmt: skip
    # the one that lost its term writes nothing any more
    before = await rows(pool, "SELECT count(*) FROM alarm_step")
    drive.engine.console.use_rules([Rule(kind="late", raise_at=1.0, clear_at=1.0, enabled=False)])
    drive.run(200)
    await first.write(1)
    assert await rows(pool, "SELECT count(*) FROM alarm_step") == before
    # what is over is cleared, once
    heir.engine.console.use_rules([Rule(kind="late", raise_at=1.0, clear_at=1.0, enabled=False)])
    heir.run(200)
    clock.advance(270)
    await second.write(2)
    await second.write(2)
    steps = await rows(
        pool,
        "SELECT alarm_no, array_agg(what ORDER BY step_no) FROM alarm_step"
        " JOIN alarm USING (agency_id, alarm_no) WHERE kind = 'late' GROUP BY 1",
    )
    assert {tuple(what) for _, what in steps} == {("raised", "cleared")}


def drive_rules() -> list[Rule]:
    return [Rule(kind="late", raise_at=20.0, clear_at=5.0, on_delay_s=30.0, priority=3)]


async def test_what_became_of_an_alarm_cannot_be_rewritten(pool: Pool, drive: Drive):
    await begin_term(pool, 1)
    drive.run(600)
    clock = ManualClock(drive.now_s)
    await keeper(pool, drive.engine, clock, 1).write(1)
    for statement in (
        "UPDATE alarm_step SET person = 'me'",
        "DELETE FROM alarm_step",
        "UPDATE alarm SET priority = 1",
    ):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            await rows(pool, statement + " RETURNING 1")


async def test_an_old_alarm_goes_with_its_steps_and_a_young_one_cannot(
    pool: Pool, settings: Settings
):
    await begin_term(pool, 1)
    now = datetime.now(UTC)
    ages = {"open": None, "young": 29, "kept": 399, "old": 401, "older": 500}
    async with pool.connection() as connection:
        for key, days in ages.items():
            over = None if days is None else now - timedelta(days=days)
            cursor = await connection.execute(
                "INSERT INTO alarm (agency_id, key, kind, priority, details, since, raised_at,"
                " cleared_at) VALUES ('town', %s, 'late', 3, '{}', %s, %s, %s) RETURNING alarm_no",
                (key, now - timedelta(days=600), now - timedelta(days=600), over),
            )
            row = await cursor.fetchone()
            assert row is not None
            step = (
                "INSERT INTO alarm_step (agency_id, alarm_no, what, at, person, undoes)"
                " VALUES ('town', %s, %s, now(), 'p', %s) RETURNING step_no"
            )
            cursor = await connection.execute(step, (row[0], "acknowledged", None))
            made = await cursor.fetchone()
            assert made is not None
            await connection.execute(step, (row[0], "undone", made[0]))
    job = Nightly(pool, settings, ManualClock(now.timestamp()), AGENCY)
    assert await job.drop_old_alarms(at_once=1) == 2
    left = await rows(pool, "SELECT key FROM alarm ORDER BY alarm_no")
    assert [key for (key,) in left] == ["open", "young", "kept"]
    assert await rows(pool, "SELECT count(*) FROM alarm_step") == [(6,)]
    for key in ("open", "young"):
        for table in ("alarm_step", "alarm"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                await rows(
                    pool,
                    f"DELETE FROM {table} WHERE alarm_no ="
                    f" (SELECT alarm_no FROM alarm WHERE key = '{key}') RETURNING 1",
                )


async def test_rules_and_panics_are_read_as_they_are_stored(pool: Pool):
    await begin_term(pool, 1)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO alarm_rule VALUES ('town', 'late', '', 100, 50, 1, 2, 1, true),"
            " ('town', 'gap', 'A', 3, 2, 1, 2, 3, false)"
        )
        cursor = await connection.execute(
            "INSERT INTO device (agency_id, device_id, password_hash)"
            " VALUES ('town', 'd', 'x') RETURNING device_no"
        )
        (device_no,) = await cursor.fetchone() or (0,)
        at = datetime(2026, 3, 10, 7, tzinfo=UTC)
        await connection.execute(
            "INSERT INTO event (device_no, time, epoch, seq, digest, kind, received_at, latitude,"
            " longitude) VALUES (%s, %s, 1, 1, 5, 'panic', now(), 50.1, 57.1)",
            (device_no, at),
        )
    gap, late = await list_rules(pool, AGENCY)
    assert (gap.route_id, gap.enabled, late.route_id, late.raise_at) == ("A", False, None, 100.0)
    (panic,) = await list_panics(pool, AGENCY)
    assert (panic.vehicle_id, panic.since_s) == ("d", int(at.timestamp()))
    assert panic.values["lat"] == 50.1
