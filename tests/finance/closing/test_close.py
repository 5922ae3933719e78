"""A day from its stages to its report."""

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sapar.core.errors import BadInput, NotFound, Refused
from sapar.finance.closing.days import STAGES, list_days, read_status
from sapar.finance.closing.reports import get_report, list_reports, make_csv
from sapar.finance.closing.signing import sign
from sapar.finance.closing.stages import run_all, run_stage
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.closing.support import A_DAY, BEFORE, DAY, NEXT, NOW
from tests.ticketing.taps.support import AGENCY, tap_of


async def some_rides(books) -> None:
    v1, v2 = books.devices[:2]
    await books.top_up("c1", 100_000, "t1")
    await books.post(
        tap_of(v1, 1, "c1", route_id="7"),
        tap_of(v1, 2, "c2", 1, route_id="7"),
        tap_of(v1, 3, "c3", 2, route_id="8"),
        tap_of(v2, 1, "c4", 3, vehicle="b2", medium="qr"),
    )


async def test_a_day_is_closed_over_its_stages_by_two_people(books):
    await some_rides(books)
    status = await read_status(books.connection, AGENCY, DAY)
    assert (status.state, status.revision, status.digest) == ("open", 1, None)
    assert [one.run_no for one in status.stages] == [None] * 6
    [waiting] = (await books.run())[3].evidence["obstacles"]
    assert "stand on 1110 kassa24 and in no item" in waiting
    await books.agents()
    runs = await books.run()
    assert [one.stage for one in runs] == list(STAGES)
    assert [one.passed for one in runs] == [True, True, False, False, True, True]
    assert runs[0].evidence["taps"] == [
        {"status": "posted", "taps": 4, "riders": 4, "charged_tiyn": 22000}
    ]
    with pytest.raises(Refused, match="have passed") as refused:
        await books.prepare()
    assert refused.value.code == "not_passed"
    # two validators whose taps stand in no shift report, a deposit that is overdue
    assert await books.accept() == 3
    await books.run()
    status = await books.prepare()
    assert status.state == "prepared"
    status = await books.approve()
    assert (status.state, status.closed_by) == ("closed", "bota")
    assert [(one.act, one.name, one.valid) for one in status.signatures] == [
        ("prepared", "aigul", True),
        ("approved", "bota", True),
    ]
    assert await check_ledger(books.connection) == []
    actions = await books.rows("SELECT action, person FROM audit_log ORDER BY audit_no")
    assert [one for one in actions if one[0].startswith("day.")] == [
        *[("day.check", "aigul")] * 3,
        ("day.prepare", "aigul"),
        ("day.close", "bota"),
    ]
    looks = await books.rows(
        "SELECT target, after -> 'stages' -> 'shifts' FROM audit_log WHERE action = 'day.check'"
        " ORDER BY audit_no"
    )
    assert looks == [
        *[(f"day {DAY}", {"passed": False, "findings": 2, "waiting": 2})] * 2,
        (f"day {DAY}", {"passed": True, "findings": 2, "waiting": 0}),
    ]
    [line] = await list_days(books.connection, AGENCY)
    assert (line.business_date, line.state) == (DAY, "closed")


async def test_the_report_holds_every_total_and_stays_as_it_is(books):
    await some_rides(books)
    await books.close()
    report = await get_report(books.connection, AGENCY, DAY)
    assert report.digest == hashlib.sha256(report.body).hexdigest()
    plain = msgspec.json.decode(report.body)
    totals = plain["totals"]
    rides = totals["rides"]
    assert (rides["taps"], rides["riders"], rides["earned_tiyn"]) == (4, 4, 34000)
    assert rides["cards_tiyn"] + rides["funders_tiyn"] == 34000
    for table, rows in totals["day"]["by"].items():
        if table != "funder":
            assert sum(row["taps"] for row in rows) == 4
            assert sum(row["earned_tiyn"] for row in rows) == 34000
    assert {row["key"]: row["taps"] for row in totals["day"]["by"]["channel"]} == {
        "card": 3, "qr": 1,
    }  # fmt: skip
    assert {row["key"]: row["riders"] for row in totals["day"]["by"]["carrier"]} == {
        "green": 3, "blue": 1,
    }  # fmt: skip
    moved = {(one["code"], one["owner"]): one for one in totals["accounts"]}
    assert moved[1110, "kassa24"]["debits"] == 100_000
    assert (
        sum(one["debits"] - one["credits"] for one in totals["accounts"] if one["code"] < 9000) == 0
    )
    assert len(plain["accepted"]) == 3
    assert {one["reason"] for one in plain["accepted"]} == {"looked at"}
    assert [one["name"] for one in plain["signatures"]] == ["aigul", "bota"]
    csv = await get_report(books.connection, AGENCY, DAY, "csv")
    assert csv.body == make_csv(report.body)
    assert b"day by carrier,green,,riders,3\r\n" in csv.body
    # what happens later changes nothing of it
    await books.post(tap_of(books.devices[2], 1, "c1", 30, vehicle="b2", route_id="9"))
    await books.rows("UPDATE ticketing_exception SET detail = 'x' RETURNING 1")
    assert await get_report(books.connection, AGENCY, DAY) == report
    assert [one.form for one in await list_reports(books.connection, AGENCY, DAY)] == [
        "csv",
        "json",
    ]
    with pytest.raises(NotFound):
        await get_report(books.connection, AGENCY, DAY, revision=2)
    with pytest.raises(NotFound):
        await get_report(books.connection, AGENCY, NEXT)


