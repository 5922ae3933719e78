"""The two-person rule, held by the database against whoever asks, in every way there is."""

from datetime import timedelta

import pytest

from sapar.core.db import DatabaseRefused, connect, with_role
from sapar.core.errors import Fault, NotFound, Refused
from sapar.finance.closing.days import read_status
from sapar.finance.closing.reports import get_report, list_reports
from sapar.finance.closing.stages import run_stage
from tests.finance.closing.support import DAY, NOW, Books
from tests.ticketing.taps.support import AGENCY, tap_of

CLOSE = (
    "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
    " VALUES ('town', %s, now(), 'x')"
)
SIGN = (
    "INSERT INTO day_signature (agency_id, business_date, revision, act, user_id, digest,"
    " signed_at) VALUES ('town', %s, 1, %s, %s, coalesce(%s, day_digest('town', %s, 1)), now())"
)
REFUSED = (DatabaseRefused, Fault)  # `Fault`: the privilege is missing


@pytest.fixture(params=["owner", "role"])
def as_whom(request, books) -> str:
    """The database's owner, or the role that posts: neither may more."""
    return (
        books.conninfo if request.param == "owner" else with_role(books.conninfo, "sapar_ticketing")
    )


async def ready(books: Books) -> None:
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.ready()


def put_signature(conninfo: str, act: str, user_id: int, digest: bytes | None = None) -> None:
    with connect(conninfo) as connection:
        connection.execute(SIGN, (DAY, act, user_id, digest, DAY))


def put_day(conninfo: str) -> None:
    with connect(conninfo) as connection:
        connection.execute(CLOSE, (DAY,))


async def assert_open(books: Books) -> None:
    assert await books.rows("SELECT 1 FROM business_day") == []


async def test_nothing_is_closed_without_signatures(books, as_whom):
    await ready(books)
    with pytest.raises(REFUSED, match="not signed by two people"):
        put_day(as_whom)
    put_signature(as_whom, "prepared", books.people["aigul"].user_id)
    with pytest.raises(REFUSED, match="not signed by two people"):
        put_day(as_whom)
    await assert_open(books)
    put_signature(as_whom, "approved", books.people["bota"].user_id)
    put_day(as_whom)
    assert (await read_status(books.connection, AGENCY, DAY)).state == "closed"


async def test_one_person_never_signs_for_two(books, as_whom):
    await ready(books)
    chingis = books.people["chingis"].user_id  # has both roles
    put_signature(as_whom, "prepared", chingis)
    with pytest.raises(REFUSED, match="nobody else has prepared"):
        put_signature(as_whom, "approved", chingis)
    with pytest.raises(REFUSED, match="not signed by two people"):
        put_day(as_whom)
    put_signature(as_whom, "approved", books.people["bota"].user_id)
    with pytest.raises(REFUSED):  # nor once more, after somebody else did
        put_signature(as_whom, "approved", chingis)
    later = NOW + timedelta(minutes=1)
    await run_stage(books.connection, AGENCY, DAY, "bank", actor="x", now=later)
    put_signature(as_whom, "prepared", books.people["aigul"].user_id)
    put_signature(as_whom, "approved", chingis)
    put_day(as_whom)


@pytest.mark.parametrize(
    ("act", "name"),
    [
        ("prepared", "bota"), ("prepared", "dana"), ("approved", "aigul"), ("approved", "dana"),
        ("approved", "ermek"),  # has the role in another agency
    ],
)  # fmt: skip
async def test_each_signature_needs_its_role(books, as_whom, act, name):
    await ready(books)
    if act == "approved":
        await books.prepare()
    with pytest.raises(REFUSED, match="is no"):
        put_signature(as_whom, act, books.people[name].user_id)
    with pytest.raises(Refused) as refused:
        await (books.prepare if act == "prepared" else books.approve)(by=name)
    assert refused.value.code == "role_missing"


async def test_who_has_left_signs_no_more(books, as_whom):
    await ready(books)
    await books.rows("UPDATE person SET ended_at = now() WHERE name = 'aigul' RETURNING 1")
    with pytest.raises(REFUSED, match="is no"):
        put_signature(as_whom, "prepared", books.people["aigul"].user_id)


async def test_another_digest_is_signed_by_nobody(books, as_whom):
    await ready(books)
    with pytest.raises(REFUSED, match="not what its stages came to"):
        put_signature(as_whom, "prepared", books.people["aigul"].user_id, bytes(32))


