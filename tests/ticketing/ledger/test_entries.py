"""Laws of what a fare posts, and the postings of the reference's examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.core.errors import Fault
from sapar.ticketing.ledger.accounts import (
    CARD_CODES,
    CHART,
    PURSE,
    asset_of,
    card_account,
)
from sapar.ticketing.ledger.entries import debited, difference, entries_of, keys_of
from sapar.ticketing.ledger.posting import debt_journals, sum_up
from sapar.ticketing.types import Adjustment, CardRow, Fare
from tests.ticketing.ledger.support import debt, journal, purse

CARD = 5
KINDS = ("concession", "transfer", "cap", "pass", "free_day", "fraud", "unproved")
FUNDERS = ("scheme", "carrier", "akimat", "republic", "monthly")

amounts = st.integers(1, 10**9)
adjustments = st.builds(Adjustment, st.sampled_from(KINDS), st.sampled_from(FUNDERS), amounts)
flags = st.booleans()


@st.composite
def fares(draw) -> Fare:
    parts = tuple(draw(st.lists(adjustments, max_size=4)))
    charged = draw(st.integers(0, 10**9))
    return a_fare(charged, parts, draw(st.integers(1, 60)))


def a_fare(charged: int, parts: tuple[Adjustment, ...] = (), boardings: int = 1) -> Fare:
    nominal = charged + sum(part.amount_tiyn for part in parts)
    return Fare("local", "adult", 1, nominal, charged, parts, boardings, "leg")


class Numbers(dict):
    """A number for whatever account is asked for; boardings in their own range."""

    def __missing__(self, key):
        below = -1_000_000_000 if CHART[key[1]].asset == "BRD" else 0
        self[key] = below - len(self) - 1
        return self[key]


def posted(fare: Fare, *, late: bool = False, unknown: bool = False) -> tuple[dict, dict]:
    """The entries, and the same by code."""
    numbers = Numbers()
    entries = entries_of(
        fare, agency_id="a", card_no=CARD, carrier="blue", late=late, unknown_card=unknown,
        account_of=numbers,
    )  # fmt: skip
    names = {number: key[1:] for key, number in numbers.items()}
    names[card_account(CARD, PURSE)] = (PURSE, "")
    return entries, {names[number]: amount for number, amount in entries.items()}


@given(fares(), flags, flags)
def test_entries_balance_per_asset(fare, late, unknown):
    entries, _ = posted(fare, late=late, unknown=unknown)
    for asset in ("KZT", "BRD"):
        assert sum(amount for n, amount in entries.items() if asset_of(n) == asset) == 0
    assert 0 not in entries.values()


@given(fares(), flags, flags)
def test_the_carrier_gets_what_was_charged_and_what_somebody_pays_for_it(fare, late, unknown):
    _, named = posted(fare, late=late, unknown=unknown)
    code = 2320 if unknown else 2220 if late else 2210
    paid = [part.amount_tiyn for part in fare.adjustments if debited(part) is not None]
    assert -named.get((code, "blue"), 0) == fare.charged_tiyn + sum(paid)
    payer = (2920, "blue") if unknown else (PURSE, "")
    assert named.get(payer, 0) == fare.charged_tiyn
    assert named[9110, "blue"] == -named[9210, "local"] == fare.boardings


@given(fares(), flags, flags)
def test_the_accounts_asked_for_are_those_used(fare, late, unknown):
    asked = keys_of(fare, agency_id="a", carrier="blue", late=late, unknown_card=unknown)
    numbers = Numbers()
    for key in asked:
        assert numbers[key] < 0
    entries = entries_of(
        fare, agency_id="a", card_no=CARD, carrier="blue", late=late, unknown_card=unknown,
        account_of=dict(numbers),
    )  # fmt: skip
    assert set(numbers.values()) == {n for n in entries if n < 0}


@pytest.mark.parametrize(
    ("parts", "charged", "expected"),
    [
        ((), 12_000, {(2110, ""): 12_000, (2210, "blue"): -12_000}),
        ((Adjustment("concession", "akimat", 6_000),), 6_000,
         {(2110, ""): 6_000, (1220, "akimat"): 6_000, (2210, "blue"): -12_000}),
        ((Adjustment("concession", "akimat", 12_000),), 0,
         {(1220, "akimat"): 12_000, (2210, "blue"): -12_000}),
        ((Adjustment("transfer", "scheme", 12_000),), 0,
         {(5120, "scheme"): 12_000, (2210, "blue"): -12_000}),
        ((Adjustment("transfer", "akimat", 12_000),), 0,
         {(1220, "akimat"): 12_000, (2210, "blue"): -12_000}),
        ((Adjustment("cap", "scheme", 8_000),), 4_000,
         {(2110, ""): 4_000, (5110, "scheme"): 8_000, (2210, "blue"): -12_000}),
        ((Adjustment("pass", "monthly", 12_000),), 0, {}),
        ((Adjustment("fraud", "scheme", 12_000),), 0,
         {(5170, ""): 12_000, (2210, "blue"): -12_000}),
        ((Adjustment("unproved", "carrier", 12_000),), 0, {}),
        ((Adjustment("free_day", "carrier", 12_000),), 0, {}),
    ],
)  # fmt: skip
def test_the_postings_of_each_event(parts, charged, expected):
    _, named = posted(a_fare(charged, parts))
    assert named == expected | {(9110, "blue"): 1, (9210, "local"): -1}


def test_a_held_tap_posts_nothing_and_a_fare_that_does_not_add_up_is_a_fault():
    held = Fare("", "", 1, 0, 0, (), 0, "", "double_debit")
    assert posted(held) == ({}, {})
    assert keys_of(held, agency_id="a", carrier="b", late=False, unknown_card=False) == set()
    with pytest.raises(Fault):
        posted(Fare("local", "adult", 1, 100, 99, (), 1, "leg"))


entry_sets = st.dictionaries(st.integers(-5, 5), st.integers(-9, 9).filter(bool))


@given(entry_sets, entry_sets)
def test_a_difference_makes_one_of_the_other(desired, already):
    moved = difference(desired, already)
    total = {
        n: already.get(n, 0) + moved.get(n, 0)
        for n in already.keys() | moved.keys()
        if already.get(n, 0) + moved.get(n, 0)
    }
    assert total == desired
    assert difference(desired, desired) == {}


@given(
    st.integers(0, 50),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(-40, 40), st.booleans()), max_size=6),
)
def test_a_card_has_money_or_debt_and_never_both(purse_tiyn, debt_tiyn, moves):
    purse_tiyn = 0 if debt_tiyn else purse_tiyn
    card = CardRow(
        CARD, "a", "c", "active", "adult", 0, False, False, False, purse_tiyn, debt_tiyn, 0, 0
    )
    journals = [
        journal({(debt if of_debt else purse)(CARD): amount, -1: -amount}, tap_no=1, revision=1)
        for amount, of_debt in moves
        if amount
    ]
    on_cards, _ = sum_up(journals)
    extra = debt_journals(journals, on_cards, {CARD: card})
    summed, _ = sum_up([*journals, *extra])
    assert summed == on_cards
    change = on_cards.get(CARD, [0, 0, 0, 0])
    after = purse_tiyn + change[0], debt_tiyn + change[1]
    assert min(after) == 0
    net = purse_tiyn - debt_tiyn - sum(a for j in journals for n, a in j.entries.items() if n > 0)
    assert after[0] - after[1] == net


def test_the_chart_is_whole():
    assert {CHART[code].owner for code in CARD_CODES} == {"card"}
    assert all(line.rule and line.name for line in CHART.values())
    assert sorted(CHART) == list(CHART)
    assert [card_account(1, code) for code in CARD_CODES] == [8, 9, 10, 11]
