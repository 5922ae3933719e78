"""Operations and taps together: the ledger is the same whichever became known first."""

import itertools
from typing import Any

import pytest

from sapar.core.clock import ManualClock
from sapar.core.db import connect_async
from sapar.ticketing.cards.operations import Desk, carry_out
from sapar.ticketing.cards.requests import (
    Block,
    ChangeCategory,
    Issue,
    Paid,
    RefundTap,
    SellPass,
    TopUp,
)
from sapar.ticketing.post import judge_again, post_taps
from tests.ticketing.taps.support import AGENCY, NOON_MS, make_tools, make_town, state_of, tap_of

MINUTE_MS = 60_000
COMMON: dict[str, Any] = {"agency_id": AGENCY, "actor": "teller"}
PAID = Paid(by="agent", name="kiosk")


def desk_of(tools) -> Desk:
    return Desk(
        ManualClock(NOON_MS / 1000 + 3600),
        tools.accounts,
        lambda connection, touched: judge_again(connection, tools, touched),
    )


OPERATIONS: dict[str, list[Any]] = {
    "another category": [
        ChangeCategory(**COMMON, key="1", card_ref="c1", category="pensioner", at_ms=NOON_MS + 2 * MINUTE_MS)
    ],
    "registered": [Issue(**COMMON, key="1", card_ref="new", category="pupil")],
    "stolen": [Block(**COMMON, key="1", card_ref="c1", reason="stolen", at_ms=NOON_MS + MINUTE_MS)],
    "pass": [
        SellPass(
            **COMMON, key="1", card_ref="c1", product_id="month_pass", price_tiyn=0,
            valid_from_ms=NOON_MS + 2 * MINUTE_MS, valid_to_ms=NOON_MS + 90 * MINUTE_MS,
        )
    ],
    "pending": [
        TopUp(
            **COMMON, key="1", card_ref="c1", amount_tiyn=10_000, paid=PAID, activation_days=30,
            at_ms=NOON_MS + MINUTE_MS,
        )
    ],
}  # fmt: skip


async def play(database: str, steps: list) -> dict:
    """Post taps and carry operations out in the given order; give the state."""
    devices = make_town(database)
    tools = make_tools(database)
    desk = desk_of(tools)
    connection = await connect_async(database)
    try:
        for step in steps:
            if isinstance(step, int):
                card = "new" if step == 5 else "c1"
                tap = tap_of(
                    devices[step % 2], step, card, 40 * step / 10, vehicle=f"b{1 + step % 2}"
                )
                await post_taps(connection, tools, [tap])
            else:
                await carry_out(connection, desk, step)
    finally:
        await connection.close()
    found = state_of(database)
    rows = [row for row in found["cards"] if row[0] in {"c1", "new"}]
    return {"cards": rows} | {name: found[name] for name in ("taps", "entries", "accounts")}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_order_of_operations_and_taps_does_not_matter(
    name: str, postgres, template_database
):
    from tests.services import _database

    states = []
    steps: list = [0, 5] if name == "registered" else [0, 1]
    steps += OPERATIONS[name]
    for order in itertools.permutations(steps):
        with _database(postgres, template_database) as conninfo:
            states.append(await play(conninfo, list(order)))
    assert all(state == states[0] for state in states)
    assert states[0]["entries"]


async def test_a_refunded_ride_stays_refunded_when_another_ride_comes_to_light(database: str):
    devices = make_town(database)
    tools = make_tools(database)
    connection = await connect_async(database)
    try:
        await carry_out(
            connection, desk_of(tools),
            TopUp(**COMMON, key="t", card_ref="c1", amount_tiyn=100_000, paid=PAID),
        )  # fmt: skip
        await post_taps(connection, tools, [tap_of(devices[0], 1, "c1", 5)])
        found = await connection.execute("SELECT tap_no, charged_tiyn FROM tap")
        [(tap_no, charged)] = await found.fetchall()
        done = await carry_out(
            connection, desk_of(tools),
            RefundTap(**COMMON, key="r", card_ref="c1", tap_no=tap_no, reason="x"),
        )  # fmt: skip
        assert done.receipt.purse_tiyn == 100_000
        await post_taps(connection, tools, [tap_of(devices[1], 2, "c1", 90)])
        found = await connection.execute("SELECT purse_tiyn FROM card WHERE card_ref = 'c1'")
        assert await found.fetchall() == [(100_000 - charged,)]
    finally:
        await connection.close()