async def test_late_taps_post_to_the_open_day_and_stand_apart_in_its_report(books):
    await some_rides(books)
    await books.close()
    late = tap_of(books.devices[2], 1, "c5", 10, vehicle="b2")
    own = tap_of(books.devices[2], 2, "c5", A_DAY, vehicle="b2")
    await books.post(late, own)
    await books.run(NEXT)
    [(kind, value)] = await books.rows(
        "SELECT kind, value_tiyn FROM ticketing_exception WHERE business_date = %s"
        " AND kind = 'late_taps'",
        [NEXT],
    )
    assert (kind, value) == ("late_taps", 8000)
    await books.accept(NEXT)
    await books.close(NEXT)
    totals = msgspec.json.decode((await get_report(books.connection, AGENCY, NEXT)).body)["totals"]
    assert totals["day"]["all"]["taps"] == 1
    [block] = totals["late"]
    assert (block["service_date"], block["all"]["taps"]) == ("2026-03-18", 1)
    assert block["all"]["earned_tiyn"] == 8000
    assert totals["rides"]["earned_tiyn"] == 16000
    moved = {(one["code"], one["owner"]): one["credits"] for one in totals["accounts"]}
    assert moved[2220, "blue"] == 8000


async def test_a_day_that_is_not_over_passes_no_stage_of_taps(books):
    early = datetime(2026, 3, 18, 22, 59, tzinfo=UTC)  # 03:59 of the next day there
    run = await run_stage(books.connection, AGENCY, DAY, "taps", actor="x", now=early)
    assert not run.passed
    assert "not over" in run.evidence["obstacles"][0]
    over = early + timedelta(minutes=1)
    run = await run_stage(books.connection, AGENCY, DAY, "taps", actor="x", now=over)
    assert run.passed


async def test_a_held_tap_stands_in_the_way_until_somebody_accepts_it(books):
    v1 = books.devices[0]
    await books.post(tap_of(v1, 1, "c1"), tap_of(v1, 2, "c1", 0.5))
    run = await run_stage(books.connection, AGENCY, DAY, "taps", actor="x", now=NOW)
    assert (run.passed, run.findings, run.waiting) == (False, 1, 1)
    assert run.evidence["by_kind"] == [{"kind": "double_debit", "count": 1, "value_tiyn": 0}]
    await books.accept(reason="the card was held twice")
    run = await run_stage(books.connection, AGENCY, DAY, "taps", actor="x", now=NOW)
    assert (run.passed, run.findings, run.waiting) == (True, 1, 0)
    assert run.evidence["exceptions"][0]["reason"] == "the card was held twice"


async def test_a_stage_may_be_run_again_and_every_run_is_kept(books):
    for _ in range(3):
        await run_stage(books.connection, AGENCY, DAY, "bank", actor="x", now=NOW)
    assert await books.rows("SELECT count(*), count(DISTINCT digest) FROM day_stage") == [(3, 1)]
    with pytest.raises(BadInput):
        await run_stage(books.connection, AGENCY, DAY, "lunch", actor="x", now=NOW)
    with pytest.raises(NotFound):
        await run_stage(books.connection, "nowhere", DAY, "taps", actor="x", now=NOW)


async def test_what_is_posted_after_the_stages_must_be_looked_at_too(books):
    await some_rides(books)
    await books.ready()
    await books.prepare()
    await books.post(tap_of(books.devices[0], 4, "c6", 20))
    status = await read_status(books.connection, AGENCY, DAY)
    assert [one.stale for one in status.stages] == [True] * 6
    with pytest.raises(Refused) as refused:
        await books.approve()
    assert refused.value.code == "changed_since"
    await books.ready()
    status = await read_status(books.connection, AGENCY, DAY)
    assert [one.valid for one in status.signatures] == [False]
    with pytest.raises(Refused) as refused:
        await books.approve()
    assert refused.value.code == "not_prepared"
    await books.prepare()
    assert (await books.approve()).state == "closed"


async def test_days_are_closed_in_order(books):
    await some_rides(books)
    await books.close()
    for day in (NEXT + timedelta(days=1), BEFORE):
        await run_all(books.connection, AGENCY, day, actor="x", now=lambda: NOW + timedelta(days=9))
        await books.accept(day)
        await run_all(books.connection, AGENCY, day, actor="x", now=lambda: NOW + timedelta(days=9))
        await books.prepare(day)
        with pytest.raises(Refused) as refused:
            await books.approve(day)
        assert refused.value.code == "earlier_day_open"
    await books.close(NEXT)


async def test_what_was_seen_is_what_is_signed(books):
    await some_rides(books)
    await books.ready()
    seen = (await read_status(books.connection, AGENCY, DAY)).digest
    await run_stage(
        books.connection, AGENCY, DAY, "bank", actor="x", now=NOW + timedelta(minutes=1)
    )
    aigul = books.people["aigul"]
    with pytest.raises(Refused) as refused:
        await sign(books.connection, AGENCY, DAY, "prepared", aigul, now=NOW, digest=seen)
    assert refused.value.code == "changed_since"
    seen = (await read_status(books.connection, AGENCY, DAY)).digest
    await sign(books.connection, AGENCY, DAY, "prepared", aigul, now=NOW, digest=seen)


async def test_to_sign_again_changes_nothing(books):
    await some_rides(books)
    await books.close()
    before = await books.rows("SELECT count(*), max(signature_no) FROM day_signature")
    await books.prepare()
    await books.approve()
    assert await books.rows("SELECT count(*), max(signature_no) FROM day_signature") == before
    with pytest.raises(Refused) as refused:
        await books.run()
    assert refused.value.code == "day_closed"
    with pytest.raises(Refused):
        await books.approve(by="chingis")
