"""From a total to its journals; today at a glance; sums by both dates."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from sapar.core.db import connect_async
from sapar.core.errors import BadInput
from sapar.finance.closing.parts import Which, list_parts
from sapar.finance.closing.reports import get_report
from sapar.finance.closing.today import fold_counts, list_dates, today
from tests.finance.closing.support import A_DAY, DAY, NEXT, Books
from tests.ticketing.taps.support import AGENCY, tap_of


async def some_rides(books: Books) -> None:
    v1, v2 = books.devices[:2]
    await books.top_up("c1", 100_000, "t1")
    await books.post(
        *(tap_of(v1, n, f"c{n}", n, route_id="7") for n in range(1, 7)),
        tap_of(v2, 1, "c7", 70, vehicle="b2", medium="qr", route_id="9"),
        tap_of(v2, 2, "stranger", 80, vehicle="b2", route_id="9"),
    )


def earned(parts, codes=(2210, 2220, 2320)) -> int:
    return -sum(e.amount for part in parts for e in part.entries if e.code in codes)


async def test_every_cell_of_the_report_is_the_sum_of_its_parts(books):
    await some_rides(books)
    await books.close()
    await books.post(tap_of(books.devices[2], 1, "c8", 5, vehicle="b2"))
    await books.close(NEXT)
    for day, late in ((DAY, False), (NEXT, True)):
        report = msgspec.json.decode((await get_report(books.connection, AGENCY, day)).body)
        block = report["totals"]["late"][0] if late else report["totals"]["day"]
        for table in ("route", "channel", "product", "rider_category"):
            for row in block["by"][table]:
                which = Which(taps_only=True, late=late, **{table: row["key"]})
                page = await list_parts(books.connection, AGENCY, day, which)
                assert earned(page.parts) == row["earned_tiyn"]
                assert len(page.parts) == row["taps"]
        for row in block["by"]["carrier"]:
            parts = []
            for code in (2210, 2220, 2320):
                which = Which(code=code, owner=row["key"])
                parts += (await list_parts(books.connection, AGENCY, day, which)).parts
            assert earned(parts) == row["earned_tiyn"]
        for one in report["totals"]["accounts"]:
            which = Which(code=one["code"], owner=one["owner"])
            page = await list_parts(books.connection, AGENCY, day, which)
            moved = [
                e.amount for part in page.parts for e in part.entries
                if (e.code, e.owner) == (one["code"], one["owner"])
            ]  # fmt: skip
            assert sum(one_ for one_ in moved if one_ > 0) == one["debits"]
            assert -sum(one_ for one_ in moved if one_ < 0) == one["credits"]


async def test_parts_come_page_by_page(books):
    await some_rides(books)
    everything = await list_parts(books.connection, AGENCY, DAY, Which())
    assert everything.next_after is None
    found, after = [], 0
    for _ in range(100):
        page = await list_parts(books.connection, AGENCY, DAY, Which(), after=after, limit=3)
        assert len(page.parts) <= 3
        found += page.parts
        if page.next_after is None:
            break
        after = page.next_after
    assert found == everything.parts
    [top_up] = [one for one in found if one.source_key == "t1"]
    assert {(e.code, e.owner, e.amount) for e in top_up.entries} == {
        (1110, "kassa24", 100_000), (2110, "", -100_000),
    }  # fmt: skip
    assert (await list_parts(books.connection, AGENCY, NEXT, Which())).parts == []
    with pytest.raises(BadInput):
        await list_parts(books.connection, AGENCY, DAY, Which(code=1))
    with pytest.raises(BadInput):
        await list_parts(books.connection, AGENCY, DAY, Which(), limit=0)


async def test_today_counts_rides_by_local_hour_and_shows_what_is_open(books):
    await some_rides(books)
    noon = datetime(2026, 3, 18, 9, tzinfo=UTC)
    found = await today(books.connection, AGENCY, noon)
    assert (found.business_date, found.state) == (DAY, "open")
    assert (found.taps, found.riders) == (8, 8)
    assert {one.hour.hour: one.taps for one in found.hours} == {12: 6, 13: 2}
    assert found.earned_tiyn == sum(one.earned_tiyn for one in found.hours)
    assert {(one.code, one.owner) for one in found.suspense} == {
        (1110, "kassa24"), (2320, "blue"), (2920, "blue"),
    }  # fmt: skip
    assert found.explained_ppm == 1_000_000
    # again the same, and what comes is added to what was folded
    assert await today(books.connection, AGENCY, noon) == found
    await books.post(tap_of(books.devices[0], 9, "c9", 75))
    more = await today(books.connection, AGENCY, noon)
    assert (more.taps, more.open_gaps, more.missing_taps) == (9, 1, 2)


async def test_what_is_under_way_is_counted_once_when_it_commits(books):
    """A transaction that began before the fold is above its horizon, and so is all after it."""
    other = await connect_async(books.conninfo, autocommit=False)
    await other.execute("INSERT INTO carrier (agency_id, carrier_id, name) VALUES ('town','x','x')")
    await some_rides(books)
    noon = datetime(2026, 3, 18, 9, tzinfo=UTC)
    assert (await today(books.connection, AGENCY, noon)).taps == 8
    assert await books.rows("SELECT 1 FROM day_count") == []
    await other.rollback()
    await other.close()
    assert (await today(books.connection, AGENCY, noon)).taps == 8
    assert await books.rows("SELECT sum(taps)::int FROM day_count") == [(8,)]
    assert (await today(books.connection, AGENCY, noon)).taps == 8


async def test_many_who_fold_at_once_count_once(books):
    others = [await connect_async(books.conninfo) for _ in range(4)]
    try:
        for number in range(1, 9):
            await books.post(tap_of(books.devices[0], number, "c1", number))
            await asyncio.gather(*(fold_counts(one) for one in others))
    finally:
        for one in others:
            await one.close()
    assert await books.rows("SELECT sum(taps)::int FROM day_count") == [(8,)]


async def test_a_day_of_nothing(books):
    found = await today(books.connection, AGENCY, datetime(2026, 5, 1, tzinfo=UTC))
    assert (found.taps, found.hours, found.suspense, found.explained_ppm) == (0, [], [], 1_000_000)


async def test_late_rides_stand_off_the_diagonal(books):
    await some_rides(books)
    await books.close()
    await books.post(
        tap_of(books.devices[2], 1, "c8", 5, vehicle="b2"),
        tap_of(books.devices[2], 2, "c8", A_DAY, vehicle="b2"),
    )
    found = await list_dates(books.connection, AGENCY, DAY, NEXT)
    cells = {(one.service_date, one.business_date): one.taps for one in found}
    assert cells == {(DAY, DAY): 8, (DAY, NEXT): 1, (NEXT, NEXT): 1}
    outside = date(2020, 1, 1)
    assert await list_dates(books.connection, AGENCY, outside, outside + timedelta(days=9)) == []
