"""Who bears a ride on a blocked card, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapar.ticketing.cards.liability import Block, Liability, Listing, liability

HOUR = 3_600_000
DAY = 24 * HOUR
BLOCKED = 100 * DAY
PUBLISHED = BLOCKED + HOUR

# (time of the tap after the block, the list it was decided by) → who bears it for a stolen card,
# and for a debtor's; version 7 is the first with the card
STEPS = [
    ("before the block", -1, 6, "card", "card"),
    ("before the block, with no list", -1, None, "card", "card"),
    ("blocked and not published", HOUR - 1, 6, "scheme", "card"),
    ("published, list of yesterday", 2 * HOUR, 6, "scheme", "card"),
    ("published, no list", 2 * HOUR, None, "scheme", "card"),
    ("just within the limit", 25 * HOUR, 6, "scheme", "card"),
    ("beyond the limit", 25 * HOUR + 1, 6, "carrier", "carrier"),
    ("beyond the limit, no list", 40 * DAY, None, "carrier", "carrier"),
    ("on its own list", 2 * HOUR, 7, "hold", "hold"),
    ("on its own list, a later one", 30 * DAY, 9, "hold", "hold"),
    ("list from the future: the clock is wrong", -HOUR, 7, "hold", "hold"),
]


@pytest.mark.parametrize(("name", "after", "version", "stolen", "debtor"), STEPS)
def test_an_open_block(name, after, version, stolen, debtor):
    listings = [Listing(7, PUBLISHED, None, None)]
    for reason, expected in (
        ("stolen", stolen), ("lost", stolen), ("fraud", stolen), ("replaced", stolen),
        ("returned", stolen), ("debt", debtor), ("other", debtor),
    ):  # fmt: skip
        found = liability(BLOCKED + after, version, [Block(reason, BLOCKED, None)], listings)
        assert found.bearer == expected, name


@pytest.mark.parametrize(
    ("after", "version", "expected"),
    [
        (9 * HOUR, 7, "hold"),  # blocked, and on its list
        (10 * HOUR, 7, "card"),  # free again: an old list should have refused, and harmed nobody
        (10 * HOUR, 8, "card"),
        (60 * DAY, 6, "card"),
        (61 * DAY, 6, "scheme"),  # blocked again, not published yet
        (61 * DAY + HOUR, 8, "scheme"),  # published as 9, the limit counts from now
        (62 * DAY + HOUR + 1, 8, "carrier"),
        (61 * DAY + 2 * HOUR, 9, "hold"),
        (61 * DAY + 2 * HOUR, 7, "hold"),  # a list of the first block held it as well
    ],
)
def test_a_card_blocked_twice(after, version, expected):
    blocks = [
        Block("stolen", BLOCKED, BLOCKED + 10 * HOUR),
        Block("stolen", BLOCKED + 61 * DAY, None),
    ]
    listings = [
        Listing(7, PUBLISHED, 8, BLOCKED + 10 * HOUR + 60_000),
        Listing(9, BLOCKED + 61 * DAY + HOUR, None, None),
    ]
    assert liability(BLOCKED + after, version, blocks, listings).bearer == expected


def test_a_card_that_never_left_the_list_between_two_blocks():
    """Unblocked and blocked again between two versions: the limit counts from the new block."""
    again = BLOCKED + 2 * DAY
    blocks = [Block("debt", BLOCKED, again - 60_000), Block("stolen", again, None)]
    listings = [Listing(7, PUBLISHED, None, None)]
    assert liability(again + DAY, 6, blocks, listings).bearer == "scheme"
    assert liability(again + DAY + 1, 6, blocks, listings).bearer == "carrier"


def test_the_contract_sets_the_limit():
    case = (
        BLOCKED + 4 * HOUR,
        6,
        [Block("stolen", BLOCKED, None)],
        [Listing(7, PUBLISHED, None, None)],
    )
    assert liability(*case, sync_limit_ms=3 * HOUR) == Liability("scheme", "blocked: stolen")
    assert liability(*case, sync_limit_ms=3 * HOUR - 1).bearer == "carrier"


@given(st.integers(0, 200 * DAY), st.none() | st.integers(0, 20))
def test_a_card_that_was_never_blocked_pays(at_ms, version):
    assert liability(at_ms, version, [], []).bearer == "card"


@given(st.integers(0, 300 * DAY), st.integers(0, 6))
def test_later_versions_change_nothing_for_a_tap(at_ms, version):
    """What is published after a tap does not change who bears it: the order does not matter."""
    block, first = Block("stolen", BLOCKED, None), Listing(7, PUBLISHED, None, None)
    before = liability(at_ms, version, [block], [first] if at_ms >= PUBLISHED else [])
    assert before == liability(at_ms, version, [block], [first])
