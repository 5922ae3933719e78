"""The matching half of `sapar bench close`: bank lines against items, the database included."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from multiprocessing import get_context
from time import process_time
from typing import Any, Final, NamedTuple

from sapar.core.clock import SystemClock
from sapar.core.db import Connection, connect, connect_async, open_pool
from sapar.core.settings import Settings
from sapar.finance.matching.run import MatchingRun, run_matching
from sapar.finance.matching.views import check_suspense
from sapar.ticketing.ledger.accounts import Accounts
from sapar.ticketing.ledger.posting import post
from sapar.ticketing.types import Journal

AGENCY: Final = "bench-matching"
_FIRST: Final = date(2026, 9, 1)
_DAYS: Final = 60
_AGENTS: Final = 2000
_ITEM = (
    "agency_id, kind, source_key, code, owner, amount_tiyn, item_date, reference, batch_ref,"
    " counterparty_bin, fee_tiyn, residual_code, residual_owner, tolerance_tiyn"
)
_LINE = (
    "agency_id, bank_account_no, statement_no, position, line_key, booked_on, amount_tiyn,"
    " counterparty_bin, reference, purpose, journal_no"
)


class _Item(NamedTuple):
    """An item to be stored; `net` is what its line shows."""

    kind: str
    key: str
    code: int
    owner: str
    amount: int
    day: date
    reference: str
    batch: str
    bin: str
    fee: int

    @property
    def net(self) -> int:
        return self.amount - self.fee


class _Line(NamedTuple):
    day: date
    amount: int
    bin: str | None
    reference: str
    purpose: str


def measure_matching(
    settings: Settings,
    lines: int = 50_000,
    items: int = 200_000,
    say: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Match many lines with many items in an agency of its own, by a process of its own.

    Args:
        settings: with a database that has the schema, and not the agency `AGENCY`.
        lines: bank lines; about one in 25 pays nothing.
        items: most of them stay open.
        say: told what is done.

    Returns:
        `match_50k_lines_s` from beginning to end, all of it from and into the database, and
        `match_cpu_s` of this process, which a busy machine distorts least; the counts and shares
        of what was matched, the process's peak memory and what it had before, and whether the
        books agree and a second run finds nothing.
    """
    conninfo = settings.database_url.get_secret_value()
    say(f"making {items:,} items and {lines:,} bank lines")
    asyncio.run(_make(conninfo, lines, items))
    with connect(conninfo, autocommit=True) as connection:
        connection.execute("ANALYZE finance_item, bank_line, bank_match_line, bank_match_item")
        connection.execute("CHECKPOINT")
    say("matching")
    context = get_context("spawn")
    with context.Pool(1) as pool:
        took_s, cpu_s, before_mib, peak_mib, found = pool.apply(_measured, (conninfo,))
        again_s, _, _, _, again = pool.apply(_measured, (conninfo,))
    wrong = asyncio.run(_check(conninfo))
    return {
        "match_50k_lines_s": round(took_s, 2),
        "match_cpu_s": round(cpu_s, 2),
        "match_again_s": round(again_s, 2),
        "match_lines": found.lines,
        "match_items": found.items,
        "matches": found.matches,
        "matched_lines_percent": round(100 * found.matched_lines / found.lines, 2),
        "matched_value_percent": round(100 * found.matched_tiyn / found.value_tiyn, 2),
        "matches_by_rule": found.by_rule,
        "match_peak_mib": peak_mib,
        "match_idle_mib": before_mib,
        "match_books_agree": not wrong and again.matches == 0,
    }


def _measured(conninfo: str) -> tuple[float, float, int, int, MatchingRun]:
    """Run once; gives duration, CPU time, memory in MiB before and at its peak, and the result."""
    clock = SystemClock()

    async def run() -> tuple[float, MatchingRun]:
        async with open_pool(conninfo, max_size=1) as pool:
            begin = clock.monotonic()
            found = await run_matching(pool, AGENCY, "bench", clock.now())
            return clock.monotonic() - begin, found

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu_s = process_time()
    took_s, found = asyncio.run(run())
    cpu_s = process_time() - cpu_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return took_s, cpu_s, before // 1024, peak // 1024, found


async def _check(conninfo: str) -> list[Any]:
    async with await connect_async(conninfo) as connection:
        return [*await check_suspense(connection, AGENCY)]


