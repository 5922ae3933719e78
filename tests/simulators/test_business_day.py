"""A business day that is laid down: whole counters, an exact loss, files that finance reads."""

import datetime as dt
from collections import defaultdict
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sapar.finance.agents.files import read_register
from sapar.finance.agents.mapping import DEFAULT
from sapar.finance.bank.accounts import is_iban
from sapar.finance.bank.formats import guess, parse
from sapar.simulators.business_day import (
    TAPS_OF_A_BUS,
    BusinessDay,
    DayPlan,
    Seller,
    make_business_day,
)
from sapar.simulators.finance_files import (
    BankLine,
    OwnAccount,
    make_iban,
    write_register,
    write_statement,
)
from sapar.simulators.population import make_population

ZONE = ZoneInfo("Asia/Aqtobe")
DAY = dt.date(2026, 3, 17)
MIDNIGHT_MS = round(dt.datetime.combine(DAY, dt.time(), ZONE).timestamp() * 1000)
SELLERS = (
    Seller("shop", "Дүкен", "ТОО «Дүкен»", "agent", "060140002345", "", 150, 9),
    Seller("qr", "QR", "АО «QR»", "processor", "971240001315", "", 95, 7),
)
FARES = {"adult": ("ride", 80_00), "pupil": ("ride", 40_00), "student": ("ride", 40_00)}
PEOPLE = make_population(2_000, 6, 5)
amounts = st.integers(1, 10**9)
words = st.text("абқңҰі A09-«»№,", min_size=1, max_size=12).map(str.strip).filter(bool)


def make(buses: int, taps: int, seed: int) -> BusinessDay:
    plan = DayPlan(
        MIDNIGHT_MS, PEOPLE, np.arange(len(PEOPLE)) % 4 >= 2, [f"r{n}" for n in range(6)],
        [100 + number for number in range(buses)], FARES, SELLERS, "0317", seed, taps,
    )  # fmt: skip
    return make_business_day(plan)


@given(st.integers(1, 40), st.integers(1, 1_500), st.integers(0, 50))
def test_cards_and_validators_count_without_a_hole(buses, taps, seed):
    day = make(buses, taps, seed)
    assert 0 < len(day.taps) <= min(taps, buses * TAPS_OF_A_BUS) + 20
    assert [one.true_ms for one in day.taps] == sorted(one.true_ms for one in day.taps)
    numbers, counters = defaultdict(list), defaultdict(list)
    for one in day.taps:
        numbers[one.device].append(one.tap.seq)
        counters[one.card].append(one.tap.counter)
        assert one.card % 4 >= 2
        assert one.tap.epoch == 100 + one.device
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in numbers.values())
    for card, counted in counters.items():
        last = int(PEOPLE.counter[card])
        assert counted == list(range(last - len(counted) + 1, last + 1))


@given(st.integers(1, 40), st.integers(60, 1_500), st.integers(0, 50))
def test_one_validator_loses_a_range_in_the_middle(buses, taps, seed):
    day = make(buses, taps, seed)
    lost = day.list_lost()
    assert len(lost) == len(day.lost) <= 7
    [device] = {device for device, _ in day.lost}
    made = [one.tap.seq for one in day.taps if one.device == device]
    seqs = [tap.seq for tap in lost]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert made[0] < seqs[0]
    assert seqs[-1] < made[-1]


def test_a_day_follows_from_its_seed_and_sales_do_not_depend_on_how_many_buses_there_are():
    few, many = make(3, 500, 1), make(30, 500, 1)
    assert make(3, 500, 1) == few
    assert [(one.reference, one.amount_tiyn, one.at_ms) for one in few.sales] == [
        (one.reference, one.amount_tiyn, one.at_ms) for one in many.sales
    ]
    assert len(few.sales) == sum(seller.sales for seller in SELLERS)
    assert {one.card_ref for one in few.sales} <= {one.tap.card_ref for one in few.taps}


def test_a_register_is_read_as_it_was_sold():
    day = make(5, 300, 2)
    sales = [one for one in day.sales if one.seller_id == "shop"]
    register = read_register(write_register(sales, ZONE), DEFAULT, ZONE)
    assert register.total_tiyn == day.sold_tiyn("shop")
    assert [row.reference for row in register.rows] == [one.reference for one in sales]


@given(
    st.integers(0, 10**12),
    st.lists(st.tuples(amounts, st.booleans(), words, words), max_size=4),
)
def test_a_statement_is_read_as_it_was_written(opening, rows):
    own = OwnAccount(make_iban("722C000099001711"), "ТОО «Қала көлігі»", "050140000656")
    other = make_iban("9650000072001144")
    lines = [
        BankLine(-tiyn if gone else tiyn, str(number), name, "060140002345", other, purpose)
        for number, (tiyn, gone, name, purpose) in enumerate(rows, start=1)
    ]
    data = write_statement(own, DAY, DAY, opening, lines)
    assert guess(data) == "1c"
    [read] = parse(data, "1c")
    assert is_iban(own.iban)
    assert (read.account, read.opening_tiyn) == (own.iban, opening)
    assert read.closing_tiyn == opening + sum(line.amount_tiyn for line in lines)
    assert [(one.amount_tiyn, one.booked_on, one.counterparty_iban) for one in read.lines] == [
        (line.amount_tiyn, DAY, other) for line in lines
    ]
    assert [one.purpose for one in read.lines] == [" ".join(line.purpose.split()) for line in lines]
