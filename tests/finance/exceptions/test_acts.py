"""What people do with exceptions, the history it leaves, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.exceptions import acts
from sapar.finance.exceptions.checks import check_kinds
from sapar.finance.exceptions.keep import Finding, keep_findings
from sapar.finance.exceptions.queue import (
    explained_within,
    get_exception,
    list_ageing,
    list_exceptions,
)

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = date(2026, 3, 17)
ANNA, BEK = acts.Who("anna", None), acts.Who("bek")


@pytest.fixture
async def number(town) -> int:
    one = Finding("shift v1 1/1", 24000, "3 taps", DAY, device_no=town.devices[0].device_no)
    await keep_findings(town.connection, "town", "shift_difference", [one], now=NOW)
    [(found,)] = await town.rows("SELECT exception_no FROM ticketing_exception")
    return found


async def do(town, act, number, by=ANNA, **fields):
    await act(town.connection, "town", number, by=by, now=NOW + timedelta(hours=1), **fields)


async def row_of(town, number):
    return (await get_exception(town.connection, "town", number, NOW)).exception


async def test_a_life(town, number):
    await do(town, acts.assign, number, to="bek")
    await do(town, acts.assign, number, to="bek")  # changes nothing, is written nowhere
    await do(town, acts.comment, number, by=BEK, text=" asked the depot ")
    assert len(await check_kinds(town.connection, "town", DAY, ["shift_difference"])) == 1
    await do(town, acts.accept, number, reason="small", seen_tiyn=24000)
    assert await check_kinds(town.connection, "town", DAY, ["shift_difference"]) == []
    await do(town, acts.unaccept, number, reason="not so small")
    await do(town, acts.unaccept, number, reason="not so small")
    assert len(await check_kinds(town.connection, "town", DAY, ["shift_difference"])) == 1
    await do(town, acts.close, number, reason="the driver paid")
    row = await row_of(town, number)
    assert (row.closed_by, row.resolution, row.assignee) == ("anna", "the driver paid", "bek")
    await do(town, acts.reopen, number, reason="he did not")
    card = await get_exception(town.connection, "town", number, NOW)
    assert card.exception.closed_at is None
    assert [(one.actor, one.action, one.note) for one in card.history] == [
        ("sapar", "open", ""),
        ("anna", "assign", ""),
        ("bek", "comment", "asked the depot"),
        ("anna", "accept", "small"),
        ("anna", "unaccept", "not so small"),
        ("anna", "close", "the driver paid"),
        ("anna", "reopen", "he did not"),
    ]
    assert card.history[-1].before["resolution"] == "the driver paid"
    log = await town.rows("SELECT person, action, target, reason FROM audit_log ORDER BY audit_no")
    assert log == [
        ("anna", "exception.assign", f"exception {number}", ""),
        ("bek", "exception.comment", f"exception {number}", "asked the depot"),
        ("anna", "exception.accept", f"exception {number}", "small"),
        ("anna", "exception.unaccept", f"exception {number}", "not so small"),
        ("anna", "exception.close", f"exception {number}", "the driver paid"),
        ("anna", "exception.reopen", f"exception {number}", "he did not"),
    ]


@pytest.mark.parametrize(
    ("act", "fields", "code"),
    [
        (acts.assign, {"to": " "}, "text"),
        (acts.comment, {"text": ""}, "text"),
        (acts.comment, {"text": "x" * 2001}, "text"),
        (acts.accept, {"reason": " ", "seen_tiyn": 24000}, "text"),
        (acts.close, {"reason": "\0"}, "text"),
        (acts.close, {"reason": "x", "by": acts.Who("sapar")}, "text"),
        (acts.close, {"reason": "x", "by": acts.Who("")}, "text"),
        (acts.reopen, {"reason": "x"}, "open"),
    ],
)
async def test_what_is_refused(town, number, act, fields, code):
    with pytest.raises((BadInput, Refused)) as raised:
        await do(town, act, number, **fields)
    assert raised.value.code == code
    assert await town.rows("SELECT count(*) FROM exception_comment") == [(0,)]
    assert await town.rows("SELECT count(*) FROM audit_log") == [(0,)]


async def test_what_is_closed_is_done_with(town, number):
    await do(town, acts.close, number, reason="x")
    for act, more in ((acts.accept, {"seen_tiyn": 24000}), (acts.close, {})):
        with pytest.raises(Refused) as raised:
            await do(town, act, number, reason="x", **more)
        assert raised.value.code == "closed"


async def test_what_closed_by_itself_is_not_reopened_nor_beside_another(town, number):
    await do(town, acts.close, number, reason="x")
    device = town.devices[0].device_no
    other = Finding("shift v1 1/1", 8000, "1 tap", DAY, device_no=device)
    await keep_findings(town.connection, "town", "shift_difference", [other], now=NOW)
    with pytest.raises(Refused) as raised:
        await do(town, acts.reopen, number, reason="x")
    assert raised.value.code == "other_open"
    await keep_findings(town.connection, "town", "shift_difference", [], now=NOW)
    with pytest.raises(Refused) as raised:
        await do(town, acts.reopen, number + 1, reason="x")
    assert raised.value.code == "closed_by_itself"


async def test_another_agency_sees_nothing(town, number):
    with pytest.raises(NotFound):
        await acts.close(town.connection, "city", number, reason="x", by=ANNA, now=NOW)
    with pytest.raises(NotFound):
        await get_exception(town.connection, "city", number, NOW)
    assert (await list_exceptions(town.connection, "city", NOW)).count == 0


async def test_the_history_cannot_be_changed(town, number):
    await do(town, acts.comment, number, text="x")
    for statement in ("UPDATE exception_comment SET note = 'y'", "DELETE FROM exception_comment"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await town.connection.execute(statement)


async def test_pages_and_filters(town):
    ages = {"a": 0, "b": 1, "c": 2, "d": 7, "e": 8, "f": 30, "g": 31, "h": 400}
    for at, (subject, days) in enumerate(ages.items()):
        kind = "gap" if at % 2 else "agent_short"
        one = Finding(subject, 100 * at, f"detail 100%_{subject}", DAY + timedelta(at % 3))
        await keep_findings(
            town.connection, "town", kind, [one], now=NOW - timedelta(days=days, hours=1), among=[]
        )
    [(number,)] = await town.rows("SELECT max(exception_no) FROM ticketing_exception")
    await do(town, acts.assign, number, to="bek")
    await do(town, acts.accept, number, reason="old", seen_tiyn=700)

    async def subjects(**fields):
        page = await list_exceptions(town.connection, "town", NOW, **fields)
        return "".join(row.subject for row in page.rows)

    assert await subjects() == "hgfedcba"
    assert await subjects(order="oldest") == "hgfedcba"
    assert await subjects(order="newest") == "abcdefgh"
    assert [await subjects(bucket=one) for one in ("0-1", "2-7", "8-30", "30+")] == [
        "ba", "dc", "fe", "hg",
    ]  # fmt: skip
    assert await subjects(kinds=["gap"]) == "hfdb"
    assert await subjects(assignee="bek") == "h"
    assert await subjects(assignee="") == "gfedcba"
    assert await subjects(accepted=True) == "h"
    assert await subjects(day=DAY) == "gda"
    assert await subjects(value_min=300, value_max=500) == "fed"
    assert await subjects(text="100%_C") == "c"
    assert await subjects(text="_c") == "c"
    assert await subjects(state="closed") == ""
    assert await subjects(most=2, skip=1) == "gf"
    page = await list_exceptions(town.connection, "town", NOW, most=2)
    assert (page.count, page.value_tiyn) == (8, 2800)
    with pytest.raises(BadInput):
        await subjects(bucket="1-2")
    aged = await list_ageing(town.connection, "town", NOW)
    assert [(one.kind, one.buckets) for one in aged] == [
        ("agent_short", [(1, 0), (1, 200), (1, 400), (1, 600)]),
        ("gap", [(1, 100), (1, 300), (1, 500), (1, 700)]),
    ]


async def test_explained_within_some_days(town):
    then = NOW - timedelta(days=20)
    values = [Finding("a", 700, "x"), Finding("b", 200, "x"), Finding("c", 100, "x")]
    await keep_findings(town.connection, "town", "gap", values, now=then)
    await keep_findings(town.connection, "town", "gap", values[1:], now=then + timedelta(days=4))
    await keep_findings(town.connection, "town", "gap", values[2:], now=then + timedelta(days=5))

    async def permille(days):
        found = await explained_within(
            town.connection, "town", days, from_at=then, to_at=then + timedelta(days=1)
        )
        return found.permille, found.explained_tiyn, found.value_tiyn

    assert await permille(3) == (0, 0, 1000)
    assert await permille(4) == (700, 700, 1000)
    assert await permille(5) == (900, 900, 1000)
    empty = await explained_within(town.connection, "town", 5, from_at=NOW, to_at=NOW)
    assert empty.permille is None