async def _make(conninfo: str, line_count: int, item_count: int) -> None:
    items = list(_items(item_count))
    lines = list(_lines(items, line_count))
    with connect(conninfo) as connection:
        account_no, statement_no = _make_account(connection)
    keys = [(AGENCY, 1010, "main"), (AGENCY, 2910, "main")]
    numbers = await Accounts(conninfo).numbers(keys)
    total = sum(line.amount for line in lines)
    async with await connect_async(conninfo, autocommit=False) as connection:
        opening = Journal(
            agency_id=AGENCY,
            kind="bank_line",
            service_date=_FIRST,
            event_at_ms=0,
            received_ms=0,
            entries={numbers[keys[0]]: total, numbers[keys[1]]: -total},
            rule="all lines",
            actor="bench",
            source_key="bank:bench",
            content_hash=bytes(32),
        )
        await post(connection, [opening], {})
    with connect(conninfo) as plain:
        _copy(
            plain,
            f"COPY finance_item ({_ITEM}) FROM STDIN",
            (
                (
                    AGENCY, one.kind, one.key, one.code, one.owner, one.amount, one.day,
                    one.reference, one.batch, one.bin, one.fee, *_residual(one), 0,
                )
                for one in items
            ),
        )  # fmt: skip
        _copy(
            plain,
            f"COPY bank_line ({_LINE}) FROM STDIN",
            (
                (
                    AGENCY, account_no, statement_no, place + 1, f"{place:08}", one.day,
                    one.amount, one.bin, one.reference, one.purpose, opening.journal_no,
                )
                for place, one in enumerate(lines)
            ),
        )  # fmt: skip


def _residual(item: _Item) -> tuple[int, str]:
    return (5160, "") if item.code == 1020 else (item.code, item.owner)


def _make_account(connection: Connection) -> tuple[int, int]:
    connection.execute(
        "INSERT INTO agency (agency_id, name, timezone) VALUES (%s, 'Bench', 'Asia/Almaty')",
        (AGENCY,),
    )
    row = connection.execute(
        "INSERT INTO bank_account (agency_id, bank_account_id, iban, name, created_at, created_by)"
        " VALUES (%s, 'main', 'KZ000BENCH', 'main', now(), 'bench') RETURNING bank_account_no",
        (AGENCY,),
    ).fetchone()
    assert row is not None
    statement = connection.execute(
        "INSERT INTO bank_statement (bank_account_no, from_date, to_date, opening_tiyn,"
        " closing_tiyn, format, file_name, digest, line_count, new_line_count, imported_at,"
        " imported_by) VALUES (%s, %s, %s, 0, 0, 'csv', 'bench.csv', %s, 0, 0, now(), 'bench')"
        " RETURNING statement_no",
        (row[0], _FIRST, _FIRST + timedelta(days=_DAYS + 5), bytes(32)),
    ).fetchone()
    assert statement is not None
    return row[0], statement[0]


def _copy(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _items(count: int) -> Iterable[_Item]:
    """Deposits of many agents, one a day and agent where it goes, and payouts with fees."""
    for place in range(count):
        agent, turn = place % _AGENTS, place // _AGENTS
        day = _FIRST + timedelta(days=turn % _DAYS)
        # unlike amounts, as sums of a day's top-ups are
        amount = 100_000 + place * 7919 % 90_000_000
        bin_ = f"{600_000_000_000 + agent}"
        if agent % 10 == 0:
            fee = amount * 15 // 1000
            yield _Item(
                "processor_payout", f"payout:{place}", 1020, f"p{agent}", amount, day,
                f"PAY-{place:07}", f"PB-{agent:04}-{turn // 5:03}", bin_, fee,
            )  # fmt: skip
        else:
            yield _Item(
                "agent_deposit", f"deposit:{place}", 1110, f"a{agent}", amount, day,
                f"DEP-{place:07}", "", bin_, 0,
            )  # fmt: skip


def _lines(items: list[_Item], count: int) -> Iterable[_Line]:
    """Lines for a part of the items, in the shapes in which they come."""
    made = 0
    # every fourth agent pays, so that the others' items stay open
    paying = [one for place, one in enumerate(items) if place % _AGENTS % 4 in (0, 1)]
    step = max(1, len(paying) // max(1, count))
    for place, item in enumerate(paying[::step]):
        if made >= count:
            return
        for line in _shaped(place % 25, item):
            if made < count:
                made += 1
                yield line
    for place in range(count - made):
        yield _Line(
            _FIRST + timedelta(days=place % _DAYS), -(50_000 + place), None, "", f"bank fee {place}"
        )


def _shaped(shape: int, item: _Item) -> Iterable[_Line]:
    day = item.day + timedelta(days=1)
    match shape:
        case 0 | 1 | 2 | 3 | 4 | 5:  # the reference in its own place
            yield _Line(day, item.net, item.bin, item.reference, "deposit")
        case 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13:  # in the purpose
            yield _Line(day, item.net, item.bin, "", f"Перевод по {item.reference} за {item.day}")
        case 14 | 15 | 16 | 17 | 18 | 19 | 20:  # amount, counterparty, day
            yield _Line(day, item.net, item.bin, "", "Пополнение")
        case 21:  # short, or with another fee
            yield _Line(day, item.net * 98 // 100, item.bin, item.reference, "deposit")
        case 22:  # in two parts
            half = item.net // 2
            yield _Line(day, half, item.bin, item.reference, "part 1")
            yield _Line(day, item.net - half, item.bin, item.reference, "part 2")
        case 23:  # twice
            yield _Line(day, item.net, item.bin, item.reference, "deposit")
            yield _Line(day, item.net, item.bin, item.reference, "deposit")
        case _:  # nobody's
            yield _Line(day, 77_700 + item.net % 1000, None, "", f"Оплата {item.net}")
