"""The rules, case by case."""

from collections.abc import Sequence
from typing import Any

import pytest

from sapar.finance.matching.model import Expected, Line, MatchingSettings, Plan
from sapar.finance.matching.plan import plan_matches
from sapar.finance.matching.words import Finder, fold, is_searched, words_of
from tests.finance.matching.support import plain_item, plain_line

TODAY = 110
BIN, OTHER = "060140002345", "111111111111"


def plan(lines: Sequence[Line], items: Sequence[Expected], **more: Any) -> Plan:
    settings = more.pop("settings", MatchingSettings())
    return plan_matches(lines, items, settings, TODAY, **more)


def shown(found: Plan) -> list[tuple[str, list[int], list[int], int]]:
    """Rule, lines, items and residual of each match."""
    return [
        (
            one.rule,
            [line.line_no for line in one.lines],
            [item.item_no for item in one.items],
            one.residual,
        )
        for one in found.matches
    ]


def agent(number: int, amount: int, day: int = 100, **more: Any) -> Expected:
    return plain_item(number, amount, day, residual_code=1110, residual_owner="a", **more)


def kaspi(number: int, amount: int, fee: int, day: int = 100, **more: Any) -> Expected:
    values = {"code": 1020, "owner": "kaspi", "residual_code": 5160, "residual_owner": ""} | more
    return plain_item(number, amount, day, fee=fee, **values)


L, E = plain_line, plain_item

