"""A closed day is opened for a while: what may post in it, what is kept of it, how it ends."""

from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from sapar.core.errors import BadInput, Refused
from sapar.finance.closing.days import find_close, list_days, read_status
from sapar.finance.closing.reopening import list_posted_since, list_reopenings, reopen
from sapar.finance.closing.reports import get_report
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.closing.support import A_DAY, BEFORE, DAY, NEXT, NOW, Books
from tests.ticketing.taps.support import AGENCY, tap_of

HOUR = timedelta(hours=1)


async def open_again(books: Books, lasts: timedelta = HOUR, **changes):
    values: dict[str, Any] = {
        "user_id": books.people["bota"].user_id,
        "name": "bota",
        "reason": "a bus was found",
    }
    return await reopen(books.connection, AGENCY, DAY, lasts=lasts, now=NOW, **values | changes)


async def closed(books: Books) -> None:
    await books.close(BEFORE)
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.close()


async def dates(books: Books) -> list[tuple]:
    return await books.rows(
        "SELECT service_date, business_date FROM journal WHERE kind = 'tap' ORDER BY journal_no"
    )


async def test_while_it_lasts_what_is_about_the_day_takes_its_date(books):
    await closed(books)
    opened = await open_again(books)
    assert opened.ends_at - opened.reopened_at == HOUR
    v2 = books.devices[1]
    # of the reopened day, of the closed day before it, and of the open one
    await books.post(
        tap_of(v2, 1, "c4", 5), tap_of(v2, 2, "c5", -A_DAY), tap_of(v2, 3, "c6", A_DAY)
    )
    assert (await dates(books))[1:] == [(DAY, DAY), (BEFORE, NEXT), (NEXT, NEXT)]
    accounts = await books.rows(
        "SELECT code, balance FROM account WHERE code IN (2210, 2220) ORDER BY code"
    )
    assert accounts == [(2210, -24000), (2220, -8000)]
    listed = await list_posted_since(books.connection, AGENCY, DAY)
    assert [(one.kind, one.service_date) for one in listed] == [("tap", DAY), ("debt", DAY)]
    page = await list_posted_since(
        books.connection, AGENCY, DAY, after=listed[0].journal_no, limit=1
    )
    assert page == listed[1:]
    status = await read_status(books.connection, AGENCY, DAY)
    assert (status.state, status.revision, status.reopened_until) == ("reopened", 2, opened.ends_at)
    again = status.reopening
    assert again is not None
    assert (again.lapsed, again.journals, again.from_journal) == (False, 2, listed[0].journal_no)


async def test_at_its_end_nothing_posts_with_the_date(books):
    await closed(books)
    opened = await open_again(books, timedelta(seconds=5))
    await books.post(tap_of(books.devices[1], 1, "c4", 5))
    await books.rows("SELECT pg_sleep_until(%s)", [opened.ends_at])
    await books.post(tap_of(books.devices[1], 2, "c5", 6))
    assert (await dates(books))[1:] == [(DAY, DAY), (DAY, NEXT)]
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is closed"):
        await books.rows(
            "INSERT INTO journal SELECT (jsonb_populate_record(j, jsonb_build_object('journal_no',"
            " nextval('journal_number'), 'tap_no', 999))).* FROM journal j WHERE business_date = %s"
            " LIMIT 1 RETURNING 1",
            [DAY],
        )
    status = await read_status(books.connection, AGENCY, DAY)
    assert status.state == "closed"
    # it is said that it lapsed, and what was posted meanwhile and is in no report
    posted = await books.rows(
        "SELECT journal_no FROM journal WHERE business_date = %s AND kind IN ('tap', 'debt')"
        " ORDER BY journal_no OFFSET 2",
        [DAY],
    )
    again = status.reopening
    assert again is not None
    assert (again.lapsed, again.name, again.reason) == (True, "bota", "a bus was found")
    assert (again.journals, again.from_journal, again.to_journal) == (
        len(posted), posted[0][0], posted[-1][0],
    )  # fmt: skip
    lines = {one.business_date: one.lapsed for one in await list_days(books.connection, AGENCY)}
    assert (lines[DAY], lines[BEFORE]) == (True, False)
    # and it is closed again without being opened once more
    status = await books.close()
    assert (status.state, status.revision, status.reopening) == ("closed", 2, None)
    assert not any(one.lapsed for one in await list_days(books.connection, AGENCY))


async def test_a_second_close_is_another_revision_and_the_first_stays(books):
    await closed(books)
    first = await get_report(books.connection, AGENCY, DAY)
    await open_again(books, second_user_id=books.people["aigul"].user_id)
    await books.post(tap_of(books.devices[1], 1, "c4", 5))
    assert (await books.close()).revision == 2
    second = await get_report(books.connection, AGENCY, DAY)
    assert second.revision == 2
    assert await get_report(books.connection, AGENCY, DAY, revision=1) == first
    plain = msgspec.json.decode(second.body)
    assert plain["totals"]["rides"]["taps"] == 2
    [why] = plain["reopenings"]
    assert (why["name"], why["second_name"], why["reason"]) == ("bota", "aigul", "a bus was found")
    assert why["posted"]["journals"] == 2
    # closed: at once, although the reopening would have lasted longer
    close = await find_close(books.connection, AGENCY, DAY)
    assert close is not None
    assert (close.reopened, close.was_reopened) == (False, False)
    await books.post(tap_of(books.devices[1], 2, "c5", 6))
    assert (await dates(books))[-1] == (DAY, NEXT)
    assert await check_ledger(books.connection) == []
    log = await books.rows("SELECT reason FROM audit_log WHERE action = 'day.reopen'")
    assert log == [("a bus was found",)]
    [kept] = await list_reopenings(books.connection, AGENCY, DAY)
    assert kept.reason == "a bus was found"


async def test_who_may_not_reopen_and_what(books):
    await books.post(tap_of(books.devices[0], 1, "c1"))
    with pytest.raises(Refused) as refused:
        await open_again(books)
    assert refused.value.code == "day_open"
    await books.close()
    for changes, code in (
        ({"user_id": books.people["aigul"].user_id}, "role_missing"),
        ({"second_user_id": books.people["dana"].user_id}, "role_missing"),
        ({"second_user_id": books.people["bota"].user_id}, "same_person"),
    ):
        with pytest.raises(Refused) as refused:
            await open_again(books, **changes)
        assert refused.value.code == code
    for reason in (" ", "card 4111 1111 1111 1111"):
        with pytest.raises(BadInput):
            await open_again(books, reason=reason)
    for lasts in (timedelta(), timedelta(days=8)):
        with pytest.raises(BadInput):
            await open_again(books, lasts)
    await open_again(books)
    with pytest.raises(Refused) as refused:
        await open_again(books)
    assert refused.value.code == "already_reopened"
