"""What each operation posts, as the table of postings says it (amounts in tiyn)."""

from typing import Any

import pytest

from sapar.ticketing.cards.requests import (
    Goodwill,
    Issue,
    Paid,
    PayOut,
    RefundTap,
    Replace,
    Return,
    SellPass,
    TopUp,
    Withdraw,
    WriteOff,
)
from tests.ticketing.cards.counter import AGENT, NOON_MS, ServicePoint

DAY_MS = 86_400_000
PREPAID = Paid(by="prepaid_agent", name="halyk")
KASPI = Paid(by="processor", name="kaspi", commission_tiyn=1_000)
DESK = Paid(by="cash_desk", name="central")

# name: (what was done before, the operation, what its journal moves, the card after it:
# purse, debt, deposit, pending)
After = tuple[int, int, int, int]
CASES: dict[str, tuple[list[str], tuple[type, dict[str, Any]], dict[str, int], After]] = {
    "card with a deposit": (
        [],
        (Issue, {"category": "adult", "price_tiyn": 50_000, "deposit_tiyn": 32_000, "paid": AGENT}),
        {"1110 kassa24": 50_000, "2120 A": -32_000, "4110": -18_000},
        (0, 0, 32_000, 0),
    ),
    "card without a deposit": (
        [],
        (Issue, {"category": "adult", "price_tiyn": 45_000, "paid": DESK}),
        {"1110 central": 45_000, "4110": -45_000},
        (0, 0, 0, 0),
    ),
    "top-up by an agent": (
        ["issue"],
        (TopUp, {"amount_tiyn": 100_000, "paid": AGENT}),
        {"1110 kassa24": 100_000, "2110 A": -100_000},
        (100_000, 0, 0, 0),
    ),
    "top-up through a processor that earns by it": (
        ["issue"],
        (TopUp, {"amount_tiyn": 100_000, "paid": KASPI}),
        {"1020 kaspi": 100_000, "2110 A": -100_000, "5150 kaspi": 1_000, "2420 kaspi": -1_000},
        (100_000, 0, 0, 0),
    ),
    "top-up that waits for a tap": (
        ["issue"],
        (TopUp, {"amount_tiyn": 100_000, "paid": AGENT, "activation_days": 30}),
        {"1110 kassa24": 100_000, "2130 A": -100_000},
        (0, 0, 0, 100_000),
    ),
    "top-up of a card in debt": (
        ["issue", "ride"],
        (TopUp, {"amount_tiyn": 100_000, "paid": AGENT}),
        {"1110 kassa24": 100_000, "2110 A": -100_000},
        (88_000, 0, 0, 0),
    ),
    "pass over the counter": (
        ["issue"],
        (
            SellPass,
            {
                "product_id": "month",
                "price_tiyn": 600_000,
                "valid_from_ms": NOON_MS,
                "valid_to_ms": NOON_MS + 30 * DAY_MS,
                "paid": AGENT,
            },
        ),
        {"1110 kassa24": 600_000, "2140 month 2026-08": -600_000},
        (0, 0, 0, 0),
    ),
    "pass from the purse": (
        ["issue", "top up"],
        (
            SellPass,
            {
                "product_id": "week",
                "price_tiyn": 60_000,
                "valid_from_ms": NOON_MS,
                "valid_to_ms": NOON_MS + 7 * DAY_MS,
            },
        ),
        {"2110 A": 60_000, "2140 week 2026-08": -60_000},
        (40_000, 0, 0, 0),
    ),
    "refund of a ride that is not settled": (
        ["issue", "top up", "ride"],
        (RefundTap, {"tap_no": 1, "reason": "wrong zone"}),
        {"2210 park-1": 12_000, "2110 A": -12_000},
        (100_000, 0, 0, 0),
    ),
    "refund of a part of a settled ride": (
        ["issue", "top up", "ride"],
        (RefundTap, {"tap_no": 1, "reason": "wrong", "amount_tiyn": 2_000, "settled": True}),
        {"1230 park-1": 2_000, "2110 A": -2_000},
        (90_000, 0, 0, 0),
    ),
    "refund of a double debit": (
        ["issue", "top up", "shared ride"],
        (RefundTap, {"tap_no": 1, "reason": "double debit", "no_ride": True}),
        {
            "2210 park-1": 12_000,
            "1220 akimat": -6_000,
            "2110 A": -6_000,
            "9110 park-1": -1,
            "9210 single": 1,
        },
        (100_000, 0, 0, 0),
    ),
    "goodwill": (
        ["issue"],
        (Goodwill, {"amount_tiyn": 5_000, "reason": "complaint 17"}),
        {"5130": 5_000, "2110 A": -5_000},
        (5_000, 0, 0, 0),
    ),
    "write-off": (
        ["issue", "ride"],
        (WriteOff, {"reason": "emigrated"}),
        {"5140": 12_000, "1210 A": -12_000},
        (0, 0, 0, 0),
    ),
    "withdrawal": (
        ["issue", "top up"],
        (Withdraw, {"amount_tiyn": 30_000, "channel": "kaspi"}),
        {"2110 A": 30_000, "2510 kaspi": -30_000},
        (70_000, 0, 0, 0),
    ),
    "return with money on the card": (
        ["issue with deposit", "top up"],
        (Return, {"channel": "cash"}),
        {"2110 A": 100_000, "2120 A": 32_000, "2510 cash": -132_000},
        (0, 0, 0, 0),
    ),
    "return with a debt": (
        ["issue with deposit", "ride"],
        (Return, {"channel": "cash"}),
        {"2120 A": 32_000, "1210 A": -12_000, "2510 cash": -20_000},
        (0, 0, 0, 0),
    ),
    "payout": (
        ["issue", "top up", "withdraw"],
        (PayOut, {"amount_tiyn": 30_000, "channel": "kaspi", "bank": "halyk"}),
        {"2510 kaspi": 30_000, "1020 payments": -30_000},
        (70_000, 0, 0, 0),
    ),
    "replacement": (
        ["issue with deposit", "top up"],
        (Replace, {"new_card_ref": "B"}),
        {"2110 A": 100_000, "2110 B": -100_000, "2120 A": 32_000, "2120 B": -32_000},
        (0, 0, 0, 0),
    ),
    "replacement of a card in debt": (
        ["issue", "ride"],
        (Replace, {"new_card_ref": "B"}),
        {"1210 B": 12_000, "1210 A": -12_000},
        (0, 0, 0, 0),
    ),
    "replacement activates what waits": (
        ["issue", "pending"],
        (Replace, {"new_card_ref": "B"}),
        {"2130 A": 40_000, "2110 B": -40_000},
        (0, 0, 0, 0),
    ),
}


