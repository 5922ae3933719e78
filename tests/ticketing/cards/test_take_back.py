"""Taking back a pass that was sold by mistake: what it posts, what it ends, and what is refused."""

import asyncio
from typing import Any

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import Refused, SaparError
from sapar.ticketing.cards.operations import carry_out
from sapar.ticketing.cards.requests import (
    Block,
    Issue,
    Paid,
    Replace,
    Return,
    SellPass,
    TakeBackPass,
    TopUp,
)
from sapar.ticketing.cards.statement import read_statement
from tests.ticketing.cards.counter import AGENCY, AGENT, NOON_MS, ServicePoint
from tests.ticketing.cards.test_refusals import everything

DAY_MS = 86_400_000
PRICE = 40_000
SALE: dict[str, Any] = {
    "product_id": "month",
    "price_tiyn": PRICE,
    "valid_from_ms": NOON_MS,
    "valid_to_ms": NOON_MS + 30 * DAY_MS,
}
EARNING = Paid(by="agent", name="kassa24", commission_tiyn=400)
KASPI = Paid(by="processor", name="kaspi")
DESK = Paid(by="cash_desk", name="central")
WHY: dict[str, Any] = {"reason": "the wrong product"}


@pytest.fixture
async def holder(point: ServicePoint) -> ServicePoint:
    """Card A with 1,000 tenge."""
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    return point


async def sell(point: ServicePoint, card_ref: str = "A", **changes: Any) -> int:
    """Sell a pass and give the number of the sale, as the card's statement has it."""
    before = {one[3] for one in (await read_statement(point.connection, AGENCY, card_ref)).passes}
    await point.do(SellPass, card_ref, **(SALE | changes))
    [sale] = [
        one
        for one in (await read_statement(point.connection, AGENCY, card_ref)).passes
        if one[3] not in before
    ]
    assert sale[4] == (SALE | changes)["price_tiyn"]
    return sale[3]


async def ride_on_pass(point: ServicePoint, card_ref: str = "A", at_ms: int = NOON_MS) -> int:
    """A ride that the pass pays."""
    number = await point.ride(card_ref, charged=0, at_ms=at_ms)
    parts = '[["pass", "month", 12000]]'
    await point.fetch(
        "UPDATE tap SET adjustments = %s WHERE tap_no = %s RETURNING 1", parts, number
    )
    return number


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        (None, {"2110 A": -PRICE}),
        (AGENT, {"1110 kassa24": -PRICE}),
        (EARNING, {"1110 kassa24": -PRICE, "5150 kassa24": -400, "2420 kassa24": 400}),
        (KASPI, {"1020 kaspi": -PRICE}),
        (DESK, {"1110 central": -PRICE}),
    ],
    ids=["purse", "agent", "agent that earns", "processor", "cash desk"],
)
async def test_the_money_goes_back_the_way_it_was_paid(
    holder: ServicePoint, paid: Paid | None, expected: dict[str, int]
):
    was = (await everything(holder))[-1]
    sale = await sell(holder, paid=paid)
    done = await holder.do(TakeBackPass, sale_no=sale, **WHY)
    assert await holder.moved(done.receipt.journal_no) == {"2140 month 2026-08": PRICE} | expected
    assert await holder.fetch(
        "SELECT kind, reverses, product_id, rule FROM journal WHERE journal_no = %s",
        done.receipt.journal_no,
    ) == [("take_back_pass", sale, "month", f"sale {sale}: the wrong product")]
    assert await holder.money() == (100_000, 0, 0, 0)
    assert await holder.fetch("SELECT 1 FROM card_pass") == []
    assert (await everything(holder))[-1] == was  # on no account is anything left of it
    assert len(holder.rejudged) == 0  # no ride was in its days
    await holder.check_balances()


