"""The life of cards: blocks, replacement, categories, passes, pending top-ups, rides judged anew."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from sapar.core.errors import Refused
from sapar.ticketing.cards.activation import activate_pending
from sapar.ticketing.cards.requests import (
    Block,
    ChangeCategory,
    Goodwill,
    Issue,
    RefundTap,
    Replace,
    Return,
    SellPass,
    TopUp,
    Unblock,
    WriteOff,
)
from sapar.ticketing.ledger.posting import lock_cards, post
from tests.ticketing.cards.counter import AGENT, DAY, NOON_MS, ServicePoint

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


async def test_a_card_blocked_for_its_debt_is_free_when_the_debt_is_paid(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.ride()
    await point.do(Block, reason="debt", note="12,000 since August")
    point.clock.advance(60)
    part = await point.do(TopUp, amount_tiyn=5_000, paid=AGENT)
    assert (part.receipt.status, part.receipt.debt_tiyn) == ("blocked", 7_000)
    rest = await point.do(TopUp, amount_tiyn=7_001, paid=AGENT)
    assert (rest.receipt.status, rest.receipt.purse_tiyn) == ("active", 1)
    assert await point.fetch("SELECT reason, unblocked_actor FROM card_block") == [
        ("debt", "teller")
    ]


@pytest.mark.parametrize("request_", [WriteOff, Goodwill])
async def test_a_debt_that_is_given_up_frees_the_card_too(point: ServicePoint, request_):
    await point.do(Issue, category="adult")
    await point.ride()
    await point.do(Block, reason="debt")
    values: dict[str, Any] = {} if request_ is WriteOff else {"amount_tiyn": 12_000}
    done = await point.do(request_, reason="gone", **values)
    assert done.receipt.status == "active"


async def test_another_reason_takes_the_place_of_the_first(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(Block, reason="debt")
    point.clock.advance(60)
    await point.do(Block, reason="stolen", note="in the bus")
    rows = await point.fetch(
        "SELECT reason, unblocked_at IS NULL FROM card_block ORDER BY blocked_at"
    )
    assert rows == [("debt", False), ("stolen", True)]
    point.clock.advance(60)
    done = await point.do(Unblock)
    assert done.receipt.status == "active"
    assert (await point.card()).has_block


async def test_a_replaced_card_gives_its_passes_from_then_on(point: ServicePoint):
    await point.do(Issue, category="student")
    for first, last in ((-2, -1), (-1, 1), (1, 2)):
        await point.do(
            SellPass,
            product_id="month",
            price_tiyn=0,
            valid_from_ms=NOON_MS + first * DAY_MS,
            valid_to_ms=NOON_MS + last * DAY_MS,
        )
    await point.do(Replace, new_card_ref="B")
    rows = await point.fetch(
        "SELECT card_ref, (extract(epoch FROM lower(valid)) * 1000)::bigint,"
        " (extract(epoch FROM upper(valid)) * 1000)::bigint"
        " FROM card_pass JOIN card USING (card_no) ORDER BY 1, 2"
    )
    days = [(ref, (low - NOON_MS) / DAY_MS, (high - NOON_MS) / DAY_MS) for ref, low, high in rows]
    assert days == [("A", -2, -1), ("A", -1, 0), ("B", 0, 1), ("B", 1, 2)]
    old, new = await point.card("A"), await point.card("B")
    assert (old.status, new.status, new.category, new.has_pass) == (
        "replaced", "active", "student", True,
    )  # fmt: skip
    assert await point.fetch("SELECT reason FROM card_block") == [("replaced",)]


async def test_what_comes_to_a_replaced_card_later_follows(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=20_000, paid=AGENT)
    await point.do(Replace, new_card_ref="B")
    await point.ride("A", at_ms=NOON_MS - HOUR_MS)  # uploaded late
    assert await point.money("A") == (0, 12_000, 0, 0)
    done = await point.do(Replace, new_card_ref="B")
    assert await point.moved(done.receipt.journal_no) == {"1210 A": -12_000, "1210 B": 12_000}
    assert await point.money("A") == (0, 0, 0, 0)
    assert await point.money("B") == (8_000, 0, 0, 0)
    await point.check_balances()


async def test_a_refund_reaches_the_card_that_replaced_it(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=12_000, paid=AGENT)
    ride = await point.ride()
    await point.do(Replace, new_card_ref="B")
    await point.do(Replace, card_ref="B", new_card_ref="C")
    done = await point.do(RefundTap, tap_no=ride, reason="no doors opened")
    assert await point.moved(done.receipt.journal_no) == {"2210 park-1": 12_000, "2110 C": -12_000}
    assert done.receipt.card_ref == "C"


async def test_a_fare_is_given_back_once(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=12_000, paid=AGENT)
    ride = await point.ride()
    await point.do(RefundTap, tap_no=ride, reason="x", amount_tiyn=5_000)
    await point.do(RefundTap, tap_no=ride, reason="x", amount_tiyn=3_000)
    with pytest.raises(Refused, match="4000"):
        await point.do(RefundTap, tap_no=ride, reason="x", amount_tiyn=4_001)
    await point.do(RefundTap, tap_no=ride, reason="x")
    tries: list[dict[str, Any]] = [{}, {"amount_tiyn": 1}]
    for values in tries:
        with pytest.raises(Refused) as caught:
            await point.do(RefundTap, tap_no=ride, reason="x", **values)
        assert caught.value.code == "already_refunded"
    assert await point.money() == (12_000, 0, 0, 0)
    await point.check_balances()


async def test_a_stolen_card_that_is_replaced_and_a_late_change_of_category(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(Block, reason="stolen")
    point.clock.advance(60)
    await point.do(Replace, new_card_ref="B")
    assert (await point.card("A")).status == "replaced"
    point.clock.advance(60)
    await point.do(ChangeCategory, card_ref="B", category="pensioner", at_ms=NOON_MS - DAY_MS)
    await point.do(ChangeCategory, card_ref="B", category="student", at_ms=NOON_MS - 2 * DAY_MS)
    rows = await point.fetch(
        "SELECT category, (extract(epoch FROM valid_from) * 1000)::bigint FROM card_category ORDER BY 2"
    )
    assert rows == [
        ("adult", 0), ("student", NOON_MS - 2 * DAY_MS), ("pensioner", NOON_MS - DAY_MS)
    ]  # fmt: skip
    card = await point.card("B")
    assert (card.category, card.category_from_ms) == ("pensioner", NOON_MS - DAY_MS)


async def test_what_changes_the_price_of_rides_names_their_days(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    await point.ride(at_ms=NOON_MS)
    card = await point.card()
    days = {(card.card_no, DAY)}
    change = await point.do(ChangeCategory, category="student", at_ms=NOON_MS)
    assert change.touched == days
    after = await point.do(ChangeCategory, category="adult", at_ms=NOON_MS + 1)
    assert after.touched == set()
    sale = await point.do(
        SellPass, product_id="m", price_tiyn=0, valid_from_ms=0, valid_to_ms=NOON_MS
    )
    assert sale.touched == days
    block = await point.do(Block, reason="stolen", at_ms=NOON_MS - 1)
    assert block.touched == days
    assert point.rejudged == [days, days, days]


async def test_registering_an_unknown_card_has_its_rides_judged(point: ServicePoint):
    await point.connection.execute(
        "INSERT INTO card (agency_id, card_ref, status, category, category_from)"
        " VALUES ('aktobe', 'A', 'unknown', '', '1970-01-01')"
    )
    await point.ride(at_ms=NOON_MS - DAY_MS)
    with pytest.raises(Refused) as caught:
        await point.do(TopUp, amount_tiyn=1, paid=AGENT)
    assert caught.value.code == "card_unknown"
    await point.do(Block, reason="stolen")
    done = await point.do(Issue, category="pupil", price_tiyn=100, paid=AGENT)
    assert done.receipt.status == "blocked"
    assert {day for _, day in done.touched} == {DAY}
    assert (await point.card()).category == "pupil"


async def arrive(point: ServicePoint, card_ref: str = "A") -> None:
    """What the posting of taps does for a card with pending top-ups."""
    card = await point.card(card_ref)
    async with point.connection.transaction():
        locked = await lock_cards(point.connection, [card.card_no])
        journals = await activate_pending(point.connection, list(locked.values()))
        await post(point.connection, journals, locked)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["early", "first", "second", "late"]))
)
async def test_the_earliest_ride_in_time_activates_in_any_order(point: ServicePoint, order):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=50_000, paid=AGENT, activation_days=30)
    offsets = {"early": -1, "first": HOUR_MS, "second": 2 * HOUR_MS, "late": 30 * DAY_MS + 1}
    for name in order:
        await point.ride(at_ms=NOON_MS + offsets[name])
        await arrive(point)
    assert await point.money() == (2_000, 0, 0, 0)
    assert await point.fetch("SELECT activated_at FROM pending_top_up") == [
        (moment(NOON_MS + HOUR_MS),)
    ]
    assert await point.fetch("SELECT count(*) FROM journal WHERE kind = 'activation'") == [(1,)]
    await point.check_balances()


async def test_a_top_up_that_is_reported_after_the_ride_is_active_at_once(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.ride(at_ms=NOON_MS)
    point.clock.advance(12 * 3600)
    done = await point.do(
        TopUp, amount_tiyn=50_000, paid=AGENT, activation_days=30, at_ms=NOON_MS - 1
    )
    assert (done.receipt.purse_tiyn, done.receipt.pending_tiyn) == (38_000, 0)
    await point.check_balances()


async def test_a_ride_that_counts_no_more_takes_the_activation_back(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=50_000, paid=AGENT, activation_days=30)
    ride = await point.ride(at_ms=NOON_MS + 1)
    await arrive(point)
    assert await point.money() == (38_000, 0, 0, 0)
    held = "UPDATE tap SET status = 'held', code = 'counter_reused' WHERE tap_no = %s"
    await point.connection.execute(held, (ride,))
    await arrive(point)
    assert await point.money() == (0, 12_000, 0, 50_000)
    await point.connection.execute(
        "UPDATE tap SET status = 'posted', code = NULL WHERE tap_no = %s", (ride,)
    )
    await arrive(point)
    await arrive(point)
    assert await point.money() == (38_000, 0, 0, 0)
    await point.check_balances()


async def test_what_a_return_took_is_not_activated_later(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=50_000, paid=AGENT, activation_days=30)
    done = await point.do(Return, channel="cash")
    assert await point.moved(done.receipt.journal_no) == {"2130 A": 50_000, "2510 cash": -50_000}
    await point.ride(at_ms=NOON_MS + 1)
    await arrive(point)
    assert await point.money() == (0, 12_000, 0, 0)
    assert (await point.card()).status == "returned"
