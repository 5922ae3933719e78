"""Closing while others post, and a crash between any two steps of a close."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from sapar.core.db import connect, connect_async
from sapar.core.errors import Fault, Refused
from sapar.finance.closing import asking, signing, stages
from sapar.finance.closing.days import STAGES, read_status
from sapar.finance.closing.moment import at_rest
from sapar.finance.closing.signing import sign
from sapar.ticketing.ledger.export import check_ledger
from sapar.ticketing.post import post_taps
from tests.finance.closing.support import DAY, NEXT, NOW
from tests.ticketing.taps.support import AGENCY, tap_of

_AFTER_THE_CLOSE = """
    SELECT count(*) FROM journal j JOIN business_day b USING (agency_id, business_date)
    WHERE j.posted_at > b.closed_at
"""
_JOURNAL = """
    INSERT INTO journal (journal_no, agency_id, kind, source_key, content_hash, service_date,
                         business_date, event_at, event_at_raw, received_at, rule, actor, accounts,
                         amounts)
    SELECT nextval('journal_number'), 'town', 'test', %s, '\\x00', %s, %s, now(), now(), now(), '',
           'x', ARRAY[8, 16], ARRAY[5, -5]
"""


async def test_a_close_beside_workers_that_post_is_whole(books):
    """Whatever is posted while days are closed is in the day that was signed, or in the next."""
    stop = asyncio.Event()

    async def work(number: int) -> int:
        device, seq = books.devices[number], 0
        connection = await connect_async(books.conninfo)
        async with connection:
            while not stop.is_set():
                seq += 1
                card = f"c{1 + seq % 12}"
                await post_taps(
                    connection, books.tools, [tap_of(device, seq, card, seq * 7 + number)]
                )
                await asyncio.sleep(0)
        return seq

    async with asyncio.TaskGroup() as tasks:
        workers = [tasks.create_task(work(number)) for number in (1, 2)]
        signed = 0
        try:
            for _ in range(40):
                await asyncio.sleep(0.05)
                await books.accept()
                await books.run()
                try:
                    await books.prepare()
                    await books.approve()
                except Refused:  # something was posted meanwhile, mostly
                    continue
                signed += 1
                break
        finally:
            stop.set()
    if not signed:  # they were faster every time: nothing of it is closed
        assert await books.rows("SELECT 1 FROM business_day") == []
        await books.close()
    assert await books.rows(_AFTER_THE_CLOSE) == [(0,)]
    posted = sum(one.result() for one in workers)
    assert await books.rows("SELECT count(*) FROM tap") == [(posted,)]
    [(journals, counted)] = await books.rows(
        "SELECT t.journals, (SELECT count(*) FROM journal WHERE business_date = %s)"
        " FROM day_totals t ORDER BY totals_no DESC LIMIT 1",
        [DAY],
    )
    assert journals == counted
    assert await check_ledger(books.connection) == []


async def test_who_posts_without_asking_waits_for_the_close_and_is_refused(books):
    """The database alone: a plain INSERT that began while a day was being closed."""
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.ready()
    await books.prepare()
    closing = await connect_async(books.conninfo)
    posting = await connect_async(books.conninfo)
    async with closing, posting:
        async with closing.transaction():
            bota = books.people["bota"]
            await sign(closing, AGENCY, DAY, "approved", bota, now=NOW)
            late = asyncio.create_task(posting.execute(_JOURNAL, ("k1", DAY, DAY)))
            await asyncio.sleep(0.3)
            assert not late.done()
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is closed"):
            await late
        await posting.execute(_JOURNAL, ("k2", DAY, NEXT))
    assert await books.rows("SELECT source_key FROM journal WHERE kind = 'test'") == [("k2",)]


async def test_a_close_waits_for_who_posts_and_then_sees_it(books):
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.ready()
    await books.prepare()
    with connect(books.conninfo) as posting:
        posting.execute(_JOURNAL, ("k1", DAY, DAY))
        approving = asyncio.create_task(books.approve())
        await asyncio.sleep(0.3)
        assert not approving.done()
        posting.commit()
    with pytest.raises(Refused) as refused:
        await approving
    assert refused.value.code == "changed_since"
    assert await books.rows("SELECT 1 FROM business_day") == []


@pytest.mark.parametrize("level", ["repeatable\\ read", "serializable"])
async def test_a_transaction_with_an_old_view_posts_nothing(books, level):
    options = f"-c default_transaction_isolation={level}"
    with (
        pytest.raises(Fault, match="READ COMMITTED"),
        connect(make_conninfo(books.conninfo, options=options)) as posting,
    ):
        posting.execute(_JOURNAL, ("k1", DAY, DAY))


async def test_the_ledger_at_rest_holds_up_nobody_while_it_is_read(books):
    await books.post(tap_of(books.devices[0], 1, "c1"))
    reading = await connect_async(books.conninfo)
    async with reading, at_rest(reading, AGENCY) as last:
        async with asyncio.timeout(10):
            await books.post(tap_of(books.devices[0], 2, "c4", 5))
        cursor = await reading.execute("SELECT max(journal_no) FROM journal")
        assert await cursor.fetchone() == (last,)
    with pytest.raises(Fault):
        async with books.connection.transaction(), at_rest(books.connection, AGENCY):
            pass


@pytest.mark.parametrize("fails_at", range(1, 12))
async def test_a_crash_at_any_step_leaves_a_day_open_or_closed_as_a_whole(
    books, monkeypatch, fails_at
):
    """The n-th statement of the second signature dies; afterwards it is simply signed again."""
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.ready()
    await books.prepare()
    asked = 0
    real = asking.ask

    async def dies(connection, name, values):
        nonlocal asked
        asked += 1
        if asked == fails_at:
            raise RuntimeError("the process died")
        return await real(connection, name, values)

    monkeypatch.setattr(signing, "ask", dies)
    try:
        await books.approve()
        died = False
    except RuntimeError:
        died = True
    tables = "SELECT (SELECT count(*) FROM business_day), (SELECT count(*) FROM day_report)"
    assert await books.rows(tables) == ([(0, 0)] if died else [(1, 2)])
    monkeypatch.setattr(signing, "ask", real)
    assert (await books.approve()).state == "closed"
    assert await books.rows(tables) == [(1, 2)]
    assert await books.rows("SELECT count(*) FROM audit_log WHERE action = 'day.close'") == [(1,)]


@pytest.mark.parametrize("fails_at", range(6))
async def test_a_run_that_stops_between_two_stages_goes_on(books, monkeypatch, fails_at):
    await books.post(tap_of(books.devices[0], 1, "c1"))
    real = stages.run_stage
    ran = 0

    async def dies(*args, **names):
        nonlocal ran
        if ran == fails_at:
            raise RuntimeError("the process died")
        ran += 1
        return await real(*args, **names)

    monkeypatch.setattr(stages, "run_stage", dies)
    with pytest.raises(RuntimeError):
        await books.run()
    monkeypatch.setattr(stages, "run_stage", real)
    status = await read_status(books.connection, AGENCY, DAY)
    assert [one.run_no is not None for one in status.stages] == [n < fails_at for n in range(6)]
    assert len(await books.run()) == len(STAGES)


@pytest.mark.parametrize("step", ["stage", "totals"])
async def test_a_run_beside_the_close_leaves_what_was_signed(books, monkeypatch, step):
    """Two tabs: one runs the stages again while in the other the day is closed."""
    await books.post(tap_of(books.devices[0], 1, "c1"))
    await books.ready()
    await books.prepare()
    bota = books.people["bota"]
    real = at_rest

    @asynccontextmanager
    async def closed_after(connection, agency_id):
        async with real(connection, agency_id) as last:
            yield last
        async with await connect_async(books.conninfo) as other:
            await sign(other, AGENCY, DAY, "approved", bota, now=NOW)

    monkeypatch.setattr(stages, "at_rest", closed_after)
    running = (
        stages.run_stage(books.connection, AGENCY, DAY, "gaps", actor="aigul", now=NOW)
        if step == "stage"
        else stages.make_totals(books.connection, AGENCY, DAY, now=NOW)
    )
    with pytest.raises(Refused) as refused:
        await running
    assert refused.value.code == "day_closed"
    status = await read_status(books.connection, AGENCY, DAY)
    assert [(one.act, one.valid) for one in status.signatures] == [
        ("prepared", True), ("approved", True),
    ]  # fmt: skip
    assert await books.rows(
        "SELECT b.digest = day_digest(agency_id, business_date, b.revision) FROM business_day b"
    ) == [(True,)]