async def test_a_digest_that_changed_between_the_two_closes_nothing(books, as_whom):
    await ready(books)
    await books.prepare()
    old = bytes.fromhex((await read_status(books.connection, AGENCY, DAY)).digest or "")
    await books.post(tap_of(books.devices[0], 2, "c4", 5))
    # both sign the old evidence, and it is still the newest
    put_signature(as_whom, "approved", books.people["bota"].user_id)
    with pytest.raises(REFUSED, match="cannot be closed: something was posted"):
        put_day(as_whom)
    await books.ready()
    for digest, wanted in ((old, "not what its stages"), (None, "nobody else has prepared")):
        with pytest.raises(REFUSED, match=wanted):
            put_signature(as_whom, "approved", books.people["bota"].user_id, digest)
    with pytest.raises(REFUSED, match="not signed by two people"):
        put_day(as_whom)
    await assert_open(books)


async def test_a_stage_that_fails_after_the_signatures_closes_nothing(books, as_whom):
    await ready(books)
    await books.prepare()
    put_signature(as_whom, "approved", books.people["bota"].user_id)
    with connect(as_whom) as connection:
        connection.execute(
            "INSERT INTO day_stage (agency_id, business_date, revision, stage, passed, findings,"
            " exceptions, evidence, digest, last_journal_no, ran_at, ran_by)"
            " VALUES ('town', %s, 1, 'bank', false, 1, '{}', '{}', sha256('{}'), 10^9, now(), 'x')",
            (DAY,),
        )
    with pytest.raises(REFUSED, match="not signed by two people"):
        put_day(as_whom)


async def test_no_stage_passes_over_an_exception_that_nobody_accepted(books, as_whom):
    await books.post(tap_of(books.devices[0], 1, "c1"), tap_of(books.devices[0], 2, "c1", 0.5))
    [(number,)] = await books.rows("SELECT exception_no FROM ticketing_exception")
    with (
        pytest.raises(REFUSED, match="an exception is not accepted"),
        connect(as_whom) as connection,
    ):
        connection.execute(
            "INSERT INTO day_stage (agency_id, business_date, revision, stage, passed, findings,"
            " exceptions, evidence, digest, last_journal_no, ran_at, ran_by)"
            " VALUES ('town', %s, 1, 'taps', true, 1, %s, '{}', sha256('{}'), 0, now(), 'x')",
            (DAY, [number]),
        )


async def test_an_acceptance_that_is_taken_back_closes_nothing(books, as_whom):
    await ready(books)
    await books.prepare()
    put_signature(as_whom, "approved", books.people["bota"].user_id)
    await books.rows(
        "UPDATE ticketing_exception SET accepted_at = NULL, accepted_by = NULL,"
        " accepted_reason = NULL RETURNING 1"
    )
    with pytest.raises(REFUSED, match="an exception of the day is not accepted"):
        put_day(as_whom)
    await assert_open(books)


@pytest.mark.parametrize("table", ["day_stage", "day_totals", "day_signature", "day_report"])
async def test_what_was_signed_and_reported_stays(books, as_whom, table):
    await ready(books)
    await books.prepare()
    await books.approve()
    for statement in (
        f"UPDATE {table} SET revision = 2", f"DELETE FROM {table}", f"TRUNCATE {table}",
    ):  # fmt: skip
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(statement)


async def test_a_closed_day_stays_closed(books, as_whom):
    await ready(books)
    await books.prepare()
    await books.approve()
    for statement in (
        "UPDATE business_day SET closed_by = 'y'", "UPDATE business_day SET revision = 2",
        "UPDATE business_day SET business_date = business_date + 1", "DELETE FROM business_day",
        "TRUNCATE business_day CASCADE",
    ):  # fmt: skip
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(statement)


async def test_a_report_is_of_its_bytes(books, as_whom):
    await ready(books)
    await books.prepare()
    await books.approve()
    with pytest.raises(REFUSED), connect(as_whom) as connection:
        connection.execute(
            "INSERT INTO day_report VALUES ('town', %s, 2, 'json', '{}', sha256('x'), now())",
            (DAY,),
        )


async def test_a_report_of_no_close_is_given_to_nobody(books, as_whom):
    await ready(books)
    await books.prepare()
    await books.approve()
    made = await get_report(books.connection, AGENCY, DAY)
    for revision, form in ((1, "json"), (2, "json"), (2, "csv")):
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(
                "INSERT INTO day_report VALUES ('town', %s, %s, %s, '{}', sha256('{}'), now())",
                (DAY, revision, form),
            )
    assert await get_report(books.connection, AGENCY, DAY) == made
    with pytest.raises(NotFound):
        await get_report(books.connection, AGENCY, DAY, revision=2)
    assert {one.revision for one in await list_reports(books.connection, AGENCY, DAY)} == {1}


