"""What of a statement is new, case by case (test_once.py has all cases at random)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sapar.core.errors import Refused
from sapar.finance.bank.model import Line, Statement
from sapar.finance.bank.overlap import Known, Plan, Stored, plan

D1, D2, D3, D4 = (date(2026, 3, day) for day in (1, 2, 3, 4))


def line(on: date, tiyn: int, **details) -> Line:
    return Line(booked_on=on, amount_tiyn=tiyn, **details)


def statement(first: date, last: date, opening: int, *lines: Line) -> Statement:
    closing = opening + sum(one.amount_tiyn for one in lines)
    return Statement(
        account="KZ86125KZT5004100100", from_date=first, to_date=last, opening_tiyn=opening,
        closing_tiyn=closing, currency="KZT", lines=lines,
    )  # fmt: skip


def taken(*lines: Line, form: str = "1c") -> list[Stored]:
    return [Stored(one, form) for one in lines]


def decide(new: Statement, known: Known | None, stored, form="1c") -> Plan:
    """As an import does: the stored lines of its days, and the sum of those before."""
    inside = [one for one in stored if new.from_date <= one.line.booked_on <= new.to_date]
    before = sum(one.line.amount_tiyn for one in stored if one.line.booked_on < new.from_date)
    return plan(new, form, known, inside, before)


A, B, C = line(D1, 100), line(D2, 250), line(D2, -30)
STORED = taken(A, B, C)
KNOWN = Known(D1, 1000, D2, 1320)


def test_the_first_statement_is_new_and_opens_the_account():
    found = decide(statement(D1, D2, 1000, A, B, C), None, [])
    assert found == Plan(KNOWN, [0, 1, 2], 1000)


def test_the_same_again_and_a_part_of_it_add_nothing():
    for first, last, opening, lines in (
        (D1, D2, 1000, (A, B, C)), (D2, D2, 1100, (C, B)), (D1, D1, 1000, (A,)),
        (D1, D2, 1000, (A, B)),  # asked at noon of the second day
    ):  # fmt: skip
        assert decide(statement(first, last, opening, *lines), KNOWN, STORED) == Plan(KNOWN)


def test_a_later_one_goes_on_from_the_closing_balance():
    found = decide(statement(D3, D3, 1320, line(D3, 5)), KNOWN, STORED)
    assert found == Plan(Known(D1, 1000, D3, 1325), [0])
    found = decide(statement(D4, D4, 1320, line(D4, 5)), KNOWN, STORED)
    assert found.known == Known(D1, 1000, D4, 1325)
    assert "2026-03-03 to 2026-03-03" in found.warnings[0]


def test_an_overlapping_one_brings_the_rest_of_the_day_and_what_follows():
    new = statement(D2, D3, 1100, B, line(D2, 250), C, line(D3, 7))
    found = decide(new, KNOWN, STORED)
    assert [new.lines[place].amount_tiyn for place in found.new] == [250, 7]
    assert found.known == Known(D1, 1000, D3, 1577)
    assert found.warnings == []


def test_one_of_the_same_afternoon_is_new_although_its_amounts_are_not():
    new = statement(D2, D2, 1320, line(D2, 250), line(D2, -30))
    assert decide(new, KNOWN, STORED) == Plan(Known(D1, 1000, D2, 1540), [0, 1])
    after = [*STORED, *taken(*new.lines)]
    assert decide(new, Known(D1, 1000, D2, 1540), after).new == []


def test_an_older_one_moves_the_opening_balance():
    found = decide(
        statement(date(2026, 2, 27), D1, 940, line(date(2026, 2, 28), 60), A), KNOWN, STORED
    )
    assert found.new == [0]
    assert found.opening_moved_tiyn == -60
    assert found.known == Known(date(2026, 2, 27), 940, D2, 1320)
    february = date(2026, 2, 28)
    found = decide(statement(february, february, 940, line(february, 60)), KNOWN, STORED)
    assert (found.new, found.opening_moved_tiyn) == ([0], -60)


@pytest.mark.parametrize(
    "new",
    [
        statement(D3, D3, 1321, line(D3, 1)),
        statement(D4, D4, 0),
        statement(D2, D2, 1101, line(D2, 1)),
        statement(date(2026, 2, 27), date(2026, 2, 28), 5, line(date(2026, 2, 27), 1)),
        statement(date(2026, 2, 27), D1, 5, A),
    ],
)
def test_a_gap_is_refused(new):
    with pytest.raises(Refused) as caught:
        decide(new, KNOWN, STORED)
    assert caught.value.code == "statement_gap"


@pytest.mark.parametrize(
    "new",
    [
        statement(D1, D2, 1000, B, C),  # the first day's line is not there
        statement(D1, D2, 1000, line(D1, 101), B, C),  # or is another
        statement(D1, D1, 1000, A, line(D1, 1)),  # one more, that later balances do not know
        statement(D1, D2, 1000, A, line(D1, 1), B),  # the same, and the last day is cut
        statement(D2, D2, 1100, line(D2, 250), line(D2, 31)),  # neither cut nor longer
    ],
)
def test_a_contradiction_is_refused(new):
    known, stored = KNOWN, STORED
    with pytest.raises(Refused) as caught:
        decide(new, known, stored)
    assert caught.value.code == "statement_contradicts"


def test_the_same_sum_in_other_parts_adds_nothing_and_says_so():
    parts = statement(D1, D2, 1000, line(D1, 60), line(D1, 40), B, C)
    found = decide(parts, KNOWN, STORED)
    assert found.new == []
    assert found.known == KNOWN
    assert "1 stored lines of 1.00 stand in this file as 2 others" in found.warnings[0]


def test_a_line_booked_back_is_taken_when_the_newest_balance_knows_it():
    found = decide(statement(D1, D2, 1000, A, line(D1, 9), B, C), KNOWN, STORED)
    assert found.new == [1]
    assert found.known.closing_tiyn == 1329
    assert "complete before" in found.warnings[0]


def test_the_banks_reference_says_which_of_equal_lines_is_new():
    first, second = (line(D2, 250, bank_reference=name, purpose="same") for name in ("R1", "R2"))
    stored = taken(A, second)
    known = Known(D1, 1000, D2, 1350)
    for lines, place in (((first, second), 0), ((second, first), 1)):
        assert decide(statement(D1, D2, 1000, A, *lines), known, stored).new == [place + 1]
    # another format may not give the same name, so it tells nothing apart
    other = statement(D1, D2, 1000, A, replace(second, bank_reference="0001"))
    assert decide(other, known, stored, "camt053").new == []
    # the same format does: the line is another one, of the same sum
    assert "stand in this file as 1 others" in decide(other, known, stored).warnings[0]
