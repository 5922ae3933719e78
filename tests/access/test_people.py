"""People, roles, keys and the audit log in the database, as the specification has them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.access.model import ROLES, Person, Role, with_implied
from sapar.access.passwords import Passwords, make_password
from sapar.access.people import add_person, change_person, end_sessions
from sapar.access.register import (
    Actor,
    get_by_name,
    get_person,
    list_people,
    parse_grant,
    written_grants,
)
from sapar.access.throttle import network_of, tries_of
from sapar.core.db import DatabaseRefused, Pool, connect, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.core.settings import Settings
from sapar.fleet.agencies import ensure_agency

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BY = Actor("setup", None, AT, AT)
MONEY: frozenset[Role] = frozenset({"cashier", "accountant", "chief_accountant"})


@given(st.frozensets(st.sampled_from(ROLES)))
def test_money_roles_come_from_no_other_role(roles: frozenset[Role]) -> None:
    implied = with_implied(roles)
    assert implied >= roles
    assert implied & MONEY == roles & MONEY
    assert with_implied(implied) == implied


def test_what_roles_imply() -> None:
    def of(*roles: Role) -> set[str]:
        return set(with_implied(frozenset(roles)))

    assert of("admin") == set(ROLES) - MONEY
    assert of("dispatcher") == {"dispatcher", "viewer"}
    assert of("auditor") == {"auditor", "viewer"}
    assert of("viewer") == {"viewer"}
    for role in MONEY:
        assert of(role) == {role}


@given(st.sampled_from(ROLES), st.none() | st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True))
def test_a_grant_is_read_as_it_is_written(role: Role, agency_id: str | None) -> None:
    (text,) = written_grants([(role, agency_id)])
    assert parse_grant(text) == (role, agency_id)


async def add(pool: Pool, name: str, *roles: str, by: Actor = BY) -> int:
    async with pool.connection() as connection:
        return await add_person(connection, by, name, grants=[parse_grant(r) for r in roles])


async def test_a_person_is_known_by_name_and_number_for_good(pool: Pool, database: str) -> None:
    number = await add(pool, " Aigerim ", "dispatcher")
    async with pool.connection() as connection:
        assert (await get_by_name(connection, "AIGERIM")).user_id == number
        with pytest.raises(NotFound):
            await get_by_name(connection, "nobody")
    with pytest.raises(Refused) as refused:
        await add(pool, "aigerim")
    assert refused.value.code == "name_taken"
    with connect(database) as connection_:
        for statement in (
            "DELETE FROM person",
            "TRUNCATE person CASCADE",
            "UPDATE person SET name = 'other'",
            "UPDATE person SET user_id = DEFAULT",
        ):
            with pytest.raises(DatabaseRefused), translated(), connection_.transaction():
                connection_.execute(statement)


@pytest.mark.parametrize("name", ["", "a b", "ә", "-a", "a" * 65, "a\x00", "a;drop", "a/b", ".."])
async def test_names_that_nobody_can_have(pool: Pool, name: str) -> None:
    with pytest.raises(BadInput) as refused:
        await add(pool, name)
    assert refused.value.code == "person_name"


async def test_roles_are_given_for_agencies_that_exist(pool: Pool, database: str) -> None:
    with pytest.raises(BadInput) as refused:
        await add(pool, "a", "viewer@nowhere")
    assert refused.value.code == "unknown_agency"
    with pytest.raises(BadInput):
        parse_grant("emperor")
    with connect(database) as connection:
        ensure_agency(connection, "aktobe")
    number = await add(pool, "a", "viewer@aktobe", "viewer", "viewer", "admin")
    async with pool.connection() as connection_:
        person = await get_person(connection_, number)
    assert written_grants(person.grants) == ["admin", "viewer", "viewer@aktobe"]


async def test_nobody_changes_the_own_roles_and_the_last_admin_stays(pool: Pool) -> None:
    one = await add(pool, "one", "admin")
    by_one = Actor("one", one, AT, AT)
    async with pool.connection() as connection:
        changes: tuple[dict[str, Any], ...] = (
            {"grants": [("chief_accountant", None)]},
            {"ended": True},
        )
        for change in changes:
            with pytest.raises(Refused) as refused:
                await change_person(connection, by_one, one, **change)
            assert refused.value.code == "own_roles"
            await connection.rollback()
            for by in (BY, Actor("two", 2, AT, AT)):
                gone: dict[str, Any] = {"grants": []} if "grants" in change else change
                with pytest.raises(Refused) as refused:
                    await change_person(connection, by, one, **gone)
                assert refused.value.code == "last_admin"
                await connection.rollback()
        await change_person(connection, by_one, one, full_name="Бірінші", language="kk")
    assert (await person(pool, one)).full_name == "Бірінші"


async def person(pool: Pool, number: int):
    async with pool.connection() as connection:
        return await get_person(connection, number)


async def test_two_admins_cannot_end_each_other_at_once(pool: Pool) -> None:
    numbers = [await add(pool, name, "admin") for name in ("one", "two")]

    async def end(by: int, whom: int) -> str:
        try:
            async with pool.connection() as connection:
                await change_person(connection, Actor(f"{by}", by, AT, AT), whom, ended=True)
        except Refused as refused:
            return refused.code
        return "ended"

    outcomes = await asyncio.gather(end(*numbers), end(*reversed(numbers)))
    assert sorted(outcomes) == ["ended", "last_admin"]


async def test_people_are_listed_page_by_page(pool: Pool) -> None:
    for number in range(25):
        await add(pool, f"p{number:02}", "viewer" if number % 2 else "dispatcher")
    async with pool.connection() as connection:
        seen: list[str] = []
        while page := await list_people(connection, after=seen[-1] if seen else "", limit=10):
            assert len(page) <= 10
            seen += [one.name for one in page]
        assert seen == [f"p{number:02}" for number in range(25)]
        some = await list_people(connection, search="P1", role="viewer")
        assert [one.name for one in some] == ["p11", "p13", "p15", "p17", "p19"]
        assert await list_people(connection, search="%") == []  # no pattern of the caller's


def quick(settings: Settings, **changes: object) -> Settings:
    values = {"password_argon2_time": 1, "password_argon2_memory_kib": 8192, **changes}
    return settings.model_copy(update=values)


async def test_passwords_are_kept_as_argon2id_with_the_parameters_of_the_settings() -> None:
    passwords = Passwords(Settings())
    kept = await passwords.make_hash("under the snow a spring")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert kept != await passwords.make_hash("under the snow a spring")
    assert await passwords.check(kept, "under the snow a spring")
    assert not passwords.is_old(kept)
    assert Passwords(quick(Settings())).is_old(kept)


async def test_one_word_written_in_two_ways_is_one_password() -> None:
    passwords = Passwords(quick(Settings()))
    assert await passwords.check(await passwords.make_hash("кофей" * 3), "кофей" * 3)


def test_a_made_password_keeps_the_rules_and_is_another_each_time() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        Passwords(Settings()).check_rules(password, "aigerim", "Айгерім")


@given(st.text())
def test_any_text_is_a_password_or_refused_with_a_reason(text: str) -> None:
    code = "password_fine"
    try:
        Passwords(Settings()).check_rules(text, "aigerim", "Айгерім Сапарова")
    except BadInput as refused:
        code = refused.code
    assert code.startswith("password_")


def test_no_kinds_of_characters_are_asked_for() -> None:
    rules = Passwords(Settings()).check_rules
    rules("four plain words here", "aigerim")
    rules("барлығы кіші әріппен", "aigerim")
    for text in ("сапарова 2026!", "AIGERIM-AIGERIM"):
        with pytest.raises(BadInput) as refused:
            rules(text, "aigerim", "Айгерім Сапарова")
        assert refused.value.code == "password_name"


def test_an_address_is_counted_as_who_has_it() -> None:
    assert network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::9") != network_of("2001:db8:1:2::9")
    assert network_of("testclient") == "testclient"


@given(st.text(), st.text())
def test_any_name_and_address_are_counted_under_hashes(name: str, address: str) -> None:
    tries = tries_of(name.encode("utf-8", "replace").decode(), address.encode("utf-8", "replace").decode(), known_there=True)  # fmt: skip
    assert len(tries.name) == len(tries.address) == 32


def test_a_person_tells_what_is_allowed() -> None:
    one = Person(1, "a", frozenset({"dispatcher"}), everywhere=frozenset({"auditor"}))
    assert one.may("viewer")
    assert not one.may("auditor")
    assert one.may_everywhere("auditor", "admin")
    assert not one.may_everywhere("dispatcher")


async def test_sessions_of_others_are_left_alone(pool: Pool) -> None:
    number = await add(pool, "aigerim")
    async with pool.connection() as connection:
        assert await end_sessions(connection, BY, number + 1, "revoked") == 0
