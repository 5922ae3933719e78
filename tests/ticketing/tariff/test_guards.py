"""What the database refuses of tariffs by itself, to the ticketing role and to its owner alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sapar.core.db import DatabaseRefused, Pool, connect, with_role
from sapar.core.errors import Fault
from sapar.ticketing.tariff import city_tariff
from sapar.ticketing.tariff.versions import publish, store_draft
from tests.ticketing.tariff.people import approve, make_people
from tests.ticketing.tariff.tariffs import zip_of

REFUSED = (DatabaseRefused, Fault)  # `Fault`: the privilege is missing
NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=1), NOW + timedelta(days=30)
PUBLISH = (
    "UPDATE tariff_version SET effective_from = '2026-06-01Z', published_at = now(),"
    " published_by = 'x'"
)
PROPOSE = (
    "INSERT INTO tariff_proposal (agency_id, version_no, effective_from, proposed_at, proposed_by,"
    " proposed_by_no, decision, decided_at, decided_by, decided_by_no) SELECT 'aktobe', 2,"
    " '2026-06-01Z', now(), p.name, p.user_id, {} FROM person p, person d"
    " WHERE p.name = '{}' AND d.name = '{}'"
)
APPROVED = "'approved', now(), d.name, d.user_id"
OPEN = "NULL, NULL, NULL, NULL"
DECIDE = (
    "UPDATE tariff_proposal SET decision = '{}', decided_at = now(), decided_by = 'x',"
    " decided_by_no = {} WHERE decision IS NULL"
)


def person(name: str) -> str:
    return f"(SELECT user_id FROM person WHERE name = '{name}')"


@pytest.fixture(params=["owner", "role"])
def as_whom(request, database: str) -> str:
    """The database's owner, or the role that posts: neither may more."""
    return database if request.param == "owner" else with_role(database, "sapar_ticketing")


@pytest.fixture
async def versions(database: str, pool: Pool) -> None:
    """An agency with a tariff that was published alone, its first, and a draft; both people."""
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO agency (agency_id, name, timezone) VALUES ('aktobe', 'A', 'Asia/Aqtobe')"
        )
        make_people(connection)
    for data in (city_tariff(), zip_of({})):
        await store_draft(pool, "aktobe", data, now=NOW, actor="me")
    await publish(pool, "aktobe", 1, SOON, now=NOW, actor="me", alone="the first")


def refuse(conninfo: str, *statements: str, match: str) -> None:
    for statement in statements:
        with pytest.raises(REFUSED, match=match), connect(conninfo) as connection:
            connection.execute(statement.encode())


def rows(conninfo: str, query: str) -> list[tuple[Any, ...]]:
    with connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_no_tariff_comes_into_force_by_one_person(versions, database, pool, as_whom):
    before = rows(database, "SELECT v::text FROM tariff_version v ORDER BY 1")
    second = "WHERE version_no = 2"
    refuse(as_whom, f"{PUBLISH} {second}", match="nobody has approved")
    refuse(as_whom, f"{PUBLISH}, alone_reason = 'x' {second}", match="by two people")
    refuse(as_whom, f"{PUBLISH}, alone_reason = ' ' {second}", match="by two people")
    refuse(as_whom, "UPDATE tariff_version SET alone_reason = NULL", match="nobody has approved")
    refuse(
        as_whom,
        "INSERT INTO tariff_version (agency_id, version_no, name, digest, zip, effective_from,"
        " created_by, published_at, published_by) SELECT agency_id, 9, name, digest, zip,"
        " '2026-06-01Z', 'x', now(), 'x' FROM tariff_version LIMIT 1",
        match="nobody has approved",
    )
    refuse(
        as_whom,
        "UPDATE tariff_version SET zip = ''", "UPDATE tariff_version SET name = 'x'",
        "DELETE FROM tariff_version", "TRUNCATE tariff_version CASCADE",
        match="append-only|permission",
    )  # fmt: skip
    assert rows(database, "SELECT v::text FROM tariff_version v ORDER BY 1") == before


async def test_an_approval_publishes_once_and_for_its_moment_alone(
    versions, database, pool, as_whom
):
    second = "WHERE version_no = 2"
    publish_later = f"{PUBLISH.replace('2026-06-01Z', LATER.isoformat())} {second}"
    async with pool.connection() as agreeing:
        await approve(agreeing, "aktobe", 2, LATER)
    refuse(as_whom, f"{PUBLISH} {second}", match="nobody has approved")
    refuse(as_whom, publish_later, match="nobody has approved in this transaction")
    with connect(as_whom) as connection:
        connection.execute(PROPOSE.format(OPEN, "proposer", "approver").encode())
        connection.execute(DECIDE.format("approved", person("approver")).encode())
        connection.execute(f"{PUBLISH} {second}".encode())
    with connect(as_whom) as connection:
        connection.execute(
            "UPDATE tariff_version SET effective_from = NULL, published_at = NULL,"
            " published_by = NULL WHERE version_no = 2"
        )
    refuse(as_whom, f"{PUBLISH} {second}", match="nobody has approved in this transaction")


async def test_a_first_tariff_that_is_taken_back_was_the_first_all_the_same(
    versions, database, as_whom
):
    with connect(as_whom) as connection:
        connection.execute(
            "UPDATE tariff_version SET effective_from = NULL, alone_reason = NULL,"
            " published_at = NULL, published_by = NULL, was_published = false WHERE version_no = 1"
        )
    refuse(as_whom, f"{PUBLISH}, alone_reason = 'x' WHERE version_no = 2", match="by two people")


async def test_a_proposal_is_decided_once_by_who_may(versions, database, as_whom):
    refuse(as_whom, PROPOSE.format(APPROVED, "proposer", "approver"), match="begins open")
    refuse(as_whom, PROPOSE.format(OPEN, "cashier", "approver"), match="is no accountant")
    with connect(as_whom) as connection:
        connection.execute(PROPOSE.format(OPEN, "approver", "approver").encode())
    refuse(as_whom, DECIDE.format("approved", "NULL"), match="by a person")
    refuse(as_whom, DECIDE.format("approved", person("approver")), match="two_people|check2")
    refuse(as_whom, DECIDE.format("approved", person("proposer")), match="no chief_accountant")
    refuse(as_whom, DECIDE.format("withdrawn", person("proposer")), match="by who made it")
    refuse(as_whom, "UPDATE tariff_proposal SET effective_from = now()", match="nothing else")
    with connect(as_whom) as connection:
        connection.execute(DECIDE.format("withdrawn", person("approver")).encode())
        connection.execute(PROPOSE.format(OPEN, "proposer", "approver").encode())
        connection.execute(DECIDE.format("approved", person("approver")).encode())
    refuse(
        as_whom,
        "UPDATE tariff_proposal SET decision = 'declined'", "UPDATE tariff_proposal SET note = 'x'",
        match="decided once",
    )  # fmt: skip
    refuse(
        as_whom, "DELETE FROM tariff_proposal", "TRUNCATE tariff_proposal",
        match="append-only|permission",
    )  # fmt: skip
    decided = rows(database, "SELECT decision FROM tariff_proposal ORDER BY proposal_no")
    assert decided == [("withdrawn",), ("approved",)]