async def before(point: ServicePoint, step: str) -> None:
    match step:
        case "issue":
            await point.do(Issue, category="adult")
        case "issue with deposit":
            await point.do(
                Issue, category="adult", price_tiyn=50_000, deposit_tiyn=32_000, paid=AGENT
            )
        case "top up":
            await point.do(TopUp, amount_tiyn=100_000, paid=AGENT)
        case "pending":
            await point.do(TopUp, amount_tiyn=40_000, paid=AGENT, activation_days=30)
        case "withdraw":
            await point.do(Withdraw, amount_tiyn=30_000, channel="kaspi")
        case "ride":
            await point.ride()
        case "shared ride":
            await point.ride(charged=6_000, claim=6_000)


@pytest.mark.parametrize("name", CASES)
async def test_each_operation_posts_what_the_table_says(point: ServicePoint, name: str):
    steps, (request, values), expected, after = CASES[name]
    for step in steps:
        await before(point, step)
    outcome = await point.do(request, **values)
    assert await point.moved(outcome.receipt.journal_no) == expected
    assert await point.money() == after
    receipt = outcome.receipt
    assert (
        receipt.purse_tiyn, receipt.debt_tiyn, receipt.deposit_tiyn, receipt.pending_tiyn
    ) == after  # fmt: skip
    await point.check_balances()


async def test_a_prepaid_agent_sells_what_it_has_paid_in(point: ServicePoint):
    from sapar.core.errors import Refused

    await point.do(Issue, category="adult")
    key = ("aktobe", 2410, "halyk")
    number = (await point.accounts.numbers([key]))[key]
    await point.connection.execute(
        "UPDATE account SET balance = -150000 WHERE account_no = %s", (number,)
    )
    done = await point.do(TopUp, amount_tiyn=100_000, paid=PREPAID)
    assert await point.moved(done.receipt.journal_no) == {
        "2410 halyk": 100_000,
        "2110 A": -100_000,
    }
    with pytest.raises(Refused) as caught:
        await point.do(TopUp, amount_tiyn=60_000, paid=PREPAID)
    assert caught.value.code == "agent_deposit_short"
    assert await point.money() == (100_000, 0, 0, 0)