async def test_a_pass_that_was_given_away_ends_without_a_journal(holder: ServicePoint):
    sale = await sell(holder, price_tiyn=0)
    done = await holder.do(TakeBackPass, sale_no=sale, **WHY)
    assert done.receipt.journal_no is None
    assert await holder.fetch("SELECT 1 FROM card_pass") == []
    with pytest.raises(Refused) as caught:
        await holder.do(TakeBackPass, sale_no=sale, **WHY)
    assert caught.value.code == "already_taken_back"


async def test_rides_of_its_days_are_judged_anew_and_others_are_no_use_of_it(
    holder: ServicePoint,
):
    sale = await sell(holder)
    await holder.ride(at_ms=NOON_MS - 1)
    await holder.ride(at_ms=NOON_MS + 5)  # paid: the pass is not for its network
    await ride_on_pass(holder, at_ms=NOON_MS + 30 * DAY_MS)  # the pass is over; another had it
    holder.rejudged.clear()
    await holder.do(TakeBackPass, sale_no=sale, **WHY)
    assert [{day for _, day in touched} for touched in holder.rejudged] == [
        {row[0] for row in await holder.fetch("SELECT DISTINCT service_date FROM tap")}
    ]


async def test_of_two_passes_sold_for_one_either_goes_back(holder: ServicePoint):
    first, second = await sell(holder, paid=DESK), await sell(holder, paid=DESK)
    await ride_on_pass(holder)
    await holder.do(TakeBackPass, sale_no=first, **WHY)
    with pytest.raises(Refused) as caught:
        await holder.do(TakeBackPass, sale_no=second, **WHY)
    assert caught.value.code == "pass_used"
    assert await holder.fetch("SELECT journal_no FROM card_pass") == [(second,)]


async def test_a_pass_that_went_to_another_card_goes_back_from_there(holder: ServicePoint):
    sale = await sell(holder)
    holder.clock.advance(3600)
    await holder.do(Replace, new_card_ref="B")
    assert len(await holder.fetch("SELECT 1 FROM card_pass")) == 2
    done = await holder.do(TakeBackPass, "B", sale_no=sale, **WHY)
    assert await holder.moved(done.receipt.journal_no) == {
        "2140 month 2026-08": PRICE, "2110 B": -PRICE,
    }  # fmt: skip
    assert await holder.fetch("SELECT 1 FROM card_pass") == []
    await holder.check_balances()


async def test_a_ride_on_the_replaced_card_has_used_it_too(holder: ServicePoint):
    sale = await sell(holder)
    await ride_on_pass(holder)
    holder.clock.advance(3600)
    await holder.do(Replace, new_card_ref="B")
    with pytest.raises(Refused) as caught:
        await holder.do(TakeBackPass, "B", sale_no=sale, **WHY)
    assert caught.value.code == "pass_used"


async def test_what_comes_back_pays_the_debt_and_frees_the_card(holder: ServicePoint):
    sale = await sell(holder)
    await holder.ride(charged=70_000, at_ms=NOON_MS - 1)
    await holder.do(Block, reason="debt")
    assert await holder.money() == (0, 10_000, 0, 0)
    done = await holder.do(TakeBackPass, sale_no=sale, **WHY)
    assert done.receipt.status == "active"
    assert await holder.money() == (30_000, 0, 0, 0)
    await holder.check_balances()


# state: code; the pass of sale "it" was sold to A by the desk "central"
REFUSED = {
    "used": "pass_used",
    "unknown sale": "unknown_pass",
    "the number of a top-up": "unknown_pass",
    "another card": "unknown_pass",
    "no such card": "unknown_card",
    "twice": "already_taken_back",
    "stolen": "card_blocked",
    "returned": "card_returned",
    "replaced": "card_replaced",
    "moved in": "not_sold_here",
    "moved in beside one that was given away": "not_sold_here",
    "closed desk": "desk_closed",
    "nobody takes money unknown": "unknown_agent",
}


