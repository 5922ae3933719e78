"""Terms of contracts and totals of days: a table of examples, and laws for all of them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.finance.settlement.engine import (
    DayTotal,
    Earned,
    Line,
    Share,
    Terms,
    entries_of,
    settle,
)
from sapar.finance.settlement.split import round_half_up

DAY = date(2026, 10, 1)
NET = Terms(1, "net", commission_bp=1000)
GROSS = Terms(2, "gross_km", rate_tiyn=45_000, city="city", funder="akimat")
BY_BOARDING = Terms(3, "boarding", rate_tiyn=9_000, city="city", funder="akimat")


def fares(amount: int, day: date = DAY, boardings: int = 0, block="fares", code=2210) -> DayTotal:
    return DayTotal(block, code, day, day, amount, boardings)


# what a line moves, by account: the reference's postings
TABLE = [
    ("net, ten percent", NET, Earned([fares(100_000_000)]), [{
        (2210, "park"): 100_000_000, (2310, "park"): -90_000_000, (4120, "park"): -10_000_000,
    }]),
    ("net, late", NET, Earned([fares(12_000, block="late", code=2220)]), [{
        (2220, "park"): 12_000, (2310, "park"): -10_800, (4120, "park"): -1_200,
    }]),
    ("net, more given back than earned", NET, Earned([fares(-5_000, block="refunds")]), [{
        (2210, "park"): -5_000, (2310, "park"): 4_500, (4120, "park"): 500,
    }]),
    ("net, a share of passes", NET, Earned(shares=[Share(7, DAY, 600_000, 50)]), [{
        (2210, "park"): 600_000, (2310, "park"): -540_000, (4120, "park"): -60_000,
    }]),
    ("gross, fares pay for the kilometres", GROSS, Earned([fares(100_000_000)], {DAY: 100_500}), [
        {(2210, "park"): 100_000_000, (2520, "city"): -100_000_000},
        {(2520, "city"): 4_522_500, (2310, "park"): -4_522_500},
    ]),
    ("gross, the budget pays the rest", GROSS, Earned([fares(1_000_000)], {DAY: 100_500}), [
        {(2210, "park"): 1_000_000, (2520, "city"): -1_000_000},
        {(2520, "city"): 1_000_000, (1220, "akimat"): 3_522_500, (2310, "park"): -4_522_500},
    ]),
    ("gross, without a budget the city pays", GROSS._replace(funder=None),
     Earned([fares(1_000_000)], {DAY: 100_500}), [
        {(2210, "park"): 1_000_000, (2520, "city"): -1_000_000},
        {(2520, "city"): 4_522_500, (2310, "park"): -4_522_500},
    ]),
    ("gross, less was driven than was paid for", GROSS, Earned(metres={DAY: -2_000}), [
        {(2520, "city"): -90_000, (2310, "park"): 90_000},
    ]),
    ("a rate for boardings", BY_BOARDING, Earned([fares(600_000, boardings=100)]), [
        {(2210, "park"): 600_000, (2520, "city"): -600_000},
        {(2520, "city"): 600_000, (1220, "akimat"): 300_000, (2310, "park"): -900_000},
    ]),
    ("boardings that nobody paid for", BY_BOARDING, Earned([fares(0, boardings=2)]), [
        {(1220, "akimat"): 18_000, (2310, "park"): -18_000},
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "earned", "moved"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_contracts_post_as_the_table_says(terms, earned, moved):
    lines = settle(earned, lambda _: terms)
    assert [found for line in lines if (found := entries_of(line, "park", terms))] == moved


def test_commission_is_rounded_once_for_all_days():
    """Three days of 5 tiyn of commission in hundredths: 1.5 tiyn each make 4.5, so 5 in all."""
    days = [DAY + timedelta(days=number) for number in range(3)]
    lines = settle(Earned([fares(15, day) for day in days]), lambda _: NET)
    assert sum(line.commission_tiyn for line in lines) == 5
    assert sorted(line.commission_tiyn for line in lines) == [1, 2, 2]


def test_each_day_follows_the_version_of_its_service_date():
    later = NET._replace(contract_no=4, commission_bp=500)
    day = DAY + timedelta(days=1)
    lines = settle(
        Earned([fares(10_000), fares(10_000, day)]), lambda at: NET if at == DAY else later
    )
    assert [(line.contract_no, line.commission_tiyn) for line in lines] == [(1, 1_000), (4, 500)]


terms_of_any = st.one_of(
    st.builds(lambda bp: NET._replace(commission_bp=bp), st.integers(0, 10_000)),
    st.builds(
        lambda rate, funder: GROSS._replace(rate_tiyn=rate, funder=funder),
        st.integers(1, 10**6), st.sampled_from([None, "akimat"]),
    ),
    st.builds(lambda rate: BY_BOARDING._replace(rate_tiyn=rate), st.integers(1, 10**6)),
)  # fmt: skip
amounts = st.integers(-(10**10), 10**11)
keys = st.tuples(
    st.sampled_from([("fares", 2210), ("late", 2220), ("refunds", 2210), ("refunds", 2220)]),
    st.integers(0, 4), st.integers(0, 4),
)  # fmt: skip
earned_any = st.builds(
    lambda totals, metres, shares: Earned(
        [
            DayTotal(
                key[0][0],
                key[0][1],
                DAY + timedelta(days=key[1]),
                DAY + timedelta(days=key[2]),
                values[0],
                values[1],
            )
            for key, values in totals.items()
        ],
        {DAY + timedelta(days=day): driven for day, driven in metres.items()},
        [Share(number, DAY, amount, 5) for number, amount in enumerate(shares)],
    ),
    st.dictionaries(keys, st.tuples(amounts, st.integers(-50, 5000)), max_size=8),
    st.dictionaries(st.integers(0, 4), st.integers(-(10**6), 10**7)),
    st.lists(amounts, max_size=3),
)


@given(earned_any, terms_of_any)
def test_nothing_is_lost_and_clearing_is_emptied(earned: Earned, terms: Terms):
    lines = settle(earned, lambda _: terms)
    for line in lines:
        entries_of(line, "park", terms)  # raises when a line does not balance
    taken: dict = {}
    for line in lines:
        if line.block not in {"production", "boardings"}:
            key = line.code, line.business_date, line.service_date
            taken[key] = taken.get(key, 0) + line.gross_tiyn
    held: dict = {}
    for total in earned.totals:
        key = total.code, total.business_date, total.service_date
        held[key] = held.get(key, 0) + total.amount_tiyn
    for share in earned.shares:
        key = 2210, share.last_day, share.last_day
        held[key] = held.get(key, 0) + share.amount_tiyn
    assert taken == held


@given(earned_any, terms_of_any, st.randoms())
def test_the_order_does_not_matter(earned: Earned, terms: Terms, chance):
    totals, metres = list(earned.totals), list(earned.metres.items())
    chance.shuffle(totals)
    chance.shuffle(metres)
    again = Earned(totals, dict(metres), earned.shares)
    assert settle(again, lambda _: terms) == settle(earned, lambda _: terms)


@given(earned_any, st.integers(0, 10_000))
def test_commission_is_what_the_contract_says_of_each_section(earned: Earned, bp: int):
    terms = NET._replace(commission_bp=bp)
    lines = settle(earned, lambda _: terms)
    for block in {line.block for line in lines}:
        rows = [line for line in lines if line.block == block]
        whole = sum(line.gross_tiyn for line in rows)
        assert sum(line.commission_tiyn for line in rows) == round_half_up(whole * bp, 10_000)


@given(earned_any, st.integers(1, 10**6), st.sampled_from([None, "akimat"]))
def test_production_is_kilometres_times_rate(earned: Earned, rate: int, funder):
    terms = GROSS._replace(rate_tiyn=rate, funder=funder)
    paid = [line for line in settle(earned, lambda _: terms) if line.block == "production"]
    whole = sum(earned.metres.values())
    assert sum(line.payable_tiyn for line in paid) == round_half_up(whole * rate, 1000)
    assert sum(line.metres for line in paid) == whole
    fares_tiyn = sum(t.amount_tiyn for t in earned.totals) + sum(
        share.amount_tiyn for share in earned.shares
    )
    pay = sum(line.payable_tiyn for line in paid)
    bears = sum(line.funder_tiyn for line in paid)
    assert bears == (max(0, pay - max(0, fares_tiyn)) if funder and pay > 0 else 0)


def test_a_line_that_does_not_balance_is_a_fault():
    with pytest.raises(Exception, match="does not balance"):
        entries_of(Line("fares", 1, 2210, DAY, DAY, gross_tiyn=5, payable_tiyn=4), "park", NET)
