"""Riders' reports: filed once, followed by their code, taken, answered, closed, forgotten."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.db import AsyncConnection, DatabaseRefused, connect, connect_async, translated
from sapar.core.errors import BadInput, NotFound, Refused
from sapar.dispatch import reports
from sapar.dispatch.reports import NewReport, Wanted
from sapar.dispatch.reports.filing import read_code
from sapar.fleet.agencies import ensure_agency

CITY = "aktobe"
NOW = datetime(2026, 11, 18, 7, 0, tzinfo=UTC)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[AsyncConnection]:
    with connect(database) as blocking:
        ensure_agency(blocking, CITY, timezone="Asia/Aqtobe")
        ensure_agency(blocking, "almaty", timezone="Asia/Almaty")
    opened = await connect_async(database)
    async with opened:
        yield opened


def a_report(**values) -> NewReport:
    known = {
        "agency_id": CITY,
        "kind": "never_came",
        "body": "Ждала 40 минут",
        "language": "ru",
        "happened_at": NOW - timedelta(minutes=5),
        "vehicle_id": "207",
        "trip_id": "T1",
        "stop_id": "S1",
        "evidence": {"predicted_s": [1, 2]},
    }
    return NewReport(**{**known, **values})


async def file(connection: AsyncConnection, **values) -> reports.Filed:
    return await reports.file_report(connection, a_report(**values), now=NOW, contact_days=60)


async def test_a_report_goes_its_way_to_an_answer(connection: AsyncConnection):
    filed = await file(connection, contact="+7 701 000 00 00")
    [row] = await reports.list_reports(connection, CITY, Wanted(), now=NOW)
    assert (row.state, row.contact, row.evidence) == (
        "new", "+7 701 000 00 00", {"predicted_s": [1, 2]},
    )  # fmt: skip
    taken = await reports.take(connection, CITY, filed.report_no, person="aigerim", now=NOW)
    assert (taken.before["state"], taken.after["taken_by"]) == ("new", "aigerim")
    answered = await reports.answer(
        connection, CITY, filed.report_no, "Автобус сошёл с линии.", person="aigerim", now=NOW
    )
    assert answered.after["answer"] == "Автобус сошёл с линии."
    followed = await reports.follow_report(connection, CITY, filed.code.lower())
    assert (followed.state, followed.answer) == ("answered", "Автобус сошёл с линии.")
    await reports.close(connection, CITY, filed.report_no, person="dauren", now=NOW)
    assert await reports.list_reports(connection, CITY, Wanted(), now=NOW) == []
    with pytest.raises(Refused, match="closed"):
        await reports.answer(connection, CITY, filed.report_no, "x", person="a", now=NOW)


async def test_the_same_report_sent_again_is_filed_once(connection: AsyncConnection):
    code = reports.make_code()
    first = await file(connection, code=code)
    again = await file(connection, code=f"{code[:4]}-{code[4:8]} {code[8:]}")
    assert (again.report_no, again.repeated) == (first.report_no, True)
    with pytest.raises(BadInput, match="taken"):
        await file(connection, code=code, agency_id="almaty")
    with pytest.raises(NotFound):
        await reports.follow_report(connection, "almaty", code)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"kind": "weather"}, "bad_report"),
        ({"language": "de"}, "bad_report"),
        ({"body": "x" * 2001}, "bad_report"),
        ({"body": "a\0b"}, "bad_report"),
        ({"vehicle_id": "x" * 101}, "bad_report"),
        ({"body": "my card is 4111 1111 1111 1111"}, "pan_like"),
        ({"contact": "4111111111111111"}, "pan_like"),
        ({"vehicle_id": "4111111111111111"}, "pan_like"),
        ({"evidence": {"shown": {"text": "4111 1111 1111 1111"}}}, "pan_like"),
        ({"code": "short"}, "report_code"),
    ],
)
async def test_what_cannot_be_kept_is_refused(connection: AsyncConnection, values, code):
    with pytest.raises(BadInput) as caught:
        await file(connection, **values)
    assert caught.value.code == code


async def test_contacts_are_erased_and_old_reports_go(connection: AsyncConnection):
    filed = await file(connection, contact="me@example.org")
    later = NOW + timedelta(days=60)
    row = await reports.get_report(connection, CITY, filed.report_no, now=later)
    assert row.contact is None  # not shown even before it is erased
    assert await reports.forget_old(connection, now=later, kept_days=1095) == 1
    row = await reports.get_report(connection, CITY, filed.report_no, now=NOW)
    assert (row.contact, row.contact_until) == (None, None)
    assert await reports.forget_old(connection, now=later, kept_days=59) == 1
    with pytest.raises(NotFound):
        await reports.get_report(connection, CITY, filed.report_no, now=NOW)


async def test_what_was_reported_and_known_cannot_be_changed(connection: AsyncConnection):
    filed = await file(connection)
    for change in ("body = 'nicer'", "evidence = '{}'", "vehicle_id = '1'", "contact = 'c'"):
        with pytest.raises(DatabaseRefused), translated():
            await connection.execute(
                f"UPDATE rider_report SET {change} WHERE report_no = %s", (filed.report_no,)
            )


async def test_the_desk_is_told(connection: AsyncConnection, database: str):
    listener = await connect_async(database)
    async with listener:
        await listener.execute("LISTEN sapar_desk")
        await file(connection)
        async for notice in listener.notifies(timeout=60, stop_after=1):
            assert notice.payload == f"{CITY} reports"
            return
    raise AssertionError("nobody was told")


async def test_the_queue_is_filtered(connection: AsyncConnection):
    await file(connection)
    await file(connection, kind="driver", vehicle_id="208", route_id="R2")
    for wanted, found in (
        (Wanted(kind="driver"), ["208"]),
        (Wanted(vehicle_id="207"), ["207"]),
        (Wanted(route_id="R2"), ["208"]),
        (Wanted(stop_id="S1"), ["208", "207"]),
        (Wanted(limit=1), ["208"]),
        (Wanted(states=("closed",)), []),
    ):
        rows = await reports.list_reports(connection, CITY, wanted, now=NOW)
        assert [row.vehicle_id for row in rows] == found


@given(st.data())
def test_codes_survive_being_read_out_and_typed(data):
    code = reports.make_code()
    cut = data.draw(st.integers(1, len(code) - 1))
    typed = code.lower().replace("1", "l").replace("0", "o")
    assert read_code(f" {typed[:cut]}-{typed[cut:]} ") == code
