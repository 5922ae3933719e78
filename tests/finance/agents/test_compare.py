"""A register against the ledger: each case by itself, and laws for all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from sapar.finance.agents.compare import Comparison, Sale, compare
from sapar.finance.agents.files import Row

T = datetime(2026, 8, 1, 9, tzinfo=UTC)


def row(line: int, reference: str = "", amount: int = 500, **other) -> Row:
    values: dict[str, Any] = {"at": T, "card_ref": "", "masked": "", "status": "done"} | other
    return Row(line=line, reference=reference, amount_tiyn=amount, **values)


def sale(key: str, amount: int = 500, **other) -> Sale:
    values: dict[str, Any] = {
        "kind": "top_up", "at": T, "card_ref": "C", "status": "done", "within": True,
        "journal_no": 7,
    } | other  # fmt: skip
    return Sale(key=key, amount_tiyn=amount, **values)


def later(seconds: int) -> datetime:
    return T + timedelta(seconds=seconds)


# name: (rows, sales, further arguments, differences as (code, name, value))
CASES: dict[str, tuple[list[Row], list[Sale], dict, list[tuple[str, str, int]]]] = {
    "agree by reference": ([row(2, "a")], [sale("a")], {}, []),
    "agree by reference at another time": ([row(2, "a", at=later(9_999))], [sale("a")], {}, []),
    "agree by card, amount and time": (
        [row(2, "their 1", card_ref="C", at=later(900))], [sale("a")], {}, [],
    ),
    "too late for that": (
        [row(2, "their 1", card_ref="C", at=later(901))], [sale("a")], {},
        [("missing_in_register", "a", 500), ("missing_in_ledger", "their 1", 500)],
    ),
    "another card": (
        [row(2, card_ref="D")], [sale("a")], {},
        [("missing_in_register", "a", 500), ("missing_in_ledger", "line 2", 500)],
    ),
    "no card at all, amount and time": ([row(2)], [sale("a")], {}, []),
    "the nearest meets": (
        [row(2, card_ref="C", at=later(60))],
        [sale("a", at=later(-60)), sale("b", at=later(70))], {},
        [("missing_in_register", "a", 500)],
    ),
    "missing in the register": ([], [sale("a")], {}, [("missing_in_register", "a", 500)]),
    "missing in the ledger": ([row(2, "a")], [], {}, [("missing_in_ledger", "a", 500)]),
    "refused by the ledger": (
        [row(2, "a")], [], {"refused": {"a"}}, [("missing_in_ledger", "a", 500)],
    ),
    "less in the register": (
        [row(2, "a", 480)], [sale("a")], {}, [("amount_mismatch", "a", 20)],
    ),
    "more in the register": (
        [row(2, "a", 530)], [sale("a")], {}, [("amount_mismatch", "a", 30)],
    ),
    "cancelled there": (
        [row(2, "a", status="cancelled")], [sale("a")], {}, [("status_mismatch", "a", 500)],
    ),
    "cancelled here": (
        [row(2, "a")], [sale("a", status="cancelled")], {}, [("status_mismatch", "a", 500)],
    ),
    "cancelled on both sides": (
        [row(2, "a", status="cancelled")], [sale("a", status="cancelled")], {}, [],
    ),
    "taken back after the day, and the register is of before": (
        [row(2, "a")], [sale("a", later=True)], {}, [],
    ),
    "taken back after the day, and the register is of after": (
        [row(2, "a", status="cancelled")], [sale("a", later=True)], {}, [],
    ),
    "taken back after the day, with another sum": (
        [row(2, "a", 400)], [sale("a", later=True)], {}, [("amount_mismatch", "a", 100)],
    ),
    "cancelled there and never here": ([row(2, "a", status="cancelled")], [], {}, []),
    "cancelled here and not there": ([], [sale("a", status="cancelled")], {}, []),
    "twice in the register": (
        [row(2, "a"), row(3, "a")], [sale("a")], {}, [("missing_in_ledger", "a line 3", 500)],
    ),
    "twice, and the second one agrees": (
        [row(2, "a", 400), row(3, "a")], [sale("a")], {},
        [("missing_in_ledger", "a line 2", 400)],
    ),
    "names that look alike": (
        [row(2, "a"), row(3, "a"), row(4, "a line 3")], [], {},
        [
            ("missing_in_ledger", "a line 2", 500), ("missing_in_ledger", "a line 3", 500),
            ("missing_in_ledger", "a line 3 #2", 500),
        ],
    ),
    "of the day before, named": ([row(2, "a")], [sale("a", within=False)], {}, []),
    "of the day before, not named": ([], [sale("a", within=False)], {}, []),
    "in the register of the day before": ([], [sale("a")], {"beside": {"a"}}, []),
    "in both registers": (
        [row(2, "a")], [sale("a", within=False)], {"beside": {"a"}},
        [("missing_in_ledger", "a", 500)],
    ),
}  # fmt: skip


def told(compared: Comparison) -> list[tuple[str, str, int]]:
    return [(one.code, one.name, one.value_tiyn) for one in compared.differences]


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    rows, sales, further, expected = CASES[name]
    assert sorted(told(compare(rows, sales, **further))) == sorted(expected)


amounts = st.sampled_from([500, 500, 700, 10_000])
times = st.integers(-2_000, 2_000).map(later)
statuses = st.sampled_from(["done", "done", "done", "cancelled"])


@st.composite
def days(draw) -> tuple[list[Row], list[Sale]]:
    keys = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6))
    sales = [
        sale(
            key, draw(amounts), at=draw(times), card_ref=draw(st.sampled_from("CD")),
            status=draw(statuses), within=draw(st.booleans()),
        )
        for key in keys
    ]  # fmt: skip
    count = draw(st.integers(0, 7))
    rows = [
        row(
            line, draw(st.sampled_from(["", *"abcdefgh"])), draw(amounts), at=draw(times),
            card_ref=draw(st.sampled_from(["", "C", "D"])), status=draw(statuses),
        )
        for line in range(2, count + 2)
    ]  # fmt: skip
    return rows, sales


@given(days(), st.randoms(use_true_random=False), st.sets(st.sampled_from("abcdefgh"), max_size=3))
def test_laws(day, dice, beside):
    rows, sales = day
    compared = compare(rows, sales, beside=beside)
    shuffled = dice.sample(rows, len(rows)), dice.sample(sales, len(sales))
    assert compare(*shuffled, beside=beside) == compared
    names = [one.name for one in compared.differences]
    assert len(set(names)) == len(names)
    assert all(one.value_tiyn > 0 for one in compared.differences)
    for one in compared.differences:
        assert one.value_tiyn == abs(one.register_tiyn - one.ledger_tiyn)
    there = sum(one.amount_tiyn for one in rows if one.status == "done")
    assert there == compared.agreed_tiyn + sum(one.register_tiyn for one in compared.differences)
    # what the day sold and the register of another day does not have is told of, or agreed
    needed = sum(
        one.amount_tiyn
        for one in sales
        if one.status == "done" and one.within and one.key not in beside
    )
    here = compared.agreed_tiyn + sum(one.ledger_tiyn for one in compared.differences)
    assert here >= needed


@given(days())
def test_the_ledger_written_out_agrees_with_itself(day):
    _, sales = day
    rows = [
        row(line, one.key, one.amount_tiyn, at=one.at, card_ref=one.card_ref, status=one.status)
        for line, one in enumerate(sales, start=2)
    ]
    compared = compare(rows, sales)
    assert compared.differences == []
    assert compared.agreed == len(rows)
    assert compared.by_reference == len(rows)
