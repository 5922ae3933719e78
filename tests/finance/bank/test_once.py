"""Invariant 28: opening + lines = closing; no import, in whatever overlap and format, adds twice.

A true account is made up, and statements of it are imported: any days, any format, in any order,
cut off in the middle of a day as when the bank is asked at noon, or going on from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from sapar.core.db import connect_async
from sapar.core.errors import Refused
from sapar.finance.bank.model import Line, Statement
from sapar.ticketing.ledger.accounts import Accounts
from tests.finance.bank.conftest import Desk, open_account
from tests.finance.bank.strategies import FIRST
from tests.finance.bank.writers import WRITERS

DAYS = [FIRST + timedelta(days=number) for number in range(6)]
# no lines but none of them make nothing: a hole is always seen in the balances
AMOUNTS = (10_000, 10_000, 25_000, 5_000_00, -37_001)
_numbers = count(1)


@dataclass(frozen=True)
class Ask:
    """A statement asked of the bank.

    Attributes:
        first, last: days, as places in DAYS.
        skip: so many lines of the first day were in the statement before.
        cut: so many lines of the last day are not booked yet.
        poor: the format leaves most details out.
    """

    first: int
    last: int
    skip: int
    cut: int
    form: str
    poor: bool


@st.composite
def truths(draw):
    """All lines of the account, in order; some days have none, many lines are equal."""
    lines = []
    for day in DAYS:
        for _ in range(draw(st.integers(0, 3))):
            tiyn = draw(st.sampled_from(AMOUNTS))
            name = draw(st.sampled_from(["ИП Ахметов", "ТОО Жол"]))
            reference = draw(st.sampled_from(["", "17", "18"]))
            lines.append(
                Line(
                    booked_on=day, amount_tiyn=tiyn, value_on=day, counterparty_name=name,
                    reference=reference, purpose=f"Пополнение {name}",
                )
            )  # fmt: skip
    named = draw(st.booleans())
    return [
        replace(line, bank_reference=f"REF{place}" if named else "")
        for place, line in enumerate(lines)
    ]


asks = st.builds(
    lambda first, length, skip, cut, form, poor: Ask(
        first, min(first + length, len(DAYS) - 1), skip, cut, form, poor
    ),
    st.integers(0, len(DAYS) - 1), st.integers(0, 5), st.sampled_from([0, 0, 0, 0, 1, 2]),
    st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from(sorted(WRITERS)), st.booleans(),
)  # fmt: skip


def span(lines: list[Line], ask: Ask) -> tuple[int, int]:
    """The places of the lines that a statement shows."""
    inside = [
        n for n, line in enumerate(lines) if DAYS[ask.first] <= line.booked_on <= DAYS[ask.last]
    ]
    before = sum(line.booked_on < DAYS[ask.first] for line in lines)
    on_first = sum(line.booked_on == DAYS[ask.first] for line in lines)
    on_last = sum(line.booked_on == DAYS[ask.last] for line in lines)
    begin = before + min(ask.skip, on_first)
    end = before + len(inside) - min(ask.cut, on_last)
    return begin, max(begin, end)


def statement_of(lines: list[Line], ask: Ask, iban: str, opening: int) -> Statement:
    begin, end = span(lines, ask)
    opens = opening + sum(line.amount_tiyn for line in lines[:begin])
    shown = lines[begin:end]
    if ask.poor:
        shown = [
            replace(one, purpose=one.purpose[:9], reference="", bank_reference="") for one in shown
        ]
    return Statement(
        account=iban, from_date=DAYS[ask.first], to_date=DAYS[ask.last], opening_tiyn=opens,
        closing_tiyn=opens + sum(line.amount_tiyn for line in shown), currency="KZT",
        lines=tuple(shown),
    )  # fmt: skip


@pytest.mark.slow
@given(
    truth=truths(), plan=st.lists(asks, min_size=2, max_size=7), opening=st.sampled_from([0, 777])
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_overlap_and_no_format_adds_twice(city, truth, plan, opening):
    asyncio.run(_check(city, truth, plan, opening))


async def _check(conninfo, truth, plan, opening):
    number = next(_numbers)
    iban = f"KZ{98 - int(f'{number:016}203500') % 97:02}{number:016}"
    connection = await connect_async(conninfo)
    async with connection:
        desk = Desk(connection, conninfo, Accounts(conninfo), f"a{number}")
        await open_account(connection, desk.account, iban)
        known: tuple[int, int] | None = None
        in_a_day = False  # the first known balance is one in the middle of a day
        for ask in plan:
            begin, end = span(truth, ask)
            data = WRITERS[ask.form](statement_of(truth, ask, iban, opening))
            first_of_day = not ask.skip or begin == 0 or (
                truth[begin - 1].booked_on < DAYS[ask.first]
            )  # fmt: skip
            joined = known is None or (begin <= known[1] and end >= known[0])
            try:
                dry = await desk.take(data, dry_run=True)
                done = await desk.take(data)
            except Refused as exc:
                if exc.code != "statement_gap" or (joined and first_of_day and not in_a_day):
                    raise
                event("refused as a gap")
            else:
                assert joined
                assert (dry.new_lines, dry.new_tiyn) == (done.new_lines, done.new_tiyn)
                if known is None or begin < known[0]:
                    in_a_day = not first_of_day
                before = known
                known = (
                    (begin, end) if known is None else (min(begin, known[0]), max(end, known[1]))
                )
                assert done.new_lines == known[1] - known[0] - (
                    before[1] - before[0] if before else 0
                )
                event(_what(before, (begin, end), done.new_lines))
                again = await desk.take(data)
                assert again.repeated
                assert again.new_lines == 0
            await agree(desk, truth, known, opening)


def _what(before, shown, new):
    if before is None:
        return "the first"
    if shown[0] == before[1] and new:
        return "follows"
    return "overlaps and brings some" if new else "brings nothing"


async def agree(desk: Desk, truth, known, opening):
    stands = await desk.stands()
    assert stands.agrees
    if known is None:
        assert stands.ledger_tiyn == 0
        return
    lines = truth[known[0] : known[1]]
    rows = await desk.query(
        "SELECT booked_on, amount_tiyn FROM bank_line JOIN bank_account USING (bank_account_no)"
        f" WHERE bank_account_id = '{desk.account}'"
    )
    assert Counter(rows) == Counter((one.booked_on, one.amount_tiyn) for one in lines)
    assert stands.opening_tiyn == opening + sum(one.amount_tiyn for one in truth[: known[0]])
    total = sum(one.amount_tiyn for one in lines)
    assert stands.opening_tiyn + total == stands.closing_tiyn == stands.ledger_tiyn
    assert stands.unmatched_tiyn == stands.suspense_tiyn == total
    [[statements]] = await desk.query(
        "SELECT count(*) FROM bank_statement WHERE opening_tiyn + (SELECT coalesce(sum(amount_tiyn),"
        " 0) FROM bank_line l WHERE l.statement_no = bank_statement.statement_no) <> closing_tiyn"
        " AND line_count = new_line_count"
    )
    assert statements == 0
