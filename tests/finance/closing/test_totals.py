"""Totals and balance assertions as pure functions: every table agrees with every other."""

from datetime import date, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sapar.finance.closing.balances import (
    Statement,
    below_zero,
    code_of,
    name_of,
    off_lines,
    off_statement,
    unbalanced,
    unequal,
)
from sapar.finance.closing.reports import make_csv, make_json
from sapar.finance.closing.today import explained_ppm
from sapar.finance.closing.totals import Group, Sums, Totals, add_groups, plain_totals
from sapar.finance.matching.views import SuspenseDifference

DAY = date(2026, 3, 18)
ACCOUNTS = {
    -1: (2210, "green"), -2: (2210, "blue"), -3: (2220, "green"), -4: (1220, "akimat"),
    -5: (5120, "scheme"), -6: (2920, "green"), -7: (2320, "green"),
    -1_000_000_001: (9110, "green"), -1_000_000_002: (9110, "blue"),
    -1_000_000_003: (9210, "ride"),
}  # fmt: skip

amounts = st.integers(1, 20_000)


@st.composite
def groups(draw) -> Group:
    """Journals of rides that balance: paid by a card, a funder, us, or on nobody's card."""
    carrier = draw(st.sampled_from(["green", "blue"]))
    clearing = {"green": draw(st.sampled_from([-1, -3, -7])), "blue": -2}[carrier]
    performed = {"green": -1_000_000_001, "blue": -1_000_000_002}[carrier]
    payers = draw(st.lists(st.sampled_from([0, 1, -4, -5, -6]), unique=True, max_size=3))
    paid = [draw(amounts) for _ in payers]
    form, moved = [*payers], [*paid]
    if payers:
        form.append(clearing)
        moved.append(-sum(paid))
    riders = draw(st.integers(1, 4))
    form += [performed, -1_000_000_003]
    moved += [riders, -riders]
    late = draw(st.integers(0, 2))
    return Group(
        DAY - timedelta(days=late), "tap", draw(st.booleans()), draw(st.sampled_from("789")),
        draw(st.sampled_from(["card", "qr"])), "ride", draw(st.sampled_from(["adult", "pupil"])),
        form, moved, draw(st.integers(1, 50)),
    )  # fmt: skip


@given(st.lists(groups(), max_size=20))
def test_every_table_adds_up_to_the_same(found):
    totals = Totals()
    add_groups(totals, DAY, found, ACCOUNTS)
    plain = plain_totals(totals)
    rides = plain["rides"]
    assert rides["earned_tiyn"] == sum(
        rides[f"{payer}_tiyn"] for payer in ("cards", "funders", "ours", "unknown", "other")
    )
    blocks = [plain["day"], *plain["late"]]
    for measure in Sums.__slots__:
        assert rides[measure] == sum(block["all"][measure] for block in blocks)
        for block in blocks:
            for table in ("route", "channel", "product", "rider_category"):
                assert block["all"][measure] == sum(row[measure] for row in block["by"][table])
    for block in blocks:
        for measure in ("taps", "riders", "earned_tiyn"):
            assert block["all"][measure] == sum(row[measure] for row in block["by"]["carrier"])
        assert block["all"]["funders_tiyn"] == sum(
            row["funders_tiyn"] for row in block["by"]["funder"]
        )
    for asset in (range(9000), range(9000, 10000)):
        moved = [one for one in plain["accounts"] if one["code"] in asset]
        assert sum(one["debits"] for one in moved) == sum(one["credits"] for one in moved)
    assert totals.journals == sum(one.journals for one in found)


@given(st.lists(groups(), max_size=12), st.randoms())
def test_the_order_of_the_journals_does_not_change_a_byte(found, rng):
    bodies = set()
    for _ in range(2):
        totals = Totals()
        add_groups(totals, DAY, found, ACCOUNTS)
        body = make_json(
            "town", DAY, 1, _bytes(plain_totals(totals)), stages=[], signatures=[],
            reopenings=[], digest=b"x",
        )  # fmt: skip
        bodies.add((body, make_csv(body)))
        rng.shuffle(found)
    assert len(bodies) == 1


def _bytes(plain) -> bytes:

    return msgspec.json.encode(plain, order="sorted")


def test_a_balance_that_is_not_what_moved_is_named_with_the_difference():
    signed, moved = {(1110, "a"): 500, (2110, ""): -500}, {(1110, "a"): 70, (2110, ""): -70}
    balances = {(1110, "a"): 570, (2110, ""): -600}
    assert unequal({**balances, (2110, ""): -570}, signed, moved, DAY) == []
    [one] = unequal(balances, signed, moved, DAY)
    assert (one.code, one.owner, one.value_tiyn) == (2110, "", 30)
    assert one.subject == "2110 on 2026-03-18"
    [sum_] = unbalanced(balances, DAY)
    assert sum_.value_tiyn == 30
    [gone] = unequal({}, {(1230, "green"): 5}, {}, DAY)
    assert gone.value_tiyn == 5


def test_the_rules_of_the_chart():
    found = below_zero({(2410, "a"): 5, (1230, "x"): -7, (1110, "a"): -3, (2210, "x"): 9}, DAY)
    assert [(one.code, one.value_tiyn) for one in found] == [(1230, 7), (2410, 5)]
    statements = [Statement("main", 100, 100, DAY), Statement("second", 90, 100, DAY)]
    [one] = off_statement(statements, DAY)
    assert (one.subject, one.value_tiyn) == ("1010 second on 2026-03-18", 10)
    [one] = off_lines([SuspenseDifference("main", 70, 50)], DAY)
    assert (one.subject, one.value_tiyn) == ("2910 main on 2026-03-18", 20)


@given(
    st.sampled_from([1010, 2110, 9210]), st.text(st.characters(exclude_characters=" "), min_size=1)
)
def test_names_of_accounts_are_read_back(code, owner):
    assert code_of(name_of((code, owner))) == (code, owner)
    assert code_of(name_of((code, ""))) == (code, "")


def test_the_share_that_is_explained():
    assert explained_ppm(0, 0) == 1_000_000
    assert explained_ppm(1000, 0) == 1_000_000
    assert explained_ppm(1000, 250) == 750_000
    assert explained_ppm(0, 10) == 0
    assert explained_ppm(10, 20) == 0
