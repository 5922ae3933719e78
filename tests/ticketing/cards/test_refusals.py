"""What is not allowed is refused with a code, kept under its key, and changes nothing."""

import asyncio
from typing import Any

import pytest

from sapar.core.db import connect_async
from sapar.core.errors import BadInput, SaparError, Unavailable
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import (
    Block,
    ChangeCategory,
    Goodwill,
    Issue,
    Paid,
    PayOut,
    RefundTap,
    Replace,
    Return,
    SellPass,
    TopUp,
    Unblock,
    Withdraw,
    WriteOff,
)
from tests.ticketing.cards.counter import AGENCY, AGENT, NOON_MS, ServicePoint

PASS = {"product_id": "month", "valid_from_ms": NOON_MS, "valid_to_ms": NOON_MS + 1}

# name: (what was done before, what is asked, code)
CASES: dict[str, tuple[str, tuple[type, dict[str, Any]], str]] = {
    "withdrawal beyond the purse": ("full", (Withdraw, {"amount_tiyn": 100_001, "channel": "k"}), "insufficient_funds"),
    "payout beyond what is owed": ("full", (PayOut, {"amount_tiyn": 1, "channel": "k", "bank": "b"}), "beyond_owed"),
    "negative top-up": ("full", (TopUp, {"amount_tiyn": -1, "paid": AGENT}), "amount_not_positive"),
    "top-up of nothing": ("full", (TopUp, {"amount_tiyn": 0, "paid": AGENT}), "amount_not_positive"),
    "negative goodwill": ("full", (Goodwill, {"amount_tiyn": -5, "reason": "x"}), "amount_not_positive"),
    "negative price": ("full", (SellPass, {**PASS, "price_tiyn": -5}), "amount_not_positive"),
    "negative refund": ("ride", (RefundTap, {"tap_no": 1, "reason": "x", "amount_tiyn": -1}), "amount_not_positive"),
    "overflow": ("full", (TopUp, {"amount_tiyn": 2 * 10**15, "paid": AGENT}), "amount_too_large"),
    "overflow of the purse": ("full", (TopUp, {"amount_tiyn": 10**15, "paid": AGENT}), "amount_too_large"),
    "commission beyond the amount": ("full", (TopUp, {"amount_tiyn": 5, "paid": Paid(by="agent", name="x", commission_tiyn=6)}), "commission"),
    "deposit beyond the price": ("none", (Issue, {"category": "adult", "price_tiyn": 5, "deposit_tiyn": 6, "paid": AGENT}), "deposit"),
    "nobody took the price": ("none", (Issue, {"category": "adult", "price_tiyn": 5}), "paid_missing"),
    "a bank card": ("none", (Issue, {"card_ref": "4111111111111111", "category": "adult"}), "pan_like"),
    "unknown card": ("none", (TopUp, {"amount_tiyn": 5, "paid": AGENT}), "unknown_card"),
    "card twice": ("full", (Issue, {"category": "adult"}), "card_exists"),
    "pass beyond the purse": ("full", (SellPass, {**PASS, "price_tiyn": 100_001}), "insufficient_funds"),
    "pass that ends first": ("full", (SellPass, {**PASS, "valid_to_ms": NOON_MS, "price_tiyn": 1}), "pass_validity"),
    "stolen card: top-up": ("stolen", (TopUp, {"amount_tiyn": 5, "paid": AGENT}), "card_blocked"),
    "stolen card: withdrawal": ("stolen", (Withdraw, {"amount_tiyn": 5, "channel": "k"}), "card_blocked"),
    "stolen card: return": ("stolen", (Return, {"channel": "k"}), "card_blocked"),
    "stolen card: pass": ("stolen", (SellPass, {**PASS, "price_tiyn": 5}), "card_blocked"),
    "blocked twice": ("stolen", (Block, {"reason": "stolen"}), "already_blocked"),
    "blocked before it was": ("stolen", (Block, {"reason": "lost", "at_ms": NOON_MS - 1}), "block_order"),
    "unblocked before it was": ("stolen", (Unblock, {"at_ms": NOON_MS - 1}), "block_order"),
    "not blocked": ("full", (Unblock, {}), "not_blocked"),
    "returned card": ("returned", (TopUp, {"amount_tiyn": 5, "paid": AGENT}), "card_returned"),
    "replaced card": ("replaced", (TopUp, {"amount_tiyn": 5, "paid": AGENT}), "card_replaced"),
    "replaced by another": ("replaced", (Replace, {"new_card_ref": "C"}), "replacement"),
    "replaced by itself": ("full", (Replace, {"new_card_ref": "A"}), "same_card"),
    "no debt": ("full", (WriteOff, {"reason": "x"}), "no_debt"),
    "write-off beyond the debt": ("debt", (WriteOff, {"reason": "x", "amount_tiyn": 12_001}), "exceeds_debt"),
    "refund beyond the fare": ("ride", (RefundTap, {"tap_no": 1, "reason": "x", "amount_tiyn": 12_001}), "beyond_charge"),
    "refund of no tap": ("ride", (RefundTap, {"tap_no": 2, "reason": "x"}), "unknown_tap"),
    "refund of another's tap": ("ride", (RefundTap, {"card_ref": "B", "tap_no": 1, "reason": "x"}), "unknown_tap"),
    "boarding for a part": ("ride", (RefundTap, {"tap_no": 1, "reason": "x", "amount_tiyn": 1, "no_ride": True}), "no_ride_in_part"),
    "category of a returned card": ("returned", (ChangeCategory, {"category": "student"}), "card_returned"),
    "too long an activation": ("full", (TopUp, {"amount_tiyn": 5, "paid": AGENT, "activation_days": 367}), "activation_days"),
}  # fmt: skip


