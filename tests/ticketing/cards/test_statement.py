"""The statement of a card."""

import pytest

from sapar.core.errors import NotFound
from sapar.ticketing.cards.requests import (
    Block,
    Issue,
    RefundTap,
    Replace,
    SellPass,
    TopUp,
)
from sapar.ticketing.cards.statement import read_statement
from tests.ticketing.cards.counter import AGENCY, AGENT, NOON_MS, ServicePoint

HOUR_MS = 3_600_000


async def test_every_movement_has_a_running_balance_and_a_ride_says_why(point: ServicePoint):
    await point.do(
        Issue, category="adult", price_tiyn=50_000, deposit_tiyn=32_000, paid=AGENT, at_ms=NOON_MS
    )
    point.clock.advance(10 * 3600)
    await point.do(TopUp, amount_tiyn=20_000, paid=AGENT, at_ms=NOON_MS + HOUR_MS)
    await point.ride(charged=8_000, claim=4_000, at_ms=NOON_MS + 3 * HOUR_MS)
    await point.ride(charged=12_000, at_ms=NOON_MS + 2 * HOUR_MS)  # uploaded later
    await point.do(RefundTap, tap_no=2, reason="bus broke down", at_ms=NOON_MS + 4 * HOUR_MS)
    found = await read_statement(point.connection, AGENCY, "A")
    told = [(m.kind, m.amount_tiyn, m.balance_tiyn, m.deposit_tiyn) for m in found.movements]
    assert told == [
        ("issue", 0, 0, 32_000),
        ("top_up", 20_000, 20_000, 0),
        ("ride", -12_000, 8_000, 0),
        ("ride", -8_000, 0, 0),
        ("refund_tap", 12_000, 12_000, 0),
    ]
    ride = found.movements[3].ride
    assert ride is not None
    assert (ride.nominal_tiyn, ride.charged_tiyn, ride.refunded_tiyn) == (12_000, 8_000, 0)
    assert found.movements[2].ride is not None
    assert found.movements[2].ride.refunded_tiyn == 12_000
    assert (found.purse_tiyn, found.debt_tiyn, found.deposit_tiyn) == (12_000, 0, 32_000)
    assert found.movements[4].rule == "tap 2: bus broke down"


async def test_a_debtor_sees_the_rides_behind_the_block(point: ServicePoint):
    await point.do(Issue, category="adult")
    point.clock.advance(10 * 3600)
    await point.ride(at_ms=NOON_MS)  # paid below
    await point.do(TopUp, amount_tiyn=15_000, paid=AGENT, at_ms=NOON_MS + HOUR_MS)
    await point.ride(at_ms=NOON_MS + 2 * HOUR_MS)
    await point.ride(at_ms=NOON_MS + 3 * HOUR_MS)
    await point.do(Block, reason="debt", note="since August", at_ms=NOON_MS + 4 * HOUR_MS)
    await point.ride(at_ms=NOON_MS + 5 * HOUR_MS)
    found = await read_statement(point.connection, AGENCY, "A")
    [block] = found.blocks
    assert (block.reason, block.note, block.to_ms) == ("debt", "since August", None)
    assert [(one.ride.tap_no, one.balance_tiyn) for one in block.owed if one.ride] == [
        (2, -9_000),
        (3, -21_000),
    ]
    assert found.movements[-1].balance_tiyn == found.purse_tiyn - found.debt_tiyn == -33_000


async def test_both_cards_of_a_replacement_show_it(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=20_000, paid=AGENT)
    await point.do(TopUp, amount_tiyn=5_000, paid=AGENT, activation_days=30)
    await point.do(
        SellPass, product_id="week", price_tiyn=0, valid_from_ms=0, valid_to_ms=NOON_MS * 2
    )
    before = await read_statement(point.connection, AGENCY, "A")
    assert [row[0] for row in before.pending] == [5_000]
    await point.do(Replace, new_card_ref="B")
    old = await read_statement(point.connection, AGENCY, "A")
    new = await read_statement(point.connection, AGENCY, "B")
    assert (old.replaced_by, new.replaces) == ("B", "A")
    assert (old.movements[-1].amount_tiyn, new.movements[-1].amount_tiyn) == (-20_000, 25_000)
    assert (old.pending, len(old.passes), len(new.passes)) == ([], 1, 1)
    for one in (old, new):
        assert one.movements[-1].balance_tiyn == one.purse_tiyn - one.debt_tiyn


async def test_no_such_card(point: ServicePoint):
    with pytest.raises(NotFound):
        await read_statement(point.connection, AGENCY, "nobody")