CASES: dict[str, tuple[list[Line], list[Expected], list[tuple[str, list[int], list[int], int]]]] = {
    "by its own reference": (
        [L(1, 500, reference="D-1")], [E(1, 500, reference="D-1")],
        [("reference", [1], [1], 0)],
    ),
    "by a short reference in its own place": (
        [L(1, 500, reference="17")], [E(1, 500, reference="17")],
        [("reference", [1], [1], 0)],
    ),
    "not by a short number in the purpose": (
        [L(1, 500, purpose="invoice 17")], [E(1, 500, reference="17")], [],
    ),
    "by a whole word of the purpose, however it is written": (
        [L(1, 500, purpose="Оплата по №дер/2026.17, без НДС")],
        [E(1, 500, reference="ДЕР-2026-17")],
        [("reference", [1], [1], 0)],
    ),
    "not by a part of a word": (
        [L(1, 500, purpose="DEP10012")], [E(1, 500, reference="DEP1001")], [],
    ),
    "by the bank's reference": (
        [L(1, 500, bank_reference="RRN 88123")], [E(1, 500, reference="88123")],
        [("reference", [1], [1], 0)],
    ),
    "not on another account of ours": (
        [L(1, 500, reference="DEP-001"), L(2, 300, bin=BIN)],
        [E(1, 500, reference="DEP-001", account=2), E(2, 300, bin=BIN, account=2)], [],
    ),
    "less the fee": (
        [L(1, 985, reference="PAY-001")], [kaspi(1, 1000, 15, reference="PAY-001")],
        [("reference", [1], [1], 0)],
    ),
    "a payment pays a payment": (
        [L(1, -500, reference="O-1")], [E(1, 500, reference="O-1"), E(2, -500, reference="O-1")],
        [("reference", [1], [2], 0)],
    ),
    "the reference in its own place goes before one in the purpose": (
        [L(1, 500, reference="DEP-001", purpose="DEP-001 and earlier DEP-2222")],
        [E(1, 500, reference="DEP-001"), E(2, 500, reference="DEP-2222")],
        [("reference", [1], [1], 0)],
    ),
    "one reference of two: the counterparty decides": (
        [L(1, 500, reference="17", bin=BIN)],
        [E(1, 500, reference="17", bin=OTHER), E(2, 500, reference="17", bin=BIN)],
        [("reference", [1], [2], 0)],
    ),
    "one reference of two that differ: nobody decides": (
        [L(1, 500, reference="17")],
        [E(1, 500, reference="17"), E(2, 500, reference="17", owner="b")], [],
    ),
    "equal items under one reference are paid in the order of their days": (
        [L(1, 500, 103, reference="R-1"), L(2, 500, 101, reference="R-1")],
        [E(1, 500, 99, reference="R-1"), E(2, 500, 98, reference="R-1"),
         E(3, 500, 100, reference="R-1")],
        [("reference", [2], [2], 0), ("reference", [1], [1], 0)],
    ),
    "within the tolerance": (
        [L(1, 498, reference="PAY-001")],
        [kaspi(1, 500, 0, reference="PAY-001", tolerance=2)],
        [("reference", [1], [1], -2)],
    ),
    "amount, counterparty and days": (
        [L(1, 500, 103, bin=BIN)], [E(1, 500, 100, bin=BIN)], [("window", [1], [1], 0)],
    ),
    "the account is the counterparty, too": (
        [L(1, 500, 103, iban="KZ1")], [E(1, 500, 100, iban="KZ1", bin=BIN)],
        [("window", [1], [1], 0)],
    ),
    "not when the holder is another": (
        [L(1, 500, 103, iban="KZ1", bin=OTHER)], [E(1, 500, 100, iban="KZ1", bin=BIN)], [],
    ),
    "a day early is in the window": (
        [L(1, 500, 99, bin=BIN)], [E(1, 500, 100, bin=BIN)], [("window", [1], [1], 0)],
    ),
    "two days early is not": ([L(1, 500, 98, bin=BIN)], [E(1, 500, 100, bin=BIN)], []),
    "five days late is": (
        [L(1, 500, 105, bin=BIN)], [E(1, 500, 100, bin=BIN)], [("window", [1], [1], 0)],
    ),
    "six days late is not": ([L(1, 500, 106, bin=BIN)], [E(1, 500, 100, bin=BIN)], []),
    "six days late is when it is due later": (
        [L(1, 500, 106, bin=BIN)], [E(1, 500, 100, bin=BIN, last_day=101)],
        [("window", [1], [1], 0)],
    ),
    "without a counterparty the amount alone says nothing": ([L(1, 500)], [E(1, 500)], []),
    "two equal items are not chosen between": (
        [L(1, 500, bin=BIN)], [E(1, 500, 100, bin=BIN), E(2, 500, 99, bin=BIN)], [],
    ),
    "nor two unlike lines": (
        [L(1, 500, bin=BIN, purpose="a"), L(2, 500, bin=BIN, purpose="b")],
        [E(1, 500, bin=BIN)], [],
    ),
    "an item that another line names is not taken": (
        [L(1, 400, reference="DEP-001"), L(2, 500, bin=BIN)],
        [E(1, 500, bin=BIN, reference="DEP-001")], [],
    ),
    "a line that names an item takes no other": (
        [L(1, 500, bin=BIN, reference="DEP-001")],
        [E(1, 600, bin=BIN, reference="DEP-001"), E(2, 500, bin=BIN)], [],
    ),
    "a batch": (
        [L(1, 900, reference="B-1")],
        [E(1, 400, batch_ref="B-1"), E(2, 600, batch_ref="B-1"), E(3, -100, batch_ref="B-1")],
        [("reference_set", [1], [1, 2, 3], 0)],
    ),
    "a batch less its fees": (
        [L(1, 980, purpose="batch PB-0001")],
        [kaspi(1, 400, 8, batch_ref="PB-0001"), kaspi(2, 600, 12, batch_ref="PB-0001")],
        [("reference_set", [1], [1, 2], 0)],
    ),
    "a part of a batch is not guessed": (
        [L(1, 600, reference="B-1")],
        [E(1, 400, batch_ref="B-1"), E(2, 600, batch_ref="B-1"), E(3, 200, batch_ref="B-1")],
        [],
    ),
    "several references in one purpose": (
        [L(1, 1000, purpose="DEP-1001, DEP-1002")],
        [E(1, 400, reference="DEP-1001"), E(2, 600, reference="DEP-1002")],
        [("reference_set", [1], [1, 2], 0)],
    ),
    "one item in two parts": (
        [L(1, 400, reference="DEP-001"), L(2, 600, 101, reference="DEP-001")],
        [E(1, 1000, reference="DEP-001")],
        [("reference_set", [1, 2], [1], 0)],
    ),
    "a weekend in one line": (
        [L(1, 600, 102, bin=BIN)],
        [E(1, 100, 99, bin=BIN), E(2, 200, 100, bin=BIN), E(3, 300, 101, bin=BIN),
         E(4, 50, 97, bin=BIN)],
        [("days", [1], [1, 2, 3], 0)],
    ),
    "days in a row leave none out": (
        [L(1, 400, 102, bin=BIN)],
        [E(1, 100, 99, bin=BIN), E(2, 200, 100, bin=BIN), E(3, 300, 101, bin=BIN)], [],
    ),
    "days in a row do not take what two lines compete for": (
        [L(1, 100, 101, bin=BIN, purpose="a"), L(2, 100, 101, bin=BIN, purpose="b"),
         L(3, 300, 102, bin=BIN)],
        [E(1, 100, 100, bin=BIN), E(2, 200, 101, bin=BIN)], [],
    ),
    "nor days in a row without what the line names": (
        [L(1, 300, 103, bin=BIN, reference="DEP-001")],
        [E(1, 500, 104, bin=BIN, reference="DEP-001"), E(2, 100, 100, bin=BIN),
         E(3, 200, 101, bin=BIN)], [],
    ),
    "a week in one line": (
        [L(1, 300, 107, bin=BIN)], [E(1, 100, 101, bin=BIN), E(2, 200, 107, bin=BIN)],
        [("days", [1], [1, 2], 0)],
    ),
    "no more than a week": (
        [L(1, 300, 107, bin=BIN)], [E(1, 100, 100, bin=BIN), E(2, 200, 107, bin=BIN)], [],
    ),
    "two ways to add up are not chosen between": (
        [L(1, 300, 102, bin=BIN)],
        [E(1, 100, 98, bin=BIN), E(2, 200, 99, bin=BIN), E(3, 100, 100, bin=BIN)], [],
    ),
    "days in a row with what the line names among them": (
        [L(1, 300, 102, bin=BIN, reference="DEP-001")],
        [E(1, 100, 100, bin=BIN, reference="DEP-001"), E(2, 200, 101, bin=BIN)],
        [("days", [1], [1, 2], 0)],
    ),
    "days in a row less the fees, within the tolerance": (
        [L(1, 293, 102, bin=BIN)],
        [kaspi(1, 100, 2, 100, bin=BIN, tolerance=1), kaspi(2, 200, 4, 101, bin=BIN)],
        [("days", [1], [1, 2], -1)],
    ),
    "a payer's document may have the number of one of our orders": (
        [L(1, 500, reference="17", bin=BIN), L(2, -300, reference="17", bin=OTHER)],
        [E(1, 500, bin=BIN), E(2, -300, reference="17", bin=OTHER)],
        [("reference", [2], [2], 0), ("window", [1], [1], 0)],
    ),
    "or of another payment, which it does not name by that": (
        [L(1, 500, reference="17", bin=BIN)],
        [E(1, 500, bin=BIN), E(2, 300, reference="17", bin=OTHER)],
        [("window", [1], [1], 0)],
    ),
    "a batch with a correction, paid short": (
        [L(1, 700, reference="KASSA-20261120")],
        [agent(1, 900, reference="KASSA-20261120", batch_ref="KASSA-20261120"),
         agent(2, -100, batch_ref="KASSA-20261120", reference="KASSA-20261120-2")],
        [("difference", [1], [1, 2], -100)],
    ),
    "an agent pays too little": (
        [L(1, 400, reference="DEP-001")], [agent(1, 500, reference="DEP-001")],
        [("difference", [1], [1], -100)],
    ),
    "an agent pays too much": (
        [L(1, 700, reference="DEP-001")], [agent(1, 500, reference="DEP-001")],
        [("difference", [1], [1], 200)],
    ),
    "not when another one pays it": (
        [L(1, 400, reference="DEP-001", bin=OTHER)],
        [agent(1, 500, reference="DEP-001", bin=BIN)], [],
    ),
    "a processor keeps more": (
        [L(1, 970, reference="PAY-001")], [kaspi(1, 1000, 15, reference="PAY-001")],
        [("difference", [1], [1], -15)],
    ),
    "a processor keeps nothing": (
        [L(1, 1000, reference="PAY-001")], [kaspi(1, 1000, 15, reference="PAY-001")],
        [("difference", [1], [1], 15)],
    ),
    "a processor cannot keep a fifth": (
        [L(1, 800, reference="PAY-001")], [kaspi(1, 1000, 15, reference="PAY-001")], [],
    ),
    "a processor pays no more than it took": (
        [L(1, 1001, reference="PAY-001")], [kaspi(1, 1000, 15, reference="PAY-001")], [],
    ),
    "a difference without an account waits": (
        [L(1, 400, reference="DEP-001")], [E(1, 500, reference="DEP-001")], [],
    ),
    "a wrong fee without a reference, after a wait": (
        [L(1, 970, 101, bin=BIN)], [kaspi(1, 1000, 15, 100, bin=BIN)],
        [("late_difference", [1], [1], -15)],
    ),
    "not before the wait": ([L(1, 970, 109, bin=BIN)], [kaspi(1, 1000, 15, 108, bin=BIN)], []),
    "not when two come near": (
        [L(1, 970, 101, bin=BIN)],
        [kaspi(1, 1000, 15, 100, bin=BIN), kaspi(2, 1010, 15, 101, bin=BIN)], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    lines, items, expected = CASES[name]
    assert shown(plan(lines, items)) == expected
    assert shown(plan(lines[::-1], items[::-1])) == expected


@pytest.mark.parametrize(
    ("line", "items", "reason", "rule"),
    [
        (L(1, 500, bin=BIN), [E(1, 500, bin=BIN), E(2, 500, bin=BIN)], "ambiguous", "window"),
        (
            L(1, 400, reference="DEP-001"),
            [E(1, 500, reference="DEP-001")],
            "amount_differs",
            "difference",
        ),
        (
            L(1, 500, reference="D-1"),
            [E(1, 500, reference="D-1"), E(2, 500, reference="D-1", owner="b")],
            "ambiguous",
            "reference",
        ),
    ],
)
def test_what_is_left_open_says_why(
    line: Line, items: list[Expected], reason: str, rule: str
) -> None:
    found = plan([line], items)
    assert found.matches == []
    hint = found.hints[1]
    assert (hint.reason, hint.rule) == (reason, rule)
    assert hint.items == tuple(item.item_no for item in items)


@pytest.mark.parametrize("more", [{"reference": "DEP-001"}, {"bin": BIN, "purpose": "deposit"}])
def test_a_line_that_came_twice_is_told(more: dict[str, Any]) -> None:
    item = agent(1, 500, reference="DEP-001", bin=BIN)
    found = plan([L(2, 500, 101, **more), L(1, 500, 100, **more)], [item])
    assert shown(found)[0][1:] == ([1], [1], 0)
    assert found.doubled == {2}


def test_a_line_that_came_twice_pays_nothing_else() -> None:
    same: dict[str, Any] = {"reference": "DEP-001", "bin": BIN}
    items = [agent(1, 500, reference="DEP-001", bin=BIN), agent(2, 500, 101, bin=BIN)]
    found = plan([L(1, 500, **same), L(2, 500, 101, **same)], items)
    assert shown(found) == [("reference", [1], [1], 0)]
    assert found.doubled == {2}


def test_a_short_line_that_came_twice_is_no_second_payment() -> None:
    lines = [L(1, 400, reference="DEP-001"), L(2, 400, 101, reference="DEP-001")]
    found = plan(lines, [agent(1, 500, reference="DEP-001")])
    assert shown(found) == [("difference", [1], [1], -100)]
    assert found.doubled == {2}
    parts = [L(1, 250, reference="DEP-001"), L(2, 250, 101, reference="DEP-001")]
    assert shown(plan(parts, [agent(1, 500, reference="DEP-001")])) == [
        ("reference_set", [1, 2], [1], 0)
    ]


def test_equal_lines_pay_equal_days_without_references() -> None:
    """Nothing tells that such a line came twice when there is something that it pays."""
    lines = [L(1, 500, 90, bin=BIN, purpose="x"), L(2, 500, 95, bin=BIN, purpose="x")]
    found = plan(lines, [E(1, 500, 89, bin=BIN), E(2, 500, 95, bin=BIN)])
    assert shown(found) == [("window", [1], [1], 0), ("window", [2], [2], 0)]
    assert found.doubled == set()


def test_a_line_is_not_double_after_a_while() -> None:
    lines = [L(1, 500, 90, reference="DEP-001"), L(2, 500, 96, reference="DEP-001")]
    assert plan(lines, [E(1, 500, reference="DEP-001")]).doubled == set()


def test_what_was_left_to_pay_is_paid_in_the_same_run() -> None:
    lines = [L(1, 400, reference="DEP-001"), L(2, 100, 104, bin=BIN)]
    found = plan(lines, [agent(1, 500, reference="DEP-001", bin=BIN)])
    first, second = found.matches
    assert (first.rule, first.residual, first.wave) == ("difference", -100, 0)
    assert first.remainder is not None
    assert (second.rule, second.items, second.wave) == ("window", (first.remainder,), 1)
    assert first.remainder.root == 1


def test_what_a_person_took_apart_stays_apart() -> None:
    line, item = L(1, 500, reference="DEP-001"), E(1, 500, reference="DEP-001")
    found = plan([line], [item], undone={1: {1}})
    assert found.matches == []
    assert found.hints[1].reason == "undone"


def test_our_own_accounts() -> None:
    lines = [L(1, -500, iban="KZ2"), L(2, 500, 101, account=2, iban="KZ1")]
    own = {"KZ1": 1, "KZ2": 2}
    assert shown(plan(lines, [], own=own)) == [("transfer", [1, 2], [], 0)]
    third = L(3, 500, 101, account=2, iban="KZ1")
    assert shown(plan([*lines, third], [], own=own)) == []


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("D-17/2", "D 17 2"),
        ("  d 17 ", "D 17"),
        ("АГ_17", "AГ 17"),
        ("№", ""),
        ("", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert " ".join(words_of(folded)) == folded


def test_finding() -> None:
    finder = Finder({fold("DEP-1001"), fold("DEP-1001-2"), fold("17"), fold("KASPI")})
    assert finder.find("pay dep 1001-2, 17, Kaspi") == {"DEP 1001", "DEP 1001 2"}
    assert not is_searched("17")
    assert not is_searched("KASPI")