async def before(point: ServicePoint, state: str) -> None:
    if state == "none":
        return
    await point.do(Issue, category="adult")
    if state == "debt":
        await point.ride()
        return
    await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
    if state == "ride":
        await point.ride()
    if state == "stolen":
        await point.do(Block, reason="stolen", note="reported by telephone")
    if state == "returned":
        await point.do(Return, channel="cash")
    if state == "replaced":
        await point.do(Replace, new_card_ref="B")


async def everything(point: ServicePoint) -> list:
    tables = "card", "journal", "card_block", "card_pass", "tap_refund", "card_operation"
    found = [await point.fetch(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables]
    # an account is made when it is first named, and stays, with nothing on it
    return [*found, await point.fetch("SELECT * FROM account WHERE balance <> 0 ORDER BY 1")]


@pytest.mark.parametrize("name", CASES)
async def test_refusal(point: ServicePoint, name: str):
    state, (request, values), code = CASES[name]
    await before(point, state)
    was = await everything(point)
    for _ in range(2):  # the key never works later either
        with pytest.raises(SaparError) as caught:
            await point.do(request, key="wish", **values)
        assert caught.value.code == code
    assert await everything(point) == was
    kept = await point.fetch("SELECT source_key, code FROM refused_operation")
    assert kept == [("wish", code)]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"key": " \n"}, "text"),
        ({"key": "k" * 201}, "text"),
        ({"card_ref": "c" * 65}, "text"),
        ({"amount_tiyn": 2**63}, "number"),
        ({"at_ms": NOON_MS + 600_000}, "future_time"),
        ({"at_ms": -1}, "future_time"),
        ({"paid": Paid(by="agent", name="")}, "text"),
    ],
)
async def test_a_malformed_request_leaves_nothing_behind(point: ServicePoint, values, code):
    await point.do(Issue, category="adult")
    with pytest.raises(BadInput) as caught:
        await point.do(TopUp, **({"amount_tiyn": 5, "paid": AGENT} | values))
    assert caught.value.code == code
    assert await point.fetch("SELECT * FROM refused_operation") == []


async def test_the_same_key_gives_the_first_receipt_again(point: ServicePoint):
    await point.do(Issue, category="adult")
    first = await point.do(TopUp, key="k", amount_tiyn=500, paid=AGENT)
    await point.do(Withdraw, amount_tiyn=200, channel="cash")
    again = await point.do(TopUp, key="k", amount_tiyn=500, paid=AGENT)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.receipt == first.receipt
    assert await point.money() == (300, 0, 0, 0)


async def test_the_same_key_with_other_content_is_reported_once(point: ServicePoint):
    await point.do(Issue, category="adult")
    await point.do(TopUp, key="k", amount_tiyn=500, paid=AGENT)
    for _ in range(3):
        with pytest.raises(SaparError) as caught:
            await point.do(TopUp, key="k", amount_tiyn=501, paid=AGENT)
        assert caught.value.code == "idempotency_conflict"
    with pytest.raises(SaparError):
        await point.do(Block, key="k", reason="lost")
    assert await point.money() == (500, 0, 0, 0)
    assert await point.fetch("SELECT source_key, count(*) FROM key_conflict GROUP BY 1") == [
        ("k", 2)
    ]


async def test_one_key_at_many_counters_works_once(point: ServicePoint, database: str):
    await point.do(Issue, category="adult")
    request = TopUp(agency_id=AGENCY, key="k", actor="t", card_ref="A", amount_tiyn=7, paid=AGENT)

    async def at_a_counter() -> bool:
        connection = await connect_async(database)
        try:
            return (await carry_out(connection, point.desk, request)).repeated
        finally:
            await connection.close()

    assert sorted(await asyncio.gather(*(at_a_counter() for _ in range(6)))) == [False] + [True] * 5
    assert await point.money() == (7, 0, 0, 0)


async def test_a_connection_lost_in_the_middle_undoes_all_of_it(point: ServicePoint, database: str):
    await point.do(Issue, category="adult")
    await point.do(TopUp, amount_tiyn=10_000, paid=AGENT)
    await point.ride(charged=2_000)
    was = await everything(point)
    connection = await connect_async(database)
    request = Replace(agency_id=AGENCY, key="r", actor="t", card_ref="A", new_card_ref="B")

    async def die(lost, _touched) -> None:  # the last step before the commit
        await lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    desk = Desk(point.clock, point.accounts, die)
    with pytest.raises(Unavailable):
        await carry_out(connection, desk, request)
    await connection.close()
    assert await everything(point) == was
    outcome = await carry_out(point.connection, point.desk, request)
    assert not outcome.repeated
    assert await point.money("A") == (0, 0, 0, 0)
    assert await point.money("B") == (8_000, 0, 0, 0)
    await point.check_balances()


async def test_no_agency(point: ServicePoint):
    request = Issue(agency_id="nowhere", key="k", actor="t", card_ref="A", category="adult")
    with pytest.raises(BadInput, match="nowhere"):
        await carry_out(point.connection, point.desk, request)
