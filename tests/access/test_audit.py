"""The audit log is added to and nothing else, whoever asks."""

from datetime import UTC, datetime

import pytest

from sapar.access import audit
from sapar.access.people import add_person, change_person, set_password
from sapar.access.register import (
    Actor,
    list_people,
    parse_grant,
)
from sapar.core.db import DatabaseRefused, Pool, connect, translated
from sapar.fleet.agencies import ensure_agency

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BY = Actor("setup", None, AT, AT)


async def add(pool: Pool, name: str, *roles: str, by: Actor = BY) -> int:
    async with pool.connection() as connection:
        return await add_person(connection, by, name, grants=[parse_grant(r) for r in roles])


async def write(pool: Pool, number: int, **changes: object) -> None:
    values = {
        "at": AT, "person": "aigerim", "user_id": None, "agency_id": None, "action": "act.decide",
        "target": f"act {number}", "before": None, "after": {"n": number},
    }  # fmt: skip
    async with pool.connection() as connection:
        await audit.record(connection, **{**values, **changes})  # type: ignore[arg-type]


async def test_the_log_is_only_added_to_whoever_asks(pool: Pool, database: str) -> None:
    await write(pool, 1)
    with connect(database) as connection:
        for statement in (
            "UPDATE audit_log SET person = 'somebody else'",
            "UPDATE audit_log SET reason = reason WHERE false",
            "DELETE FROM audit_log",
            "DELETE FROM audit_log WHERE false",
            "TRUNCATE audit_log",
            (
                "INSERT INTO audit_log (audit_no, at, person, action, target) OVERRIDING SYSTEM"
                " VALUE VALUES (1, now(), 'a', 'a.b', '')"
                " ON CONFLICT (audit_no) DO UPDATE SET person = 'x'"
            ),
        ):
            with pytest.raises(DatabaseRefused), translated(), connection.transaction():
                connection.execute(statement)
        rows = connection.execute("SELECT person FROM audit_log").fetchall()
    assert rows == [("aigerim",)]


async def test_a_change_that_falls_takes_its_line_with_it(pool: Pool) -> None:
    async def add_and_fall() -> None:
        async with pool.connection() as connection:
            await add_person(connection, BY, "aigerim")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fall()
    async with pool.connection() as connection:
        assert await list_people(connection) == []
        assert await audit.list_lines(connection) == []


async def test_what_is_changed_about_people_is_written_with_before_and_after(pool: Pool) -> None:
    number = await add(pool, "aigerim", "viewer")
    by = Actor("admin", await add(pool, "admin", "admin"), AT, AT)
    async with pool.connection() as connection:
        await change_person(
            connection, by, number, grants=[("dispatcher", None)], reason="a new shift"
        )
        await change_person(connection, by, number, grants=[("dispatcher", None)])  # nothing new
        await set_password(connection, by, number, "$argon2id$x", temporary=True)
        await change_person(connection, by, number, ended=True)
        await change_person(connection, by, number, ended=False)
        lines = await audit.list_lines(connection, target="user aigerim")
    told = [(line.person, line.action, line.before, line.after, line.reason) for line in lines]
    assert told[::-1] == [
        ("setup", "user.create", None, {"full_name": "", "language": "", "roles": ["viewer"]}, ""),
        ("admin", "user.change", {"roles": ["viewer"]}, {"roles": ["dispatcher"]}, "a new shift"),
        ("admin", "user.password", None, {"temporary": True, "sessions_ended": 0}, ""),
        ("admin", "user.end", {"ended": False}, {"ended": True}, ""),
        ("admin", "user.restore", {"ended": True}, {"ended": False}, ""),
    ]
    assert all(line.user_id == by.user_id for line in lines[:-1])


async def test_lines_are_found_by_time_person_target_and_action(pool: Pool, database: str) -> None:
    with connect(database) as connection_:
        ensure_agency(connection_, "aktobe")
    for number in range(10):
        await write(
            pool,
            number,
            at=AT.replace(hour=number),
            person="aigerim" if number % 2 else "daniyar",
            action="alarm.acknowledge" if number % 3 else "act.undo",
            agency_id="aktobe" if number < 3 else None,
        )

    async def found(**wanted: object) -> list[int]:
        async with pool.connection() as connection:
            lines = await audit.list_lines(connection, **wanted)  # type: ignore[arg-type]
        return [int(line.target.split()[1]) for line in lines]

    assert await found() == list(range(9, -1, -1))
    assert await found(limit=2) == [9, 8]
    assert await found(person="daniyar") == [8, 6, 4, 2, 0]
    assert await found(target="act 3") == [3]
    assert await found(action="act.") == [9, 6, 3, 0]
    assert await found(action="alarm.acknowledge", person="aigerim") == [7, 5, 1]
    assert await found(action="%") == []
    assert await found(action="a_t.") == []
    assert await found(from_at=AT.replace(hour=7), to_at=AT.replace(hour=9)) == [8, 7]
    assert await found(agency_id="aktobe") == [2, 1, 0]
    async with pool.connection() as connection:
        assert await audit.list_actions(connection) == ["act.undo", "alarm.acknowledge"]


async def test_the_ledgers_role_writes_down_and_reads_no_secrets(pool: Pool, database: str) -> None:
    await add(pool, "aigerim")
    with connect(database) as connection:
        connection.execute("SET ROLE sapar_ticketing")
        connection.execute(
            "INSERT INTO audit_log (at, person, action, target) VALUES (now(), 'a', 'a.b', 'c')"
        )
        connection.execute("SELECT user_id, name FROM person")
        for statement in (
            "SELECT password_hash FROM person", "SELECT * FROM session", "SELECT * FROM api_key",
            "SELECT * FROM sign_in_try", "INSERT INTO person_role VALUES (1, NULL, 'admin')",
        ):  # fmt: skip
            with pytest.raises(Exception, match="permission denied"), translated(), connection.transaction():  # fmt: skip
                connection.execute(statement)