async def make(point: ServicePoint, state: str) -> dict[str, Any]:
    """Bring a state about and give the request's values."""
    sale = await sell(point, paid=DESK)
    asked: dict[str, Any] = {"sale_no": sale, **WHY}
    match state:
        case "used":
            await ride_on_pass(point)
        case "unknown sale":
            asked["sale_no"] = 10**9
        case "the number of a top-up":
            done = await point.do(TopUp, amount_tiyn=5, paid=AGENT)
            asked["sale_no"] = done.receipt.journal_no
        case "another card":
            await point.do(Issue, "C", category="adult")
            asked["card_ref"] = "C"
        case "no such card":
            asked["card_ref"] = "nobody"
        case "twice":
            await point.do(TakeBackPass, **asked)
        case "stolen":
            await point.do(Block, reason="stolen")
        case "returned":
            await point.do(Return, channel="cash")
        case "replaced":
            await point.do(Replace, new_card_ref="B")
        case "moved in":  # a pass of another product, with a number of its own
            await point.fetch(
                "INSERT INTO card_pass SELECT card_no, nextval('journal_number'), 'old', valid"
                " FROM card_pass RETURNING 1"
            )
            [(asked["sale_no"],)] = await point.fetch(
                "SELECT journal_no FROM card_pass WHERE product_id = 'old'"
            )
        case "moved in beside one that was given away":
            await sell(point, price_tiyn=0, paid=None)
            await point.fetch(
                "INSERT INTO card_pass SELECT card_no, nextval('journal_number'), product_id,"
                " tstzrange(lower(valid) + '1 day', upper(valid)) FROM card_pass LIMIT 1 RETURNING 1"
            )
            [(asked["sale_no"],)] = await point.fetch("SELECT max(journal_no) FROM card_pass")
        case "closed desk":
            await point.fetch(
                "INSERT INTO cash_desk (agency_id, desk_id, name, status, created_at, created_by)"
                " VALUES (%s, 'central', 'Central', 'closed', now(), 'x') RETURNING 1",
                AGENCY,
            )
        case "nobody takes money unknown":
            await point.fetch(
                "INSERT INTO agent_rule (agency_id, required, changed_at, changed_by)"
                " VALUES (%s, true, now(), 'x') RETURNING 1",
                AGENCY,
            )
    return asked


@pytest.mark.parametrize("state", REFUSED)
async def test_refusal(holder: ServicePoint, state: str):
    asked = await make(holder, state)
    was = await everything(holder)
    for _ in range(2):  # the key never works later either
        with pytest.raises(SaparError) as caught:
            await holder.do(TakeBackPass, key="wish", **asked)
        assert caught.value.code == REFUSED[state]
    assert await everything(holder) == was
    assert await holder.fetch("SELECT source_key, code FROM refused_operation") == [
        ("wish", REFUSED[state])
    ]


async def test_the_same_key_gives_the_first_receipt_and_other_content_is_reported(
    holder: ServicePoint,
):
    sale = await sell(holder)
    first = await holder.do(TakeBackPass, key="k", sale_no=sale, **WHY)
    again = await holder.do(TakeBackPass, key="k", sale_no=sale, **WHY)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.receipt == first.receipt
    with pytest.raises(Refused) as caught:
        await holder.do(TakeBackPass, key="k", sale_no=sale, reason="another")
    assert caught.value.code == "idempotency_conflict"
    assert await holder.fetch("SELECT source_key FROM key_conflict") == [("k",)]
    assert await holder.money() == (100_000, 0, 0, 0)


async def test_at_many_counters_at_once_it_is_taken_back_once(holder: ServicePoint, database: str):
    sale = await sell(holder)

    async def at_a_counter(number: int) -> str:
        connection = await connect_async(database)
        request = TakeBackPass(
            agency_id=AGENCY, key=f"k{number}", actor="t", card_ref="A", sale_no=sale, **WHY
        )
        try:
            await carry_out(connection, holder.desk, request)
            return "done"
        except Refused as exc:
            return exc.code
        finally:
            await connection.close()

    said = await asyncio.gather(*(at_a_counter(number) for number in range(6)))
    assert sorted(said) == ["already_taken_back"] * 5 + ["done"]
    assert await holder.money() == (100_000, 0, 0, 0)
    await holder.check_balances()