async def test_a_day_is_reopened_by_a_chief_accountant_for_a_reason(books, as_whom):
    await ready(books)
    await books.prepare()
    await books.approve()
    aigul, bota = books.people["aigul"].user_id, books.people["bota"].user_id
    reopen = (
        "INSERT INTO day_reopening (agency_id, business_date, revision, user_id, second_user_id,"
        " reason, ends_at) VALUES ('town', %s, %s, %s, %s, %s, now() + %s)"
    )
    hour = timedelta(hours=1)
    for values in (
        (1, aigul, None, "why", hour), (1, bota, bota, "why", hour), (1, bota, None, " ", hour),
        (2, bota, None, "why", hour), (1, bota, None, "why", -hour),
        (1, bota, None, "why", 200 * hour),
    ):  # fmt: skip
        with pytest.raises(REFUSED), connect(as_whom) as connection:
            connection.execute(reopen, (DAY, *values))
    with connect(as_whom) as connection:
        connection.execute(reopen, (DAY, 1, bota, aigul, "why", hour))


async def test_the_same_person_is_told_so(books):
    await ready(books)
    await books.prepare(by="chingis")
    with pytest.raises(Refused) as refused:
        await books.approve(by="chingis")
    assert refused.value.code == "same_person"
    with pytest.raises(Refused) as refused:
        await books.prepare(by="aigul")
    assert refused.value.code == "already_signed"


STAGE = (
    "INSERT INTO day_stage (agency_id, business_date, revision, stage, passed, findings,"
    " exceptions, evidence, digest, last_journal_no, ran_at, ran_by)"
    " VALUES ('town', %s, %s, 'bank', true, 0, '{}', '{}', sha256('{}'), 10^9, now(), 'x')"
)
TOTALS = (
    "INSERT INTO day_totals (agency_id, business_date, revision, body, digest, journals,"
    " last_journal_no, balances, made_at)"
    " VALUES ('town', %s, %s, '{}', sha256('{}'), 0, 10^9, '{}', now())"
)
SIGNATURE = (
    "INSERT INTO day_signature (agency_id, business_date, revision, act, user_id, digest,"
    " signed_at) SELECT 'town', business_date, revision, 'prepared', user_id, digest, now()"
    " FROM (VALUES (%s::date, %s)) AS v (business_date, revision), person p,"
    " LATERAL (SELECT coalesce(day_digest('town', v.business_date, v.revision), sha256(''))"
    "          AS digest) d WHERE p.name = 'chingis'"
)


async def test_nothing_is_kept_of_a_revision_that_is_over_or_has_not_begun(books, as_whom):
    """Open: the first alone. Closed: none. Opened again: the next alone, also when it has lapsed."""

    def check(wanted: int | None) -> None:
        for revision in (1, 2, 3):
            for statement in (STAGE, TOTALS, SIGNATURE):
                if revision != wanted:
                    with (
                        pytest.raises(REFUSED, match="is closed, or has not begun"),
                        connect(as_whom) as connection,
                    ):
                        connection.execute(statement, (DAY, revision))
                elif (
                    statement is not SIGNATURE
                ):  # over what the stages came to, and that is nothing
                    with connect(as_whom) as connection:
                        connection.execute(statement, (DAY, revision))
                        connection.rollback()

    await books.post(tap_of(books.devices[0], 1, "c1"))
    check(1)
    await books.close()
    check(None)
    hour = timedelta(hours=1)
    for ends_in, state in ((hour, "reopened"), (-hour, "closed")):
        with connect(books.conninfo) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("DELETE FROM day_reopening")
            connection.execute(
                "INSERT INTO day_reopening (agency_id, business_date, revision, user_id, reason,"
                " reopened_at, ends_at) SELECT 'town', %s, 1, user_id, 'x',"
                " now() - interval '2 hours', now() + %s FROM person WHERE name = 'bota'",
                (DAY, ends_in),
            )
        assert (await read_status(books.connection, AGENCY, DAY)).state == state
        check(2)


async def test_the_moment_of_a_close_is_the_databases(books, as_whom):
    """Or a report could be added to a close that is over."""
    await ready(books)
    for act, name in (("prepared", "aigul"), ("approved", "bota")):
        put_signature(as_whom, act, books.people[name].user_id)
    with pytest.raises(REFUSED, match="is closed by somebody"), connect(as_whom) as connection:
        connection.execute(
            "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
            " VALUES ('town', %s, now(), ' ')",
            (DAY,),
        )
    with connect(as_whom) as connection:
        connection.execute(
            "INSERT INTO business_day (agency_id, business_date, closed_at, closed_by)"
            " VALUES ('town', %s, '2999-01-01', 'x')",
            (DAY,),
        )
    [(late,)] = await books.rows("SELECT closed_at > now() FROM business_day")
    assert not late
    with pytest.raises(REFUSED, match="made with its close"), connect(as_whom) as connection:
        connection.execute(
            "INSERT INTO day_report VALUES ('town', %s, 1, 'json', '{}', sha256('{}'), now())",
            (DAY,),
        )
