"""Invariants 22, 23 and 24 over any history of rides, closes and reopenings."""

import asyncio
from datetime import date, timedelta

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, given, settings

from sapar.core.db import connect_async
from sapar.finance.closing.reopening import list_posted_since, list_reopenings, reopen
from sapar.finance.closing.reports import Report, get_report, list_reports
from sapar.finance.closing.today import list_dates
from sapar.ticketing.ledger.export import check_ledger
from tests.finance.closing.support import A_DAY, DAY, NOW, Books, make_people
from tests.ticketing.taps.support import AGENCY, make_tools, make_town, tap_of

# nothing is posted with a closed date after the close but while the day is reopened
_POSTED_AFTER = """
    SELECT j.journal_no FROM journal j
    JOIN business_day b USING (agency_id, business_date)
    JOIN day_report r ON (r.agency_id, r.business_date, r.revision, r.form)
        = (b.agency_id, b.business_date, 1, 'json')
    JOIN day_totals t ON (t.agency_id, t.business_date, t.revision)
        = (b.agency_id, b.business_date, 1)
    WHERE t.totals_no = (SELECT max(totals_no) FROM day_totals n
                         WHERE (n.agency_id, n.business_date, n.revision)
                             = (t.agency_id, t.business_date, 1))
      AND j.journal_no > t.last_journal_no
      AND NOT EXISTS (SELECT FROM day_reopening o
                      WHERE (o.agency_id, o.business_date) = (j.agency_id, j.business_date)
                          AND j.posted_at BETWEEN o.reopened_at AND o.ends_at)
"""
_BY_DATES = """
    SELECT (SELECT jsonb_object_agg(account_no, s) FROM (
                SELECT account_no, sum(total) AS s FROM (
                    SELECT account_no, {0}, sum(amount) AS total FROM entry GROUP BY 1, 2) d
                GROUP BY 1) a)
"""

rides = st.tuples(st.just("ride"), st.integers(0, 2), st.integers(1, 9), st.integers(0, 200))
steps = st.lists(
    st.one_of(rides, rides, rides, st.tuples(st.just("close")), st.tuples(st.just("reopen"))),
    min_size=4,
    max_size=9,
)


class _History:
    def __init__(self, books: Books) -> None:
        self.books = books
        self.closed: list[date] = []
        self.open_again: set[date] = set()
        self.seqs = 0
        self.reports: dict[tuple[date, int], Report] = {}

    async def ride(self, day: int, card: int, minute: int) -> None:
        self.seqs += 1
        tap = tap_of(self.books.devices[0], self.seqs, f"c{card}", day * A_DAY + minute)
        await self.books.post(tap)

    async def close(self) -> None:
        """Close what is reopened, or else the next day."""
        if self.open_again:
            day = self.open_again.pop()
        else:
            day = DAY + timedelta(days=len(self.closed))
            self.closed.append(day)
        await self.books.close(day)
        report = await get_report(self.books.connection, AGENCY, day)
        self.reports[day, report.revision] = report

    async def reopen(self) -> None:
        days = [day for day in self.closed if day not in self.open_again]
        if days:
            bota = self.books.people["bota"]
            self.open_again.add(days[-1])
            await reopen(
                self.books.connection, AGENCY, days[-1], user_id=bota.user_id, name=bota.name,
                reason="a bus was found", lasts=timedelta(hours=1), now=NOW,
            )  # fmt: skip

    async def check(self) -> None:
        books, connection = self.books, self.books.connection
        assert await books.rows(_POSTED_AFTER) == []
        for (day, revision), known in self.reports.items():
            assert await get_report(connection, AGENCY, day, revision=revision) == known
        for day in self.closed:
            forms = await list_reports(connection, AGENCY, day)
            assert len(forms) == 2 * max(r for d, r in self.reports if d == day)
        dates = await list_dates(connection, AGENCY, DAY, DAY + timedelta(days=30))
        [(taps, by_tap)] = await books.rows(
            "SELECT count(*), (SELECT jsonb_object_agg(service_date, n) FROM (SELECT service_date,"
            " count(*) AS n FROM tap WHERE status = 'posted' GROUP BY 1) s) FROM tap"
            " WHERE status = 'posted'"
        )
        assert sum(one.taps for one in dates) == taps
        by_service: dict[str, int] = {}
        for one in dates:
            key = one.service_date.isoformat()
            by_service[key] = by_service.get(key, 0) + one.taps
        assert by_service == (by_tap or {})
        left = await books.rows(_BY_DATES.format("business_date"))
        assert left == await books.rows(_BY_DATES.format("service_date"))

    async def end(self) -> None:
        """Hold the reports against the sums by date: the day's own rides and the late ones."""
        assert await check_ledger(self.books.connection) == []
        dates = await list_dates(self.books.connection, AGENCY, DAY, DAY + timedelta(days=30))
        for day in self.closed:
            if day in self.open_again:
                continue
            report = await get_report(self.books.connection, AGENCY, day)
            totals = msgspec.json.decode(report.body)["totals"]
            mine = [one for one in dates if one.business_date == day]
            assert totals["rides"]["taps"] == sum(one.taps for one in mine)
            assert totals["rides"]["earned_tiyn"] == sum(one.earned_tiyn for one in mine)
            late = {
                one.service_date.isoformat(): one.taps for one in mine if one.service_date != day
            }
            assert {b["service_date"]: b["all"]["taps"] for b in totals["late"]} == late
            for one in await list_reopenings(self.books.connection, AGENCY, day):
                listed = await list_posted_since(
                    self.books.connection, AGENCY, day, one.revision, limit=10_000
                )
                assert {part.business_date for part in listed} <= {day}


async def _play(conninfo: str, played) -> None:
    devices = make_town(conninfo)
    connection = await connect_async(conninfo)
    async with connection:
        books = Books(conninfo, devices, make_tools(conninfo), connection, make_people(conninfo))
        history = _History(books)
        for name, *values in played:
            if name == "close" and len(history.closed) > 1 and not history.open_again:
                continue
            await getattr(history, name)(*values)
            await history.check()
        await history.end()


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(played=steps)
def test_closed_days_stay_and_late_rides_move_between_columns_and_never_vanish(
    fresh_databases, played
):
    asyncio.run(_play(fresh_databases(), played))
